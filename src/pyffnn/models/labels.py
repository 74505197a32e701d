"""Labels as the networks take them: numbers of classes, or a matrix of zeros and ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.checks import column_or_1d

__all__ = [
    "ClassWeight",
    "Targets",
    "balanced_weights",
    "class_weights",
    "encode",
    "encode_sets",
    "find_classes",
    "to_indicator",
    "to_labels",
]

ClassWeight = Mapping[Any, float] | str | None


@dataclass(frozen=True)
class Targets:
    """What examples are to be taken for.

    Attributes
    ----------
    classes
        The sorted classes.
    codes
        int64 [N], the number of each example's class; None when an example has any number of them.
    matrix
        float32 [N, classes] of zeros and ones for the latter case, else None.
    """

    classes: NDArray[Any]
    codes: NDArray[np.int64] | None = None
    matrix: NDArray[np.float32] | None = None

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of it, to tell it from others."""
        array = self.codes if self.matrix is None else self.matrix
        assert array is not None
        return self.classes, array

    @property
    def size(self) -> int:
        array = self.codes if self.matrix is None else self.matrix
        assert array is not None
        return int(array.shape[0])


def to_labels(y: Any, owner: str) -> NDArray[Any]:
    """A 1-D array of labels, one an example.

    Raises ValueError in scikit-learn's words: no labels, missing labels, numbers that are no
    classes, another rank.
    """
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target y is None."
        )
    labels = column_or_1d(_as_array(y))
    if labels.dtype.kind == "f":
        if np.isnan(labels).any():
            raise ValueError("Input y contains NaN.")
        if np.isinf(labels).any():
            raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
        if (labels != np.floor(labels)).any():
            raise ValueError(
                "Unknown label type: continuous. Maybe you are trying to fit a classifier, which "
                "expects discrete classes on a regression target with continuous values."
            )
    elif labels.dtype.kind == "O":
        if any(label is None or label != label for label in labels.tolist()):
            raise ValueError("Input y contains NaN.")
    elif labels.dtype.kind not in "biuUS":
        raise ValueError(f"Unknown label type: y has dtype {labels.dtype}")
    return labels


def _as_array(y: Any) -> NDArray[Any]:
    if hasattr(y, "tocsr"):
        raise ValueError("y must be an array of labels, got a sparse matrix")
    if isinstance(y, (str, bytes, Mapping)):
        raise ValueError(f"y must be an array of labels, got {type(y).__name__}")
    if not hasattr(y, "__array__") and not hasattr(y, "__len__"):
        y = list(y)
    if not hasattr(y, "__array__") and any(isinstance(label, str) for label in y):
        # not "<U": that would turn numbers among the strings into strings
        strings = all(isinstance(label, str) for label in y)
        return np.array(y, dtype=np.str_ if strings else object)
    return np.asarray(y)


def find_classes(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The sorted classes and each label's number among them."""
    if labels.dtype.kind in "OUS":
        values = labels.tolist()  # faster than to sort all of them
        try:
            classes = sorted(set(values))
        except TypeError:
            raise ValueError(
                "Unknown label type: y mixes types that cannot be compared, got "
                f"{sorted({type(v).__name__ for v in values})}"
            ) from None
        found = np.array(classes, dtype=labels.dtype)
        return found, _numbers(values, {c: i for i, c in enumerate(classes)})
    found, codes = np.unique(labels, return_inverse=True)
    return found, codes.astype(np.int64)


def encode(labels: NDArray[Any], classes: NDArray[Any], name: str = "y") -> NDArray[np.int64]:
    """Each label's number among ``classes``; ValueError for one that is none of them."""
    number = {c: i for i, c in enumerate(classes.tolist())}
    values = labels.tolist()
    try:
        return _numbers(values, number)
    except KeyError:
        unknown = sorted({repr(v) for v in values if v not in number})
        raise ValueError(
            f"{name} contains labels that are not in classes: {', '.join(unknown[:5])}"
            f"{' ...' if len(unknown) > 5 else ''}"
        ) from None


def _numbers(values: list[Any], number: dict[Any, int]) -> NDArray[np.int64]:
    return np.fromiter(map(number.__getitem__, values), np.int64, len(values))


def balanced_weights(codes: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """Weight n / (classes * count) of each class, so that all classes weigh the same; 0 for none."""
    counts = np.bincount(codes, minlength=n_classes)
    present = counts > 0
    weights = np.zeros(n_classes)
    weights[present] = codes.size / (present.sum() * counts[present])
    return weights


def class_weights(
    class_weight: ClassWeight, classes: NDArray[Any], codes: NDArray[np.int64]
) -> NDArray[np.float64] | None:
    """The weight of each class for None, "balanced" or a dict; classes not in the dict weigh 1.

    Raises ValueError for anything else, a class that is not there, or a weight that is not a
    finite number of at least 0.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight must be None, 'balanced' or a dict, got {class_weight!r}"
            )
        return balanced_weights(codes, classes.size)
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight must be None, 'balanced' or a dict, got {class_weight!r}")
    weights = np.ones(classes.size)
    number = {c: i for i, c in enumerate(classes.tolist())}
    for label, weight in class_weight.items():
        if label not in number:
            raise ValueError(f"class_weight has the class {label!r}, which is not among the labels")
        value = float(weight)
        if not 0 <= value < float("inf"):
            raise ValueError(
                f"class_weight of {label!r} must be a finite number of at least 0, got {weight!r}"
            )
        weights[number[label]] = value
    return weights


def to_indicator(y: NDArray[Any]) -> NDArray[np.float32]:
    """A matrix [N, classes] of zeros and ones as float32; ValueError for anything else in it."""
    matrix = np.asarray(y)
    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf" or not np.isin(matrix, (0, 1)).all():
        raise ValueError(
            "y must be a matrix of zeros and ones, a column a label, or a list of labels for each "
            f"example, got dtype {matrix.dtype} and shape {matrix.shape}"
        )
    return np.ascontiguousarray(matrix, np.float32)


def encode_sets(
    y: Iterable[Iterable[Any]], classes: NDArray[Any] | None = None, name: str = "y"
) -> Targets:
    """Targets from the labels of each example: any number of them, of ``classes`` if given.

    Raises ValueError for a string where a list of labels belongs, and for unknown labels.
    """
    sets = []
    for i, labels in enumerate(y):
        if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
            raise ValueError(f"{name}[{i}] must be a list of labels, got {labels!r}")
        sets.append(list(labels))
    flat = [label for labels in sets for label in labels]
    if classes is None:
        if not flat:
            raise ValueError(f"{name} has no labels at all")
        classes, codes = find_classes(to_labels(flat, "multi-label"))
    else:
        codes = encode(np.array(flat, dtype=object), classes, name)
    matrix = np.zeros((len(sets), classes.size), np.float32)
    matrix[np.repeat(np.arange(len(sets)), [len(labels) for labels in sets]), codes] = 1
    return Targets(classes, matrix=matrix)
