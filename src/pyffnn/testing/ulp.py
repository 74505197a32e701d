"""Error in units in the last place."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def ulp_error(got: Array, exact: Array) -> Array:
    """|got - exact| in units of the last place of `exact` rounded to got's dtype; shapes equal.

    `exact` holds more digits than got (float64 for float32, longdouble for float64). Where both are the same
    infinity or both NaN the error is 0; where only one is, inf. Below the normal range the unit is the
    smallest subnormal.
    """
    exact = np.asarray(exact)
    with np.errstate(all="ignore"):
        rounded = exact.astype(got.dtype)
        unit = np.spacing(np.abs(rounded)).astype(exact.dtype)
        error = np.abs(got.astype(exact.dtype) - exact) / unit
    same = (got == rounded) & ~np.isfinite(rounded) | (np.isnan(got) & np.isnan(rounded))
    error = np.where(same, 0, error)
    return np.where(np.isnan(error), np.inf, error).astype(np.float64)


def spread_patterns(dtype: Any, count: int, low: float = -np.inf, high: float = np.inf) -> Array:
    """About `count` floats whose bit patterns are evenly spread over [low, high]: as many in each binade.

    The ends, both zeros, the subnormals' ends and 1 are among them where they lie in the range.
    """
    info = np.finfo(dtype)
    bits = {4: np.uint32, 8: np.uint64}[np.dtype(dtype).itemsize]
    top = int(np.asarray(np.finfo(dtype).max, dtype).view(bits))
    step = max(1, 2 * top // max(count, 1)) | 1
    magnitude = np.arange(0, top, step, dtype=np.uint64).astype(bits).view(dtype)
    marks = np.array([0, 1, info.tiny, info.smallest_subnormal, info.max, 0.5, 2], dtype)
    ends = np.array([x for x in (low, high) if np.isfinite(x)], dtype)
    x = np.concatenate([magnitude, -magnitude, marks, -marks, ends])
    return x[(x >= low) & (x <= high)]
