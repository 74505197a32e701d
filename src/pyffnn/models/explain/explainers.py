"""Explanations of the classifiers: of texts, and of feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.checks import Features
from pyffnn.models.explain.attribution import (
    QUIET,
    Attribution,
    is_linear,
    of_table,
    of_vector,
    own_network,
)
from pyffnn.models.explain.explanation import Entry, Explanation
from pyffnn.models.explain.places import find_places, words_of
from pyffnn.models.logits import ClassState, as_softmax
from pyffnn.net import Examples, Network
from pyffnn.net.blueprint import SPREAD_EPS
from pyffnn.text.featurizer import Featurizer

__all__ = ["explain_text", "explain_vector"]

_ALL = 20
_LIKELIEST = 10


def explain_text(
    fitted: ClassState,
    features: Featurizer,
    length: int | None,
    text: str,
    classes: Any,
    probabilities: NDArray[Any],
) -> Explanation:
    """Of one text. ``length``: places of a concatenation, or None; ``probabilities``: of each class, as predicted."""
    _check(fitted)
    columns = _columns(fitted, classes, probabilities)
    words, spans, given = words_of(features, text)
    corpus = features.encode([text])
    entries: list[Entry]
    if length is None:
        found = find_places(features, given)
        network = own_network(as_softmax(fitted.network), Examples.text(corpus.core))
        examples = Examples.text(corpus.core)
        attribution = of_table(network, examples, _outputs(fitted, columns))
        attribution = _stretched(fitted, attribution, network, examples)
        rows = corpus.bags().ids
        entries = found.entries
        shares = _of_entries(attribution.shares, found.rows, rows, network, fitted.network)
    else:
        ids = corpus.sequences(length)[0][: len(words)]
        entries = [Entry(word, "word", (i, i + 1)) for i, word in enumerate(words[: len(ids)])]
        network, examples = _by_position(as_softmax(fitted.network), ids, length)
        attribution = of_table(network, examples, _outputs(fitted, columns))
        attribution = _stretched(fitted, attribution, network, examples)
        shares = attribution.shares[: len(ids)]
        # words outside the vocabulary are zeros, which have no share
        entries = [entry for entry, row in zip(entries, ids, strict=True) if row >= 0]
        shares = shares[ids >= 0]
    return _explanation(
        fitted, columns, attribution, entries, shares, probabilities, text, words, spans
    )


def explain_vector(
    fitted: ClassState,
    features: Features,
    names: Sequence[str],
    classes: Any,
    probabilities: NDArray[Any],
) -> Explanation:
    """Of one feature vector; of a sparse one the features that are there."""
    _check(fitted)
    columns = _columns(fitted, classes, probabilities)
    network = own_network(as_softmax(fitted.network), features.examples())
    if features.kind == "dense":
        (x,) = features.arrays
        present = np.arange(x.shape[1])

        def scaled(a: NDArray[np.float64]) -> Examples:
            return Examples.dense((a[:, None] * x).astype(np.float32))
    else:
        _, indices, data = features.arrays
        present = np.unique(indices)

        def scaled(a: NDArray[np.float64]) -> Examples:
            indptr = np.arange(a.size + 1) * indices.size
            values = (a[:, None] * data).astype(np.float32).ravel()
            return Examples.sparse(indptr, np.tile(indices, a.size), values, features.width)

    attribution = of_vector(network, scaled, _outputs(fitted, columns))
    shares = attribution.shares
    if len(shares) == features.width:  # a small table is copied whole
        shares = shares[present]
    entries = [Entry(names[i], "feature") for i in present.tolist()]
    return _explanation(
        fitted, columns, attribution, entries, shares[: len(entries)], probabilities
    )


def _check(fitted: ClassState) -> None:
    spec = fitted.network.spec
    output = "ordinal" if spec["loss"] == "ordinal" else spec["output"]
    if output not in ("classes", "sampled"):
        raise ValueError(f"explain needs a model with output='softmax', this one has {output!r}")


def _columns(fitted: ClassState, classes: Any, probabilities: NDArray[Any]) -> list[int]:
    """Numbers of the classes that are explained."""
    labels = fitted.classes.tolist()
    if classes is None:
        if len(labels) <= _ALL:
            return list(range(len(labels)))
        return sorted(np.argsort(-probabilities, kind="stable")[:_LIKELIEST].tolist())
    if isinstance(classes, (str, bytes)) or not hasattr(classes, "__iter__"):
        classes = [classes]
    wanted = list(classes)
    unknown = [label for label in wanted if label not in labels]
    if unknown or not wanted:
        what = f"{unknown[0]!r}, which is none" if wanted else "none"
        raise ValueError(f"classes must be among the model's classes, got {what}")
    return [labels.index(label) for label in wanted]


def _outputs(fitted: ClassState, columns: list[int]) -> list[int]:
    return [0] if fitted.one_unit else columns


def _stretched(
    fitted: ClassState, found: Attribution, network: Network, examples: Examples
) -> Attribution:
    """Shares of the logits as a calibration by their spread has them; ``network`` is one without, and has one example."""
    power = fitted.network.spec["spread_power"]
    if not power:
        return found
    z = network.values(examples)[0].astype(np.float64)
    factor = float((z.var() + SPREAD_EPS) ** (power / 2))
    return Attribution(
        found.shares * factor, found.bias * factor, found.logits * factor, found.gap * factor
    )


def _of_entries(
    by_row: NDArray[np.float64],
    owned: list[list[int]],
    ids: NDArray[np.int32],
    network: Network,
    whole: Network,
) -> NDArray[np.float64]:
    """Shares of entries from those of rows: a row's is split evenly among all places where it stands."""
    unique, counts = np.unique(ids, return_counts=True)
    if network.spec["rows"] == whole.spec["rows"]:
        by_row = by_row[unique]
    each = by_row[: len(unique)] / np.maximum(counts, 1)[:, None]
    out = np.zeros((len(owned), by_row.shape[1]))
    for i, rows in enumerate(owned):
        out[i] = each[np.searchsorted(unique, rows)].sum(axis=0)
    return out


