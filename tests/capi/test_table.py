"""The table of C functions gives the bits of `pyffnn.ops`, and refuses what it cannot take."""

from __future__ import annotations

import ctypes
import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from capi.c_table import HEADER, FailedError, Optimizer, Table, api, call, declarations

import pyffnn
from pyffnn import ops

RNG = np.random.default_rng(11)
BOTH = pytest.mark.parametrize(("suffix", "dtype"), [("f32", np.float32), ("f64", np.float64)])


def numbers(dtype: Any, *shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


def padded(x: np.ndarray, more: int) -> np.ndarray:
    """x as the first columns of a wider matrix, which holds NaN elsewhere."""
    wide = np.full((x.shape[0], x.shape[1] + more), np.nan, x.dtype)
    wide[:, : x.shape[1]] = x
    return wide


def refused(code: str, match: str, name: str, *arguments: Any) -> None:
    with pytest.raises(FailedError, match=match) as caught:
        call(name, *arguments)
    assert caught.value.code == code


def test_version_and_size():
    assert api.version == 1
    assert api.size == ctypes.sizeof(Table)
    assert api.library == f"pyffnn {pyffnn.__version__}".encode()
    assert api.isa().decode() == pyffnn.isa()
    assert api.get_num_threads() == pyffnn.get_num_threads()


def test_the_pxd_declares_what_the_header_does():
    lines = (HEADER.parent / "capi.pxd").read_text().splitlines()
    found = [line.strip() for line in lines if line.startswith("        ") and ") noexcept" in line]
    wanted = [
        d.replace("(void)", "()").replace("char* const* texts", "char** texts") + " noexcept nogil"
        for d in declarations()
        if "(*" in d
    ]
    assert found == wanted


@BOTH
@pytest.mark.parametrize("transpose_a", [0, 1])
@pytest.mark.parametrize("transpose_b", [0, 1])
def test_matmul(suffix, dtype, transpose_a, transpose_b):
    m, n, k = 13, 21, 34
    a, b, c = numbers(dtype, m, k), numbers(dtype, k, n), np.full((m, n + 3), 7, dtype)
    left = padded(np.ascontiguousarray(a.T) if transpose_a else a, 2)
    right = padded(np.ascontiguousarray(b.T) if transpose_b else b, 1)
    for accumulate in (0, 1):
        call(
            f"matmul_{suffix}", transpose_a, transpose_b, m, n, k, left, left.shape[1], right, right.shape[1], c, n + 3, accumulate
        )  # fmt: skip
        if not accumulate:
            assert np.array_equal(c[:, :n], ops.matmul(a, b))
    np.testing.assert_allclose(c[:, :n], 2 * ops.matmul(a, b), rtol=1e-5, atol=1e-5)
    assert (c[:, n:] == 7).all()


@BOTH
def test_linear(suffix, dtype):
    m, n, k = 9, 17, 20
    x, w, b, y = (
        numbers(dtype, m, k),
        numbers(dtype, k, n),
        numbers(dtype, n),
        np.zeros((m, n), dtype),
    )
    for code, name in enumerate([None, "sigmoid", "tanh", "relu"]):
        call(f"linear_{suffix}", m, n, k, x, k, w, n, b, code, y, n)
        assert np.array_equal(y, ops.linear(x, w, b, activation=name))
    call(f"linear_{suffix}", m, n, k, x, k, w, n, None, 0, y, n)
    assert np.array_equal(y, ops.matmul(x, w))
    call(f"linear_{suffix}", m, n, 0, None, 0, None, n, b, 0, y, n)
    assert (y == b).all()


@BOTH
def test_activations(suffix, dtype):
    x, dy = numbers(dtype, 101), numbers(dtype, 101)
    y, dx = np.zeros_like(x), np.zeros_like(x)
    for code, name in [(1, "sigmoid"), (2, "tanh"), (3, "relu")]:
        call(f"activation_{suffix}", code, x.size, x, y)
        assert np.array_equal(y, getattr(ops, name)(x))
        call(f"activation_backward_{suffix}", code, x.size, dy, y, dx)
        assert np.array_equal(dx, getattr(ops, f"{name}_backward")(dy, y))
    call(f"activation_{suffix}", 3, x.size, x, x)
    assert (x >= 0).all()


@BOTH
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rowwise(suffix, dtype, name):
    x = numbers(dtype, 6, 19)
    wide, y = padded(x, 4), np.zeros((6, 20), dtype)
    call(f"{name}_{suffix}", 6, 19, wide, 23, y, 20)
    assert np.array_equal(y[:, :19], getattr(ops, name)(x))
    call(f"{name}_{suffix}", 6, 19, wide, 23, wide, 23)
    assert np.array_equal(wide[:, :19], y[:, :19])


@BOTH
def test_gather_and_back(suffix, dtype):
    table, ids = numbers(dtype, 12, 5), np.array([3, 11, 0, 3])
    out, grad = np.zeros((4, 6), dtype), np.full((12, 5), 9, dtype)
    call(f"gather_{suffix}", padded(table, 2), 12, 5, 7, ids, 4, out, 6)
    assert np.array_equal(out[:, :5], table[ids])
    dy = numbers(dtype, 4, 5)
    call(f"gather_backward_{suffix}", dy, ids, 4, 12, 5, grad)
    assert np.array_equal(grad, ops.embedding_backward(dy, ids, 12))


@BOTH
def test_pools(suffix, dtype):
    table, ids = numbers(dtype, 12, 5), RNG.integers(0, 12, 30)
    offsets, weights = np.array([0, 4, 4, 17, 28]), RNG.uniform(0, 2, 30).astype(dtype)
    out = np.full((4, 5), 9, dtype)
    for w in (None, weights):
        call(f"mean_pool_{suffix}", table, 12, 5, 5, ids, 30, offsets, 4, w, out, 5)
        assert np.array_equal(out, ops.mean_pool(table, ids, offsets, weights=w))
        call(f"sum_pool_{suffix}", table, 12, 5, 5, ids, 30, offsets, 4, w, out, 5)
        factor = np.ones(30) if w is None else w.astype(np.float64)
        rows = table[ids].astype(np.float64) * factor[:, None]
        sums = [rows[a:b].sum(axis=0) for a, b in pairwise(offsets)]
        np.testing.assert_allclose(out, sums, rtol=1e-5, atol=1e-5)
    many = np.arange(201)
    out = np.zeros((200, 5), dtype)
    call(f"sum_pool_{suffix}", table, 12, 5, 5, many % 12, 200, many, 200, None, out, 5)
    assert np.array_equal(out, table[many[:-1] % 12])


@BOTH
def test_losses(suffix, dtype):
    m, n, k = 8, 11, 6
    z, t, w = numbers(dtype, m, n), RNG.integers(0, n, m), RNG.uniform(0, 2, m).astype(dtype)
    loss, dz = ctypes.c_double(), np.zeros((m, n), dtype)
    call(f"cross_entropy_{suffix}", m, n, z, t, w, loss, dz)
    want, grad = ops.cross_entropy(z, t, sample_weight=w)
    assert loss.value == want and np.array_equal(dz, grad)
    call(f"cross_entropy_{suffix}", m, n, z, t, None, loss, None)
    assert loss.value == ops.cross_entropy(z, t)[0]
    soft = RNG.uniform(size=(m, n)).astype(dtype)
    call(f"binary_cross_entropy_{suffix}", m, n, z, soft, w, loss, dz)
    want, grad = ops.binary_cross_entropy(z, soft, sample_weight=w)
    assert loss.value == want and np.array_equal(dz, grad)
    x, weights, b = numbers(dtype, m, k), numbers(dtype, k, n), numbers(dtype, n)
    dx, dw, db = np.zeros_like(x), np.zeros_like(weights), np.zeros_like(b)
    call(f"linear_cross_entropy_{suffix}", m, n, k, x, weights, b, t, w, loss, dx, dw, db)
    found = ops.linear_cross_entropy(x, weights, b, t, sample_weight=w)
    assert loss.value == found[0]
    assert all(np.array_equal(p, q) for p, q in zip((dx, dw, db), found[1:], strict=True))


@BOTH
def test_optimizers(suffix, dtype):
    settings = {
        "lr": 0.1,
        "beta1": 0.9,
        "beta2": 0.99,
        "eps": 1e-6,
        "l2": 0.01,
        "weight_decay": 0.02,
    }
    lr, b1, b2 = settings["lr"], settings["beta1"], settings["beta2"]
    for kind in range(4):
        w, s1, s2 = numbers(dtype, 37), np.zeros(37, dtype), np.zeros(37, dtype)
        x, m, v = w.astype(np.float64), np.zeros(37), np.zeros(37)
        for step in range(1, 4):
            g = numbers(dtype, 37)
            call(f"optimizer_step_{suffix}", Optimizer(kind, *settings.values()), step, 37, g, w, s1 if kind else None, s2 if kind == 3 else None)  # fmt: skip
            h = g + settings["l2"] * x
            x = x * (1 - lr * settings["weight_decay"])
            if kind == 0:
                x = x - lr * h
            elif kind == 1:
                m = b1 * m + h
                x = x - lr * m
            elif kind == 2:
                m = m + h * h
                x = x - lr * h / (np.sqrt(m) + settings["eps"])
            else:
                m, v = b1 * m + (1 - b1) * h, b2 * v + (1 - b2) * h * h
                x = x - lr * (m / (1 - b1**step)) / (np.sqrt(v / (1 - b2**step)) + settings["eps"])
        np.testing.assert_allclose(w, x, rtol=2e-5, atol=1e-6)


def test_nothing_to_do_needs_no_memory():
    call("matmul_f32", 0, 0, 0, 0, 0, None, 0, None, 0, None, 0, 0)
    call("activation_f64", 1, 0, None, None)
    call("softmax_f32", 5, 0, None, 0, None, 0)
    call("gather_f32", None, 0, 3, 3, None, 0, None, 3)


def test_bad_arguments():
    x, y, ids = np.zeros((4, 4), np.float32), np.zeros((4, 4), np.float32), np.array([0, 9])
    bad = "BAD_ARGUMENT"
    refused(
        bad, r"m must be at least 0 .* got -1", "matmul_f32", 0, 0, -1, 4, 4, x, 4, x, 4, y, 4, 0
    )
    refused(bad, r"row distance of b .* 4 columns, got 3", "matmul_f32", 0, 0, 4, 4, 4, x, 4, x, 3, y, 4, 0)  # fmt: skip
    refused(bad, "a must not be NULL", "matmul_f32", 0, 0, 4, 4, 4, None, 4, x, 4, y, 4, 0)
    refused(bad, "c must not overlap a", "matmul_f32", 0, 0, 4, 4, 4, x, 4, y, 4, x, 4, 0)
    refused(bad, "does not fit into memory", "softmax_f32", 2**57, 2**57, x, 2**57, y, 2**57)
    refused(bad, r"activation must be between 0 and 3, got 4", "activation_f32", 4, 4, x, y)
    refused(bad, "y must be x or not overlap it", "activation_f32", 1, 4, x, x.ravel()[1:])
    refused("BAD_ID", r"ids\[1\] = 9 is outside \[0, 4\)", "gather_f32", x, 4, 4, 4, ids, 2, y, 4)
    pool = ["mean_pool_f32", x, 4, 4, 4, np.zeros(3, np.int64), 3]
    refused(bad, r"offsets end at 5, beyond the 3 ids", *pool, np.array([0, 5]), 1, None, y, 4)
    refused(bad, r"must not decrease; offsets\[2\]", *pool, np.array([0, 2, 1]), 2, None, y, 4)
    refused(bad, "must not be negative, got -1", *pool, np.array([-1, 2]), 1, None, y, 4)
    refused(bad, "finite and not negative", *pool, np.array([0, 2]), 1, np.array([1, -1, 1], np.float32), y, 4)  # fmt: skip
    loss = ctypes.c_double()
    refused("BAD_ID", r"targets\[1\] = 9", "cross_entropy_f32", 2, 4, x, ids, None, loss, y)
    refused(bad, "loss must not be NULL", "cross_entropy_f32", 2, 4, x, ids, None, None, y)
    good = Optimizer(3, 0.1, 0.9, 0.999, 1e-8, 0, 0)
    refused(bad, "s2 must not be NULL", "optimizer_step_f32", good, 1, 4, x, y, np.zeros(4, np.float32), None)  # fmt: skip
    refused(bad, "step must be at least 1, got 0", "optimizer_step_f32", good, 0, 4, x, y, x, x)
    refused(bad, "kind must be between 0 and 3, got 9", "optimizer_step_f32", Optimizer(9), 1, 4, x, y, x, x)  # fmt: skip
    refused(bad, "lr must be finite", "optimizer_step_f32", Optimizer(0, np.nan), 1, 4, x, y, None, None)  # fmt: skip
    refused(bad, "n must be at least 1, got 0", "set_num_threads", 0)
    assert api.status_code(None) == 0 and api.status_message(None) == b""


def test_each_thread_has_its_own_status():
    first = api.activation_f32(9, 0, None, None)
    message = api.status_message(first)
    other: list[int] = []
    thread = threading.Thread(target=lambda: other.append(api.activation_f32(8, 0, None, None)))
    thread.start()
    thread.join()
    assert other[0] and other[0] != first
    assert api.status_message(first) == message
