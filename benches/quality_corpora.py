"""The corpora of `benches/quality.py`: their splits into training and test, samples of them, and generated ones."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Split(NamedTuple):
    """``documents``: which one each text is a piece of, where that is known."""

    texts: list[str]
    labels: list[str]
    documents: list[int] | None = None


class Corpus(NamedTuple):
    train: str
    test: str | None
    column: int = 0
    want: float | None = None


CORPORA = {
    "SST-2 sentences": Corpus("SST-2/train.tsv", "SST-2/test.tsv", want=84.0),
    "SST-2 phrases": Corpus("SST-2/train.phrases.tsv.gz", "SST-2/test.tsv", want=85.5),
    "TREC": Corpus("TREC/train.tsv", "TREC/test.tsv", want=92.5),
    "IMDB": Corpus("IMDB/train.tsv.gz", "IMDB/test.tsv.gz", want=91.0),
    "MR": Corpus("MR/rt-polarity.tsv.gz", None, want=80.0),
    "AG News subset": Corpus("AGNews/train.tsv.gz", "AGNews/test.tsv.gz", want=90.3),
    "IMDB 8 stars": Corpus("IMDB/train.tsv.gz", "IMDB/test.tsv.gz", 1),
    "Brown 15 genres": Corpus("Brown", None),
    "Brown, each quarter": Corpus("Brown: quarters", None),
    "100 generated classes": Corpus("generated:100", None),
    "1,000 generated classes": Corpus("generated:1000", None),
    "10,000 generated classes": Corpus("generated:10000", None),
}


def lines(path: Path) -> list[str]:
    if not path.exists():
        path = path.with_name(path.name + ".gz")
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def read(path: Path, column: int) -> Split:
    rows = [line.split("\t") for line in lines(path)]
    texts = [row[-1] for row in rows]
    documents = sentences_of(texts, path.parent) if "phrases" in path.name else None
    return Split(texts, [row[column] for row in rows], documents)


def sentences_of(phrases: list[str], folder: Path) -> list[int]:
    """The sentence that each phrase is of: phrases come before theirs, tree by tree."""
    whole = set(read(folder / "train.tsv", 0).texts)
    found, number = [], 0
    for phrase in phrases:
        found.append(number)
        number += phrase.lower() in whole
    return found


def brown(folder: Path, quarter: int = 0) -> tuple[Split, Split]:
    """Pieces of documents; those of one quarter of the documents, drawn once, are held out."""
    text = [
        line for part in ("train", "valid", "test") for line in lines(folder / f"brown.{part}.txt")
    ]
    documents = [
        row for row in (line.split("\t") for line in lines(folder / "docs.tsv")) if row[2].isdigit()
    ]
    order = np.random.default_rng(0).permutation(len(documents))
    held = set(np.array_split(order, 4)[quarter].tolist())
    parts = Split([], [], []), Split([], [], [])
    for i, (_, genre, first, end) in enumerate(documents):
        words = " ".join(text[int(first) : int(end) + 1]).split()
        for at in range(0, len(words) - 100, 200):
            texts, labels, pieces_of = parts[i in held]
            texts.append(" ".join(words[at : at + 200]))
            labels.append(genre)
            assert pieces_of is not None
            pieces_of.append(i)
    return parts


def generated(classes: int, each: int = 20, held: int = 2000) -> tuple[Split, Split]:
    """Texts of 5 to 14 words, of which three in ten are among the 40 of their class, the others common; both by Zipf's law."""
    rng, words, own = np.random.default_rng(0), 20_000, 40
    common, mine = 1 / np.arange(1, words + 1), 1 / np.arange(1, own + 1)
    common, mine = common / common.sum(), mine / mine.sum()
    topics = rng.choice(words, (classes, own))
    parts: list[Split] = []
    for size in (classes * each, held):
        labels = rng.permutation(size) % classes if size >= classes else rng.choice(classes, size)
        texts = []
        for label in labels:
            length = rng.integers(5, 15)
            drawn = rng.choice(words, length, p=common)
            topical = topics[label][rng.choice(own, length, p=mine)]
            chosen = np.where(rng.random(length) < 0.3, topical, drawn)
            texts.append(" ".join(f"w{i}" for i in chosen))
        parts.append(Split(texts, [f"c{label}" for label in labels]))
    return parts[0], parts[1]


def splits(data: Path, corpus: Corpus, size: int) -> Iterator[tuple[Split, Split]]:
    if corpus.train.startswith("generated:"):
        train, test = generated(int(corpus.train.partition(":")[2]))
    elif corpus.train == "Brown: quarters":
        for quarter in range(4):
            yield brown(data / "Brown", quarter)
        return
    elif corpus.train == "Brown":
        train, test = brown(data / corpus.train)
    elif corpus.test is not None:
        train, test = (
            read(data / corpus.train, corpus.column),
            read(data / corpus.test, corpus.column),
        )
    else:
        everything = read(data / corpus.train, corpus.column)
        folds = np.array_split(np.random.default_rng(0).permutation(len(everything[0])), 10)
        for i in range(1 if size else 10):
            rest = np.concatenate([fold for j, fold in enumerate(folds) if j != i])
            yield _sample(_pick(everything, rest), size), _pick(everything, folds[i])
        return
    yield _sample(train, size), test


def _pick(split: Split, numbers: np.ndarray) -> Split:
    return Split(*(None if part is None else [part[i] for i in numbers] for part in split))


def _sample(split: Split, size: int) -> Split:
    order = np.random.default_rng(1).permutation(len(split[0]))
    return _pick(split, order[: size or None])
