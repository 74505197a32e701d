r"""N-gram models in the ARPA form: text with a log10 probability and a back-off weight an n-gram.

    \data\
    ngram 1=3
    ngram 2=2

    \1-grams:
    -0.5	the	-0.3
    ...
    \end\

The probability of a word after a context is that of the longest n-gram listed, times the back-off weights of the longer
contexts. An interpolated model is one of these: its n-grams have their interpolated probabilities, its contexts the mass that
was set free. Read, ``p = alpha + gamma * p(shorter)`` is made of it again, with ``alpha = p - gamma * p(shorter)``.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import IdVocabulary, Vocabulary, WordVocabulary
from pyffnn.formats.model_file import PathLike, write_atomic
from pyffnn.models.ngram.counted import Counted
from pyffnn.models.ngram.smoothing import Level
from pyffnn.models.ngram.trie import NgramTrie, Nodes

__all__ = ["MAX_ORDER", "read", "write"]

MAX_ORDER = 7
BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
_NEVER = -99.0  # stands for a probability of 0
_UNKNOWN_LOG10 = -100.0  # of unknown words where a file has no <unk>, as in KenLM


# Writing ----------------------------------------------------------------------------------------


def write(counted: Counted, path: PathLike) -> None:
    """Write a model; `KneserNeyLM.to_arpa` says how."""
    words = _names(counted.vocabulary)
    parts = (line.encode() for line in _lines(counted, words))
    write_atomic(path, _compressed(parts) if _is_gzip(path) else parts)


def _names(vocabulary: Vocabulary) -> list[str]:
    if isinstance(vocabulary, IdVocabulary):
        return [str(i) for i in range(len(vocabulary))]
    names = list(vocabulary.words)
    special = {vocabulary.unk_id: UNKNOWN}
    if vocabulary.eos_id is not None:
        special[vocabulary.eos_id] = END
        if BEGIN in names:
            raise ValueError(
                f"the vocabulary has the word {BEGIN!r}, which an ARPA file needs for the sentence's beginning"
            )
    for at, name in special.items():
        if name in names and names.index(name) != at:
            raise ValueError(
                f"the vocabulary has the word {name!r}, the name that an ARPA file has for {names[at]!r}"
            )
        names[at] = name
    for name in names:
        if name.encode(errors="surrogatepass").split() != [name.encode(errors="surrogatepass")]:
            raise ValueError(f"the word {name!r} cannot stand in an ARPA file: it has white space")
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"the word {name!r} cannot stand in an ARPA file: it is no UTF-8"
            ) from None
    return names


def _lines(counted: Counted, words: list[str]) -> Iterator[str]:
    order, mark = counted.trie.order, counted.vocabulary.eos_id
    tables = list(counted.trie.rows())
    begins = [_begins(rows, mark) for rows in tables]
    yield "\\data\\\n"
    for k, (rows, first) in enumerate(zip(tables, begins, strict=True), 1):
        yield f"ngram {k}={len(rows) + first.size}\n"
    for k, (rows, first) in enumerate(zip(tables, begins, strict=True), 1):
        yield f"\n\\{k}-grams:\n"
        p = _log10(counted.of_rows(rows))
        weights = _log10(counted.levels[k].gamma[:-1]) if k < order else None
        for at in range(0, len(rows), 1 << 14):
            part = slice(at, at + (1 << 14))
            texts = [" ".join([words[i] for i in row]) for row in rows[part].tolist()]
            yield "".join(_entries(texts, p[part], None if weights is None else weights[part]))
        if first.size:
            texts = [" ".join([BEGIN, *(words[i] for i in r[1:])]) for r in rows[first].tolist()]
            shown = np.full(1, _NEVER) if k == 1 else p[first]
            yield "".join(_entries(texts, shown, None if weights is None else weights[first]))
    yield "\n\\end\\\n"


def _begins(rows: Nodes, mark: int | None) -> NDArray[np.intp]:
    """Which n-grams begin with the end-of-sentence token and do not reach across another one."""
    if mark is None:
        return np.zeros(0, np.intp)
    return np.flatnonzero((rows[:, 0] == mark) & (rows[:, 1:-1] != mark).all(axis=1))


def _entries(
    texts: list[str], p: NDArray[np.float64], weights: NDArray[np.float64] | None
) -> Iterator[str]:
    if weights is None:
        return (f"{a:.10g}\t{t}\n" for a, t in zip(p.tolist(), texts, strict=True))
    return (
        f"{a:.10g}\t{t}\t{b:.10g}\n"
        for a, t, b in zip(p.tolist(), texts, weights.tolist(), strict=True)
    )


def _log10(p: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        out: NDArray[np.float64] = np.maximum(np.log10(p), _NEVER)
    return out + 0.0  # no -0


def _is_gzip(path: PathLike) -> bool:
    return Path(path).suffix == ".gz"


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    pack = zlib.compressobj(6, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for part in parts:
        yield pack.compress(part)
    yield pack.flush()


# Reading ----------------------------------------------------------------------------------------


class _Table(NamedTuple):
    """The n-grams of one length: ids (number, k), probabilities and back-off weights (number,), log10."""

    rows: Nodes
    p: NDArray[np.float64]
    weight: NDArray[np.float64]


def read(path: PathLike) -> Counted:
    """The model in a file; ValueError for what is none."""
    with open(path, "rb") as plain:  # a missing file is an OSError in Python's words
        packed = plain.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            words, tables = _Reader(file, os.fspath(path)).tables()
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{os.fspath(path)!r} is damaged: {error}") from None
    words, tables, vocabulary = _named(words, tables)
    tables = _with_prefixes(tables)
    return _counted(tables, vocabulary)


class _Reader:
    """Goes through the lines of a file."""

    def __init__(self, file: Any, path: str) -> None:
        self._lines = iter(file)
        self._path = path
        self._number = 0
        self._ids: dict[bytes, int] = {}

    def tables(self) -> tuple[list[str], list[_Table]]:
        if self._next() != [b"\\data\\"]:
            self._fail("an ARPA file begins with \\data\\")
        counts: list[int] = []
        line = self._next()
        while line and line[0] == b"ngram":
            counts.append(self._count(line, len(counts) + 1))
            line = self._next()
        if not counts:
            self._fail("there is no line 'ngram 1=NUMBER'")
        if len(counts) > MAX_ORDER:
            self._fail(f"order {len(counts)}, the most is {MAX_ORDER}")
        tables = []
        for k, count in enumerate(counts, 1):
            if line != [f"\\{k}-grams:".encode()]:
                self._fail(f"\\{k}-grams: was expected")
            table, line = self._table(k, count, len(counts))
            tables.append(table)
        if line != [b"\\end\\"]:
            self._fail("\\end\\ was expected")
        return self._words(), tables

    def _next(self) -> list[bytes]:
        """Fields of the next line that has some; empty at the end."""
        for line in self._lines:
            self._number += 1
            fields: list[bytes] = line.split()
            if fields:
                return fields
        return []

    def _count(self, line: list[bytes], k: int) -> int:
        name, _, number = b"".join(line[1:]).partition(b"=")
        if name != str(k).encode() or not number.isdigit():
            self._fail(f"'ngram {k}=NUMBER' was expected")
        return int(number)

    def _table(self, k: int, count: int, order: int) -> tuple[_Table, list[bytes]]:
        rows: list[int] = []
        p, weights = [], []
        ids = self._ids
        while True:
            line = self._next()
            if not line or (line[0].startswith(b"\\") and len(line) == 1):
                break
            if len(line) not in (k + 1, k + 2):
                self._fail(f"a {k}-gram with its log10 probability was expected")
            try:
                p.append(float(line[0]))
                weights.append(float(line[k + 1]) if len(line) == k + 2 else 0.0)
            except ValueError:
                self._fail(f"a {k}-gram between two numbers was expected")
            if not (p[-1] <= 1e-6 and weights[-1] < 1e3):  # false for NaN
                self._fail("a log10 probability is at most 0, a weight a number")
            if k == 1:
                if line[1] in ids:
                    self._fail(f"{line[1].decode(errors='replace')!r} stands there twice")
                rows.append(ids.setdefault(line[1], len(ids)))
                continue
            try:
                rows.extend([ids[word] for word in line[1 : k + 1]])
            except KeyError as error:
                self._fail(f"{error.args[0].decode(errors='replace')!r} is none of the 1-grams")
        if len(p) != count:
            self._fail(f"{count} {k}-grams were promised, {len(p)} are there")
        table = _Table(
            np.array(rows, np.int64).reshape(len(p), k),
            np.minimum(np.array(p, np.float64), 0.0),
            np.array(weights, np.float64),
        )
        return table, line

    def _words(self) -> list[str]:
        try:
            words = [word.decode() for word in self._ids]
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{self._path!r} is no ARPA file: a word is no UTF-8: {error}"
            ) from None
        if not words:
            raise ValueError(f"{self._path!r} is no ARPA file: it has no word")
        return words

    def _fail(self, what: str) -> None:
        raise ValueError(f"{self._path!r} is no ARPA file, or damaged: line {self._number}: {what}")


def _named(words: list[str], tables: list[_Table]) -> tuple[list[str], list[_Table], Vocabulary]:
    """The vocabulary, and the tables with its ids: the marks of a sentence become one token."""
    eos = None
    if BEGIN in words and END in words:
        begin, end = words.index(BEGIN), words.index(END)
        if _is_a_beginning(begin, tables):
            eos = END
            keep = [i for i in range(len(words)) if i != begin]
            new = np.zeros(len(words), np.int64)
            new[keep] = np.arange(len(keep))
            new[begin] = new[end]
            tables = [_merged(table, new, begin, end) for table in tables]
            words = [words[i] for i in keep]
    if UNKNOWN not in words:
        if words == [str(i) for i in range(len(words))]:
            return words, tables, IdVocabulary(len(words))
        words = [UNKNOWN, *words]
        first = tables[0]
        tables = [table._replace(rows=table.rows + 1) for table in tables]
        tables[0] = _Table(
            np.concatenate([np.zeros((1, 1), np.int64), first.rows + 1]),
            np.append(_UNKNOWN_LOG10, first.p),
            np.append(0.0, first.weight),
        )
    return words, tables, WordVocabulary(words, eos_token=eos)


def _is_a_beginning(begin: int, tables: list[_Table]) -> bool:
    """Whether ``<s>`` is never predicted, and stands first alone."""
    p = tables[0].p[begin]
    return bool(p <= -90 or p == 0) and not any(
        (table.rows[:, 1:] == begin).any() for table in tables[1:]
    )


def _merged(table: _Table, new: Nodes, begin: int, end: int) -> _Table:
    """``<s>`` and ``</s>`` as one: as a context it is the former, as what is predicted the latter."""
    rows, p, weight = table
    k = rows.shape[1]
    if k == 1:
        weight = weight.copy()
        weight[end] = weight[begin]
        keep = np.arange(len(rows)) != begin
    else:
        # n-grams after <s> stand before those after </s>, which say the same or nothing that is ever asked
        order = np.argsort(rows[:, 0] != begin, kind="stable")
        rows, p, weight = rows[order], p[order], weight[order]
        _, first = np.unique(_keys(new[rows], int(new.max()) + 1), return_index=True)
        twice = np.ones(len(rows), bool)
        twice[first] = False
        keep = ~(twice & (rows[:, 0] == end))
    return _Table(new[rows][keep], p[keep], weight[keep])


def _keys(rows: Nodes, size: int) -> Any:
    """One sortable value a row."""
    if size ** rows.shape[1] < 2**63:
        return rows @ (size ** np.arange(rows.shape[1] - 1, -1, -1, dtype=np.int64))
    big = np.ascontiguousarray(rows.astype(">i8"))
    return big.view(np.dtype((np.void, 8 * rows.shape[1]))).ravel()


def _with_prefixes(tables: list[_Table]) -> list[_Table]:
    """The tables with n-grams that only longer ones begin with: pruned files leave some out."""
    tables = list(tables)
    size = len(tables[0].p)
    for k in range(len(tables) - 1, 1, -1):
        rows, p, weight = tables[k - 1]
        prefixes = tables[k].rows[:, :k]
        missing = prefixes[~np.isin(_keys(prefixes, size), _keys(rows, size))]
        if len(missing):
            missing = np.unique(missing, axis=0)
            nothing = np.full(len(missing), np.nan)  # the probability follows from shorter ones
            tables[k - 1] = _Table(
                np.append(rows, missing, axis=0),
                np.append(p, nothing),
                np.append(weight, np.zeros(len(missing))),
            )
    return tables


def _counted(tables: list[_Table], vocabulary: Vocabulary) -> Counted:
    """The model, level by level: the probabilities of each need those below."""
    size, order = len(vocabulary), len(tables)
    counted = Counted(
        trie=NgramTrie(size, []),
        levels=(),
        discounts=np.full((order, 3), np.nan),
        counts_of_counts=np.zeros((order, 4), np.int64),
        num_tokens=0,
        vocabulary=vocabulary,
        valid=None,
        valid_perplexity=None,
    )
    weights = np.zeros(1)  # of no context: unigrams are not interpolated
    for k, (rows, log10_p, log10_weight) in enumerate(tables, 1):
        contexts = counted.trie.walk(rows[:, :-1]) if k > 1 else np.zeros(size, np.int64)
        keys = contexts * size + rows[:, -1]
        sort = np.argsort(keys, kind="stable")
        keys, rows, contexts = keys[sort], rows[sort], contexts[sort]
        if (np.diff(keys) == 0).any():
            at = int(np.argmin(np.diff(keys)))
            raise ValueError(f"the ARPA file has an n-gram twice: {vocabulary.decode(rows[at])}")
        p = 10.0 ** log10_p[sort]
        gamma = np.append(weights, 1.0)
        if k > 1:
            below = gamma[contexts] * counted.of_rows(rows[:, 1:])
            p = np.where(np.isnan(p), below, p) - below
        counted = replace(
            counted,
            trie=NgramTrie(size, [*counted.trie.keys, keys]),
            levels=(*counted.levels, Level(np.append(p, 0.0), gamma)),
        )
        weights = 10.0 ** log10_weight[sort]
    return counted
