"""The operations once more, in plain NumPy: the mathematics alone, in the precision of the inputs (float64, longdouble)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def fma_chain(a: Array, b: Array) -> Array:
    """a [m, k] @ b [k, n] in a's dtype (float32) as the kernels define it: acc = round(a_p b_p + acc), p in order.

    The product and sum are formed in longdouble, which holds a float32 product exactly (48 bits); the
    sum is rounded to 64 bits before float32, a double rounding that no test input has been seen to meet.
    """
    acc = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for p in range(a.shape[1]):
        product = a[:, p, None].astype(np.longdouble) * b[None, p].astype(np.longdouble)
        acc = (product + acc).astype(a.dtype)
    return acc


def sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x))


def activate(z: Array, activation: str | None) -> Array:
    if activation == "sigmoid":
        return sigmoid(z)
    if activation == "tanh":
        return np.tanh(z)
    return np.maximum(z, 0) if activation == "relu" else z


def activation_slope(y: Array, activation: str | None) -> Array:
    """Derivative written in the output y; 0 for relu at 0."""
    if activation == "sigmoid":
        return np.asarray(y * (1 - y))
    if activation == "tanh":
        return np.asarray(1 - y * y)
    return np.greater(y, 0).astype(y.dtype) if activation == "relu" else np.ones_like(y)


def linear_backward(
    dy: Array, x: Array, w: Array, y: Array | None, activation: str | None
) -> tuple[Array, Array, Array]:
    dz = dy if y is None else dy * activation_slope(y, activation)
    return dz @ w.T, x.T @ dz, dz.sum(axis=0)


def log_softmax(x: Array) -> Array:
    shifted: Array = x - x.max(axis=-1, keepdims=True) if x.size else x
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def softmax(x: Array) -> Array:
    return np.exp(log_softmax(x))


def cross_entropy(
    logits: Array,
    targets: Array,
    class_weight: Array | None = None,
    sample_weight: Array | None = None,
) -> tuple[Array, Array]:
    m = logits.shape[0]
    weight = np.ones(m, logits.dtype) if sample_weight is None else sample_weight
    if class_weight is not None:
        weight = weight * class_weight[targets]
    total = weight.sum()
    if total == 0:
        return np.asarray(0.0), np.zeros_like(logits)
    weight = weight / total
    log_p = log_softmax(logits)
    grad = np.exp(log_p)
    grad[np.arange(m), targets] -= 1
    return -np.sum(weight * log_p[np.arange(m), targets]), weight[:, None] * grad


def binary_cross_entropy(
    logits: Array, targets: Array, sample_weight: Array | None = None
) -> tuple[Array, Array]:
    weight = np.ones(len(logits), logits.dtype) if sample_weight is None else sample_weight
    weight = weight.reshape((-1,) + (1,) * (logits.ndim - 1)) * np.ones_like(logits)
    total = weight.sum()
    if total == 0:
        return np.asarray(0.0), np.zeros_like(logits)
    loss = np.logaddexp(0, logits) - targets * logits
    return np.sum(weight * loss) / total, weight / total * (sigmoid(logits) - targets)


def linear_cross_entropy(
    x: Array, w: Array, b: Array, targets: Array, sample_weight: Array | None = None
) -> tuple[Array, Array, Array, Array]:
    loss, dz = cross_entropy(x @ w + b, targets, None, sample_weight)
    return loss, dz @ w.T, x.T @ dz, dz.sum(axis=0)


def embedding_backward(dy: Array, ids: Array, num_rows: int) -> Array:
    grad = np.zeros((num_rows, dy.shape[-1]), dy.dtype)
    np.add.at(grad, ids.reshape(-1), dy.reshape(ids.size, dy.shape[-1]))
    return grad


def bag_shares(
    ids: Array, offsets: Array, weights: Array | None, dtype: Any
) -> tuple[Array, Array]:
    """Of each id: its share in its bag's mean (0 outside every bag), and the number of its bag."""
    share, bag_of = np.zeros(len(ids), dtype), np.zeros(len(ids), np.int64)
    for bag in range(len(offsets) - 1):
        inside = slice(offsets[bag], offsets[bag + 1])
        w = np.ones_like(share[inside]) if weights is None else weights[inside]
        bag_of[inside] = bag
        if w.sum() > 0:
            share[inside] = w / w.sum()
    return share, bag_of


def mean_pool(table: Array, ids: Array, offsets: Array, weights: Array | None = None) -> Array:
    share, _ = bag_shares(ids, offsets, weights, table.dtype)
    inside = [slice(*offsets[bag : bag + 2]) for bag in range(len(offsets) - 1)]
    rows = [share[at] @ table[ids[at]] for at in inside]
    return np.array(rows, table.dtype).reshape(len(inside), table.shape[1])


def extreme_entries(table: Array, ids: Array, offsets: Array, largest: bool) -> tuple[Array, Array]:
    """Of each bag that is not empty its number; of each of its columns the id that the extreme is from."""
    full = [bag for bag in range(len(offsets) - 1) if offsets[bag] < offsets[bag + 1]]
    pick = np.argmax if largest else np.argmin
    where = []
    for bag in full:
        of = ids[offsets[bag] : offsets[bag + 1]]
        where.append(of[pick(table[of], axis=0)] if table.shape[1] else np.zeros(0, np.int64))
    return np.array(full, np.int64), np.array(where, np.int64).reshape(len(full), table.shape[1])


def extreme_pool(table: Array, ids: Array, offsets: Array, *, largest: bool) -> Array:
    bags, where = extreme_entries(table, ids, offsets, largest)
    out = np.zeros((len(offsets) - 1, table.shape[1]), table.dtype)
    out[bags] = table[where, np.arange(table.shape[1])]
    return out


def extreme_pool_backward(
    dy: Array, table: Array, ids: Array, offsets: Array, *, largest: bool
) -> Array:
    bags, where = extreme_entries(table, ids, offsets, largest)
    grad = np.zeros(table.shape, dy.dtype)
    np.add.at(grad, (where, np.arange(table.shape[1])), dy[bags])
    return grad


def mean_pool_backward(
    dy: Array, ids: Array, offsets: Array, num_rows: int, weights: Array | None = None
) -> Array:
    share, bag_of = bag_shares(ids, offsets, weights, dy.dtype)
    rows = share[:, None] * dy[bag_of] if len(ids) else dy[:0]
    return embedding_backward(rows, ids, num_rows)