def _by_position(network: Network, ids: NDArray[np.int32], length: int) -> tuple[Network, Examples]:
    """A network with a row for each place of a text, so that the same word in two places has two shares."""
    count = max(len(ids), 1)
    spec = {**network.spec, "rows": count, **QUIET}
    own = Network(spec)
    views = own.parameters()
    for name, array in network.parameters().items():
        if name != "embedding":
            views[name][...] = array
    table = network.parameters()["embedding"]
    known = np.flatnonzero(ids >= 0)
    views["embedding"][known] = table[ids[known]]
    places = np.where(ids >= 0, np.arange(len(ids)), -1).astype(np.int32)
    return own, Examples.sequences(places, np.array([0, len(ids)]), count, length)


def _explanation(
    fitted: ClassState,
    columns: list[int],
    found: Attribution,
    entries: list[Entry],
    shares: NDArray[np.float64],
    probabilities: NDArray[Any],
    text: str | None = None,
    words: list[str] | None = None,
    spans: list[tuple[int, int] | None] | None = None,
) -> Explanation:
    bias, logits = found.bias, found.logits
    if fitted.one_unit:  # the second class has the unit's value, the first the negative of it
        sign = np.array([1.0 if column else -1.0 for column in columns])
        shares, bias, logits = shares * sign, bias * sign, logits * sign
    return Explanation(
        entries=entries,
        classes=[fitted.classes.tolist()[i] for i in columns],
        shares=shares,
        bias=bias,
        logits=logits,
        probabilities=np.asarray(probabilities, np.float64)[columns],
        exact=is_linear(fitted.network),
        gap=found.gap,
        text=text,
        words=words or [],
        spans=spans or [],
    )
