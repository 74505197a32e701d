"""Which words and n-grams of a text have which rows of the table."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import NamedTuple

from pyffnn.models.explain.explanation import Entry
from pyffnn.text.featurizer import Featurizer

__all__ = ["Places", "find_places", "words_of"]

_WORD = re.compile(r"\S+")


class Places(NamedTuple):
    """Entries of a text, with the rows of each, which may stand there twice."""

    entries: list[Entry]
    rows: list[list[int]]


def words_of(
    features: Featurizer, text: str
) -> tuple[list[str], list[tuple[int, int] | None], list[str]]:
    """The words of a text as they stand there, where they stand, and as the featurizer is to be given them."""
    most = features.max_tokens
    if features.tokenizer is None:
        found = list(_WORD.finditer(text))[:most]
        words = [match.group() for match in found]
        return words, [match.span() for match in found], words
    tokens = [str(token) for token in next(iter(features.tokens([text])))][:most]
    spans: list[tuple[int, int] | None] = []
    at, small = 0, text.lower()
    for token in tokens:
        plain = token.lstrip("▁Ġ#").lower() or token.lower()
        begin = small.find(plain, at) if len(small) == len(text) else -1
        spans.append(None if begin < 0 else (begin, begin + len(plain)))
        at = at if begin < 0 else begin + len(plain)
    return tokens, spans, tokens


def find_places(features: Featurizer, words: list[str]) -> Places:
    """The rows of a bag of words and n-grams.

    What a run of words has, and neither of the runs without its first or its last word, is its
    n-gram; so this knows nothing of how rows are given to n-grams.
    """
    longest = min(features.word_ngrams, len(words))
    starts = [(i, i + n) for n in range(1, longest + 1) for i in range(len(words) - n + 1)]
    corpus = features.encode_tokens([*(words[i:j] for i, j in starts), words])
    bags = corpus.bags()
    ids, ends = bags.ids.tolist(), bags.offsets.tolist()
    parts = [ids[a:b] for a, b in itertools.pairwise(ends)]
    rows = {run: Counter(part) for run, part in zip(starts, parts, strict=False)}
    left = Counter(parts[-1])
    known = features.num_words
    word_ids = corpus.core.ids[: len(words)]
    entries: list[Entry] = []
    owned: list[list[int]] = []

    def add(entry: Entry, own: list[int]) -> None:
        own = [row for row in own if left[row] > 0]
        if own:
            entries.append(entry)
            owned.append(own)
            left.subtract(own)

    nothing: Counter[int] = Counter()
    for i, word in enumerate(words):
        own = parts[i]
        is_known = 0 <= word_ids[i] < known
        if is_known:
            add(Entry(word, "word", (i, i + 1)), own[:1])
            own = own[1:]
        add(Entry(f"{word} (characters)", "characters", (i, i + 1)), own)
        for n in range(2, longest + 1):
            j = i + n
            if j > len(words):
                break
            inner = rows.get((i + 1, j - 1), nothing) if n > 2 else nothing
            gram = rows[i, j].copy()
            gram.subtract(rows[i, j - 1])
            gram.subtract(rows[i + 1, j])
            gram.update(inner)
            add(Entry(" ".join(words[i:j]), "n-gram", (i, j)), list((+gram).elements()))
    rest = list((+left).elements())
    if rest:
        entries.append(Entry("(other n-grams)", "n-gram"))
        owned.append(rest)
    return Places(entries, owned)
