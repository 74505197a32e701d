"""The weight of each example in the loss, from the weights of its row and of its class."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.labels import ClassWeight, Targets, class_weights, shares_to_weights

__all__ = ["combined", "weights_of_classes"]

Floats = NDArray[np.floating[Any]]


def weights_of_classes(
    class_weight: ClassWeight, targets: Targets, sample_weight: Floats | None
) -> NDArray[np.float64] | None:
    """The weight of each class; None where all are 1.

    "balanced" is n / (classes * count): with ``sample_weight`` n and count are sums of weights, so
    that a weight of 3 counts as three examples and one of 0 as none.

    Raises ValueError as `class_weights` does.
    """
    if class_weight != "balanced" or sample_weight is None:
        return class_weights(class_weight, targets)
    if targets.probabilities is not None:
        return shares_to_weights(sample_weight.astype(np.float64) @ targets.probabilities)
    codes, weight = targets.codes, sample_weight
    if codes is None:
        assert targets.indptr is not None and targets.indices is not None
        codes = targets.indices.astype(np.int64)
        weight = np.repeat(sample_weight, np.diff(targets.indptr))
    return shares_to_weights(np.bincount(codes, weight, minlength=targets.classes.size))


def combined(
    by_class: NDArray[np.float64] | None, targets: Targets, sample_weight: Floats | None
) -> NDArray[np.float32] | None:
    """The weight of each example; None where all are 1. ValueError where none is above 0.

    Of an example with a probability for each class it is the mean of the classes' weights.
    """
    if by_class is None or targets.multilabel:
        return None if sample_weight is None else sample_weight.astype(np.float32)
    soft = targets.probabilities
    weights = by_class[targets.codes] if soft is None else soft @ by_class
    if sample_weight is not None:
        weights = weights * sample_weight
    if not weights.any():
        raise ValueError("class_weight and sample_weight leave no example with a weight above 0")
    return weights.astype(np.float32)
