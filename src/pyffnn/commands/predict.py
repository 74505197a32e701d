"""``pyffnn predict``: labels of texts, a line for each."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from .arguments import Commands, add_model
from .files import add_columns, load_text_model, opened

if TYPE_CHECKING:
    from pyffnn.models.text_classifier import TextClassifier, TextRegressor

_BLOCK = 1024


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "predict",
        help="label texts",
        description="Print the label of each text, in the order of FILE: UTF-8, plain or packed "
        "(.gz, .zst), a text a line, or CSV, TSV, JSON lines or Parquet, by its name or --format. "
        "Labels, and their probabilities with --proba, are parted by tabs. Of a regressor its "
        "numbers. A model trained with --reject answers some with an empty line, for none of its labels.",
    )
    parser.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="texts; -: standard input"
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
    add_columns(parser, labelled=False)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> None:
    if args.k is not None and args.k < 1:
        args.parser.error(f"argument -k: must be at least 1, got {args.k}")
    if not 0 <= args.threshold <= 1:
        args.parser.error(f"argument --threshold: must be in [0, 1], got {args.threshold}")
    from pyffnn.models.text_classifier import TextRegressor
    from pyffnn.text.labelled import read_texts

    model = load_text_model(args.model)
    numbers = isinstance(model, TextRegressor)
    if numbers and (args.k is not None or args.proba or args.explain or args.threshold):
        args.parser.error("-k, --proba, --threshold and --explain are for classifiers")
    with opened(args, args.file) as file:
        # someone who types wants each answer at once
        block = 1 if args.file == "-" and sys.stdin.isatty() else _BLOCK
        texts = read_texts(file, model.label_prefix)
        while some := list(islice(texts, block)):
            answers = (
                _numbers(model, some)
                if numbers
                else _answers(model, some, args.k, args.proba, args.threshold)
            )
            for text, line in zip(some, answers, strict=True):
                print(line)
                if args.explain:
                    print(*model.explain(text).table(k=10).splitlines()[1:], sep="\n")
            if block == 1:
                sys.stdout.flush()


def _numbers(model: TextRegressor, texts: list[str]) -> Iterator[str]:
    values = model.predict(texts)
    for row in values.reshape(len(texts), -1):
        yield "\t".join(f"{value:.6g}" for value in row)


def _answers(
    model: TextClassifier, texts: list[str], k: int | None, proba: bool, threshold: float
) -> Iterator[str]:
    """A line for each text; without ``k`` the labels that `predict` gives."""
    import numpy as np

    probabilities = model.predict_proba(texts)
    names = [str(label) for label in model.classes_]
    if k is None:
        threshold = max(threshold, model.reject_threshold_ or 0.0)
    for p in probabilities:
        best = np.argsort(-p, kind="stable")[: 1 if k is None else k].tolist()
        if k is None and model.multilabel:
            best = [
                i for i in np.argsort(-p, kind="stable").tolist() if p[i] > model.thresholds_[i]
            ]
        best = [i for i in best if p[i] >= threshold]
        yield "\t".join(f"{names[i]}\t{p[i]:.6f}" if proba else names[i] for i in best)
