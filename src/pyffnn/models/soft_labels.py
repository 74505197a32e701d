"""Soft labels: a probability for each class, a row an example."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.checks import refuse_masked
from pyffnn.models.labels import Targets, find_classes

__all__ = ["is_soft", "shares_in_file", "soft_targets"]

_TOLERANCE = (
    1e-3  # of the sum of a row: probabilities may have been rounded to three digits and more
)


def is_soft(y: Any, *, hard_too: bool = False) -> bool:
    """Whether y is a matrix of real numbers that are not all 0 or 1, at least two columns.

    ``hard_too``: of floating-point numbers, also if all are 0 or 1.
    """
    rows = _matrix(y)
    if rows is None or rows.dtype.kind != "f":
        return False
    return hard_too or not np.isin(rows, (0, 1)).all()


def soft_targets(y: Any, classes: NDArray[Any] | None = None, name: str = "y") -> Targets:
    """Targets of rows of probabilities [N, classes]; None: classes 0, 1, ..., or the names of a data frame's columns.

    The columns of a data frame that are named as the classes may stand in any order. Raises
    ValueError for NaN, numbers outside [0, 1], rows that do not sum to 1, and another number of
    columns than ``classes``.
    """
    refuse_masked(y, name)
    rows = _matrix(y)
    assert rows is not None
    names = _column_names(y)
    if classes is None:
        classes = np.arange(rows.shape[1])
        if names is not None:
            classes, columns = find_classes(names)
            if classes.size != names.size:
                raise ValueError(f"{name} has several columns of the same name")
            rows = rows[:, np.argsort(columns)]
    elif rows.shape[1] != classes.size:
        raise ValueError(
            f"{name} must have a column for each of the {classes.size} classes, got shape {rows.shape}"
        )
    elif names is not None and set(names.tolist()) == set(classes.tolist()):
        place = {label: i for i, label in enumerate(names.tolist())}
        rows = rows[:, [place[label] for label in classes.tolist()]]
    return Targets(classes, probabilities=_checked(rows, name))


def shares_in_file(
    names: list[str],
    ids: NDArray[Any],
    offsets: NDArray[np.int64],
    classes: NDArray[Any] | None,
    where: str,
) -> Targets | None:
    """Targets of labels that are ``name:probability``, several to a text; None: they are something else.

    ``ids[offsets[i]:offsets[i + 1]]`` are numbers of text i's ``names``; a class that is not
    named has none of the probability. Raises ValueError for a text whose probabilities do not sum to 1,
    and for a class that is not among ``classes``.
    """
    counts = np.diff(offsets)
    shares = [_SHARE.fullmatch(name) for name in names]
    if not (counts > 1).any() or not all(shares):
        return None
    labels = [share[1] for share in shares if share is not None]
    values = np.array([float(share[2]) for share in shares if share is not None])
    if classes is None:
        classes = np.array(sorted(set(labels)))
    place = {label: i for i, label in enumerate(classes.tolist())}
    if unknown := sorted(set(labels) - set(place)):
        raise ValueError(f"{where!r}: label {unknown[0]!r} is none of the classes of the model")
    columns = np.array([place[label] for label in labels], np.int64)
    rows = np.zeros((counts.size, classes.size))
    np.add.at(rows, (np.repeat(np.arange(counts.size), counts), columns[ids]), values[ids])
    return Targets(classes, probabilities=_checked(rows, f"the labels of {where!r}"))


_SHARE = re.compile(r"(.+):(\d+(?:\.\d*)?(?:[eE]-?\d+)?|\.\d+)")


def _checked(rows: NDArray[Any], name: str) -> NDArray[np.float32]:
    def refuse(bad: NDArray[np.bool_], got: str) -> None:
        if bad.any():
            i = int(bad.argmax())
            raise ValueError(
                f"{name} must be rows of probabilities that sum to 1 (or, for multi-label, a matrix "
                f"of zeros and ones), got {got.format(row=rows[i].tolist(), i=i)}"[:400]
            )

    refuse(np.asarray(np.isnan(rows).any(axis=1)), "NaN in row {i}: {row}")
    outside = (rows < 0) | (rows > 1 + _TOLERANCE)
    refuse(np.asarray(outside.any(axis=1)), "row {i}: {row}")
    total = rows.sum(axis=1, dtype=np.float64)
    far = np.asarray(np.abs(total - 1) > _TOLERANCE)
    if total.size:
        refuse(np.asarray(far), f"a sum of {total[far.argmax()]:.4g} in row {{i}}: {{row}}")
    return np.ascontiguousarray(rows / total[:, None], np.float32)


def _matrix(y: Any) -> NDArray[Any] | None:
    """y as an array of numbers with at least two columns; None where it is none."""
    if hasattr(y, "tocsr") or isinstance(y, (str, bytes)):
        return None
    if not hasattr(y, "__array__") and not (
        isinstance(y, (list, tuple)) and y and isinstance(y[0], (list, tuple, np.ndarray))
    ):
        return None
    try:
        rows = np.asarray(y)
        if rows.dtype.kind == "O" and rows.ndim == 2:
            rows = rows.astype(np.float64)
    except (TypeError, ValueError):
        return None
    if rows.ndim != 2 or rows.shape[1] < 2 or rows.dtype.kind not in "biuf":
        return None
    return rows


def _column_names(y: Any) -> NDArray[Any] | None:
    """Of a data frame whose columns are called by strings."""
    columns = getattr(y, "columns", None)
    if columns is None:
        return None
    names = list(columns)
    return np.array(names) if names and all(isinstance(n, str) for n in names) else None
