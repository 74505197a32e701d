"""Labels as the networks take them: numbers of classes, or sets of numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.arguments import is_number
from pyffnn.models.checks import column_or_1d, refuse_masked

__all__ = [
    "ClassWeight",
    "Targets",
    "balanced_weights",
    "class_weights",
    "encode",
    "find_classes",
    "given_classes",
    "is_missing",
    "shares_to_weights",
    "to_labels",
]

ClassWeight: TypeAlias = Mapping[Any, float] | Literal["balanced"] | None

_SHOWN = 5


@dataclass(frozen=True)
class Targets:
    """What examples are to be taken for: one class each, any number of them, or each with a probability.

    Attributes
    ----------
    classes
        The sorted classes.
    codes
        int64 [N], the number of each example's class; -1: none of them. None where an example has
        a set of classes.
    indptr, indices
        int64 [N + 1] and int32: ``indices[indptr[i]:indptr[i + 1]]`` are the numbers of example
        i's classes, rising. None where an example has one class.
    probabilities
        float32 [N, classes], rows that sum to 1, where an example has a probability for each class.
    """

    classes: NDArray[Any]
    codes: NDArray[np.int64] | None = None
    indptr: NDArray[np.int64] | None = None
    indices: NDArray[np.int32] | None = None
    probabilities: NDArray[np.float32] | None = None

    @classmethod
    def of_sets(
        cls, classes: NDArray[Any], rows: NDArray[np.integer[Any]], codes: Any, size: int
    ) -> Targets:
        """From pairs of an example's number and a class's, in any order; the same pair may stand there twice."""
        width = classes.size + 1  # -1 has a place, too
        keys = np.unique(np.asarray(rows, np.int64) * width + np.asarray(codes, np.int64) + 1)
        counts = np.bincount(keys // width, minlength=size)
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(classes, indptr=indptr, indices=(keys % width - 1).astype(np.int32))

    @property
    def multilabel(self) -> bool:
        return self.indptr is not None

    @property
    def strata(self) -> NDArray[np.int64] | None:
        """The (likeliest) class of each example, of which a held-out part gets its share."""
        return self.codes if self.probabilities is None else self.probabilities.argmax(axis=1)

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of it, to tell it from others."""
        parts = (self.classes, self.codes, self.indptr, self.indices, self.probabilities)
        return tuple(array for array in parts if array is not None)

    @property
    def size(self) -> int:
        if self.probabilities is not None:
            return len(self.probabilities)
        return int(self._indptr.size - 1 if self.codes is None else self.codes.size)

    @property
    def each(self) -> Sequence[NDArray[Any]] | NDArray[Any]:
        """What each example is to be, one entry an example."""
        if self.probabilities is not None:
            return self.probabilities
        return self.rows() if self.codes is None else self.codes

    @property
    def _indptr(self) -> NDArray[np.int64]:
        assert self.indptr is not None
        return self.indptr

    def rows(self) -> list[NDArray[np.int32]]:
        """The classes' numbers of each example that has a set of them."""
        assert self.indices is not None
        return np.split(self.indices, self._indptr[1:-1]) if self.size else []

    def take(self, order: NDArray[np.int64]) -> Targets:
        """The targets of the examples numbered ``order``."""
        if self.probabilities is not None:
            return Targets(self.classes, probabilities=self.probabilities[order])
        if self.codes is not None:
            return Targets(self.classes, self.codes[order])
        rows = self.rows()
        parts = [rows[i] for i in order]
        indptr = np.concatenate([[0], np.cumsum([part.size for part in parts])]).astype(np.int64)
        indices = np.concatenate([np.zeros(0, np.int32), *parts])
        return Targets(self.classes, indptr=indptr, indices=indices)

    def same(self, other: Targets) -> NDArray[np.bool_]:
        """Whether each example has the same (likeliest) class, or the same set of classes, in both; bool [N]."""
        if not self.multilabel:
            return np.asarray(self.strata == other.strata)
        pairs = zip(self.rows(), other.rows(), strict=True)
        return np.fromiter((np.array_equal(a, b) for a, b in pairs), bool, self.size)

    def matrix(self) -> NDArray[np.float32]:
        """Sets as a matrix [N, classes] of zeros and ones."""
        out = np.zeros((self.size, self.classes.size), np.float32)
        out[np.repeat(np.arange(self.size), np.diff(self._indptr)), self.indices] = 1
        return out


def to_labels(y: Any, owner: str, name: str = "y", *, warn: bool = True) -> NDArray[Any]:
    """A 1-D array of labels, one an example: numbers, strings, or objects where those are mixed.

    Raises ValueError in scikit-learn's words: no labels, missing labels, numbers that are no
    classes, another rank.
    """
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target {name} is None."
        )
    refuse_masked(y, name)
    labels = column_or_1d(_as_array(y), warn=warn)
    if labels.dtype.kind in "OT":
        values = labels.tolist()
        if any(map(is_missing, values)):
            raise ValueError("Input y contains NaN.")
        labels = _typed(values, labels)
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
    elif labels.dtype.kind not in "biuUSO":
        raise ValueError(f"Unknown label type: y has dtype {labels.dtype}")
    return labels


