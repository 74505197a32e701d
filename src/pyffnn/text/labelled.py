"""Files of labelled texts, one a line, in two forms that are told apart by their first line.

fastText's: words that begin with a prefix (``__label__``) are labels, wherever they stand in their
line. With tabs: label, tab, text; where a text may have several labels, commas part them. Both
are UTF-8; blank lines are left out, and so is a byte order mark; lines end in ``\\n``. A first line
of the form with tabs that names the columns ("label", "text" and the like) is a header, and no
example.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

from pyffnn.formats.model_file import PathLike

__all__ = [
    "PREFIX",
    "LabelledFile",
    "LabelledTexts",
    "is_fasttext",
    "name_of",
    "read_fasttext",
    "read_labelled",
]

PREFIX = "__label__"

_LABEL_NAMES = {"label", "labels", "class", "classes", "category", "categories", "target", "sentiment", "topic", "tag", "tags", "y"}  # fmt: skip
_TEXT_NAMES = {"text", "texts", "sentence", "sentences", "document", "content", "review", "message", "tweet", "comment", "title", "body", "x"}  # fmt: skip
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


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
    """A file of labelled texts, opened once: the path may be that of a pipe, whose data come but once.

    ``is_fasttext`` looks at the first line that is not blank; then the whole file, that line
    included, can be gone through once: by `lines`, or by `read`, so that `Featurizer.fit_file` and
    ``TextClassifier.fit`` take it in place of a path.

    Raises OSError for a file that cannot be opened.
    """

    def __init__(self, path: PathLike | IO[bytes]) -> None:
        self.name = name_of(path)
        if isinstance(path, (str, os.PathLike)):
            path = open(path, "rb")  # noqa: SIM115 (closed by __exit__)
        self._file: IO[bytes] = path
        self._ahead: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def is_fasttext(self, prefix: str = PREFIX) -> bool:
        """Whether it is in fastText's form; ValueError when it is in neither, or empty."""
        for number, line in self._numbered(keep=True):
            if any(word.startswith(prefix) for word in line.split()):
                return True
            if "\t" in line:
                return False
            raise ValueError(
                f"{self.name!r}, line {number}: neither a word that begins with {prefix!r} nor "
                "a tab between label and text"
            )
        raise ValueError(f"{self.name!r} is empty")

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most ``size`` of them; none at the end."""
        if not self._ahead:
            return self._file.read(size)
        if size < 0:
            return b"".join([*self._take_ahead(), self._file.read()])
        ahead = self._ahead.pop(0)
        if len(ahead) > size:
            self._ahead.insert(0, ahead[size:])
        return ahead[:size]

    def lines(self) -> Iterator[tuple[int, str]]:
        """The lines that are not blank, with their numbers; ValueError for what is not UTF-8."""
        return self._numbered(keep=False)

    def _take_ahead(self) -> list[bytes]:
        ahead, self._ahead = self._ahead, []
        return ahead

    def _numbered(self, *, keep: bool) -> Iterator[tuple[int, str]]:
        ahead = list(self._ahead) if keep else self._take_ahead()
        number = 0
        while line := ahead.pop(0) if ahead else self._file.readline():
            number += 1
            if keep and number > len(self._ahead):
                self._ahead.append(line)
            if number == 1:
                line = line.removeprefix(_BYTE_ORDER_MARK)
            try:
                text = line.decode()
            except UnicodeDecodeError as error:
                raise ValueError(f"{self.name!r}, line {number} is not UTF-8: {error}") from None
            if text.strip():
                yield number, text.rstrip("\r\n")


def name_of(path: Any) -> str:
    """A path, or the name of a file that stands for one, as errors show it."""
    return str(getattr(path, "name", "the file") if hasattr(path, "read") else os.fspath(path))


def is_fasttext(path: PathLike, prefix: str = PREFIX) -> bool:
    """Whether a file is in fastText's form; ValueError when it is in neither, or empty."""
    with LabelledFile(path) as file:
        return file.is_fasttext(prefix)


def read_labelled(
    path: PathLike | IO[bytes] | LabelledFile,
    prefix: str = PREFIX,
    *,
    several: bool = False,
    note: Callable[[str], None] | None = None,
) -> LabelledTexts:
    """All texts of a file in either form; ``several``: commas part labels before a tab.

    ``note`` is called with what a user should know: that the first line is taken for a header, or
    may be one.

    Raises OSError, and ValueError for what is in neither form or not UTF-8.
    """
    if not isinstance(path, LabelledFile):
        with LabelledFile(path) as file:
            return read_labelled(file, prefix, several=several, note=note)
    if path.is_fasttext(prefix):
        return read_fasttext(path, prefix)
    texts: list[str] = []
    labels: list[list[str]] = []
    header = ""
    for number, line in path.lines():
        label, tab, text = line.partition("\t")
        if not texts and not header and _is_header(label, text):
            header = f"line {number} of {path.name!r} is taken for a header: {line!r}"
            continue
        if not tab:
            raise ValueError(f"{path.name!r}, line {number}: no tab between label and text")
        names = label.split(",") if several else [label]
        texts.append(text)
        labels.append([name for name in map(str.strip, names) if name])
    if not texts:
        raise ValueError(f"{path.name!r} has a header and no example")
    said = header or _lonely_label(path.name, labels)
    if said and note is not None:
        note(said)
    return LabelledTexts(texts, labels)


def _is_header(label: str, text: str) -> bool:
    return label.strip().lower() in _LABEL_NAMES and text.strip().lower() in _TEXT_NAMES


def _lonely_label(name: str, labels: list[list[str]]) -> str:
    """A note on a first line whose labels no other line has, where all others share theirs."""
    counts = Counter(name for names in labels for name in names)
    lonely = [name for name, count in counts.items() if count == 1]
    if len(counts) > 2 and lonely and lonely == labels[0]:
        return (
            f"the first line of {name!r} has a label of its own, {lonely[0]!r}: if it is a "
            "header, leave it out"
        )
    return ""


def read_fasttext(path: PathLike | IO[bytes] | LabelledFile, prefix: str = PREFIX) -> LabelledTexts:
    """All texts of a file in fastText's form, words parted by single spaces.

    Raises OSError, and ValueError for what is not UTF-8.
    """
    if not isinstance(path, LabelledFile):
        with LabelledFile(path) as file:
            return read_fasttext(file, prefix)
    texts, labels = [], []
    for _, line in path.lines():
        words = line.split()
        texts.append(" ".join(word for word in words if not word.startswith(prefix)))
        labels.append([word[len(prefix) :] for word in words if word.startswith(prefix)])
    return LabelledTexts(texts, labels)
