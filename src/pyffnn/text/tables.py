"""Rows of texts and labels: CSV, TSV, JSON lines and Parquet, each told by its name or its first bytes.

Which columns hold text and label is asked for by name or by number from 1, or found: by the names
"text", "label" and the like of a header or of JSON's keys. A first row that names a text alone is a header
where its other cells are labels of no other row. Without header TSV is label, tab, text, and
of two columns of CSV the one with fewer different values among the first rows is the label's.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = ["FORMATS", "Columns", "Form", "Row", "is_header", "read_rows"]

Form: TypeAlias = Literal["fasttext", "csv", "tsv", "jsonl", "parquet"]
FORMATS: tuple[Form, ...] = ("fasttext", "csv", "tsv", "jsonl", "parquet")
Column: TypeAlias = str | int

# in the order in which they are looked for
_LABEL_NAMES = ("label", "labels", "class", "classes", "category", "categories", "target", "sentiment", "topic", "tag", "tags")  # fmt: skip
_TEXT_NAMES = ("text", "texts", "sentence", "sentences", "document", "content", "review", "message", "tweet", "comment", "body", "title")  # fmt: skip
_LOOKED_AT = 1000  # rows, for which of two columns is the label's


@dataclass(frozen=True)
class Columns:
    """How rows are read.

    Attributes
    ----------
    text, label
        Names of columns, or their numbers from 1; None: found.
    header
        Whether the first row of CSV and TSV names the columns; None: found.
    form
        One of `FORMATS`; None: found.
    """

    text: Column | None = None
    label: Column | None = None
    header: bool | None = None
    form: Form | None = None

    def __post_init__(self) -> None:
        for name, column in (("text_column", self.text), ("label_column", self.label)):
            number = isinstance(column, int) and not isinstance(column, bool)
            if column is not None and not isinstance(column, str) and not number:
                raise TypeError(
                    f"{name} must be the name of a column or its number, got {column!r}"
                )
            if isinstance(column, int) and column < 1:
                raise ValueError(f"{name} must be at least 1, the first column, got {column!r}")
        if self.form is not None and self.form not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {self.form!r}")

    @property
    def given(self) -> bool:
        """Whether anything says that there are columns."""
        return self.text is not None or self.label is not None or self.header is not None


class Row(NamedTuple):
    """A text, its labels, and the number of its line (of its row, where there are no lines)."""

    number: int
    text: str
    labels: list[str]


def is_header(names: Sequence[str]) -> bool:
    """Whether a first row names columns, one of which is a text's or a label's as we know them."""
    return _found(names, _TEXT_NAMES) is not None and _found(names, _LABEL_NAMES) is not None


def read_rows(
    lines: Any,
    form: Form,
    columns: Columns,
    name: str,
    *,
    labelled: bool = True,
    several: bool = False,
    note: Callable[[str], None] | None = None,
) -> Iterator[Row]:
    """The rows of a file, ``lines`` of bytes; ``several``: commas part labels where a cell is a str.

    ``labelled=False`` asks for texts alone, and takes a label where one is found.

    Raises ValueError, naming file and line, for what is no such file, for columns that it has not, and for what is no text.
    """
    if form == "parquet":
        rows = _parquet(lines, name)
    elif form == "jsonl":
        rows = _json_lines(lines, name)
    elif form in ("csv", "tsv"):
        rows = _cells(lines, form, columns, name, labelled, note)
    else:
        raise ValueError(f"form must be csv, tsv, jsonl or parquet, got {form!r}")
    where = "row" if form == "parquet" else "line"
    picked: tuple[Any, Any] | None = None
    for number, row in rows:
        place = f"{name!r}, {where} {number}"
        if picked is None:
            picked = _pick(row, columns, place, labelled)
        text, label = picked
        for column in (text, label):
            if column is not None and column not in row:
                raise ValueError(f"{place}: no column {column!r}, only {_list(row)}")
        yield Row(
            number,
            _text(row[text], text, place),
            [] if label is None else _labels(row[label], label, place, several),
        )


# cells to texts and labels


def _text(value: Any, column: Any, place: str) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{place}: column {column!r} must hold a text, got {_shown(value)}")


def _labels(value: Any, column: Any, place: str, several: bool) -> list[str]:
    if isinstance(value, dict) and value:
        return _shares(value, column, place, several)
    values = value if isinstance(value, list) else [value]
    labels: list[str] = []
    for one in values:
        if one is None:
            continue
        if isinstance(one, float) and one != one:
            raise ValueError(f"{place}: column {column!r} must hold a label, got NaN")
        if not isinstance(one, (str, int, float)):
            raise ValueError(f"{place}: column {column!r} must hold a label, got {_shown(one)}")
        text = str(one)
        parts = text.split(",") if several and isinstance(value, str) else [text]
        labels.extend(part for part in map(str.strip, parts) if part)
    return labels


def _shares(value: dict[str, Any], column: Any, place: str, several: bool) -> list[str]:
    """The labels of an object from label to probability, as ``label:probability``; of several labels those with a 1."""
    given = {name: share for name, share in value.items() if share is not None}
    for name, share in given.items():
        if not isinstance(share, (int, float)) or not (
            share in (0, 1) if several else 0 <= share <= 1
        ):
            wanted = "0 or 1" if several else "a probability"
            raise ValueError(
                f"{place}: column {column!r}, label {name!r} must be {wanted}, got {_shown(share)}"
            )
    if several:
        return [name for name, share in given.items() if share]
    labels = [f"{name}:{float(share)!r}" for name, share in given.items()]
    # one alone would be taken for a label of that name
    return labels if len(labels) > 1 else [f"{name}:0.0" for name in given] + labels


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r:.60}"


def _list(names: Iterable[Any]) -> str:
    return ", ".join(repr(name) for name in names)


def _shown_columns(row: Mapping[Any, Any]) -> str:
    """The columns' names; of those that have numbers alone, what stands in them too."""
    return ", ".join(
        f"{name} ({row[name]!r:.40})" if isinstance(name, int) else repr(name) for name in row
    )


