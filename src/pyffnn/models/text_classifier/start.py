"""Where training begins: a network for the texts that were read, and rows for words that come later."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.calibration import refuse_first_pass
from pyffnn.models.text_classifier import recipe
from pyffnn.models.text_classifier.reading import ReadTexts
from pyffnn.models.text_classifier.row_weights import (
    Weighting,
    char_share,
    new_row_weights,
    row_weights,
)
from pyffnn.models.text_classifier.state import TextState, set_row_rates
from pyffnn.net import Network
from pyffnn.optimizers import Adagrad, Optimizer
from pyffnn.text.featurizer import Featurizer
from pyffnn.text.vectors import find_vectors, vectors_dim

if TYPE_CHECKING:
    from pyffnn.models.text_classifier.model import TextClassifier
    from pyffnn.models.text_classifier.regressor import TextRegressor

__all__ = ["begin", "begin_weighted", "prepare", "start_rows"]

F = TypeVar("F", bound=TextState, covariant=True)


class TextModel(recipe.Settings, Protocol[F]):
    """The models that begin here."""

    embedding_dim: int | None

    def _optimizer(self) -> Optimizer: ...
    def _structure_json(self) -> dict[str, Any]: ...
    def _make_network(
        self, inputs: dict[str, Any], targets: Any, seed: int, weights: Any
    ) -> Network: ...
    def _new_state(self, read: ReadTexts, **parts: Any) -> F: ...


def begin(
    model: TextModel[F],
    read: ReadTexts,
    weight: NDArray[np.float32] | None,
    seed: int,
    weighting: Weighting = "both",
    numbers: NDArray[np.int64] | None = None,
) -> tuple[F, Callable[..., None]]:
    """The state before training, and what gives its network the first weights.

    ``numbers``: of the texts that will be trained on; None: all.
    That takes the numbers of the texts whose labels may be known by then; none: all are.
    """
    features = read.corpus.featurizer
    vectors = model.pretrained_vectors
    dim = model.embedding_dim
    found = None
    if vectors is not None:
        width = vectors_dim(vectors)
        if dim is not None and dim != width:
            raise ValueError(f"embedding_dim is {dim}, but pretrained_vectors have {width} numbers")
        dim = width
        words, rows = features.words()
        where, values = find_vectors(vectors, words, tokens=_by_tokenizer(features))
        if not where.size:
            warnings.warn(
                f"pretrained_vectors have none of the {len(words):,} words of the texts: their embeddings "
                "begin at random",
                UserWarning,
                stacklevel=4,
            )
        found = rows[where], values
    pool = recipe.pool(model, read.corpus)
    settled = recipe.settled(model, pool, read.targets)
    concat = pool == "concat"
    inputs: dict[str, Any] = {
        **({"input": "concat"} if concat else {"input": "bags", "pool": pool}),
        **({} if model.windows is None else {"window": int(model.windows)}),
        "rows": features.num_rows,
        "dim": recipe.dim(model, pool, recipe.num_classes(read.targets))
        if dim is None
        else int(dim),
    }
    if concat:
        longest = int(np.diff(read.corpus.core.offsets).max())
        inputs["max_tokens"] = model.max_tokens or max(1, min(longest, recipe.MOST_TOKENS))
    if pool == "sum" and model.windows is None and not model._hidden():
        inputs["embedding_scale"] = recipe.SUM_SCALE
        inputs["row_rates"] = isinstance(settled._optimizer(), Adagrad)
    if pool == "weighted" and not model._hidden():
        inputs["embedding_scale"] = recipe.SUM_SCALE
    trained = len(read.corpus) if numbers is None else numbers.size
    if epochs := recipe.frozen_epochs(model):
        inputs["frozen_steps"] = epochs * -(-trained // int(model.batch_size))
    network = settled._make_network(inputs, read.targets, seed, weight)
    settings = model._structure_json()
    if pool == "weighted":
        settings["weighting"] = weighting
        settings["char_share"] = char_share(features)
    weights = functools.cache(lambda: row_weights(read.corpus, read.targets, None, weighting))

    def restart(some: NDArray[np.int64] | None = None) -> None:
        if pool != "weighted":
            network.initialise(seed)
        elif some is None:
            begin_weighted(network, seed, weights(), class_rows=dim is None)
        else:
            used = np.zeros(len(read.corpus), np.bool_)
            used[some] = True
            partly = row_weights(read.corpus, read.targets, used, weighting)
            begin_weighted(network, seed, partly, class_rows=dim is None)
        set_row_rates(network, features)
        if found is not None:
            network.set_rows(*found)

    fitted = model._new_state(
        read,
        network=network,
        seed=seed,
        history=[],
        settings=settings,
        features=features,
        length=inputs.get("max_tokens"),
    )
    return fitted, restart


def begin_weighted(
    network: Network, seed: int, weights: NDArray[np.float32], *, class_rows: bool = True
) -> None:
    """First weights of a network of weighted rows.

    ``class_rows``: where a row has room for a number for each class, its first numbers are the
    weights of the classes themselves, since the output begins as the identity.
    """
    network.initialise(seed)
    arrays = network.parameters()
    arrays["embedding.weights"][:] = weights
    spec = network.spec
    room = not spec["hidden"] and spec["output"] == "classes" and spec["dim"] >= spec["n_outputs"]
    room = room and spec["loss"] != "ordinal"  # that has one score for all classes
    if class_rows and room:
        arrays["output.weight"][:] = np.eye(spec["dim"], spec["n_outputs"])


def prepare(model: TextClassifier, X: Any, y: Any, classes: Any) -> None:
    """Vocabulary from the texts and random weights, no training yet: `partial_fit` then goes on from there."""
    model._check_settings()
    refuse_first_pass(model)
    read = model._reader().training(recipe.featurizer(model), X, y, classes)
    fitted, restart = begin(model, read, None, model._seed(None))
    restart()
    model._keep(fitted)


def start_rows(
    model: TextClassifier | TextRegressor,
    network: Network,
    known: Featurizer,
    read: ReadTexts,
    weighting: Weighting = "both",
    share: float | None = None,
) -> None:
    """What is new in ``read`` has rows behind all others: their rates, weights and pretrained vectors."""
    features = read.corpus.featurizer
    if features.num_rows == known.num_rows:
        return
    if network.spec["row_rates"]:
        network.set_row_rates(features.char_rows_from(known.num_rows), recipe.CHAR_RATE)
    if network.spec.get("pool") == "weighted":
        new = np.arange(known.num_rows, features.num_rows)
        weights = new_row_weights(read.corpus, read.targets, known.num_rows, weighting, share)
        network.set_row_weights(new, weights)
    if model.pretrained_vectors is not None:
        words, rows = features.words(known.num_words)
        found, values = find_vectors(
            model.pretrained_vectors, words, tokens=_by_tokenizer(features)
        )
        network.set_rows(rows[found], values)


def _by_tokenizer(features: Featurizer) -> bool:
    """Whether its words are tokens of a `tokenizers.Tokenizer`."""
    return hasattr(features.tokenizer, "encode_batch")
