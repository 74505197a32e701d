"""Labelled lines of a few topics, and settings of fastText models."""

from __future__ import annotations

import random

TOPICS = {
    "sport": "goal match team league striker coach penalty stadium",
    "food": "soup bread oven recipe butter flour taste kitchen",
    "music": "guitar melody choir violin concert tempo singer märchen",
    "weather": "rain storm cloud sunny wind frost snow drizzle",
    "money": "bank loan interest profit share market price 銀行",
}


def make_lines(n: int, seed: int = 0, labels: int = 1) -> list[str]:
    draw = random.Random(seed)
    lines = []
    for _ in range(n):
        topics = draw.sample(sorted(TOPICS), labels)
        words = [w for t in topics for w in draw.choices(TOPICS[t].split(), k=draw.randint(2, 6))]
        words += draw.choices("the a of and to in".split(), k=4)
        draw.shuffle(words)
        lines.append(" ".join([f"__label__{t}" for t in topics] + words))
    return lines


VARIANTS = {
    "plain": {},
    "bigrams": {"wordNgrams": 2, "bucket": 1000},
    "subwords": {"minn": 2, "maxn": 4, "bucket": 1000},
    "all": {"minn": 1, "maxn": 3, "wordNgrams": 3, "bucket": 777},
    "hs": {"loss": "hs", "minn": 2, "maxn": 3, "bucket": 500},
    "ns": {"loss": "ns", "wordNgrams": 2, "bucket": 500},
    "ova": {"loss": "ova"},
}
