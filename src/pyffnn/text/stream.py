"""Language models' text: a vocabulary, and one stream of word ids.

Every language model of the package reads its data here, so that perplexities can be compared.
Text is one of

* a path (``str`` or ``os.PathLike``): UTF-8 text, one sentence a line, tokens parted by white
  space; packed by gzip or Zstandard or not; of .csv, .tsv, .jsonl and .parquet the lines of the
  texts in their column (`pyffnn.text.tables`); blank lines are no sentences; it is read
  once, so a pipe will do;
* an iterable of token lists (``[["the", "dog"], ["it", "barks"]]``); it is gone through once;
* a 1-D integer array: token ids, taken as they are.

Sentences are put end to end in one stream, as in Bengio et al. (2003, section 4): a model sees the
words before a sentence as context. With ``eos_token`` an end-of-sentence token follows every
sentence, in the context and among the predicted tokens alike; without it (the default) sentence
ends leave no mark. A word outside the vocabulary is the token ``unk_token``, which is predicted
and counted like any other. The words are cut and counted in C++ (``src/cpp/text/stream.h``).
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn
from pyffnn.text.id_file import BLOCK, IdFile, replace_ids
from pyffnn.text.labelled import TABLES, read_texts
from pyffnn.text.opened import Opened, is_packed, not_opened, suffix_of
from pyffnn.text.vocabulary import (
    IdArray,
    IdVocabulary,
    Vocabulary,
    VocabularyLike,
    WordVocabulary,
    as_vocabulary,
    check_id_dtype,
    check_range,
    check_specials,
)

StreamSource: TypeAlias = (
    str | os.PathLike[str] | Iterable[Sequence[str]] | NDArray[np.integer[Any]]
)
Tokens: TypeAlias = str | Sequence[str] | Sequence[int] | NDArray[Any]

AUTO_MIN_COUNT = 4
"""``min_count=None`` keeps words seen at least this often (more than 3 times: Bengio et al.) ..."""
AUTO_MIN_COUNT_TOKENS = 100_000
"""... in a corpus of at least this many tokens; in a smaller one it keeps every word."""


class CorpusIds(NamedTuple):
    """What `read_corpus` returns; ``ids`` and ``valid`` are 1-D int32 (perhaps memory-mapped)."""

    ids: IdArray
    valid: IdArray | None
    vocabulary: Vocabulary


def read_corpus(
    corpus: StreamSource,
    *,
    valid: StreamSource | None = None,
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
        As in `build_vocabulary`; they concern text and leave ids as they are.
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
    corpus: StreamSource,
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
        checked = check_range(given, len(vocabulary), name)
        if memmap is None:
            return checked.astype(np.int32, copy=False)
        with IdFile(memmap) as file:
            for start in range(0, checked.size, BLOCK):
                file(checked[start : start + BLOCK].astype(np.int32))
        return file.open()
    if isinstance(corpus, (list, tuple)) and not corpus:
        return np.zeros(0, np.int32)
    if isinstance(vocabulary, IdVocabulary):
        raise TypeError(f"the vocabulary is one of ids, so {name} must be a 1-D integer array")
    if memmap is None:
        return _whole(corpus, vocabulary.core, name)
    with IdFile(memmap) as file:
        _read(corpus, vocabulary.core, name, BLOCK, file)
    return file.open()


def encode_tokens(tokens: Tokens, vocabulary: Vocabulary, *, name: str = "tokens") -> IdArray:
    """Ids of one run of tokens: words, a string of words parted by white space, or ids.

    Nothing is added: no end-of-sentence token. Returns int32, shape (number of tokens,).

    Raises TypeError for what is none of these, ValueError for an unknown word that is empty or has white space in it
    (a sentence in a list of words), IndexError for an id outside the vocabulary.
    """
    if isinstance(tokens, str):
        tokens = tokens.split()
    given = _as_ids(tokens, name)
    if given is not None:
        return check_range(given, len(vocabulary), name).astype(np.int32, copy=False)
    if isinstance(tokens, (bytes, bytearray, Mapping)) or not isinstance(tokens, Iterable):
        raise TypeError(
            f"{name} must be words, a string of words or integer ids, got {type(tokens).__name__}"
        )
    words = list(tokens)
    if not words:
        return np.zeros(0, np.int32)
    if isinstance(vocabulary, IdVocabulary):
        raise TypeError(f"the vocabulary is one of ids, so {name} must be integers")
    ids = vocabulary.core.encode(words, name)
    for i in np.flatnonzero(ids == vocabulary.unk_id).tolist():
        word = words[i]
        if word.split() != [word] and word not in vocabulary:
            raise ValueError(
                f"{name} is a list of strings, so each is a word, got {word!r}: split sentences into words"
            )
    return ids


def build_vocabulary(
    *corpora: StreamSource,
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
    core = _pyffnn.TextStream(unk_token, eos_token, bool(lowercase))
    core.add_words(limits.specials)
    for corpus in corpora:
        if _as_ids(corpus) is not None:
            raise TypeError("a corpus of ids has no words to build a vocabulary from")
        _read(corpus, core, "corpus", BLOCK, lambda ids: None)
    return _choose(core, limits, lowercase)[0]


def is_ids(corpus: Any, name: str = "corpus") -> bool:
    """Whether a corpus or a run of tokens consists of ids; TypeError for other numbers."""
    return _as_ids(corpus, name) is not None


def _read_text(
    corpus: StreamSource,
    limits: _Limits,
    lowercase: bool,
    memmap: str | os.PathLike[str] | None,
) -> tuple[IdArray, WordVocabulary]:
    core = _pyffnn.TextStream(limits.specials[0], limits.eos_token, bool(lowercase))
    core.add_words(limits.specials)
    if memmap is None:
        ids = _whole(corpus, core, "corpus")
        vocabulary, new_ids = _choose(core, limits, lowercase)
        replace_ids(ids, new_ids)
        return ids, vocabulary
    with IdFile(memmap) as file:
        _read(corpus, core, "corpus", BLOCK, file)
        vocabulary, new_ids = _choose(core, limits, lowercase)
        file.replace(new_ids)
    return file.open(), vocabulary


def _read(
    corpus: Any,
    core: _pyffnn.TextStream,
    name: str,
    block: int,
    sink: Callable[[IdArray], object],
) -> None:
    """Send the ids of text to ``sink``, ``block`` and more at a time, or all at once for 0."""
    if not isinstance(corpus, (str, os.PathLike)):
        core.read_sentences(corpus, name, block, sink)
        return
    path = os.fspath(corpus)
    if suffix_of(path) in TABLES:
        texts = read_texts(path)
        lines = (line.split() for text in texts for line in text.splitlines() if line.strip())
        core.read_sentences(lines, name, block, sink)
    elif not is_packed(path):
        try:
            core.read_file(path, path, block, sink)
        except OSError as error:
            raise not_opened(error, path) from None
    else:
        with Opened(path) as file:
            core.read_file(file, path, block, sink)


def _whole(corpus: Any, core: _pyffnn.TextStream, name: str) -> IdArray:
    blocks: list[IdArray] = []
    _read(corpus, core, name, 0, blocks.append)
    return blocks[0] if blocks else np.zeros(0, np.int32)


def _choose(
    core: _pyffnn.TextStream, limits: _Limits, lowercase: bool
) -> tuple[WordVocabulary, IdArray]:
    """The words to keep, and the new id of each provisional one."""
    tokens = core.tokens
    if tokens == 0:
        raise ValueError("corpus is empty: it holds no token")
    min_count = limits.min_count
    if min_count is None:
        min_count = AUTO_MIN_COUNT if tokens >= AUTO_MIN_COUNT_TOKENS else 1
    words, counts, new_ids = core.choose(min_count, limits.max_vocab or 0)
    vocabulary = WordVocabulary(
        words,
        counts,
        unk_token=limits.specials[0],
        eos_token=limits.eos_token,
        lowercase=lowercase,
    )
    return vocabulary, new_ids


class _Limits(NamedTuple):
    min_count: int | None
    max_vocab: int | None
    specials: list[str]

    @property
    def eos_token(self) -> str | None:
        return self.specials[1] if len(self.specials) > 1 else None


def _check_limits(
    min_count: int | None, max_vocab: int | None, unk_token: str, eos_token: str | None
) -> _Limits:
    specials = check_specials(unk_token, eos_token)
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
    check_id_dtype(given, name)
    if given.ndim != 1:
        raise ValueError(f"{name} must be a 1-D array of ids, got shape {given.shape}")
    return given


def _size_of(ids: NDArray[np.integer[Any]], name: str) -> int:
    _not_empty(ids, name)
    low = int(ids.min())
    if low < 0:
        raise ValueError(f"{name}: ids must not be negative, got {low}")
    return int(ids.max()) + 1


def _valid_size(valid: StreamSource | None) -> int:
    ids = None if valid is None else _as_ids(valid, "valid")
    return 1 if ids is None else _size_of(ids, "valid")


def _not_empty(ids: Any, name: str) -> Any:
    if ids.size == 0:
        raise ValueError(f"{name} is empty: it holds no token")
    return ids
