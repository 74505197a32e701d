"""Scores of whole documents, or of their windows, by a `TextClassifier`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.arguments import is_number
from pyffnn.models.names import Reduce
from pyffnn.models.parameters import check_one
from pyffnn.models.text_classifier.fold import for_scoring
from pyffnn.text.columns import (
    ScoredBatches,
    batches_of,
    check_column,
    text_column,
    with_predictions,
)

if TYPE_CHECKING:
    from pyffnn.models.text_classifier.answers import TextAnswers

__all__ = ["score_batches", "score_texts"]

_REDUCE = get_args(Reduce)


def score_texts(
    model: TextAnswers,
    texts: Sequence[str | None],
    k: int = 1,
    threshold: float = 0.0,
    windows: int | str | None = None,
    reduce: Reduce = "mean",
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """(ends of each text's predictions, numbers of classes, probabilities), best first; a text that is None has none."""
    _check(k, threshold, windows, reduce)
    parts = [[] if text is None else _cut(text, windows) for text in texts]
    if reduce == "first":
        parts = [part[:1] for part in parts]
    each = np.array([len(part) for part in parts], np.int64)
    classes = len(model.classes_)
    k = classes if k == -1 else min(k, classes)
    if not each.any():
        return np.zeros(len(parts), np.int64), np.empty(0, np.int32), np.empty(0, np.float32)
    p = np.asarray(model.predict_proba([window for part in parts for window in part]), np.float32)
    starts = np.cumsum(each) - each
    if each.max() > 1:
        how = {"mean": np.add, "max": np.maximum, "min": np.minimum, "first": np.maximum}[reduce]
        reduced = how.reduceat(p.astype(np.float64), starts[each > 0], axis=0)
        if reduce == "mean":
            reduced /= each[each > 0, None]
        p = reduced.astype(np.float32)
    p = np.minimum(p, np.float32(1))
    order = np.argsort(-p, axis=1, kind="stable")[:, :k]
    best = np.take_along_axis(p, order, axis=1)
    kept = best >= threshold
    if (floor := model.reject_threshold_) is not None:
        kept &= best[:, :1] >= floor  # none of the classes
    counts = np.zeros(len(parts), np.int64)
    counts[each > 0] = kept.sum(axis=1)
    return np.cumsum(counts), order[kept].astype(np.int32), best[kept]


def score_batches(
    model: TextAnswers,
    batches: Any,
    *,
    column: str,
    k: int,
    n_threads: int | None = None,
    **options: Any,
) -> Iterator[Any]:
    """See `TextClassifier.score_batches`."""
    check_column(column)
    _check(k, **options)
    model = _with_threads(for_scoring(model), n_threads)
    return ScoredBatches(_scored(model, batch, column, k, options) for batch in batches_of(batches))


def _check(k: Any, threshold: Any, windows: Any, reduce: Any) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or (k != -1 and k < 1):
        raise ValueError(f"k must be at least 1 (or -1 for all classes), got {k!r}")
    if not is_number(threshold):
        raise ValueError(f"threshold must be a number, got {threshold!r}")
    if reduce not in _REDUCE:
        raise ValueError(f"reduce must be one of {', '.join(_REDUCE)}, got {reduce!r}")
    _cut("", windows)


def _with_threads(model: TextAnswers, n_threads: int | None) -> TextAnswers:
    """The model, with the same state, on so many threads; ValueError for what is no number of threads."""
    if n_threads is None:
        return model
    twin = object.__new__(type(model))
    twin.__dict__.update(model.__dict__)
    twin.n_threads = n_threads
    check_one(twin, "n_threads")
    return twin


def _scored(model: TextAnswers, batch: Any, column: str, k: int, options: dict[str, Any]) -> Any:
    found = text_column(batch, column)
    texts: list[str | None] = list(found.texts())
    if found.present is not None:
        texts = [text if there else None for text, there in zip(texts, found.present, strict=True)]
    names = [str(label) for label in model.classes_]
    return with_predictions(batch, k, names, *score_texts(model, texts, k, **options))


def _cut(text: str, windows: int | str | None) -> list[str]:
    """A text, its paragraphs, or its windows of so many words; one that has none is a window itself."""
    if windows is None:
        return [text]
    if windows == "paragraphs":
        return [line for line in text.split("\n") if line.strip()] or [text]
    if isinstance(windows, bool) or not isinstance(windows, int) or windows < 1:
        raise ValueError(
            f'windows must be None, a number of words, or "paragraphs", got {windows!r}'
        )
    words = text.split()
    return [" ".join(words[i : i + windows]) for i in range(0, len(words), windows)] or [text]
