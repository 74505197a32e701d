"""Text corpora as blocks of ids, and the sinks that take the blocks."""

from __future__ import annotations

import gzip
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus.tables import Table
from pyffnn.corpus.vocabulary import IdArray

Corpus: TypeAlias = str | os.PathLike[str] | Iterable[Sequence[str]] | NDArray[np.integer[Any]]

BLOCK = 1 << 20
"""Tokens handled at a time."""


class Counts:
    """Sink that counts provisional ids."""

    def __init__(self) -> None:
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def __call__(self, ids: IdArray) -> None:
        new = np.bincount(ids, minlength=self._counts.size).astype(np.int64)
        new[: self._counts.size] += self._counts
        self._counts = new

    def total(self, size: int) -> NDArray[np.int64]:
        out = np.zeros(size, np.int64)
        out[: self._counts.size] = self._counts
        return out


class IdFile:
    """Sink that writes raw int32 ids beside ``path`` and moves the file there when complete."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.size = 0

    def __enter__(self) -> IdFile:
        handle, name = tempfile.mkstemp(prefix=self.path.name, dir=self.path.parent)
        self._file: IO[bytes] = os.fdopen(handle, "w+b")
        self._temporary = name
        return self

    def __call__(self, ids: IdArray) -> None:
        self._file.write(ids.tobytes())
        self.size += ids.size

    def replace(self, table: IdArray) -> None:
        """Each id ``i`` written so far becomes ``table[i]``."""
        self._file.flush()
        if self.size:
            mapped = np.memmap(self._file, np.int32, "r+", shape=(self.size,))
            for start in range(0, self.size, BLOCK):
                mapped[start : start + BLOCK] = table[mapped[start : start + BLOCK]]
            mapped.flush()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._temporary, self.path)
        else:
            os.unlink(self._temporary)

    def open(self) -> IdArray:
        if self.size == 0:
            return np.zeros(0, np.int32)
        return np.memmap(self.path, np.int32, "r", shape=(self.size,))


def stream(
    corpus: Corpus,
    table: Table,
    eos_token: str | None,
    sink: Callable[[IdArray], None],
    name: str = "corpus",
) -> None:
    """Send the ids of a text corpus to ``sink``, in blocks, sentence after sentence."""
    buffer = array("i")
    lookup = table.__getitem__
    for sentence in _sentences(corpus, name):
        try:
            buffer.extend(map(lookup, sentence))
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        if eos_token is not None:
            buffer.append(lookup(eos_token))
        if len(buffer) >= BLOCK:
            sink(np.frombuffer(buffer, np.int32).copy())
            buffer = array("i")
    if buffer:
        sink(np.frombuffer(buffer, np.int32).copy())


def _sentences(corpus: Any, name: str) -> Iterator[Sequence[str]]:
    """The non-empty sentences of a text corpus."""
    if isinstance(corpus, (str, os.PathLike)):
        yield from _lines(Path(corpus))
        return
    if isinstance(corpus, bytes) or not isinstance(corpus, Iterable):
        raise TypeError(
            f"{name} must be a path, an iterable of token lists or a 1-D integer array, "
            f"got {type(corpus).__name__}"
        )
    for sentence in corpus:
        if isinstance(sentence, (str, bytes)) or not isinstance(sentence, Iterable):
            raise TypeError(
                f"{name} must hold token lists, got {type(sentence).__name__}: {sentence!r} "
                "(split strings into tokens; pass ids as one 1-D integer array)"
            )
        tokens = sentence if isinstance(sentence, (list, tuple)) else list(sentence)
        if tokens:
            yield tokens


def _lines(path: Path) -> Iterator[list[str]]:
    opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    number = 0
    with opener(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}, line {number} is not UTF-8: {error}") from None
            tokens = text.split()
            if tokens:
                yield tokens
