"""Several labels an example: matrices of zeros and ones, lists of labels, and dicts of label and truth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.arguments import is_number
from pyffnn.models.checks import refuse_masked
from pyffnn.models.labels import Targets, encode, find_classes, to_labels

__all__ = ["is_matrix", "matrix_targets", "set_targets"]


def is_matrix(y: Any) -> bool:
    """Whether y is a matrix: an array, a data frame or a sparse matrix, or lists of zeros and ones.

    Lists of one length, at least 2, that hold zeros and ones alone are rows of a matrix, as
    scikit-learn takes them.
    """
    if hasattr(y, "tocsr"):
        return True
    if hasattr(y, "__array__") or hasattr(y, "ndim"):
        return len(getattr(y, "shape", ())) == 2
    if not isinstance(y, (list, tuple)) or not y:
        return False
    rows = [row for row in y if isinstance(row, (list, tuple, np.ndarray))]
    width = len(rows[0]) if len(rows) == len(y) and np.ndim(rows[0]) == 1 else 0
    return width >= 2 and all(
        len(row) == width and all(_is_truth(value) for value in row) for row in rows
    )


def _is_truth(value: Any) -> bool:
    return (isinstance(value, (bool, np.bool_)) or is_number(value)) and value in (0, 1)


def matrix_targets(y: Any, classes: NDArray[Any] | None = None, name: str = "y") -> Targets:
    """Targets of a matrix [N, classes] of zeros and ones, dense or sparse; None: classes 0, 1, ...

    Raises ValueError for anything else in it, and for another number of columns than ``classes``.
    """
    rows, columns, shape = _ones(y, name)
    if classes is None:
        classes = np.arange(shape[1])
    elif shape[1] != classes.size:
        raise ValueError(f"{name} must have {classes.size} columns, got shape {shape}")
    return Targets.of_sets(classes, rows, columns, shape[0])


def _ones(y: Any, name: str) -> tuple[NDArray[Any], NDArray[Any], tuple[int, int]]:
    """Rows and columns of the ones, and the shape."""
    refuse_masked(y, name)
    if hasattr(y, "tocsr") and len(y.shape) == 2:
        entries = y.tocsr().copy()
        entries.sum_duplicates()
        values = entries.data
    else:
        entries = np.asarray(y)
        if entries.dtype.kind == "O" and all(map(_is_truth, entries.ravel())):
            entries = entries.astype(np.int8)  # a data frame of columns that may hold pandas.NA
        values = entries.ravel()
    shape = entries.shape
    if len(shape) != 2 or values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"{name} must be a matrix of zeros and ones, a column a label, or a list of labels for "
            f"each example, got dtype {values.dtype} and shape {tuple(shape)}"
        )
    rows, columns = entries.nonzero()
    return rows, columns, (int(shape[0]), int(shape[1]))


def set_targets(
    y: Iterable[Any],
    classes: NDArray[Any] | None = None,
    name: str = "y",
    *,
    others: bool = False,
) -> Targets:
    """Targets of lists of labels, or of dicts from label to 0 or 1, one an example, of ``classes`` if given.

    Every label of a dict is a class, also one that is never true. ``others`` as in `encode`. Raises
    ValueError for a string where a list of labels belongs, and for unknown labels.
    """
    if hasattr(y, "to_pylist"):  # Arrow's lists hold no str
        y = y.to_pylist()
    rows: list[int] = []
    labels: list[Any] = []
    names: list[Any] = []
    size = 0
    if not isinstance(y, Iterable) or isinstance(y, (str, bytes, Mapping)):
        raise ValueError(f"{name} must hold a list of labels for each example, got {y!r:.60}")
    for i, given in enumerate(y):
        size += 1
        if isinstance(given, Mapping):
            names += given
        chosen = _chosen(given, f"{name}[{i}]")
        rows += [i] * len(chosen)
        labels += chosen
    if classes is None:
        if not labels:
            raise ValueError(f"{name} has no labels at all")
        both = to_labels(labels + names, "multi-label", name)
        classes, codes = find_classes(both)
        codes = codes[: len(labels)]
    elif labels:
        codes = encode(to_labels(labels, "multi-label", name), classes, name, others=others)
    else:
        codes = np.zeros(0, np.int64)
    return Targets.of_sets(classes, np.array(rows, np.int64), codes, size)


def _chosen(given: Any, where: str) -> Sequence[Any]:
    if isinstance(given, Mapping):
        for label, truth in given.items():
            if not _is_truth(truth):
                raise ValueError(f"{where} must say 0 or 1 of each label, got {label!r}: {truth!r}")
        return [label for label, truth in given.items() if truth]
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise ValueError(f"{where} must be a list of labels, got {given!r}")
    return list(given)
