"""Analytic gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def gradient_error(
    loss: Callable[[Mapping[str, Array]], float],
    gradients: Mapping[str, Array],
    at: Mapping[str, Array],
    *,
    step: float = 1e-5,
    directions: int = 4,
    entries: int = 24,
    seed: int = 0,
) -> float:
    """Largest error of `gradients` (name -> dL/d at[name], float64), relative to max(1, |dL|).

    For each name, single entries (at most `entries`) and random directions (`directions`) are moved by
    +- step, and (L(+) - L(-)) / (2 step) is compared with the gradient along the move.
    """
    rng = np.random.default_rng(seed)
    worst = 0.0
    for name, gradient in gradients.items():
        value = np.asarray(at[name], np.float64)
        gradient = np.asarray(gradient, np.float64)
        if gradient.shape != value.shape:
            return np.inf
        moves = [rng.standard_normal(value.shape) for _ in range(directions if value.size else 0)]
        for flat in rng.permutation(value.size)[:entries]:
            move = np.zeros(value.shape)
            move.flat[flat] = 1
            moves.append(move)
        for move in moves:
            up = loss({**at, name: value + step * move})
            down = loss({**at, name: value - step * move})
            numeric, analytic = (up - down) / (2 * step), float(np.sum(gradient * move))
            worst = max(worst, abs(numeric - analytic) / max(1.0, abs(analytic)))
    return worst
