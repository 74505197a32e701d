"""Every way of walking a dense product gives the same bits, whatever its shape, layout, epilogue and element type, on every instruction set."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import dtypes, floats, sizes, views
from subprocesses import output_of, run_python

import pyffnn
from pyffnn import ops, testing

# One tile and more, blocks of rows and of k, whole panels and rests, powers of two, a k that stays in registers.
SHAPES = (
    (1, 3, 5), (7, 1, 40), (15, 8, 33), (40, 6, 64), (100, 2, 300), (16, 40, 16), (29, 130, 65), (43, 129, 100), (85, 257, 31),
    (60, 700, 96), (31, 1100, 70), (64, 64, 512), (900, 512, 40), (1, 300, 100), (1, 17, 70), (1, 1300, 33),
)  # fmt: skip


def layouts(a, b):
    """Both operands as they are, the one or the other along the other axis, and as views into wider arrays."""
    wide = np.zeros((a.shape[0], a.shape[1] + 3), a.dtype)
    wide[:, 1 : 1 + a.shape[1]] = a
    padded = np.zeros((b.shape[0], b.shape[1] + 5), b.dtype)
    padded[:, 2 : 2 + b.shape[1]] = b
    yield a, b
    yield np.ascontiguousarray(a.T).T, b
    yield a, np.ascontiguousarray(b.T).T
    yield wide[:, 1 : 1 + a.shape[1]], padded[:, 2 : 2 + b.shape[1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", pyffnn.available_isas())
def test_same_bits(name, dtype):
    rng = np.random.default_rng(0)
    for m, k, n in SHAPES:
        if name == "reference" and m * k * n > 1e6:
            continue
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        with pyffnn.use_isa(name), testing.product_way("rows"):
            want = ops.matmul(a, b)
        for way in (*testing.WAYS, "auto"):
            for left, right in layouts(a, b):
                with pyffnn.use_isa(name), testing.product_way(way):
                    np.testing.assert_array_equal(
                        ops.matmul(left, right), want, f"{way} {m} {k} {n}"
                    )
                    for threads in (2, 5):
                        with pyffnn.num_threads(threads):
                            np.testing.assert_array_equal(ops.matmul(left, right), want)


@pytest.mark.parametrize("name", [n for n in pyffnn.available_isas() if n != "reference"])
def test_layers_and_steps_have_the_same_bits(name):
    """Epilogues: bias and activation, the derivative of one, an optimizer's step."""
    rng = np.random.default_rng(1)
    for m, k, n in [(70, 130, 100), (33, 7, 45), (40, 300, 64)]:
        x, w = (rng.standard_normal(s).astype("f4") for s in ((m, k), (k, n)))
        bias, dy = rng.standard_normal(n).astype("f4"), rng.standard_normal((m, n)).astype("f4")
        y = (rng.random((m, 2)) > 0.5).astype(int)[:, 0]
        found = []
        for way in (*testing.WAYS, "auto"):
            with pyffnn.use_isa(name), testing.product_way(way):
                out = ops.linear(x, w, bias, activation="tanh")
                model = pyffnn.FFNNClassifier((40, 30), epochs=2, batch_size=32)
                model.fit(x, y)
                found.append(
                    [
                        out,
                        *ops.linear_backward(dy, x, w, out, activation="tanh"),
                        *model.coefs_,
                        ops.linear_cross_entropy(x, w, bias, rng.integers(0, 1, m))[1],
                    ]
                )
        for other in found[1:]:
            for got, first in zip(other, found[0], strict=True):
                np.testing.assert_array_equal(got, first)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_shape_layout_and_special_numbers(data):
    dtype = data.draw(dtypes())
    m, k, n = (data.draw(sizes(0, 50)) for _ in range(3))
    a, b = (data.draw(floats(s, dtype, special=True)) for s in ((m, k), (k, n)))
    left, right = data.draw(views(a)), data.draw(views(b))
    with np.errstate(all="ignore"):
        with testing.product_way("rows"):
            want = ops.matmul(left, right)
        for way in testing.WAYS[1:]:
            with testing.product_way(way):
                np.testing.assert_array_equal(ops.matmul(left, right), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", pyffnn.available_isas())
def test_one_row_by_a_matrix_along_k(name, dtype):
    """The way of one row: against the chain itself, with bias and activation, sums in C, and nothing written beyond n."""
    rng = np.random.default_rng(3)
    for k, n in [(1, 1), (7, 9), (8, 32), (33, 31), (100, 50), (64, 65), (300, 100)]:
        x, w = rng.standard_normal((1, k)).astype(dtype), rng.standard_normal((n, k)).astype(dtype)
        bias = rng.standard_normal(n).astype(dtype)
        memory = np.full(n + 64, 7, dtype)
        with pyffnn.use_isa(name):
            found = ops.matmul(x, w.T, out=memory[32 : 32 + n].reshape(1, n)).copy()
            layer = ops.linear(x, w.T, bias, activation="tanh")
            plain = ops.linear(x, np.ascontiguousarray(w.T), bias, activation="tanh")
        assert (memory[:32] == 7).all() and (memory[32 + n :] == 7).all()
        np.testing.assert_array_equal(layer, plain)
        if name != "sse2" and dtype == np.float32:  # which has no FMA, and what the oracle takes
            np.testing.assert_array_equal(found, testing.fma_chain(x, w.T))
        exact = x.astype(np.float64) @ w.T.astype(np.float64)
        bound = (k + 1) * np.finfo(dtype).eps * (abs(x).astype(float) @ abs(w.T).astype(float))
        assert (abs(found - exact) <= bound + 1e-300).all()


def test_no_bytes_beyond_the_result():
    rng = np.random.default_rng(2)
    a, b = rng.standard_normal((33, 70)).astype("f4"), rng.standard_normal((70, 37)).astype("f4")
    for way in testing.WAYS:
        memory = np.full(33 * 37 + 64, 7, np.float32)
        out = memory[32 : 32 + 33 * 37].reshape(33, 37)
        with testing.product_way(way):
            ops.matmul(a, b, out=out)
        assert (memory[:32] == 7).all() and (memory[32 + 33 * 37 :] == 7).all()


def test_the_trait_is_told_and_can_be_prescribed():
    found = pyffnn.config()["products"]
    assert found["core"] in ("rows", "either", "columns") and found["way"] == "auto"
    assert found == pyffnn.config()["products"]
    if pyffnn.isa() != "reference":
        part = found["columns_us"] / found["rows_us"]
        kind = "columns" if part < 0.9 else "either" if part <= 1.05 else "rows"
        rounding = min(abs(part - 0.9), abs(part - 1.05)) < 0.01
        assert kind == found["core"] or rounding
    code = "import pyffnn; print(pyffnn.config()['products']['way'])"
    for way in ("", "auto", *testing.WAYS):
        assert output_of(code, PYFFNN_GEMM=way).strip() == (way or "auto")
    done = run_python("import pyffnn", PYFFNN_GEMM="fast")
    last = done.stderr.strip().splitlines()[-1]
    assert (
        last
        == f"ImportError: PYFFNN_GEMM must be one of auto, {', '.join(testing.WAYS)}, got 'fast'"
    )
    with (
        pytest.raises(ValueError, match="way must be one of auto, rows"),
        testing.product_way("fast"),
    ):
        pass
    assert pyffnn._pyffnn.product_way() == "auto"
    shown = subprocess.run(
        [sys.executable, "-m", "pyffnn", "info"], capture_output=True, text=True, check=True
    )
    assert "core: " in shown.stdout
