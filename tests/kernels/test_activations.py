"""What the registry does not say of the activations: any rank, in place, the subgradient at the kink."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import dtypes, floats, sizes, views

from pyffnn import ops

NAMES = ("sigmoid", "tanh", "relu", "exp", "log")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_rank_and_layout(data):
    dtype = data.draw(dtypes())
    name = data.draw(st.sampled_from(NAMES))
    shape = tuple(data.draw(st.lists(sizes(0, 7), max_size=4)))
    x = data.draw(floats(shape, dtype, special=True))
    call = getattr(ops, name)
    y = call(data.draw(views(x)))
    assert y.shape == shape
    assert y.dtype == dtype
    assert y.flags.c_contiguous
    # each number as if it stood alone: neither its neighbours nor its place in a vector matter
    alone = np.array([call(np.array([v], dtype))[0] for v in x.ravel()], dtype).reshape(shape)
    np.testing.assert_array_equal(y, alone)


@pytest.mark.parametrize("name", NAMES)
def test_in_place(name, isa):
    x = np.random.default_rng(0).random((7, 33)).astype(np.float32) + 0.1
    expected = getattr(ops, name)(x)
    assert getattr(ops, name)(x, out=x) is x
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradients_at_the_ends(dtype, isa):
    dy = np.array([3.0, -2.0, 5.0, 1.0], dtype)
    np.testing.assert_array_equal(
        ops.relu_backward(dy, np.array([0.0, -0.0, 1e-30, 7], dtype)), [0, 0, 5, 1]
    )
    np.testing.assert_array_equal(
        ops.sigmoid_backward(dy, np.array([0.0, 1, 0.5, 1], dtype)), [0, 0, 1.25, 0]
    )
    np.testing.assert_array_equal(
        ops.tanh_backward(dy, np.array([1.0, -1, 0, 0.5], dtype)), [0, 0, 5, 0.75]
    )


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softmax"])
def test_a_backward_wants_two_arrays_of_one_shape(name):
    call = getattr(ops, f"{name}_backward")
    with pytest.raises(ValueError, match="dy"):
        call(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(TypeError, match="y"):
        call(np.zeros(3), np.zeros(3, np.int32))


def test_a_nan_gradient_is_not_hidden(isa):
    nan = np.array([np.nan] * 17, np.float32)
    one = np.ones(17, np.float32)
    for name in ("sigmoid", "tanh", "relu"):
        call = getattr(ops, f"{name}_backward")
        half = np.full(17, 0.5, np.float32)
        assert np.isnan(call(nan, half)).all()
        assert np.isnan(call(one, nan)).all()
