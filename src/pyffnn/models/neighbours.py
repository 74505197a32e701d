"""Words whose vectors point the same way."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["nearest_rows"]


def nearest_rows(
    table: NDArray[Any], at: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The ``k`` other rows of the greatest cosine with row ``at``, falling, the first of equal ones first; and those cosines.

    Rows of zeros have cosine 0.
    """
    rows = np.asarray(table, np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    cosines = rows @ rows[at] / np.maximum(lengths * lengths[at], 1e-300)
    others = np.flatnonzero(np.arange(len(rows)) != at)
    best = others[np.argsort(-cosines[others], kind="stable")[:k]]
    return best, cosines[best]
