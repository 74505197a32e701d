"""Softmax and the losses at the ends of the number range, and their weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import dtypes, floats, sizes, views

from pyffnn import ops
from pyffnn.testing import oracles

DTYPE = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["f32", "f64"])
INF, NAN = np.inf, np.nan


@DTYPE
def test_softmax_never_overflows(dtype, isa):
    largest = np.finfo(dtype).max
    for n in (1, 3, 16, 37):
        for top in (1e4, 1e30, largest):
            x = np.full((2, n), -top, dtype)
            x[0, n // 2] = top
            y = ops.softmax(x)
            assert y[0, n // 2] == 1
            np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-6)
            np.testing.assert_allclose(y[1], 1 / n, rtol=1e-6)
            assert np.isfinite(ops.log_softmax(np.full((1, n), top, dtype))).all()


@DTYPE
def test_softmax_of_the_textbook(dtype, isa):
    """Jurafsky & Martin, section on the softmax: z = [0.6, 1.1, -1.5, 1.2, 3.2, -1.1]."""
    y = ops.softmax(np.array([0.6, 1.1, -1.5, 1.2, 3.2, -1.1], dtype))
    np.testing.assert_allclose(y, [0.055, 0.090, 0.006, 0.099, 0.74, 0.010], atol=0.006)


# One row each: what stands in it, and what softmax gives. The row is padded by -inf, which adds nothing.
@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([0.0, -INF], [1, 0]),
        ([-INF, 5.0, -INF], [0, 1, 0]),
        ([-INF, -INF], [NAN, NAN]),
        ([INF, 0.0], [NAN, NAN]),
        ([INF, INF], [NAN, NAN]),
        ([NAN, 0.0], [NAN, NAN]),
        ([0.0, NAN, -INF], [NAN, NAN, NAN]),
    ],
)
@DTYPE
def test_softmax_of_infinities_and_nan(row, expected, dtype, isa):
    for pad in (0, 14, 30, 61, 80):
        x = np.concatenate([np.full(pad, -INF), row]).astype(dtype)
        for values in (x, x[::-1]):
            y = ops.softmax(values)
            y = y[pad:] if values is x else y[::-1][pad:]
            np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
            if not np.isnan(expected).any():
                np.testing.assert_array_equal(y, expected)


def test_one_bad_row_leaves_the_others_alone(isa):
    x = np.random.default_rng(0).standard_normal((5, 33)).astype(np.float32)
    good = ops.softmax(x)
    x[2, 7] = NAN
    y = ops.softmax(x)
    assert np.isnan(y[2]).all()
    np.testing.assert_array_equal(np.delete(y, 2, 0), np.delete(good, 2, 0))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_rank_and_layout(data):
    dtype = data.draw(dtypes())
    shape = tuple(data.draw(st.lists(sizes(0, 6), min_size=0, max_size=2))) + (
        data.draw(sizes(1, 50)),
    )
    x = data.draw(floats(shape, dtype))
    y = ops.softmax(data.draw(views(x)))
    np.testing.assert_array_equal(y, ops.softmax(x))
    np.testing.assert_allclose(y, oracles.softmax(x.astype(np.float64)), rtol=1e-5, atol=1e-30)
    np.testing.assert_array_equal(ops.softmax(x, out=x), y)


@DTYPE
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 10, 15, 16, 17])
def test_rows_together_and_alone_give_the_same_bits(n, dtype, isa):
    """Short rows are taken many at once, which a single row is not."""
    rng = np.random.default_rng(n)
    for m in (2, 4, 5, 16, 17, 39):
        x = rng.normal(0, 5, (m, n)).astype(dtype)
        targets = rng.integers(0, n, m)
        for i in range(m):
            loss, dz = ops.cross_entropy(
                x, targets, sample_weight=(np.arange(m) == i).astype(dtype)
            )
            alone, row = ops.cross_entropy(x[i : i + 1], targets[i : i + 1])
            assert loss == alone
            np.testing.assert_array_equal(dz[i], row[0])
            assert not dz[np.arange(m) != i].any()
        x[rng.random((m, n)) < 0.05] = -INF
        x[m // 2] = rng.choice([INF, NAN, -INF])
        for f in (ops.softmax, ops.log_softmax):
            np.testing.assert_array_equal(f(x), np.stack([f(row) for row in x]))


def test_a_scalar_has_no_last_axis():
    for call in (ops.softmax, ops.log_softmax):
        with pytest.raises(ValueError, match="x"):
            call(np.float32(1))


@DTYPE
def test_cross_entropy_with_class_and_sample_weights(dtype, isa):
    rng = np.random.default_rng(1)
    for m, n in [(1, 2), (7, 5), (40, 33)]:
        z = (3 * rng.standard_normal((m, n))).astype(dtype)
        t = rng.integers(0, n, m)
        cw, sw = rng.uniform(0, 2, n), rng.uniform(0, 2, m)
        for given_cw, given_sw in [(None, None), (cw, None), (None, sw), (cw, sw)]:
            loss, dz = ops.cross_entropy(z, t, class_weight=given_cw, sample_weight=given_sw)
            want, dz_want = oracles.cross_entropy(z.astype(np.float64), t, given_cw, given_sw)
            assert isinstance(loss, float)
            np.testing.assert_allclose(loss, want, rtol=1e-5)
            np.testing.assert_allclose(dz, dz_want, rtol=1e-4, atol=1e-6)


def test_losses_of_nothing_are_zero(isa):
    z, t = np.zeros((0, 3), np.float32), np.zeros(0, np.int64)
    loss, dz = ops.cross_entropy(z, t)
    assert loss == 0
    assert dz.shape == (0, 3)
    loss, dz = ops.cross_entropy(np.ones((2, 3)), [0, 1], sample_weight=[0.0, 0.0])
    assert loss == 0
    assert not dz.any()
    loss, dz = ops.binary_cross_entropy(np.zeros((0, 3)), np.zeros((0, 3)))
    assert loss == 0
    loss, dx, dw, db = ops.linear_cross_entropy(np.zeros((0, 4)), np.ones((4, 3)), None, t)
    assert loss == 0
    assert dx.shape == (0, 4)
    assert not dw.any()
    assert not db.any()


@DTYPE
def test_losses_far_out_are_exact_and_finite(dtype, isa):
    """A confident right answer costs 0, a wrong one the distance; the gradients saturate at the weights."""
    big = 5e4
    z = np.array([[big, 0, 0], [big, 0, 0]], dtype)
    loss, dz = ops.cross_entropy(z, [0, 2])
    assert loss == big / 2
    np.testing.assert_array_equal(dz, np.array([[0, 0, 0], [0.5, 0, -0.5]], dtype))
    loss, dz = ops.binary_cross_entropy(np.array([big, -big, big, -big], dtype), [1.0, 0, 0, 1])
    assert loss == big / 2
    np.testing.assert_array_equal(dz, np.array([0, 0, 0.25, -0.25], dtype))


def test_nan_logits_give_a_nan_loss(isa):
    z = np.zeros((3, 20), np.float32)
    z[1, 11] = NAN
    assert np.isnan(ops.cross_entropy(z, [0, 1, 2])[0])
    assert np.isnan(ops.binary_cross_entropy(z, np.zeros_like(z))[0])
    x = np.ones((3, 4), np.float32)
    x[1, 2] = NAN
    assert np.isnan(ops.linear_cross_entropy(x, np.ones((4, 20), np.float32), None, [0, 1, 2])[0])


def test_linear_cross_entropy_over_many_tiles(isa):
    """The vocabulary is walked in tiles: their seams, targets at either end of each, a maximum in the last."""
    rng = np.random.default_rng(2)
    m, k, n = 37, 24, 9001
    x, w = rng.standard_normal((m, k)), rng.standard_normal((k, n))
    b = rng.standard_normal(n)
    b[-1] = 40
    t = rng.integers(0, n, m)
    t[:5] = 0, n - 1, 128, 127, 8999
    weight = rng.uniform(0, 1, m)
    for dtype, rtol in ((np.float64, 1e-9), (np.float32, 2e-4)):
        got = ops.linear_cross_entropy(
            x.astype(dtype), w.astype(dtype), b.astype(dtype), t, sample_weight=weight.astype(dtype)
        )
        want = oracles.linear_cross_entropy(x, w, b, t, weight)
        for g, e in zip(got, want, strict=True):
            np.testing.assert_allclose(g, e, rtol=rtol, atol=rtol * np.abs(e).max())


@pytest.mark.parametrize("k", [50, 12, 3])
def test_linear_cross_entropy_when_later_words_are_far_likelier(k, isa):
    """Exponentials are kept against the maximum of the first words: it moves by hundreds, twice, and may begin at -inf."""
    rng = np.random.default_rng(4)
    m, n = 37, 4001
    x, w = rng.standard_normal((m, k)), rng.standard_normal((k, n))
    b = rng.standard_normal(n)
    b[:400] = -300
    b[2500:] += 200
    t = rng.integers(2500, n, m)
    for first in (-300, -INF):
        b[:200] = first
        want = oracles.linear_cross_entropy(x, w, b, t)
        for dtype, rtol in ((np.float64, 1e-9), (np.float32, 2e-3)):
            got = ops.linear_cross_entropy(x.astype(dtype), w.astype(dtype), b.astype(dtype), t)
            for g, e in zip(got, want, strict=True):
                np.testing.assert_allclose(g, e, rtol=rtol, atol=rtol * np.abs(e).max())


def test_targets_and_weights_are_checked():
    z = np.zeros((2, 3))
    for bad in ([0, 3], [-1, 0]):
        with pytest.raises(IndexError, match="targets"):
            ops.cross_entropy(z, bad)
        with pytest.raises(IndexError, match="targets"):
            ops.linear_cross_entropy(np.zeros((2, 4)), np.zeros((4, 3)), None, bad)
    with pytest.raises(TypeError, match="targets"):
        ops.cross_entropy(z, [0.0, 1.0])
    for bad in ([0], [0, 1, 2], [[0, 1]]):
        with pytest.raises(ValueError, match="targets"):
            ops.cross_entropy(z, bad)
    for bad in ([-1.0, 1], [NAN, 1], [INF, 1], [1.0], [1.0, 1, 1]):
        with pytest.raises(ValueError, match="sample_weight"):
            ops.cross_entropy(z, [0, 1], sample_weight=bad)
    with pytest.raises(ValueError, match="class_weight"):
        ops.cross_entropy(z, [0, 1], class_weight=[1.0, 2])
    for bad in (np.full((2, 3), 1.5), np.full((2, 3), -0.1), np.full((2, 3), NAN)):
        with pytest.raises(ValueError, match="targets"):
            ops.binary_cross_entropy(z, bad)
    with pytest.raises(ValueError, match="targets"):
        ops.binary_cross_entropy(z, np.zeros((3, 2)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("far", [1e-300, 1e-44, 1e-30, 1e30, 3e38, 1e300])
def test_weights_matter_by_their_ratios_alone(dtype, far):
    """Also where their sums and products leave the range of numbers: that was a loss of 0 or NaN."""
    rng = np.random.default_rng(1)
    z, t = rng.standard_normal((6, 4)).astype(dtype), rng.integers(0, 4, 6)
    x, w = rng.standard_normal((6, 3)).astype(dtype), rng.standard_normal((3, 4)).astype(dtype)
    each, of_class = rng.random(6) + 0.5, rng.random(4) + 0.5
    near = {"sample_weight": each, "class_weight": of_class}
    wide = {name: weight * far for name, weight in near.items()}
    tolerance = {"rtol": 1e-5, "atol": 1e-6}
    for call in (
        lambda of: ops.cross_entropy(z, t, **of),
        lambda of: ops.cross_entropy(z, t, sample_weight=of["sample_weight"]),
        lambda of: ops.binary_cross_entropy(
            z, (z > 0).astype(dtype), sample_weight=of["sample_weight"]
        ),
        lambda of: ops.linear_cross_entropy(x, w, None, t, sample_weight=of["sample_weight"])[:3],
    ):
        for found, wanted in zip(call(wide), call(near), strict=True):
            assert np.abs(wanted).max() > 0
            np.testing.assert_allclose(found, wanted, **tolerance)
    if 1e-30 <= far <= 1e30 or dtype is np.float64:
        typed = {name: weight.astype(dtype) for name, weight in wide.items()}
        np.testing.assert_allclose(
            ops.cross_entropy(z, t, **typed)[1], ops.cross_entropy(z, t, **near)[1], **tolerance
        )
    assert all(np.array_equal(wide[name], near[name] * far) for name in near)  # not written
