"""Thresholds of multi-label models: the best by F1, found by brute force, and what predict does with them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.models.labels import Targets
from pyffnn.models.thresholds import best_thresholds


def f1(p: np.ndarray, truth: np.ndarray, w: np.ndarray, threshold: float) -> float:
    found = p > threshold
    right = w[found & truth].sum()
    total = w[found].sum() + w[truth].sum()
    return float(2 * right / total) if total else 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 4), st.booleans())
def test_no_threshold_is_better(seed: int, n: int, labels: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    p = (rng.integers(0, 11, (n, labels)) / 10).astype(np.float32)  # many are equal
    truth = rng.random((n, labels)) < 0.4
    rows, columns = truth.nonzero()
    targets = Targets.of_sets(np.arange(labels), rows, columns, n)
    w = rng.random(n) if weighted else None
    numbers = np.sort(rng.choice(n, rng.integers(1, n + 1), replace=False))
    got = best_thresholds(lambda some: p[some], numbers, targets, w)
    assert ((got >= 0) & (got <= 1)).all()
    each = np.ones(n) if w is None else w
    for j in range(labels):
        own = p[numbers, j].astype(float), truth[numbers, j], each[numbers]
        best = max(f1(*own, t) for t in np.linspace(-0.05, 1, 22))
        if best > 0:
            assert f1(*own, got[j]) >= best - 1e-9 or (own[0] == 0).any()
        if not own[1].any():
            assert got[j] == 0.5
