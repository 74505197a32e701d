"""Above which probability a multi-label model gives a label: set by hand, or chosen on validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.arguments import is_number
from pyffnn.models.labels import Targets

__all__ = ["Thresholds", "best_thresholds", "given_thresholds"]

Thresholds: TypeAlias = Literal["auto"] | float | Sequence[float] | Mapping[Any, float]
"""As the models' setting: "auto", one for all labels, one for each, or by label (1/2 for others)."""

_MOST = 1 << 26
"""Probabilities looked at when thresholds are chosen: of more examples, evenly taken ones."""


def given_thresholds(setting: Thresholds, classes: NDArray[Any]) -> NDArray[np.float64] | None:
    """The threshold of each class, or None for "auto". ValueError for another number of them, or an unknown label."""
    if isinstance(setting, str):
        return None
    if is_number(setting):
        return np.full(classes.size, float(setting))  # type: ignore[arg-type]
    if isinstance(setting, Mapping):
        out = np.full(classes.size, 0.5)
        labels = classes.tolist()
        for label, value in setting.items():
            if label not in labels:
                raise ValueError(f"thresholds has {label!r}, which is no label of y")
            out[labels.index(label)] = value
        return out
    values = np.asarray(setting, np.float64)
    if values.size != classes.size:
        raise ValueError(
            f"thresholds must have one number for each of {classes.size} labels, got {values.size}"
        )
    return values


def best_thresholds(
    predict: Callable[[NDArray[np.int64]], NDArray[Any]],
    numbers: NDArray[np.int64],
    targets: Targets,
    weight: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """For each label the threshold whose F1 on some examples is the greatest (Lipton et al. 2014).

    ``predict``: from numbers of examples to probabilities [examples, labels]; ``numbers``: of the
    examples, whose sets and weights are those of ``targets`` and ``weight``. Halfway between two
    probabilities; of equally good ones the nearest to 1/2, which also stands where no example has
    the label.
    """
    labels = targets.classes.size
    step = -(-numbers.size * labels // _MOST)
    some = numbers[:: max(step, 1)]
    p = predict(some)
    assert targets.indptr is not None and targets.indices is not None
    rows = np.zeros((some.size, labels), bool)
    for i, example in enumerate(some.tolist()):
        rows[i, targets.indices[targets.indptr[example] : targets.indptr[example + 1]]] = True
    w = np.ones(some.size) if weight is None else np.asarray(weight, np.float64)[some]
    return np.array([_best(p[:, j].astype(np.float64), rows[:, j], w) for j in range(labels)])


def _best(p: NDArray[np.float64], truth: NDArray[np.bool_], w: NDArray[np.float64]) -> float:
    order = np.argsort(-p, kind="stable")
    p, hits, w = p[order], (truth * w)[order], w[order]
    whole = hits.sum()
    if whole <= 0:
        return 0.5
    # above the threshold: the first i + 1, where the next probability is another
    ends = np.flatnonzero(np.append(p[1:] < p[:-1], True) & (p > 0))
    if not ends.size:
        return 0.5
    f1 = 2 * hits.cumsum()[ends] / (w.cumsum()[ends] + whole)
    below = np.append(p[1:], 0.0)[ends]
    cuts = (p[ends] + below) / 2
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    # within the gap around the best cuts, 1/2 itself where it lies there
    gaps = [(below[i], p[ends][i], cuts[i]) for i in best]
    inside = [0.5 if low <= 0.5 < high else cut for low, high, cut in gaps]
    return float(min(inside, key=lambda cut: abs(cut - 0.5)))
