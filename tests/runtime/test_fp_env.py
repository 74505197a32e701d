"""Importing and using pyffnn leaves the process's floating-point environment alone: subnormals, rounding, flags' masks."""

from __future__ import annotations

import pytest
from subprocesses import output_of

CHECK = """
import ctypes, ctypes.util, threading
import numpy as np
libm = ctypes.CDLL(ctypes.util.find_library("m"))
def state():
    tiny = np.array([1e-40], np.float32)
    small = np.array([5e-324])
    return float((tiny * np.float32(0.5))[0]), float(small[0] * 1.0), libm.fegetround()
before = state()
assert before[0] != 0 and before[1] != 0
"""
USE = """
from pyffnn import ops
pyffnn.set_num_threads(3)
x = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
y = ops.softmax(ops.linear(x, x, x[0], activation="tanh"))
"""
AFTER = """
assert state() == before
seen = []
thread = threading.Thread(target=lambda: seen.append(state())); thread.start(); thread.join()
assert seen == [before]
print("same")
"""


@pytest.mark.parametrize("use", ["", USE], ids=["import", "use"])
def test_subnormals_and_rounding_stay(use):
    assert output_of(CHECK + "import pyffnn" + use + AFTER) == "same"


def test_workers_keep_subnormals(isa):
    """Large enough for several threads: a worker with flush-to-zero would lose its share."""
    import numpy as np

    import pyffnn
    from pyffnn import ops

    x = np.full((400, 1000), 1e-40, np.float32)
    with pyffnn.num_threads(5):
        assert (ops.tanh(x) == x).all()
        assert (ops.relu(x) == x).all()