def _as_array(y: Any) -> NDArray[Any]:
    if hasattr(y, "tocsr"):
        raise ValueError("y must be an array of labels, got a sparse matrix")
    if isinstance(y, (str, bytes, Mapping)):
        raise ValueError(f"y must be an array of labels, got {type(y).__name__}")
    if not hasattr(y, "__array__"):
        if not hasattr(y, "__len__"):
            if not isinstance(y, Iterable):
                raise ValueError(f"y must be an array of labels, got {type(y).__name__}")
            y = list(y)
        if any(isinstance(label, (str, bytes)) or label is None for label in y):
            return _objects(y)  # not "<U": that would turn numbers among the strings into strings
    try:
        return np.asarray(y)
    except ValueError:
        raise ValueError("y must be an array of labels, got rows of different lengths") from None


def _objects(values: Iterable[Any]) -> NDArray[Any]:
    items = list(values)
    out = np.empty(len(items), object)
    for i, item in enumerate(items):  # not at once: an item may be a list
        out[i] = item
    return out


def is_missing(label: Any) -> bool:
    """Whether a label is None, NaN, NaT or pandas.NA."""
    if label is None:
        return True
    try:
        return bool(label != label)
    except (TypeError, ValueError):  # what compares to nothing
        return type(label).__name__ == "NAType"


def _typed(values: list[Any], labels: NDArray[Any]) -> NDArray[Any]:
    """Objects that are all strings, all integers or all truth values as an array of that type."""
    types = {str if isinstance(v, str) else type(v) for v in values}
    if types == {str}:
        if cut := [v for v in values if v.endswith("\0")]:
            # NumPy's strings end before it: the label would be that of another, or none that was given
            raise ValueError(f"a label cannot end in a NUL character, got {cut[0]!r:.80}")
        return np.array(values, np.str_)
    if types == {bytes}:
        return np.array(values, np.bytes_)
    if types and all(issubclass(t, (bool, np.bool_)) for t in types):
        return np.array(values, np.bool_)
    if types and all(issubclass(t, (int, np.integer)) and t is not bool for t in types):
        try:
            return np.array(values, np.int64)
        except OverflowError:
            return labels
    if types and all(is_number(v) for v in values):
        return np.array(values, np.float64)
    return labels


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


def given_classes(classes: Any, owner: str) -> NDArray[Any]:
    """The sorted classes of an argument ``classes``, as `find_classes` would find them."""
    return find_classes(to_labels(classes, owner, "classes", warn=False))[0]


def encode(
    labels: NDArray[Any], classes: NDArray[Any], name: str = "y", *, others: bool = False
) -> NDArray[np.int64]:
    """Each label's number among ``classes``.

    ValueError for one that is none of them; with ``others`` it gets -1, unless it is of a type that
    no class has (a number among strings).
    """
    number = {c: i for i, c in enumerate(classes.tolist())}
    values = labels.tolist()
    try:
        return _numbers(values, number)
    except KeyError:
        pass
    except TypeError:
        raise ValueError(f"{name} must hold labels, got lists or other mutable values") from None
    unknown = {v for v in values if v not in number}
    if not others:
        raise ValueError(
            f"{name} contains labels that are not in classes: {_some(map(repr, unknown))}"
        )
    strange = {_family(v) for v in unknown} - {_family(c) for c in number}
    if strange:
        raise ValueError(
            f"{name} has labels of type {_some(strange)}, which cannot be compared with the model's "
            f"classes, of type {_some({_family(c) for c in number})}"
        )
    return np.fromiter((number.get(v, -1) for v in values), np.int64, len(values))


def _family(label: Any) -> str:
    if isinstance(label, (bool, np.bool_)) or is_number(label):
        return "number"
    return "str" if isinstance(label, str) else type(label).__name__


def _some(names: Iterable[str]) -> str:
    names = sorted(set(names))
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")


def _numbers(values: list[Any], number: dict[Any, int]) -> NDArray[np.int64]:
    return np.fromiter(map(number.__getitem__, values), np.int64, len(values))


def balanced_weights(codes: NDArray[np.integer[Any]], n_classes: int) -> NDArray[np.float64]:
    """Weight n / (classes * count) of each class, so that all classes weigh the same; 0 for none."""
    return shares_to_weights(np.bincount(codes, minlength=n_classes))


def shares_to_weights(counts: NDArray[Any]) -> NDArray[np.float64]:
    """The weights that make classes of these counts, or sums of weights, weigh the same; 0 for none."""
    present = counts > 0
    weights = np.zeros(counts.size)
    weights[present] = counts.sum() / (present.sum() * counts[present])
    return weights


def class_weights(class_weight: ClassWeight, targets: Targets) -> NDArray[np.float64] | None:
    """The weight of each class for None, "balanced" or a dict; classes not in the dict weigh 1.

    Where examples have sets of classes it is the weight of each class's output, and n counts the
    classes given to examples. Raises ValueError for anything else, a class that is not there, or a
    weight that is not a finite number of at least 0.
    """
    if class_weight is None:
        return None
    classes = targets.classes
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight must be None, 'balanced' or a dict, got {class_weight!r}"
            )
        if targets.probabilities is not None:
            return shares_to_weights(targets.probabilities.sum(axis=0, dtype=np.float64))
        codes = targets.indices if targets.codes is None else targets.codes
        assert codes is not None
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
