"""Test accuracy of `TextClassifier` with its defaults and word_ngrams=2: the mean of three seeds.

    python benches/quality.py --data DIR [--seeds 3] [--only NAME ...]

DIR holds SST-2, TREC, IMDB, MR and AGNews, in files of lines `label<TAB>...<TAB>text`. MR has no split of its own: 10-fold
cross-validation, shuffled with a fixed seed. The defaults were chosen on parts of the training data (and SST-2's dev), never on a test set.
"""

from __future__ import annotations

import argparse
import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import pyffnn
from pyffnn import TextClassifier

Split = tuple[list[str], list[str]]

CORPORA = {
    "SST-2 sentences": ("SST-2/train.tsv", "SST-2/test.tsv", 82.0),
    "SST-2 phrases": ("SST-2/train.phrases.tsv.gz", "SST-2/test.tsv", 84.5),
    "TREC": ("TREC/train.tsv", "TREC/test.tsv", 90.5),
    "IMDB": ("IMDB/train.tsv.gz", "IMDB/test.tsv.gz", 89.5),
    "MR": ("MR/rt-polarity.tsv.gz", None, 77.0),
    "AG News subset": ("AGNews/train.tsv.gz", "AGNews/test.tsv.gz", 89.5),
}


def read(path: Path) -> Split:
    with gzip.open(path, "rt") if path.suffix == ".gz" else open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return [row[-1] for row in rows], [row[0] for row in rows]


def splits(data: Path, train: str, test: str | None) -> Iterator[tuple[Split, Split]]:
    texts, labels = read(data / train)
    if test is not None:
        yield (texts, labels), read(data / test)
        return
    folds = np.array_split(np.random.default_rng(0).permutation(len(texts)), 10)
    for fold in folds:
        held = set(fold.tolist())
        rest = [i for i in range(len(texts)) if i not in held]
        yield (
            ([texts[i] for i in rest], [labels[i] for i in rest]),
            ([texts[i] for i in fold], [labels[i] for i in fold]),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(CORPORA), default=list(CORPORA))
    args = parser.parse_args()
    print(f"pyffnn {pyffnn.__version__}, {pyffnn.isa()}, {pyffnn.get_num_threads()} threads")
    print("| corpus | accuracy | lowest and highest seed | want | seconds a training |")
    print("|---|---|---|---|---|")
    for name in args.only:
        train, test, want = CORPORA[name]
        scores = np.zeros(args.seeds)
        seconds = []
        parts = list(splits(args.data, train, test))
        for part, held in parts:
            for seed in range(args.seeds):
                start = time.perf_counter()
                model = TextClassifier(word_ngrams=2, random_state=seed).fit(*part)
                seconds.append(time.perf_counter() - start)
                scores[seed] += 100 * model.score(*held) / len(parts)
        print(
            f"| {name} | {scores.mean():.2f} | {scores.min():.2f} .. {scores.max():.2f} | {want} "
            f"| {np.median(seconds):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
