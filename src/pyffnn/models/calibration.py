"""Probabilities that can be trusted: a temperature, and the least one that an answer may have.

With logits z and a label y the temperature T > 0 minimises the mean of -log softmax(z / T)[y] over
examples that were not trained on (Guo et al. 2017), of sigmoids with label sets; that is convex in
1 / T. Validation data are such examples where they are given; else parts of the training examples,
each seen by a model trained on the others. The output layer's weights are divided by T: all that
the network says is calibrated then, and no copy or export of it has to know.

An answer is rejected whose probability is below the k-th smallest of n answers to validation data,
k = floor(reject * (n + 1)). If those are exchangeable with a new example, it is rejected with a
probability of at most ``reject`` (split conformal prediction, Vovk et al. 2005).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.labels import Targets
from pyffnn.net import Network

__all__ = ["Trust", "conformal_floor", "divide_logits", "fit_temperature", "folds"]

_COLDEST, _HOTTEST = 1e-2, 1e2
# With few examples, a model trained on four fifths of them is less sure than the one trained on all: then there are more and smaller parts.
_FOLDS, _MORE_FOLDS = 5, 10
_FEW = 2500
_ENOUGH = 5000  # examples for a temperature
_OUTPUT = ("output.weight", "output.bias")


@dataclass(frozen=True)
class Trust:
    """What validation data said of a model's probabilities.

    Attributes
    ----------
    temperature
        That its logits were divided by.
    floor
        The least probability of an answer; None: any.
    """

    temperature: float = 1.0
    floor: float | None = None


def fit_temperature(
    z: NDArray[np.float64], targets: Targets, weight: NDArray[Any] | None = None
) -> float:
    """The temperature of logits [n, classes], between 1/100 and 100.

    Each example's target is smoothed by 1 / (n + 2) (Platt 1999): a few examples that are all right
    do not say that the model is never wrong.
    """
    n, n_classes = z.shape
    weight = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    weight = weight / weight.sum()
    wanted = _wanted(targets, n_classes)
    slope = _sigmoid_slope if targets.multilabel else _softmax_slope
    smooth = 1 / (n + 2)
    wanted = wanted * (1 - smooth) + smooth / (2 if targets.multilabel else n_classes)
    pull = np.einsum("i,ij,ij", weight, wanted, z)
    low, high = math.log(1 / _HOTTEST), math.log(1 / _COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        if slope(z, math.exp(middle), weight) > pull:
            high = middle
        else:
            low = middle
    return math.exp(-(low + high) / 2)


def folds(
    strata: NDArray[np.int64] | None, numbers: NDArray[np.int64], seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Ways to part ``numbers`` into examples to train on and unseen ones, as many as a temperature needs.

    A part has a fifth of the examples, of up to 2,500 a tenth, and as much of each class.
    """
    rng = np.random.Generator(np.random.SFC64([seed, 1 << 33]))
    order = rng.permutation(numbers)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    parts = min(_MORE_FOLDS if numbers.size <= _FEW else _FOLDS, numbers.size)
    wanted = min(parts, -(-_ENOUGH * parts // max(numbers.size, 1)))
    place = np.arange(order.size) % max(parts, 1)
    return [
        (np.sort(order[place != i]), np.sort(order[place == i]))
        for i in range(wanted if parts > 1 else 0)
    ]


def _wanted(targets: Targets, n_classes: int) -> NDArray[np.float64]:
    """The share that each class should have, [n, classes]."""
    if targets.multilabel:
        return targets.matrix().astype(np.float64)
    if targets.probabilities is not None:
        return targets.probabilities.astype(np.float64)
    return np.eye(n_classes)[targets.codes]


def _softmax_slope(z: NDArray[np.float64], scale: float, weight: NDArray[np.float64]) -> float:
    """The derivative by ``scale`` of the mean log of the sum of exp(scale z)."""
    p = np.exp(scale * (z - z.max(axis=1, keepdims=True)))
    p /= p.sum(axis=1, keepdims=True)
    return float(np.einsum("i,ij,ij", weight, p, z))


def _sigmoid_slope(z: NDArray[np.float64], scale: float, weight: NDArray[np.float64]) -> float:
    p = 0.5 * (1 + np.tanh(scale * z / 2))
    return float(np.einsum("i,ij,ij", weight, p, z))


def divide_logits(network: Network, temperature: float) -> None:
    """Divide the output layer's weights and biases by ``temperature``."""
    parameters = network.parameters()
    for name in _OUTPUT:
        parameters[name][...] /= np.float32(temperature)


def conformal_floor(sureness: NDArray[np.floating[Any]], reject: float) -> float:
    """The least probability of an answer, from those of the answers to validation data."""
    k = math.floor(reject * (sureness.size + 1) + 1e-9)
    if k < 1:
        warnings.warn(
            f"reject={reject} needs at least {math.ceil(1 / reject) - 1} validation examples to reject "
            f"anything, got {sureness.size}: nothing will be rejected",
            UserWarning,
            stacklevel=2,
        )
        return 0.0
    return float(np.partition(sureness, k - 1)[k - 1])
