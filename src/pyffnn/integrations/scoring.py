"""What the adapters share: a model of a path, read once a process, and scores of Arrow batches or of lists by it."""

from __future__ import annotations

import functools
import os
from typing import Any

__all__ = ["load_scorer", "score_batch", "score_texts"]

_FASTTEXT = (793712314).to_bytes(4, "little")


def load_scorer(path: Any) -> Any:
    """A fastText model (`.bin`, `.ftz`) or a `TextClassifier` of a file, told by its first bytes; the same object for the same file."""
    name = os.fspath(path)
    stat = os.stat(name)
    return _loaded(name, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=4)
def _loaded(path: str, changed: int, size: int) -> Any:
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic == _FASTTEXT:
        from pyffnn.integrations.fasttext import load_model

        return load_model(path)
    from pyffnn.models.text_classifier import TextClassifier

    return TextClassifier.load(path)


def _model(model: Any) -> Any:
    return load_scorer(model) if isinstance(model, str | os.PathLike) else model


def score_batch(model: Any, batch: Any, **options: Any) -> Any:
    """An Arrow record batch with the columns of predictions that `score_batches` adds. ``model``: a model or a path."""
    return next(iter(_model(model).score_batches([batch], **options)))


def score_texts(model: Any, texts: Any, **options: Any) -> list[list[tuple[str, float]]]:
    """(label, probability) of each of the best labels of each text (None: none). ``model``: a model or a path."""
    model = _model(model)
    names: list[str]
    score: Any
    if hasattr(model, "classes_"):
        from pyffnn.models.text_classifier import scoring

        score = scoring.score_texts

        names = [str(label) for label in model.classes_]
    else:
        from pyffnn.integrations.fasttext import scoring as of_fasttext

        score = of_fasttext.score_texts

        names = model.get_labels(on_unicode_error="replace")
    ends, labels, scores = score(model, list(texts), **options)
    pairs = [(names[i], p) for i, p in zip(labels.tolist(), scores.tolist(), strict=True)]
    starts = [0, *ends.tolist()[:-1]]
    return [pairs[a:b] for a, b in zip(starts, ends.tolist(), strict=False)]
