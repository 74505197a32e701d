"""Files of texts with or without labels, in the forms that people have them in.

fastText's: a text a line, words that begin with a prefix (``__label__``) are labels, wherever they
stand. With tabs: label, tab, text; where a text may have several labels, commas part them. CSV,
TSV, JSON lines and Parquet have columns (`pyffnn.text.tables`). All are UTF-8, plain or packed by
gzip or Zstandard; blank lines are left out, and so is a byte order mark; lines end in ``\\n``.

The form is told by the first line that is not blank, by Parquet's first bytes, and, where these do
not say, by the ending of the name.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, NamedTuple, Self

from pyffnn.text.opened import Opened, Source, is_packed, name_of, suffix_of
from pyffnn.text.tables import Columns, Form, Row, read_rows

__all__ = [
    "PREFIX",
    "TABLES",
    "LabelledFile",
    "LabelledTexts",
    "is_fasttext",
    "name_of",
    "read_fasttext",
    "read_labelled",
    "read_texts",
]

PREFIX = "__label__"

# endings of names that tell of columns
TABLES: dict[str, Form] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
_LOOKED_AT = 20  # lines, for a label of fastText's form


class LabelledTexts(NamedTuple):
    """Texts, and the labels (without prefix) of each."""

    texts: list[str]
    labels: list[list[str]]

    def single(self, path: Any) -> list[str]:
        """The one label of each text; ValueError, naming ``path``, if one has none or several."""
        for i, labels in enumerate(self.labels, 1):
            if len(labels) != 1:
                raise ValueError(
                    f"{name_of(path)!r}: text {i} has {len(labels)} labels, one is wanted"
                )
        return [labels[0] for labels in self.labels]


class LabelledFile:
    """A file of texts, opened once: the path may be that of a pipe, whose data come but once, or ``-``, standard input.

    `form` looks at the first line that is not blank; then the whole file, that line included, can
    be gone through once: by `rows`, or by `read`, so that `Featurizer.fit_file` and
    ``TextClassifier.fit`` take it in place of a path.

    Raises OSError for a file that cannot be opened, ImportError for one whose package is missing.

    Parameters
    ----------
    path
        A path, ``-``, or a file opened for reading bytes; it may be packed by gzip or Zstandard.
    text_column, label_column
        Names of columns, or their numbers from 1; None: found (`pyffnn.text.tables`).
    header
        Whether the first row of CSV and TSV names the columns; None: found.
    format
        "fasttext", "csv", "tsv", "jsonl" or "parquet"; None: found.
    """

    def __init__(
        self,
        path: Source,
        *,
        text_column: str | int | None = None,
        label_column: str | int | None = None,
        header: bool | None = None,
        format: Form | None = None,  # noqa: A002 (as it is called everywhere)
    ) -> None:
        self.columns = Columns(text_column, label_column, header, format)
        self.name = name_of(path)
        self._suffix = suffix_of(path)
        regular = isinstance(path, (str, os.PathLike)) and os.path.isfile(path)
        self._path = os.fspath(path) if regular and not is_packed(path) else None  # type: ignore[arg-type]
        self._file = Opened(path)
        self._ahead: list[bytes] = []
        self._form: Form | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    # form

    def form(self, prefix: str = PREFIX, otherwise: Form | None = None) -> Form:
        """One of `FORMATS`; ``otherwise``, or ValueError, when it is none of them, or empty."""
        if self._form is None:
            self._form = self.columns.form or self._seen(prefix, otherwise)
        return self._form

    def _seen(self, prefix: str, otherwise: Form | None) -> Form:
        named = TABLES.get(self._suffix)
        if not self._ahead and self._file.is_parquet():
            return "parquet"
        lines = self._peeked()
        first = next(lines, None)
        if first is None:
            if otherwise is not None:
                return otherwise
            raise ValueError(f"{self.name!r} is empty")
        number, line = first
        json = line.lstrip().startswith("{")
        if not json and _has_label(line, prefix):
            return "fasttext"
        if named == "parquet":
            raise ValueError(f"{self.name!r} is no Parquet file: it does not begin with PAR1")
        if named is not None:
            return named
        if json:
            return "jsonl"
        # the first texts may be without label
        if any(
            _has_label(line, prefix) for _, (_, line) in zip(range(_LOOKED_AT), lines, strict=False)
        ):
            return "fasttext"
        if "\t" in line:
            return "tsv"
        if self.columns.given or ("," in line and self._names_columns(line)):
            return "csv"
        if otherwise is not None:
            return otherwise
        raise ValueError(
            f"{self.name!r}, line {number}: neither a word that begins with {prefix!r} nor a tab "
            "between label and text, nor a JSON object, nor a header of CSV that names a text and a "
            "label; format (--format) says what it is (csv, tsv, jsonl, parquet, fasttext), text_column and "
            "label_column (--text-column, --label-column) which columns of a table are meant"
        )

    def _names_columns(self, line: str) -> bool:
        import csv

        from pyffnn.text.tables import is_header

        return is_header(next(csv.reader([line]), []))

    def is_fasttext(self, prefix: str = PREFIX) -> bool:
        """Whether it is in fastText's form; ValueError when it is in none, or empty."""
        return self.form(prefix) == "fasttext"

    @property
    def path(self) -> str | None:
        """The path of a plain regular file of which nothing needs to be read here; None for others."""
        return self._path

    # content

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size`` of them; none at the end."""
        if not self._ahead:
            return self._file.read(size) if size < 0 else self._file.read1(size)
        if size < 0:
            return b"".join([*self._take_ahead(), self._file.read()])
        ahead = self._ahead.pop(0)
        if len(ahead) > size:
            self._ahead.insert(0, ahead[size:])
        return ahead[:size]

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines that are not blank, with their numbers; ValueError for what is not UTF-8."""
        for number, line in enumerate(self._raw(), 1):
            if text := _line(line, number, self.name):
                yield number, text

    def rows(
        self,
        prefix: str = PREFIX,
        *,
        labelled: bool = True,
        several: bool = False,
        note: Callable[[str], None] | None = None,
    ) -> Iterator[Row]:
        """The texts with their labels; ``several`` and ``labelled`` as in `read_rows`.

        ``note`` is called with what a user should know: that the first line is taken for a header.
        """
        form = self.form(prefix)
        if form == "fasttext":
            for number, line in self.lines():
                words = line.split()
                yield Row(
                    number,
                    " ".join(word for word in words if not word.startswith(prefix)),
                    [word[len(prefix) :] for word in words if word.startswith(prefix)],
                )
            return
        source: Any = self._raw()
        if form == "parquet":
            source = self._path or io.BytesIO(self.read())
        yield from read_rows(
            source, form, self.columns, self.name, labelled=labelled, several=several, note=note
        )

    def _raw(self) -> Iterator[bytes]:
        while line := self._ahead.pop(0) if self._ahead else self._file.readline():
            yield line

    def _take_ahead(self) -> list[bytes]:
        ahead, self._ahead = self._ahead, []
        return ahead

    def _peeked(self) -> Iterator[tuple[int, str]]:
        """The lines that are not blank, which stay to be read."""
        number = 0
        while True:
            if number == len(self._ahead):
                line = self._file.readline()
                if not line:
                    return
                self._ahead.append(line)
            number += 1
            if text := _line(self._ahead[number - 1], number, self.name):
                yield number, text


