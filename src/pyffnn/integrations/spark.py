"""Scores on Spark: one model a Python worker, mapped and so shared by those of a machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .scoring import load_scorer

__all__ = ["score"]


def score(frame: Any, model: str, *, column: str = "text", **options: Any) -> Any:
    """The Spark data frame with the columns `label` and `score`, through `mapInArrow`.

    model: a path that every worker can read; options: those of `score_batches` with k = 1 (`windows`, `reduce`, `threshold`).
    Raises ImportError without pyspark, ValueError for another k.
    """
    from pyspark.sql.types import FloatType, StringType, StructField, StructType

    if options.pop("k", 1) != 1:
        raise ValueError("on Spark k must be 1: the columns are label and score")
    kept = [field for field in frame.schema.fields if field.name not in ("label", "score")]
    schema = StructType(
        [*kept, StructField("label", StringType()), StructField("score", FloatType())]
    )
    names = [field.name for field in schema.fields]

    def scored(batches: Iterator[Any]) -> Iterator[Any]:
        import pyarrow as pa

        for batch in load_scorer(model).score_batches(batches, column=column, **options):
            columns = [batch.column(batch.schema.get_field_index(name)) for name in names]
            columns[-2] = columns[-2].cast(pa.string())  # Spark's frames have no dictionaries
            yield pa.RecordBatch.from_arrays(columns, names)

    return frame.mapInArrow(scored, schema)
