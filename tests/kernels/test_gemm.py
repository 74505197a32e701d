"""The matrix product is one FMA chain an output, in the order of k: the same bits as a scalar loop."""

from __future__ import annotations

import ctypes
import ctypes.util

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import dtypes, floats, sizes, views

import pyffnn
from pyffnn import ops, testing

FMA_ISAS = [name for name in pyffnn.available_isas() if name != "sse2"]
_libm = ctypes.CDLL(ctypes.util.find_library("m"))


def scalar_fma(dtype):
    """The C library's correctly rounded fused multiply-add."""
    call, kind = (
        (_libm.fmaf, ctypes.c_float) if dtype == np.float32 else (_libm.fma, ctypes.c_double)
    )
    call.argtypes, call.restype = [kind] * 3, kind
    return call


def scalar_product(a, b):
    fma = scalar_fma(a.dtype)
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            acc = 0.0
            for p in range(a.shape[1]):
                acc = fma(float(a[i, p]), float(b[p, j]), acc)
            c[i, j] = acc
    return c


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FMA_ISAS)
def test_equals_a_scalar_loop_of_fma(name, dtype):
    rng = np.random.default_rng(0)
    for m, k, n in [(1, 7, 5), (3, 20, 17), (15, 9, 33)]:
        a, b = rng.standard_normal((m, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
        with pyffnn.use_isa(name):
            np.testing.assert_array_equal(ops.matmul(a, b), scalar_product(a, b))


# Beyond one block of k (512, or 768 unsplit), of m and of n, at several aspect ratios; few rows over long ones of B, which stream in.
@pytest.mark.parametrize(
    ("m", "k", "n"),
    [
        (1, 2000, 3),
        (14, 769, 32),
        (30, 1537, 65),
        (700, 30, 40),
        (3, 40, 2100),
        (130, 600, 100),
        (3, 300, 2100),
    ],
)
@pytest.mark.parametrize("name", FMA_ISAS)
def test_equals_the_chain_across_blocks(name, m, k, n):
    rng = np.random.default_rng(m + k + n)
    a = rng.standard_normal((m, k)).astype(np.float32)
    b = rng.standard_normal((k, n)).astype(np.float32)
    chain = testing.fma_chain(a, b)
    with pyffnn.use_isa(name):
        for threads in (1, 2, 5):
            with pyffnn.num_threads(threads):
                for ta, tb in [(0, 0), (1, 0), (0, 1), (1, 1)]:
                    got = ops.matmul(
                        np.ascontiguousarray(a.T) if ta else a,
                        np.ascontiguousarray(b.T) if tb else b,
                        transpose_a=bool(ta),
                        transpose_b=bool(tb),
                    )
                    np.testing.assert_array_equal(got, chain)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_shape_layout_and_special_numbers(data):
    """Infinities, NaN and subnormals travel as in the chain, whatever the layout; NaN entries are compared as NaN."""
    m, k, n = (data.draw(sizes(0, 40)) for _ in range(3))
    a = data.draw(floats((m, k), special=True))
    b = data.draw(floats((k, n), special=True))
    with np.errstate(all="ignore"):
        chain = testing.fma_chain(a, b)
    for name in FMA_ISAS:
        with pyffnn.use_isa(name):
            got = ops.matmul(data.draw(views(a)), data.draw(views(b)))
            np.testing.assert_array_equal(got, chain)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_transposed_views_and_flags_agree(data):
    dtype = data.draw(dtypes())
    m, k, n = (data.draw(sizes(0, 70)) for _ in range(3))
    a, b = data.draw(floats((m, k), dtype)), data.draw(floats((k, n), dtype))
    c = ops.matmul(a, b)
    a_t, b_t = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
    np.testing.assert_array_equal(ops.matmul(a_t.T, b_t.T), c)
    np.testing.assert_array_equal(ops.matmul(a_t, b_t, transpose_a=True, transpose_b=True), c)
    np.testing.assert_array_equal(ops.matmul(a.T, b, transpose_a=True), c)
    np.testing.assert_array_equal(ops.matmul(a, b.T, transpose_b=True), c)


def test_k_of_zero_gives_zeros_and_never_reads_out(isa):
    out = np.full((3, 4), np.nan, np.float32)
    ops.matmul(np.zeros((3, 0), np.float32), np.zeros((0, 4), np.float32), out=out)
    np.testing.assert_array_equal(out, 0)
    bias = np.arange(4, dtype=np.float32)
    y = ops.linear(np.zeros((3, 0), np.float32), np.zeros((0, 4), np.float32), bias)
    np.testing.assert_array_equal(y, np.tile(bias, (3, 1)))


@pytest.mark.parametrize("activation", [None, "sigmoid", "tanh", "relu"])
def test_the_fused_layer_has_the_bits_of_its_parts(isa, activation):
    rng = np.random.default_rng(3)
    for m, k, n in [(1, 100, 50), (33, 64, 47), (20, 900, 70)]:
        x, w = (rng.standard_normal(s).astype(np.float32) for s in ((m, k), (k, n)))
        b = rng.standard_normal(n).astype(np.float32)
        z = ops.matmul(x, w) + b
        parts = getattr(ops, activation)(z) if activation else z
        np.testing.assert_array_equal(ops.linear(x, w, b, activation=activation), parts)
        z = ops.matmul(x, w)
        parts = getattr(ops, activation)(z) if activation else z
        np.testing.assert_array_equal(ops.linear(x, w, activation=activation), parts)


def test_nan_reaches_its_row_and_column_alone(isa):
    a, b = np.ones((9, 20), np.float32), np.ones((20, 37), np.float32)
    a[4, 3] = np.nan
    b[7, 30] = np.nan
    bad = np.isnan(ops.matmul(a, b))
    expected = np.zeros((9, 37), bool)
    expected[4], expected[:, 30] = True, True
    np.testing.assert_array_equal(bad, expected)


def test_large_sums_match_float64(isa):
    """One product with enough work for every block size: against float64, at the bound of the chain."""
    rng = np.random.default_rng(5)
    a, b = (rng.standard_normal((300, 300)).astype(np.float32) for _ in range(2))
    exact = a.astype(np.float64) @ b.astype(np.float64)
    bound = 301 * np.finfo(np.float32).eps * (np.abs(a).astype(np.float64) @ np.abs(b))
    assert (np.abs(ops.matmul(a, b) - exact) <= bound).all()
