"""Probabilities that can be trusted: a temperature, a power of the spread, and the least one that an answer may have.

With logits z and a label y the temperature T > 0 minimises the mean of -log softmax(z / T)[y] over
examples that were not trained on (Guo et al. 2017), of sigmoids with label sets; that is convex in
1 / T. Validation data are such examples where they are given; else parts of the training examples,
each seen by a model trained on the others. The output layer's weights are divided by T: all that
the network says is calibrated then, and no copy or export of it has to know.

Logits of texts with more than two classes lie far apart where many words are known, more than the answer is
surer. There the temperature depends on their spread s(z), the root of the mean square of z - mean z (and
of 1e-6): z / T * s(z / T)^b with -1 < b <= 1, by the least mean again. A normal prior on b of deviation 1/2
keeps a few examples from saying much of it. T goes into the weights, b is a key of the network's spec.

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
from pyffnn.net.blueprint import SPREAD_EPS
from pyffnn.training import group_parts

__all__ = [
    "Trust",
    "calibrated",
    "conformal_floor",
    "fit_by_spread",
    "fit_temperature",
    "folds",
    "least_loss",
    "refuse_first_pass",
]

_COLDEST, _HOTTEST = 1e-2, 1e2
# With few examples, a model trained on four fifths of them is less sure than the one trained on all: then there are more and smaller parts.
_FOLDS, _MORE_FOLDS = 5, 10
_FEW = 2500
_ENOUGH = 5000  # examples for a temperature
_OUTPUT = ("output.weight", "output.bias")
_LEAST_POWER, _MOST_POWER = -0.9, 1.0
_PRIOR = 0.5**-2


@dataclass(frozen=True)
class Trust:
    """What validation data said of a model's probabilities.

    Attributes
    ----------
    temperature
        That its logits were divided by.
    floor
        The least probability of an answer; None: any.
    power
        Of the spread of the logits, that they were then multiplied by.
    """

    temperature: float = 1.0
    floor: float | None = None
    power: float = 0.0


def refuse_first_pass(model: Any) -> None:
    """ValueError where `partial_fit` would begin a model with a setting that needs examples it has not seen."""
    if getattr(model, "calibrate", False):
        raise ValueError(
            "calibrate must be False where partial_fit begins a model: one pass has no unseen examples; use fit"
        )
    if getattr(model, "reject", None) is not None:
        raise ValueError(
            "reject must be None where partial_fit begins a model: one pass has no unseen examples; use "
            f"fit, got {model.reject!r}"
        )


def fit_temperature(
    z: NDArray[np.float64], targets: Targets, weight: NDArray[Any] | None = None
) -> float:
    """The temperature of logits [n, classes], between 1/100 and 100.

    Each example's target is smoothed by 1 / (n + 2) (Platt 1999): a few examples that are all right
    do not say that the model is never wrong.
    """
    weight, wanted = _smoothed(z, targets, weight)
    slope = _sigmoid_slope if targets.multilabel else _softmax_slope
    pull = np.einsum("i,ij,ij", weight, wanted, z)
    low, high = math.log(1 / _HOTTEST), math.log(1 / _COLDEST)
    for _ in range(60):
        middle = (low + high) / 2
        if slope(z, math.exp(middle), weight) > pull:
            high = middle
        else:
            low = middle
    return math.exp(-(low + high) / 2)


def least_loss(
    z: NDArray[np.float64], targets: Targets, weight: NDArray[Any] | None = None
) -> float:
    """The mean loss of logits [n, classes] at the temperature that is best for it, between 1/100 and 100.

    It says how well logits tell classes apart, whatever their scale.
    """
    n, n_classes = z.shape
    weight = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    weight, wanted = weight / weight.sum(), _wanted(targets, n_classes)
    if not targets.multilabel:
        z = z - z.max(axis=1, keepdims=True)
    pull = float(np.einsum("i,ij,ij", weight, wanted, z))
    curve = _sigmoid_curve if targets.multilabel else _softmax_curve
    low, high = math.log(1 / _HOTTEST), math.log(1 / _COLDEST)
    at = 0.0
    for _ in range(40):
        scale = math.exp(at)
        value, slope, second = curve(z, scale, weight)
        if slope > pull:
            high = at
        else:
            low = at
        # Newton's step in the scale, in its logarithm; half the bracket where it leads out of that
        step = (pull - slope) / (scale * second) if second > 0 else math.inf
        following = at + step if low < at + step < high else (low + high) / 2
        if abs(following - at) < 1e-3:
            break
        at = following
    return value - scale * pull


def fit_by_spread(
    z: NDArray[np.float64], targets: Targets, weight: NDArray[Any] | None = None
) -> tuple[float, float]:
    """The temperature and the power of the spread of logits [n, classes] of which one class is right."""
    weight, wanted = _smoothed(z, targets, weight)
    z = z - z.mean(axis=1, keepdims=True)
    log_spread = np.log((z**2).mean(axis=1) + SPREAD_EPS) / 2
    # the logits are exp(a_0 + a_1 log_spread) z
    columns = np.stack([np.ones_like(log_spread), log_spread])
    prior = np.diag([0.0, _PRIOR / len(z)])
    low, high = np.array([math.log(1e-4), _LEAST_POWER]), np.array([math.log(1e4), _MOST_POWER])

    def loss(a: NDArray[np.float64]) -> tuple[float, Any, Any]:
        """With its gradient, and a matrix that is not less than nothing in place of its second derivative."""
        y = np.exp(a @ columns)[:, None] * z
        log_p = y - y.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        p = np.exp(log_p)
        slope = weight * ((p - wanted) * y).sum(axis=1)
        curve = weight * ((p * y**2).sum(axis=1) - (p * y).sum(axis=1) ** 2)
        value = -np.einsum("i,ij,ij", weight, wanted, log_p) + a @ prior @ a / 2
        return float(value), columns @ slope + prior @ a, (columns * curve) @ columns.T + prior

    a = np.array([-math.log(fit_temperature(z, targets, weight)), 0.0])
    value, gradient, curvature = loss(a)
    damping = 1e-6
    for _ in range(60):
        step = np.linalg.solve(curvature + damping * np.eye(2), gradient)
        following = np.clip(a - step, low, high)
        found = loss(following)
        if found[0] > value or not np.isfinite(found[0]):
            damping = max(10 * damping, 1e-4)
            continue
        done = np.abs(following - a).max() < 1e-7
        a, (value, gradient, curvature), damping = following, found, damping / 10
        if done:
            break
    # k z with k^(1 + b) = exp(a_0): so the spread is that of what the weights give
    power = float(a[1])
    temperature = math.exp(-float(a[0]) / (1 + power))
    return min(max(temperature, _COLDEST), _HOTTEST), power


def _smoothed(
    z: NDArray[np.float64], targets: Targets, weight: NDArray[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights that sum to 1, and targets [n, classes] as `fit_temperature` says."""
    n, n_classes = z.shape
    weight = np.ones(n) if weight is None else np.asarray(weight, np.float64)
    smooth = 1 / (n + 2)
    share = smooth / (2 if targets.multilabel else n_classes)
    return weight / weight.sum(), _wanted(targets, n_classes) * (1 - smooth) + share