# which columns


def _found(names: Sequence[Any], wanted: Sequence[str]) -> Any:
    own = {str(name).strip().lower(): name for name in reversed(names)}
    for name in wanted:
        if name in own:
            return own[name]
    return None


def _pick(row: Mapping[Any, Any], columns: Columns, place: str, labelled: bool) -> tuple[Any, Any]:
    """The text's column and the label's (None: there is none), as the row has them."""
    names = list(row)
    text = _asked(names, columns.text, "text_column", place)
    label = _asked(names, columns.label, "label_column", place)
    if text is None:
        text = _found([name for name in names if name != label], _TEXT_NAMES)
    if label is None:
        label = _found([name for name in names if name != text], _LABEL_NAMES)
    others = [name for name in names if name not in (text, label)]
    if text is None and len(others) == 1:
        text = others.pop()
    if label is None and labelled and len(others) == 1:
        label = others.pop()
    if text is None or (labelled and label is None):
        missing = "text" if text is None else "label"
        raise ValueError(
            f"{place}: which column holds the {missing}? Say it by --{missing}-column, in Python by "
            f"pyffnn.data.LabelledFile(..., {missing}_column=...) in place of the path: {_shown_columns(row)}"
        )
    return text, label


def _asked(names: list[Any], column: Column | None, argument: str, place: str) -> Any:
    if column is None:
        return None
    if column in names and isinstance(column, str):
        return column
    if isinstance(column, int) or column.isdecimal():
        number = int(column)
        if number <= len(names):
            return names[number - 1]
        raise ValueError(f"{place}: {argument} is {number}, but there are {len(names)} columns")
    raise ValueError(f"{place}: {argument} is {column!r}, but the columns are {_list(names)}")


# files to rows


def _cells(
    lines: Any,
    form: Form,
    columns: Columns,
    name: str,
    labelled: bool,
    note: Callable[[str], None] | None,
) -> Iterator[tuple[int, dict[Any, str]]]:
    cut = _commas(lines, name) if form == "csv" else _tabs(lines, name)
    ahead = list(islice(cut, _LOOKED_AT))
    if not ahead:
        return
    number, first = ahead[0]
    header = columns.header
    if header is None:
        by_name = any(
            isinstance(c, str) and c in first and not c.isdecimal()
            for c in (columns.text, columns.label)
        )
        text = _found(first, _TEXT_NAMES)
        alone = text is not None and (not labelled or _stand_apart(ahead, first.index(text)))
        header = by_name or is_header(first) or alone
        taken = header and not by_name
    else:
        taken = False
    names: list[Any]
    if header:
        names = _different(first, name, number)
        del ahead[0]
        if taken and note is not None:
            said = f"line {number} of {name!r} is taken for a header: {', '.join(first)}"
            if len(names) > 2:
                row = dict(zip(names, names, strict=True))
                text, label = _pick(row, columns, f"{name!r}, line {number}", labelled)
                said += f"; {text} is the text" + (f", {label} the label" if label else "")
            note(said)
    else:
        names = _numbered(ahead, form, columns, labelled, name, number)
    width = len(names)

    def rows() -> Iterator[tuple[int, list[str]]]:
        yield from ahead
        yield from cut

    for number, cells in rows():
        if len(cells) > width and form == "tsv" and not header and width == 2:
            cells = [cells[0], "\t".join(cells[1:])]  # tabs within the text
        if len(cells) != width:
            what = f"{len(cells)} columns, {width} are wanted as in the first line"
            if form == "tsv" and len(cells) == 1:
                what = "no tab between label and text"
            raise ValueError(f"{name!r}, line {number}: {what}")
        yield number, dict(zip(names, cells, strict=True))


