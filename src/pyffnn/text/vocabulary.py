"""Vocabularies: names of the tokens of a corpus and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

IdArray: TypeAlias = NDArray[np.int32]


class WordVocabulary:
    """Words and their ids ``0 .. len - 1``.

    Parameters
    ----------
    words
        Distinct words in the order of their ids. ``unk_token`` and ``eos_token`` are put in front
        where they are missing.
    counts
        How often each word was seen (default: zeros).
    unk_token
        The token that stands for every word outside the vocabulary.
    eos_token
        End-of-sentence token that follows each sentence of a text corpus; None: no such token.
    lowercase
        Lower-case tokens (``str.lower``) before they are looked up.

    Attributes
    ----------
    words : list of str
    counts : int64 array, shape (len,)
        Of the text it was built from; ``counts[unk_id]`` is the number of replaced tokens.
    unk_id : int
    eos_id : int or None
    """

    def __init__(
        self,
        words: Iterable[str],
        counts: Sequence[int] | NDArray[np.integer[Any]] | None = None,
        *,
        unk_token: str = "<unk>",
        eos_token: str | None = None,
        lowercase: bool = False,
    ) -> None:
        specials = check_specials(unk_token, eos_token)
        self.words: list[str] = list(words)
        for word in self.words:
            if not isinstance(word, str):
                raise TypeError(f"words must be strings, got {type(word).__name__}: {word!r}")
        missing = [token for token in specials if token not in self.words]
        if counts is None:
            counts = np.zeros(len(self.words), np.int64)
        given = np.asarray(counts)
        if given.shape != (len(self.words),):
            raise ValueError(
                f"counts must hold one number a word ({len(self.words)}), got shape {given.shape}"
            )
        self.words = missing + self.words
        self.counts: NDArray[np.int64] = np.concatenate(
            [np.zeros(len(missing), np.int64), given.astype(np.int64)]
        )
        self.unk_token = unk_token
        self.eos_token = eos_token
        self.lowercase = bool(lowercase)
        self._ids = {word: i for i, word in enumerate(self.words)}
        if len(self._ids) != len(self.words):
            twice = next(w for i, w in enumerate(self.words) if self._ids[w] != i)
            raise ValueError(f"words must be distinct, {twice!r} stands there twice")
        if self.lowercase:
            for word in self.words:
                if word not in specials and word != word.lower():
                    raise ValueError(f"lowercase=True, but the word {word!r} is not lower case")
        self.unk_id = self._ids[unk_token]
        self.eos_id = None if eos_token is None else self._ids[eos_token]
        self._core: _pyffnn.TextStream | None = None

    @property
    def core(self) -> _pyffnn.TextStream:
        """The compiled table of the words. Read-only, so any number of threads may use it."""
        if self._core is None:
            core = _pyffnn.TextStream(self.unk_token, self.eos_token, self.lowercase)
            core.add_words(self.words)
            core.close()
            self._core = core
        return self._core

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_core": None}

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        """The words in the order of their ids."""
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        if self.lowercase and isinstance(word, str) and word not in self._ids:
            word = word.lower()
        return word in self._ids

    def __getitem__(self, word: str) -> int:
        """Id of ``word``; of ``unk_token`` for a word outside the vocabulary."""
        return int(self.encode([word])[0])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WordVocabulary):
            return NotImplemented
        return (
            self.words == other.words
            and self.unk_token == other.unk_token
            and self.eos_token == other.eos_token
            and self.lowercase == other.lowercase
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        eos = "" if self.eos_token is None else f", eos_token={self.eos_token!r}"
        return f"<WordVocabulary of {len(self)} words, unk_token={self.unk_token!r}{eos}>"

    def encode(self, tokens: Iterable[str]) -> IdArray:
        """Ids of ``tokens``, int32, shape (number of tokens,); TypeError for a non-string."""
        return self.core.encode(tokens, "tokens")

    def to_dict(self) -> dict[str, Any]:
        """All of it as a JSON-able dict, for model files; `vocabulary_from_dict` reads it."""
        return {
            "words": self.words,
            "counts": self.counts.tolist(),
            "unk_token": self.unk_token,
            "eos_token": self.eos_token,
            "lowercase": self.lowercase,
        }

    def decode(self, ids: Iterable[int] | NDArray[np.integer[Any]]) -> list[str]:
        """Words of ``ids``; IndexError for an id outside ``0 .. len - 1``."""
        return [self.words[i] for i in check_range(np.asarray(ids), len(self), "ids").tolist()]


class IdVocabulary:
    """The vocabulary of a corpus of ids: ``0 .. size - 1``, each token its own name."""

    unk_id: None = None
    eos_id: None = None

    def __init__(self, size: int) -> None:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
            raise TypeError(f"size must be an integer, got {type(size).__name__}")
        if not 1 <= size <= np.iinfo(np.int32).max:
            raise ValueError(f"size must be in 1 .. 2**31 - 1, got {size}")
        self.size = int(size)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[int]:
        """The ids in their order."""
        return iter(range(self.size))

    def __contains__(self, token: object) -> bool:
        return isinstance(token, (int, np.integer)) and bool(0 <= token < self.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IdVocabulary):
            return NotImplemented
        return self.size == other.size

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<IdVocabulary of {self.size} ids>"

    def to_dict(self) -> dict[str, Any]:
        """All of it as a JSON-able dict, for model files; `vocabulary_from_dict` reads it."""
        return {"size": self.size}

    def encode(self, tokens: Iterable[int]) -> IdArray:
        """``tokens`` as int32 ids; IndexError outside ``0 .. size - 1``."""
        ids = np.asarray(tokens if isinstance(tokens, np.ndarray) else list(tokens))
        if ids.size == 0:
            return np.zeros(0, np.int32)
        check_id_dtype(ids, "tokens")
        return check_range(ids, self.size, "tokens").astype(np.int32, copy=False)

    def decode(self, ids: Iterable[int] | NDArray[np.integer[Any]]) -> list[int]:
        """``ids`` as Python integers; IndexError outside ``0 .. size - 1``."""
        out: list[int] = self.encode(np.asarray(ids)).tolist()
        return out


Vocabulary: TypeAlias = WordVocabulary | IdVocabulary
VocabularyLike: TypeAlias = WordVocabulary | IdVocabulary | Sequence[str] | int


def as_vocabulary(
    vocabulary: VocabularyLike,
    *,
    unk_token: str = "<unk>",
    eos_token: str | None = None,
    lowercase: bool = False,
) -> Vocabulary:
    """A vocabulary object from one, from a sequence of words, or from a number of ids.

    The keyword arguments go with a sequence of words; a vocabulary object has its own.
    """
    if isinstance(vocabulary, (WordVocabulary, IdVocabulary)):
        return vocabulary
    if isinstance(vocabulary, (int, np.integer)):
        return IdVocabulary(vocabulary)
    if isinstance(vocabulary, (str, bytes)):
        raise TypeError("vocabulary must be a sequence of words, not one string")
    return WordVocabulary(vocabulary, unk_token=unk_token, eos_token=eos_token, lowercase=lowercase)


def vocabulary_from_dict(fields: dict[str, Any]) -> Vocabulary:
    """The vocabulary that ``to_dict`` wrote; ValueError for anything else."""
    try:
        if fields.keys() == {"size"}:
            return IdVocabulary(fields["size"])
        return WordVocabulary(**fields)
    except (AttributeError, TypeError) as error:
        raise ValueError(f"this is no vocabulary: {error}") from None


def check_specials(unk_token: str, eos_token: str | None) -> list[str]:
    specials = [unk_token] if eos_token is None else [unk_token, eos_token]
    for name, token in zip(("unk_token", "eos_token"), specials, strict=False):
        if not isinstance(token, str):
            raise TypeError(f"{name} must be a string, got {type(token).__name__}")
        if token.split() != [token]:
            raise ValueError(f"{name} must be one token without white space, got {token!r}")
    if unk_token == eos_token:
        raise ValueError(f"unk_token and eos_token must differ, both are {unk_token!r}")
    return specials


def check_id_dtype(ids: NDArray[Any], name: str) -> None:
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integer ids, got dtype {ids.dtype}")


def check_range(ids: NDArray[np.integer[Any]], size: int, name: str) -> NDArray[np.integer[Any]]:
    if ids.size:
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= size:
            raise IndexError(
                f"{name}: id {low if low < 0 else high} is outside the vocabulary 0 .. {size - 1}"
            )
    return ids
