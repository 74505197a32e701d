"""Words chosen out of distributions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["best_ids", "draw"]


def best_ids(p: NDArray[np.floating[Any]], k: int) -> NDArray[np.int64]:
    """Ids of the ``k`` greatest numbers, falling; ties go to the smaller id."""
    # the k-th greatest of the blocks' maxima has k numbers at or above it
    block = 64
    tops = p[: p.size // block * block].reshape(-1, block).max(axis=1)
    if k > tops.size:
        tops = p
    if k < p.size:
        border = np.partition(tops, tops.size - k)[tops.size - k]
        few = np.flatnonzero(p >= border)
        return few[np.argsort(-p[few], kind="stable")][:k]
    return np.argsort(-p, kind="stable")[:k]


def draw(
    p: NDArray[np.float64], rng: np.random.Generator, temperature: float, top_k: int | None
) -> int:
    """One id from ``p ** (1 / temperature)``, among the ``top_k`` likeliest; 0 is the likeliest."""
    if temperature == 0:
        return int(np.argmax(p))
    ids = np.arange(p.size) if top_k is None or top_k >= p.size else best_ids(p, top_k)
    with np.errstate(divide="ignore"):
        z = np.log(p[ids]) / temperature
    share = np.cumsum(np.exp(z - z.max()))
    return int(
        ids[np.searchsorted(share, rng.random() * share[-1], side="right").clip(max=ids.size - 1)]
    )
