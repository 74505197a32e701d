"""Likely label errors by confident learning (Northcutt, Jiang & Chuang 2021).

Each example is judged by models that were not trained on it. The threshold of a class is the mean
probability that they give it over the examples labelled so. An example is a likely error if another
class than its own reaches its threshold, and more so than its own does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.text_classifier import TextClassifier
from pyffnn.training import group_parts

__all__ = ["LabelErrors", "confident_errors", "unseen_probabilities"]

_FOLDS = 5
# More than the classifier's default: a model that fits wrong labels closely does not see them.
_L2 = 1e-3


class LabelErrors(NamedTuple):
    """What is likely mislabelled.

    Attributes
    ----------
    order
        int64 [n], numbers of all examples, the likeliest error (the label least believed) first.
    likely
        bool [n], whether each example is a likely error.
    suggested
        int64 [n], the class that each example most likely has.
    """

    order: NDArray[np.int64]
    likely: NDArray[np.bool_]
    suggested: NDArray[np.int64]


def unseen_probabilities(
    texts: list[str],
    codes: NDArray[np.int64],
    groups: NDArray[np.int64],
    seed: int = 0,
    **settings: Any,
) -> NDArray[np.float64]:
    """Of each class for each text, [n, classes], by models of other texts.

    Texts of one group are judged together: a copy must not vouch for the label of another. Each
    class is spread evenly over the parts. A class that no other part has gets 0.
    """
    n_classes = int(codes.max()) + 1
    fold = group_parts(groups, codes, _FOLDS, np.random.default_rng(seed))
    out = np.zeros((len(texts), n_classes))
    for i in range(_FOLDS):
        here, there = np.flatnonzero(fold == i), np.flatnonzero(fold != i)
        if not here.size:
            continue
        known = np.unique(codes[there])
        if known.size < 2:
            out[np.ix_(here, known)] = 1
            continue
        model = TextClassifier(word_ngrams=2, l2=_L2, random_state=seed, **settings)
        model.fit([texts[j] for j in there], codes[there])
        out[np.ix_(here, known)] = model.predict_proba([texts[j] for j in here])
    return out


def confident_errors(p: NDArray[np.float64], codes: NDArray[np.int64]) -> LabelErrors:
    """From probabilities [n, classes] that models of other examples gave, and the labels' numbers."""
    n, n_classes = p.shape
    own = p[np.arange(n), codes]
    counts = np.bincount(codes, minlength=n_classes)
    thresholds = np.bincount(codes, own, minlength=n_classes) / np.maximum(counts, 1)
    suggested = p.argmax(axis=1)
    reached = np.where(p >= np.where(counts, thresholds, np.inf), p, -1)
    best = reached.argmax(axis=1)
    likely = (reached.max(axis=1) >= 0) & (best != codes) & (suggested != codes)
    return LabelErrors(np.argsort(own, kind="stable"), likely, suggested)
