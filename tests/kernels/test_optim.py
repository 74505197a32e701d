"""Optimizer steps against the papers' equations in longdouble: SGD, momentum, Adagrad, Adam (with l2 and decoupled decay), row-wise Adagrad."""

from __future__ import annotations

import numpy as np
import pytest
from memory import guarded

import pyffnn
from pyffnn import _pyffnn

KINDS = {"sgd": 0, "momentum": 1, "adagrad": 2, "adam": 3}
LENGTHS = (0, 1, 7, 15, 16, 17, 64, 100, 257)
DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"])


def settings(step=3, **given):
    at = {
        "lr": 0.05, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "scale": 0.5, "l2": 0.01, "decay": 0.001,
        **given,
    }  # fmt: skip
    # float32 arithmetic sees the rounded settings, so the oracle must too
    at = {key: float(np.float32(value)) for key, value in at.items()}
    at["lr_over_c1"] = float(np.float32(at["lr"] / (1 - at["beta1"] ** step)))
    at["rsqrt_c2"] = float(np.float32(1 / np.sqrt(1 - at["beta2"] ** step)))
    return at


def oracle(kind, g, w, s1, s2, o):
    g, w, s1, s2 = (x.astype(np.longdouble) for x in (g, w, s1, s2))
    g = o["scale"] * g + o["l2"] * w
    w = w - o["decay"] * w
    if kind == "sgd":
        return w - o["lr"] * g, s1, s2
    if kind == "momentum":
        s1 = o["beta1"] * s1 + g
        return w - o["lr"] * s1, s1, s2
    if kind == "adagrad":
        s1 = s1 + g * g
        return w - o["lr"] * g / (np.sqrt(s1) + o["eps"]), s1, s2
    s1 = o["beta1"] * s1 + (1 - o["beta1"]) * g
    s2 = o["beta2"] * s2 + (1 - o["beta2"]) * g * g
    return w - o["lr_over_c1"] * s1 / (np.sqrt(s2) * o["rsqrt_c2"] + o["eps"]), s1, s2


def arrays(n, dtype):
    rng = np.random.default_rng(n)
    g, w, s1 = (rng.standard_normal(n).astype(dtype) for _ in range(3))
    return g, w, np.abs(s1), rng.random(n).astype(dtype)


@DTYPE
@pytest.mark.parametrize("kind", KINDS)
def test_one_step_is_the_equation(kind, dtype, isa):
    for n in LENGTHS:
        g, w, s1, s2 = arrays(n, dtype)
        o = settings()
        expected = oracle(kind, g, w, s1, s2, o)
        given = g.copy()
        _pyffnn.kernel_optim_step(KINDS[kind], g, w, s1, s2, o)
        eps = np.finfo(dtype).eps
        for got, want in zip((w, s1, s2), expected, strict=True):
            assert (np.abs(got - want) <= 12 * eps * (1 + np.abs(want))).all(), n
        np.testing.assert_array_equal(g, given)


