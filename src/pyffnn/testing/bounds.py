"""Largest absolute errors allowed, from the arithmetic of each operation.

A chain of k multiply-adds is off by at most (k + 1) eps |a| @ |b| (Higham, Accuracy and Stability, section 3.1). exp of a
difference rounded to eps |d| is off by a factor 1 + eps |d|. Row sums keep 16 partial sums, so n / 16 + 4 roundings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.testing import oracles

Array = NDArray[Any]


def _wide(x: Array) -> Array:
    return np.abs(x.astype(np.float64))


def product(a: Array, b: Array, eps: float) -> tuple[Array]:
    return (eps * (a.shape[1] + 1) * (_wide(a) @ _wide(b)),)


def linear(x: Array, w: Array, b: Array, y: Array, eps: float) -> tuple[Array]:
    """The activations have slopes of at most 1."""
    return (eps * ((x.shape[1] + 2) * (_wide(x) @ _wide(w) + _wide(b)) + 2 * np.abs(y)),)


def linear_backward(dy: Array, x: Array, w: Array, eps: float) -> tuple[Array, Array, Array]:
    """dz = dy act'(y) is off by at most 4 eps |dy|."""
    dy, x, w = _wide(dy), _wide(x), _wide(w)
    m, n = dy.shape
    return eps * (n + 8) * (dy @ w.T), eps * (m + 8) * (x.T @ dy), eps * (m + 8) * dy.sum(axis=0)


def _depth(x: Array) -> Array:
    return np.asarray(x.max(axis=-1, keepdims=True) - x if x.size else x, np.float64)


def _relative(x: Array, eps: float) -> Array:
    """Relative error of softmax, entry by entry."""
    depth = _depth(x)
    mean = (oracles.softmax(x.astype(np.float64)) * depth).sum(axis=-1, keepdims=True)
    return np.asarray(eps * (depth + mean + x.shape[-1] / 16 + 8))


def softmax(x: Array, eps: float) -> Array:
    return _relative(x, eps) * oracles.softmax(x.astype(np.float64))


def log_softmax(x: Array, eps: float) -> Array:
    return _relative(x, eps) + eps * np.abs(oracles.log_softmax(x.astype(np.float64)))


def softmax_backward(dy: Array, y: Array, eps: float) -> Array:
    dy, y = _wide(dy), _wide(y)
    total = (dy * y).sum(axis=-1, keepdims=True)
    return np.asarray(eps * (3 * y * dy + (y.shape[-1] / 16 + 8) * y * total))


def cross_entropy(logits: Array, sample_weight: Array, eps: float) -> tuple[Array, Array]:
    if logits.shape[0] == 0:
        return np.asarray(0.0), np.zeros_like(logits)
    share = _wide(sample_weight)[:, None] / _wide(sample_weight).sum()
    relative = _relative(logits, eps) + 8 * eps
    loss = share * (relative + 4 * eps * np.abs(oracles.log_softmax(logits.astype(np.float64))))
    # + eps share: the target's probability is subtracted from 1
    return np.sum(loss.max(axis=-1)), share * (
        relative * oracles.softmax(logits.astype(np.float64)) + 4 * eps
    )


def binary_cross_entropy(logits: Array, sample_weight: Array, eps: float) -> tuple[Array, Array]:
    m, n = logits.shape
    if m == 0:
        return np.asarray(0.0), np.zeros_like(logits)
    share = _wide(sample_weight)[:, None] / _wide(sample_weight).sum() / n
    loss = eps * (n / 16 + 16) * np.sum(share * (_wide(logits) + 1))
    return np.asarray(loss), 8 * eps * share * np.ones_like(logits, np.float64)


def linear_cross_entropy(
    x: Array, w: Array, b: Array, targets: Array, eps: float
) -> tuple[Array, ...]:
    """The logits' own error moves every probability by a factor 1 + 2 error; then come three chains over dz."""
    x, w, b = x.astype(np.float64), w.astype(np.float64), b.astype(np.float64)
    m, n = x.shape[0], w.shape[1]
    logits = x @ w + b
    error = eps * (x.shape[1] + 2) * (np.abs(x) @ np.abs(w) + np.abs(b)).max(axis=-1, keepdims=True)
    relative = _relative(logits, eps) + 2 * error + 16 * eps
    p = oracles.softmax(logits)
    dz_error = (relative * p + 4 * eps) / m
    dz = p.copy()
    dz[np.arange(m), targets] += 1
    dz /= m
    return (
        np.asarray(relative.max() + 8 * eps * np.abs(oracles.log_softmax(logits)).max()),
        (dz_error + eps * (n + 8) * dz) @ np.abs(w.T),
        np.abs(x.T) @ (dz_error + eps * (m + 8) * dz),
        (dz_error + eps * (m + 8) * dz).sum(axis=0),
    )


def scatter(dy: Array, ids: Array, num_rows: int, eps: float) -> Array:
    """|dy| rows of one id added in order: as many roundings as the id has rows."""
    counts = np.bincount(ids.reshape(-1), minlength=num_rows)[:num_rows, None]
    return eps * (counts + 4) * oracles.embedding_backward(_wide(dy), ids, num_rows)
