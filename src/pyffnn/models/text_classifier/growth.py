"""A vocabulary that grows: words and n-grams of later texts get rows of their own, and what was learned stays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.data import Featurizer
from pyffnn.net import Network

__all__ = ["extend", "grow_table"]


def extend(old: Featurizer, new: Featurizer) -> tuple[Featurizer, NDArray[np.int64]] | None:
    """The words and n-grams of ``old``, then those that only ``new`` has.

    Also gives the row in it of each row of ``old``, int64 (old.num_rows,). Both featurizers have
    the same settings. None where ``new`` has nothing that ``old`` lacks.
    """
    a, b = old.state(), new.state()
    vocabulary = new.vocabulary
    number = np.array([old.word_id(word) for word in vocabulary], np.int64)
    fresh_words = np.flatnonzero(number < 0)
    number[fresh_words] = old.num_words + np.arange(fresh_words.size)

    # An n-gram is the pair (n-gram without its last word, word): numbers of both are translated.
    sizes, keys = [], []
    prefix_number = number
    for before, after in zip(_orders(a), _orders(b), strict=True):
        prefix = prefix_number[(after >> np.uint64(32)).astype(np.int64)]
        word = number[(after & np.uint64(0xFFFFFFFF)).astype(np.int64)]
        pairs = prefix.astype(np.uint64) << np.uint64(32) | word.astype(np.uint64)
        by_key = np.argsort(before)
        place = np.searchsorted(before, pairs, sorter=by_key)
        place = by_key[np.minimum(place, before.size - 1)] if before.size else place
        known = before[place] == pairs if before.size else np.zeros(pairs.size, bool)
        prefix_number = np.where(known, place, before.size + np.cumsum(~known) - 1)
        keys.append(np.concatenate([before, pairs[~known]]))
        sizes.append((before.size, keys[-1].size))

    chars = _texts(a, "char")
    known_chars = set(chars)
    chars += [gram for gram in _texts(b, "char") if gram not in known_chars]
    grams = (*sizes, (len(known_chars), len(chars)))
    if not fresh_words.size and all(size == grown for size, grown in grams):
        return None

    counts = np.concatenate([a["word_counts"], np.zeros(fresh_words.size, np.int64)])
    np.add.at(counts, number, b["word_counts"])
    words = [vocabulary[i].encode() for i in fresh_words]
    state = {
        **a,
        "word_bytes": np.concatenate([a["word_bytes"], _bytes(words)]),
        "word_ends": np.concatenate([a["word_ends"], a["word_bytes"].size + _ends(words)]),
        "word_counts": counts,
        "gram_sizes": np.array([grown for _, grown in sizes], np.int64),
        "gram_keys": np.concatenate([*keys, np.zeros(0, np.uint64)]),
        "char_bytes": _bytes(chars),
        "char_ends": _ends(chars),
    }
    both = Featurizer.from_state(state, tokenizer=old.tokenizer)

    # Words, n-grams of each order, character n-grams: each block moves as a whole. Shared rows are one block.
    blocks = [(old.num_words, both.num_words), *grams]
    shared = old.num_rows - sum(size for size, _ in blocks)
    rows, begin = [], 0
    for size, grown in (*blocks, (shared, shared)):
        rows.append(begin + np.arange(size))
        begin += grown
    return both, np.concatenate(rows).astype(np.int64)


def grow_table(fork: Network, rows: NDArray[np.int64]) -> None:
    """Row i of the embedding that ``fork`` was forked from, with its optimizer state, becomes row ``rows[i]``; the others are new."""
    grown = fork.parameters()["embedding"]
    size = rows.size
    if np.array_equal(rows, np.arange(size)):
        return
    old = grown[:size].copy()
    new = np.setdiff1d(np.arange(grown.shape[0]), rows)
    grown[new] = grown[size:].copy()
    grown[rows] = old
    for name, array in fork.state().items():
        if name.startswith("embedding."):
            old = array[:size].copy()
            array[:] = 0
            array[rows] = old


def _orders(state: dict[str, NDArray[Any]]) -> list[NDArray[np.uint64]]:
    """The keys of the n-grams of 2, 3, ... words."""
    ends = np.cumsum(state["gram_sizes"])
    return np.split(state["gram_keys"], ends[:-1]) if ends.size else []


def _texts(state: dict[str, NDArray[Any]], name: str) -> list[bytes]:
    data = state[f"{name}_bytes"].tobytes()
    ends = state[f"{name}_ends"].tolist()
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]


def _bytes(texts: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(texts), np.uint8)


def _ends(texts: list[bytes]) -> NDArray[np.int64]:
    return np.cumsum([len(text) for text in texts], dtype=np.int64)
