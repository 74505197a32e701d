"""Corpora and vocabularies of the language models: text in, one stream of word ids out.

Every language model of the package reads its data here, so that perplexities can be compared.
A corpus is one of

* a path (``str`` or ``os.PathLike``): UTF-8 text, one sentence a line, tokens parted by white
  space; a name ending in ``.gz`` is read through gzip; blank lines are no sentences;
* an iterable of token lists (``[["the", "dog"], ["it", "barks"]]``); it is gone through once;
* a 1-D integer array: token ids, taken as they are.

Sentences are put end to end in one stream, as in Bengio et al. (2003, section 4): a model sees the
words before a sentence as context. With ``eos_token`` an end-of-sentence token follows every
sentence, in the context and among the predicted tokens alike; without it (the default) sentence
ends leave no mark. A word outside the vocabulary is the token ``unk_token``, which is predicted
and counted like any other.
"""

from __future__ import annotations

import gzip
import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AUTO_MIN_COUNT",
    "AUTO_MIN_COUNT_TOKENS",
    "Corpus",
    "CorpusIds",
    "Evaluation",
    "IdVocabulary",
    "Tokens",
    "Vocabulary",
    "VocabularyLike",
    "WordVocabulary",
    "as_vocabulary",
    "encode_corpus",
    "encode_tokens",
    "evaluate",
    "read_corpus",
]

IdArray: TypeAlias = NDArray[np.int32]
Corpus: TypeAlias = str | os.PathLike[str] | Iterable[Sequence[str]] | NDArray[np.integer[Any]]
Tokens: TypeAlias = str | Sequence[str] | Sequence[int] | NDArray[Any]

AUTO_MIN_COUNT = 4
"""``min_count=None`` keeps words seen at least this often (more than 3 times: Bengio et al.) ..."""
AUTO_MIN_COUNT_TOKENS = 100_000
"""... in a corpus of at least this many tokens; in a smaller one it keeps every word."""

_BLOCK = 1 << 20


# ---------------------------------------------------------------------------- vocabularies


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
        Of the corpus it was built from; ``counts[unk_id]`` is the number of replaced tokens.
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
        specials = _check_specials(unk_token, eos_token)
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

    @classmethod
    def build(
        cls,
        *corpora: Corpus,
        min_count: int | None = None,
        max_vocab: int | None = None,
        unk_token: str = "<unk>",
        eos_token: str | None = None,
        lowercase: bool = False,
    ) -> WordVocabulary:
        """Vocabulary of one or several text corpora, counted together.

        Ids: ``unk_token``, ``eos_token`` if there is one, then the words by falling count, equal
        counts in code-point order.

        Parameters
        ----------
        min_count
            Words seen less often become ``unk_token``. None: 4 for 100,000 tokens and more, else 1.
        max_vocab
            At most so many entries, the special tokens included; the most frequent words stay.

        Raises
        ------
        ValueError
            No token in the corpora, or a limit out of range.
        TypeError
            A corpus of ids, or something that is no corpus.
        """
        limits = _check_limits(min_count, max_vocab, unk_token, eos_token)
        table = _Growing(limits.specials, lowercase)
        counts = _Counts()
        for corpus in corpora:
            if _as_ids(corpus) is not None:
                raise TypeError("a corpus of ids has no words to build a vocabulary from")
            _stream(corpus, table, eos_token, counts)
        words, numbers, _ = _select(list(table.ids), counts.total(len(table.ids)), limits)
        return cls(words, numbers, unk_token=unk_token, eos_token=eos_token, lowercase=lowercase)

    def __len__(self) -> int:
        return len(self.words)

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
        table = _Fixed(self)
        return np.fromiter(map(table.lookup, tokens), np.int32)

    def decode(self, ids: Iterable[int] | NDArray[np.integer[Any]]) -> list[str]:
        """Words of ``ids``; IndexError for an id outside ``0 .. len - 1``."""
        return [self.words[i] for i in _check_range(np.asarray(ids), len(self), "ids").tolist()]


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

    def __contains__(self, token: object) -> bool:
        return isinstance(token, (int, np.integer)) and bool(0 <= token < self.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, IdVocabulary):
            return NotImplemented
        return self.size == other.size

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<IdVocabulary of {self.size} ids>"

    def encode(self, tokens: Iterable[int]) -> IdArray:
        """``tokens`` as int32 ids; IndexError outside ``0 .. size - 1``."""
        ids = np.asarray(tokens if isinstance(tokens, np.ndarray) else list(tokens))
        if ids.size == 0:
            return np.zeros(0, np.int32)
        _check_id_dtype(ids, "tokens")
        return _check_range(ids, self.size, "tokens").astype(np.int32, copy=False)

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


