"""Checks of what users pass to `fit` and `predict`, in scikit-learn's words and without scikit-learn."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyffnn.net import Examples

__all__ = [
    "Features",
    "check_feature_names",
    "check_features",
    "check_same_length",
    "check_sample_weight",
    "check_texts",
    "column_or_1d",
    "feature_names",
    "refuse_masked",
    "sklearn_class",
]


def sklearn_class(module: str, name: str, otherwise: type[Any]) -> type[Any]:
    """A class of scikit-learn if that is loaded, so that its users can catch it; else ``otherwise``."""
    return getattr(sys.modules.get(f"sklearn.{module}"), name, otherwise)


_MISSING = ("NAType", "NaTType")


class Features(NamedTuple):
    """Checked feature vectors: ``kind`` "dense" with one array, or "sparse" with indptr, indices and data."""

    kind: str
    arrays: tuple[NDArray[Any], ...]
    size: int
    width: int

    def examples(self) -> Examples:
        if self.kind == "dense":
            return Examples.dense(*self.arrays)
        indptr, indices, data = self.arrays
        return Examples.sparse(indptr, indices, data, self.width)

    def row(self, i: int) -> Features:
        """One of the vectors."""
        if self.kind == "dense":
            return self._replace(arrays=(self.arrays[0][i : i + 1],), size=1)
        indptr, indices, data = self.arrays
        part = slice(int(indptr[i]), int(indptr[i + 1]))
        own = np.array([0, part.stop - part.start], np.int64)
        return self._replace(arrays=(own, indices[part], data[part]), size=1)

    def as_kind(self, kind: str) -> Features:
        """The same vectors, dense or sparse."""
        if self.kind == kind:
            return self
        if kind == "sparse":
            (x,) = self.arrays
            rows, columns = np.nonzero(x)
            indptr = np.searchsorted(rows, np.arange(self.size + 1)).astype(np.int64)
            arrays = (indptr, columns.astype(np.int32), x[rows, columns])
            return self._replace(kind=kind, arrays=arrays)
        indptr, indices, data = self.arrays
        x = np.zeros((self.size, self.width), np.float32)
        np.add.at(x, (np.repeat(np.arange(self.size), np.diff(indptr)), indices), data)
        return self._replace(kind=kind, arrays=(x,))


def check_features(X: Any, *, expected: int | None = None, owner: str) -> Features:
    """Dense array-like or SciPy sparse matrix [n, features] as finite float32 numbers.

    Raises ValueError (rank, no sample, no feature, another number of features than ``expected``,
    NaN, infinity, complex or non-numeric values) and TypeError (what cannot be an array).
    """
    refuse_masked(X, "X")
    if type(X) is np.ndarray:
        array = X
    elif hasattr(X, "tocsr"):
        return _check_sparse(X, expected, owner)
    elif hasattr(X, "shape") and hasattr(X, "indptr"):
        raise TypeError(f"X must be an array or a SciPy sparse matrix, got {type(X).__name__}")
    else:
        array = np.asarray(X)
    _refuse_complex(array)
    if array.dtype.kind in "USV":
        # numbers written as text are not taken for numbers
        raise ValueError(
            f"dtype='numeric' is not compatible with arrays of bytes/strings: {array!r}"
        )
    if array.ndim != 2:
        _wrong_rank(array, owner)
    _check_shape(array.shape, expected, owner)
    if array.dtype == np.float32:
        converted = np.ascontiguousarray(array)
    else:
        _refuse_missing(array)
        with np.errstate(over="ignore"):
            converted = np.ascontiguousarray(array, dtype=np.float32)
    _check_finite(converted)
    return Features("dense", (converted,), *converted.shape)


def _check_sparse(X: Any, expected: int | None, owner: str) -> Features:
    _refuse_complex(X)
    if len(X.shape) != 2:
        raise ValueError(f"Expected 2D input, got input with shape {X.shape}.")
    _check_shape(X.shape, expected, owner)
    csr = X.tocsr()
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(csr.data, dtype=np.float32)
    _check_finite(data)
    _check_indices(csr)
    indptr = np.ascontiguousarray(csr.indptr, dtype=np.int64)
    indices = np.ascontiguousarray(csr.indices, dtype=np.int32)
    return Features("sparse", (indptr, indices, data), int(X.shape[0]), int(X.shape[1]))


def _check_indices(csr: Any) -> None:
    """SciPy takes any numbers for those of columns and rows: what lies outside the matrix would be another entry's."""
    width, indptr, indices = int(csr.shape[1]), csr.indptr, csr.indices
    if indptr[0] != 0 or indptr[-1] > indices.size or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(f"X.indptr must rise from 0 to the {indices.size} entries of X")
    used = indices[: indptr[-1]]
    if used.size and not (used.min() >= 0 and used.max() < width):
        wrong = used[(used < 0) | (used >= width)][0]
        raise IndexError(f"X.indices holds {wrong}, outside [0, {width})")


