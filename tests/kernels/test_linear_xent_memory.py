"""linear_cross_entropy holds no logits: its scratch memory is under 5 % of what they would take."""

from __future__ import annotations

import pytest
from subprocesses import output_of

import pyffnn
from pyffnn import _pyffnn

# The shapes of the benchmarks.
LARGE = [(256, 500, 10000), (256, 128, 50000)]
PARTS = [("bfloat16x6", 3), ("bfloat16x3", 2), ("bfloat16", 1)]
CODE = """
import numpy as np
import pyffnn
from pyffnn import _pyffnn, ops
m, k, n = {shape}
rng = np.random.default_rng(0)
x, w = rng.standard_normal((m, k), dtype="f4"), rng.standard_normal((k, n), dtype="f4")
before = _pyffnn.scratch_bytes()[0]
ops.linear_cross_entropy(x, w, np.zeros(n, "f4"), rng.integers(0, n, m), precision="{precision}")
print(_pyffnn.scratch_bytes()[1] - before)
"""


def scratch(shape: tuple[int, int, int], precision: str, isa: str, n_threads: int) -> int:
    """Most bytes of scratch memory that a call in a fresh process held, all threads together."""
    environment = {"PYFFNN_ISA": isa, "PYFFNN_NUM_THREADS": str(n_threads)}
    return int(output_of(CODE.format(shape=shape, precision=precision), **environment))


def logits(m: int, k: int, n: int) -> int:
    return 4 * m * n


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_float32(shape, n_threads):
    best = [name for name in pyffnn.available_isas() if name != "amx"][-1]
    assert 0 < scratch(shape, "float32", best, n_threads) < 0.05 * logits(*shape)


# Emulated tiles take half a minute for the large shapes: what those take is computed, and that this is what is taken is seen on small ones,
# with rows of dw to spare and without.
@pytest.mark.parametrize("shape", [(48, 160, 3000), (96, 32, 4000), (64, 64, 3000)], ids=str)
@pytest.mark.parametrize(("precision", "parts"), PARTS)
@pytest.mark.parametrize("n_threads", [1, 2])
def test_on_tiles(shape, precision, parts, n_threads):
    m, k, n = shape
    planned = _pyffnn.linear_cross_entropy_bytes(m, n, k, parts)
    assert 0 < scratch(shape, precision, "amx-emulated", n_threads) <= planned + 64 * 4


@pytest.mark.parametrize("shape", LARGE, ids=str)
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_planned_for_tiles(shape, parts):
    m, k, n = shape
    assert _pyffnn.linear_cross_entropy_bytes(m, n, k, parts) <= 0.04 * logits(*shape)