def _stand_apart(rows: list[tuple[int, list[str]]], text: int) -> bool:
    """Whether the first row's cells, but the text's, are met in no other row, where others are met again."""
    first, rest = rows[0][1], [row for _, row in rows[1:]]
    columns = [[row[i] for row in rest if len(row) > i] for i in range(len(first)) if i != text]
    names = [name for i, name in enumerate(first) if i != text]
    fresh = all(name not in column for name, column in zip(names, columns, strict=True))
    return fresh and any(len(set(column)) < len(column) for column in columns)


def _different(names: list[str], name: str, number: int) -> list[Any]:
    stripped = [one.strip() for one in names]
    if len(set(stripped)) < len(stripped):
        raise ValueError(f"{name!r}, line {number}: two columns have one name: {_list(stripped)}")
    return stripped


def _numbered(
    rows: list[tuple[int, list[str]]],
    form: Form,
    columns: Columns,
    labelled: bool,
    name: str,
    number: int,
) -> list[Any]:
    """Names of columns without header: their numbers; of two, "text" and "label" in their order."""
    width = len(rows[0][1])
    for argument, column in (("text_column", columns.text), ("label_column", columns.label)):
        if isinstance(column, str) and not column.isdecimal():
            raise ValueError(
                f"{name!r}, line {number}: {argument} is {column!r}, but the first line names no such "
                f"column: {_list(rows[0][1])}"
            )
    if width == 1 and not labelled:
        return ["text"]
    if width == 2 and columns.text is None and columns.label is None:
        if form == "tsv":  # label, tab, text: the form that has no header
            return ["label", "text"]
        values = [{row[i] for _, row in rows if len(row) > i} for i in range(2)]
        return ["text", "label"] if len(values[1]) < len(values[0]) else ["label", "text"]
    if width == 1:
        raise ValueError(f"{name!r}, line {number}: no tab between label and text")
    return list(range(1, width + 1))


def _decoded(lines: Any, name: str) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"{name!r}, line {number} is not UTF-8: {error}") from None


def _commas(lines: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_decoded(lines, name), strict=True)
    before = csv.field_size_limit(1 << 31)  # a cell may be a book
    try:
        while True:
            number = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(f"{name!r}, line {number}: {error}") from None
            if any(cell.strip() for cell in row):
                yield number, row
    finally:
        csv.field_size_limit(before)


def _tabs(lines: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(_decoded(lines, name), 1):
        if line.strip():
            yield number, [_unquoted(cell) for cell in line.rstrip("\r\n").split("\t")]


def _unquoted(cell: str) -> str:
    """A cell in quotes without them. Others stay: in many files with tabs a quote is but a quote."""
    if len(cell) < 2 or cell[0] != '"' or cell[-1] != '"':
        return cell
    inner = cell[1:-1]
    return inner.replace('""', '"') if '"' not in inner.replace('""', "") else cell


def _json_lines(lines: Any, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_decoded(lines, name), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{name!r}, line {number} is not JSON: {error}") from None
        except RecursionError:
            raise ValueError(f"{name!r}, line {number}: the JSON is nested too deep") from None
        if not isinstance(row, dict):
            raise ValueError(
                f"{name!r}, line {number} must be a JSON object, got {type(row).__name__}"
            )
        yield number, row


def _parquet(file: Any, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ImportError(
            f"{name!r} is a Parquet file: pip install pyarrow (or 'pyffnn[parquet]')"
        ) from None
    number = 0
    try:
        whole = pyarrow.parquet.ParquetFile(file)
        for batch in whole.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except pyarrow.ArrowException as error:
        raise ValueError(f"{name!r} after row {number}: no Parquet file: {error}") from None