def refuse_masked(array: Any, name: str) -> None:
    """ValueError for a masked array with masked entries: what lies under the mask is no number that was meant."""
    ma = sys.modules.get("numpy.ma")  # NumPy imports it with its first use
    if ma is not None and isinstance(array, ma.MaskedArray) and ma.is_masked(array):
        raise ValueError(
            f"{name} has {int(np.count_nonzero(ma.getmaskarray(array)))} masked entries: fill them or leave them out"
        )


def _refuse_missing(array: NDArray[Any]) -> None:
    """ValueError where pandas' own missing values stand among objects: they are no numbers."""
    if array.dtype == object and any(type(x).__name__ in _MISSING for x in array.flat):
        raise ValueError("Input X contains NaN.")


def _refuse_complex(array: Any) -> None:
    if np.dtype(array.dtype).kind == "c":
        raise ValueError(f"Complex data not supported\n{array}\n")


def _wrong_rank(array: NDArray[Any], owner: str) -> None:
    if array.ndim > 2:
        raise ValueError(
            f"Found array with dim {array.ndim}, while dim <= 2 is required by {owner}."
        )
    kind = "scalar" if array.ndim == 0 else "1D"
    raise ValueError(
        f"Expected 2D array, got {kind} array instead:\narray={array}.\n"
        "Reshape your data either using array.reshape(-1, 1) if your data has a single feature "
        "or array.reshape(1, -1) if it contains a single sample."
    )


def _check_shape(shape: tuple[int, ...], expected: int | None, owner: str) -> None:
    if expected is not None and shape[1] != expected:
        raise ValueError(
            f"X has {shape[1]} features, but {owner} is expecting {expected} features as input"
        )
    for number, what in ((shape[0], "sample"), (shape[1], "feature")):
        if number < 1:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={tuple(shape)}) while a minimum of 1 is "
                f"required by {owner}."
            )


def _check_finite(values: NDArray[np.float32]) -> None:
    # a finite sum of squares has finite terms only; large numbers overflow it and are looked at one by one
    if math.isfinite(np.vdot(values, values)) or np.isfinite(values).all():
        return
    if np.isnan(values).any():
        raise ValueError("Input X contains NaN.")
    raise ValueError("Input X contains infinity or a value too large for dtype('float32').")


def check_feature_names(names: NDArray[Any] | None, kept: NDArray[Any] | None, owner: str) -> None:
    """Compare the column names of a data frame with those that ``fit`` kept.

    Warns (UserWarning) when only one side has names; ValueError when they differ.
    """
    if names is None and kept is None:
        return
    if kept is None:
        warnings.warn(
            f"X has feature names, but {owner} was fitted without feature names", stacklevel=4
        )
    elif names is None:
        warnings.warn(
            f"X does not have valid feature names, but {owner} was fitted with feature names",
            stacklevel=4,
        )
    elif names.shape != kept.shape or (names != kept).any():
        raise ValueError(_different_names(names.tolist(), kept.tolist()))


