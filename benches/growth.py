"""How time and memory grow: a point a size, each in a process of its own.

    python benches/growth.py [--threads 1 2] [--only vocabulary] [--quick] [--seconds 1] [--json benches/results] [--plot FILE]

Axes: of a language model's training step the vocabulary (1,000 to 500,000 words), the width (embedding and hidden layer alike) and the
batch, per token; of a text classifier, from file to model, the embedding's width, the texts (10,000 to 10 million, generated; 5 epochs) and the
labels (2 to 100,000; one epoch), per text. --quick takes the first points of each axis and leaves the large ones out.

A point says how long a token or text takes, how many bytes the process needs beyond what it held before, how many the model's weights
have, and the smallest cache that holds them. Between two points time grows as the size to the power of `slope`: 0 where a token costs the
same, 1 where it costs in proportion. Where the slope changes the curve bends.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench_lm import ours as language_model_steps

import pyffnn
from pyffnn import TextClassifier
from pyffnn.bench import memory, peers, results, script
from pyffnn.bench.probe import Stretch, Watch
from pyffnn.bench.timing import Call, Rounds, Spent, in_turn

STEP = {"vocab": 10_000, "context": 4, "dim": 64, "hidden": 128, "batch": 256}
TEXTS = {"texts": 20_000, "labels": 4, "dim": 10, "epochs": 5}
WORDS, LENGTH, CHUNK = 100_000, 10, 100_000
# Multiply-adds of the steps of one call, at most.
WORK = 1e10
# A call of so many seconds is timed once, by its first run.
LONG = 4.0


@dataclass(frozen=True)
class Axis:
    """What grows: `values` of `keys`, all else as in `STEP` or `TEXTS` but for `fixed`. `quick` of the values are quick."""

    group: str
    unit: str
    keys: tuple[str, ...]
    values: tuple[int, ...]
    quick: int
    fixed: tuple[tuple[str, int], ...] = ()


AXES = (
    Axis("step of a language model, vocabulary", "token", ("vocab",), (1_000, 3_000, 10_000, 30_000, 100_000, 500_000), 2),
    Axis("step of a language model, width", "token", ("dim", "hidden"), (16, 32, 64, 128, 256, 512, 1024), 2),
    Axis("step of a language model, batch", "token", ("batch",), (1, 4, 16, 64, 256, 1024, 4096), 2),
    Axis("text classifier, width", "text", ("dim",), (2, 10, 30, 100, 300), 2),
    Axis("text classifier, texts", "text", ("texts",), (10_000, 100_000, 1_000_000, 10_000_000), 1),
    Axis("text classifier, labels", "text", ("labels",), (2, 10, 100, 1_000, 10_000, 100_000), 2, (("epochs", 1),)),
)  # fmt: skip


@dataclass(frozen=True)
class Point:
    """A call that does `units` tokens or texts; `weights` bytes after it. The process held `held` bytes before there was a model."""

    call: Call
    units: int
    held: int
    weights: Callable[[], int]


def step_of(shape: dict[str, int], threads: int, folder: Path) -> Point:
    held = memory.held()
    work = 3 * shape["batch"] * shape["hidden"] * (shape["vocab"] + shape["context"] * shape["dim"])
    count = max(1, min(2048 // shape["batch"], int(WORK / work)))
    weights = shape["vocab"] * (shape["dim"] + shape["hidden"] + 1)
    weights += (shape["context"] * shape["dim"] + 1) * shape["hidden"]
    steps = language_model_steps(shape, "sgd", threads, "float32", count)
    return Point(steps, count * shape["batch"], held, lambda: 4 * weights)


def write_texts(path: Path, texts: int, labels: int) -> None:
    """Lines of fastText's form: words by Zipf's law, one of them the label's own. Every label occurs where there are enough texts."""
    rng = np.random.default_rng(0)
    ids = np.arange(WORDS)
    letters = np.stack([ids // 26**power % 26 + ord("a") for power in range(3, -1, -1)], 1)
    spelled = np.hstack([letters, np.full((WORDS, 1), ord(" "))]).astype(np.uint8)
    digits = 10 ** np.arange(5, -1, -1)
    with open(path, "wb") as file:
        for begin in range(0, texts, CHUNK):
            count = min(CHUNK, texts - begin)
            label = np.arange(begin, begin + count) % labels
            words = (WORDS ** rng.random((count, LENGTH))).astype(np.int64) - 1
            words[:, 0] = label % WORDS
            head = np.frombuffer(b"__label__000000 ", np.uint8)
            lines = np.empty((count, head.size + 5 * LENGTH), np.uint8)
            lines[:, : head.size] = head
            lines[:, 9:15] += (label[:, None] // digits % 10).astype(np.uint8)
            lines[:, head.size :] = spelled[words].reshape(count, -1)
            lines[:, -1] = ord("\n")
            file.write(lines.tobytes())


def texts_of(shape: dict[str, int], threads: int, folder: Path) -> Point:
    path = folder / "texts.txt"
    texts = max(shape["texts"], shape["labels"])
    write_texts(path, texts, shape["labels"])
    last: list[TextClassifier] = []

    def fit() -> None:
        model = TextClassifier(embedding_dim=shape["dim"], epochs=shape["epochs"], n_threads=threads)  # fmt: skip
        last[:] = [model.fit(path)]

    def weights() -> int:
        return sum(np.asarray(w).nbytes for w in last[0]._state().network.parameters().values())

    return Point(fit, texts, memory.held(), weights)


def timed(made: Point, seconds: float, threads: int, watch: Watch) -> tuple[Rounds, int]:
    """Rounds of the call, or its first run alone where that takes long; and the bytes that it needed."""
    watch.best(threads)
    stretch = Stretch([watch.look(threads)])
    waits, begin = watch.waits(), time.perf_counter()
    result = made.call()
    spent = float(result) if isinstance(result, Spent) else time.perf_counter() - begin
    size = memory.peak() - made.held
    stretch.wait, stretch.timed = watch.waits() - waits, spent
    stretch.looks.append(watch.look(threads))
    if spent > LONG:
        calm = watch.calm(stretch)
        return Rounds({"pyffnn": [spent]}, int(calm), int(not calm), calm), size
    return in_turn({"pyffnn": made.call}, seconds, sample=0.02, threads=threads, watch=watch), size


def smallest_cache(size: int) -> str:
    """Where `size` bytes lie while they are used again and again."""
    for name, held in pyffnn.config()["caches"].items():
        if held and size <= held:
            return str(name)
    return "memory"


def point(axis: Axis, value: int, threads: int, seconds: float) -> results.Row:
    """A row, measured in this process."""
    make, plain = (step_of, STEP) if axis.unit == "token" else (texts_of, TEXTS)
    shape = plain | dict(axis.fixed)
    with tempfile.TemporaryDirectory() as folder, peers.pinned(threads):
        small = shape | ({"vocab": 1000} if axis.unit == "token" else {"texts": 200})
        make(small, threads, Path(folder)).call()  # pools and tables that every size needs
        made = make(shape | dict.fromkeys(axis.keys, value), threads, Path(folder))
        watch = Watch()
        rounds, size = timed(made, seconds, threads, watch)
        weights = made.weights()
    row = results.row_of(f"{value:,}", rounds)
    for key in ("seconds", "best_seconds"):
        row[key] = {name: taken / made.units for name, taken in row[key].items()}
    more = {"value": value, "unit": axis.unit, "bytes": size, "weights": weights}
    return {**row, "ratio": None, **more, "lies_in": smallest_cache(weights)}


def apart(axis: Axis, value: int, threads: int, seconds: float) -> results.Row:
    """The same in a process of its own, so that no size finds the memory of another."""
    command = [sys.executable, __file__, "--point", str(AXES.index(axis)), str(value), str(threads), str(seconds)]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    row: results.Row = json.loads(done.stdout)
    return row


def line_of(row: results.Row, before: results.Row | None) -> str:
    slope, taken = "", row["seconds"]["pyffnn"]
    if before is not None:
        times = math.log(taken / before["seconds"]["pyffnn"])
        slope = f"{times / math.log(row['value'] / before['value']):.2f}"
    noisy = "" if row["calm"] else "   NOISY"
    return (
        f"{row['case']:>12} {taken * 1e9:14,.0f} ns a {row['unit']}   slope {slope:>6}"
        f"   {row['bytes'] / 2**20:10.1f} MB   weights {row['weights'] / 2**20:8.1f} MB: {row['lies_in']}{noisy}"
    )


def draw(runs: dict[int, dict[str, list[results.Row]]], path: Path) -> None:
    """Time (lines) and memory (dots) of each axis, on logarithmic scales."""
    from matplotlib.figure import Figure

    groups = list(dict.fromkeys(group for run in runs.values() for group in run))
    figure = Figure(figsize=(10, 3.2 * math.ceil(len(groups) / 2)), layout="constrained")
    for place, group in zip(figure.subplots(math.ceil(len(groups) / 2), 2, squeeze=False).flat, groups, strict=False):  # fmt: skip
        beside = place.twinx()
        for threads, run in runs.items():
            rows = run.get(group, [])
            values = [row["value"] for row in rows]
            place.loglog(values, [row["seconds"]["pyffnn"] * 1e9 for row in rows], marker="o", label=f"{threads} threads")  # fmt: skip
            beside.loglog(values, [max(row["bytes"], 2**10) / 2**20 for row in rows], ":", color="#888888")  # fmt: skip
        unit = next(row["unit"] for run in runs.values() for row in run.get(group, []))
        place.set(title=group, ylabel=f"ns a {unit}")
        beside.set(ylabel="MB (dotted)")
        place.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = script.parser(__doc__, seconds=1.0)
    parser.add_argument(
        "--quick", action="store_true", help="the first points of each axis, briefly"
    )
    parser.add_argument("--plot", type=Path, help="draw the curves (needs matplotlib)")
    parser.add_argument("--point", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.point:
        axis, value, threads, seconds = args.point
        print(json.dumps(point(AXES[int(axis)], int(value), int(threads), float(seconds))))
        return
    runs: dict[int, dict[str, list[results.Row]]] = {}
    for session in script.sessions("growth", args):
        run = runs.setdefault(session.threads, {})
        for axis in AXES:
            values = axis.values[: axis.quick] if args.quick else axis.values
            values = tuple(v for v in values if session.wanted(axis.group, f"{v:,}"))
            rows: list[results.Row] = []
            for value in values:
                rows.append(
                    apart(axis, value, session.threads, 0.1 if args.quick else args.seconds)
                )
                if len(rows) == 1:
                    print(axis.group)
                print(line_of(rows[-1], rows[-2] if len(rows) > 1 else None), flush=True)
            run[axis.group] = rows
            session.write(axis.group, rows)
    if args.plot is not None:
        draw({t: {g: r for g, r in run.items() if r} for t, run in runs.items()}, args.plot)


if __name__ == "__main__":
    main()
