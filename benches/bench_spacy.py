"""Training of text categorisers in spaCy, words a second and accuracy: `textcat` on Thinc's and on pyffnn's operations (also with its optimizer), and
`pyffnn_textcat`; the median pass.

python benches/bench_spacy.py --data DIR [--threads 1] [--texts 4000] [--passes 5]

DIR/AGNews/train.tsv.gz and test.tsv.gz, a line `label<TAB>...<TAB>text`. Texts are cut into words before, and training goes through
`nlp.update` in batches of 200 (--ensemble-texts of them for the ensemble, which is slow).
"""

from __future__ import annotations

import argparse
import csv
import gc
import gzip
import random
import statistics
import time
from pathlib import Path
from typing import Any

import spacy
from spacy.training import Example
from spacy.util import fix_random_seed, minibatch
from thinc.api import use_ops
from threadpoolctl import threadpool_limits

import pyffnn

BOW = {
    "@architectures": "spacy.TextCatBOW.v3",
    "exclusive_classes": True,
    "ngram_size": 1,
    "no_output_layer": False,
}


def read(path: Path, most: int) -> list[tuple[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    random.Random(0).shuffle(rows)
    return [(row[-1], row[0]) for row in rows[:most]]


def examples(nlp: Any, pairs: list[tuple[str, str]], labels: list[str]) -> list[Example]:
    return [
        Example.from_dict(nlp.make_doc(text), {"cats": {k: float(k == label) for k in labels}})
        for text, label in pairs
    ]


def run(
    name: str,
    ops: str,
    component: str,
    config: dict[str, Any],
    train: list[tuple[str, str]],
    test: list[tuple[str, str]],
    passes: int,
    optimizer: str = "Adam.v1",
) -> None:
    fix_random_seed(0)
    labels = sorted({label for _, label in train})
    with use_ops(ops):
        nlp = spacy.blank("en", config={"training": {"optimizer": {"@optimizers": optimizer}}})
        nlp.add_pipe(component, config=config)
        given, held = examples(nlp, train, labels), examples(nlp, test, labels)
        words = sum(len(example.predicted) for example in given)
        optimizer = nlp.initialize(lambda: given)
        # What happens to be collected while one of them trains decides more than its operations.
        gc.collect()
        gc.freeze()
        times = []
        for _ in range(passes):
            random.shuffle(given)
            begin = time.perf_counter()
            for batch in minibatch(given, 200):
                nlp.update(batch, sgd=optimizer)
            times.append(time.perf_counter() - begin)
        gc.unfreeze()
        spent = statistics.median(times)
        scores = nlp.evaluate(held)
    print(
        f"{name:44} {words / spent:10.0f} words a second, macro F {scores['cats_macro_f']:.4f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--ensemble-texts", type=int, default=400)
    parser.add_argument("--passes", type=int, default=5)
    args = parser.parse_args()
    pyffnn.set_num_threads(args.threads)
    train = read(args.data / "AGNews" / "train.tsv.gz", args.texts)
    test = read(args.data / "AGNews" / "test.tsv.gz", 1000)
    print(f"spaCy {spacy.__version__}, pyffnn {pyffnn.isa()}, {args.threads} threads")
    some = train[: args.ensemble_texts]
    with threadpool_limits(args.threads):
        hosts = (
            ("NumpyOps", "numpy", "Adam.v1"),
            ("PyffnnOps", "pyffnn", "Adam.v1"),
            ("PyffnnOps and its Adam", "pyffnn", "pyffnn.Adam.v1"),
        )
        for title, ops, optimizer in hosts:
            name = f"textcat, bag of words, {title}"
            run(name, ops, "textcat", {"model": BOW}, train, test, args.passes, optimizer)
        run("pyffnn_textcat", "numpy", "pyffnn_textcat", {}, train, test, args.passes)
        for title, ops, optimizer in hosts:
            run(f"textcat, ensemble, {title}", ops, "textcat", {}, some, test[:200], 2, optimizer)


if __name__ == "__main__":
    main()
