"""Small data that classifiers learn: reviews in words, and blobs of points."""

from __future__ import annotations

import numpy as np

WORDS = {
    "good": ["good", "great", "lovely", "fine"],
    "bad": ["bad", "awful", "poor", "dire"],
    "odd": ["odd", "strange", "weird", "queer"],
}
FILLERS = ["the", "film", "was", "a", "bit", "and", "plot", "actor", "scene"]


def reviews(n=240, seed=0, kinds=("bad", "good")):
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(n):
        kind = kinds[i % len(kinds)]
        words = list(rng.choice(FILLERS, rng.integers(2, 8)))
        words.insert(rng.integers(0, len(words) + 1), str(rng.choice(WORDS[kind])))
        texts.append(" ".join(words))
        labels.append(kind)
    return texts, labels


def write_reviews(path):
    """Reviews of all three kinds, in fastText's form; the path."""
    texts, labels = reviews(kinds=("bad", "good", "odd"))
    lines = [f"__label__{label} {text}\n" for text, label in zip(texts, labels, strict=True)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def blobs(n=240, classes=3, features=5, seed=0, spread=0.5):
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (classes, features))
    y = np.arange(n) % classes
    return (centres[y] + rng.normal(0, spread, (n, features))).astype(np.float32), y