# ---------------------------------------------------------------------------- reading


class CorpusIds(NamedTuple):
    """What `read_corpus` returns; ``ids`` and ``valid`` are 1-D int32 (perhaps memory-mapped)."""

    ids: IdArray
    valid: IdArray | None
    vocabulary: Vocabulary


def read_corpus(
    corpus: Corpus,
    *,
    valid: Corpus | None = None,
    vocabulary: VocabularyLike | None = None,
    min_count: int | None = None,
    max_vocab: int | None = None,
    unk_token: str = "<unk>",
    eos_token: str | None = None,
    lowercase: bool = False,
    memmap: str | os.PathLike[str] | None = None,
) -> CorpusIds:
    """Read a training corpus: build its vocabulary and encode it, in one pass.

    Parameters
    ----------
    corpus, valid
        Training and validation data, of the three kinds that the module lists. Without
        ``vocabulary`` the words of ``corpus`` alone are counted, and ids give the vocabulary
        ``0 .. largest id`` of both.
    vocabulary
        A fixed vocabulary instead: an object, a sequence of words, or a number of ids. Takes the
        place of ``min_count`` and ``max_vocab``.
    min_count, max_vocab, unk_token, eos_token, lowercase
        As in `WordVocabulary.build`; they concern text and leave ids as they are.
    memmap
        A file for the ids of ``corpus`` (raw native int32, replaced if it exists): they are
        written there in blocks and returned as a read-only ``np.memmap``, so that the corpus may
        be larger than memory. An id array that is a memory-mapped int32 file already is used as
        it is without this.

    Raises
    ------
    ValueError
        An empty corpus, an array that is not 1-D, negative ids, text that is not UTF-8, limits
        out of range, ``min_count`` or ``max_vocab`` beside ``vocabulary``.
    TypeError
        Tokens that are not strings, ids that are not integers.
    IndexError
        An id outside the vocabulary given.
    """
    if vocabulary is not None:
        if min_count is not None or max_vocab is not None:
            raise ValueError("min_count and max_vocab have no use beside vocabulary")
        fixed = as_vocabulary(
            vocabulary, unk_token=unk_token, eos_token=eos_token, lowercase=lowercase
        )
        ids = _not_empty(encode_corpus(corpus, fixed, memmap=memmap), "corpus")
    else:
        limits = _check_limits(min_count, max_vocab, unk_token, eos_token)
        given = _as_ids(corpus)
        if given is not None:
            fixed = IdVocabulary(max(_size_of(given, "corpus"), _valid_size(valid)))
            ids = encode_corpus(given, fixed, memmap=memmap)
        else:
            ids, fixed = _read_text(corpus, limits, lowercase, memmap)
    if valid is None:
        return CorpusIds(ids, None, fixed)
    valid_ids = _not_empty(encode_corpus(valid, fixed, name="valid"), "valid")
    return CorpusIds(ids, valid_ids, fixed)


def encode_corpus(
    corpus: Corpus,
    vocabulary: Vocabulary,
    *,
    memmap: str | os.PathLike[str] | None = None,
    name: str = "corpus",
) -> IdArray:
    """Ids of a corpus in a given vocabulary, 1-D int32, with its end-of-sentence tokens if any.

    Arguments and errors as in `read_corpus`; an empty corpus gives an empty array. An int32 array
    is returned as it is, other integers are copied.
    """
    given = _as_ids(corpus, name)
    if given is not None:
        checked = _check_range(given, len(vocabulary), name)
        if memmap is None:
            return checked.astype(np.int32, copy=False)
        with _IdFile(memmap) as file:
            for start in range(0, checked.size, _BLOCK):
                file(checked[start : start + _BLOCK].astype(np.int32))
        return file.open()
    if isinstance(vocabulary, IdVocabulary):
        raise TypeError(f"the vocabulary is one of ids, so {name} must be a 1-D integer array")
    table = _Fixed(vocabulary)
    if memmap is None:
        blocks: list[IdArray] = []
        _stream(corpus, table, vocabulary.eos_token, blocks.append, name)
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int32)
    with _IdFile(memmap) as file:
        _stream(corpus, table, vocabulary.eos_token, file, name)
    return file.open()


