"""Scores on Dask data frames: one model a worker, mapped and so shared by those of a machine."""

from __future__ import annotations

from typing import Any

from .scoring import score_texts

__all__ = ["score"]


def score(frame: Any, model: str, *, column: str = "text", **options: Any) -> Any:
    """The Dask data frame with the columns `label` and `score`, through `map_partitions`.

    model: a path that every worker can read; options: those of `score_batches` with k = 1 (`windows`, `reduce`, `threshold`).
    """
    if options.pop("k", 1) != 1:
        raise ValueError("on Dask k must be 1: the columns are label and score")
    meta = frame._meta.assign(label="", score=0.0)
    return frame.map_partitions(_scored, model, column, options, meta=meta)


def _scored(part: Any, model: str, column: str, options: dict[str, Any]) -> Any:
    texts = [text if isinstance(text, str) else None for text in part[column]]
    found = score_texts(model, texts, **options)
    return part.assign(
        label=[one[0][0] if one else None for one in found],
        score=[one[0][1] if one else float("nan") for one in found],
    )
