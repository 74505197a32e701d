"""Other packages' prediction, each in an interpreter of its own, for they share the name of their module: `bench_fasttext.py --peer-python`.

This file is what that interpreter runs, so it needs nothing but the package.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

MODULES = ("fasttext", "fasttext_new")


class Timed(NamedTuple):
    """What a run took where it ran, and what it gave."""

    seconds: float
    result: Any


class Peer:
    """A package in the interpreter at `python`, which predicts with one model when it is asked."""

    def __init__(self, python: str | Path) -> None:
        self._process = subprocess.Popen(
            [os.fspath(python), __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "RAYON_NUM_THREADS": "1"},
        )
        self.name: str = self._read()["name"]

    def load(self, path: str, lines: list[str], short: str, times: int) -> None:
        """A model, the list that `predict_list` predicts, and the text that `predict_short` predicts so many times."""
        self._ask({"what": "load", "path": path, "lines": lines, "short": short, "times": times})

    def predict_list(self) -> Timed:
        return self._timed("list")

    def predict_short(self) -> Timed:
        return self._timed("short")

    def labels(self) -> list[list[str]]:
        """Those of the last list."""
        labels: list[list[str]] = self._ask({"what": "labels"})["labels"]
        return labels

    def close(self) -> None:
        self._process.communicate()

    def _timed(self, what: str) -> Timed:
        return Timed(self._ask({"what": what})["seconds"], None)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args[0]!r} ended: status {self._process.wait()}")  # type: ignore[index]
        answer: dict[str, Any] = json.loads(line)
        return answer


def serve() -> None:
    import importlib
    import importlib.metadata as metadata
    import importlib.util

    found = [name for name in MODULES if importlib.util.find_spec(name) is not None]
    if not found:
        sys.exit(f"{sys.executable} has none of {', '.join(MODULES)}")
    module = importlib.import_module(found[0])
    package = metadata.packages_distributions()[found[0]][0]
    answer({"name": f"{package} {metadata.version(package)}"})
    runs: dict[str, Callable[[], Any]] = {}
    result: Any = None
    for line in sys.stdin:
        question = json.loads(line)
        what = question["what"]
        if what == "load":
            model = module.load_model(question["path"])
            runs = runs_of(model, question["lines"], question["short"], question["times"])
            answer({})
        elif what == "labels":
            answer({"labels": [list(labels) for labels in result[0]]})
        else:
            start = time.perf_counter()
            given = runs[what]()
            answer({"seconds": time.perf_counter() - start})
            result = given if what == "list" else result


def runs_of(model: Any, lines: list[str], short: str, times: int) -> dict[str, Callable[[], Any]]:
    return {
        "list": lambda: model.predict(lines),
        "short": lambda: [model.predict(short) for _ in range(times)],
    }


def answer(what: dict[str, Any]) -> None:
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    serve()
