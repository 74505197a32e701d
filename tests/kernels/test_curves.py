"""Activations that Thinc has: values and gradients against float64, special numbers, every instruction set."""

from __future__ import annotations

import math

import numpy as np
import pytest

import pyffnn
from pyffnn import _pyffnn

CLIPPED, SWISH, HARD_SWISH, MOBILENET, DISH, GELU, MISH, GELU_TANH = range(8)
KINDS = range(8)
LINE = (0.2, 0.5, 0.0, 1.0)  # slope, offset, low, high
THRESHOLD = 20.0


def settings(kind):
    return LINE if kind == CLIPPED else (1.0, 0.0, 0.0, THRESHOLD)


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def value(kind, x):
    """In float64, from the formulas' sources."""
    if kind == CLIPPED:
        return np.clip(0.2 * x + 0.5, 0, 1)
    if kind == SWISH:
        return x / (1 + np.exp(-x))
    if kind == HARD_SWISH:
        return x * np.clip(0.2 * x + 0.5, 0, 1)
    if kind == MOBILENET:
        return x * np.clip(x + 3, 0, 6) / 6
    if kind == DISH:
        return 0.5 * x * (x / np.sqrt(1 + x * x) + 1)
    if kind == GELU:
        return 0.5 * x * (1 + erf(x / math.sqrt(2)))
    if kind == MISH:
        return np.where(x >= THRESHOLD, x, x * np.tanh(np.log1p(np.exp(np.minimum(x, 50)))))
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def points(dtype):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 2, 301), rng.uniform(-30, 30, 100), [0.0]])
    # differences of the oracle need room to the kinks
    kinks = np.array([-3, -2.5, 2.5, 3, THRESHOLD])
    return x[np.abs(x[:, None] - kinks).min(axis=1) > 1e-3].astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_values(kind, dtype, isa):
    x = points(dtype)
    y = _pyffnn.curve(kind, *settings(kind), x, None)
    assert y.dtype == dtype
    # erf is Abramowitz & Stegun's, of 1.5e-7, in both types
    bound = 3e-7 if dtype == np.float32 or kind == GELU else 1e-13
    np.testing.assert_allclose(y, value(kind, x.astype(np.float64)), rtol=4 * bound, atol=bound * 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients(kind, dtype, isa):
    x = points(dtype)
    dy = np.random.default_rng(1).normal(size=x.shape).astype(dtype)
    dx = _pyffnn.curve_backward(kind, *settings(kind), dy, x, None)
    wide, h = x.astype(np.float64), 1e-5
    expected = dy * (value(kind, wide + h) - value(kind, wide - h)) / (2 * h)
    np.testing.assert_allclose(dx, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_in_place_and_nan(kind, isa):
    x = points(np.float32)
    expected = _pyffnn.curve(kind, *settings(kind), x, None)
    again = x.copy()
    assert _pyffnn.curve(kind, *settings(kind), again, again) is again
    np.testing.assert_array_equal(again, expected)
    dy = np.ones_like(x)
    gradient = _pyffnn.curve_backward(kind, *settings(kind), dy, x, None)
    assert _pyffnn.curve_backward(kind, *settings(kind), dy, x, dy) is dy
    np.testing.assert_array_equal(dy, gradient)
    assert np.isnan(_pyffnn.curve(kind, *settings(kind), np.array([np.nan, 1.0]), None)[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_runs(dtype, isa):
    rng = np.random.default_rng(0)
    lengths = np.array([3, 1, 7, 20], np.int32)
    x = rng.integers(-4, 5, (31, 19)).astype(dtype)
    pieces = np.split(x, np.cumsum(lengths)[:-1])
    np.testing.assert_array_equal(
        _pyffnn.run_sums(x, lengths, False), [p.sum(axis=0) for p in pieces]
    )
    np.testing.assert_allclose(
        _pyffnn.run_sums(x, lengths, True), [p.mean(axis=0) for p in pieces], rtol=1e-6, atol=1e-7
    )
    best, which = _pyffnn.run_max(x, lengths)
    np.testing.assert_array_equal(best, [p.max(axis=0) for p in pieces])
    np.testing.assert_array_equal(which, [p.argmax(axis=0) for p in pieces])
    dy = rng.normal(size=(4, 19)).astype(dtype)
    np.testing.assert_array_equal(
        _pyffnn.run_sums_backward(dy, lengths, False), np.repeat(dy, lengths, axis=0)
    )
    expected = np.zeros_like(x)
    starts = np.cumsum([0, *lengths[:-1]])
    for r in range(4):
        expected[starts[r] + which[r], np.arange(19)] = dy[r]
    np.testing.assert_array_equal(_pyffnn.run_max_backward(dy, which, lengths), expected)


def test_runs_wrong():
    x = np.ones((5, 3), np.float32)
    with pytest.raises(IndexError, match="number of rows"):
        _pyffnn.run_sums(x, np.array([5, 5], np.int32), False)
    with pytest.raises(ValueError, match="lengths must be >= 0, got -1"):
        _pyffnn.run_sums(x, np.array([-1, 5], np.int32), False)
    with pytest.raises(ValueError, match="lengths must be > 0, got 0"):
        _pyffnn.run_max(x, np.array([0, 5], np.int32))
    with pytest.raises(IndexError, match="outside its run"):
        _pyffnn.run_max_backward(x[:1], np.full((1, 3), 2), np.array([2], np.int32))
    assert np.isnan(_pyffnn.run_max(np.array([[1.0], [np.nan], [2.0]]), np.array([3], np.int32))[0])
    with pytest.raises(IndexError, match="ids entry"):
        _pyffnn.gather_sum(x, np.array([[5, 0]]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pieces", [1, 3, 16, 17, 40])
def test_cells(dtype, pieces, isa):
    rng = np.random.default_rng(0)
    x = rng.integers(-9, 10, (37, 19, pieces)).astype(dtype)
    x[5, 6, pieces // 2] = np.nan
    found = {}
    for threads in (1, 3):
        with pyffnn.num_threads(threads):
            best, which = found[threads] = _pyffnn.cell_max(x)
    np.testing.assert_array_equal(found[1], found[3])
    np.testing.assert_array_equal(best, x.max(axis=2))
    np.testing.assert_array_equal(which, x.argmax(axis=2))
    dy = rng.normal(size=(37, 19)).astype(dtype)
    expected = np.where(np.arange(pieces) == which[:, :, None], dy[:, :, None], 0)
    np.testing.assert_array_equal(_pyffnn.cell_max_backward(dy, which, pieces), expected)
    assert _pyffnn.cell_max(x[:0])[0].shape == (0, 19)


def test_cells_wrong():
    with pytest.raises(ValueError, match="at least one piece"):
        _pyffnn.cell_max(np.ones((2, 3, 0)))
    with pytest.raises(ValueError, match="pieces must be at least 1, got 0"):
        _pyffnn.cell_max_backward(np.ones((1, 1)), np.zeros((1, 1), int), 0)
    with pytest.raises(IndexError, match="which entry -1 is out of bounds"):
        _pyffnn.cell_max_backward(np.ones((1, 1)), np.array([[-1]]), 2)


def test_layer_norm(isa):
    rng = np.random.default_rng(0)
    x, dy = rng.normal(2, 3, (40, 37)), rng.normal(size=(40, 37))
    gamma, beta = rng.normal(size=37), rng.normal(size=37)
    y, mean, rstd = _pyffnn.layer_norm(x, gamma, beta, 1e-8)
    normed = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(y, normed * gamma + beta, rtol=1e-10, atol=1e-12)
    dx, dgamma, dbeta = _pyffnn.layer_norm_backward(dy, x, gamma, mean, rstd)
    np.testing.assert_allclose(dgamma, (dy * normed).sum(axis=0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dbeta, dy.sum(axis=0), rtol=1e-10, atol=1e-12)
    g = dy * gamma
    expected = rstd[:, None] * (
        g - g.mean(axis=1, keepdims=True) - normed * (g * normed).mean(axis=1, keepdims=True)
    )
    np.testing.assert_allclose(dx, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adam_and_clipping(dtype):
    rng = np.random.default_rng(0)
    w, g, m1 = (rng.normal(size=100_003).astype(dtype) for _ in range(3))
    m2 = rng.random(100_003).astype(dtype)
    expected1, expected2 = 0.9 * m1 + 0.1 * g, 0.999 * m2 + 0.001 * g * g
    expected = w - 0.01 * expected1 / (np.sqrt(expected2) + 1e-8)
    _pyffnn.adam_step(w, g, m1, m2, 0.9, 0.999, 1e-8, 0.01)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(m1, expected1, rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(m2, expected2, rtol=rtol, atol=1e-6)
    np.testing.assert_allclose(w, expected, rtol=rtol, atol=1e-6)
    assert not g.any()
    with pytest.raises(ValueError, match="overlap"):
        _pyffnn.adam_step(w, w, m1, m2, 0.9, 0.999, 1e-8, 0.01)

    x = rng.normal(size=100_003).astype(dtype)
    norm = float(np.linalg.norm(x.astype(np.float64)))
    kept = x.copy()
    _pyffnn.clip_norm(x, norm * 1.01)
    np.testing.assert_array_equal(x, kept)
    _pyffnn.clip_norm(x, norm / 4)
    np.testing.assert_allclose(x, kept / 4, rtol=1e-6)
    zeros = np.zeros(3, dtype)
    _pyffnn.clip_norm(zeros, 0.0)
    assert not zeros.any()
