"""The short entry points of the operations called for little work answer as the general functions behind them: same bits, same errors."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pyffnn import _pyffnn

RNG = np.random.default_rng(0)
NAMES = ("matmul", "linear", "activation", "softmax", "log_softmax")


def general(name: str) -> Callable[..., Any]:
    """What the entry point calls when the case is not its own."""
    behind = getattr(_pyffnn, name).__self__
    assert callable(behind) and behind is not getattr(_pyffnn, name)
    return behind


def misaligned(x: np.ndarray) -> np.ndarray:
    raw = np.zeros(x.nbytes + 1, np.uint8)
    view = raw[1:].view(x.dtype).reshape(x.shape)
    view[...] = x
    return view


def layouts(rows: int, cols: int) -> dict[str, Any]:
    x = RNG.standard_normal((rows, cols)).astype(np.float32)
    wide = np.zeros((rows, cols + 3), np.float32)
    wide[:, :cols] = x
    every_second = np.zeros((rows, 2 * cols), np.float32)
    every_second[:, ::2] = x
    return {
        "C": x,
        "F": np.asfortranarray(x),
        "row distance": wide[:, :cols],
        "column step": every_second[:, ::2],
        "reversed": x[::-1],
        "broadcast": np.broadcast_to(x[:1], x.shape),
        "misaligned": misaligned(x),
        "big-endian": x.astype(">f4"),
        "float64": x.astype(np.float64),
        "integers": x.astype(np.int64),
        "subclass": x.view(np.matrix),
        "read-only": np.frombuffer(x.tobytes(), np.float32).reshape(x.shape),
        "list": x.tolist(),
        "one dimension": x.ravel(),
        "three dimensions": x[None],
        "None": None,
    }


def outs(rows: int, cols: int, dtype: Any, *inputs: Any) -> dict[str, Any]:
    read_only = np.zeros((rows, cols), dtype)
    read_only.flags.writeable = False
    found: dict[str, Any] = {
        "None": None,
        "fits": np.zeros((rows, cols), dtype),
        "Fortran": np.zeros((rows, cols), dtype, order="F"),
        "strided": np.zeros((rows, 2 * cols), dtype)[:, ::2],
        "read-only": read_only,
        "another shape": np.zeros((rows + 1, cols), dtype),
        "another dtype": np.zeros((rows, cols), np.float16),
        "no array": [[0.0] * cols] * rows,
    }
    for i, x in enumerate(inputs):
        if isinstance(x, np.ndarray) and x.size >= rows * cols and x.flags.c_contiguous:
            found[f"overlaps input {i}"] = x.reshape(-1)[: rows * cols].reshape(rows, cols)
    return found


def answer(f: Callable[..., Any], args: tuple[Any, ...], written: Any) -> Any:
    try:
        y = f(*args)
    except Exception as e:
        return type(e), str(e)
    assert (written is None) or y is written
    return type(y), y.dtype, y.shape, y.flags.c_contiguous, y.tobytes()


def agree(name: str, args: tuple[Any, ...], out_at: int) -> Any:
    found = []
    for f in (getattr(_pyffnn, name), general(name)):
        found.append(answer(f, args, args[out_at]))
    assert found[0] == found[1]
    return found[0]


def test_entry_points_stand_before_the_general_functions():
    for name in NAMES:
        assert type(getattr(_pyffnn, name)).__name__ == "builtin_function_or_method"
        general(name)


@pytest.mark.parametrize("transposes", [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize(
    ("m", "k", "n"), [(5, 7, 3), (1, 6, 1), (6, 1, 4), (0, 3, 2), (3, 0, 2), (2, 3, 0)]
)
def test_matmul(m: int, k: int, n: int, transposes: tuple[bool, bool]):
    ta, tb = transposes
    left, right = (k, m) if ta else (m, k), (n, k) if tb else (k, n)
    for a, b in itertools.product(layouts(*left).values(), layouts(*right).values()):
        agree("matmul", (a, b, ta, tb, None, 0), 4)
    a, b = layouts(*left)["C"], layouts(*right)["C"]
    for out in outs(m, n, np.float32, a, b).values():
        agree("matmul", (a, b, ta, tb, out, 0), 4)
    wrong = np.zeros((k + 1, n + k + 1), np.float32)
    assert agree("matmul", (a, wrong, ta, tb, None, 0), 4)[0] is ValueError


def test_linear():
    x, w, b = layouts(4, 6), layouts(6, 5), RNG.standard_normal(5).astype(np.float32)
    biases = [None, b, np.zeros(10, np.float32)[::2], b.astype(np.float64), np.zeros(4, np.float32)]
    for left, right in itertools.product(x.values(), w.values()):
        agree("linear", (left, right, b, 1, None, 0), 4)
    for bias, act in itertools.product(biases, range(4)):
        agree("linear", (x["C"], w["C"], bias, act, None, 0), 4)
    for out in outs(4, 5, np.float32, x["C"], w["C"]).values():
        agree("linear", (x["C"], w["C"], b, 2, out, 0), 4)
    shared = np.zeros(20, np.float32)
    args = (x["C"], w["C"], shared[:5], 0, shared.reshape(4, 5), 0)
    assert agree("linear", args, 4)[0] is ValueError


@pytest.mark.parametrize("name", ["activation", "softmax", "log_softmax"])
@pytest.mark.parametrize("shape", [(3, 40), (1, 1), (0, 4), (4, 0)])
def test_elementwise_and_rows(name: str, shape: tuple[int, int]):
    first = [(act,) for act in range(1, 4)] if name == "activation" else [()]
    extra = {"scalar": np.float32(1), "no dimension": np.array(1, np.float32)}
    for head in first:
        for x in (layouts(*shape) | extra).values():
            agree(name, (*head, x, None), -1)
        x = layouts(*shape)["C"]
        for out in outs(*shape, np.float32).values():
            agree(name, (*head, x, out), -1)
        if x.size > 1:
            shifted = x.reshape(-1)[1:]
            assert agree(name, (*head, x.reshape(-1)[:-1], shifted), -1)[0] is ValueError
        mine, theirs = x.copy(), x.copy()
        getattr(_pyffnn, name)(*head, mine, mine)
        general(name)(*head, theirs, theirs)
        assert mine.tobytes() == theirs.tobytes()


def test_a_wrong_number_of_arguments_is_a_type_error():
    for name in NAMES:
        with pytest.raises(TypeError):
            getattr(_pyffnn, name)()
        with pytest.raises(TypeError):
            getattr(_pyffnn, name)(*[np.ones((2, 2), np.float32)] * 7)