def encode_tokens(tokens: Tokens, vocabulary: Vocabulary, *, name: str = "tokens") -> IdArray:
    """Ids of one run of tokens: words, a string of words parted by white space, or ids.

    Nothing is added: no end-of-sentence token. Returns int32, shape (number of tokens,).
    """
    if isinstance(tokens, str):
        tokens = tokens.split()
    given = _as_ids(tokens, name)
    if given is not None:
        return _check_range(given, len(vocabulary), name).astype(np.int32, copy=False)
    words = list(tokens)
    if not words:
        return np.zeros(0, np.int32)
    if isinstance(vocabulary, IdVocabulary):
        raise TypeError(f"the vocabulary is one of ids, so {name} must be integers")
    return vocabulary.encode(words)


# ---------------------------------------------------------------------------- evaluation


class Evaluation(NamedTuple):
    """A perplexity and what it counts."""

    perplexity: float
    """``exp`` of the mean negative log-probability of all tokens."""
    tokens: int
    """Tokens predicted: every token of the corpus, the two kinds below among them."""
    unknown: int
    """Tokens that were outside the vocabulary, predicted as the unknown token."""
    end_of_sentence: int
    """End-of-sentence tokens (0 without ``eos_token``)."""

    def __str__(self) -> str:
        return (
            f"perplexity {self.perplexity:.2f} over {self.tokens} tokens, "
            f"{self.unknown} of them unknown words, {self.end_of_sentence} ends of sentence"
        )


def evaluate(
    log_probs: NDArray[np.floating[Any]], ids: NDArray[np.integer[Any]], vocabulary: Vocabulary
) -> Evaluation:
    """Perplexity ``exp(-mean(log_probs))`` of the tokens ``ids``; both arrays 1-D, one a token."""
    if ids.size == 0:
        raise ValueError("corpus is empty: a perplexity needs one token at least")

    def count(token: int | None) -> int:
        return 0 if token is None else int(np.count_nonzero(ids == token))

    with np.errstate(over="ignore"):
        perplexity = float(np.exp(-np.mean(log_probs, dtype=np.float64)))
    return Evaluation(perplexity, int(ids.size), count(vocabulary.unk_id), count(vocabulary.eos_id))


# ---------------------------------------------------------------------------- inside


class _Table(dict[str, int]):
    """Word -> id; subclasses say what a missing word means."""

    def __init__(self, lowercase: bool) -> None:
        super().__init__()
        self.lowercase = lowercase

    def __missing__(self, word: object) -> int:
        if not isinstance(word, str):
            raise TypeError(
                f"tokens must be strings, got {type(word).__name__}: {word!r} "
                "(ids are passed as one 1-D integer array)"
            )
        return self.add(word)

    def add(self, word: str) -> int:
        raise NotImplementedError

    def lookup(self, word: str) -> int:
        return self[word]


class _Growing(_Table):
    """Ids by first appearance after the special tokens; under ``lowercase`` spellings share one."""

    def __init__(self, specials: Sequence[str], lowercase: bool) -> None:
        super().__init__(lowercase)
        self.ids = {token: i for i, token in enumerate(specials)}
        self.update(self.ids)

    def add(self, word: str) -> int:
        key = word.lower() if self.lowercase else word
        number = self[word] = self.ids.setdefault(key, len(self.ids))
        return number


class _Fixed(_Table):
    """Ids of a vocabulary; a word outside it is not remembered."""

    def __init__(self, vocabulary: WordVocabulary) -> None:
        super().__init__(vocabulary.lowercase)
        self.update(vocabulary._ids)
        self.unk_id = vocabulary.unk_id

    def add(self, word: str) -> int:
        return self.get(word.lower(), self.unk_id) if self.lowercase else self.unk_id


class _Counts:
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


