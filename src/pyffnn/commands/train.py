"""``pyffnn train``: a text classifier from a file of labelled texts."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

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
    add_columns(parser)
    add_checkpoint(parser)
    add_quiet(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> None:
    from typing import Any

    from pyffnn.models.text_classifier import TextClassifier
    from pyffnn.text.labelled import read_labelled

    checkpoint = checkpoint_of(args)
    check_can_write(args.model)
    model = TextClassifier(verbose=not args.quiet, **options_of(args))

    def data(path: str) -> tuple[Any, Any]:
        file = files.enter_context(opened(args, path))
        if file.is_fasttext(model.label_prefix):
            return file, None  # read in C++
        found = read_labelled(file, model.label_prefix, several=model.multilabel, note=note)
        return found.texts, found.labels if model.multilabel else found.single(path)

    with ExitStack() as files:
        texts, labels = data(args.file)
        held_out, held_out_labels = (None, None) if args.valid is None else data(args.valid)
        with kept_if_interrupted(args):
            model.fit(texts, labels, X_val=held_out, y_val=held_out_labels, **checkpoint)
    model.save(args.model)
    print(f"labels       {len(model.classes_):,}")
    print(f"vocabulary   {len(model.vocabulary_):,} words")
    accuracies = [record["val_accuracy"] for record in model.history_]
    if accuracies[-1] is not None:
        kept = max(accuracies) if model.early_stopping else accuracies[-1]
        print(f"valid        accuracy {kept:.4f}")
    print(f"model        {args.model}")
