"""Scores on Ray Data: one model a worker, mapped and so shared by those of a machine."""

from __future__ import annotations

from typing import Any

from .scoring import load_scorer

__all__ = ["score"]


def score(
    dataset: Any, model: str, *, column: str = "text", batch_size: int = 4096, **options: Any
) -> Any:
    """The Ray dataset with the columns that `score_batches` adds, through `map_batches`.

    model: a path that every worker can read; options: those of `score_batches`.
    """

    def scored(table: Any) -> Any:
        import pyarrow as pa

        return pa.Table.from_batches(
            load_scorer(model).score_batches(table, column=column, **options)
        ).combine_chunks()

    return dataset.map_batches(scored, batch_format="pyarrow", batch_size=batch_size)
