"""``pyffnn predict``: labels of texts, a line for each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from io import TextIOWrapper
from itertools import islice
from typing import TYPE_CHECKING, TextIO

from .arguments import Commands, add_model

if TYPE_CHECKING:
    from pyffnn.models.text_classifier import TextClassifier

_BLOCK = 1024


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "predict",
        help="label texts",
        description="Print the label of each text, in the order of the lines of FILE (UTF-8, "
        "a byte order mark is left out). "
        "Labels, and their probabilities with --proba, are parted by tabs.",
    )
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="texts, one a line; -: standard input"
    )
    add_model(parser, "a model of `pyffnn train`")
    parser.add_argument(
        "-k", type=int, metavar="K", help="the K likeliest labels, likeliest first (default: 1)"
    )
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.0,
        metavar="P",
        help="leave out labels less probable than this (default: 0)",
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="under each text's labels the words and n-grams with the largest shares in the logit of "
        "the likeliest",
    )
    parser.add_argument("--proba", action="store_true", help="each label's probability after it")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> None:
    if args.k is not None and args.k < 1:
        args.parser.error(f"argument -k: must be at least 1, got {args.k}")
    if not 0 <= args.threshold <= 1:
        args.parser.error(f"argument --threshold: must be in [0, 1], got {args.threshold}")
    from pyffnn.models.text_classifier import TextClassifier

    model = TextClassifier.load(args.model)
    name = "standard input" if args.file == "-" else args.file
    with _open(args.file) as file:
        # someone who types wants each answer at once
        block = 1 if file.isatty() else _BLOCK
        texts = _texts(file, name)
        while some := list(islice(texts, block)):
            answers = _answers(model, some, args.k, args.proba, args.threshold)
            for text, line in zip(some, answers, strict=True):
                print(line)
                if args.explain:
                    print(*model.explain(text).table(k=10).splitlines()[1:], sep="\n")
            if block == 1:
                sys.stdout.flush()


def _open(path: str) -> AbstractContextManager[TextIO]:
    if path != "-":
        return open(path, encoding="utf-8-sig", newline="\n")
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", newline="\n")
    return nullcontext(sys.stdin)


def _texts(file: TextIO, name: str) -> Iterator[str]:
    done = 0
    try:
        for line in file:
            yield line.rstrip("\r\n")
            done += 1
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 after line {done}: {error}") from None


def _answers(
    model: TextClassifier, texts: list[str], k: int | None, proba: bool, threshold: float
) -> Iterator[str]:
    """A line for each text; without ``k`` the labels that `predict` gives."""
    import numpy as np

    probabilities = model.predict_proba(texts)
    names = [str(label) for label in model.classes_]
    for p in probabilities:
        best = np.argsort(-p, kind="stable")[: 1 if k is None else k].tolist()
        if k is None and model.multilabel:
            best = [i for i in np.argsort(-p, kind="stable").tolist() if p[i] > 0.5]
        best = [i for i in best if p[i] >= threshold]
        yield "\t".join(f"{names[i]}\t{p[i]:.6f}" if proba else names[i] for i in best)
