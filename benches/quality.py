"""Every table of RESULTS.md that says how well text classifiers do: test accuracy beside usual linear models, samples, many classes, calibration.

    python benches/quality.py --data DIR [--json FILE] [--parts NAME ...] [--only NAME ...] [--who NAME ...] [--seconds S] [--tables]

DIR holds SST-2, TREC, IMDB, MR, AGNews and Brown, in files of lines `label<TAB>...<TAB>text`. `TextClassifier` has its defaults and word_ngrams=2;
figures are means of three seeds. Defaults were chosen on parts of the training data (and SST-2's dev), never on a test set. The peers are in
quality_peers.py. Parts:

whole       each corpus whole. MR has no split of its own: 10-fold cross-validation, shuffled with a fixed seed. Brown's genres: pieces of 200 words,
            a quarter of the documents held out; which document a piece is of, and which sentence a phrase of SST-2, is told. "Each quarter":
            with every quarter of the documents as the test in turn.
samples     500, 2,000 and 8,000 training texts of each corpus, drawn once by a fixed seed; the same test texts (MR: one fold).
generated   1,000 and 10,000 classes of twenty texts each, beside fastText's losses for many classes.
calibration expected calibration error (15 bins) on the test texts, with and without `calibrate=True`: from the runs of the first two parts. Beside it
            what the same probabilities show by chance on as many texts, if they are right.
errors      planted label errors: bench_audit.py.

The whole takes about an hour on one core. --json FILE keeps each figure as soon as it is known, and a later run measures only what lacks (--seconds: as much
as began within so many); --tables prints what FILE holds and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import bench_audit
import numpy as np
import quality_tables
import sklearn
from quality_corpora import CORPORA, Split, splits
from quality_peers import LARGE, PEERS, USUAL

import pyffnn
from pyffnn import TextClassifier
from pyffnn.metrics import expected_calibration_error

OURS = ("pyffnn", "pyffnn, calibrated")
SIZES = (500, 2000, 8000)
PARTS = ("whole", "samples", "generated", "calibration", "errors")


def key(name: str, size: int, who: str) -> str:
    return f"{name} | {size or 'all'} | {who}"


def planned(parts: list[str]) -> list[tuple[str, int, str]]:
    """What is measured for these parts: corpus, training texts (0: all), and who learns."""
    real = [name for name, corpus in CORPORA.items() if not corpus.train.startswith("generated:")]
    runs: list[tuple[str, int, str]] = []
    sizes = [0] * ("whole" in parts or "calibration" in parts)
    sizes += list(SIZES) * ("samples" in parts or "calibration" in parts)
    for size in sizes:
        part = "samples" if size else "whole"
        who = ([OURS[0], *USUAL] if part in parts else [OURS[0]]) + [OURS[1]] * (
            "calibration" in parts
        )
        names = [name for name in real if not size or "quarter" not in name]
        runs += [(name, size, one) for name in names for one in who]
    if "generated" in parts:
        runs += [
            (name, 0, one) for name in CORPORA if name not in real for one in (OURS[0], *LARGE)
        ]
    return runs


def accuracy(guess: Any, labels: list[str]) -> float:
    return 100 * float(np.mean(np.asarray(guess, dtype=object) == np.asarray(labels, dtype=object)))


def chance_error(p: Any, draws: int = 500) -> float:
    """The expected calibration error, 15 bins, that these probabilities show where they are right: of labels drawn by them, in the mean."""
    sure = np.asarray(p, np.float64).max(axis=1)
    place = np.minimum((sure * 15).astype(int), 14)
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(draws):
        over = sure - (rng.random(sure.size) < sure)
        errors.append(np.abs(np.bincount(place, over, 15)).sum() / sure.size)
    return float(np.mean(errors))


def ours(parts: list[tuple[Split, Split]], calibrate: bool, seeds: int) -> dict[str, Any]:
    scores, errors, seconds = np.zeros(seeds), np.zeros(seeds), []
    chance = np.zeros(seeds)
    for (texts, labels, documents), (held, truth, _) in parts:
        for seed in range(seeds):
            start = time.perf_counter()
            model = TextClassifier(
                word_ngrams=2, calibrate=calibrate, random_state=seed, n_threads=1
            )
            model.fit(texts, labels, groups=documents)
            seconds.append(time.perf_counter() - start)
            p = model.predict_proba(held)
            scores[seed] += accuracy(model.classes_[p.argmax(axis=1)], truth) / len(parts)
            error = expected_calibration_error(truth, p, labels=model.classes_)
            errors[seed] += error / len(parts)
            chance[seed] += chance_error(p) / len(parts)
    return {
        "scores": scores.round(3).tolist(),
        "calibration_error": errors.round(5).tolist(),
        "chance_error": chance.round(5).tolist(),
        "seconds": round(float(np.median(seconds)), 3),
    }


def theirs(parts: list[tuple[Split, Split]], who: str) -> dict[str, Any]:
    scores, seconds = [], []
    for train, (held, truth, _) in parts:
        start = time.perf_counter()
        predict = PEERS[who](train.texts, train.labels)
        seconds.append(time.perf_counter() - start)
        if predict is None:
            return {"scores": [], "seconds": round(seconds[0], 3)}
        scores.append(accuracy(predict(held), truth))
    return {"scores": [float(np.mean(scores))], "seconds": round(float(np.median(seconds)), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--only", nargs="+", choices=list(CORPORA), default=list(CORPORA))
    parser.add_argument("--sizes", nargs="+", type=int, default=[0, *SIZES])
    parser.add_argument("--who", nargs="+", choices=[*OURS, *PEERS], default=[*OURS, *PEERS])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--tables", action="store_true")
    args = parser.parse_args()
    found: dict[str, Any] = {}
    if args.json is not None and args.json.exists():
        found = json.loads(args.json.read_text())
    if not args.tables:
        if args.data is None:
            parser.error("--data DIR is needed to measure")
        measure(args, found)
    quality_tables.show(found, CORPORA, OURS[0], OURS[1], USUAL, LARGE, SIZES)


def measure(args: argparse.Namespace, found: dict[str, Any]) -> None:
    """Into ``found`` what it lacks."""
    begin = time.perf_counter()
    print(
        f"pyffnn {pyffnn.__version__}, {pyffnn.isa()}, 1 thread; scikit-learn {sklearn.__version__}"
    )
    split: tuple[str, int] | None = None
    parts: list[tuple[Split, Split]] = []

    def keep(where: str, result: dict[str, Any]) -> None:
        # another run may have added to the file meanwhile
        if args.json is not None:
            if args.json.exists():
                found.update(json.loads(args.json.read_text()))
            args.json.write_text(json.dumps({**found, where: result}, indent=1, sort_keys=True))
        found[where] = result
        print(where, result, flush=True)

    for name, size, who in planned(args.parts):
        where = key(name, size, who)
        if where in found or name not in args.only or who not in args.who or size not in args.sizes:
            continue
        if time.perf_counter() - begin > args.seconds:
            return
        if split != (name, size):
            split, parts = (name, size), list(splits(args.data, CORPORA[name], size))
        if len(parts[0][0][0]) < size:
            continue
        result = ours(parts, who == OURS[1], args.seeds) if who in OURS else theirs(parts, who)
        keep(where, {"texts": len(parts[0][0][0]), **result})
    wanted = "errors" in args.parts and "errors" not in found
    if wanted and time.perf_counter() - begin < args.seconds:
        keep("errors", {"rows": bench_audit.rows(args.data, args.seeds)})


if __name__ == "__main__":
    main()
