"""``pyffnn info``: version, instruction set, threads, and which optional packages are here."""

from __future__ import annotations

import argparse

from .arguments import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "info",
        help="show version, CPU features, threads and optional packages",
        description="Show version, CPU features, threads and optional packages; or with --model what "
        "a model is made of.",
    )
    parser.add_argument(
        "--model", "-m", metavar="M", help="a model file: show its layers, parameters and memory"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    import pyffnn

    if args.model is not None:
        from .files import load_any

        print(load_any(args.model).summary())
    elif args.json:
        import json

        print(json.dumps(pyffnn.config(), indent=2))
    else:
        pyffnn.show_config()
