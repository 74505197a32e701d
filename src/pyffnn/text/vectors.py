"""Word vectors made elsewhere, as starting values of an embedding table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PretrainedVectors", "find_vectors", "vectors_dim"]

PretrainedVectors: TypeAlias = (
    str | os.PathLike[str] | Mapping[str, ArrayLike] | tuple[Sequence[str], ArrayLike]
)


def vectors_dim(vectors: PretrainedVectors) -> int:
    """Numbers in a vector. Raises as `find_vectors`."""
    if isinstance(vectors, (str, os.PathLike)):
        return _open(Path(vectors))[1]
    if isinstance(vectors, Mapping):
        for word, vector in vectors.items():
            return _vector(word, vector, None).size
        raise ValueError("pretrained_vectors is empty")
    return int(_pair(vectors)[1].shape[1])


def find_vectors(
    vectors: PretrainedVectors, words: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The numbers of those of ``words`` that have a vector, and the vectors [found, dim].

    ``vectors`` is a path to a file in word2vec's text format (a word and its numbers a line, parted
    by spaces, UTF-8; a first line with two numbers is a header), a mapping from words to vectors,
    or words and an array [words, dim]. Words of a file that stand there twice count the first time.

    Raises OSError (no such file), ValueError (malformed, not finite, different lengths).
    """
    number = {word: i for i, word in enumerate(words)}
    found: dict[int, NDArray[np.float32]] = {}
    if isinstance(vectors, (str, os.PathLike)):
        return _read(Path(vectors), number)
    if isinstance(vectors, Mapping):
        dim = vectors_dim(vectors)
        for word, vector in vectors.items():
            if word in number:
                found[number[word]] = _vector(word, vector, dim)
        return _stack(found, dim)
    names, matrix = _pair(vectors)
    rows = [(number[word], i) for i, word in enumerate(names) if word in number]
    ours = np.array([row for row, _ in rows], np.int64)
    return ours, matrix[[i for _, i in rows]].reshape(len(rows), matrix.shape[1])


def _stack(
    found: Mapping[int, NDArray[np.float32]], dim: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rows = np.fromiter(found, np.int64, len(found))
    return rows, np.array(list(found.values()), np.float32).reshape(len(found), dim)


def _vector(word: Any, vector: ArrayLike, dim: int | None) -> NDArray[np.float32]:
    try:
        array = np.asarray(vector, dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError(f"pretrained_vectors[{word!r}] must be an array of numbers") from None
    if array.ndim != 1 or array.size == 0 or (dim is not None and array.size != dim):
        wanted = "a vector" if dim is None else f"a vector of {dim} numbers"
        raise ValueError(f"pretrained_vectors[{word!r}] must be {wanted}, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"pretrained_vectors[{word!r}] must be finite")
    return array


def _pair(vectors: Any) -> tuple[list[str], NDArray[np.float32]]:
    try:
        names, matrix = vectors
        names = list(names)
        matrix = np.asarray(matrix, dtype=np.float32)
    except (TypeError, ValueError):
        raise ValueError(
            "pretrained_vectors must be a path, a mapping from words to vectors, or (words, array), "
            f"got {type(vectors).__name__}"
        ) from None
    if matrix.ndim != 2 or matrix.shape[0] != len(names) or matrix.shape[1] == 0:
        raise ValueError(
            f"pretrained_vectors has {len(names)} words and an array of shape {matrix.shape}: "
            "it must have a row a word"
        )
    if not np.isfinite(matrix).all():
        raise ValueError("pretrained_vectors must be finite")
    return names, matrix


def _open(path: Path) -> tuple[int, int]:
    """Lines before the first vector, and the numbers in it."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{str(path)!r} must be a regular file: word vectors are read twice")
    with path.open(encoding="utf-8-sig") as file:
        first = _line(path, file, 1)
        parts = first.rstrip().split(" ")
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


def _read(path: Path, number: Mapping[str, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    skip, dim = _open(path)
    found: dict[int, NDArray[np.float32]] = {}
    with path.open(encoding="utf-8-sig") as file:
        at = 0
        while line := _line(path, file, at + 1):
            at += 1
            text = line.rstrip()
            if at <= skip or not text:
                continue
            # a word may hold spaces, its numbers do not
            word, *numbers = text.rsplit(" ", dim)
            if len(numbers) != dim:
                raise ValueError(
                    f"{str(path)!r}, line {at}: a word and {dim} numbers expected, got {text[:60]!r}"
                )
            row = number.get(word)
            if row is None or row in found:
                continue
            try:
                vector = np.array(numbers, dtype=np.float32)
            except ValueError:
                raise ValueError(
                    f"{str(path)!r}, line {at}: {dim} numbers expected, got {text[:60]!r}"
                ) from None
            if not np.isfinite(vector).all():
                raise ValueError(f"{str(path)!r}, line {at}: the numbers must be finite")
            found[row] = vector
    return _stack(found, dim)