def feature_names(X: Any) -> NDArray[Any] | None:
    """The column names of a data frame; None for anything else. TypeError when they are partly strings."""
    columns = getattr(X, "columns", None)
    if columns is None or not hasattr(X, "shape"):
        return None
    names = np.asarray(columns, dtype=object)
    strings = [isinstance(name, str) for name in names]
    if all(strings) and strings:
        return names
    if any(strings):
        kinds = sorted({type(name).__name__ for name in names})
        raise TypeError(
            "Feature names are only supported if all input features have string names, but your "
            f"input has {kinds} as feature name / column name types. If you want feature names to "
            "be stored and validated, you must convert them all to strings, by using "
            "X.columns = X.columns.astype(str) for example. Otherwise you can remove feature / "
            "column names from your input data, or convert them all to a non-string data type."
        )
    return None


def _different_names(names: list[str], kept: list[str]) -> str:
    message = "The feature names should match those that were passed during fit.\n"
    unexpected, missing = sorted(set(names) - set(kept)), sorted(set(kept) - set(names))
    for title, group in (
        ("Feature names unseen at fit time:\n", unexpected),
        ("Feature names seen at fit time, yet now missing:\n", missing),
    ):
        if group:
            message += title + "".join(f"- {name}\n" for name in group[:5])
            message += "- ...\n" if len(group) > 5 else ""
    if not unexpected and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    return message


def check_sample_weight(sample_weight: Any, size: int) -> NDArray[np.float32] | None:
    """Weights [size] of at least 0 as float32, from an array-like, a number, or None.

    Raises ValueError for another shape, what is no number, negative, NaN or infinite weights, or all zero.
    """
    if sample_weight is None:
        return None
    refuse_masked(sample_weight, "sample_weight")
    if hasattr(sample_weight, "tocsr"):
        raise ValueError("sample_weight must be an array of numbers, got a sparse matrix")
    try:
        weights = np.asarray(sample_weight)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"sample_weight must be an array of numbers: {error}") from None
    if weights.ndim == 0:
        weights = np.full(size, weights)
    if weights.ndim != 1:
        raise ValueError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    if weights.shape != (size,):
        raise ValueError(f"sample_weight.shape == {weights.shape}, expected {(size,)}!")
    try:
        if weights.dtype.kind not in "biufO":
            raise TypeError(f"got dtype {weights.dtype}")
        with np.errstate(over="ignore"):
            weights = weights.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sample_weight must be an array of numbers: {error}") from None
    if np.isnan(weights).any():
        raise ValueError("Input sample_weight contains NaN.")
    if np.isinf(weights).any():
        raise ValueError("Input sample_weight contains infinity.")
    if (weights < 0).any():
        raise ValueError("Negative values in data passed to `sample_weight`.")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def check_texts(X: Any, name: str = "X") -> None:
    """Raise for what is no list or column of texts, though it can be gone through.

    TypeError for a dict or a set, ValueError for a table: a data frame would give its columns' names.
    """
    if type(X) is list:
        return
    if isinstance(X, (Mapping, set, frozenset)):
        raise TypeError(f"{name} must be a list or a column of texts, got {type(X).__name__}")
    shape = getattr(X, "shape", None)
    if isinstance(shape, tuple) and len(shape) != 1:
        raise ValueError(
            f"{name} must be a list or a column of texts, got {type(X).__name__} of shape {shape}: "
            "choose a column"
        )


def check_same_length(**sizes: int) -> None:
    """ValueError when arguments that belong together differ in length."""
    if len(set(sizes.values())) > 1:
        names = " and ".join(sizes)
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {list(sizes.values())} "
            f"({names})"
        )


def column_or_1d(y: NDArray[Any], *, warn: bool = True) -> NDArray[Any]:
    """A 1-D array; a column [n, 1] is flattened, with a warning, as scikit-learn does."""
    if y.ndim == 2 and y.shape[1] == 1:
        if warn:
            warnings.warn(
                "A column-vector y was passed when a 1d array was expected. Please change the shape "
                "of y to (n_samples,), for example using ravel().",
                sklearn_class("exceptions", "DataConversionWarning", UserWarning),
                stacklevel=4,
            )
        return y.ravel()
    if y.ndim != 1:
        raise ValueError(f"y should be a 1d array, got an array of shape {y.shape} instead.")
    return y
