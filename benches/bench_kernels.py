"""Every kernel of the registry on its benchmark shapes, float32.

pytest benches/bench_kernels.py [-k softmax] [--benchmark-json FILE]
"""

from __future__ import annotations

import numpy as np
import pytest

import pyffnn
from pyffnn import testing
from pyffnn.testing.kernel import shape_name

CASES = [
    pytest.param(kernel, shape, id=f"{kernel.name}-{shape_name(shape)}")
    for kernel in (*testing.KERNELS, *testing.TILE_KERNELS)
    for shape in kernel.bench
]


@pytest.mark.parametrize(("kernel", "shape"), CASES)
def test_kernel(benchmark, kernel, shape):
    if kernel.precision != "float32" and "amx" not in pyffnn.available_isas():
        pytest.skip(f"needs AMX: {pyffnn.config()['amx']}")
    inputs = kernel.inputs(shape, np.float32)
    benchmark.group = f"{kernel.name} {shape_name(shape)}"
    benchmark.extra_info.update(flops=kernel.flops(shape), bytes=kernel.bytes(shape, 4))
    if kernel.into:
        inputs["out"] = np.empty_like(kernel.run(**inputs)[0])
    benchmark(lambda: kernel.run(**inputs))
