"""Scores as a polars expression."""

from __future__ import annotations

from typing import Any

import polars as pl

from .scoring import score_texts

__all__ = ["score"]


def score(column: str | pl.Expr, model: Any, **options: Any) -> pl.Expr:
    """An expression of a column of texts: structs with the fields `label` and `score`, null where a text is.

    model: a model or a path; options: those of `score_batches` with k = 1 (`windows`, `reduce`, `threshold`).
    ``frame.with_columns(score("text", "lid.176.ftz").alias("language"))``
    """
    if options.pop("k", 1) != 1:
        raise ValueError("in polars k must be 1: the fields are label and score")
    kind = pl.Struct({"label": pl.String, "score": pl.Float32})

    def scored(series: pl.Series) -> pl.Series:
        found = score_texts(model, series.to_list(), **options)
        return pl.Series(
            [{"label": one[0][0], "score": one[0][1]} if one else None for one in found], dtype=kind
        )

    expression = pl.col(column) if isinstance(column, str) else column
    return expression.map_batches(scored, return_dtype=kind, is_elementwise=True)
