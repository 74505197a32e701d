"""A cache member for mixtures: words seen a moment ago are likely again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["UnigramCache"]


@dataclass(frozen=True)
class UnigramCache:
    """Decayed unigram cache (Kuhn & De Mori 1990; decay as in Clarkson & Robinson 1997).

    The j-th word back from the predicted one weighs ``decay ** (j - 1)``, j = 1 .. ``window``;
    the probability of a word is its share of the weight. The first token of a stream, before
    which nothing stands, is uniform over the vocabulary.
    """

    decay: float = 0.998
    window: int = 2000

    def __post_init__(self) -> None:
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay must be in 0 < decay <= 1, got {self.decay}")
        if isinstance(self.window, bool) or not isinstance(self.window, (int, np.integer)):
            raise TypeError(f"window must be an integer, got {type(self.window).__name__}")
        if self.window < 1:
            raise ValueError(f"window must be at least 1, got {self.window}")

    def prob(self, ids: NDArray[np.integer[Any]], size: int) -> NDArray[np.float64]:
        """Probability of each token from those before it.

        ids: shape (N,), each in ``0 .. size - 1``. Returns float64, shape (N,).

        Occurrences of a word are summed by doubling, O(N log window): ``run`` holds the weight of
        the last 2**bit occurrences up to each one, as seen from that one.
        """
        n = ids.size
        if n == 0:
            return np.zeros(0)
        at = np.argsort(ids, kind="stable")  # occurrences, word by word, in order of position
        word = ids[at].astype(np.int64)
        keys = word * n + at
        oldest = np.searchsorted(keys, word * n + np.maximum(at - self.window, 0))
        left = np.arange(n) - oldest  # occurrences inside the window, the token itself excluded
        weight = np.zeros(n)
        run = np.ones(n)
        last = np.arange(n) - 1  # last occurrence not yet in weight
        for bit in range(int(left.max()).bit_length()):
            todo = np.flatnonzero(left >> bit & 1)
            back = last[todo]
            weight[todo] += self._decayed(at[todo] - 1 - at[back]) * run[back]
            last[todo] -= 1 << bit
            half = 1 << bit
            distance = at[half:] - at[:-half]
            # across two words this is nonsense, but no such entry is ever used
            run[half:] = run[half:] + self._decayed(np.maximum(distance, 0)) * run[:-half]
        seen = np.minimum(np.arange(n), self.window)
        total = seen.astype(np.float64) if self.decay == 1 else _geometric(self.decay, seen)
        out = np.empty(n)
        out[at] = weight
        out[1:] /= total[1:]
        out[0] = 1 / size
        return out

    def next(self, ids: NDArray[np.integer[Any]], size: int) -> NDArray[np.float64]:
        """Probability of each word after ``ids``, shape (size,)."""
        last = ids[max(ids.size - self.window, 0) :]
        if last.size == 0:
            return np.full(size, 1 / size)
        weight = self._decayed(np.arange(last.size - 1, -1, -1))
        share: NDArray[np.float64] = np.bincount(last, weight, size) / weight.sum()
        return share

    def _decayed(self, distance: NDArray[np.int64]) -> NDArray[np.float64]:
        weight: NDArray[np.float64] = self.decay ** distance.astype(np.float64)
        return weight


def _geometric(decay: float, terms: NDArray[np.int64]) -> NDArray[np.float64]:
    """``1 + decay + ... + decay ** (terms - 1)``."""
    total: NDArray[np.float64] = np.expm1(terms * np.log(decay)) / (decay - 1)
    return total
