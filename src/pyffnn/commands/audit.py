"""``pyffnn audit``: look at labelled texts for what hurts a model or its evaluation."""

from __future__ import annotations

import argparse
from contextlib import ExitStack

from .arguments import Commands, check_can_write
from .files import add_columns, note, opened


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "audit",
        help="look at labelled texts: copies, conflicts, label errors, leaks",
        description="Look at labelled texts, and print copies and label conflicts among them, likely "
        "label errors (by cross-validation), rare classes, texts without label, empty and very long "
        "texts, other languages and scripts than most, broken encodings, and texts of training that "
        "are in the test set, too. FILE: as for `pyffnn train`.",
    )
    parser.add_argument("file", metavar="FILE", help="labelled texts; -: standard input")
    parser.add_argument("--test", metavar="FILE", help="the test set, in the same form")
    parser.add_argument("--html", metavar="FILE", help="write a page with more cases, too")
    parser.add_argument("--json", action="store_true", help="as one JSON object, with all cases")
    parser.add_argument(
        "-k", type=int, default=5, metavar="K", help="cases of each kind to print (default: 5)"
    )
    parser.add_argument(
        "--rare",
        type=int,
        default=10,
        metavar="N",
        help="classes of fewer texts are rare (default: 10)",
    )
    parser.add_argument(
        "--label-errors",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="look for label errors, the one part that trains models (default: yes)",
    )
    parser.add_argument(
        "--multilabel", action="store_true", help="commas part several labels in a cell"
    )
    parser.add_argument(
        "--label-prefix",
        default="__label__",
        metavar="TEXT",
        help="what labels begin with in fastText's form (default: __label__)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the cross-validation (default: 0)"
    )
    parser.add_argument("--threads", type=int, metavar="N", help="threads (default: all)")
    add_columns(parser)
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> None:
    for flag, value, least in (
        ("-k", args.k, 0),
        ("--rare", args.rare, 0),
        ("--seed", args.seed, 0),
        ("--threads", args.threads, 1),
    ):
        if value is not None and value < least:
            args.parser.error(f"argument {flag}: must be at least {least}, got {value}")
    if args.html is not None:
        check_can_write(args.html)
    from pyffnn.auditing import audit
    from pyffnn.auditing.examples import Repaired

    with ExitStack() as files:

        def read(path: str | None) -> object:
            if path is None:
                return None
            return files.enter_context(opened(args, files.enter_context(Repaired(path)).as_file))

        report = audit(
            read(args.file),
            X_test=read(args.test),
            label_errors=args.label_errors,
            rare=args.rare,
            multilabel=args.multilabel,
            label_prefix=args.label_prefix,
            random_state=args.seed,
            n_threads=args.threads,
            note=note,
        )
    if args.html is not None:
        with open(args.html, "w", encoding="utf-8") as page:
            page.write(report.to_html())
    if args.json:
        import json

        print(json.dumps(report.to_dict(), indent=2))
    else:
        print(report.table(args.k))
