"""Files of word vectors: word2vec's text, NumPy arrays, safetensors.

| name ends in | what is in it |
|---|---|
| ``.npy`` | the array [words, dim]; the words, one a line, in a file of the same name that ends in ``.words`` |
| ``.safetensors`` | ``embeddings`` [words, dim] and ``words``, their UTF-8 bytes, one a line; or model2vec's format, which has its tokens in ``tokenizer.json`` beside it |
| anything else | word2vec's text: a word and its numbers a line, parted by spaces or tabs, after a line with both sizes; gzip, written where it ends in ``.gz`` |
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import write_atomic

__all__ = ["kind_of", "lines_of", "open_lines", "read_array", "read_words", "save_vectors"]

PathLike: TypeAlias = str | os.PathLike[str]
_LINES = 4096


def kind_of(path: PathLike) -> str:
    """ "npy", "safetensors" or "text", by the name."""
    suffix = Path(path).suffix.lower()
    return suffix[1:] if suffix in (".npy", ".safetensors") else "text"


def _open_text(path: Path) -> io.TextIOBase:
    """A text file, or what a gzip file of whatever name holds of it; UTF-8 with or without byte order mark."""
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    if packed or path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="\n")
    return path.open(encoding="utf-8-sig", newline="\n")


def save_vectors(path: PathLike, words: Sequence[str], vectors: ArrayLike) -> None:
    """Write words and their vectors [words, dim] to a file, whose form follows from its name (see the table above).

    Files are written atomically. Numbers of a text file give the same float32 numbers when read.

    Raises ValueError for vectors of another shape or that are not finite, and words that have a line
    break, are empty or stand there twice; OSError where the file cannot be written.
    """
    path = Path(path)
    matrix = _matrix(words, vectors)
    names = _checked(words)
    kind = kind_of(path)
    if kind == "npy":
        buffer = io.BytesIO()
        np.save(buffer, matrix)
        write_atomic(_words_of(path), ["".join(f"{word}\n" for word in names).encode()])
        write_atomic(path, [buffer.getvalue()])
    elif kind == "safetensors":
        from safetensors.numpy import save

        text = np.frombuffer("\n".join(names).encode(), np.uint8)
        write_atomic(path, [save({"embeddings": matrix, "words": text}, {"format": "np"})])
    elif path.suffix.lower() == ".gz":
        buffer = io.BytesIO()
        with gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as file:
            for part in _text(names, matrix):
                file.write(part)
        write_atomic(path, [buffer.getvalue()])
    else:
        write_atomic(path, _text(names, matrix))


def read_array(path: Path) -> NDArray[np.float32]:
    """The vectors of a ``.npy`` or ``.safetensors`` file."""
    where = repr(str(path))
    with path.open("rb"):  # a missing file is an OSError in Python's words
        pass
    try:
        if kind_of(path) == "npy":
            array: Any = np.load(path, allow_pickle=False)
        else:
            from safetensors import safe_open

            with safe_open(str(path), framework="np") as file:
                names = set(file.keys())
                name = next((n for n in ("embeddings", "embedding.weight") if n in names), None)
                if name is None:
                    raise ValueError(f"it has no tensor 'embeddings', but {sorted(names)}")
                array = file.get_tensor(name)
    except Exception as error:  # safetensors has errors of its own
        raise ValueError(f"{where} holds no word vectors, or is damaged: {error}") from None
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{where} must hold numbers of shape (words, dim), got {array.dtype} {array.shape}"
        )
    # whole numbers are rounded shares of the largest
    scale = 1 / np.iinfo(array.dtype).max if array.dtype.kind in "iu" else 1
    matrix = np.asarray(array, np.float32) * np.float32(scale)
    if not np.isfinite(matrix).all():
        raise ValueError(f"{where}: the numbers must be finite")
    return matrix


def read_words(path: Path) -> list[str] | None:
    """The words of a ``.npy`` or ``.safetensors`` file; None: they are tokens of a tokenizer beside it.

    Raises ValueError where there is neither.
    """
    where = repr(str(path))
    if kind_of(path) == "npy":
        beside = _words_of(path)
        if not beside.is_file():
            raise ValueError(f"{where} needs its words, one a line, in {str(beside)!r}")
        data = beside.read_bytes()
    else:
        from safetensors import safe_open

        with safe_open(str(path), framework="np") as file:
            if "words" not in file.keys():  # noqa: SIM118 (no mapping)
                if not path.with_name("tokenizer.json").is_file():
                    raise ValueError(
                        f"{where} needs its words as a tensor 'words', or tokenizer.json beside it"
                    )
                return None
            data = file.get_tensor("words").tobytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the words of {where} are not UTF-8: {error}") from None
    return text.removesuffix("\n").split("\n") if text else []


def _words_of(path: Path) -> Path:
    return path.with_suffix(".words")


def _matrix(words: Sequence[str], vectors: ArrayLike) -> NDArray[np.float32]:
    matrix = np.ascontiguousarray(vectors, dtype=np.float32)
    if matrix.ndim != 2 or matrix.shape[0] != len(words) or not matrix.shape[1]:
        raise ValueError(f"vectors must have shape ({len(words)}, dim), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("vectors must be finite")
    return matrix


def _checked(words: Sequence[str]) -> list[str]:
    names = list(words)
    for word in names:
        if not isinstance(word, str) or not word or "\n" in word or "\r" in word:
            raise ValueError(f"words must be strings without line breaks, got {word!r}")
    if len(set(names)) != len(names):
        raise ValueError("words must be distinct")
    return names


def _text(words: list[str], matrix: NDArray[np.float32]) -> Iterator[bytes]:
    yield f"{matrix.shape[0]} {matrix.shape[1]}\n".encode()
    for start in range(0, len(words), _LINES):
        rows = matrix[start : start + _LINES].tolist()
        lines = (
            f"{word} {' '.join([f'{x:.9g}' for x in row])}\n"
            for word, row in zip(words[start : start + _LINES], rows, strict=True)
        )
        yield "".join(lines).encode()


def open_lines(path: Path) -> tuple[int, int]:
    """Lines before the first vector, and the numbers in it."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{str(path)!r} must be a regular file: word vectors are read twice")
    with _open_text(path) as file:
        first = _line(path, file, 1)
        parts = first.rstrip().replace("\t", " ").split(" ")
        if len(parts) == 2 and all(part.isdigit() for part in parts):
            return 1, int(parts[1])
    if len(parts) < 2:
        raise ValueError(
            f"{str(path)!r}, line 1: a word and its numbers expected, got {first[:60]!r}"
        )
    return 0, len(parts) - 1


def _line(path: Path, file: Any, number: int) -> str:
    try:
        return str(file.readline())
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 near line {number}: {error}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{str(path)!r} is damaged near line {number}: {error}") from None


def lines_of(
    path: Path, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The wanted words of a file of word2vec's text format with their vectors; all of one length, finite."""
    skip, dim = open_lines(path)
    with _open_text(path) as file:
        at = 0
        while line := _line(path, file, at + 1):
            at += 1
            text = line.rstrip().replace("\t", " ")
            if at <= skip or not text:
                continue
            # a word may hold spaces, its numbers do not
            word, *numbers = text.rsplit(" ", dim)
            if len(numbers) != dim:
                raise ValueError(
                    f"{str(path)!r}, line {at}: a word and {dim} numbers expected, got {text[:60]!r}"
                )
            if not wanted(word):
                continue
            try:
                vector = np.array(numbers, dtype=np.float32)
            except ValueError:
                raise ValueError(
                    f"{str(path)!r}, line {at}: {dim} numbers expected, got {text[:60]!r}"
                ) from None
            if not np.isfinite(vector).all():
                raise ValueError(f"{str(path)!r}, line {at}: the numbers must be finite")
            yield word, vector
