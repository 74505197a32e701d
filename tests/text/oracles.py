"""The text path in plain Python, straight from its documentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

MASK = (1 << 64) - 1
A, B, C = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F


def fold(a: int, b: int) -> int:
    product = a * b
    return (product & MASK) ^ (product >> 64)


def word_hash(word: bytes) -> int:
    """The hash that character n-grams share rows by (src/cpp/text/hash.h)."""
    n = len(word)
    if n <= 15:
        both = int.from_bytes(word, "little") | (n + 1) << 120
        lo, hi = both & MASK, both >> 64
    else:

        def at(i: int) -> int:
            return int.from_bytes(word[i : i + 8], "little")

        h = n * A & MASK
        for i in range(0, n - 16, 16):
            h = fold(at(i) ^ h, at(i + 8) ^ B)
        lo, hi = fold(at(n - 16) ^ h ^ C, at(n - 8) ^ B), 255 << 56 | n
    return fold(lo ^ A, hi ^ B)


def char_grams(word: str, low: int, high: int) -> list[str]:
    marked = f"<{word}>"
    grams = []
    for i in range(len(marked)):
        for n in range(low, high + 1):
            if i + n > len(marked):
                break
            if n == 1 and (i == 0 or i + n == len(marked)):
                continue
            grams.append(marked[i : i + n])
    return grams


class Oracle:
    """Vocabulary, rows and bags of documents given as token lists."""

    def __init__(
        self,
        documents: Sequence[Sequence[str]],
        *,
        word_ngrams: int = 1,
        char_ngrams: tuple[int, int] | None = None,
        buckets: int | None = None,
        min_count: int = 1,
        ngram_min_count: int = 2,
    ) -> None:
        self.options = {
            "word_ngrams": word_ngrams,
            "char_ngrams": char_ngrams,
            "buckets": buckets,
            "min_count": min_count,
            "ngram_min_count": ngram_min_count,
        }
        self.word_ngrams, self.char_ngrams, self.buckets = word_ngrams, char_ngrams, buckets
        counts = Counter(w for d in documents for w in d)
        words = sorted(counts, key=lambda w: -counts[w])  # stable: first met, first
        self.words = [w for w in words if counts[w] >= min_count]
        self.counts = [counts[w] for w in self.words]
        self.ids = {w: i for i, w in enumerate(self.words)}
        self.word_rows = dict(self.ids)
        self.first_bucket = len(self.words)
        self.rows: dict[object, int] = {}
        self.num_rows = len(self.words)
        if buckets is not None:
            if word_ngrams > 1 or char_ngrams:
                self.num_rows += buckets
            return
        for order in range(2, word_ngrams + 1):
            grams = Counter(
                gram
                for d in documents
                for gram in (tuple(d[i : i + order]) for i in range(len(d) - order + 1))
                if all(w in self.ids for w in gram)
            )
            self._add([g for g, c in grams.items() if c >= ngram_min_count])
        if char_ngrams:
            chars = Counter(g for d in documents for w in d for g in char_grams(w, *char_ngrams))
            # by falling count, then by first appearance among the words in vocabulary order
            met = dict.fromkeys(g for w in words for g in char_grams(w, *char_ngrams))
            order_met = sorted(met, key=lambda g: -chars[g])
            self._add([g for g in order_met if chars[g] >= ngram_min_count])

    def _add(self, grams: Sequence[object]) -> None:
        for gram in grams:
            self.rows[gram] = self.num_rows
            self.num_rows += 1

    def extend(self, documents: Sequence[Sequence[str]]) -> None:
        """Rows behind all others for what an oracle of these documents has and this one lacks."""
        fresh = Oracle(documents, **self.options)  # type: ignore[arg-type]
        for word, count in zip(fresh.words, fresh.counts, strict=True):
            if word in self.ids:
                self.counts[self.ids[word]] += count
                continue
            self.ids[word] = len(self.words)
            self.words.append(word)
            self.counts.append(count)
            self.word_rows[word] = self.num_rows
            self.num_rows += 1
        self._add([gram for gram in fresh.rows if gram not in self.rows])

    def hashed(self, gram: Sequence[str]) -> int:
        def g(word: str) -> int:
            return (self.ids[word] + 1) * A & MASK

        h = g(gram[0])
        for word in gram[1:]:
            h = fold(h ^ B, g(word) ^ C)
        assert self.buckets is not None
        return self.first_bucket + (h * self.buckets >> 64)

    def bag(self, document: Sequence[str]) -> list[int]:
        """Rows in the documented order: words, character n-grams, word n-grams."""
        bag = [self.word_rows[w] for w in document if w in self.ids]
        if self.char_ngrams:
            for word in document:
                for gram in char_grams(word, *self.char_ngrams):
                    if self.buckets is not None:
                        bag.append(
                            self.first_bucket + (word_hash(gram.encode()) * self.buckets >> 64)
                        )
                    elif gram in self.rows:
                        bag.append(self.rows[gram])
        n = len(document)
        if self.buckets is not None:
            for i in range(n):
                for j in range(i + 2, min(i + self.word_ngrams, n) + 1):
                    gram = document[i:j]
                    if all(w in self.ids for w in gram):
                        bag.append(self.hashed(gram))
        else:
            for order in range(2, self.word_ngrams + 1):
                for end in range(order, n + 1):
                    gram = tuple(document[end - order : end])
                    if gram in self.rows:
                        bag.append(self.rows[gram])
        return bag
