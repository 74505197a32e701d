"""``pyffnn lm``: train, measure and use language models."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from .arguments import (
    Commands,
    add_checkpoint,
    add_model,
    add_quiet,
    check_can_write,
    checkpoint_of,
    options_of,
)
from .files import Files, kept_if_interrupted

if TYPE_CHECKING:
    from pyffnn.corpus import Evaluation


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "lm",
        help="train, measure and use a language model",
        description="Neural language models over files with one sentence a line.",
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_train(actions)
    _add_perplexity(actions)
    _add_generate(actions)


def _add_train(actions: Commands) -> None:
    parser = actions.add_parser(
        "train",
        model="pyffnn.models.language_model:LanguageModel",
        without=("vocabulary", "verbose"),
        usage="%(prog)s FILE --model M [options]",
        help="train a model on a text file",
        description="Train a language model. FILE: UTF-8 text, one sentence a line, words parted "
        "by white space; plain or packed (.gz, .zst), or the text column of a .csv, .tsv, .jsonl or "
        ".parquet file.",
    )
    parser.add_argument("file", metavar="FILE", help="training text")
    add_model(parser, "where to write the model (.safetensors)")
    parser.add_argument("--valid", metavar="FILE", help="validation text, looked at each epoch")
    add_checkpoint(parser)
    parser.add_argument(
        "--memmap", metavar="FILE", help="keep word numbers here: for a text larger than memory"
    )
    add_quiet(parser)
    parser.set_defaults(run=_train, parser=parser)


def _add_perplexity(actions: Commands) -> None:
    parser = actions.add_parser(
        "perplexity",
        help="perplexity of a text, beside n-grams and mixed with them",
        description="Perplexity of a text file: every token counts, words outside the vocabulary "
        "as the unknown token. With --ngram also that of a Kneser-Ney model over the same "
        "vocabulary, and with --valid that of the mixture of both, weighted by EM.",
    )
    parser.add_argument("file", metavar="FILE", help="text to measure")
    add_model(parser, "a model of `pyffnn lm train`")
    parser.add_argument("--ngram", metavar="FILE", help="training text of the n-gram model")
    parser.add_argument("--order", type=int, default=5, help="of the n-grams, 1 to 5 (default: 5)")
    parser.add_argument("--valid", metavar="FILE", help="text that the mixture is weighted on")
    parser.add_argument(
        "--cache", action="store_true", help="add a decayed unigram cache to the mixture"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=_perplexity, parser=parser)


def _add_generate(actions: Commands) -> None:
    parser = actions.add_parser(
        "generate", help="draw words from a model", description="Draw words one after the other."
    )
    add_model(parser, "a model of `pyffnn lm train`")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="words before them")
    parser.add_argument("-n", type=int, default=50, help="how many words (default: 50)")
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        metavar="T",
        help="below 1: likelier words; 0: always the likeliest (default: 1)",
    )
    parser.add_argument(
        "--top-k", type=int, metavar="K", help="draw among the K likeliest words only"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="(default: 0)")
    parser.add_argument(
        "--unknown", action="store_true", help="let the unknown token be drawn, too"
    )
    parser.set_defaults(run=_generate)


def _train(args: argparse.Namespace) -> None:
    from pyffnn.models.language_model import LanguageModel

    checkpoint = checkpoint_of(args)
    for path in (args.model, args.memmap):
        if path is not None:
            check_can_write(path)
    model = LanguageModel(verbose=not args.quiet, **options_of(args))
    with Files() as files, kept_if_interrupted(args):
        model.fit(
            files.readable(args.file),
            valid=files.readable(args.valid),
            memmap=args.memmap,
            **checkpoint,
        )
    model.save(args.model)
    best = model.best_epoch_
    last = model.history_[-1 if best is None else best - 1]
    print(f"vocabulary   {len(model.vocabulary_):,} words")
    print(f"parameters   {model.n_parameters_:,}")
    if last["val_perplexity"] is not None:
        print(f"valid        perplexity {last['val_perplexity']:.2f}")
    print(f"model        {args.model}")


def _evaluations(
    args: argparse.Namespace, text: str, ngram_text: str | None, valid: str | None
) -> tuple[dict[str, Evaluation], dict[str, float] | None]:
    """Each model's perplexity, and the shares of a mixture."""
    from pyffnn.models.language_model import LanguageModel

    model = LanguageModel.load(args.model)
    found = {"neural": model.evaluate(text)}
    if ngram_text is None:
        return found, None
    from pyffnn.models.ngram import KneserNeyLM

    ngram = KneserNeyLM(args.order, vocabulary=model.vocabulary_, lowercase=model.lowercase).fit(
        ngram_text, valid=valid
    )
    found[f"kneser-ney {args.order}"] = ngram.evaluate(text)
    if valid is None:
        return found, None
    mixture = ngram.mix(model, cache=args.cache)
    found["mixture"] = mixture.evaluate(text)
    return found, mixture.weights_


def _perplexity(args: argparse.Namespace) -> None:
    if args.ngram is None and (args.valid is not None or args.cache):
        args.parser.error("--valid and --cache belong to a mixture: give --ngram, too")
    if args.cache and args.valid is None:
        args.parser.error("--cache needs --valid, the text that its share is fitted on")
    with Files() as files:
        text, ngram, valid = map(files.readable, (args.file, args.ngram, args.valid))
        found, weights = _evaluations(args, text, ngram, valid)
    if args.json:
        import json

        report = {name: evaluation._asdict() for name, evaluation in found.items()}
        print(json.dumps({**report, **({"weights": weights} if weights else {})}, indent=2))
        return
    width = max(map(len, found))
    for name, evaluation in found.items():
        print(f"{name:{width}}  {evaluation}")
    if weights:
        shares = ", ".join(f"{name} {share:.3f}" for name, share in weights.items())
        print(f"{'shares':{width}}  {shares}")


def _generate(args: argparse.Namespace) -> None:
    from pyffnn.models.language_model import LanguageModel

    model = LanguageModel.load(args.model)
    words = model.generate(
        args.prompt,
        args.n,
        temperature=args.temperature,
        top_k=args.top_k,
        random_state=args.seed,
        unknown=args.unknown,
    )
    text = " ".join([*args.prompt.split(), *map(str, words)])
    eos = model.eos_token
    if eos is not None:
        text = text.replace(f" {eos} ", "\n").removesuffix(f" {eos}")
    sys.stdout.write(text + "\n")
