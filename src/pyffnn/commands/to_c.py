"""``pyffnn to-c``: a trained model of texts as C code."""

from __future__ import annotations

import argparse

from .arguments import Commands, add_model


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "to-c",
        help="write a model of texts as C code that needs no library",
        description="Write a model of `pyffnn train` as one C file, one header, which says how to use "
        "it, and the weights into DIR. Models with a tokenizer, or with an adaptive output, are refused.",
    )
    parser.add_argument("directory", metavar="DIR", help="where to; made where it is missing")
    add_model(parser, "a model of `pyffnn train`")
    parser.add_argument(
        "--name", default="model", help="of the files and before each function (default: model)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    from .files import load_any

    model = load_any(args.model)
    if not hasattr(model, "to_c"):
        raise ValueError(
            f"{args.model} is a {type(model).__name__}: only a TextClassifier or TextRegressor goes to C"
        )
    code, header, weights = model.to_c(args.directory, name=args.name)
    print(f"code         {code}\nheader       {header}\nweights      {weights}")
