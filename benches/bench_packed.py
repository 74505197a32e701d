"""A few rows times a matrix, as it lies and packed before.

pytest benches/bench_packed.py [-k 512] [--benchmark-json FILE]
"""

from __future__ import annotations

import numpy as np
import pytest

from pyffnn import ops

ROWS = (1, 2, 4, 8, 16, 32)
MATRICES = ((300, 100), (512, 512), (784, 512), (500, 10000))


@pytest.mark.parametrize("packed", [False, True], ids=["in place", "packed"])
@pytest.mark.parametrize("m", ROWS)
@pytest.mark.parametrize(("k", "n"), MATRICES, ids=lambda v: str(v))
def test_few_rows(benchmark, k, n, m, packed):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((m, k), np.float32)
    b = rng.standard_normal((k, n), np.float32)
    right = ops.pack(b) if packed else b
    out = np.empty((m, n), np.float32)
    benchmark.group = f"{m}x{k}x{n}"
    benchmark.extra_info.update(flops=2.0 * m * k * n)
    benchmark(lambda: ops.matmul(a, right, out=out))
