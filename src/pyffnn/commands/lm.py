"""``pyffnn lm``: train, measure and use language models."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
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
    _add_ngram(actions)
    _add_perplexity(actions)
    _add_score(actions)
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


def _add_ngram(actions: Commands) -> None:
    parser = actions.add_parser(
        "ngram",
        model="pyffnn.models.ngram:KneserNeyLM",
        without=("vocabulary", "discounts"),
        usage="%(prog)s FILE --model M [options]",
        help="count an n-gram model on a text file",
        description="Interpolated modified Kneser-Ney n-grams. FILE as for `pyffnn lm train`. "
        "M: .safetensors, or .arpa or .arpa.gz for the form that KenLM and SRILM read.",
    )
    parser.add_argument("file", metavar="FILE", help="training text")
    add_model(parser, "where to write the model (.safetensors, .arpa or .arpa.gz)")
    parser.add_argument("--valid", metavar="FILE", help="validation text, measured at the end")
    parser.set_defaults(run=_ngram)


def _add_score(actions: Commands) -> None:
    parser = actions.add_parser(
        "score",
        help="log10 probability of each line of a text",
        description="The log10 probability of each line of FILE (- or none: standard input), a number and a tab before "
        "it, as KenLM's query gives it: after an end of sentence and with the next one, where the model has an eos token.",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="-", help="sentences, one a line"
    )
    add_model(parser, "a model of `pyffnn lm train` or `lm ngram`, or an .arpa file")
    parser.add_argument(
        "--no-bos", action="store_true", help="do not begin after an end of sentence"
    )
    parser.add_argument("--no-eos", action="store_true", help="leave out the end of the sentence")
    parser.set_defaults(run=_score)


def _add_perplexity(actions: Commands) -> None:
    parser = actions.add_parser(
        "perplexity",
        help="perplexity of a text, beside n-grams and mixed with them",
        description="Perplexity of a text file: every token counts, words outside the vocabulary "
        "as the unknown token. With --ngram also that of a Kneser-Ney model over the same "
        "vocabulary, and with --valid that of the mixture of both, weighted by EM.",
    )
    parser.add_argument("file", metavar="FILE", help="text to measure")
    add_model(parser, "a model of `pyffnn lm train` or `lm ngram`, or an .arpa file")
    parser.add_argument("--ngram", metavar="FILE", help="training text of the n-gram model")
    parser.add_argument("--order", type=int, default=5, help="of the n-grams, 1 to 7 (default: 5)")
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
    add_model(parser, "a model of `pyffnn lm train` or `lm ngram`, or an .arpa file")
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


def _ngram(args: argparse.Namespace) -> None:
    from pyffnn.models.ngram import KneserNeyLM

    check_can_write(args.model)
    model = KneserNeyLM(**options_of(args))
    with Files() as files:
        model.fit(files.readable(args.file), valid=files.readable(args.valid))
    if ".arpa" in Path(args.model).suffixes[-2:]:
        model.to_arpa(args.model)
    else:
        model.save(args.model)
    print(f"vocabulary   {len(model.vocabulary_):,} words")
    print(f"n-grams      {', '.join(f'{n:,}' for n in model.num_ngrams_)}")
    if model.valid_perplexity_ is not None:
        print(f"valid        perplexity {model.valid_perplexity_:.2f}")
    print(f"model        {args.model}")


def _score(args: argparse.Namespace) -> None:
    from pyffnn.models.stored_language_models import load_language_model

    model = load_language_model(args.model)
    with Files() as files, open(files.readable(args.file), encoding="utf-8-sig") as lines:
        for line in lines:
            text = line.rstrip("\r\n")
            score = model.score(text, bos=not args.no_bos, eos=not args.no_eos)
            sys.stdout.write(f"{score:.6f}\t{text}\n")


def _evaluations(
    args: argparse.Namespace, text: str, ngram_text: str | None, valid: str | None
) -> tuple[dict[str, Evaluation], dict[str, float] | None]:
    """Each model's perplexity, and the shares of a mixture."""
    from pyffnn.models.ngram import KneserNeyLM, Mixture
    from pyffnn.models.stored_language_models import load_language_model

    model = load_language_model(args.model)
    name = {KneserNeyLM: "n-gram", Mixture: "mixture"}.get(type(model), "neural")
    found = {name: model.evaluate(Path(text))}
    if ngram_text is None:
        return found, None
    if name != "neural":
        args.parser.error(f"--ngram belongs beside a neural model, and {args.model} holds none")
    ngram = KneserNeyLM(args.order, vocabulary=model.vocabulary_).fit(ngram_text, valid=valid)
    found[f"kneser-ney {args.order}"] = ngram.evaluate(Path(text))
    if valid is None:
        return found, None
    mixture = ngram.mix(model, cache=args.cache)
    found["mixture"] = mixture.evaluate(Path(text))
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
    from pyffnn.models.stored_language_models import load_language_model

    model = load_language_model(args.model)
    words = model.generate(
        args.prompt,
        args.n,
        temperature=args.temperature,
        top_k=args.top_k,
        random_state=args.seed,
        unknown=args.unknown,
    )
    text = " ".join([*args.prompt.split(), *map(str, words)])
    eos = getattr(model.vocabulary_, "eos_token", None)
    if eos is not None:
        text = text.replace(f" {eos} ", "\n").removesuffix(f" {eos}")
    sys.stdout.write(text + "\n")