def folds(
    strata: NDArray[np.int64] | None,
    numbers: NDArray[np.int64],
    seed: int,
    groups: NDArray[np.int64] | None = None,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Ways to part ``numbers`` into examples to train on and unseen ones, as many as a temperature needs.

    A part has a fifth of the examples, of up to 2,500 a tenth, and as much of each class. Those of one
    of ``groups`` are in one part.
    """
    rng = np.random.Generator(np.random.SFC64([seed, 1 << 33]))
    most = numbers.size if groups is None else np.unique(groups[numbers]).size
    parts = min(_MORE_FOLDS if numbers.size <= _FEW else _FOLDS, most)
    wanted = min(parts, -(-_ENOUGH * parts // max(numbers.size, 1))) if parts > 1 else 0
    if groups is not None:
        own = None if strata is None else strata[numbers]
        place = group_parts(groups[numbers], own, max(parts, 1), rng)
        return [(numbers[place != i], numbers[place == i]) for i in range(wanted)]
    order = rng.permutation(numbers)
    if strata is not None:
        order = order[np.argsort(strata[order], kind="stable")]
    place = np.arange(order.size) % max(parts, 1)
    return [(np.sort(order[place != i]), np.sort(order[place == i])) for i in range(wanted)]


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


def _softmax_curve(
    z: NDArray[np.float64], scale: float, weight: NDArray[np.float64]
) -> tuple[float, float, float]:
    """The mean log of the sum of exp(scale z), where the greatest z is 0, and its first two derivatives by ``scale``."""
    p = np.exp(scale * z)
    total = p.sum(axis=1)
    first = np.einsum("ij,ij->i", p, z) / total
    second = np.einsum("ij,ij,ij->i", p, z, z) / total - first**2
    return float(weight @ np.log(total)), float(weight @ first), float(weight @ second)


def _sigmoid_curve(
    z: NDArray[np.float64], scale: float, weight: NDArray[np.float64]
) -> tuple[float, float, float]:
    """The same of the sum of log(1 + exp(scale z))."""
    p = 0.5 * (1 + np.tanh(scale * z / 2))
    value = np.logaddexp(0, scale * z).sum(axis=1)
    first, second = (p * z).sum(axis=1), (p * (1 - p) * z**2).sum(axis=1)
    return float(weight @ value), float(weight @ first), float(weight @ second)


def calibrated(network: Network, temperature: float, power: float) -> Network:
    """The network, its output layer's weights and biases divided by ``temperature``; a copy where there is a power."""
    if power:
        network = network.fork(spread_power=power)
    parameters = network.parameters()
    for name in _OUTPUT:
        parameters[name][...] /= np.float32(temperature)
    return network


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
