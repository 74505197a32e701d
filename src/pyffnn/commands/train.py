"""``pyffnn train``: a text classifier, or a regressor, from a file of labelled texts."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from typing import Any

from .arguments import (
    Commands,
    add_checkpoint,
    add_model,
    add_quiet,
    check_can_write,
    checkpoint_of,
    options_of,
)
from .files import FORMS, add_columns, kept_if_interrupted, note, opened


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "train",
        model="pyffnn.models.text_classifier:TextClassifier",
        without=("tokenizer", "verbose"),
        usage="%(prog)s FILE --model M [options]",
        help="train a text classifier",
        description=f"Train a text classifier. {FORMS}. A first row that names a text and a label "
        "is a header.",
    )
    parser.add_argument(
        "file", metavar="FILE", help="labelled texts to train on; -: standard input"
    )
    add_model(parser, "where to write the model (.safetensors)")
    parser.add_argument("--valid", metavar="FILE", help="labelled texts to look at each epoch")
    parser.add_argument(
        "--regression",
        action="store_true",
        help="labels are real numbers: train a TextRegressor, which predicts such",
    )
    parser.add_argument(
        "--loss",
        choices=("squared", "logistic"),
        help="with --regression: squared error (the default), or the cross-entropy of a sigmoid unit "
        "for labels in [0, 1]",
    )
    add_columns(parser)
    add_checkpoint(parser)
    add_quiet(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> None:
    from pyffnn.text.labelled import read_labelled

    checkpoint = checkpoint_of(args)
    check_can_write(args.model)
    model = _model(args)
    if "validation_fraction" in options_of(args) and (args.valid or not model._wants_held_out()):
        args.parser.error(
            "argument --validation-fraction: holds texts out for --early-stopping or --reject, without --valid"
        )

    def data(path: str) -> tuple[Any, Any]:
        file = files.enter_context(opened(args, path))
        if args.regression or file.is_fasttext(model.label_prefix):
            return file, None  # fastText's form is read in C++
        found = read_labelled(file, model.label_prefix, several=model.multilabel, note=note)
        return found.texts, found.labels if model.multilabel else found.single(path)

    with ExitStack() as files:
        texts, labels = data(args.file)
        held_out, held_out_labels = (None, None) if args.valid is None else data(args.valid)
        with kept_if_interrupted(args):
            model.fit(texts, labels, X_val=held_out, y_val=held_out_labels, **checkpoint)
    model.save(args.model)
    if not args.regression:
        print(f"labels       {len(model.classes_):,}")
    print(f"vocabulary   {len(model.vocabulary_):,} words")
    if args.regression:
        losses = [record["val_loss"] for record in model.history_]
        if losses[-1] is not None:
            kept = min(losses) if model.early_stopping else losses[-1]
            print(f"valid        loss {kept:.4f}")
        print(f"model        {args.model}")
        return
    accuracies = [record["val_accuracy"] for record in model.history_]
    if accuracies[-1] is not None:
        kept = max(accuracies) if model.early_stopping else accuracies[-1]
        print(f"valid        accuracy {kept:.4f}")
    print(f"model        {args.model}")


def _model(args: argparse.Namespace) -> Any:
    from pyffnn.models.parameters import SETTINGS
    from pyffnn.models.text_classifier import TextClassifier, TextRegressor

    options = options_of(args)
    if not args.regression:
        if args.loss is not None:
            args.parser.error("argument --loss: only with --regression")
        return TextClassifier(verbose=not args.quiet, **options)
    for name in options:
        if name not in SETTINGS["TextRegressor"]:
            flag = "--" + name.replace("_", "-")
            args.parser.error(f"argument {flag}: not with --regression, which has no classes")
    loss = {} if args.loss is None else {"loss": args.loss}
    return TextRegressor(verbose=not args.quiet, **loss, **options)