def _has_label(line: str, prefix: str) -> bool:
    return any(word.startswith(prefix) for word in line.split())


def _line(line: bytes, number: int, name: str) -> str:
    """The text of a line; "" where it is blank."""
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{name!r}, line {number} is not UTF-8: {error}") from None
    return text.rstrip("\r\n") if text.strip() else ""


def is_fasttext(path: Source, prefix: str = PREFIX) -> bool:
    """Whether a file is in fastText's form; ValueError when it is in none, or empty."""
    with LabelledFile(path) as file:
        return file.is_fasttext(prefix)


def read_labelled(
    path: Source | LabelledFile,
    prefix: str = PREFIX,
    *,
    several: bool = False,
    note: Callable[[str], None] | None = None,
) -> LabelledTexts:
    """All texts of a file in any form; ``several``: commas part labels within a cell.

    ``note`` is called with what a user should know: that the first line is taken for a header, or
    may be one.

    Raises OSError, and ValueError for what is in no form that is known or not UTF-8.
    """
    if not isinstance(path, LabelledFile):
        with LabelledFile(path) as file:
            return read_labelled(file, prefix, several=several, note=note)
    said: list[str] = []
    rows = list(path.rows(prefix, several=several, note=said.append))
    form = path.form(prefix)
    if not rows and form != "fasttext":
        raise ValueError(f"{path.name!r} has a header and no example")
    found = LabelledTexts([row.text for row in rows], [row.labels for row in rows])
    if form in ("csv", "tsv") and not said and path.columns.header is None:
        said = [lonely] if (lonely := _lonely_label(path.name, found.labels)) else []
    if note is not None:
        for one in said:
            note(one)
    return found


def read_texts(path: Source | LabelledFile, prefix: str = PREFIX) -> Iterator[str]:
    """The texts of a file, one after the other as they come, without their labels.

    A file whose name and ``format`` tell of no columns has a text a line, blank lines included; words
    that begin with ``prefix`` are then part of the text.

    Raises OSError, and ValueError for what is not UTF-8.
    """
    if not isinstance(path, LabelledFile):
        with LabelledFile(path) as file:
            yield from read_texts(file, prefix)
        return
    columns = path.columns
    if columns.form is None and not columns.given and path._suffix not in TABLES:
        for number, line in enumerate(path._raw(), 1):
            yield _line(line, number, path.name)
        return
    for row in path.rows(prefix, labelled=False):
        yield row.text


def _lonely_label(name: str, labels: list[list[str]]) -> str:
    """A note on a first line whose labels no other line has, where all others share theirs."""
    counts = Counter(name for names in labels for name in names)
    lonely = [name for name, count in counts.items() if count == 1]
    if len(counts) > 2 and lonely and lonely == labels[0]:
        return (
            f"the first line of {name!r} has a label of its own, {lonely[0]!r}: if it is a "
            "header, leave it out or say so"
        )
    return ""


def read_fasttext(path: Source | LabelledFile, prefix: str = PREFIX) -> LabelledTexts:
    """All texts of a file in fastText's form, words parted by single spaces.

    Raises OSError, and ValueError for what is not UTF-8.
    """
    if not isinstance(path, LabelledFile):
        with LabelledFile(path, format="fasttext") as file:
            return read_fasttext(file, prefix)
    path._form = "fasttext"
    rows = list(path.rows(prefix))
    return LabelledTexts([row.text for row in rows], [row.labels for row in rows])
