"""Every operation of a computation graph, with values to try it on."""

from __future__ import annotations

import numpy as np

from pyffnn import autograd as ag


def rand(*shape: int, seed: int = 0, low: float = -2.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, 2.0, shape)


A, B, ROW, COLUMN, POSITIVE = (
    rand(3, 4),
    rand(3, 4, seed=1),
    rand(4, seed=2),
    rand(3, 1, seed=3),
    rand(3, 4, seed=4, low=0.5),
)
IDS, OFFSETS = np.array([2, 0, 2, 3, 2]), np.array([0, 2, 2, 5])

CASES = {
    "add": (lambda a, b: a + b, A, B),
    "add, broadcast rows": (lambda a, b: a + b, A, ROW),
    "add, broadcast both": (lambda a, b: a + b, COLUMN, ROW),
    "add, scalar array": (lambda a, b: a + b, A, np.array(0.7)),
    "subtract": (lambda a, b: a - b, ROW, A),
    "multiply": (lambda a, b: a * b, A, COLUMN),
    "divide": (lambda a, b: a / b, A, POSITIVE),
    "divide, broadcast": (lambda a, b: a / b, ROW, POSITIVE),
    "power, constant": (lambda a: a**3, A),
    "power, half": (lambda a: a**0.5, POSITIVE),
    "power, zero at zero": (lambda a: a**0, np.array([0.0, 1.0])),
    "power, both": (lambda a, b: a**b, POSITIVE, ROW),
    "numbers on the left": (lambda a: 2 / (3 - a) + 2**a - (1 + 2 * a), POSITIVE),
    "negative": (lambda a: -a, A),
    "used twice": (lambda a: a * a + a, A),
    "diamond": (lambda a: (a * 2) * (a + 1) / (a * a + 3), A),
    "matrix product": (lambda a, b: a @ b, A, rand(4, 5, seed=5)),
    "vector @ matrix": (lambda a, b: a @ b, ROW, rand(4, 5, seed=5)),
    "matrix @ vector": (lambda a, b: a @ b, A, ROW),
    "vector @ vector": (lambda a, b: a @ b, ROW, rand(4, seed=6)),
    "stack @ matrix": (lambda a, b: a @ b, rand(2, 3, 4), rand(4, 5, seed=5)),
    "transpose": (lambda a, b: a.T @ b, A, B),
    "reshape": (lambda a, b: a.reshape(4, 3) @ b, A, B),
    "index": (lambda a: a[1] * a[:, 2:][0, 1] + a[[0, 0, 2]], A),
    "exp": (ag.exp, A),
    "log": (ag.log, POSITIVE),
    "sigmoid": (ag.sigmoid, A),
    "tanh": (ag.tanh, A),
    "relu": (ag.relu, A),
    "softmax": (ag.softmax, A),
    "log_softmax": (ag.log_softmax, A),
    "sum": (ag.sum, A),
    "sum, axis": (lambda a: ag.sum(a, axis=0), A),
    "sum, keepdims": (lambda a: a / ag.sum(a, axis=1, keepdims=True), POSITIVE),
    "mean": (ag.mean, A),
    "mean, axes": (lambda a: ag.mean(a, axis=(0, -1)), rand(2, 3, 4)),
    "concat": (lambda a, b: ag.concat([a, b, a]), A, COLUMN),
    "concat, first axis": (lambda a, b: ag.concat(a, b, axis=0), A, B),
    "linear": (ag.linear, A, rand(4, 5, seed=5), rand(5, seed=6)),
    "linear, no bias": (ag.linear, A, rand(4, 5, seed=5)),
    "linear, vector": (ag.linear, ROW, rand(4, 5, seed=5), rand(5, seed=6)),
    "linear, relu": (
        lambda x, w, b: ag.linear(x, w, b, activation="relu"),
        A,
        rand(4, 5, seed=5),
        rand(5, seed=6),
    ),
    "linear, tanh": (
        lambda x, w, b: ag.linear(x, w, b, activation="tanh"),
        A,
        rand(4, 5, seed=5),
        rand(5, seed=6),
    ),
    "linear, sigmoid": (
        lambda x, w, b: ag.linear(x, w, b, activation="sigmoid"),
        A,
        rand(4, 5, seed=5),
        rand(5, seed=6),
    ),
    "embedding": (lambda t: ag.embedding(t, IDS.reshape(1, 5)), rand(4, 3)),
    "mean_pool": (lambda t: ag.mean_pool(t, IDS, OFFSETS), rand(4, 3)),
    "mean_pool, weights": (
        lambda t: ag.mean_pool(t, IDS, OFFSETS, weights=np.arange(1.0, 6)),
        rand(4, 3),
    ),
    "cross_entropy": (lambda z: ag.cross_entropy(z, [0, 3, 1]), A),
    "cross_entropy, weights": (
        lambda z: ag.cross_entropy(
            z, [0, 3, 1], class_weight=[1.0, 2, 3, 4], sample_weight=[1.0, 0, 2]
        ),
        A,
    ),
    "binary_cross_entropy": (lambda z: ag.binary_cross_entropy(z, B > 0), A),
    "binary_cross_entropy, weights": (
        lambda z: ag.binary_cross_entropy(z, np.full((3, 4), 0.3), sample_weight=[1.0, 0, 2]),
        A,
    ),
}
