"""A smaller model out of a large one: words and n-grams that say little are left out of its table, or its rows become codes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.stored_arrays import TABLE, Codes
from pyffnn.models.text_classifier.state import TextState, set_row_rates
from pyffnn.net import Network
from pyffnn.text.featurizer import Featurizer

__all__ = ["pruned", "quantised"]

F = TypeVar("F", bound=TextState)
Mask = NDArray[np.bool_]


def pruned(fitted: F, keep: int | None, min_count: int) -> F:
    """A copy of the state with at most ``keep`` n-grams, and the words met at least ``min_count`` times.

    N-grams are kept by the length of their rows, times their weights where rows have such; an n-gram of
    words needs all its words, and the shorter n-gram that it begins with. None: all that can stay.

    Raises ValueError where n-grams share rows, or where the table has grown by ``partial_fit``, and where
    no word would be left.
    """
    state = fitted.features.state()
    if int(state["buckets"][0]):
        raise ValueError(
            f"keep needs n-grams with rows of their own, got buckets={state['buckets'][0]}"
        )
    if state["extensions"].size:
        raise ValueError("a model that has grown by partial_fit cannot be pruned: fit it anew")
    parameters = fitted.network.parameters()
    length = np.linalg.norm(parameters["embedding"], axis=1)
    if "embedding.weights" in parameters:
        length *= np.abs(parameters["embedding.weights"])
    words = state["word_counts"] >= min_count
    if not words.any():
        raise ValueError(f"min_count={min_count} leaves no word of the vocabulary")
    sizes = [words.size, *state["gram_sizes"].tolist()]
    sizes.append(length.size - sum(sizes))
    ends = np.cumsum(sizes)
    wanted = _longest(length, words.size, keep)
    masks = [words]
    numbers = [_renumbered(words)]
    keys = []
    begin = 0
    # word n-grams by rising order: a key is (number of the n-gram it begins with, number of its last word)
    for order, size in enumerate(state["gram_sizes"].tolist()):
        key = state["gram_keys"][begin : begin + size]
        begin += size
        first, last = (
            (key >> np.uint64(32)).astype(np.int64),
            (key & np.uint64(2**32 - 1)).astype(np.int64),
        )
        mask = wanted[ends[order] : ends[order + 1]] & masks[-1][first] & words[last]
        keys.append(
            (numbers[-1][first[mask]].astype(np.uint64) << np.uint64(32))
            | numbers[0][last[mask]].astype(np.uint64)
        )
        masks.append(mask)
        numbers.append(_renumbered(mask))
    chars = wanted[ends[-2] : ends[-1]]
    new = {
        **state,
        **_strings(state, "word", words),
        "word_counts": state["word_counts"][words],
        "gram_keys": np.concatenate([*keys, np.empty(0, np.uint64)]),
        "gram_sizes": np.array([len(key) for key in keys], np.int64),
        **_strings(state, "char", chars),
    }
    rows = np.flatnonzero(np.concatenate([*masks, chars]))
    features = Featurizer.from_state(new, tokenizer=fitted.features.tokenizer)
    return replace(fitted, features=features, network=_with_rows(fitted.network, features, rows))


def quantised(fitted: F, dsub: int, qnorm: bool) -> F:
    """A copy of the state with the rows of the table that a byte for each ``dsub`` numbers stands for.

    Raises ValueError for fewer than 256 rows, and for rows that are not finite.
    """
    network = fitted.network.copy()
    table = network.parameters()[TABLE]
    if len(table) < 256:
        raise ValueError(f"quantize needs a table of at least 256 rows, got {len(table)}")
    if not np.isfinite(table).all():
        raise ValueError("quantize needs embeddings that are finite")
    codes = Codes.of(np.ascontiguousarray(table), dsub, qnorm, fitted.seed)
    table[...] = codes.rows()
    return replace(fitted, network=network, codes=codes)


def _longest(length: NDArray[Any], first: int, keep: int | None) -> Mask:
    """Of all rows, those of words and the ``keep`` longest of the others."""
    wanted = np.ones(length.size, bool)
    if keep is not None and length.size - first > keep:
        order = np.argsort(-length[first:], kind="stable")
        wanted[first + order[keep:]] = False
    return wanted


def _renumbered(mask: Mask) -> NDArray[np.int64]:
    return np.cumsum(mask) - 1


def _strings(state: dict[str, NDArray[Any]], name: str, mask: Mask) -> dict[str, NDArray[Any]]:
    if f"{name}_ends" not in state:
        return {}
    ends = state[f"{name}_ends"]
    lengths = np.diff(ends, prepend=0)
    kept = np.repeat(mask, lengths)
    return {f"{name}_bytes": state[f"{name}_bytes"][kept], f"{name}_ends": np.cumsum(lengths[mask])}


def _with_rows(network: Network, features: Featurizer, rows: NDArray[np.int64]) -> Network:
    """The network with those rows of its table alone."""
    small = Network({**network.spec, "rows": rows.size}, network.by_frequency)
    for old, new in ((network.parameters(), small.parameters()), (network.state(), small.state())):
        for name, array in new.items():
            array[...] = old[name][rows] if name.split(".")[0] == "embedding" else old[name]
    small.step = network.step
    set_row_rates(small, features)
    return small
