"""Examples that occur several times, as one of a greater weight."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.checks import Features
from pyffnn.models.labels import Targets
from pyffnn.models.values import Values

__all__ = ["merge_repeats"]


def merge_repeats(
    features: Features, targets: Targets | Values, weights: NDArray[np.floating[Any]] | None
) -> tuple[Features, Any, NDArray[np.float64]]:
    """The same weighted set of examples without repeats and weights of zero, in a canonical order.

    In one batch this changes the rounding of the mean loss only, and makes it depend on the set
    alone: a weight of 3 then gives the same bits as three copies.
    """
    y: Any = targets.each
    total: dict[tuple[bytes, ...], float] = {}
    at: dict[tuple[bytes, ...], int] = {}
    for i, row in enumerate(_rows(features)):
        weight = 1.0 if weights is None else float(weights[i])
        if weight:
            key = (*row, y[i].tobytes())
            total[key] = total.get(key, 0.0) + weight
            at.setdefault(key, i)
    keys = sorted(total)
    order = np.array([at[key] for key in keys])
    if features.kind == "dense":
        (x,) = features.arrays
        arrays: tuple[NDArray[Any], ...] = (x[order],)
    else:
        indptr, indices, data = features.arrays
        parts = [slice(indptr[i], indptr[i + 1]) for i in order]
        lengths = [part.stop - part.start for part in parts]
        arrays = (
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([indices[part] for part in parts]),
            np.concatenate([data[part] for part in parts]),
        )
    return (
        features._replace(arrays=arrays, size=order.size),
        targets.take(order),
        np.array([total[key] for key in keys]),
    )


def _rows(features: Features) -> list[tuple[bytes, ...]]:
    if features.kind == "dense":
        (x,) = features.arrays
        return [(row.tobytes(),) for row in x]
    indptr, indices, data = features.arrays
    return [(indices[a:b].tobytes(), data[a:b].tobytes()) for a, b in pairwise(indptr)]
