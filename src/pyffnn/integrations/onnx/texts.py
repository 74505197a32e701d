"""Raw text to ids by the standard operators for strings.

They can cut at white space, lower-case, and look words and runs of words up; they cannot take a word apart or hash it.
"""

from __future__ import annotations

import numpy as np

from pyffnn.corpus import Vocabulary, WordVocabulary
from pyffnn.integrations.onnx.graph import Graph, lookup
from pyffnn.text.featurizer import Featurizer

__all__ = ["context_ids", "obstacle", "sequence_ids", "text_rows"]

# Of C.UTF-8 every Linux has it; the operator's default is missing in many containers.
_LOCALE = "C.UTF-8"
# What `str.split` cuts at, beside the blank.
_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


def obstacle(featurizer: Featurizer) -> str | None:
    """Why the ids of a text cannot be found by standard operators; None where they can."""
    if featurizer.tokenizer is not None:
        return "it has a tokenizer of its own"
    if featurizer.char_ngrams is not None:
        return "it has character n-grams, and no operator takes words apart"
    if featurizer.buckets is not None and featurizer.word_ngrams > 1:
        return "its n-grams share rows by a hash, which no operator has"
    return None


def text_rows(g: Graph, texts: str, featurizer: Featurizer) -> str:
    """The rows of the words and word n-grams of texts [n], [n, any length], -1 where there is none."""
    words = _words(g, texts, featurizer.lowercase)
    if featurizer.max_tokens is not None:
        words = g.cut(words, 0, featurizer.max_tokens)
    names, rows = featurizer.words()
    parts = [lookup(g, words, names, rows.tolist(), -1)]
    for order, (grams, gram_rows) in enumerate(_grams(featurizer), 2):
        run = g.cut(words, 0, 1 - order)
        for i in range(1, order):
            end = 1 - order + i
            run = g("StringConcat", run, g.constant(np.array(" "), "space"))
            run = g("StringConcat", run, g.cut(words, i, end if end < 0 else None))
        if grams:
            parts.append(lookup(g, run, grams, gram_rows, -1))
    return parts[0] if len(parts) == 1 else g("Concat", *parts, axis=1)


def sequence_ids(g: Graph, texts: str, featurizer: Featurizer) -> str:
    """The rows of the words of texts [n] in their places, [n, any length], -1 for an unknown one and behind the last."""
    names, rows = featurizer.words()
    return lookup(g, _words(g, texts, featurizer.lowercase), names, rows.tolist(), -1)


def context_ids(g: Graph, texts: str, vocabulary: Vocabulary, reach: int) -> str:
    """The ids of the last words of texts [n], [n, reach], -1 before the first."""
    assert isinstance(vocabulary, WordVocabulary)
    words = _words(g, texts, vocabulary.lowercase)
    known = {word: i for i, word in enumerate(vocabulary.words)}
    if vocabulary.lowercase:
        # special tokens may hold capitals, which are gone by now
        known = {word.lower(): i for word, i in reversed(known.items())}
    known[""] = -1
    ids = lookup(g, words, known, known.values(), vocabulary.unk_id)
    there = g.cast(g("Not", g("Equal", words, g.constant(np.array(""), "nothing"))), "INT64")
    count = g("ReduceSum", there, g.integers(1), keepdims=1)
    place = g("Add", count, g.constant(np.arange(-reach, 0)))
    zero = g.constant(np.int64(0), "zero")
    last = g("GatherElements", g.fill(ids, 0, 1), g("Max", place, zero), axis=1)
    missing = g.constant(np.array(-1, np.int64), "missing")
    return g("Where", g("Less", place, zero), missing, last)


def _words(g: Graph, texts: str, lowercase: bool) -> str:
    """[n, most words], with "" behind the last one."""
    if lowercase:
        texts = g(
            "StringNormalizer",
            texts,
            case_change_action="LOWER",
            is_case_sensitive=1,
            locale=_LOCALE,
        )
    words, _ = g.several("StringSplit", 2, texts)
    # onnxruntime cuts at blanks alone where no delimiter is named
    for space in _SPACES:
        pieces, _ = g.several("StringSplit", 2, words, delimiter=space)
        words = g("Flatten", pieces, axis=1)
    # what was cut leaves gaps, which go behind
    there = g("Not", g("Equal", words, g.constant(np.array(""), "nothing")))
    size = g("Shape", words, start=1, end=2)
    place = g("CumSum", g("Expand", g.integers(1), size), g.constant(np.int64(0), "zero"))
    behind = g("Add", place, size)
    key = g("Where", there, place, behind)
    _, order = g.several("TopK", 2, key, size, axis=1, largest=0, sorted=1)
    return g("GatherElements", words, order, axis=1)


def _grams(featurizer: Featurizer) -> list[tuple[list[str], list[int]]]:
    """Word n-grams with rows of their own, by order from 2 on, and those rows."""
    if featurizer.word_ngrams < 2:
        return []
    state = featurizer.state()
    words = featurizer.vocabulary
    keys, found, begin = state["gram_keys"], [], 0
    prefixes: list[list[str]] = [[word] for word in words]
    for size in state["gram_sizes"].tolist():
        part = keys[begin : begin + size]
        begin += size
        first, last = (part >> np.uint64(32)).tolist(), (part & np.uint64(0xFFFFFFFF)).tolist()
        grams = [[*prefixes[a], words[b]] for a, b in zip(first, last, strict=True)]
        # the whole of a run of words comes last among its rows
        ids, offsets = featurizer.encode_tokens(grams).bags()
        found.append(([" ".join(gram) for gram in grams], ids[offsets[1:] - 1].tolist()))
        prefixes = grams
    return found
