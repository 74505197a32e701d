"""Word vectors made elsewhere, as starting values of an embedding table."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.text.static_embeddings import StaticEmbeddings
from pyffnn.text.vector_files import kind_of, lines_of, open_lines, read_array, read_words

__all__ = ["PretrainedVectors", "find_vectors", "load_vectors", "vectors_dim"]


class KeyedVectors(Protocol):
    """gensim's, or what has their attributes."""

    index_to_key: Any
    vectors: Any


PretrainedVectors: TypeAlias = (
    str
    | os.PathLike[str]
    | Mapping[str, ArrayLike]
    | tuple[Sequence[str], ArrayLike]
    | KeyedVectors
)


def _plain(vectors: Any) -> Any:
    """Words and an array of gensim's ``KeyedVectors``, or of a model that has such as ``wv``; others as they are."""
    if isinstance(vectors, (str, os.PathLike, Mapping, tuple, list)):
        return vectors
    keyed = getattr(vectors, "wv", vectors)
    for name in ("index_to_key", "index2word"):  # the second in old versions
        if hasattr(keyed, name):
            return getattr(keyed, name), keyed.vectors
    return vectors


def vectors_dim(vectors: PretrainedVectors) -> int:
    """Numbers in a vector. Raises as `find_vectors`."""
    vectors = _plain(vectors)
    if isinstance(vectors, (str, os.PathLike)):
        path = Path(vectors)
        return open_lines(path)[1] if kind_of(path) == "text" else int(read_array(path).shape[1])
    if isinstance(vectors, Mapping):
        for word, vector in vectors.items():
            return _vector(word, vector, None).size
        raise ValueError("pretrained_vectors is empty")
    return int(_pair(vectors)[1].shape[1])


def find_vectors(
    vectors: PretrainedVectors, words: Sequence[str], *, tokens: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The numbers of those of ``words`` that have a vector, and the vectors [found, dim].

    ``vectors`` is a path to a file in word2vec's text format (a word and its numbers a line, parted
    by spaces, UTF-8; a first line with two numbers is a header; also gzipped), a ``.npy`` or
    ``.safetensors`` file (see `pyffnn.text.vector_files`), a mapping from words to vectors, words
    and an array [words, dim], or gensim's KeyedVectors. Words of a file that stand there twice count the first time. Of
    model2vec's format a word has the mean of its tokens' vectors; ``tokens``: the words are its
    tokenizer's tokens.

    Raises OSError (no such file), ValueError (malformed, not finite, different lengths).
    """
    number = {word: i for i, word in enumerate(words)}
    found: dict[int, NDArray[np.float32]] = {}
    vectors = _plain(vectors)
    if isinstance(vectors, (str, os.PathLike)):
        path = Path(vectors)
        if kind_of(path) == "text":
            return _read_text(path, number)
        if kind_of(path) == "safetensors" and read_words(path) is None:
            return StaticEmbeddings(path).find(words, tokens=tokens)
        vectors = load_vectors(path)
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


def load_vectors(path: str | os.PathLike[str]) -> tuple[list[str], NDArray[np.float32]]:
    """Words and their vectors [words, dim] from a file that `save_vectors` or another program wrote.

    Of model2vec's format these are the tokens of its tokenizer.

    Raises OSError (no such file), ValueError (malformed, not finite, words and vectors of another number).
    """
    path = Path(path)
    if kind_of(path) == "text":
        return _load_text(path)
    matrix = read_array(path)
    words = read_words(path)
    if words is None:
        static = StaticEmbeddings(path)
        names = static.tokens
        return names, static.of_tokens(names)
    if len(words) != len(matrix):
        raise ValueError(f"{str(path)!r} has {len(matrix)} vectors for {len(words)} words")
    return words, matrix


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


def _read_text(
    path: Path, number: Mapping[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    dim = open_lines(path)[1]
    found: dict[int, NDArray[np.float32]] = {}
    for word, vector in lines_of(path, lambda word: word in number and number[word] not in found):
        found[number[word]] = vector
    return _stack(found, dim)


def _load_text(path: Path) -> tuple[list[str], NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {}
    dim = 0
    for word, vector in lines_of(path, lambda word: word not in found):
        found[word] = vector
        dim = vector.size
    return list(found), np.array(list(found.values()), np.float32).reshape(len(found), dim)
