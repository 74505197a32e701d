"""Text classifiers against fastText and PyTorch: training, prediction, import time.

    python benches/bench_text.py --data DIR [--threads 1 2] [--only fastText] [--seconds 3] [--json benches/results]

DIR holds AGNews/ and IMDB/ with train.tsv.gz and test.tsv.gz, a line `label<TAB>...<TAB>text`. Both sides run in one process, in turn,
on the same documents and the same number of threads. A peer that is not installed is left out.

- fastText: from file to trained model, dim 10, bigrams, 5 epochs, lr .25, one thread, against the defaults with word_ngrams=2.
- PyTorch: EmbeddingBag(sparse=True, mode="mean"), Linear, ReLU, Linear, SGD, on batches of ids made beforehand, against the same network,
  optimizer, rate, initial weights, order, batch size and epochs. The time is that of the training loop alone, on both sides.
- Prediction: a list of texts against a PyTorch loop that cuts the words in Python; and one short text.
"""

from __future__ import annotations

import gzip
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
from pyffnn.bench import peers, script
from pyffnn.bench.timing import Call, Spent
from pyffnn.data import Featurizer
from pyffnn.net import Network
from pyffnn.training import epoch_order

Split = tuple[list[str], list[int]]
FASTTEXT, TORCH = "file to model against fastText", "EmbeddingBag network against PyTorch"
WANTS = {"AGNews": 18.0, "IMDB": 17.0}
RATE, DIM, HIDDEN, EPOCHS, BATCH = 0.5, 100, 64, 5, 32


def read(path: Path) -> Split:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return [row[-1] for row in rows], [int(row[0]) for row in rows]


def corpus(data: Path, name: str) -> tuple[Split, Split]:
    return read(data / name / "train.tsv.gz"), read(data / name / "test.tsv.gz")


