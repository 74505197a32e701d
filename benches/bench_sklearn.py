"""`FFNNClassifier`, `MLPClassifier` and the vectorizers of `pyffnn.integrations.sklearn` beside scikit-learn's own, on the same threads.

python benches/bench_sklearn.py [networks] [vectorizers] [--data DIR] [--threads 1] [--seeds 2]

networks: fit of 20,000 x 100 with 100 hidden units, batches of 200, Adam at the default rate of each, 10 epochs, and the accuracy on 5,000
held out; `predict_proba` of 1 row and of 10,000.
vectorizers: `fit_transform` of the texts of DIR/NAME/train.tsv.gz (a line `label<TAB>...<TAB>text`), AGNews and IMDB, up to --texts of each.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.datasets import make_classification
from sklearn.feature_extraction import text as theirs
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import pyffnn
from pyffnn.bench.run import SETTLE
from pyffnn.bench.timing import in_turn, median_ratio
from pyffnn.integrations import sklearn as ours
from pyffnn.integrations.sklearn import vectorizers

EPOCHS = 10


def compare(name: str, calls: dict[str, Callable[[], Any]], seconds: float) -> None:
    settle = 0.0 if pyffnn.get_num_threads() == 1 else SETTLE
    times = dict(in_turn(calls, seconds, sample=0.01, settle=settle).seconds)
    peer = times.pop("scikit-learn")
    line = f"{name:34} scikit-learn {statistics.median(peer) * 1e3:10.4f} ms"
    for who, mine in times.items():
        line += (
            f"   {who} {statistics.median(mine) * 1e3:10.4f} ms ({median_ratio(peer, mine):.2f}x)"
        )
    print(line, flush=True)


def networks(seeds: int) -> None:
    settings = {"max_iter": EPOCHS, "tol": 0.0, "batch_size": 200}

    def models(seed: int) -> dict[str, Any]:
        return {
            "scikit-learn": MLPClassifier((100,), random_state=seed, **settings),
            "FFNNClassifier": ours.FFNNClassifier(
                (100,), epochs=EPOCHS, tol=None, batch_size=200, random_state=seed
            ),
            "MLPClassifier": ours.MLPClassifier((100,), random_state=seed, **settings),
        }

    for dtype in (np.float64, np.float32):
        times: dict[str, list[float]] = {}
        scores: dict[str, list[float]] = {}
        fitted: dict[str, Any] = {}
        for seed in range(seeds):
            X, y = make_classification(
                25_000, 100, n_informative=30, n_classes=10, class_sep=1.5, random_state=seed
            )
            X = X.astype(dtype)
            for name, model in models(seed).items():
                time.sleep(SETTLE)  # the other library's threads may still look for work
                begin = time.perf_counter()
                model.fit(X[:20_000], y[:20_000])
                times.setdefault(name, []).append(time.perf_counter() - begin)
                scores.setdefault(name, []).append(model.score(X[20_000:], y[20_000:]))
                fitted[name] = model
        peer = times["scikit-learn"]
        for name, mine in times.items():
            print(
                f"fit, {np.dtype(dtype).name:8} {name:16} {statistics.median(mine):7.3f} s"
                f" ({median_ratio(peer, mine):.2f}x), accuracy "
                + " ".join(f"{score:.4f}" for score in scores[name]),
                flush=True,
            )
        for rows in (1, 10_000):
            calls = {n: partial(m.predict_proba, X[:rows]) for n, m in fitted.items()}
            compare(f"predict_proba {rows} {np.dtype(dtype).name}", calls, 1.0)


def read(path: Path, most: int) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row[-1] for row, _ in zip(rows, range(most), strict=False)]


def count(data: Path, most: int) -> None:
    for corpus in ("AGNews", "IMDB"):
        texts = read(data / corpus / "train.tsv.gz", most)
        words = sum(len(t.split()) for t in texts)
        print(f"{corpus}: {len(texts)} texts, {words} words")
        for name, settings in (
            ("HashingVectorizer", {}),
            ("CountVectorizer", {}),
            ("TfidfVectorizer", {}),
            ("TfidfVectorizer", {"ngram_range": (1, 2)}),
            ("CountVectorizer", {"analyzer": "char_wb", "ngram_range": (3, 3)}),
        ):
            made = {}
            for who, home in (("scikit-learn", theirs), ("pyffnn", vectorizers)):
                spent = []
                for _ in range(1 if who == "scikit-learn" else 2):
                    begin = time.perf_counter()
                    getattr(home, name)(**settings).fit_transform(texts)
                    spent.append(time.perf_counter() - begin)
                made[who] = min(spent)
            ratio = made["scikit-learn"] / made["pyffnn"]
            what = name + "".join(f" {value}" for value in settings.values())
            print(
                f"  {what:36} scikit-learn {made['scikit-learn']:7.3f} s   pyffnn {made['pyffnn']:7.3f} s ({ratio:.1f}x)",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=["networks"])
    parser.add_argument("--data", type=Path, help="folder of AGNews and IMDB")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--texts", type=int, default=10_000)
    args = parser.parse_args()
    pyffnn.set_num_threads(args.threads)
    warnings.simplefilter("ignore")
    print(f"scikit-learn {sklearn.__version__}, pyffnn {pyffnn.isa()}, {args.threads} threads")
    with threadpool_limits(args.threads):
        if "networks" in args.what:
            networks(args.seeds)
        if "vectorizers" in args.what:
            if args.data is None:
                parser.error("vectorizers needs --data")
            count(args.data, args.texts)


if __name__ == "__main__":
    main()
