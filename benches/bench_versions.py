"""Two installed versions of pyffnn against each other, in turn: what a change of the inside costs or gains.

    python benches/bench_versions.py OLD_PYTHON NEW_PYTHON --data DIR [--threads 1] [--rounds 5] [--json benches/results]

OLD_PYTHON and NEW_PYTHON are interpreters whose environments hold the two versions. Each round runs all rows in a fresh process of the
one, then of the other; a row's figure is the least time of its rounds, and its ratio is old / new (above 1: the new one is faster). With
one thread the time is that of the process on its core, which neighbours disturb less than the clock on the wall. Only the public models
are used, as both versions have them. DIR holds AGNews/ and IMDB/ with train.tsv.gz, as for bench_text.py.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def rows(folder: Path, threads: int) -> dict[str, float]:
    from pyffnn import FFNNClassifier, LanguageModel, TextClassifier
    from pyffnn.nn import SGD, Adam

    clock = time.process_time if threads == 1 else time.perf_counter

    def least(run: Callable[[], Any], repeats: int = 3, inner: int = 1) -> float:
        """Milliseconds of one call at best."""
        times = []
        for _ in range(repeats):
            begin = clock()
            for _ in range(inner):
                run()
            times.append(clock() - begin)
        return 1e3 * min(times) / inner

    out = {}
    common: dict[str, Any] = {"n_threads": threads, "precision": "float32"}
    # What the defaults choose is another task in another version; means are the same in both.
    kinds: dict[str, dict[str, Any]] = {
        "": {"word_ngrams": 2},
        "means, ": {
            "word_ngrams": 2, "embedding_dim": 16, "pooling": "mean", "char_ngrams": None,
            "epochs": 3, "optimizer": "adagrad", "learning_rate": 0.2,
        },
    }  # fmt: skip
    for corpus in ("AGNews", "IMDB"):
        path = folder / f"{corpus}.txt"
        lines = path.read_text(encoding="utf-8").split("\n")[:5000]
        texts = [line.partition(" ")[2] for line in lines]
        for kind, own in kinds.items():
            text = TextClassifier(**own, **common)
            row = f"{corpus}, {kind}"
            out[f"{row}file to model"] = least(lambda m=text, p=path: m.fit(str(p)))
            out[f"{row}predict 5,000 texts"] = least(lambda m=text, t=texts: m.predict_proba(t))
            one = [texts[0][:100]]
            out[f"{row}predict one text"] = least(lambda m=text, t=one: m.predict_proba(t), 5, 1000)
    hidden = TextClassifier(embedding_dim=100, hidden_layer_sizes=(64,), pooling="mean", **common)
    out["AGNews, dim 100, hidden 64"] = least(lambda: hidden.fit(str(folder / "AGNews.txt")), 2)

    rng = np.random.default_rng(0)
    x = rng.standard_normal((20000, 100)).astype(np.float32)
    y = (x[:, 0] > 0) * 2 + (x[:, 1] > 0)
    dense = FFNNClassifier((100,), epochs=3, tol=None, batch_size=200, **common)
    out["dense 100-100-4, 300 Adam steps"] = least(lambda: dense.fit(x, y))
    out["dense, predict 10,000 rows"] = least(lambda: dense.predict_proba(x[:10000]))
    out["dense, predict one row"] = least(lambda: dense.predict_proba(x[:1]), 5, 1000)
    wide = rng.standard_normal((2000, 784)).astype(np.float32)
    digits = np.arange(2000) % 10
    deep = FFNNClassifier((512, 512), epochs=1, tol=None, batch_size=128, **common)
    out["dense 784-512-512-10, 16 Adam steps"] = least(lambda: deep.fit(wide, digits))

    ids = (rng.zipf(1.2, 5120) % 10000).astype(np.int32)
    ids[0] = 9999
    plain: dict[str, Any] = {
        "distant_kernels": 0, "residual": False, "layer_norm": False, "tie_embeddings": False,
        "activation": "tanh", "embedding_dim": 100, "hidden_layer_sizes": (500,), "dropout": 0.0,
        "embedding_dropout": 0.0, "word_dropout": 0.0, "clip_norm": None, "epochs": 1,
    }  # fmt: skip
    for name, optimizer in (("SGD", SGD(0.1)), ("Adam", Adam(1e-3))):
        lm = LanguageModel(optimizer=optimizer, batch_size=256, **plain, **common)
        out[f"language model V=10,000, 20 {name} steps"] = least(lambda m=lm: m.fit(ids), 2)
    recipe = LanguageModel(epochs=1, batch_size=512, **common)
    out["language model, default recipe, 10 steps"] = least(lambda: recipe.fit(ids), 2)
    out["language model, log_prob of 5,120 words"] = least(lambda: recipe.log_prob(ids), 2)
    return out


def write_corpora(data: Path, folder: Path) -> None:
    for corpus in ("AGNews", "IMDB"):
        with gzip.open(data / corpus / "train.tsv.gz", "rt", encoding="utf-8") as file:
            lines = [line.rstrip("\n").split("\t") for line in file]
        random.Random(0).shuffle(lines)
        text = "".join(f"__label__{line[0]} {line[-1]}\n" for line in lines)
        (folder / f"{corpus}.txt").write_text(text, encoding="utf-8")


def timed(
    old: str, new: str, folder: str, threads: int, rounds: int
) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of each row in each round, of both versions."""
    seen: dict[str, dict[str, list[float]]] = {"old": {}, "new": {}}
    for _ in range(rounds):
        for side, python in (("old", old), ("new", new)):
            command = [python, os.path.abspath(__file__), "--rows", folder, str(threads)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            for row, value in json.loads(done.stdout).items():
                seen[side].setdefault(row, []).append(value)
    return seen


def main() -> None:
    from pyffnn.bench import script  # not at the top: the old version may not have it

    parser = script.parser(__doc__)
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--name", default="this version against another", help="of the group in the file of results")  # fmt: skip
    parser.set_defaults(threads=[1])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_corpora(args.data, Path(name))
        for session in script.sessions("bench_versions", args):
            seen = timed(args.old, args.new, name, session.threads, args.rounds)
            result = []
            for row, values in seen["old"].items():
                old, new = min(values), min(seen["new"][row])
                if session.wanted(args.name, row):
                    ratios = {"before": old / new}
                    seconds = {"pyffnn": new / 1e3, "before": old / 1e3}
                    result.append({"case": row, "seconds": seconds, "ratios": ratios, "ratio": old / new})  # fmt: skip
                    print(f"{row:44} {new:.3g} ms, before {old:.3g} ms ({old / new:.2f}x)")
            session.write(args.name, result)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rows"]:
        print(json.dumps(rows(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
