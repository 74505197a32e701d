"""Text classifiers against fastText and PyTorch: training, prediction, import time.

    python benches/bench_text.py --data DIR [--threads 1 2] [--repeats 5] [--json FILE]

DIR holds AGNews/ and IMDB/ with train.tsv.gz and test.tsv.gz, a line `label<TAB>...<TAB>text`. Both sides run in one process, in turn,
on the same documents and the same number of threads; the figures are medians. A peer that is not installed is left out.

- fastText: from file to trained model, dim 10, bigrams, 5 epochs, lr .25, one thread, against the defaults with word_ngrams=2.
- PyTorch: EmbeddingBag(sparse=True, mode="mean"), Linear, ReLU, Linear, SGD, on batches of ids made beforehand, against the same network,
  optimizer, rate, initial weights, order, batch size and epochs. The time is that of the training loop alone, on both sides.
- Prediction: a list of texts against a PyTorch loop that cuts the words in Python; and one short text.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import pyffnn
from pyffnn import TextClassifier
from pyffnn.data import Featurizer
from pyffnn.net import Network
from pyffnn.training import epoch_order

Split = tuple[list[str], list[int]]


def read(path: Path) -> Split:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return [row[-1] for row in rows], [int(row[0]) for row in rows]


def seconds(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def against_fasttext(train: Split, test: Split, repeats: int) -> dict[str, Any] | None:
    try:
        import fasttext
    except ImportError:
        return None
    order = np.random.default_rng(0).permutation(len(train[0]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.txt"
        path.write_text(
            "".join(f"__label__{train[1][i]} {train[0][i]}\n" for i in order), encoding="utf-8"
        )

        def theirs() -> Any:
            while (
                True
            ):  # with one thread its matrix is partly uninitialised, and a run may end in NaN
                try:
                    return fasttext.train_supervised(
                        str(path), dim=10, wordNgrams=2, epoch=5, lr=0.25, thread=1, verbose=0
                    )
                except RuntimeError as error:
                    if "NaN" not in str(error):
                        raise

        def ours() -> TextClassifier:
            return TextClassifier(word_ngrams=2, n_threads=1).fit(path)

        times: list[tuple[float, float]] = []
        for _ in range(repeats):
            own, model = seconds(ours)
            other, peer = seconds(theirs)
            times.append((own, other))
        # the raw binding: the Python one breaks on NumPy 2
        hits = [
            peer.f.predict(text + "\n", 1, 0.0, "strict")[0][1] == f"__label__{label}"
            for text, label in zip(*test, strict=True)
        ]
        return {
            "seconds": median(own for own, _ in times),
            "peer_seconds": median(other for _, other in times),
            "ratio": median(other / own for own, other in times),
            "accuracy": model.score(test[0], [str(label) for label in test[1]]),
            "peer_accuracy": float(np.mean(hits)),
        }


def against_torch(
    train: Split, test: Split, threads: int, repeats: int, *, epochs: int = 5, batch: int = 32
) -> dict[str, Any] | None:
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(threads)
    rate, dim, hidden = 0.5, 100, 64
    features = Featurizer(lowercase=True)
    bags = features.fit(train[0]).bags()
    test_bags = features.transform(test[0])
    labels, test_labels = np.array(train[1]), np.array(test[1])

    def batches(epoch: int) -> list[tuple[Any, Any, Any]]:
        made = []
        order = epoch_order(np.arange(labels.size), trained._state().seed, epoch)
        for start in range(0, labels.size, batch):
            rows = order[start : start + batch]
            parts = [bags.ids[bags.offsets[i] : bags.offsets[i + 1]] for i in rows]
            offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])[:-1]])
            made.append(
                (
                    torch.from_numpy(np.concatenate(parts).astype(np.int64)),
                    torch.from_numpy(offsets),
                    torch.from_numpy(labels[rows].astype(np.int64)),
                )
            )
        return made

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.EmbeddingBag(features.num_rows, dim, mode="mean", sparse=True)
            self.hidden = torch.nn.Linear(dim, hidden)
            self.out = torch.nn.Linear(hidden, int(labels.max()) + 1)
            # the same weights to start from, and below the same order: both learn the same
            with torch.no_grad():
                self.table.weight.copy_(torch.from_numpy(start["embedding"]))
                for name, layer in (("hidden0", self.hidden), ("output", self.out)):
                    layer.weight.copy_(torch.from_numpy(start[f"{name}.weight"].T.copy()))
                    layer.bias.copy_(torch.from_numpy(start[f"{name}.bias"]))

        def forward(self, ids: Any, offsets: Any) -> Any:
            return self.out(torch.relu(self.hidden(self.table(ids, offsets))))

    def theirs() -> tuple[float, Any]:
        net = Net()
        optimizer = torch.optim.SGD(net.parameters(), lr=rate)
        spent = 0.0
        for epoch in range(epochs):
            made = batches(epoch)
            began = time.perf_counter()
            for ids, offsets, y in made:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(net(ids, offsets), y).backward()
                optimizer.step()
            spent += time.perf_counter() - began
        return spent, net

    def ours() -> TextClassifier:
        return TextClassifier(
            embedding_dim=dim,
            hidden_layer_sizes=(hidden,),
            pooling="mean",
            optimizer=pyffnn.nn.SGD(rate),
            learning_rate=pyffnn.nn.constant(rate),
            epochs=epochs,
            batch_size=batch,
            dropout=0.0,
            word_dropout=0.0,
            l2=0.0,
            n_threads=threads,
        ).fit(*train)

    trained = ours()
    untrained = Network(trained._state().network.spec)
    untrained.initialise(trained._state().seed)
    start = {name: np.array(array) for name, array in untrained.parameters().items()}
    times = []
    for _ in range(repeats):
        model = ours()
        own = sum(record["seconds"] for record in model.history_)
        other, net = theirs()
        times.append((own, other))
    with torch.no_grad():
        scores = net(
            torch.from_numpy(test_bags.ids.astype(np.int64)),
            torch.from_numpy(test_bags.offsets[:-1].copy()),
        )
    words = {word: i for i, word in enumerate(features.vocabulary)}

    def predict_theirs() -> Any:
        out = []
        with torch.no_grad():
            for start in range(0, len(test[0]), 256):
                ids: list[int] = []
                offsets = []
                for text in test[0][start : start + 256]:
                    offsets.append(len(ids))
                    ids += [words[word] for word in text.lower().split() if word in words]
                out.append(torch.softmax(net(torch.tensor(ids), torch.tensor(offsets)), 1).numpy())
        return np.concatenate(out)

    with pyffnn.num_threads(threads):
        pairs = [
            (seconds(lambda: model.predict_proba(test[0]))[0], seconds(predict_theirs)[0])
            for _ in range(repeats)
        ]
    return {
        "seconds": median(own for own, _ in times),
        "peer_seconds": median(other for _, other in times),
        "ratio": median(other / own for own, other in times),
        "accuracy": model.score(*test),
        "peer_accuracy": float((scores.argmax(1).numpy() == test_labels).mean()),
        "predict_seconds": median(own for own, _ in pairs),
        "peer_predict_seconds": median(other for _, other in pairs),
        "predict_ratio": median(other / own for own, other in pairs),
    }


def one_text(train: Split) -> float:
    """Microseconds of `predict_proba` on one short text."""
    model = TextClassifier(word_ngrams=2).fit(*train)
    text = ["oil prices rise as storm nears the gulf coast"]
    model.predict_proba(text)
    runs = [seconds(lambda: [model.predict_proba(text) for _ in range(1000)])[0] for _ in range(7)]
    return median(runs) * 1e3


def import_time(repeats: int) -> float:
    """Milliseconds of `import pyffnn` beyond NumPy's."""

    def run(code: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True))[0]

    both = [(run("import numpy, pyffnn"), run("import numpy")) for _ in range(2 * repeats + 1)]
    return median(a - b for a, b in both) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=["fasttext", "torch", "small"], default=None)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found: dict[str, Any] = {"config": pyffnn.config()}
    corpora = {
        name: (read(args.data / name / "train.tsv.gz"), read(args.data / name / "test.tsv.gz"))
        for name in ("AGNews", "IMDB")
    }
    if args.only in (None, "fasttext"):
        for name, (train, test) in corpora.items():
            found[f"fasttext {name}"] = against_fasttext(train, test, args.repeats)
            print(name, "fastText", found[f"fasttext {name}"], flush=True)
    if args.only in (None, "torch"):
        for threads in args.threads:
            found[f"torch AGNews {threads}"] = against_torch(
                *corpora["AGNews"], threads, args.repeats
            )
            print("AGNews", "PyTorch", threads, found[f"torch AGNews {threads}"], flush=True)
    if args.only in (None, "small"):
        found["one text, microseconds"] = one_text(corpora["AGNews"][0])
        found["import, milliseconds"] = import_time(args.repeats)
        print({k: v for k, v in found.items() if "seconds" in k}, flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1, default=str))


if __name__ == "__main__":
    main()
