"""Calls that change arrays of other libraries where they lie, and a result that lies in kept memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from faults.walk import Case

from pyffnn import _pyffnn, ops

N = 20_000  # several pieces of a sum of squares


def arrays(folder: Path) -> SimpleNamespace:
    rng = np.random.default_rng(0)
    w, g, m, v = (rng.uniform(0.1, 1, N).astype(np.float32) for _ in range(4))
    return SimpleNamespace(w=w, g=g, m=m, v=v)


def look(x: SimpleNamespace) -> dict[str, Any]:
    return vars(x)


def adam(x: SimpleNamespace) -> None:
    _pyffnn.adam_step(x.w, x.g, x.m, x.v, 0.9, 0.999, 1e-8, 0.01)


def large(folder: Path) -> SimpleNamespace:
    return SimpleNamespace(x=np.ones((2200, 1000), np.float32))


def results(x: SimpleNamespace) -> None:
    """By the entry point for the ordinary case, and by the general function."""
    assert ops.relu(x.x).all() and ops.relu(x.x[:, ::-1]).all()


CASES = [
    Case("large results", large, results, look),
    Case("adam_step", arrays, adam, look),
    Case("clip_norm", arrays, lambda x: _pyffnn.clip_norm(x.g, 1.0), look),
]
