"""What can be seen of texts by themselves: copies, lengths, scripts, languages, broken encodings."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["broken", "groups_of_copies", "key", "language", "long_limit", "script", "word_counts"]

_LONG_TIMES, _LONG_LEAST = 10, 200
_NOT_WORDS = re.compile(r"[\W_]+")
_MOST = 4000  # characters of a text that scripts, languages and encodings are told by
_LETTER = re.compile("[A-Za-z]")
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")

# Words that no other of these languages has often.
_COMMON = {
    "English": "the and of to is that it was for with this have are you not be they from his which",
    "German": "der und die das ist nicht ich ein eine zu den mit sich auf dem von wir auch wird sind",
    "French": "le les et est des une dans qui pour pas vous ce sur avec nous au je ne elle sont",
    "Spanish": "el los y es las una por con para como pero su lo muy esta hay este fue ser desde",
    "Italian": "il che di è gli della per non sono con una del anche più questo nel ma come alla si",
    "Portuguese": "o os e não uma para com do da que em mas mais foi ao são muito você pelo isso",
    "Dutch": "de het een van en niet dat ik zijn met voor aan ook maar er wordt deze bij naar door",
    "Polish": "nie i w na się z że jest do jak to co ale po jego przez tylko był już dla",
    "Swedish": "och att det som en på är av för inte jag med den till har ett om var från vi",
    "Turkish": "ve bir bu da de için çok ne ile gibi daha ama kadar olan var mi sonra her değil ben",
}
_OF_WORD: dict[str, list[str]] = {}
for _name, _words in _COMMON.items():
    for _word in _words.split():
        _OF_WORD.setdefault(_word, []).append(_name)
_LEAST_HITS = 3
_EDGES = ".,;:!?\"'()[]"


def key(text: str) -> str:
    """The same for texts that differ in case, white space, punctuation and compatible characters alone."""
    normal = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(_NOT_WORDS.sub(" ", normal).split()) or normal.strip()


def groups_of_copies(keys: Sequence[str]) -> list[list[int]]:
    """Numbers of texts of the same key, where there are several; empty texts are no copies."""
    found: dict[str, list[int]] = {}
    for i, name in enumerate(keys):
        if name:
            found.setdefault(name, []).append(i)
    return [group for group in found.values() if len(group) > 1]


def word_counts(texts: Iterable[str]) -> NDArray[np.int64]:
    """White-space words of each text."""
    return np.array([len(text.split()) for text in texts], np.int64)


def long_limit(words: NDArray[np.int64]) -> int:
    """Texts of more words are very long: ten times the median, and 200."""
    some = words[words > 0]
    return max(_LONG_LEAST, _LONG_TIMES * int(np.median(some))) if some.size else _LONG_LEAST


def script(text: str) -> str | None:
    """The script that most letters of a text belong to; None without letters."""
    if text.isascii():
        return "Latin" if _LETTER.search(text[:_MOST]) else None
    counts: Counter[str] = Counter()
    for letter, times in Counter(text[:_MOST]).items():
        if letter.isalpha():
            name = unicodedata.name(letter, "").partition(" ")[0]
            counts[{"CJK": "Han", "": "unknown"}.get(name, name.capitalize())] += times
    if not counts:
        return None
    if counts["Hiragana"] + counts["Katakana"]:
        return "Japanese"
    return counts.most_common(1)[0][0]


def language(text: str) -> str | None:
    """The language whose common words a text has most of, by far; None where that is not clear."""
    hits: Counter[str] = Counter()
    for word in text[:_MOST].casefold().split():
        for name in _OF_WORD.get(word.strip(_EDGES), ()):
            hits[name] += 1
    (name, most), (_, second) = [*hits.most_common(2), ("", 0), ("", 0)][:2]
    return name if most >= _LEAST_HITS and most > 2 * second else None


def broken(text: str) -> str | None:
    """How the encoding of a text is broken; None where it seems sound."""
    if text.isascii():
        return "control characters" if _CONTROL.search(text) else None
    if _REPLACED in text:
        return "replacement characters"
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "lone surrogates"
    for codec in ("cp1252", "latin-1"):
        try:
            if text[:_MOST].encode(codec).decode("utf-8", "strict") != text[:_MOST]:
                return "UTF-8 read as " + {"cp1252": "Windows-1252", "latin-1": "Latin-1"}[codec]
        except UnicodeError:
            continue
    return "control characters" if _CONTROL.search(text) else None
