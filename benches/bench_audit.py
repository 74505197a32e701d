"""Planted label errors that `pyffnn.audit` finds: 5 % of AG News' training labels, changed at random.

    python benches/bench_audit.py --data DIR [--seeds 3] [--picture FILE]

DIR holds AGNews/train.tsv.gz, lines `label<TAB>text`. Errors that the corpus has by itself count as not
planted, so the share of planted ones among those that are listed is a lower bound of the true errors.
"""

from __future__ import annotations

import argparse
import gzip
import time
from pathlib import Path

import numpy as np

import pyffnn

_PLANTED, _READ = 0.05, 0.08


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", type=Path, help="draw what was found over what was read")
    args = parser.parse_args()
    read = texts(args.data)
    print(f"pyffnn {pyffnn.__version__}, {pyffnn.isa()}, {pyffnn.get_num_threads()} threads")
    print(
        "| texts | found in the first 8 % of the list | listed | planted among them | of all planted "
        "| seconds |"
    )
    print("|---|---|---|---|---|---|")
    for size in _sizes(read):
        row, curve = _means(read, size, args.seeds)
        first, listed, right, all_of_them, seconds = row
        print(
            f"| {size:,} | {first:.1%} | {listed:.1%} of the texts | {right:.1%} | {all_of_them:.1%} "
            f"| {seconds:.1f} |",
            flush=True,
        )
    if args.picture is not None:
        draw(curve, args.picture)


def rows(data: Path, seeds: int) -> list[list[float]]:
    """The table without its words."""
    read = texts(data)
    return [[size, *_means(read, size, seeds)[0]] for size in _sizes(read)]


def texts(data: Path) -> list[list[str]]:
    with gzip.open(data / "AGNews" / "train.tsv.gz", "rt", encoding="utf-8") as file:
        return [line.rstrip("\n").split("\t", 1) for line in file]


def _sizes(read: list[list[str]]) -> list[int]:
    return [min(size, len(read)) for size in (2000, 8000, len(read))]


def _means(read: list[list[str]], size: int, seeds: int) -> tuple[list[float], np.ndarray]:
    results = [planted(read, size, seed) for seed in range(seeds)]
    row = np.mean([row for row, _ in results], axis=0)
    return row.tolist(), np.mean([curve for _, curve in results], axis=0)


def draw(curve: np.ndarray, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    read = np.linspace(0, 100, curve.size)
    axes.plot(read, 100 * curve, color="#3465a4")
    axes.axvline(100 * _READ, color="#888888", linestyle="--", linewidth=1)
    axes.annotate(f"the first {_READ:.0%}", (100 * _READ + 0.3, 4), color="#666666")
    axes.set(xlim=(0, 30), ylim=(0, 100))
    axes.set(xlabel="% of the list that is read", ylabel="% of the planted errors found")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)


def planted(rows: list[list[str]], n: int, seed: int) -> tuple[tuple[float, ...], np.ndarray]:
    """A row of the table, and the share of the planted errors found after each thousandth of the list."""
    rng = np.random.default_rng(seed)
    some = [rows[i] for i in rng.permutation(len(rows))[:n]]
    labels = np.array([row[0] for row in some])
    classes = np.unique(labels)
    wrong = rng.choice(n, int(_PLANTED * n), replace=False)
    for i in wrong:
        labels[i] = rng.choice(classes[classes != labels[i]])
    start = time.perf_counter()
    found = pyffnn.audit([row[1] for row in some], labels, random_state=seed)
    seconds = time.perf_counter() - start
    bad = np.zeros(n, bool)
    bad[wrong] = True
    listed = [error.text for error in found.label_errors]
    after = np.append(0, np.cumsum(bad[found.ranking])) / wrong.size
    row = (
        float(after[int(_READ * n)]),
        len(listed) / n,
        float(bad[listed].mean()),
        float(bad[listed].sum() / wrong.size),
        seconds,
    )
    return row, after[np.linspace(0, after.size - 1, 1001).astype(int)]


if __name__ == "__main__":
    main()
