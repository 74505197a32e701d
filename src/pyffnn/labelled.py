"""Files of labelled texts, one a line, in two forms that are told apart by their first line.

fastText's: words that begin with a prefix (``__label__``) are labels, wherever they stand in their
line. With tabs: label, tab, text; where a text may have several labels, commas part them. Both
are UTF-8; blank lines are left out, and so is a byte order mark. A first line of the form with tabs
that names the columns ("label", "text" and the like) is a header, and no example.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pyffnn.io import PathLike

__all__ = ["PREFIX", "LabelledTexts", "is_fasttext", "read_fasttext", "read_labelled"]

PREFIX = "__label__"

_LABEL_NAMES = {"label", "labels", "class", "classes", "category", "categories", "target", "sentiment", "topic", "tag", "tags", "y"}  # fmt: skip
_TEXT_NAMES = {"text", "texts", "sentence", "sentences", "document", "content", "review", "message", "tweet", "comment", "title", "body", "x"}  # fmt: skip


class LabelledTexts(NamedTuple):
    """Texts, and the labels (without prefix) of each."""

    texts: list[str]
    labels: list[list[str]]

    def single(self, path: PathLike) -> list[str]:
        """The one label of each text; ValueError, naming ``path``, if one has none or several."""
        for i, labels in enumerate(self.labels, 1):
            if len(labels) != 1:
                raise ValueError(
                    f"{os.fspath(path)!r}: text {i} has {len(labels)} labels, one is wanted"
                )
        return [labels[0] for labels in self.labels]


def is_fasttext(path: PathLike, prefix: str = PREFIX) -> bool:
    """Whether a file is in fastText's form; ValueError when it is in neither, or empty."""
    for number, line in _lines(path):
        if any(word.startswith(prefix) for word in line.split()):
            return True
        if "\t" in line:
            return False
        raise ValueError(
            f"{os.fspath(path)!r}, line {number}: neither a word that begins with {prefix!r} nor "
            "a tab between label and text"
        )
    raise ValueError(f"{os.fspath(path)!r} is empty")


def read_labelled(
    path: PathLike,
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
    if is_fasttext(path, prefix):
        return read_fasttext(path, prefix)
    texts: list[str] = []
    labels: list[list[str]] = []
    header = ""
    for number, line in _lines(path):
        label, tab, text = line.partition("\t")
        if not texts and not header and _is_header(label, text):
            header = f"line {number} of {os.fspath(path)!r} is taken for a header: {line!r}"
            continue
        if not tab:
            raise ValueError(f"{os.fspath(path)!r}, line {number}: no tab between label and text")
        names = label.split(",") if several else [label]
        texts.append(text)
        labels.append([name for name in map(str.strip, names) if name])
    if not texts:
        raise ValueError(f"{os.fspath(path)!r} has a header and no example")
    said = header or _lonely_label(path, labels)
    if said and note is not None:
        note(said)
    return LabelledTexts(texts, labels)


def _is_header(label: str, text: str) -> bool:
    return label.strip().lower() in _LABEL_NAMES and text.strip().lower() in _TEXT_NAMES


def _lonely_label(path: PathLike, labels: list[list[str]]) -> str:
    """A note on a first line whose labels no other line has, where all others share theirs."""
    counts = Counter(name for names in labels for name in names)
    lonely = [name for name, count in counts.items() if count == 1]
    if len(counts) > 2 and lonely and lonely == labels[0]:
        return (
            f"the first line of {os.fspath(path)!r} has a label of its own, {lonely[0]!r}: if it is a "
            "header, leave it out"
        )
    return ""


def read_fasttext(path: PathLike, prefix: str = PREFIX) -> LabelledTexts:
    """All texts of a file in fastText's form, words parted by single spaces.

    Raises OSError, and ValueError for what is not UTF-8.
    """
    texts, labels = [], []
    for _, line in _lines(path):
        words = line.split()
        texts.append(" ".join(word for word in words if not word.startswith(prefix)))
        labels.append([word[len(prefix) :] for word in words if word.startswith(prefix)])
    return LabelledTexts(texts, labels)


def _lines(path: PathLike) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers."""
    number = 0
    with open(path, encoding="utf-8-sig", newline="\n") as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{os.fspath(path)!r} is not UTF-8 after line {number}: {error}"
            ) from None
