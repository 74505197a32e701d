"""tanh of float32 by a table of polynomials: the table is the generator's, and the pieces fit together."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

from pyffnn import ops

ROOT = Path(__file__).parents[2]


def test_the_table_is_what_the_tool_writes():
    made = runpy.run_path(str(ROOT / "tools/make_tanh_table.py"))["header"]()
    assert made == (ROOT / "src/cpp/simd/tanh_table.h").read_text()


def test_pieces_meet_without_a_step_down(isa):
    # the 2,000 floats around each border, and around the float from which on tanh rounds to 1
    for border in (0.125, 0.25, 0.5, 1, 2, 4, 8, 9.0109, 10):
        middle = int(np.float32(border).view(np.uint32))
        x = np.arange(middle - 1000, middle + 1000, dtype=np.uint32).view(np.float32)
        y = ops.tanh(x)
        if border != 9.0109:
            assert y[999] <= y[1000], border
        # within a piece an error of 1.45 ULP lets neighbours change places, by no more than that
        assert (y[:-1] <= np.nextafter(y[1:], np.float32(2))).all(), border
        assert y.max() <= 1


def test_odd_and_never_above_one(isa):
    x = np.concatenate([np.geomspace(1e-45, 1e38, 20_000), [np.inf]]).astype(np.float32)
    y = ops.tanh(x)
    np.testing.assert_array_equal(ops.tanh(-x), -y)
    assert y.max() == 1
    assert (y[x >= 9.02] == 1).all()
