"""Texts of many kinds: white space, cases, scripts, bytes that are no text. And what one may train on them."""

from __future__ import annotations

import numpy as np

WORDS = "good bad fine Awful GREAT Straße ΣΊΣΥΦΟΣ İstanbul naïve 日本語 émile 🙂 Ⱥbc ǅ a-very-long-word-indeed".split()
SPACES = [" ", "  ", "\t", "\n", "\u00a0", "\u3000", "\x85", "\x1c", "\u2028"]

STRANGE = [
    "", " ", "\u3000\u2009", "GOOD\u00a0Bad\u3000fine\x85x", "ΑΣ ΑΣΑ σΣ Σ ΑΣ. ΑΣ.Β Α\u0301Σ ̈Σ", "unseen wörds ẞ Ⱥ ɐ ꮿ Ꮿ 𐐀 𞤀",
    "a\x00b good", "good\x1cbad", "\ufeffgood", "\u200bgood", "x" * 1000 + " good", "good " * 500, "İİİ", "\U0001f642\U0001f642 good",
]  # fmt: skip

BYTES = [
    b"\xff", b"good \xc3", b"\xe2\x82 bad", b"\xed\xa0\x80 good", b"\xf0\x9f\x99", b"\xc0\xaf fine", b"\xf5\x80\x80\x80", b"a\xe2\x80\xe2\x80\x80b",
    b"\x80\x80 good\xc2", b"\xe3\x80\xe3\x80\x80good",
]  # fmt: skip


def documents(n: int = 240, seed: int = 0) -> tuple[list[str], list[str]]:
    """Texts of words above between spaces of all kinds, and which of three labels each has."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(n):
        words = [str(w) for w in rng.choice(WORDS, rng.integers(0, 12))]
        texts.append("".join(w + SPACES[rng.integers(len(SPACES))] for w in words))
        score = sum(WORDS.index(w) % 2 for w in words) * 2 - len(words)
        labels.append("Größer" if score > 0 else "kleiner" if score < 0 else "gleich")
    return texts, labels