class _IdFile:
    """Sink that writes raw int32 ids beside ``path`` and moves the file there when complete."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.size = 0

    def __enter__(self) -> _IdFile:
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
            for start in range(0, self.size, _BLOCK):
                mapped[start : start + _BLOCK] = table[mapped[start : start + _BLOCK]]
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


def _stream(
    corpus: Corpus,
    table: _Table,
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
        if len(buffer) >= _BLOCK:
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


def _read_text(
    corpus: Corpus,
    limits: _Limits,
    lowercase: bool,
    memmap: str | os.PathLike[str] | None,
) -> tuple[IdArray, WordVocabulary]:
    specials = limits.specials
    table = _Growing(specials, lowercase)
    counts = _Counts()
    eos_token = specials[1] if len(specials) > 1 else None

    def final() -> tuple[WordVocabulary, IdArray]:
        words, numbers, new_ids = _select(list(table.ids), counts.total(len(table.ids)), limits)
        vocabulary = WordVocabulary(
            words, numbers, unk_token=specials[0], eos_token=eos_token, lowercase=lowercase
        )
        return vocabulary, new_ids

    if memmap is None:
        blocks: list[IdArray] = []

        def keep(ids: IdArray) -> None:
            counts(ids)
            blocks.append(ids)

        _stream(corpus, table, eos_token, keep)
        vocabulary, new_ids = final()
        return new_ids[np.concatenate(blocks)], vocabulary
    with _IdFile(memmap) as file:

        def write(ids: IdArray) -> None:
            counts(ids)
            file(ids)

        _stream(corpus, table, eos_token, write)
        vocabulary, new_ids = final()
        file.replace(new_ids)
    return file.open(), vocabulary


def _select(
    words: list[str], counts: NDArray[np.int64], limits: _Limits
) -> tuple[list[str], NDArray[np.int64], IdArray]:
    """Words to keep with their counts, and the new id of each provisional one."""
    tokens = int(counts.sum())
    if tokens == 0:
        raise ValueError("corpus is empty: it holds no token")
    min_count = limits.min_count
    if min_count is None:
        min_count = AUTO_MIN_COUNT if tokens >= AUTO_MIN_COUNT_TOKENS else 1
    fixed = len(limits.specials)
    kept = [i for i in range(fixed, len(words)) if counts[i] >= min_count]
    kept.sort(key=lambda i: (-counts[i], words[i]))
    if limits.max_vocab is not None:
        kept = kept[: limits.max_vocab - fixed]
    kept = [*range(fixed), *kept]
    new_ids = np.zeros(len(words), np.int32)
    new_ids[kept] = np.arange(len(kept))
    total = np.bincount(new_ids, weights=counts, minlength=len(kept)).astype(np.int64)
    return [words[i] for i in kept], total, new_ids


class _Limits(NamedTuple):
    min_count: int | None
    max_vocab: int | None
    specials: list[str]


def _check_specials(unk_token: str, eos_token: str | None) -> list[str]:
    specials = [unk_token] if eos_token is None else [unk_token, eos_token]
    for name, token in zip(("unk_token", "eos_token"), specials, strict=False):
        if not isinstance(token, str):
            raise TypeError(f"{name} must be a string, got {type(token).__name__}")
        if token.split() != [token]:
            raise ValueError(f"{name} must be one token without white space, got {token!r}")
    if unk_token == eos_token:
        raise ValueError(f"unk_token and eos_token must differ, both are {unk_token!r}")
    return specials


def _check_limits(
    min_count: int | None, max_vocab: int | None, unk_token: str, eos_token: str | None
) -> _Limits:
    specials = _check_specials(unk_token, eos_token)
    for name, value, least in (
        ("min_count", min_count, 1),
        ("max_vocab", max_vocab, len(specials) + 1),
    ):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name} must be an integer or None, got {type(value).__name__}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    return _Limits(min_count, max_vocab, specials)


def _as_ids(corpus: Any, name: str = "corpus") -> NDArray[np.integer[Any]] | None:
    """``corpus`` as a 1-D integer array if it is numbers, None if it is text."""
    if isinstance(corpus, (list, tuple)):
        first = corpus[0] if corpus else None
        if not isinstance(first, (bool, int, float, np.number, np.bool_)):
            return None
        given = np.asarray(corpus)
    elif hasattr(corpus, "__array__") or isinstance(corpus, (array, memoryview)):
        given = np.asanyarray(corpus)
    else:
        return None
    if given.dtype.kind in "OUT":
        return None
    if given.size == 0 and given.ndim == 1:
        return np.zeros(0, np.int32)
    _check_id_dtype(given, name)
    if given.ndim != 1:
        raise ValueError(f"{name} must be a 1-D array of ids, got shape {given.shape}")
    return given


def _check_id_dtype(ids: NDArray[Any], name: str) -> None:
    if ids.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integer ids, got dtype {ids.dtype}")


def _check_range(ids: NDArray[np.integer[Any]], size: int, name: str) -> NDArray[np.integer[Any]]:
    if ids.size:
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= size:
            raise IndexError(
                f"{name}: id {low if low < 0 else high} is outside the vocabulary 0 .. {size - 1}"
            )
    return ids


def _size_of(ids: NDArray[np.integer[Any]], name: str) -> int:
    _not_empty(ids, name)
    low = int(ids.min())
    if low < 0:
        raise ValueError(f"{name}: ids must not be negative, got {low}")
    return int(ids.max()) + 1


def _valid_size(valid: Corpus | None) -> int:
    ids = None if valid is None else _as_ids(valid, "valid")
    return 1 if ids is None else _size_of(ids, "valid")


def _not_empty(ids: Any, name: str) -> Any:
    if ids.size == 0:
        raise ValueError(f"{name} is empty: it holds no token")
    return ids
