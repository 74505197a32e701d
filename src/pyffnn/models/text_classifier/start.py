"""Where training begins: a network for the texts that were read, and rows for words that come later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.text_classifier import recipe
from pyffnn.models.text_classifier.reading import ReadTexts
from pyffnn.models.text_classifier.state import TextState, set_row_rates
from pyffnn.net import Network
from pyffnn.optimizers import Adagrad, Optimizer
from pyffnn.text.featurizer import Featurizer
from pyffnn.text.vectors import find_vectors, vectors_dim

if TYPE_CHECKING:
    from pyffnn.models.text_classifier.model import TextClassifier
    from pyffnn.models.text_classifier.regressor import TextRegressor

__all__ = ["begin", "prepare", "start_rows"]

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
    model: TextModel[F], read: ReadTexts, weight: NDArray[np.float32] | None, seed: int
) -> tuple[F, Callable[[], None]]:
    """The state before training, and what gives its network the first weights."""
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
        found = rows[where], values
    pool = recipe.pool(model, read.corpus)
    concat = pool == "concat"
    inputs: dict[str, Any] = {
        **({"input": "concat"} if concat else {"input": "bags", "pool": pool}),
        **({} if model.windows is None else {"window": int(model.windows)}),
        "rows": features.num_rows,
        "dim": recipe.DIM if dim is None else int(dim),
    }
    if concat:
        longest = int(np.diff(read.corpus.core.offsets).max())
        inputs["max_tokens"] = model.max_tokens or max(1, min(longest, recipe.MOST_TOKENS))
    if pool == "sum" and model.windows is None and not model._hidden():
        inputs["embedding_scale"] = recipe.SUM_SCALE
        inputs["row_rates"] = isinstance(model._optimizer(), Adagrad)
    network = model._make_network(inputs, read.targets, seed, weight)

    def restart() -> None:
        network.initialise(seed)
        set_row_rates(network, features)
        if found is not None:
            network.set_rows(*found)

    fitted = model._new_state(
        read,
        network=network,
        seed=seed,
        history=[],
        settings=model._structure_json(),
        features=features,
        length=inputs.get("max_tokens"),
    )
    return fitted, restart


def prepare(model: TextClassifier, X: Any, y: Any, classes: Any) -> None:
    """Vocabulary from the texts and random weights, no training yet: `partial_fit` then goes on from there."""
    model._check_settings()
    read = model._reader().training(recipe.featurizer(model), X, y, classes)
    fitted, restart = begin(model, read, None, model._seed(None))
    restart()
    model._keep(fitted)


def start_rows(
    model: TextClassifier | TextRegressor, network: Network, known: Featurizer, features: Featurizer
) -> None:
    """What is new in ``features`` has rows behind all others: their rates and pretrained vectors."""
    if features.num_rows == known.num_rows:
        return
    if network.spec["row_rates"]:
        network.set_row_rates(features.char_rows_from(known.num_rows), recipe.CHAR_RATE)
    if model.pretrained_vectors is not None:
        words, rows = features.words(known.num_words)
        found, values = find_vectors(
            model.pretrained_vectors, words, tokens=_by_tokenizer(features)
        )
        network.set_rows(rows[found], values)


def _by_tokenizer(features: Featurizer) -> bool:
    """Whether its words are tokens of a `tokenizers.Tokenizer`."""
    return hasattr(features.tokenizer, "encode_batch")
