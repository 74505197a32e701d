"""From raw text to bags of table rows: words, n-grams, vocabularies, batches.

A `Featurizer` cuts documents into words, learns a vocabulary and says which rows of an embedding
table a document touches; a `Corpus` is the result, made once and kept at four bytes a word. The
work is done in C++ (``src/cpp/text``); what is defined here and tested is:

- **Words** are what ``str.split()`` gives. With ``lowercase`` they are what ``str.lower()`` makes of
  them, for the characters of Unicode 14 (those of later versions stay as they are, on every Python).
- **The vocabulary** holds the words met at least `min_count` times, ordered by falling count, equal
  counts by first appearance. It is exact: no hash merges two words.
- **Rows**: word ``i`` is row ``i``; n-gram rows follow. A word outside the vocabulary has no row, and
  no word n-gram contains one. What `Featurizer.extend` adds has rows behind all others: a row keeps
  its meaning for ever, and ``word_id`` says which row a word has.
- **Word n-grams** of 2 to `word_ngrams` words. With ``buckets=None`` each n-gram that occurs at least
  `ngram_min_count` times in training has a row of its own, and no other has any. With an integer they
  share `buckets` rows by a hash of their word ids (the formula: `hashed_row`).
- **Character n-grams** of ``(lo, hi)`` characters of ``"<" + word + ">"``, as in fastText (Bojanowski et
  al. 2017), of every word, whether in the vocabulary or not; exact or hashed in the same way.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn
from pyffnn.text.corpus import Bags, Corpus

__all__ = ["Featurizer", "TokenizerLike", "hashed_row"]

_File: TypeAlias = "str | os.PathLike[str] | ReadsBytes"
_CHUNK = 1024  # documents that a Python tokenizer is given at a time

_MASK = (1 << 64) - 1
_A, _B, _C = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F


class ReadsBytes(Protocol):
    """A file opened for reading bytes."""

    def read(self, size: int, /) -> bytes: ...


class _Encoder(Protocol):
    """What is asked of a `tokenizers.Tokenizer`."""

    def encode_batch(self, input: list[str], /) -> Sequence[Any]: ...  # noqa: A002


TokenizerLike: TypeAlias = Callable[[str], Iterable[str]] | _Encoder


def hashed_row(words: Sequence[int], num_words: int, buckets: int) -> int:
    """The row that the word n-gram with these word ids shares, when ``buckets`` is a number.

    With ``g(w) = (w + 1) A mod 2^64`` and ``fold(a, b)`` the low half xor the high half of the 128-bit
    product: ``h = g(w1)``, then ``h = fold(h ^ B, g(w) ^ C)`` for each further word; the row is
    ``num_words + floor(h * buckets / 2^64)``. A, B, C = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93,
    0xA0761D6478BD642F.
    """

    def g(word: int) -> int:
        return (word + 1) * _A & _MASK

    def fold(a: int, b: int) -> int:
        return (a * b & _MASK) ^ (a * b >> 64)

    chain = g(words[0])
    for word in words[1:]:
        chain = fold(chain ^ _B, g(word) ^ _C)
    return num_words + (chain * buckets >> 64)


class Featurizer:
    """Cuts text into words and n-grams and maps them to the rows of a table.

    Parameters
    ----------
    word_ngrams : longest word n-gram, 1 to 16; 1: words alone.
    char_ngrams : None, or (lo, hi) with 1 <= lo <= hi <= 64 characters.
    char_if_suited : character n-grams only if the training documents suit them (`Corpus.suits_char_ngrams`);
        `fit` decides, and sets `char_ngrams` to None if they are not.
    buckets : None for a row for each frequent n-gram, or the number of rows that n-grams share.
    min_count : words met less often in training are left out of the vocabulary.
    ngram_min_count : with ``buckets=None``, how often an n-gram must occur in training to get a row.
    max_tokens : None, or how many words of a document count: the first ones.
    lowercase : whether words are lower-cased.
    tokenizer : None, or a function from a str to its tokens, or a `tokenizers.Tokenizer`; it replaces
        the cutting at white space. It is not part of `state()`.

    Raises ValueError for a number out of range, TypeError for documents that are not str, naming the
    position and what stood there.
    """

    def __init__(
        self,
        *,
        word_ngrams: int = 1,
        char_ngrams: tuple[int, int] | None = None,
        buckets: int | None = None,
        min_count: int = 1,
        ngram_min_count: int = 2,
        max_tokens: int | None = None,
        lowercase: bool = False,
        tokenizer: TokenizerLike | None = None,
        char_if_suited: bool = False,
    ) -> None:
        if buckets is not None and buckets < 1:
            raise ValueError(f"buckets must be at least 1, or None, got {buckets}")
        if max_tokens is not None and max_tokens < 1:
            raise ValueError(f"max_tokens must be at least 1, or None, got {max_tokens}")
        if tokenizer is not None and not callable(tokenizer) and not _is_encoder(tokenizer):
            raise TypeError(
                "tokenizer must be a callable or have encode_batch (tokenizers.Tokenizer), "
                f"got {type(tokenizer).__name__}"
            )
        low, high = (0, 0) if char_ngrams is None else char_ngrams
        if char_ngrams is not None and low < 1:
            raise ValueError(
                f"char_ngrams must be (lo, hi) with 1 <= lo <= hi <= 64, got {char_ngrams}"
            )
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.buckets = buckets
        self.min_count = min_count
        self.ngram_min_count = ngram_min_count
        self.max_tokens = max_tokens
        self.lowercase = lowercase
        self.tokenizer = tokenizer
        self._options = {
            "lowercase": lowercase,
            "word_ngrams": word_ngrams,
            "char_low": low,
            "char_high": high,
            "buckets": buckets or 0,
            "min_count": min_count,
            "ngram_min_count": ngram_min_count,
            "max_tokens": max_tokens or 0,
            "char_if_suited": char_if_suited,
        }
        self._core: _pyffnn.TextFeatures | None = None

    # training

    def fit(self, texts: Iterable[str]) -> Corpus:
        """Learns vocabulary and n-grams from texts (list, iterator, Arrow or pandas column); their corpus."""
        if self.tokenizer is None:
            return self._fitted(_pyffnn.fit_texts(_column(texts), self._options))
        return self._fitted(_pyffnn.fit_words(self.tokens(texts), self._options))

    def fit_tokens(self, documents: Iterable[Iterable[str]]) -> Corpus:
        """The same from documents that are token lists already."""
        return self._fitted(_pyffnn.fit_words(documents, self._options))

    def fit_file(
        self,
        path: _File,
        *,
        label_prefix: str | None = "__label__",
        errors: Literal["strict", "replace"] = "strict",
    ) -> Corpus:
        """The same from a file of one document a line, UTF-8, in fastText's format.

        path : a path (a pipe will do: it is read once), or a file opened for reading bytes.
        Words that begin with `label_prefix` are labels, wherever they stand in their line; None: there
        are none. Lines end in ``\\n`` (a ``\\r`` before it is white space). Lines without word or label are
        left out, and so is a byte order mark. errors : "strict" raises ValueError naming the first line
        that is not UTF-8; "replace" reads ill-formed bytes as U+FFFD, as ``bytes.decode`` does. OSError
        for a file that cannot be read.
        """
        return self._fitted(
            _pyffnn.fit_file(*self._file(path, label_prefix, errors), self._options)
        )

    # use

    def encode(self, texts: Iterable[str]) -> Corpus:
        """Other texts with the vocabulary and n-grams learned."""
        if self.tokenizer is None:
            return Corpus(self.core.encode_texts(_column(texts)), self)
        return Corpus(self.core.encode_words(self.tokens(texts)), self)

    def encode_tokens(self, documents: Iterable[Iterable[str]]) -> Corpus:
        """The corpus of lists of tokens."""
        return Corpus(self.core.encode_words(documents), self)

    def encode_file(
        self,
        path: _File,
        *,
        label_prefix: str | None = "__label__",
        errors: Literal["strict", "replace"] = "strict",
    ) -> Corpus:
        """The corpus of a file, with its labels; arguments as those of `fit_file`."""
        return Corpus(self.core.encode_file(*self._file(path, label_prefix, errors)), self)

    # growing

    def extend(
        self,
        texts: Iterable[str],
        *,
        min_count: int | None = None,
        ngram_min_count: int | None = None,
    ) -> Corpus:
        """Texts with what is new in them: their corpus, whose `featurizer` knows it.

        New are the words and n-grams that `fit` on these texts alone would keep and this featurizer
        lacks. They get ids and rows behind the old ones, which stay as they are; so does this
        featurizer. The counts of the new one are those of all texts. The cost is that of the texts, not
        that of the vocabulary, counted over many calls of which each extends the last one's result.

        min_count, ngram_min_count : how often these texts must have a new word or n-gram; None: as often
            as those that this featurizer was fitted on.
        """
        least = self._least(min_count, ngram_min_count)
        if self.tokenizer is None:
            return self._extended(self.core.extend_texts(_column(texts), *least))
        return self._extended(self.core.extend_words(self.tokens(texts), *least))

    def extend_tokens(
        self,
        documents: Iterable[Iterable[str]],
        *,
        min_count: int | None = None,
        ngram_min_count: int | None = None,
    ) -> Corpus:
        """The same from documents that are token lists already."""
        least = self._least(min_count, ngram_min_count)
        return self._extended(self.core.extend_words(documents, *least))

    def extend_file(
        self,
        path: _File,
        *,
        label_prefix: str | None = "__label__",
        errors: Literal["strict", "replace"] = "strict",
        min_count: int | None = None,
        ngram_min_count: int | None = None,
    ) -> Corpus:
        """The same from a file, read as by `fit_file`."""
        file = self._file(path, label_prefix, errors)
        return self._extended(
            self.core.extend_file(*file, *self._least(min_count, ngram_min_count))
        )

    def _least(self, min_count: int | None, ngram_min_count: int | None) -> tuple[int, int]:
        return (
            self.min_count if min_count is None else min_count,
            self.ngram_min_count if ngram_min_count is None else ngram_min_count,
        )

    def _extended(self, core: _pyffnn.TextCorpus) -> Corpus:
        return Corpus(core, self._with_core(core.features, self.tokenizer))

    def transform(self, texts: Iterable[str]) -> Bags:
        """The rows of each text."""
        return self.encode(texts).bags()

    @property
    def is_fitted(self) -> bool:
        return self._core is not None

    @property
    def core(self) -> _pyffnn.TextFeatures:
        """The compiled object. Read-only, so any number of threads may use it."""
        if self._core is None:
            raise ValueError("this Featurizer is not fitted yet")
        return self._core

    @property
    def num_words(self) -> int:
        return self.core.num_words

    @property
    def num_rows(self) -> int:
        """Rows of the embedding table: words and n-grams."""
        return self.core.num_rows

    @property
    def char_rows(self) -> NDArray[np.int64]:
        """The rows that character n-grams alone have, ascending; none where n-grams share rows."""
        return self.core.char_rows()

    def char_rows_from(self, row: int) -> NDArray[np.int64]:
        """Those of them from `row` on, at their own cost."""
        return self.core.char_rows(row)

    @property
    def vocabulary(self) -> list[str]:
        """The words in the order of their ids, which is that of their rows (a new list)."""
        return self.core.words()

    def words(self, begin: int = 0) -> tuple[list[str], NDArray[np.int64]]:
        """The words from number `begin` on, and the row of each, int64 (words,)."""
        return self.core.words(begin), self.core.word_rows(begin)

    @property
    def counts(self) -> NDArray[np.int64]:
        """How often each word occurred in training, int64 (num_words,)."""
        return self.core.counts

    def word_id(self, word: str) -> int:
        """The row of a word, -1 if the vocabulary lacks it."""
        return self.core.find(word)

    def word(self, row: int) -> str:
        """The word of a row; IndexError if the row is none of a word."""
        return self.core.word(row)

    # model files

    def state(self) -> dict[str, NDArray[Any]]:
        """All that was learned, as plain arrays (uint8, int64, uint64) for a model file."""
        return self.core.state()

    @classmethod
    def from_state(
        cls, state: Mapping[str, NDArray[Any]], tokenizer: TokenizerLike | None = None
    ) -> Featurizer:
        """The inverse of `state()`. ValueError if the arrays contradict each other."""
        return cls._with_core(_pyffnn.TextFeatures.from_state(dict(state)), tokenizer)

    @classmethod
    def _with_core(cls, core: _pyffnn.TextFeatures, tokenizer: TokenizerLike | None) -> Featurizer:
        options = core.options
        low, high = options["char_low"], options["char_high"]
        featurizer = cls(
            word_ngrams=options["word_ngrams"],
            char_ngrams=(low, high) if high else None,
            buckets=options["buckets"] or None,
            min_count=options["min_count"],
            ngram_min_count=options["ngram_min_count"],
            max_tokens=options["max_tokens"] or None,
            lowercase=bool(options["lowercase"]),
            tokenizer=tokenizer,
        )
        featurizer._core = core
        return featurizer

    def _fitted(self, core: _pyffnn.TextCorpus) -> Corpus:
        self._core = core.features
        if not self._core.options["char_high"]:
            self.char_ngrams = None
        return Corpus(core, self)

    def _file(
        self, path: _File, label_prefix: str | None, errors: str
    ) -> tuple[str | ReadsBytes, str, str, bool]:
        if self.tokenizer is not None:
            raise ValueError(
                "a file is cut at white space: tokenizer must be None, or give the texts themselves"
            )
        if errors not in ("strict", "replace"):
            raise ValueError(f'errors must be "strict" or "replace", got {errors!r}')
        if label_prefix == "" or (
            label_prefix is not None and label_prefix.split() != [label_prefix]
        ):
            raise ValueError(
                f"label_prefix must be a str without white space, or None, got {label_prefix!r}"
            )
        if isinstance(path, (str, os.PathLike)):
            file: str | ReadsBytes = os.fspath(path)
            name = str(file)
        elif callable(getattr(path, "read", None)):
            file, name = path, str(getattr(path, "name", "the file"))
        else:
            raise TypeError(f"path must be a path or a file, got {type(path).__name__}")
        return file, name, label_prefix or "", errors == "replace"

    def tokens(self, texts: Iterable[str]) -> Iterator[Iterable[str]]:
        """The tokens of each text that the tokenizer, which there must be, cuts it into."""
        tokenizer = self.tokenizer
        assert tokenizer is not None
        if isinstance(texts, str | bytes):
            raise TypeError(
                f"texts must be an iterable of str, got {type(texts).__name__}; wrap a single one in a list"
            )
        remaining = iter(_column(texts))
        done = 0
        while chunk := list(islice(remaining, _CHUNK)):
            for i, text in enumerate(chunk):
                if not isinstance(text, str):
                    raise TypeError(f"texts[{done + i}] must be str, got {type(text).__name__}")
            if callable(tokenizer):
                yield from map(tokenizer, chunk)
            else:
                yield from (encoding.tokens for encoding in tokenizer.encode_batch(chunk))
            done += len(chunk)


def _is_encoder(tokenizer: object) -> bool:
    return callable(getattr(tokenizer, "encode_batch", None))


def _column(texts: Iterable[str]) -> Iterable[str]:
    """Arrow columns iterate over their own scalars; as a list they hold str."""
    to_pylist = getattr(texts, "to_pylist", None)
    return to_pylist() if callable(to_pylist) else texts
