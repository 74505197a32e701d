"""``pyffnn fasttext``: fastText's command line, with its own flags and output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .arguments import Commands

if TYPE_CHECKING:
    from pyffnn.integrations.fasttext.model import _FastText

# flag -> (type, help); defaults are those of the training functions
_DICTIONARY = {
    "minCount": (int, "least number of occurrences of a word"),
    "minCountLabel": (int, "least number of occurrences of a label"),
    "wordNgrams": (int, "longest n-gram of words"),
    "bucket": (int, "number of buckets"),
    "minn": (int, "shortest n-gram of characters"),
    "maxn": (int, "longest n-gram of characters"),
    "t": (float, "sampling threshold"),
    "label": (str, "prefix of labels"),
}
_TRAINING = {
    "lr": (float, "learning rate"),
    "lrUpdateRate": (int, "words between updates of the learning rate"),
    "dim": (int, "numbers of a vector"),
    "ws": (int, "size of the context window"),
    "epoch": (int, "number of epochs"),
    "neg": (int, "number of negatives"),
    "loss": (str, "ns, hs, softmax or one-vs-all"),
    "thread": (int, "threads; the model is the same for every number"),
    "pretrainedVectors": (str, "a .vec file to begin with (supervised)"),
    "seed": (int, "seed of all random numbers"),
    "verbose": (int, "0: quiet"),
}
_AUTOTUNE = {
    "autotune-validation": (str, "file to search settings with"),
    "autotune-metric": (
        str,
        "f1, f1:LABEL, precisionAtRecall:R[:LABEL], recallAtPrecision:P[:LABEL]",
    ),
    "autotune-predictions": (int, "predictions a line for the metric"),
    "autotune-duration": (int, "seconds of the search"),
    "autotune-modelsize": (str, "largest size of the quantized model, such as 2M"),
}
_AUTOTUNE_NAMES = {
    "autotune-validation": "autotuneValidationFile",
    "autotune-metric": "autotuneMetric",
    "autotune-predictions": "autotunePredictions",
    "autotune-duration": "autotuneDuration",
    "autotune-modelsize": "autotuneModelSize",
}


def add_parser(commands: Commands) -> None:
    parser = commands.add_parser(
        "fasttext",
        help="fastText's command line: train, test, predict, quantize, look into its models",
        description="fastText's commands, with its flags (one dash), files and output.",
    )
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, what in (
        ("supervised", "train a supervised classifier"),
        ("skipgram", "train word vectors by skip-grams"),
        ("cbow", "train word vectors by continuous bags of words"),
    ):
        sub = inner.add_parser(
            name, help=what, description=f"{what}; writes OUTPUT.bin and OUTPUT.vec."
        )
        sub.add_argument("-input", required=True, help="training text")
        sub.add_argument("-output", required=True, help="path of the model without its ending")
        _add(sub, _DICTIONARY, _TRAINING, _AUTOTUNE if name == "supervised" else {})
        sub.add_argument("-saveOutput", action="store_true", help="write OUTPUT.output too")
        sub.set_defaults(run=_train, kind=name)
    sub = inner.add_parser("quantize", help="make OUTPUT.ftz of OUTPUT.bin")
    sub.add_argument("-output", required=True, help="path of the model without its ending")
    sub.add_argument("-input", default="", help="training text, for -retrain")
    _add(sub, {k: _TRAINING[k] for k in ("lr", "epoch", "thread", "verbose")})
    sub.add_argument("-cutoff", type=int, default=0, help="number of words and n-grams to keep")
    sub.add_argument("-dsub", type=int, default=2, help="numbers that share a code")
    for flag, what in (
        ("retrain", "train on after a cutoff"),
        ("qnorm", "quantize lengths apart"),
        ("qout", "quantize the output matrix too"),
    ):
        sub.add_argument(f"-{flag}", action="store_true", help=what)
    sub.set_defaults(run=_quantize)
    for name, run, what in (
        ("test", _test, "precision and recall of a classifier"),
        ("test-label", _test, "precision, recall and F1 of each label"),
        ("predict", _predict, "most likely labels"),
        ("predict-prob", _predict, "most likely labels and their probabilities"),
    ):
        sub = inner.add_parser(name, help=what)
        sub.add_argument("model", help="a .bin or .ftz file")
        sub.add_argument("data", help="text; -: standard input")
        sub.add_argument("k", nargs="?", type=int, default=1, help="labels a line (1; -1: all)")
        sub.add_argument(
            "threshold", nargs="?", type=float, default=0.0, help="least probability (0)"
        )
        sub.set_defaults(run=run, kind=name)
    for name, run, what in (
        ("print-word-vectors", _word_vectors, "vectors of the words of standard input"),
        ("print-sentence-vectors", _sentence_vectors, "vectors of the lines of standard input"),
    ):
        sub = inner.add_parser(name, help=what)
        sub.add_argument("model", help="a .bin or .ftz file")
        sub.set_defaults(run=run)
    sub = inner.add_parser("print-ngrams", help="vectors of a word's n-grams")
    sub.add_argument("model", help="a .bin or .ftz file")
    sub.add_argument("word")
    sub.set_defaults(run=_ngrams)
    for name, run, what in (
        ("nn", _nn, "nearest neighbours of the words of standard input"),
        ("analogies", _analogies, "A - B + C for triples of words of standard input"),
    ):
        sub = inner.add_parser(name, help=what)
        sub.add_argument("model", help="a .bin or .ftz file")
        sub.add_argument("k", nargs="?", type=int, default=10, help="words to show (10)")
        sub.set_defaults(run=run)
    sub = inner.add_parser("dump", help="what a model holds")
    sub.add_argument("model", help="a .bin or .ftz file")
    sub.add_argument("option", choices=["args", "dict", "input", "output"])
    sub.set_defaults(run=_dump)


def _add(parser: argparse.ArgumentParser, *tables: dict[str, tuple[Any, str]]) -> None:
    for table in tables:
        for name, (kind, what) in table.items():
            parser.add_argument(
                f"-{name}",
                dest=_AUTOTUNE_NAMES.get(name, name),
                type=kind,
                default=argparse.SUPPRESS,
                help=what,
            )


def _load(path: str) -> _FastText:
    from pyffnn.integrations.fasttext import load_model

    return load_model(path)


def _train(args: argparse.Namespace) -> None:
    from pyffnn.integrations import fasttext

    names = [*_DICTIONARY, *_TRAINING, *_AUTOTUNE_NAMES.values()]
    given = {name: getattr(args, name) for name in names if hasattr(args, name)}
    if args.kind == "supervised":
        model = fasttext.train_supervised(input=args.input, **given)
    else:
        model = fasttext.train_unsupervised(input=args.input, model=args.kind, **given)
    model.save_model(args.output + (".ftz" if model.is_quantized() else ".bin"))
    words = model.get_words(on_unicode_error="surrogateescape")
    vectors = (model.get_word_vector(w) for w in model.get_words(on_unicode_error="replace"))
    _write_vectors(f"{args.output}.vec", words, vectors, model.get_dimension())
    if args.saveOutput:
        if model.is_quantized():
            raise ValueError("Option -saveOutput is not supported for quantized models.")
        targets = model.get_labels(on_unicode_error="surrogateescape")
        _write_vectors(
            f"{args.output}.output", targets, model.get_output_matrix(), model.get_dimension()
        )


def _write_vectors(path: str, words: list[str], vectors: Iterable[Any], dim: int) -> None:
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{len(words)} {dim}\n")
        for word, vector in zip(words, vectors, strict=False):
            file.write(f"{word} {_row(vector)}\n")


def _row(vector: Iterable[float]) -> str:
    return "".join(f"{x:.5g} " for x in vector)


def _quantize(args: argparse.Namespace) -> None:
    model = _load(args.output + ".bin")
    options = {
        name: getattr(args, name)
        for name in ("lr", "epoch", "thread", "verbose")
        if hasattr(args, name)
    }
    model.quantize(
        input=args.input or None,
        cutoff=args.cutoff,
        dsub=args.dsub,
        retrain=args.retrain,
        qnorm=args.qnorm,
        qout=args.qout,
        **options,
    )
    model.save_model(args.output + ".ftz")


def _data(path: str) -> str | bytes:
    return sys.stdin.buffer.read() if path == "-" else path


def _test(args: argparse.Namespace) -> None:
    model = _load(args.model)
    meter = model._counts(_data(args.data), args.k, args.threshold)
    each = args.kind == "test-label"
    if each:
        for i, label in enumerate(model.get_labels(on_unicode_error="replace")):
            for name, value in (
                ("F1-Score", meter.f1_score(i)),
                ("Precision", meter.precision(i)),
                ("Recall", meter.recall(i)),
            ):
                print(name, ":", f"{value:.6f}" if value == value else "--------", end="  ")
            print(f" {label}")
    form = ".3f" if each else ".3g"
    print(f"N\t{meter.examples}")
    print(f"P@{args.k}\t{meter.precision():{form}}")
    print(f"R@{args.k}\t{meter.recall():{form}}")


def _predict(args: argparse.Namespace) -> None:
    model = _load(args.model)
    _, _, offsets, labels, scores = model._model.predict_lines(
        _data(args.data), args.k, args.threshold, False, 0
    )
    names = model.get_labels(on_unicode_error="replace")
    written = [names[label] for label in labels]
    if args.kind == "predict-prob":
        written = [f"{name} {score:.6g}" for name, score in zip(written, scores, strict=True)]
    write = sys.stdout.write
    for begin, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        write(" ".join(written[begin:end]) + "\n")


def _words() -> Iterator[str]:
    for line in sys.stdin:
        yield from line.split()


def _word_vectors(args: argparse.Namespace) -> None:
    model = _load(args.model)
    for word in _words():
        print(f"{word} {_row(model.get_word_vector(word))}")


def _sentence_vectors(args: argparse.Namespace) -> None:
    model = _load(args.model)
    for line in sys.stdin:
        print(_row(model.get_sentence_vector(line.rstrip("\n"))))


def _ngrams(args: argparse.Namespace) -> None:
    model = _load(args.model)
    for piece, row in zip(*model.get_subwords(args.word), strict=True):
        print(f"{piece} {_row(model.get_input_vector(int(row)))}")


def _nn(args: argparse.Namespace) -> None:
    model = _load(args.model)
    print("Query word? ", end="", flush=True)
    for word in _words():
        _print_words(model.get_nearest_neighbors(word, args.k, "replace"))
        print("Query word? ", end="", flush=True)


def _analogies(args: argparse.Namespace) -> None:
    if args.k <= 0:
        raise ValueError("k needs to be 1 or higher!")
    print(f"Loading model {args.model}")
    model = _load(args.model)
    prompt = "Query triplet (A - B + C)? "
    print(prompt, end="", flush=True)
    words = _words()
    for a, b, c in zip(words, words, words, strict=False):
        _print_words(model.get_analogies(a, b, c, args.k, "replace"))
        print(prompt, end="", flush=True)


def _print_words(found: list[tuple[float, str]]) -> None:
    for cosine, word in found:
        print(f"{word} {cosine:.6g}")


def _dump(args: argparse.Namespace) -> None:
    model = _load(args.model)
    if args.option == "args":
        settings = model._model.settings()
        losses = {1: "hs", 2: "ns", 3: "softmax", 4: "one-vs-all"}
        settings |= {
            "loss": losses[settings["loss"]],
            "model": {1: "cbow", 2: "sg", 3: "sup"}[settings["model"]],
        }
        del settings["label"]
        for name, value in settings.items():
            print(name, f"{value:.6g}" if isinstance(value, float) else value)
    elif args.option == "dict":
        core = model._model
        count = core.num_words + core.num_labels
        print(count)
        for i, (word, n) in enumerate(
            zip(core.entries(0, count), core.counts(0, count), strict=True)
        ):
            print(word.decode("utf-8", "replace"), n, "word" if i < core.num_words else "label")
    elif model.is_quantized():
        print("Not supported for quantized models.", file=sys.stderr)
    else:
        matrix = model.get_input_matrix() if args.option == "input" else model.get_output_matrix()
        print(*matrix.shape)
        for row in matrix:
            print(" ".join(f"{x:.6g}" for x in row))
