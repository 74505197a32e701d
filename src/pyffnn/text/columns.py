"""Columns of texts as Arrow has them in memory, and predictions beside them.

Batches of any library come and go by the Arrow C interface alone; those of pyarrow come and go as pyarrow's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

__all__ = [
    "ScoredBatches",
    "TextColumn",
    "batches_of",
    "check_column",
    "text_column",
    "with_predictions",
]


def _arrow() -> Any:
    import pyarrow  # who has a batch of pyarrow has imported it

    return pyarrow


def _is_pyarrow(x: Any) -> bool:
    return type(x).__module__.partition(".")[0] == "pyarrow"


class TextColumn(NamedTuple):
    """Texts i, `data[offsets[i]:offsets[i + 1]]`, in UTF-8; present: which of them are there, None for all."""

    data: Any
    offsets: NDArray[np.integer[Any]]
    present: NDArray[np.bool_] | None

    def texts(self) -> list[str]:
        """As str; those that are not there are empty."""
        data, ends = memoryview(self.data), self.offsets.tolist()
        return [bytes(data[a:b]).decode() for a, b in pairwise(ends)]


def batches_of(source: Any) -> Iterator[Any]:
    """The record batches of a stream, table, reader or batch (anything with Arrow's C interface), or of an iterable of those.

    Those of pyarrow are `pyarrow.RecordBatch`, others `ArrowBatch`. Raises TypeError for anything else: at once, or for an item
    that is none when it comes.
    """
    known = isinstance(source, _pyffnn.ArrowBatch) or any(
        hasattr(source, name) for name in ("__arrow_c_stream__", "__arrow_c_array__")
    )
    if not known and (not isinstance(source, Iterable) or isinstance(source, str | bytes | dict)):
        raise TypeError(f"batches must be Arrow record batches, got {type(source).__name__}")
    return _batches_of(source)


def _batches_of(source: Any) -> Iterator[Any]:
    if isinstance(source, _pyffnn.ArrowBatch) or (
        _is_pyarrow(source) and isinstance(source, _arrow().RecordBatch)
    ):
        yield source
    elif hasattr(source, "__arrow_c_stream__"):
        if _is_pyarrow(source):
            yield from _arrow().RecordBatchReader.from_stream(source)
        else:
            yield from _pyffnn.ArrowReader(source)
    elif hasattr(source, "__arrow_c_array__"):
        yield _pyffnn.ArrowBatch(source)
    else:
        for item in source:
            yield from batches_of(item)


class ScoredBatches(Iterator[Any]):
    """Batches one by one as they are asked for; what is left of them is an Arrow stream too (`__arrow_c_stream__`)."""

    def __init__(self, batches: Iterator[Any]) -> None:
        self._batches = batches

    def __next__(self) -> Any:
        return next(self._batches)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return _pyffnn.arrow_stream(self._batches)


def check_column(column: Any) -> None:
    """TypeError for what is no name of a column."""
    if not isinstance(column, str):
        raise TypeError(f"column must be a str, got {column!r}")


def text_column(batch: Any, column: str) -> TextColumn:
    """A column of a record batch, in place where it is utf8 or large_utf8.

    Raises KeyError where there is no such column, TypeError where it holds no texts.
    """
    if isinstance(batch, _pyffnn.ArrowBatch):
        return TextColumn(*batch.texts(column))
    pa = _arrow()
    if batch.schema.get_field_index(column) < 0:
        raise KeyError(f"there is no column {column!r} among {batch.schema.names}")
    array = batch.column(batch.schema.get_field_index(column))
    kind = array.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_null(kind):
        n = len(array)
        return TextColumn(b"", np.zeros(n + 1, np.int64), np.zeros(n, bool))
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()):
        raise TypeError(
            f"column {column!r} must hold texts (utf8, large_utf8 or string_view), got {array.type}"
        )
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        array = array.cast(pa.large_string())
    _, offsets, data = array.buffers()
    width: type[np.integer[Any]] = np.int64 if pa.types.is_large_string(array.type) else np.int32
    ends: NDArray[np.integer[Any]] = (
        np.frombuffer(offsets, width)[array.offset : array.offset + len(array) + 1]
        if len(array)
        else np.zeros(1, width)
    )
    present = array.is_valid().to_numpy(zero_copy_only=False) if array.null_count else None
    return TextColumn(data if data is not None else b"", ends, present)


def with_predictions(
    batch: Any,
    k: int,
    names: list[str],
    ends: NDArray[np.int64],
    labels: NDArray[np.int32],
    scores: NDArray[np.float32],
) -> Any:
    """The batch with two columns more: `label` (from a dictionary) and `score`; for k other than 1 `labels` and `scores`, lists of those.

    ends: where the predictions of each row end. With k = 1 a row without any has nulls, else empty lists.
    """
    if isinstance(batch, _pyffnn.ArrowBatch):
        return batch.with_predictions(names, ends, labels, scores, k == 1)
    pa = _arrow()
    dictionary = pa.array(names, pa.string())
    starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
    if k == 1:
        none = starts == ends
        at = np.minimum(starts, max(len(labels) - 1, 0))
        one = labels[at] if len(labels) else np.zeros(len(ends), np.int32)
        p = scores[at] if len(scores) else np.zeros(len(ends), np.float32)
        indices = pa.array(one.astype(np.int32), mask=none)
        more = {
            "label": pa.DictionaryArray.from_arrays(indices, dictionary),
            "score": pa.array(p, mask=none),
        }
    else:
        offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
        values = pa.DictionaryArray.from_arrays(pa.array(labels.astype(np.int32)), dictionary)
        more = {
            "labels": pa.ListArray.from_arrays(offsets, values),
            "scores": pa.ListArray.from_arrays(offsets, pa.array(scores)),
        }
    for name, column in more.items():
        at_name = batch.schema.get_field_index(name)
        batch = (
            batch.append_column(name, column)
            if at_name < 0
            else batch.set_column(at_name, name, column)
        )
    return batch
