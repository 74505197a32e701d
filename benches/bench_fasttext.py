"""fastText's module of pyffnn against fastText: training, prediction, scoring, and the memory of several processes on one model.

    python benches/bench_fasttext.py --data DIR [--lid lid.176.ftz --lines FILE] [--only train predict lid memory] [--repeats 3]
        [--peer-python PATH ...]

DIR holds AGNews/ and IMDB/ with train.tsv.gz and test.tsv.gz, a line `label<TAB>...<TAB>text`. Both sides run in one process, in turn, with
one thread unless said; figures are medians, whole calls, reading included. FILE: lines of many languages. Which `fasttext` is imported
is up to the environment. --peer-python: interpreters of other environments, each with another package of that kind (fasttext-turbo, fasttext-new),
which predicts the same lists and short texts in turn with the others. At thread=1 fastText's `uniform` fills a tenth
of its input matrix: most of it starts at zero, as all of ours does beyond the words.

`--memory GB`: makes a model file of that size and reads PSS from /proc/PID/smaps_rollup of four processes that predict with it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from fasttext_peers import Peer, Timed

import pyffnn
import pyffnn.integrations.fasttext as ours

SETTINGS = {
    "dim 10, bigrams": {"dim": 10, "wordNgrams": 2},
    "dim 100, words": {"dim": 100},
}


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return result if isinstance(result, Timed) else (time.perf_counter() - start, result)


def in_turn(
    runs: dict[str, Callable[[], Any]], repeats: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Medians of seconds, and what the last runs gave."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    results = {}
    for _ in range(repeats):
        for name, run in runs.items():
            spent, results[name] = seconds(run)
            taken[name].append(spent)
    return {name: median(values) for name, values in taken.items()}, results


def write(path: Path, to: Path, shuffle: bool) -> None:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    lines = [f"__label__{row[0]} {row[-1]}\n" for row in rows]
    if shuffle:
        random.Random(0).shuffle(lines)
    to.write_text("".join(lines), encoding="utf-8")


def show(what: str, times: dict[str, float], peer: str, note: str = "") -> dict[str, Any]:
    ratios = {name: times[peer] / t for name, t in times.items() if name != peer}
    text = ", ".join(f"{name} {1e3 * times[name]:.2f} ms ({r:.2f}x)" for name, r in ratios.items())
    print(f"{what}: {peer} {1e3 * times[peer]:.2f} ms, {text}{note}", flush=True)
    return {"what": what, "seconds": times, "ratios": ratios, "note": note}


def training(theirs: Any, train: Path, test: Path, name: str, repeats: int) -> list[dict[str, Any]]:
    found = []
    for settings, options in SETTINGS.items():
        options = {**options, "lr": 0.25, "epoch": 5, "verbose": 0}

        def peer(options: dict[str, Any] = options) -> Any:
            while True:  # its matrix is partly uninitialised, and a run may end in NaN
                try:
                    return theirs.train_supervised(str(train), thread=1, **options)
                except RuntimeError as error:
                    if "NaN" not in str(error):
                        raise

        def own(threads: int, options: dict[str, Any] = options) -> Any:
            with pyffnn.num_threads(threads):
                return ours.train_supervised(str(train), thread=threads, **options)

        times, models = in_turn(
            {"fastText": peer, "1 thread": lambda: own(1), "2 threads": lambda: own(2)}, repeats
        )
        p = {side: 100 * model.test(str(test))[1] for side, model in models.items()}
        note = f"; 2 threads against 1: {times['1 thread'] / times['2 threads']:.2f}; P@1 {p['1 thread']:.2f}, {p['fastText']:.2f}"
        found.append(show(f"training, {name}, {settings}", times, "fastText", note))
    return found


def predicting(
    theirs: Any, peers: list[Peer], path: str, lines: list[str], name: str, repeats: int
) -> list[dict[str, Any]]:
    a, b = theirs.load_model(path), ours.load_model(path)
    short = lines[0][:60]
    for peer in peers:
        peer.load(path, lines, short, 1000)
    runs = {"fastText": lambda: a.predict(lines), "pyffnn": lambda: b.predict(lines, n_threads=1)}
    runs |= {peer.name: peer.predict_list for peer in peers}
    times, results = in_turn(runs, repeats)
    other = sum(
        x[0] != y[0] for x, y in zip(results["fastText"][0], results["pyffnn"][0], strict=True)
    )
    found = [
        show(f"predict, {name}, {len(lines)} texts", times, "fastText", f"; {other} labels differ")
    ]
    runs = {
        "fastText": lambda: [a.predict(short) for _ in range(1000)],
        "pyffnn": lambda: [b.predict(short) for _ in range(1000)],
    }
    runs |= {peer.name: peer.predict_short for peer in peers}
    found.append(
        show(
            f"predict, {name}, one text of {len(short)} characters, 1000 times",
            in_turn(runs, repeats)[0],
            "fastText",
        )
    )
    return found


def scoring(
    theirs: Any, path: str, lines: list[str], name: str, fold: bool, repeats: int
) -> list[dict[str, Any]]:
    try:
        import pyarrow as pa
    except ImportError:
        return []
    documents = [" ".join(lines[i : i + 40])[:2000] for i in range(0, len(lines) - 40, 8)][:4000]
    size = sum(len(d.encode()) for d in documents)
    batch = pa.record_batch({"text": documents})
    a, b = theirs.load_model(path), ours.load_model(path)
    if fold:
        b = b.fold()

    def own(threads: int) -> Any:
        return list(b.score_batches(batch, n_threads=threads))

    runs = {
        "fastText predict": lambda: a.predict(documents),
        "1 thread": lambda: own(1),
        "2 threads": lambda: own(2),
    }
    times, _ = in_turn(runs, repeats)
    note = f"; {size / times['1 thread'] / 1e6:.0f} MB/s, 2 threads against 1: {times['1 thread'] / times['2 threads']:.2f}"
    return [
        show(
            f"score_batches, {name}, documents of {size // len(documents)} bytes",
            times,
            "fastText predict",
            note,
        )
    ]


def testing(theirs: Any, path: str, test: str, name: str, repeats: int) -> dict[str, Any]:
    a, b = theirs.load_model(path), ours.load_model(path)

    def own() -> Any:
        with pyffnn.num_threads(1):
            return b.test(test)

    times, _ = in_turn({"fastText": lambda: a.test(test), "pyffnn": own}, repeats)
    return show(f"test, {name}", times, "fastText")


READER = """
import sys, pyffnn.integrations.fasttext as fasttext
model = fasttext.load_model(sys.argv[1])
model.predict([" ".join(f"w{(i * 37 + j * 11) % 100000}" for j in range(200)) for i in range(2000)])
print("ready", flush=True)
sys.stdin.readline()
"""


def memory(gigabytes: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "large.bin")
        lines = [
            f"__label__{i % 2} " + " ".join(f"w{(i * 31 + j) % 100000}" for j in range(50))
            for i in range(4000)
        ]
        bucket = int(gigabytes * 1e9 / 400) - 100000
        ours.train_supervised(
            lines, dim=100, wordNgrams=2, bucket=bucket, epoch=1, verbose=0
        ).save_model(path)
        size = Path(path).stat().st_size
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", READER, path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        pss = 0
        for reader in readers:
            assert reader.stdout is not None
            reader.stdout.readline()
        for reader in readers:
            rollup = Path(f"/proc/{reader.pid}/smaps_rollup").read_text()
            pss += next(
                int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")
            )
        for reader in readers:
            reader.communicate("\n")
    print(
        f"memory: 4 processes on a file of {size / 1e9:.2f} GB: {pss / 1e6:.2f} GB (PSS in all)",
        flush=True,
    )
    return {"what": "memory", "file": size, "pss": pss * 1000}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--corpora", nargs="+", default=["AGNews", "IMDB"])
    parser.add_argument("--lid")
    parser.add_argument("--lines", type=Path)
    parser.add_argument("--only", nargs="+", default=["train", "predict", "lid"])
    parser.add_argument("--peer-python", type=Path, nargs="+", default=[])
    parser.add_argument("--memory", type=float, default=0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found: list[dict[str, Any]] = []
    if args.memory > 0:
        found.append(memory(args.memory))
    if args.data or args.lid:
        import fasttext as theirs
    peers = [Peer(path) for path in args.peer_python]
    for name in args.corpora if args.data else []:
        with tempfile.TemporaryDirectory() as folder:
            train, test, model = (Path(folder) / part for part in ("train", "test", "model.bin"))
            write(args.data / name / "train.tsv.gz", train, True)
            write(args.data / name / "test.tsv.gz", test, False)
            if "train" in args.only:
                found += training(theirs, train, test, name, args.repeats)
            if "predict" in args.only:
                options = {**SETTINGS["dim 10, bigrams"], "lr": 0.25, "epoch": 5, "verbose": 0}
                ours.train_supervised(str(train), **options).save_model(model)
                lines = [
                    line.split(" ", 1)[1] for line in test.read_text(encoding="utf-8").splitlines()
                ]
                found += predicting(theirs, peers, str(model), lines, name, args.repeats)
                found += scoring(theirs, str(model), lines, name, True, args.repeats)
                found.append(testing(theirs, str(model), str(test), name, args.repeats))
    if args.lid and "lid" in args.only:
        lines = args.lines.read_text(encoding="utf-8").splitlines()[:10000]
        found += predicting(theirs, peers, args.lid, lines, "lid.176.ftz", args.repeats)
        found += scoring(theirs, args.lid, lines, "lid.176.ftz", False, args.repeats)
    for peer in peers:
        peer.close()
    if args.json:
        about = {"numpy": np.__version__, "pyffnn": pyffnn.__version__, "isa": pyffnn.isa()}
        args.json.write_text(json.dumps({"about": about, "found": found}, indent=1))


if __name__ == "__main__":
    main()
