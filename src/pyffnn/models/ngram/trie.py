"""All n-grams of an id stream, as one sorted integer array an order.

An n-gram is named by its place in the array of its order: its *node*. The node of a unigram is
its word id; the key of a k-gram ``w_1 .. w_k`` is ``node(w_1 .. w_{k-1}) * size + w_k``, so that
the continuations of a context stand side by side and a lookup is one binary search.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NgramTrie"]

Nodes = NDArray[np.int64]


class NgramTrie:
    """Keys of the n-grams of orders 1 to ``order``.

    Attributes
    ----------
    size : int
        Vocabulary size V; ids are ``0 .. V - 1``.
    keys : list of int64 arrays
        ``keys[k - 1]``: the sorted keys of the distinct k-grams; ``keys[0]`` is ``0 .. V - 1``.
    """

    def __init__(self, size: int, keys: list[Nodes]) -> None:
        self.size = size
        self.keys = keys

    @property
    def order(self) -> int:
        return len(self.keys)

    @classmethod
    def count(
        cls, ids: NDArray[np.integer[Any]], size: int, order: int
    ) -> tuple[NgramTrie, list[NDArray[np.int64]]]:
        """The trie of a stream, and the counts that Kneser-Ney smoothing takes for each order.

        Those of the highest order are numbers of occurrences; those of a lower order k are
        numbers of distinct words before the k-gram (continuation counts, Kneser & Ney 1995). A
        k-gram that stands nowhere but at the start of the stream has none before it, and counts 0.

        ids: shape (N,), N >= 1, each in ``0 .. size - 1``. The counts match ``keys``.
        """
        words = ids.astype(np.int64)
        nodes = words
        keys = [np.arange(size, dtype=np.int64)]
        counts: list[NDArray[np.int64]] = []
        for k in range(2, order + 1):
            spans = max(words.size - k + 1, 0)
            unique, first, longer = np.unique(
                nodes[:spans] * size + words[k - 1 :], return_index=True, return_inverse=True
            )
            counts.append(_histogram(nodes[first + 1], keys[-1].size))
            keys.append(unique)
            nodes = longer
        counts.append(_histogram(nodes, keys[-1].size))
        return cls(size, keys), counts

    def contexts(self, k: int) -> Nodes:
        """Node of the context (the first k - 1 words) of each k-gram; 0 for unigrams."""
        return self.keys[k - 1] // self.size if k > 1 else np.zeros(self.size, np.int64)

    def find(self, k: int, contexts: Nodes, words: Nodes) -> Nodes:
        """Nodes of the k-grams (k >= 2) made of a context node and a word; -1 where unseen."""
        keys = self.keys[k - 1]
        if keys.size == 0:
            return np.full(contexts.shape, -1, np.int64)
        wanted = contexts * self.size + words
        nodes = np.minimum(np.searchsorted(keys, wanted), keys.size - 1)
        found = (keys[nodes] == wanted) & (contexts >= 0)
        return np.where(found, nodes, -1)

    def walk(self, rows: Nodes) -> Nodes:
        """Nodes of the k-grams that are the rows, shape (n, k), k >= 1; -1 where unseen."""
        nodes: Nodes = rows[:, 0]
        for k in range(2, rows.shape[1] + 1):
            nodes = self.find(k, nodes, rows[:, k - 1])
        return nodes

    def rows(self) -> Iterator[Nodes]:
        """The words of all k-grams, shape (number, k), for k = 1, 2, ..."""
        words = self.keys[0][:, None]
        yield words
        for keys in self.keys[1:]:
            words = np.concatenate([words[keys // self.size], (keys % self.size)[:, None]], axis=1)
            yield words

    def continuations(self, k: int, context: int) -> slice:
        """Where the k-grams of one context node stand in ``keys[k - 1]``."""
        edges = np.array([context, context + 1], np.int64) * self.size
        low, high = np.searchsorted(self.keys[k - 1], edges)
        return slice(int(low), int(high))


def _histogram(nodes: Nodes, size: int) -> NDArray[np.int64]:
    return np.bincount(nodes, minlength=size).astype(np.int64)