@DTYPE
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bits_on_every_isa_with_fma(kind, dtype):
    results = []
    for name in pyffnn.available_isas():
        if name == "sse2":
            continue
        with pyffnn.use_isa(name):
            g, w, s1, s2 = arrays(257, dtype)
            for step in range(1, 4):
                _pyffnn.kernel_optim_step(KINDS[kind], g, w, s1, s2, settings(step))
            results.append((w.tobytes(), s1.tobytes(), s2.tobytes()))
    assert len(set(results)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_touches_nothing_outside_its_arrays(kind, isa):
    for n in LENGTHS:
        expected = arrays(n, np.float32)
        _pyffnn.kernel_optim_step(KINDS[kind], *expected, settings())
        for at_end in (True, False):
            placed = [guarded(x, at_end) for x in arrays(n, np.float32)]
            _pyffnn.kernel_optim_step(KINDS[kind], *placed, settings())
            for got, want in zip(placed, expected, strict=True):
                np.testing.assert_array_equal(got, want)


@DTYPE
def test_row_wise_adagrad_keeps_one_sum_a_row(dtype, isa):
    """Its accumulator takes the mean of the row's squared gradients."""
    for n in (1, 3, 15, 16, 17, 100):
        g, w, _, _ = arrays(n, dtype)
        o = settings()
        s = np.array([0.25], dtype)
        wide_w, wide_g = w.astype(np.longdouble), g.astype(np.longdouble)
        total = o["scale"] * wide_g + o["l2"] * wide_w
        sum_want = 0.25 + np.mean(total * total)
        want = wide_w * (1 - o["decay"]) - o["lr"] * total / (np.sqrt(sum_want) + o["eps"])
        _pyffnn.kernel_adagrad_row(g, w, s, o)
        eps = np.finfo(dtype).eps
        assert abs(s[0] - sum_want) <= 12 * eps * sum_want
        assert (np.abs(w - want) <= 16 * eps * (1 + np.abs(want))).all()


def test_state_must_fit_exactly():
    g = np.ones(4, np.float32)
    good = [np.ones(4, np.float32) for _ in range(3)]
    for bad in (np.ones(5, np.float32), np.ones(4), np.ones(8, np.float32)[::2]):
        with pytest.raises((ValueError, TypeError)):
            _pyffnn.kernel_optim_step(3, g, bad, good[1], good[2], settings())


@DTYPE
def test_dropout_keeps_its_share_and_scales_it(dtype, isa):
    x = np.full(200_000, 2.0, dtype)
    for rate in (0.0, 0.1, 0.5, 0.9):
        y = _pyffnn.kernel_dropout(x, rate, 7, 0)
        kept = y != 0
        assert abs(kept.mean() - (1 - rate)) < 5 * np.sqrt(rate * (1 - rate) / x.size) + 1e-12
        np.testing.assert_allclose(y[kept], 2 / (1 - rate), rtol=1e-6)
        # neighbours are independent: the lag-one agreement is that of a coin
        pairs = (kept[1:] & kept[:-1]).mean()
        assert abs(pairs - (1 - rate) ** 2) < 0.01
    assert not _pyffnn.kernel_dropout(x, 1.0, 7, 0).any()


def test_dropout_depends_on_key_and_position_alone(isa):
    """Any part of the array, computed alone, has the same mask: the split among threads cannot matter."""
    x = np.ones(1000, np.float32)
    whole = _pyffnn.kernel_dropout(x, 0.4, 123, 50)
    for begin, end in [(0, 1), (3, 500), (500, 1000), (999, 1000)]:
        part = _pyffnn.kernel_dropout(x[begin:end], 0.4, 123, 50 + begin)
        np.testing.assert_array_equal(part, whole[begin:end])
    assert (_pyffnn.kernel_dropout(x, 0.4, 124, 50) != whole).any()
    with pyffnn.use_isa("reference"):
        np.testing.assert_array_equal(_pyffnn.kernel_dropout(x, 0.4, 123, 50), whole)


def splitmix64(key, counter):
    """The high half of the generator's output, in Python's integers (Steele, Lea and Flood 2014)."""
    mask = 2**64 - 1
    z = (key + counter * 0x9E3779B97F4A7C15) & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return (z ^ z >> 31) >> 32


@DTYPE
def test_uniform_is_the_generator_scaled(dtype, isa):
    for n, key, start in [(0, 1, 0), (1, 7, 3), (37, 2**63 + 5, 2**40)]:
        got = _pyffnn.kernel_uniform(n, 0.25, key, start, dtype is np.float64)
        bits = [splitmix64(key, start + i) for i in range(n)]
        want = np.array([b - 2**32 if b >= 2**31 else b for b in bits]).astype(dtype) * dtype(
            2**-33
        )
        np.testing.assert_array_equal(got, want)
        assert got.dtype == dtype
    many = _pyffnn.kernel_uniform(100_000, 0.25, 11, 0, dtype is np.float64)
    assert abs(many).max() <= 0.25
    assert abs(many.mean()) < 5 * 0.25 / np.sqrt(3 * many.size)
