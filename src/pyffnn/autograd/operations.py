"""Operations of the graph that have a name: activations, reductions, layers, embeddings and losses, on the kernels of `pyffnn.ops`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .. import ops
from . import arithmetic
from .node import Array, describe, node
from .variable import Operand, Variable, constant, operand

__all__ = [
    "binary_cross_entropy",
    "concat",
    "cross_entropy",
    "embedding",
    "exp",
    "linear",
    "log",
    "log_softmax",
    "mean",
    "mean_pool",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "sum",
    "tanh",
    "transpose",
]


def transpose(x: Operand) -> Variable:
    """The value with its axes reversed: [m, n] -> [n, m]."""
    return arithmetic.transpose(operand(x))


def reshape(x: Operand, *shape: int | tuple[int, ...]) -> Variable:
    """The same entries in another shape, as `numpy.reshape`. Raises ValueError, naming both shapes, when the sizes differ."""
    return arithmetic.reshape(operand(x), *shape)


def exp(x: Operand) -> Variable:
    """e ** x, elementwise; d/dx = y."""
    v = operand(x)
    y = ops.exp(v._value)
    return node(y, "exp", (v,), lambda g: (np.asarray(g * y),))


def log(x: Operand) -> Variable:
    """Natural logarithm, elementwise: -inf at 0, NaN below; d/dx = 1 / x."""
    v = operand(x)
    value = v._value
    return node(ops.log(value), "log", (v,), lambda g: (np.asarray(g / value),))


def sigmoid(x: Operand) -> Variable:
    """1 / (1 + e^-x), elementwise; d/dx = y (1 - y)."""
    v = operand(x)
    y = ops.sigmoid(v._value)
    return node(y, "sigmoid", (v,), lambda g: (ops.sigmoid_backward(g, y),))


def tanh(x: Operand) -> Variable:
    """Hyperbolic tangent, elementwise; d/dx = 1 - y^2."""
    v = operand(x)
    y = ops.tanh(v._value)
    return node(y, "tanh", (v,), lambda g: (ops.tanh_backward(g, y),))


def relu(x: Operand) -> Variable:
    """max(x, 0), elementwise; d/dx = 1 for x > 0, else 0."""
    v = operand(x)
    y = ops.relu(v._value)
    return node(y, "relu", (v,), lambda g: (ops.relu_backward(g, y),))


def softmax(x: Operand) -> Variable:
    """exp(x) / sum(exp(x)) over the last axis. Raises ValueError for a scalar."""
    v = operand(x)
    y = ops.softmax(v._value)
    return node(y, "softmax", (v,), lambda g: (ops.softmax_backward(g, y),))


def log_softmax(x: Operand) -> Variable:
    """x - log(sum(exp(x))) over the last axis, without overflow. Raises ValueError for a scalar."""
    v = operand(x)
    y = ops.log_softmax(v._value)
    return node(
        y,
        "log_softmax",
        (v,),
        lambda g: (np.asarray(g - ops.exp(y) * g.sum(axis=-1, keepdims=True)),),
    )


def sum(  # noqa: A001
    x: Operand, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False
) -> Variable:
    """Sum over the given axes, or over everything."""
    v = operand(x)
    value = v._value

    def backward(g: Array) -> tuple[Array]:
        return (_spread(g, value, axis, keepdims),)

    return node(value.sum(axis=axis, keepdims=keepdims), "sum", (v,), backward)


def mean(
    x: Operand, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False
) -> Variable:
    """Mean over the given axes, or over everything. Raises ValueError when that is over no entry."""
    v = operand(x)
    value = v._value
    result = np.asarray(value.sum(axis=axis, keepdims=keepdims))
    if value.size == 0:
        raise ValueError(f"the mean over no entry of {describe(v)} is not defined")
    count = value.size // max(result.size, 1)

    def backward(g: Array) -> tuple[Array]:
        return (_spread(np.asarray(g / count), value, axis, keepdims),)

    return node(result / value.dtype.type(count), "mean", (v,), backward)


def _spread(g: Array, like: Array, axis: int | tuple[int, ...] | None, keepdims: bool) -> Array:
    if axis is not None and not keepdims:
        g = np.expand_dims(g, axis)
    return np.broadcast_to(g, like.shape)


def concat(*variables: Operand | Sequence[Operand], axis: int = -1) -> Variable:
    """The arrays end to end along `axis`: `concat([a, b])` or `concat(a, b)`.

    Raises ValueError, naming the shapes, when the other axes differ.
    """
    given = (
        variables[0]
        if len(variables) == 1 and isinstance(variables[0], (list, tuple))
        else variables
    )
    parts = tuple([operand(v) for v in given])  # type: ignore[arg-type]
    values = [v._value for v in parts]
    try:
        value = np.concatenate(values, axis=axis)
    except ValueError:
        raise ValueError(
            f"concat along axis {axis} cannot join {', '.join([describe(v) for v in parts]) or 'nothing'}"
        ) from None
    cuts = np.cumsum([a.shape[axis] for a in values])[:-1]

    def backward(g: Array) -> tuple[Array, ...]:
        return tuple(
            [d.astype(a.dtype) for a, d in zip(values, np.split(g, cuts, axis=axis), strict=True)]
        )

    return node(value, "concat", parts, backward)


def linear(
    x: Operand, w: Operand, b: Operand | None = None, *, activation: ops.Activation | None = None
) -> Variable:
    """A layer in one pass, `activation(x @ w + b)`: x [m, k] or [k], w [k, n], b [n] -> [m, n] or [n].

    activation: None, "sigmoid", "tanh" or "relu". The same numbers as the composed operations; one node in the graph.
    Raises ValueError, naming the arguments and both shapes, when they do not fit.
    """
    vx, vw = operand(x), operand(w)
    vb = None if b is None else operand(b)
    x_, w_ = vx._value, vw._value
    if x_.ndim not in (1, 2) or w_.ndim != 2 or x_.shape[-1] != w_.shape[0]:
        raise ValueError(f"linear: x, {describe(vx)}, and w, {describe(vw)}, do not fit")
    if vb is not None and vb.shape != (w_.shape[1],):
        raise ValueError(f"linear: b, {describe(vb)}, does not fit w, {describe(vw)}")
    x2 = x_ if x_.ndim == 2 else x_.reshape(1, -1)
    y = ops.linear(x2, w_, None if vb is None else vb._value, activation=activation)

    def backward(g: Array) -> tuple[Array | None, ...]:
        dx, dw, db = ops.linear_backward(
            g.reshape(y.shape), x2, w_, y, activation=activation, need_dx=vx.needs_grad
        )
        if vx.needs_grad:
            dx = dx.reshape(x_.shape).astype(x_.dtype, copy=False)
        dw = dw.astype(w_.dtype, copy=False)
        return (dx, dw) if vb is None else (dx, dw, db.astype(vb.dtype, copy=False))

    return node(
        y if x_.ndim == 2 else y[0],
        f"linear, {activation}" if activation else "linear",
        (vx, vw) if vb is None else (vx, vw, vb),
        backward,
    )


def embedding(table: Operand, ids: ArrayLike) -> Variable:
    """Rows of table [V, d] for integer ids of any shape -> ids.shape + (d,): the product of one-hot vectors and the table.

    Raises IndexError for an id outside [0, V), TypeError for ids that are not integers.
    """
    v = operand(table)
    value = v._value
    ids_ = np.asarray(ids)
    y = ops.embedding(value, ids_)
    return node(
        y,
        "embedding",
        (v,),
        lambda g: (ops.embedding_backward(g, ids_, value.shape[0]),),
        reads=(ids_,),
    )


def mean_pool(
    table: Operand, ids: ArrayLike, offsets: ArrayLike, *, weights: ArrayLike | None = None
) -> Variable:
    """Mean of table rows over bags of ids -> [bags, d]; bag i is `ids[offsets[i]:offsets[i + 1]]`; an empty bag gives zeros.

    weights: one an id, not negative; then the mean is sum(w_j row_j) / sum(w_j).
    """
    v = operand(table)
    value = v._value
    ids_, offsets_, weights_ = (
        np.asarray(ids),
        np.asarray(offsets),
        None if weights is None else np.asarray(weights),
    )
    y = ops.mean_pool(value, ids_, offsets_, weights=weights_)
    return node(
        y,
        "mean_pool",
        (v,),
        lambda g: (ops.mean_pool_backward(g, ids_, offsets_, value.shape[0], weights=weights_),),
        reads=(ids_, offsets_) if weights_ is None else (ids_, offsets_, weights_),
    )


def cross_entropy(
    logits: Operand,
    targets: ArrayLike,
    *,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> Variable:
    """Softmax cross-entropy in nats, a scalar: the (weighted) mean of -log softmax(logits_i)[targets_i].

    logits [m, n] and class ids [m], or one example, [n] and an id. d/dlogits is (softmax - onehot) / m: "a - y".
    Raises IndexError for a target outside [0, n).
    """
    v = operand(logits)
    z = v._value
    if z.ndim == 1:
        loss, dz = ops.cross_entropy(
            z.reshape(1, -1),
            np.reshape(targets, 1),
            class_weight=class_weight,
            sample_weight=sample_weight,
        )
        dz = dz[0]
    else:
        loss, dz = ops.cross_entropy(
            z, targets, class_weight=class_weight, sample_weight=sample_weight
        )
    return node(z.dtype.type(loss), "cross_entropy", (v,), lambda g: (np.asarray(g * dz),))


def binary_cross_entropy(
    logits: Operand, targets: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> Variable:
    """Sigmoid cross-entropy in nats, a scalar: the mean of -(t log y + (1 - t) log(1 - y)), y = sigmoid(logits).

    targets lie in [0, 1] and have the shape of logits, any shape. d/dlogits is (y - t) / size.
    """
    v = operand(logits)
    targets_ = constant(targets)._value.astype(v.dtype, copy=False)
    loss, dz = ops.binary_cross_entropy(v._value, targets_, sample_weight=sample_weight)
    return node(v.dtype.type(loss), "binary_cross_entropy", (v,), lambda g: (np.asarray(g * dz),))
