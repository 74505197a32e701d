"""``pyffnn tune``: settings of a text classifier found by trying."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from .arguments import Commands, add_model, check_can_write, options_of
from .files import FORMS, add_columns, note, opened

if TYPE_CHECKING:
    from pyffnn.tuning import Trial, Tuned


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "tune",
        model="pyffnn.models.text_classifier:TextClassifier",
        without=("tokenizer", "verbose", "validation_fraction"),
        usage="%(prog)s FILE --model M [options]",
        help="find good settings of a text classifier by trying",
        description=f"Try settings of a text classifier, a line each as it is done, and write the best model. {FORMS}. "
        "Settings that are given hold in all trials. The same seed finds the same model, unless --seconds ends "
        "the search.",
    )
    parser.add_argument("file", metavar="FILE", help="labelled texts; -: standard input")
    add_model(parser, "where to write the best model (.safetensors)")
    parser.add_argument(
        "--valid",
        metavar="FILE",
        help="labelled texts to score on (default: a tenth of FILE is held out, and the best settings are "
        "trained once more on all of it)",
    )
    parser.add_argument(
        "--trials", type=int, default=20, metavar="N", help="trials at most (default: 20)"
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="begin no trial after so many seconds"
    )
    add_columns(parser)
    parser.add_argument("--json", action="store_true", help="the trials as JSON, at the end")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> None:
    from pyffnn.models.text_classifier import TextClassifier
    from pyffnn.text.labelled import read_labelled
    from pyffnn.tuning import HEAD, row, tune

    for name, value in (("--trials", args.trials), ("--seconds", args.seconds)):
        if value is not None and not value > 0:
            args.parser.error(f"argument {name}: must be above 0, got {value:g}")
    check_can_write(args.model)
    settings = options_of(args)
    model = TextClassifier(**settings)

    def data(path: str) -> tuple[list[str], list[Any]]:
        with opened(args, path) as file:
            found = read_labelled(file, model.label_prefix, several=model.multilabel, note=note)
        return found.texts, found.labels if model.multilabel else found.single(path)

    def report(trial: Trial) -> None:
        print(row(trial), flush=True)

    X, y = data(args.file)
    X_val, y_val = (None, None) if args.valid is None else data(args.valid)
    if not args.json:
        print(HEAD, flush=True)
    try:
        tuned = tune(
            X,
            y,
            X_val=X_val,
            y_val=y_val,
            trials=args.trials,
            seconds=args.seconds,
            random_state=settings.pop("random_state", 0),
            settings=settings,
            report=None if args.json else report,
        )
    except KeyboardInterrupt as stop:
        so_far: Tuned | None = getattr(stop, "tuned", None)
        if so_far is None:
            raise
        so_far.model.save(args.model)
        raise KeyboardInterrupt(
            f"interrupted after {len(so_far.trials)} trials: {args.model} has the model of the best, number "
            f"{so_far.best.number}"
        ) from None
    tuned.model.save(args.model)
    if args.json:
        trials = [trial._asdict() for trial in tuned.trials]
        print(json.dumps({"best": tuned.best.number, "trials": trials}, indent=2, default=str))
        return
    print(f"\nbest         trial {tuned.best.number}, score {tuned.best.score:.4f}")
    print(f"settings     {_flags(tuned.best.settings) or '(defaults)'}")
    print(f"model        {args.model}")


def _flags(settings: dict[str, Any]) -> str:
    """Settings as the options of ``pyffnn train`` that give them."""
    from .arguments import flag_of

    return " ".join(flag_of(name, value) for name, value in settings.items())
