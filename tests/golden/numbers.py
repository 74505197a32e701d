"""Numbers and texts that are the same for ever: made by integer arithmetic alone, not by NumPy's generators."""

from __future__ import annotations

import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray


def bits(key: str, count: int) -> NDArray[np.uint32]:
    """``count`` random 32-bit numbers that belong to ``key`` (splitmix64)."""
    z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(zlib.crc32(key.encode()) << 24)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32)


def reals(key: str, *shape: int, dtype: Any = np.float64) -> NDArray[Any]:
    """Numbers in [-1, 1) of 24 bits: the same in float32 and in float64."""
    whole = (bits(key, math.prod(shape)) >> np.uint32(8)).astype(np.int64)
    return ((whole - (1 << 23)) / (1 << 23)).astype(dtype).reshape(shape)


def integers(key: str, below: int, *shape: int) -> NDArray[np.int64]:
    """Integers in [0, below), each as likely."""
    wide = bits(key, math.prod(shape)).astype(np.uint64) * np.uint64(below)
    return (wide >> np.uint64(32)).astype(np.int64).reshape(shape)


def skewed(key: str, below: int, *shape: int) -> NDArray[np.int64]:
    """Integers in [0, below), small ones more often: the floor of below u^2."""
    u = bits(key, math.prod(shape)).astype(np.uint64) >> np.uint64(8)
    wide = ((u * u) >> np.uint64(16)) * np.uint64(below)
    return (wide >> np.uint64(32)).astype(np.int64).reshape(shape)


def shuffled(key: str, n: int) -> NDArray[np.int64]:
    """A permutation of 0 .. n - 1."""
    return np.argsort(bits(key, n), kind="stable")


_SYLLABLES = "ba ce di fo gu ha ji ko lu me ni po ra se tu vo wé xi yo ßu".split()


def word(number: int) -> str:
    """A word of a few syllables; every ninth begins with a capital letter."""
    text, rest = "", number
    while not text or rest:
        rest, syllable = divmod(rest, len(_SYLLABLES))
        text += _SYLLABLES[syllable]
    return text.capitalize() if number % 9 == 4 else text


def texts(key: str, n: int, classes: int, words: int = 150, longest: int = 14) -> tuple[Any, Any]:
    """Texts, a third of whose words point to their class; and the classes [n]."""
    y = integers(key + " y", classes, n)
    lengths = 2 + integers(key + " lengths", longest - 1, n)
    lengths[n // 3] = 0
    out, at = [], 0
    ids, own = skewed(key, words, int(lengths.sum())), integers(key + " own", 3, int(lengths.sum()))
    for label, length in zip(y, lengths, strict=True):
        part = slice(at, at + int(length))
        chosen = np.where(own[part] == 0, ids[part] // classes * classes + label, ids[part])
        out.append(" ".join(word(int(i)) for i in chosen))
        at += int(length)
    return out, y


def sentences(key: str, n: int, words: int = 120) -> list[list[str]]:
    """Sentences in which a word makes some words more likely to follow."""
    lengths = 3 + integers(key + " lengths", 12, n)
    fresh = skewed(key, words, int(lengths.sum()))
    follows = integers(key + " follows", 2, int(lengths.sum()))
    out, at, last = [], 0, 0
    for length in lengths:
        sentence = []
        for i in range(at, at + int(length)):
            last = (last * 7 + int(fresh[i]) % 3) % words if follows[i] else int(fresh[i])
            sentence.append(word(last))
        out.append(sentence)
        at += int(length)
    return out
