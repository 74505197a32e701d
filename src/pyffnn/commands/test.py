"""``pyffnn test``: how good a text classifier is on labelled texts."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .arguments import Commands, add_model
from .files import add_columns, load_text_model, note, opened

if TYPE_CHECKING:
    from pyffnn.metrics import Scores
    from pyffnn.models.text_classifier import TextRegressor


_NONE = "(none of these)"


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "test",
        help="accuracy, precision, recall and F1 of a text classifier; R^2 and errors of a regressor",
        description="Accuracy, and precision, recall and F1 of each label, of a classifier on "
        "labelled texts; of a regressor R^2, the mean absolute error and the root of the mean squared "
        "error. FILE: as for `pyffnn train`. Labels that the model does not know count "
        "as wrong.",
    )
    parser.add_argument("file", metavar="FILE", help="labelled texts; -: standard input")
    add_model(parser, "a model of `pyffnn train`")
    add_columns(parser)
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from pyffnn.metrics import score_labels, score_sets
    from pyffnn.models.text_classifier import TextRegressor
    from pyffnn.text.labelled import read_labelled

    model = load_text_model(args.model)
    if isinstance(model, TextRegressor):
        _test_numbers(args, model)
        return
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


def _test_numbers(args: argparse.Namespace, model: TextRegressor) -> None:
    import json

    import numpy as np

    from pyffnn.metrics import r2_score
    from pyffnn.text.labelled import read_labelled

    with opened(args, args.file) as file:
        found = read_labelled(file, model.label_prefix, several=False, note=note)
    predicted = model.predict(found.texts)
    try:
        true = np.array([list(map(float, labels)) for labels in found.labels])
        true = true.reshape(predicted.shape)
    except ValueError as error:
        outputs = 1 if predicted.ndim == 1 else predicted.shape[1]
        raise ValueError(
            f"{file.name!r}: each text must have {outputs} numbers as labels: {error}"
        ) from None
    off = predicted - true
    report = {
        "texts": len(found.texts),
        "r2": r2_score(true, predicted),
        "mean_absolute_error": float(np.abs(off).mean()),
        "root_mean_squared_error": float(np.sqrt((off**2).mean())),
    }
    if args.json:
        print(json.dumps(report, indent=2))
        return
    print(f"texts      {report['texts']:,}")
    print(f"R^2        {report['r2']:.4f}")
    print(f"MAE        {report['mean_absolute_error']:.4g}")
    print(f"RMSE       {report['root_mean_squared_error']:.4g}")


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
