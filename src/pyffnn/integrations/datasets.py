"""Scores of Hugging Face datasets."""

from __future__ import annotations

from typing import Any

from .scoring import score_texts

__all__ = ["score"]


def score(
    dataset: Any,
    model: str,
    *,
    column: str = "text",
    batch_size: int = 1000,
    num_proc: int | None = None,
    **options: Any,
) -> Any:
    """The dataset (or iterable dataset) with the columns `label` and `score`, through `map`.

    model: a path; options: those of `score_batches` with k = 1 (`windows`, `reduce`, `threshold`).
    """
    if options.pop("k", 1) != 1:
        raise ValueError("in datasets k must be 1: the columns are label and score")
    more = {} if num_proc is None else {"num_proc": num_proc}
    return dataset.map(
        _scored,
        batched=True,
        batch_size=batch_size,
        fn_kwargs={"model": model, "column": column, "options": options},
        **more,
    )


def _scored(
    batch: dict[str, list[Any]], model: str, column: str, options: dict[str, Any]
) -> dict[str, list[Any]]:
    found = score_texts(model, batch[column], **options)
    return {
        "label": [one[0][0] if one else None for one in found],
        "score": [one[0][1] if one else None for one in found],
    }
