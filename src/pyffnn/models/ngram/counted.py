"""The state of a `KneserNeyLM`, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import Vocabulary
from pyffnn.models.ngram.smoothing import Level
from pyffnn.models.ngram.trie import NgramTrie, Nodes

__all__ = ["Counted"]

_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Counted:
    """Its attributes of the same names document `KneserNeyLM`'s."""

    trie: NgramTrie
    levels: tuple[Level, ...]
    discounts: NDArray[np.float64]
    counts_of_counts: NDArray[np.int64]
    num_tokens: int
    vocabulary: Vocabulary
    valid: NDArray[np.int32] | None
    valid_perplexity: float | None

    @property
    def num_ngrams(self) -> tuple[int, ...]:
        return tuple(keys.size for keys in self.trie.keys)

    def log_prob(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Natural log-probability of each token of a stream, shape (N,)."""
        return self.follow(ids)[0]

    def follow(
        self, ids: NDArray[np.integer[Any]]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Natural log-probabilities of a stream, and the length of the longest n-gram known that ends with each token."""
        out, length = np.empty(ids.size), np.empty(ids.size, np.int64)
        before = self.trie.order - 1
        for start in range(0, ids.size, _BLOCK):
            context = min(start, before)
            p, known = self._prob(ids[start - context : start + _BLOCK].astype(np.int64))
            with np.errstate(divide="ignore"):  # a discount fixed at 0 may leave a word none
                out[start : start + _BLOCK] = np.log(p[context:])
            length[start : start + _BLOCK] = known[context:]
        return out, length

    def _prob(self, words: Nodes) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        trie = self.trie
        level = self.levels[0]
        p: NDArray[np.float64] = level.alpha[words] + level.gamma[0] / trie.size
        length = np.ones(words.size, np.int64)
        contexts = words[:-1]
        for k in range(2, min(trie.order, words.size) + 1):
            level = self.levels[k - 1]
            nodes = trie.find(k, contexts, words[k - 1 :])
            p[k - 1 :] = level.alpha[nodes] + level.gamma[contexts] * p[k - 1 :]
            length[k - 1 :][nodes >= 0] = k
            contexts = nodes[:-1]
        return p, length

    def next(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """Probability of every vocabulary entry after ``ids``, shape (V,)."""
        trie = self.trie
        words = ids.astype(np.int64)
        p = self._unigrams()
        for k in range(2, min(trie.order, words.size + 1) + 1):
            node = int(trie.walk(words[None, words.size - k + 1 :])[0])
            if node < 0:
                # a longer context has this one at its end, but a model read from a file may lack it
                continue
            level = self.levels[k - 1]
            span = trie.continuations(k, node)
            p *= level.gamma[node]
            p[trie.keys[k - 1][span] % trie.size] += level.alpha[span]
        return p

    def of_rows(self, rows: Nodes) -> NDArray[np.float64]:
        """Probability of the last word of each row of ids after the others, rows shape (n, k), k at most the order."""
        k = rows.shape[1]
        p = self._unigrams()[rows[:, -1]]
        for length in range(2, k + 1):
            level = self.levels[length - 1]
            contexts = self.trie.walk(rows[:, k - length : k - 1])
            nodes = self.trie.find(length, contexts, rows[:, -1])
            p = level.alpha[nodes] + level.gamma[contexts] * p
        return p

    def _unigrams(self) -> NDArray[np.float64]:
        level = self.levels[0]
        p: NDArray[np.float64] = level.alpha[:-1] + level.gamma[0] / self.trie.size
        return p
