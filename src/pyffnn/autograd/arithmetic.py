"""Operators on nodes, with NumPy's broadcasting, and changes of shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import ops
from .node import Array, describe, node

if TYPE_CHECKING:
    from .variable import Variable


def unbroadcast(g: Array, like: Array) -> Array:
    """The derivative for an operand that was broadcast: g summed over the axes it was repeated along."""
    shape = like.shape
    if g.shape != shape:
        extra = g.ndim - len(shape)
        axes = (
            *range(extra),
            *[extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1],
        )
        g = np.asarray(g.sum(axis=axes)).reshape(shape)
    return np.asarray(g, dtype=like.dtype)


def _elementwise(ufunc: np.ufunc, symbol: str, a: Variable, b: Variable) -> Any:
    try:
        return ufunc(a._value, b._value)
    except ValueError:
        raise ValueError(f"{describe(a)} and {describe(b)} do not broadcast in {symbol}") from None


def add(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    return node(
        _elementwise(np.add, "+", a, b),
        "+",
        (a, b),
        lambda g: (unbroadcast(g, x), unbroadcast(g, y)),
    )


def subtract(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    return node(
        _elementwise(np.subtract, "-", a, b),
        "-",
        (a, b),
        lambda g: (unbroadcast(g, x), unbroadcast(-g, y) if b.needs_grad else None),
    )


def multiply(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    return node(
        _elementwise(np.multiply, "*", a, b),
        "*",
        (a, b),
        lambda g: (
            unbroadcast(np.asarray(g * y), x) if a.needs_grad else None,
            unbroadcast(np.asarray(g * x), y) if b.needs_grad else None,
        ),
    )


def divide(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    value = np.asarray(_elementwise(np.true_divide, "/", a, b))
    return node(
        value,
        "/",
        (a, b),
        lambda g: (
            unbroadcast(np.asarray(g / y), x) if a.needs_grad else None,
            unbroadcast(np.asarray(-g * value / y), y) if b.needs_grad else None,
        ),
    )


def power(a: Variable, b: Variable) -> Variable:
    x, p = a._value, b._value
    value = np.asarray(_elementwise(np.power, "**", a, b))

    def backward(g: Array) -> tuple[Array | None, Array | None]:
        da = db = None
        if a.needs_grad:
            # p = 0 is a constant function; x ** -1 would make 0 * inf of it at x = 0.
            slope = np.where(p == 0, 0, p * np.power(x, np.where(p == 0, 1, p - 1)))
            da = unbroadcast(np.asarray(g * slope), x)
        if b.needs_grad:
            db = unbroadcast(np.asarray(g * value * ops.log(x)), p)
        return da, db

    return node(value, "**", (a, b), backward)


def matmul(a: Variable, b: Variable) -> Variable:
    """a @ b; a [..., m, k] or [k], b [k, n] or [k]."""
    x, w = a._value, b._value
    if x.ndim == 0 or w.ndim not in (1, 2) or x.shape[-1] != w.shape[0]:
        raise ValueError(
            f"{describe(a)} and {describe(b)} do not fit in @: the last axis of the left must be the first of the right"
        )
    x2 = x.reshape(-1, x.shape[-1])
    w2 = w if w.ndim == 2 else w.reshape(-1, 1)
    shape = x.shape[:-1] + w.shape[1:]

    def backward(g: Array) -> tuple[Array | None, Array | None]:
        g2 = g.reshape(x2.shape[0], w2.shape[1])
        return (
            ops.matmul(g2, w2, transpose_b=True).reshape(x.shape).astype(x.dtype, copy=False)
            if a.needs_grad
            else None,
            ops.matmul(x2, g2, transpose_a=True).reshape(w.shape).astype(w.dtype, copy=False)
            if b.needs_grad
            else None,
        )

    return node(ops.matmul(x2, w2).reshape(shape), "@", (a, b), backward)


def transpose(v: Variable) -> Variable:
    return node(v._value.T.copy(), "transpose", (v,), lambda g: (g.T,))


def reshape(v: Variable, *shape: int | tuple[int, ...]) -> Variable:
    old = v.shape
    try:
        value = v._value.reshape(*shape).copy()  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(
            f"{describe(v)} cannot take shape {shape[0] if len(shape) == 1 else shape}"
        ) from None
    return node(value, "reshape", (v,), lambda g: (g.reshape(old),))


def negative(v: Variable) -> Variable:
    return node(np.negative(v._value), "neg", (v,), lambda g: (-g,))


def take(v: Variable, index: Any) -> Variable:
    """v[index]; an entry that is taken twice gets both derivatives."""
    x = v._value

    def backward(g: Array) -> tuple[Array]:
        dx = np.zeros_like(x)
        np.add.at(dx, index, g)
        return (dx,)

    return node(np.array(x[index]), "index", (v,), backward)
