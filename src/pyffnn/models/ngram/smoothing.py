"""Modified Kneser-Ney discounts and the interpolation weights made from them.

Chen & Goodman (1998), *An Empirical Study of Smoothing Techniques for Language Modeling*,
section 3: with n_i the number of n-grams counted i times and Y = n_1 / (n_1 + 2 n_2),

    D_1 = 1 - 2 Y n_2 / n_1,   D_2 = 2 - 3 Y n_3 / n_2,   D_3+ = 3 - 4 Y n_4 / n_3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FALLBACK", "Level", "counts_of_counts", "discounts", "interpolate"]

FALLBACK = (0.5, 1.0, 1.5)
"""Stand in for a D_i whose formula meets a count of counts of zero or leaves 0 < D_i < i.

Small or artificial corpora do that: without a single n_4, D_3+ would be 3 and take a count of 3
away whole.
"""


class Level(NamedTuple):
    """One order of an interpolated model: ``p(w | context) = alpha + gamma * p(w | shorter)``.

    Each array has one entry more than there are n-grams or contexts: index -1 stands for one that
    was never seen, with alpha 0 and gamma 1.
    """

    alpha: NDArray[np.float64]
    """Per n-gram: its discounted relative frequency, ``(c - D(c)) / sum of c over the context``."""
    gamma: NDArray[np.float64]
    """Per context: the mass that its discounts set free."""


def counts_of_counts(counts: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """n_1 .. n_4, shape (4,): how many n-grams have each count."""
    return np.bincount(np.clip(counts, 0, 5), minlength=6)[1:5].astype(np.int64)


def discounts(n: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """D_1, D_2, D_3+, shape (3,), from n_1 .. n_4; `FALLBACK` where a formula fails."""
    n_1, n_2, n_3, n_4 = (int(value) for value in n)
    out = np.array(FALLBACK)
    if not (n_1 and n_2):
        return out
    y = n_1 / (n_1 + 2 * n_2)
    for i, (lower, upper) in enumerate(((n_1, n_2), (n_2, n_3), (n_3, n_4)), 1):
        if lower and upper:
            value = i - (i + 1) * y * upper / lower
            if value > 0:
                out[i - 1] = value
    return out


def interpolate(
    counts: NDArray[np.integer[Any]],
    contexts: NDArray[np.integer[Any]],
    num_contexts: int,
    discount: NDArray[np.float64],
) -> Level:
    """Level of one order from its counts.

    Parameters
    ----------
    counts, contexts
        Per n-gram, shape (n,): its count, 0 or more, and the number of its context.
    num_contexts
        Contexts are ``0 .. num_contexts - 1``; one whose counts are all zero gets gamma 1.
    discount
        D_1, D_2, D_3+, shape (3,), each in ``0 .. i``.
    """
    taken = np.concatenate([[0.0], discount])[np.minimum(counts, 3)]
    total = np.bincount(contexts, weights=counts, minlength=num_contexts)
    freed = np.bincount(contexts, weights=taken, minlength=num_contexts)
    seen = total > 0
    gamma = np.ones(num_contexts + 1)
    np.divide(freed, total, out=gamma[:-1], where=seen)
    alpha = np.zeros(counts.size + 1)
    np.divide(counts - taken, total[contexts], out=alpha[:-1], where=seen[contexts])
    return Level(alpha, gamma)
