"""Scores of whole columns of documents, without a Python object a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn
from pyffnn.models.names import Reduce
from pyffnn.text.columns import (
    ScoredBatches,
    batches_of,
    check_column,
    text_column,
    with_predictions,
)

if TYPE_CHECKING:
    from .model import _FastText

__all__ = ["score_batches", "score_texts"]

_REDUCE = get_args(Reduce)


def score_batches(
    model: _FastText,
    batches: Any,
    *,
    column: str = "text",
    k: int = 1,
    threshold: float = 0.0,
    windows: int | str | None = None,
    reduce: Reduce = "mean",
    n_threads: int | None = None,
) -> Iterator[Any]:
    """See `_FastText.score_batches`."""
    from .model import _threads

    check_column(column)
    _threads(n_threads)
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or (k != -1 and k < 1):
        raise ValueError(f"k needs to be 1 or higher! (-1 for all labels), got {k!r}")
    window = window_of(windows)
    if reduce not in _REDUCE:
        raise ValueError(f"reduce must be one of {', '.join(_REDUCE)}, got {reduce!r}")
    names = list(model.get_labels(on_unicode_error="replace"))
    return ScoredBatches(
        _scored(model, batch, column, k, threshold, window, reduce, n_threads, names)
        for batch in batches_of(batches)
    )


def score_texts(
    model: _FastText,
    texts: list[str | None],
    k: int = 1,
    threshold: float = 0.0,
    windows: int | str | None = None,
    reduce: Reduce = "mean",
    n_threads: int | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    """(ends of each text's predictions, numbers of labels, probabilities) of documents, which may have line feeds; None has none."""
    from .model import _threads

    parts = [(text or "").encode() for text in texts]
    offsets = np.cumsum([0, *map(len, parts)], dtype=np.int64)
    present = np.array([text is not None for text in texts], bool)
    return _pyffnn.fasttext_score(
        model._model,
        b"".join(parts),
        offsets,
        present,
        k,
        threshold,
        window_of(windows),
        reduce,
        _threads(n_threads),
    )


def window_of(windows: int | str | None) -> int:
    """Words a window; 0 for whole documents, -1 for paragraphs."""
    if windows is None:
        return 0
    if windows == "paragraphs":
        return -1
    if isinstance(windows, bool) or not isinstance(windows, int) or windows < 1:
        raise ValueError(
            f'windows must be None, a number of words, or "paragraphs", got {windows!r}'
        )
    return windows


def _scored(
    model: _FastText,
    batch: Any,
    column: str,
    k: int,
    threshold: float,
    window: int,
    reduce: str,
    n_threads: int | None,
    names: list[str],
) -> Any:
    from .model import _threads

    texts = text_column(batch, column)
    found = _pyffnn.fasttext_score(
        model._model,
        texts.data,
        texts.offsets,
        texts.present,
        k,
        threshold,
        window,
        reduce,
        _threads(n_threads),
    )
    return with_predictions(batch, k, names, *found)
