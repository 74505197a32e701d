"""``pyffnn vectors``: the word vectors of a model as a file."""

from __future__ import annotations

import argparse

from .arguments import Commands, add_model, check_can_write


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "vectors",
        help="write the word vectors of a model, or show words like a word",
        description="Write the words of a model and their vectors to FILE: .npy (the words go into "
        "a file of the same name that ends in .words), .safetensors, else word2vec's text, gzipped "
        "where it ends in .gz. With --near print the words like a word.",
    )
    parser.add_argument("file", nargs="?", metavar="FILE", help="where to")
    add_model(parser, "a model of `pyffnn train` or `pyffnn lm train`")
    parser.add_argument("--near", metavar="WORD", help="print the words nearest to this one")
    parser.add_argument(
        "-k", type=int, default=10, metavar="K", help="so many of them (default: 10)"
    )
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> None:
    from .files import load_any

    if (args.file is None) == (args.near is None):
        args.parser.error("either FILE or --near is needed")
    if args.file is not None:
        check_can_write(args.file)
    model = load_any(args.model)
    if not hasattr(model, "save_vectors"):
        raise ValueError(f"{args.model} is a {type(model).__name__}, which has no words")
    if args.file is not None:
        model.save_vectors(args.file)
        print(f"vectors      {args.file}")
    else:
        for word, cosine in model.nearest_words(args.near, args.k):
            print(f"{word}\t{cosine:.4f}")
