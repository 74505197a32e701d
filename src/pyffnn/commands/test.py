"""``pyffnn test``: how good a text classifier is on labelled texts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .arguments import Commands, add_model
from .files import add_columns, note, opened

if TYPE_CHECKING:
    from pyffnn.metrics import Scores


_NONE = "(none of these)"


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "test",
        help="accuracy, precision, recall and F1 of a text classifier",
        description="Accuracy, and precision, recall and F1 of each label, of a classifier on "
        "labelled texts. FILE: as for `pyffnn train`. Labels that the model does not know count "
        "as wrong.",
    )
    parser.add_argument("file", metavar="FILE", help="labelled texts; -: standard input")
    add_model(parser, "a model of `pyffnn train`")
    add_columns(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from pyffnn.metrics import score_labels, score_sets
    from pyffnn.models.text_classifier import TextClassifier
    from pyffnn.text.labelled import read_labelled

    model = TextClassifier.load(args.model)
    with opened(args, args.file) as file:
        found = read_labelled(file, model.label_prefix, several=model.multilabel, note=note)
    predicted = model.predict(found.texts)
    known = [str(label) for label in model.classes_]
    others = sorted({label for labels in found.labels for label in labels} - set(known))
    if model.multilabel:
        sets = [[str(label) for label in labels] for labels in predicted]
        scores = score_sets(found.labels, sets, known + others)
    else:
        names = [_NONE if label is None else str(label) for label in predicted]
        if _NONE in names and _NONE not in others:
            others.append(_NONE)
        scores = score_labels(found.single(args.file), names, known + others)
    (_print_json if args.json else _print)(scores, len(found.texts))


def _print(scores: Scores, examples: int) -> None:
    print(f"texts      {examples:,}")
    print(f"accuracy   {scores.accuracy:.4f}")
    width = max(5, *(len(str(label)) for label in scores.labels))
    print(f"\n{'label':{width}}  precision  recall      F1   texts")
    rows = list(
        zip(scores.labels, scores.precision, scores.recall, scores.f1, scores.support, strict=True)
    )
    total = int(scores.support.sum())
    rows.append(("macro", scores.macro_precision, scores.macro_recall, scores.macro_f1, total))
    rows.append(("micro", scores.micro_precision, scores.micro_recall, scores.micro_f1, total))
    for label, precision, recall, f1, support in rows:
        if label == "macro":
            print()
        print(f"{label:{width}}  {precision:9.4f}  {recall:6.4f}  {f1:6.4f}  {support:6}")


def _print_json(scores: Scores, examples: int) -> None:
    import json

    def entry(precision: float, recall: float, f1: float) -> dict[str, float]:
        return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}

    report = {
        "texts": examples,
        "accuracy": scores.accuracy,
        "macro": entry(scores.macro_precision, scores.macro_recall, scores.macro_f1),
        "micro": entry(scores.micro_precision, scores.micro_recall, scores.micro_f1),
        "labels": {
            label: {**entry(precision, recall, f1), "texts": int(support)}
            for label, precision, recall, f1, support in zip(
                scores.labels,
                scores.precision,
                scores.recall,
                scores.f1,
                scores.support,
                strict=True,
            )
        },
    }
    print(json.dumps(report, indent=2))
