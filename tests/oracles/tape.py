"""Reverse-mode differentiation of NumPy float64 expressions, a few operations' worth.

A `Value` remembers what it was made from; `gradients` walks back from a scalar. Nothing of the package is used, so that an oracle made of
these shares no formula with what it judges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pull = Callable[[Array], Array]


class Value:
    def __init__(self, data: Any, parents: Sequence[tuple[Value, Pull]] = ()) -> None:
        self.data: Array = np.asarray(data, np.float64)
        self.parents = parents

    def __add__(self, other: Any) -> Value:
        o = value(other)
        return Value(self.data + o.data, [(self, shaped(self)), (o, shaped(o))])

    def __sub__(self, other: Any) -> Value:
        return self + value(other) * -1.0

    def __mul__(self, other: Any) -> Value:
        o = value(other)
        back, forth = shaped(self), shaped(o)
        return Value(
            self.data * o.data,
            [(self, lambda g: back(g * o.data)), (o, lambda g: forth(g * self.data))],
        )

    def __matmul__(self, other: Value) -> Value:
        return Value(
            self.data @ other.data,
            [(self, lambda g: g @ other.data.T), (other, lambda g: self.data.T @ g)],
        )

    def __getitem__(self, index: Any) -> Value:
        def pull(g: Array) -> Array:
            out = np.zeros_like(self.data)
            np.add.at(out, index, g)
            return out

        return Value(self.data[index], [(self, pull)])

    @property
    def transposed(self) -> Value:
        return Value(self.data.T, [(self, lambda g: g.T)])

    def sum(self, axis: int | None = None) -> Value:
        """Keeps a summed axis, as one of length 1; without one the sum of all is a scalar."""

        def pull(g: Array) -> Array:
            return np.broadcast_to(g, self.data.shape)

        return Value(self.data.sum(axis, keepdims=axis is not None), [(self, pull)])

    def mean(self, axis: int) -> Value:
        return self.sum(axis) * (1 / self.data.shape[axis])


def value(x: Any) -> Value:
    return x if isinstance(x, Value) else Value(x)


def shaped(of: Value) -> Pull:
    """Sums a gradient over what was broadcast."""

    def pull(g: Array) -> Array:
        g = g.sum(axis=tuple(range(g.ndim - of.data.ndim)))
        ones = tuple(i for i, n in enumerate(of.data.shape) if n == 1)
        return np.broadcast_to(g.sum(axis=ones, keepdims=True), of.data.shape)

    return pull


def pointwise(x: Value, y: Array, slope: Array) -> Value:
    return Value(y, [(x, lambda g: g * slope)])


def identity(x: Value) -> Value:
    return x


def relu(x: Value) -> Value:
    return pointwise(x, np.maximum(x.data, 0), (x.data > 0).astype(np.float64))


def tanh(x: Value) -> Value:
    y = np.tanh(x.data)
    return pointwise(x, y, 1 - y * y)


def sigmoid(x: Value) -> Value:
    y = 0.5 * (1 + np.tanh(x.data / 2))
    return pointwise(x, y, y * (1 - y))


def gelu(x: Value) -> Value:
    return x * 0.5 * (tanh((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)) + 1.0)


def inverse_root(x: Value) -> Value:
    y = 1 / np.sqrt(x.data)
    return pointwise(x, y, -0.5 * y**3)


def softplus(x: Value) -> Value:
    return pointwise(x, np.logaddexp(0, x.data), 0.5 * (1 + np.tanh(x.data / 2)))


def log_softmax(x: Value) -> Value:
    """Over the last axis."""
    top = x.data.max(-1, keepdims=True)
    y = x.data - top - np.log(np.exp(x.data - top).sum(-1, keepdims=True))
    return Value(y, [(x, lambda g: g - np.exp(y) * g.sum(-1, keepdims=True))])


def join(parts: Sequence[Value]) -> Value:
    """Side by side, along the last axis."""
    edges = np.cumsum([0, *(p.data.shape[-1] for p in parts)])

    def pull(i: int) -> Pull:
        return lambda g: g[..., edges[i] : edges[i + 1]]

    joined = np.concatenate([p.data for p in parts], axis=-1)
    return Value(joined, [(p, pull(i)) for i, p in enumerate(parts)])


def stack(parts: Sequence[Value]) -> Value:
    """Rows of their own, one below another."""

    def pull(i: int) -> Pull:
        return lambda g: g[i]

    return Value(np.stack([p.data for p in parts]), [(p, pull(i)) for i, p in enumerate(parts)])


def gradients(of: Value, by: dict[str, Value]) -> dict[str, Array]:
    order: list[Value] = []
    seen: set[int] = set()

    def visit(v: Value) -> None:
        if id(v) not in seen:
            seen.add(id(v))
            for parent, _ in v.parents:
                visit(parent)
            order.append(v)

    visit(of)
    sums: dict[int, Array] = {id(of): np.ones(())}
    for v in reversed(order):
        for parent, pull in v.parents:
            g = pull(sums[id(v)])
            sums[id(parent)] = sums[id(parent)] + g if id(parent) in sums else g
    return {name: np.array(sums.get(id(v), np.zeros_like(v.data))) for name, v in by.items()}