class AgainstFastText:
    """From one file to a model, on both sides; `models` are the last that they trained."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.models: dict[str, Any] = {}

    def ours(self) -> None:
        self.models["pyffnn"] = TextClassifier(word_ngrams=2, n_threads=1).fit(self.path)

    def theirs(self) -> None:
        import fasttext

        while True:  # with one thread its matrix is partly uninitialised, and a run may end in NaN
            try:
                self.models["fasttext"] = fasttext.train_supervised(
                    str(self.path), dim=10, wordNgrams=2, epoch=5, lr=0.25, thread=1, verbose=0
                )
                return
            except RuntimeError as error:
                if "NaN" not in str(error):
                    raise

    def accuracies(self, test: Split) -> tuple[float, float]:
        ours = self.models["pyffnn"].score(test[0], [str(label) for label in test[1]])
        # the raw binding: the Python one breaks on NumPy 2
        predict = self.models["fasttext"].f.predict
        hits = [
            predict(text + "\n", 1, 0.0, "strict")[0][1] == f"__label__{label}"
            for text, label in zip(*test, strict=True)
        ]
        return ours, float(np.mean(hits))


def against_fasttext(session: script.Session, data: Path) -> None:
    if not peers.find("fasttext"):
        return
    rows = []
    for name in WANTS:
        if not session.wanted(FASTTEXT, name):
            continue
        train, test = corpus(data, name)
        order = np.random.default_rng(0).permutation(len(train[0]))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "train.txt"
            lines = (f"__label__{train[1][i]} {train[0][i]}\n" for i in order)
            path.write_text("".join(lines), encoding="utf-8")
            both = AgainstFastText(path)
            row = session.time(
                name,
                lambda both=both: {"pyffnn": both.ours, "fasttext": both.theirs},
                sample=1e-3,
                back=False,
                want=WANTS[name],
            )
            row["accuracy"], row["peer_accuracy"] = both.accuracies(test)
        session.report(row)
        print(f"  accuracy {row['accuracy']:.4f}, fastText {row['peer_accuracy']:.4f}")
        rows.append(row)
    session.write(FASTTEXT, rows)


class AgainstTorch:
    """One network in both libraries, from the same weights, over the same batches."""

    def __init__(self, train: Split, test: Split, threads: int) -> None:
        import torch

        self.torch, self.threads = torch, threads
        self.train, self.test = train, test
        self.features = Featurizer(lowercase=True)
        self.bags = self.features.fit(train[0]).bags()
        self.labels = np.array(train[1])
        self.words = {word: i for i, word in enumerate(self.features.vocabulary)}
        self.model = self.fit()
        state = self.model._state()
        self.seed = state.seed
        untrained = Network(state.network.spec)
        untrained.initialise(state.seed)
        self.start = {name: np.array(array) for name, array in untrained.parameters().items()}
        self.epochs = [self.batches(epoch) for epoch in range(EPOCHS)]
        self.net: Any = None

    def fit(self) -> TextClassifier:
        return TextClassifier(
            embedding_dim=DIM,
            hidden_layer_sizes=(HIDDEN,),
            pooling="mean",
            optimizer=pyffnn.nn.SGD(RATE),
            learning_rate=pyffnn.nn.constant(RATE),
            epochs=EPOCHS,
            batch_size=BATCH,
            dropout=0.0,
            word_dropout=0.0,
            l2=0.0,
            n_threads=self.threads,
        ).fit(*self.train)

    def batches(self, epoch: int) -> list[tuple[Any, Any, Any]]:
        from_numpy, bags, made = self.torch.from_numpy, self.bags, []
        order = epoch_order(np.arange(self.labels.size), self.seed, epoch)
        for start in range(0, self.labels.size, BATCH):
            rows = order[start : start + BATCH]
            parts = [bags.ids[bags.offsets[i] : bags.offsets[i + 1]] for i in rows]
            offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])[:-1]])
            ids = from_numpy(np.concatenate(parts).astype(np.int64))
            targets = from_numpy(self.labels[rows].astype(np.int64))
            made.append((ids, from_numpy(offsets), targets))
        return made

    def network(self) -> Any:
        torch, start = self.torch, self.start
        nn = torch.nn

        class Net(nn.Module):
            def __init__(self, rows: int, classes: int) -> None:
                super().__init__()
                self.table = nn.EmbeddingBag(rows, DIM, mode="mean", sparse=True)
                self.hidden = nn.Linear(DIM, HIDDEN)
                self.out = nn.Linear(HIDDEN, classes)
                # the same weights to start from, and the same order: both learn the same
                with torch.no_grad():
                    self.table.weight.copy_(torch.from_numpy(start["embedding"]))
                    for name, layer in (("hidden0", self.hidden), ("output", self.out)):
                        layer.weight.copy_(torch.from_numpy(start[f"{name}.weight"].T.copy()))
                        layer.bias.copy_(torch.from_numpy(start[f"{name}.bias"]))

            def forward(self, ids: Any, offsets: Any) -> Any:
                return self.out(torch.relu(self.hidden(self.table(ids, offsets))))

        return Net(self.features.num_rows, int(self.labels.max()) + 1)

    def ours(self) -> Spent:
        self.model = self.fit()
        return Spent(sum(record["seconds"] for record in self.model.history_))

    def theirs(self) -> Spent:
        torch = self.torch
        self.net = self.network()
        optimizer = torch.optim.SGD(self.net.parameters(), lr=RATE)
        began = time.perf_counter()
        for made in self.epochs:
            for ids, offsets, y in made:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(self.net(ids, offsets), y).backward()
                optimizer.step()
        return Spent(time.perf_counter() - began)

    def accuracies(self) -> tuple[float, float]:
        torch, bags = self.torch, self.features.transform(self.test[0])
        ids = torch.from_numpy(bags.ids.astype(np.int64))
        with torch.no_grad():
            scores = self.net(ids, torch.from_numpy(bags.offsets[:-1].copy()))
        hits = scores.argmax(1).numpy() == np.array(self.test[1])
        return self.model.score(*self.test), float(hits.mean())

    def predict_theirs(self) -> None:
        torch, words, texts = self.torch, self.words, self.test[0]
        with torch.no_grad():
            for start in range(0, len(texts), 256):
                ids: list[int] = []
                offsets = []
                for text in texts[start : start + 256]:
                    offsets.append(len(ids))
                    ids += [words[word] for word in text.lower().split() if word in words]
                torch.softmax(self.net(torch.tensor(ids), torch.tensor(offsets)), 1).numpy()


def against_torch(session: script.Session, data: Path) -> None:
    training, prediction = "AGNews, training", "AGNews, 7,600 texts"
    wanted = [case for case in (training, prediction) if session.wanted(TORCH, case)]
    if not wanted or not peers.find("torch"):
        return
    with peers.pinned(session.threads):
        both = AgainstTorch(*corpus(data, "AGNews"), session.threads)
        both.theirs()
    rows = []
    if training in wanted:
        row = session.time(training, lambda: {"pyffnn": both.ours, "torch": both.theirs}, sample=1e-3)  # fmt: skip
        row["accuracy"], row["peer_accuracy"] = both.accuracies()
        session.report(row)
        print(f"  accuracy {row['accuracy']:.4f}, PyTorch {row['peer_accuracy']:.4f}")
        rows.append(row)
    if prediction in wanted:
        calls: dict[str, Call] = {
            "pyffnn": lambda: both.model.predict_proba(both.test[0]),
            "torch": both.predict_theirs,
        }
        row = session.time(prediction, lambda: calls)
        session.report(row)
        rows.append(row)
    session.write(TORCH, rows)


def one_text(data: Path) -> dict[str, Call]:
    model = TextClassifier(word_ngrams=2).fit(*corpus(data, "AGNews")[0])
    text = ["oil prices rise as storm nears the gulf coast"]
    return {"pyffnn": lambda: model.predict_proba(text)}


def import_time(repeats: int = 11) -> float:
    """Seconds of `import pyffnn` beyond NumPy's."""

    def run(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - start

    both = [(run("import numpy, pyffnn"), run("import numpy")) for _ in range(repeats)]
    return median(a - b for a, b in both)


def small(session: script.Session, data: Path) -> None:
    rows: list[dict[str, Any]] = []
    cases: dict[str, Callable[[], dict[str, Any]]] = {
        "one short text": lambda: session.time("one short text", lambda: one_text(data)),
        "import beyond NumPy's": lambda: {
            "case": "import beyond NumPy's",
            "seconds": {"pyffnn": import_time()},
            "ratios": {},
        },
    }
    for name, measure in cases.items():
        if session.wanted("small", name):
            rows.append(measure())
            print(f"{name}: {rows[-1]['seconds']['pyffnn'] * 1e6:.4g} us", flush=True)
    session.write("small", rows)


def main() -> None:
    parser = script.parser(__doc__)
    parser.add_argument("--data", type=Path, required=True)
    args = parser.parse_args()
    for session in script.sessions("bench_text", args):
        if session.threads == 1:
            against_fasttext(session, args.data)
            small(session, args.data)
        against_torch(session, args.data)


if __name__ == "__main__":
    main()
