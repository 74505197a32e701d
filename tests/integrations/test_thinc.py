"""Thinc on pyffnn's kernels: found by name, the same results as its own operations, its own where ours do not fit."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("thinc")

from thinc.api import (
    Adam,
    Config,
    NumpyOps,
    Relu,
    Softmax,
    chain,
    fix_random_seed,
    get_ops,
    registry,
    use_ops,
)

import pyffnn
from pyffnn.integrations import thinc as ours
from pyffnn.integrations.thinc import LayerNorm, PyffnnOps

OURS, THEIRS = PyffnnOps(), NumpyOps()
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def floats(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).normal(0, 2, shape).astype(dtype)


def test_found_by_name():
    if "pyffnn" not in registry.ops.get_all():
        pytest.skip("pyffnn is not installed with its entry points")
    assert type(get_ops("pyffnn")) is PyffnnOps
    with use_ops("pyffnn"):
        assert Relu(3, 2).ops.name == "pyffnn"
    assert registry.ops.get("pyffnn") is PyffnnOps
    made = registry.resolve(Config().from_str('[layer]\n@layers = "pyffnn.LayerNorm.v1"\nnI = 4'))
    assert made["layer"].get_dim("nO") == 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("trans1", [False, True])
@pytest.mark.parametrize("trans2", [False, True])
def test_gemm(trans1, trans2, dtype):
    a = floats(*((7, 33) if trans1 else (33, 7)), dtype=dtype)
    b = floats(*((19, 7) if trans2 else (7, 19)), dtype=dtype, seed=1)
    expected = (a.T if trans1 else a) @ (b.T if trans2 else b)
    np.testing.assert_allclose(OURS.gemm(a, b, trans1=trans1, trans2=trans2), expected, rtol=1e-4)
    out = np.full((33, 19), np.nan, dtype)
    assert OURS.gemm(a, b, out=out, trans1=trans1, trans2=trans2) is out
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


FORWARD = [
    "sigmoid", "relu", "clipped_linear", "relu_k", "hard_sigmoid", "hard_tanh", "swish", "hard_swish", "hard_swish_mobilenet", "dish",
    "gelu_approx", "gelu", "mish",
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FORWARD)
def test_activations(name, dtype):
    x, dy = floats(31, 17, dtype=dtype), floats(31, 17, dtype=dtype, seed=1)
    expected = getattr(THEIRS, name)(x.copy())
    y = getattr(OURS, name)(x)
    assert y.dtype == dtype
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    inplace = x.copy()
    assert getattr(OURS, name)(inplace, inplace=True) is inplace
    np.testing.assert_allclose(inplace, y, rtol=1e-6)
    arguments = {
        "sigmoid": (dy, y),
        "relu": (dy, y),
        "swish": (dy, x, y),
    }.get(name, (dy, x))
    back = getattr(OURS, f"backprop_{name}")(*(a.copy() for a in arguments))
    expected = getattr(THEIRS, f"backprop_{name}")(*(a.copy() for a in arguments))
    np.testing.assert_allclose(back, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("view", ["strided", "fortran", "subclass", "readonly", "half"])
def test_whatever_else_comes_is_thincs(view):
    x = floats(8, 6)
    x = {
        "strided": lambda: floats(8, 12)[:, ::2],
        "fortran": lambda: np.asfortranarray(x),
        "subclass": lambda: x.view(np.recarray),
        "readonly": lambda: np.broadcast_to(x, x.shape),
        "half": lambda: x.astype(np.float16),
    }[view]()
    np.testing.assert_allclose(
        np.asarray(OURS.softmax(x)), np.asarray(THEIRS.softmax(x)), rtol=1e-3
    )
    np.testing.assert_allclose(
        np.asarray(OURS.clipped_linear(x)), np.asarray(THEIRS.clipped_linear(x)), rtol=1e-3
    )
    if view != "half":
        w = floats(5, 6, seed=2)
        np.testing.assert_allclose(
            OURS.gemm(x, w, trans2=True), np.asarray(x) @ w.T, rtol=1e-4, atol=1e-5
        )


def test_softmax_axis_and_temperature():
    x, dy = floats(5, 6), floats(5, 6, seed=1)
    for settings in ({}, {"axis": 0}, {"axis": 1}, {"temperature": 0.5}):
        y = OURS.softmax(x, **settings)
        np.testing.assert_allclose(y, THEIRS.softmax(x, **settings), rtol=1e-5)
        np.testing.assert_allclose(
            OURS.backprop_softmax(y, dy, **settings),
            THEIRS.backprop_softmax(y, dy, **settings),
            rtol=1e-4,
            atol=1e-6,
        )


def test_softmax_in_place_of_a_slice():
    x = floats(5, 6)
    for part in (x[:, 1:4], x[:1], x):
        expected = OURS.softmax(part, temperature=2.0)
        assert OURS.softmax(part, inplace=True, temperature=2.0) is part
        np.testing.assert_allclose(part, expected, rtol=1e-6)


def test_reductions_and_gather():
    x, lengths = floats(12, 5), np.array([3, 4, 5], np.int32)
    for name in ("reduce_sum", "reduce_mean"):
        y = getattr(OURS, name)(x, lengths)
        np.testing.assert_allclose(y, getattr(THEIRS, name)(x, lengths), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            getattr(OURS, f"backprop_{name}")(y, lengths),
            getattr(THEIRS, f"backprop_{name}")(y, lengths),
            rtol=1e-5,
        )
    ours, theirs = OURS.reduce_max(x, lengths), THEIRS.reduce_max(x, lengths)
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])
    np.testing.assert_array_equal(
        OURS.backprop_reduce_max(*ours, lengths), THEIRS.backprop_reduce_max(*theirs, lengths)
    )
    ids = np.array([[0, 1, 1], [4, 2, 0]], np.int32)
    np.testing.assert_allclose(OURS.gather_add(x, ids), x[ids].sum(axis=1), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 17])
def test_maxout(pieces, dtype):
    x, dy = floats(70, 9, pieces, dtype=dtype), floats(70, 9, dtype=dtype, seed=1)
    x[3, 4] = 1.0  # all alike: the first
    ours, theirs = OURS.maxout(x), THEIRS.maxout(x)
    for mine, yours in zip(ours, theirs, strict=True):
        assert mine.dtype == yours.dtype
        np.testing.assert_array_equal(mine, yours)
    back = OURS.backprop_maxout(dy, ours[1], pieces)
    np.testing.assert_array_equal(back, THEIRS.backprop_maxout(dy, theirs[1], pieces))
    with pytest.raises(IndexError, match="out of bounds for maxout with size"):
        OURS.backprop_maxout(dy, ours[1] + pieces, pieces)


def test_adam_and_clip():
    ours = [floats(1000, seed=i) for i in range(3)] + [np.abs(floats(1000, seed=3))]
    theirs = [a.copy() for a in ours]
    assert OURS.adam(*ours, 0.9, 0.99, 1e-8, 0.1)[0] is ours[0]
    THEIRS.adam(*theirs, 0.9, 0.99, 1e-8, 0.1)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    g = floats(7, 9)
    np.testing.assert_allclose(
        OURS.clip_gradient(g.copy(), 1.0), THEIRS.clip_gradient(g.copy(), 1.0), rtol=1e-5
    )


def test_layer_norm_is_thincs_in_one_pass():
    from thinc.api import LayerNorm as TheirLayerNorm

    x, dy = floats(6, 10), floats(6, 10, seed=1)
    ours, theirs = LayerNorm(10), TheirLayerNorm(10)
    for model in (ours, theirs):
        model.initialize()
        model.set_param("G", floats(10, seed=2))
        model.set_param("b", floats(10, seed=3))
    (y, back), (their_y, their_back) = ours(x, True), theirs(x, True)
    np.testing.assert_allclose(y, their_y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(back(dy), their_back(dy), rtol=1e-4, atol=1e-5)
    for name in ("G", "b"):
        np.testing.assert_allclose(ours.get_grad(name), theirs.get_grad(name), rtol=1e-4, atol=1e-5)
    theirs.from_bytes(ours.to_bytes())


@pytest.mark.parametrize(
    "setting", [{}, {"L2": 0.1}, {"L2": 0.1, "L2_is_weight_decay": False, "grad_clip": 0.5, "use_averages": False}]
)  # fmt: skip
def test_adam_is_thincs_with_steps_of_a_kernel(setting, monkeypatch):
    steps = []
    step = PyffnnOps.adam
    monkeypatch.setattr(PyffnnOps, "adam", lambda *a: steps.append(1) or step(*a))
    found = []
    for make in (ours.Adam, Adam):
        optimizer, w = make(0.01, **setting), floats(7, 5)
        for i in range(5):
            w, gradient = optimizer((0, "W"), w, floats(7, 5, seed=i), lr_scale=0.5)
            assert not gradient.any()
        found.append((w, optimizer.averages and optimizer.averages[0, "W"]))
    assert len(steps) == 5
    for mine, theirs in zip(*found, strict=True):
        if theirs is not None:
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-6)


def test_adam_in_a_config():
    if "pyffnn.Adam.v1" not in registry.optimizers.get_all():
        pytest.skip("pyffnn is not installed with its entry points")
    text = '[it]\n@optimizers = "pyffnn.Adam.v1"\nbeta1 = 0.8\n[it.learn_rate]\n@schedules = "constant.v1"\nrate = 0.25'
    made = registry.resolve(Config().from_str(text))["it"]
    assert isinstance(made, ours._Optimizer)
    made((0, "b"), floats(3), floats(3))
    assert (made.b1, made.learn_rate) == (0.8, 0.25)


def trained(ops, threads):
    with use_ops(ops), pyffnn.num_threads(threads):
        fix_random_seed(0)
        x = floats(256, 20)
        y = np.eye(3, dtype=np.float32)[np.abs(x[:, :3]).argmax(axis=1)]
        model = chain(Relu(32), Softmax())
        model.initialize(X=x, Y=y)
        optimizer = Adam(0.01)
        for _ in range(40):
            guess, backprop = model.begin_update(x)
            backprop((guess - y) / len(y))
            model.finish_update(optimizer)
        guess = model.predict(x)
        return (guess.argmax(axis=1) == y.argmax(axis=1)).mean(), guess


def test_a_network_trains():
    if "pyffnn" not in registry.ops.get_all():
        pytest.skip("pyffnn is not installed with its entry points")
    ours, bits = trained("pyffnn", 1)
    theirs, _ = trained("numpy", 1)
    assert abs(ours - theirs) < 0.03
    assert ours > 0.8
    np.testing.assert_array_equal(trained("pyffnn", 2)[1], bits)
