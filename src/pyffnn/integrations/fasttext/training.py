"""`train_supervised` and `train_unsupervised`."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

from .arguments import SUPERVISED, UNSUPERVISED, Arguments, read_arguments
from .model import MissingFileError, _FastText

__all__ = ["retrained", "text_of", "train_supervised", "train_unsupervised"]

_NAMES = [
    *(
        "input",
        "lr",
        "dim",
        "ws",
        "epoch",
        "minCount",
        "minCountLabel",
        "minn",
        "maxn",
        "neg",
        "wordNgrams",
        "loss",
    ),
    *("bucket", "thread", "lrUpdateRate", "t", "label", "verbose", "pretrainedVectors", "seed"),
]
_AUTOTUNE = [
    "autotuneValidationFile",
    "autotuneMetric",
    "autotunePredictions",
    "autotuneDuration",
    "autotuneModelSize",
]


def train_supervised(*args: Any, **kwargs: Any) -> _FastText:
    """A classifier of labelled lines, as fastText trains it.

    `input` is a path, or lines as a list, an iterator or a column of Arrow or pandas; a line has its labels among its words, which
    begin with `label` ("__label__"). Then, by position or name, with defaults: `lr` 0.1, `dim` 100, `ws` 5, `epoch` 5, `minCount` 1,
    `minCountLabel` 0, `minn` 0, `maxn` 0, `neg` 5, `wordNgrams` 1, `loss` "softmax" ("hs", "ns", "ova"), `bucket` 2000000, `thread`,
    `lrUpdateRate` 100, `t` 0.0001, `label`, `verbose` 2, `pretrainedVectors` "" (a .vec file), `seed` 0, and, for a search of
    settings in `autotuneDuration` (300) seconds: `autotuneValidationFile`, `autotuneMetric` "f1", `autotunePredictions` 1,
    `autotuneModelSize`. The same text, settings and seed give the same model, whatever `thread` is.

    Raises ValueError for wrong settings, a text without labels or words, a missing file; TypeError for unknown arguments;
    FloatingPointError for a run that diverges.
    """
    arguments = read_arguments(args, kwargs, _NAMES + _AUTOTUNE, SUPERVISED)
    text = text_of(arguments.input)
    if arguments.autotuneValidationFile:
        from .autotune import search

        return search(text, arguments)
    return fitted(text, arguments)


def train_unsupervised(*args: Any, **kwargs: Any) -> _FastText:
    """Vectors of words and their character n-grams, by skip-grams or continuous bags of words.

    Arguments as for `train_supervised`, with `model` "skipgram" (or "cbow") behind `input`, and `lr` 0.05, `minCount` 5, `minn` 3,
    `maxn` 6, `loss` "ns". Lines have no labels.
    """
    names = ["input", "model", *_NAMES[1:]]
    arguments = read_arguments(args, kwargs, names, UNSUPERVISED)
    if arguments.model == "supervised":
        raise ValueError(
            "Unrecognized model name: model must be cbow or skipgram, got 'supervised'"
        )
    return fitted(text_of(arguments.input), arguments)


def fitted(text: str | bytes, a: Arguments, seconds: float = math.inf) -> _FastText:
    """A model trained with these settings. Raises TimeoutError after so many seconds."""
    words, vectors = _pretrained(a)
    told = _Progress(a.lr) if a.verbose > 1 else None
    core, loss = _pyffnn.fasttext_train(
        text,
        a.core_settings(),
        a.lr,
        a.minCountLabel,
        a.seed,
        words,
        vectors,
        seconds,
        told,
        a.thread,
    )
    if told is not None:
        told.end(loss)
    model = _FastText(args=a)
    model._set_core(core)
    return model


def retrained(
    model: _pyffnn.FastTextModel,
    text: str | bytes,
    a: Arguments | None,
    epoch: int | None,
    lr: float | None,
    seconds: float = math.inf,
) -> _pyffnn.FastTextModel:
    """The model trained on: `epoch` times at rate `lr`, by default as it was trained."""
    epoch = epoch or int(model.settings()["epoch"])
    lr = lr or (a.lr if a is not None else SUPERVISED["lr"])
    return _pyffnn.fasttext_train_on(
        model,
        text,
        lr,
        epoch,
        a.seed if a is not None else 0,
        seconds,
        None,
        a.thread if a is not None else 0,
    )[0]


def text_of(source: Any) -> str | bytes:
    """A path as it is; lines as bytes. Raises MissingFileError for no file, ValueError for a line feed in a line."""
    if isinstance(source, str | os.PathLike):
        path = os.fspath(source)
        if path == "-":
            raise ValueError("Cannot use stdin for training!")
        if not os.path.exists(path):
            raise MissingFileError(2, f"{path} cannot be opened for training!", path)
        return path
    if isinstance(source, bytes | bytearray) or not isinstance(source, Iterable):
        raise TypeError(f"input must be a path or lines of text, got {type(source).__name__}")
    lines = source.to_pylist() if hasattr(source, "to_pylist") else source
    out = bytearray()
    for i, line in enumerate(lines):
        if not isinstance(line, str):
            raise TypeError(f"input must hold str, got {type(line).__name__} at position {i}")
        if "\n" in line:
            raise ValueError(
                f"input must hold one line each (remove '\\n'), got more at position {i}"
            )
        out += line.encode()
        out += b"\n"
    return bytes(out)


def _pretrained(a: Arguments) -> tuple[list[str], NDArray[np.float32] | None]:
    if not a.pretrainedVectors:
        return [], None
    path = os.fspath(a.pretrainedVectors)
    try:
        file = open(path, encoding="utf-8", errors="surrogateescape", newline="\n")  # noqa: SIM115
    except FileNotFoundError as error:
        raise MissingFileError(error.errno, f"{path} cannot be opened for loading!", path) from None
    with file:
        head = file.readline().split()
        if len(head) != 2 or not all(part.isdecimal() for part in head):
            raise ValueError(
                f"{path}: the first line must hold the number of vectors and their dimension"
            )
        count, dim = map(int, head)
        if dim != a.dim:
            raise ValueError(
                f"Dimension of pretrained vectors ({dim}) does not match dimension ({a.dim})!"
            )
        words, rows = [], []
        for number, line in zip(range(count), file, strict=False):
            parts = line.rstrip().split(" ")
            if len(parts) != dim + 1:
                raise ValueError(
                    f"{path}:{number + 2}: a word and {dim} numbers are wanted, got {len(parts)} fields"
                )
            words.append(parts[0].encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
            rows.append(np.array(parts[1:], np.float32))
    if len(words) != count:
        raise ValueError(
            f"{path} breaks off: {count} vectors are announced, {len(words)} are there"
        )
    return words, np.stack(rows) if rows else np.empty((0, dim), np.float32)


class _Progress:
    """The line that fastText writes while it trains, on standard error."""

    def __init__(self, lr: float) -> None:
        self._lr = lr
        self._write: Callable[[str], Any] | None = getattr(sys.stderr, "write", None)

    def __call__(self, done: float, lr: float, loss: float) -> None:
        self._print(f"\rProgress: {100 * done:5.1f}% lr: {lr:9.6f} avg.loss: {loss:9.6f}")

    def end(self, loss: float) -> None:
        self._print(f"\rProgress: 100.0% lr: {0:9.6f} avg.loss: {loss:9.6f}\n")

    def _print(self, text: str) -> None:
        if self._write is not None:
            self._write(text)
