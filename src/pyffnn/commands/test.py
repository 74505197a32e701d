"""``pyffnn test``: how good a text classifier is on labelled texts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from .arguments import Commands, add_model, check_can_write
from .files import add_columns, load_text_model, note, opened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pyffnn.metrics import Scores
    from pyffnn.models.text_classifier import TextRegressor
    from pyffnn.text.labelled import LabelledTexts


_NONE = "(none of these)"
_MOST_IN_PRINT, _MOST_IN_PICTURE = 12, 30
"""Labels of a confusion table: of more, those with most confusions, and the others as one."""
_OTHERS = "(others)"


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "test",
        help="P@k, R@k, accuracy, precision, recall and F1 of a text classifier; R^2 and errors of a regressor",
        description="Precision and recall of the K likeliest labels, accuracy, precision, recall and F1 of "
        "each label, and which labels are taken for which, of a classifier on labelled texts; of a regressor "
        "R^2, the mean absolute error and the root of the mean squared error. FILE: as for `pyffnn train`. "
        "Labels that the model does not know count as wrong.",
    )
    parser.add_argument("file", metavar="FILE", help="labelled texts; -: standard input")
    add_model(parser, "a model of `pyffnn train`")
    add_columns(parser)
    parser.add_argument(
        "-k",
        type=_counts,
        default=(1,),
        metavar="K,K",
        help="P@k and R@k of so many likeliest labels, several parted by commas (default: 1)",
    )
    parser.add_argument(
        "--plot",
        metavar="FILE",
        help="draw which labels are taken for which (.png, .svg, .pdf; needs matplotlib)",
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run, parser=parser)


def _counts(text: str) -> tuple[int, ...]:
    counts = tuple(map(int, text.split(",")))
    if min(counts) < 1:
        raise ValueError(text)
    return counts


class _AtK(NamedTuple):
    """Of the k likeliest labels of each text: the share that is right, and the share of the right labels that they are."""

    k: int
    precision: float
    recall: float


def run(args: argparse.Namespace) -> None:
    from pyffnn.models.text_classifier import TextRegressor
    from pyffnn.text.labelled import read_labelled

    if args.plot is not None:
        check_can_write(args.plot)
    model = load_text_model(args.model)
    if isinstance(model, TextRegressor):
        if args.plot is not None:
            args.parser.error("argument --plot: not with a regressor, which has no labels")
        _test_numbers(args, model)
        return
    if model.multilabel and args.plot is not None:
        args.parser.error("argument --plot: not with several labels a text")
    with opened(args, args.file) as file:
        found = read_labelled(file, model.label_prefix, several=model.multilabel, note=note)
    if not model.multilabel:
        found.single(args.file)
    scores, confusion = _scores(model, found)
    at = _at_k(model, found, args.k)
    if args.plot is not None:
        _plot(scores, confusion, args.plot)
    (_print_json if args.json else _print)(scores, at, confusion, len(found.texts))


def _scores(model: Any, found: LabelledTexts) -> tuple[Scores, NDArray[np.int64] | None]:
    """And the confusion matrix, where a text has one label."""
    from pyffnn.metrics import confusion_matrix, score_labels, score_sets

    predicted = model.predict(found.texts)
    known = [str(label) for label in model.classes_]
    others = sorted({label for labels in found.labels for label in labels} - set(known))
    if model.multilabel:
        sets = [[str(label) for label in labels] for labels in predicted]
        return score_sets(found.labels, sets, known + others), None
    names = [_NONE if label is None else str(label) for label in predicted]
    if _NONE in names and _NONE not in others:
        others.append(_NONE)
    single = [labels[0] for labels in found.labels]
    labels = known + others
    return score_labels(single, names, labels), confusion_matrix(single, names, labels)


def _at_k(model: Any, found: LabelledTexts, counts: Sequence[int]) -> list[_AtK]:
    best = model.top_k(found.texts, max(counts))
    given = sum(map(len, found.labels))
    out = []
    for k in counts:
        asked = hits = 0
        for row, labels in zip(best, found.labels, strict=True):
            likeliest = [str(label) for label, _ in row[:k]]
            asked += len(likeliest)
            hits += len(set(likeliest) & set(labels))
        out.append(_AtK(k, hits / max(asked, 1), hits / max(given, 1)))
    return out


def _most_confused(
    labels: list[Any], confusion: NDArray[np.int64], most: int
) -> tuple[list[str], NDArray[np.int64]]:
    """The confusion matrix of at most so many labels: those with most confusions, the others put together."""
    import numpy as np

    names = [str(label) for label in labels]
    if len(names) <= most:
        return names, confusion
    wrong = confusion.sum(axis=0) + confusion.sum(axis=1) - 2 * confusion.diagonal()
    kept = np.sort(np.argsort(-wrong, kind="stable")[: most - 1])
    place = np.full(len(names), most - 1)
    place[kept] = np.arange(most - 1)
    out = np.zeros((most, most), np.int64)
    np.add.at(out, (place[:, None], place[None, :]), confusion)
    return [*(names[i] for i in kept), _OTHERS], out


def _plot(scores: Scores, confusion: NDArray[np.int64] | None, path: str) -> None:
    from pyffnn import plot

    assert confusion is not None
    labels, counts = _most_confused(scores.labels, confusion, _MOST_IN_PICTURE)
    plot.confusion_matrix(counts, labels, path, title=f"accuracy {scores.accuracy:.1%}")


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


def _print(
    scores: Scores, at: list[_AtK], confusion: NDArray[np.int64] | None, examples: int
) -> None:
    print(f"texts      {examples:,}")
    print(f"accuracy   {scores.accuracy:.4f}")
    for k, precision, recall in at:
        print(f"{f'P@{k}':<10} {precision:.4f}\n{f'R@{k}':<10} {recall:.4f}")
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
    if confusion is not None:
        _print_confusion(*_most_confused(scores.labels, confusion, _MOST_IN_PRINT))


def _print_confusion(labels: list[str], counts: NDArray[np.int64]) -> None:
    """A row a label, a column a label that it was taken for."""
    cut = [label if len(label) <= 12 else label[:11] + "…" for label in labels]
    first = max(len("is"), *map(len, cut))
    widths = [max(len(label), len(f"{n:,}")) for label, n in zip(cut, counts.max(0), strict=True)]
    head = "  ".join(f"{label:>{w}}" for label, w in zip(cut, widths, strict=True))
    print(f"\n{'is':{first}}  taken for\n{'':{first}}  {head}")
    for label, row in zip(cut, counts.tolist(), strict=True):
        cells = "  ".join(
            f"{n:>{w},}" if n else f"{'.':>{w}}" for n, w in zip(row, widths, strict=True)
        )
        print(f"{label:{first}}  {cells}")


def _print_json(
    scores: Scores, at: list[_AtK], confusion: NDArray[np.int64] | None, examples: int
) -> None:
    import json

    def entry(precision: float, recall: float, f1: float) -> dict[str, float]:
        return {"precision": float(precision), "recall": float(recall), "f1": float(f1)}

    report = {
        "texts": examples,
        "accuracy": scores.accuracy,
        **{f"precision_at_{k}": precision for k, precision, _ in at},
        **{f"recall_at_{k}": recall for k, _, recall in at},
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
    if confusion is not None:
        report["confusion"] = {"labels": scores.labels, "counts": confusion.tolist()}
    print(json.dumps(report, indent=2))
