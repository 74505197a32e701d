"""How good predicted labels are: accuracy, precision, recall, F1, the confusion matrix.

With tp, fp and fn the right, the wrong and the missed predictions of a label (Jurafsky & Martin,
chapter on text classification):

    precision = tp / (tp + fp),   recall = tp / (tp + fn),   F1 = 2 tp / (2 tp + fp + fn),

each 0 where its denominator is. Macro averages are means over labels, micro averages pool the
counts of all labels first. Of probabilities: the expected calibration error. Of numbers: R^2.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Scores",
    "confusion_matrix",
    "expected_calibration_error",
    "r2_score",
    "score_labels",
    "score_sets",
]


class Scores(NamedTuple):
    """Scores of a set of labels; arrays have one entry a label."""

    labels: list[Any]
    accuracy: float
    """Share of the examples that are all right."""
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]
    """Examples that have the label."""
    micro_precision: float
    micro_recall: float
    micro_f1: float

    def __str__(self) -> str:
        rows = [["label", "precision", "recall", "F1", "examples"], *self._rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(5)]
        lines = [
            f"{row[0]:<{widths[0]}}"
            + "".join(f"  {cell:>{w}}" for cell, w in zip(row[1:], widths[1:], strict=True))
            for row in rows
        ]
        return "\n".join([f"accuracy {self.accuracy:.4f}", *lines])

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th>{name}</th>" for name in ("label", "precision", "recall", "F1", "examples")
        )
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        return f"accuracy {self.accuracy:.4f}<table><tr>{head}</tr>{body}</table>"

    def _rows(self) -> list[list[str]]:
        total = int(self.support.sum())
        macro = ("macro", self.macro_precision, self.macro_recall, self.macro_f1, total)
        micro = ("micro", self.micro_precision, self.micro_recall, self.micro_f1, total)
        each = zip(self.labels, self.precision, self.recall, self.f1, self.support, strict=True)
        return [
            [str(label), f"{p:.4f}", f"{r:.4f}", f"{f1:.4f}", str(n)]
            for label, p, r, f1, n in [*each, macro, micro]
        ]

    @property
    def macro_precision(self) -> float:
        return float(self.precision.mean())

    @property
    def macro_recall(self) -> float:
        return float(self.recall.mean())

    @property
    def macro_f1(self) -> float:
        return float(self.f1.mean())


def confusion_matrix(
    y_true: ArrayLike, y_pred: ArrayLike, labels: Sequence[Any] | None = None
) -> NDArray[np.int64]:
    """How many examples of each label (rows) were given each label (columns).

    y_true, y_pred: one label an example. ``labels``: their order; None: sorted. Returns shape
    (labels, labels). Raises ValueError for another length, or a label that is not in ``labels``.
    """
    true, pred = _one_each(y_true, "y_true"), _one_each(y_pred, "y_pred")
    if len(true) != len(pred):
        raise ValueError(f"y_true has {len(true)} labels, y_pred {len(pred)}")
    if labels is None:
        labels = sorted({*true, *pred})
    number = {label: i for i, label in enumerate(labels)}
    unknown = {*true, *pred} - number.keys()
    if unknown:
        raise ValueError(f"labels must hold {min(map(repr, unknown))}, too")
    pairs = [number[t] * len(labels) + number[p] for t, p in zip(true, pred, strict=True)]
    counts = np.bincount(pairs, minlength=len(labels) ** 2).astype(np.int64)
    return counts.reshape(len(labels), len(labels))


def score_labels(
    y_true: ArrayLike, y_pred: ArrayLike, labels: Sequence[Any] | None = None
) -> Scores:
    """Scores of one label an example; arguments as those of `confusion_matrix`, at least one example."""
    if labels is None:
        labels = sorted({*_one_each(y_true, "y_true"), *_one_each(y_pred, "y_pred")})
    confusion = confusion_matrix(y_true, y_pred, labels)
    right = np.diagonal(confusion)
    if not confusion.any():
        raise ValueError("y_true must have at least one label, got none")
    return _scores(
        list(labels),
        float(right.sum() / confusion.sum()),
        right,
        confusion.sum(axis=0),
        confusion.sum(axis=1),
    )


def score_sets(
    y_true: Iterable[Iterable[Any]], y_pred: Iterable[Iterable[Any]], labels: Sequence[Any]
) -> Scores:
    """Scores of any number of labels an example; an example is right if its set is.

    y_true, y_pred: the labels of each example, or a matrix of zeros and ones (an array or a SciPy
    sparse matrix) with a column for each of ``labels``.

    Raises ValueError for another length, no examples, a label that is not in ``labels``, or a
    matrix of another number of columns or of other numbers.
    """
    true, pred = _sets(y_true, labels, "y_true"), _sets(y_pred, labels, "y_pred")
    if len(true) != len(pred) or not true:
        raise ValueError(
            f"y_true has {len(true)} examples, y_pred {len(pred)}; at least one is needed"
        )
    number = {label: i for i, label in enumerate(labels)}
    unknown = set().union(*true, *pred) - number.keys()
    if unknown:
        raise ValueError(f"labels must hold {min(map(repr, unknown))}, too")

    def count(sets: Iterable[set[Any]]) -> NDArray[np.int64]:
        flat = [number[label] for labels in sets for label in labels]
        return np.bincount(flat, minlength=len(number)).astype(np.int64)

    both = [t & p for t, p in zip(true, pred, strict=True)]
    exact = sum(t == p for t, p in zip(true, pred, strict=True))
    return _scores(list(labels), exact / len(true), count(both), count(pred), count(true))


def expected_calibration_error(
    y: ArrayLike, p: ArrayLike, bins: int = 15, *, labels: Sequence[Any] | None = None
) -> float:
    """By how much the probability of an answer differs from the share of such answers that are right.

    Examples fall into ``bins`` bins of equal width by the greatest probability of each; the error is
    the mean over examples of |share right - mean probability| of their bins (Guo et al. 2017).

    Parameters
    ----------
    y : array-like of shape (n,)
        Right labels.
    p : array-like of shape (n, classes), or (n,)
        What ``predict_proba`` gives; of two classes the second's alone.
    bins
        Their number.
    labels
        What the columns stand for. None: the sorted labels of ``y`` where it has as many, else
        0, 1, ...

    Raises
    ------
    ValueError
        Another shape or length, no example, numbers outside [0, 1] or NaN, labels without a column.
    """
    true = _one_each(y, "y")
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or bins < 1:
        raise ValueError(f"bins must be an integer of at least 1, got {bins!r}")
    rows = np.asarray(p, np.float64)
    if rows.ndim == 2 and rows.shape[1] == 1:
        rows = rows[:, 0]
    if rows.ndim == 1:
        rows = np.stack([1 - rows, rows], axis=1)
    if rows.ndim != 2 or len(rows) != len(true) or not len(true):
        raise ValueError(
            f"p must have a row for each label of y, at least one, got shape {np.shape(p)} for "
            f"{len(true)} labels"
        )
    if not ((rows >= 0) & (rows <= 1 + 1e-6)).all():
        raise ValueError("p must be probabilities, numbers in [0, 1]")
    number = {label: i for i, label in enumerate(_columns(true, rows.shape[1], labels))}
    unknown = set(true) - number.keys()
    if unknown:
        raise ValueError(
            f"y has the label {min(map(repr, unknown))}, for which p has no column: labels= says what "
            "the columns are"
        )
    right = rows.argmax(axis=1) == [number[label] for label in true]
    sure = rows.max(axis=1)
    where = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(where, right - sure, minlength=int(bins))
    return float(np.abs(gaps).sum() / len(true))


def _columns(true: list[Any], n: int, labels: Sequence[Any] | None) -> list[Any]:
    """The label of each of ``n`` columns."""
    if labels is None:
        found = set(true)
        return sorted(found) if len(found) == n else list(range(n))
    names: list[Any] = np.asarray(labels).tolist()
    if len(names) != n or len(set(names)) != n:
        raise ValueError(
            f"labels must be {n} different ones, one a column of p, got {labels!r:.80}"
        )
    return names


def r2_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """The coefficient of determination, R^2 = 1 - sum w (y - f)^2 / sum w (y - mean y)^2; the mean over columns.

    y_true, y_pred : array-likes of shape (n,) or (n, outputs). A column of one value counts 1 where
    it is predicted exactly, else 0. Raises ValueError for fewer than 2 examples or other shapes.
    """
    true, found = np.asarray(y_true, np.float64), np.asarray(y_pred, np.float64)
    if true.shape != found.shape or true.ndim not in (1, 2):
        raise ValueError(
            f"y_true and y_pred must have one shape, (n,) or (n, outputs), got {true.shape} and "
            f"{found.shape}"
        )
    if len(true) < 2:
        raise ValueError(
            f"R^2 is not defined for fewer than 2 samples, got n_samples = {len(true)}"
        )
    weight = np.ones(len(true)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    true, found = true.reshape(len(true), -1), found.reshape(len(true), -1)
    lost = weight @ (true - found) ** 2
    whole = weight @ (true - np.average(true, axis=0, weights=weight)) ** 2
    each = np.where(
        whole > 0, 1 - lost / np.where(whole > 0, whole, 1), np.where(lost > 0, 0.0, 1.0)
    )
    return float(each.mean())


def _one_each(y: Any, name: str) -> list[Any]:
    array = np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{name} must hold one label an example, got shape {array.shape}")
    values: list[Any] = array.tolist()
    return values


def _sets(y: Any, labels: Sequence[Any], name: str) -> list[set[Any]]:
    if len(getattr(y, "shape", ())) == 2:
        matrix = np.asarray(y.toarray() if hasattr(y, "tocsr") else y)
        if matrix.shape[1] != len(labels) or not np.isin(matrix, (0, 1)).all():
            raise ValueError(
                f"{name} must be lists of labels, or a matrix of zeros and ones with {len(labels)} "
                f"columns, got dtype {matrix.dtype} and shape {matrix.shape}"
            )
        return [{labels[j] for j in np.flatnonzero(row).tolist()} for row in matrix]
    sets = []
    for i, given in enumerate(y):
        if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
            raise ValueError(f"{name}[{i}] must be a list of labels, got {given!r}")
        sets.append(set(given))
    return sets


def _scores(
    labels: list[Any],
    accuracy: float,
    right: NDArray[np.int64],
    predicted: NDArray[np.int64],
    support: NDArray[np.int64],
) -> Scores:
    return Scores(
        labels,
        accuracy,
        _ratio(right, predicted),
        _ratio(right, support),
        _ratio(2 * right, predicted + support),
        support,
        float(_ratio(right.sum(), predicted.sum())),
        float(_ratio(right.sum(), support.sum())),
        float(_ratio(2 * right.sum(), predicted.sum() + support.sum())),
    )


def _ratio(part: Any, whole: Any) -> NDArray[np.float64]:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0))
