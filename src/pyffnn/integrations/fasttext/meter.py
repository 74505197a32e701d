"""Scores of predictions against true labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .model import _FastText

__all__ = ["Counts", "Meter"]

_Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
_NOT_PREDICTED = -1.0


class Counts:
    """Precision and recall of predictions, from how often each label is true, is predicted, and is both."""

    def __init__(
        self,
        examples: int,
        gold: NDArray[np.int64],
        predicted: NDArray[np.int64],
        hits: NDArray[np.int64],
    ) -> None:
        self.examples = examples
        self._gold, self._predicted, self._hits = gold, predicted, hits

    def precision(self, label: int | None = None) -> float:
        """Of what is predicted, the share that is true; NaN where nothing is."""
        return _ratio(self._of(self._hits, label), self._of(self._predicted, label))

    def recall(self, label: int | None = None) -> float:
        """Of what is true, the share that is predicted; NaN where nothing is."""
        return _ratio(self._of(self._hits, label), self._of(self._gold, label))

    def f1_score(self, label: int | None = None) -> float:
        """The harmonic mean of precision and recall; NaN where there is neither."""
        all_of = self._of(self._predicted, label) + self._of(self._gold, label)
        return _ratio(2 * self._of(self._hits, label), all_of)

    @staticmethod
    def _of(counts: NDArray[Any], label: int | None) -> int:
        return int(counts.sum() if label is None else counts[label])


class Meter(Counts):
    """What `get_meter` returns: precision and recall at every threshold, of a label or of all."""

    def __init__(
        self,
        model: _FastText,
        num_labels: int,
        gold_offsets: NDArray[np.int64],
        gold: NDArray[np.int32],
        offsets: NDArray[np.int64],
        labels: NDArray[np.int32],
        scores: NDArray[np.float32],
    ) -> None:
        self._model = model
        n = max(num_labels, 1)
        lines = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        gold_lines = np.repeat(np.arange(len(offsets) - 1), np.diff(gold_offsets))
        predicted = lines * n + labels
        true = gold_lines * n + gold
        hit = np.isin(predicted, true)
        super().__init__(
            len(offsets) - 1,
            np.bincount(gold, minlength=n),
            np.bincount(labels, minlength=n),
            np.bincount(labels[hit], minlength=n),
        )
        left = gold[~np.isin(true, predicted)]
        self._label = np.concatenate([labels, left])
        self._score = np.concatenate([scores, np.full(len(left), _NOT_PREDICTED, np.float32)])
        self._true = np.concatenate([hit.astype(np.float32), np.ones(len(left), np.float32)])

    def score_vs_true(self, label: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(scores, 1 where the label is true and 0 where not) of the lines where it is predicted, by rising score.

        Lines that have the label without its being predicted have score -1.
        """
        chosen = self._chosen(label)
        order = np.lexsort((self._true[chosen], self._score[chosen]))
        return self._score[chosen][order], self._true[chosen][order]

    def precision_recall_curve(self, label: str | None = None) -> _Curve:
        """(precision, recall) at each score from the highest on, until every true label is found; (1, 0) at the end."""
        chosen = self._chosen(label)
        scores, true = self._score[chosen], self._true[chosen]
        reached = scores >= 0
        scores, true = scores[reached], true[reached]
        if len(scores) == 0:
            return np.empty(0), np.empty(0)
        order = np.argsort(-scores, kind="stable")
        scores, true = scores[order], true[order]
        ends = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)  # the last of each score
        found = np.cumsum(true, dtype=np.float64)[ends]
        gold = self._of(self._gold, None if not label else self._model.get_label_id(label))
        complete = np.flatnonzero(found >= gold)
        if len(complete):
            ends, found = ends[: complete[0] + 1], found[: complete[0] + 1]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = found / (ends + 1.0)
            recall = found / gold if gold else np.full(len(found), np.nan)
        return np.append(precision, 1.0), np.append(recall, 0.0)

    def precision_at_recall(self, recall: float, label: str | None = None) -> float:
        """The highest precision with at least that recall; 0 where there is none."""
        precisions, recalls = self.precision_recall_curve(label)
        return float(np.max(precisions[recalls >= recall], initial=0.0))

    def recall_at_precision(self, precision: float, label: str | None = None) -> float:
        """The highest recall with at least that precision; 0 where there is none."""
        precisions, recalls = self.precision_recall_curve(label)
        return float(np.max(recalls[precisions >= precision], initial=0.0))

    def _chosen(self, label: str | None) -> NDArray[np.bool_]:
        if not label:
            return np.ones(len(self._label), bool)
        chosen: NDArray[np.bool_] = self._label == self._model.get_label_id(label)
        return chosen


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
