"""Words drawn out of distributions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.next_word import best_ids


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
