"""`autotune*`: a search of settings within a time, in this process; a trial that fails counts as none."""

from __future__ import annotations

import copy
import math
import os
import random
import sys
import time
from typing import Any

from .arguments import Arguments
from .model import MissingFileError, _FastText, pruned
from .training import fitted, retrained

__all__ = ["search"]

_MINN = (0, 2, 3)
_LEAST_CUTOFF = 256
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}


def search(text: str | bytes, given: Arguments) -> _FastText:
    """The model of the best settings met in `autotuneDuration` seconds.

    Settings that were given stay as they are. Raises ValueError for a metric, label or size that cannot be, RuntimeError where no
    trial came to an end.
    """
    valid = os.fspath(given.autotuneValidationFile)
    if not os.path.exists(valid):
        raise MissingFileError(2, "Validation file cannot be opened!", valid)
    metric, size = _Metric(given.autotuneMetric), _size(given.autotuneModelSize)
    start = time.monotonic()

    def left() -> float:
        return given.autotuneDuration - (time.monotonic() - start)

    strategy = _Strategy(given)
    best: tuple[float, _FastText] | None = None
    too_large = trials = 0
    while left() > 0:
        trial = strategy.ask(1 - left() / given.autotuneDuration)
        trials += 1
        try:
            model = _trial(text, trial, size, left())
            if model is None:
                too_large += 1
                continue
            score = metric(model, valid, given.autotunePredictions)
        except (FloatingPointError, MemoryError):
            continue
        except TimeoutError:
            break
        if not math.isnan(score) and (best is None or score > best[0]):
            best = score, model
            strategy.best = trial
        if given.verbose > 1:
            found = f"{best[0]:.6f}" if best else "unknown"
            print(f"\rTrials: {trials} Best score: {found}", end="", file=sys.stderr, flush=True)
    if given.verbose > 1:
        print(file=sys.stderr)
    if best is None:
        if too_large:
            raise RuntimeError(
                "Couldn't fulfil model size constraint: please increase `autotune-modelsize`."
            )
        raise RuntimeError(
            "Didn't have enough time to train once: please increase `autotune-duration`."
        )
    # Training is deterministic: the model of the best trial is the one that training again would give.
    return best[1]


def _trial(text: str | bytes, a: Arguments, size: int | None, seconds: float) -> _FastText | None:
    """A trained model, quantised to at most `size` bytes; None where its outputs alone are larger."""
    start = time.monotonic()
    model = fitted(text, a, seconds)
    if size is None:
        return model
    outputs = model._model.output_matrix().shape[0]
    qout = outputs >= _LEAST_CUTOFF
    cutoff = _cutoff(a, outputs, qout, size)
    if cutoff <= _LEAST_CUTOFF:
        return None
    core = pruned(model._model, cutoff)
    if core is not model._model:
        core = retrained(core, text, a, None, None, seconds - (time.monotonic() - start))
    model._set_core(core.quantise(a.dsub, True, qout))
    return model


def _cutoff(a: Arguments, outputs: int, qout: bool, size: int) -> int:
    """How many rows a quantised model of so many bytes may have."""
    dsub = a.dsub
    if qout:
        out = 21 + outputs * ((a.dim + 1) // 2) + 16 + 4 * a.dim * 256 + outputs
    else:
        out = 16 + 4 * outputs * a.dim
    target = size - 107 - 4 * 256 * a.dim - out
    return max(target // ((a.dim + dsub - 1) // dsub + 1 + 10), _LEAST_CUTOFF)


def _size(given: str | int) -> int | None:
    text = str(given)
    if not text:
        return None
    number, factor = (
        (text[:-1], _UNITS[text[-1].lower()]) if text[-1].lower() in _UNITS else (text, 1)
    )
    if not number.isdecimal():
        raise ValueError(f"Unable to parse model size {text}")
    return int(number) * factor


class _Metric:
    """f1, f1:LABEL, precisionAtRecall:R[:LABEL], recallAtPrecision:P[:LABEL]."""

    def __init__(self, name: str) -> None:
        kind, _, rest = str(name).partition(":")
        self.label: str | None = None
        self.at = 0.0
        if kind == "f1":
            self.label = rest or None
            wrong = ":" in str(name) and not rest
        elif kind in ("precisionAtRecall", "recallAtPrecision"):
            number, _, label = rest.partition(":")
            self.label = label or None
            try:
                self.at = float(number) / 100
                wrong = False
            except ValueError:
                wrong = True
        else:
            wrong = True
        if wrong:
            raise ValueError(f"Unknown metric : {name}")
        self.kind = kind

    def __call__(self, model: _FastText, path: str, k: int) -> float:
        if self.label is not None and model.get_label_id(self.label) < 0:
            raise ValueError(f"Unknown autotune metric label: {self.label}")
        if self.kind == "f1":
            label = None if self.label is None else model.get_label_id(self.label)
            return model._counts(path, k, 0.0).f1_score(label)
        meter = model.get_meter(path, k)
        if self.kind == "precisionAtRecall":
            return meter.precision_at_recall(self.at, self.label)
        return meter.recall_at_precision(self.at, self.label)


class _Strategy:
    """Settings near the best ones so far: far from them at first, near in the second half of the time."""

    def __init__(self, given: Arguments) -> None:
        self.best = copy.copy(given)
        self._given = given
        self._random = random.Random(given.seed)
        self._first = True

    def ask(self, time_gone: float) -> Arguments:
        a = copy.copy(self.best)
        a.verbose = 0
        if self._first:
            self._first = False
            return a

        def free(name: str) -> bool:
            return name not in self._given.manual

        if free("epoch"):
            a.epoch = int(self._scaled(a.epoch, 1, 100, 2.8, 2.5, time_gone))
        if free("lr"):
            a.lr = self._scaled(a.lr, 0.01, 5.0, 1.9, 1.0, time_gone)
        if free("dim"):
            a.dim = int(self._scaled(a.dim, 1, 1000, 1.4, 0.3, time_gone))
        if free("wordNgrams"):
            a.wordNgrams = int(self._moved(a.wordNgrams, 1, 5, 4.3, 2.4, time_gone))
        a.dsub = 2 ** int(self._moved(math.log2(a.dsub), 1, 4, 2.0, 1.0, time_gone))
        if free("minn"):
            at = _MINN.index(a.minn) if a.minn in _MINN else 0
            a.minn = _MINN[int(self._moved(at, 0, len(_MINN) - 1, 4.0, 1.4, time_gone))]
        if free("maxn"):
            a.maxn = 0 if a.minn == 0 else a.minn + 3
        if free("bucket"):
            a.bucket = int(self._scaled(a.bucket, 10_000, 10_000_000, 2.0, 1.5, time_gone))
        if free("loss"):
            a.loss = "softmax"
        return a

    def _draw(self, first: float, last: float, time_gone: float) -> float:
        sigma = first - (first - last) / 0.5 * min(0.5, max(time_gone - 0.25, 0.0))
        return self._random.gauss(0.0, sigma)

    def _scaled(self, value: float, least: float, most: float, *how: Any) -> float:
        return min(max(value * 2 ** self._draw(*how), least), most)

    def _moved(self, value: float, least: float, most: float, *how: Any) -> float:
        return min(max(value + self._draw(*how), least), most)
