"""Test accuracy of `TextClassifier` with its defaults and word_ngrams=2, mean of three seeds, beside usual linear models.

    python benches/quality.py --data DIR [--seeds 3] [--only NAME ...] [--sizes 500 2000 8000 0] [--no-peers] [--peers NAME ...] [--times]

DIR holds SST-2, TREC, IMDB, MR, AGNews and Brown, in files of lines `label<TAB>...<TAB>text`. MR has no split of its own: 10-fold cross-validation,
shuffled with a fixed seed (one fold for samples). Brown's genres: pieces of 200 words, a quarter of the documents held out. Sizes: so many training
texts, drawn once by a fixed seed; 0: all. Generated classes have twenty texts each. Defaults were chosen on parts of the training data (and SST-2's dev), never on a test set. The peers are
in quality_peers.py: tf-idf and fastText are tuned as said there, NB-SVM as its authors do.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from quality_peers import PEERS

import pyffnn
from pyffnn import TextClassifier

Split = tuple[list[str], list[str]]


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
    return [row[-1] for row in rows], [row[column] for row in rows]


def brown(folder: Path) -> tuple[Split, Split]:
    text = [
        line for part in ("train", "valid", "test") for line in lines(folder / f"brown.{part}.txt")
    ]
    documents = [
        row for row in (line.split("\t") for line in lines(folder / "docs.tsv")) if row[2].isdigit()
    ]
    held = set(np.random.default_rng(0).permutation(len(documents))[: len(documents) // 4].tolist())
    parts: tuple[Split, Split] = ([], []), ([], [])
    for i, (_, genre, first, end) in enumerate(documents):
        words = " ".join(text[int(first) : int(end) + 1]).split()
        for at in range(0, len(words) - 100, 200):
            texts, labels = parts[i in held]
            texts.append(" ".join(words[at : at + 200]))
            labels.append(genre)
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
        parts.append((texts, [f"c{label}" for label in labels]))
    return parts[0], parts[1]


def splits(data: Path, corpus: Corpus, size: int) -> Iterator[tuple[Split, Split]]:
    if corpus.train.startswith("generated:"):
        train, test = generated(int(corpus.train.partition(":")[2]))
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
    return [split[0][i] for i in numbers], [split[1][i] for i in numbers]


def _sample(split: Split, size: int) -> Split:
    order = np.random.default_rng(1).permutation(len(split[0]))
    return _pick(split, order[: size or None])


def accuracy(guess: object, labels: list[str]) -> float:
    return 100 * float(np.mean(np.asarray(guess, dtype=object) == np.asarray(labels, dtype=object)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(CORPORA), default=list(CORPORA))
    parser.add_argument("--sizes", nargs="+", type=int, default=[0])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS)[:4])
    parser.add_argument("--times", action="store_true", help="the peers' seconds, too")
    args = parser.parse_args()
    peers = {} if args.no_peers else {name: PEERS[name] for name in args.peers}
    print(f"pyffnn {pyffnn.__version__}, {pyffnn.isa()}, {pyffnn.get_num_threads()} threads")
    print(
        f"| corpus | texts | pyffnn | lowest and highest seed | want | s a training | {' | '.join(peers)} |"
    )
    print("|---" * (6 + len(peers)) + "|")
    for name in args.only:
        for size in args.sizes:
            scores, seconds = np.zeros(args.seeds), []
            others: dict[str, list[float]] = {peer: [] for peer in peers}
            theirs_took: dict[str, list[float]] = {peer: [] for peer in peers}
            parts = list(splits(args.data, CORPORA[name], size))
            if size > len(parts[0][0][0]):
                continue
            for part, held in parts:
                for seed in range(args.seeds):
                    start = time.perf_counter()
                    model = TextClassifier(word_ngrams=2, random_state=seed).fit(*part)
                    seconds.append(time.perf_counter() - start)
                    scores[seed] += accuracy(model.predict(held[0]), held[1]) / len(parts)
                for peer, fit in peers.items():
                    start = time.perf_counter()
                    predict = fit(*part)
                    theirs_took[peer].append(time.perf_counter() - start)
                    others[peer].append(
                        np.nan if predict is None else accuracy(predict(held[0]), held[1])
                    )
            want = CORPORA[name].want if size == 0 else None
            theirs = "".join(
                f" {np.mean(values):.2f}{f' in {np.median(theirs_took[peer]):.2f} s' if args.times else ''} |"
                for peer, values in others.items()
            )
            print(
                f"| {name} | {len(parts[0][0][0])} | {scores.mean():.2f} | {scores.min():.2f} .. {scores.max():.2f} "
                f"| {want or ''} | {np.median(seconds):.2f} |{theirs}",
                flush=True,
            )


if __name__ == "__main__":
    main()
