"""The first half: tweets classified as negative, neutral or positive."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pyffnn.demo.report import Clock, heading, share, table, value
from pyffnn.metrics import Scores, confusion_matrix, score_labels
from pyffnn.models.summary import size_text
from pyffnn.models.text_classifier import TextClassifier

__all__ = ["Examples", "read", "run", "split"]

_SEED = 0
_KEEP = 50_000
_SENTENCES = (
    "@united the crew was lovely and we landed early, thank you!",
    "three hours on hold and still nobody answers, worst airline ever",
    "My flight to Denver leaves at nine tomorrow.",
    "can't wait to try one of those self-driving cars",
    "not bad at all",
)


class Examples(NamedTuple):
    texts: list[str]
    labels: list[str]

    def __len__(self) -> int:
        return len(self.texts)


def read(path: Path) -> tuple[Examples, int]:
    """The tweets, each text once, and how many rows the file has.

    ``path``: CSV in Latin-1 with the columns sentiment and text. Of rows with the same text the
    first counts: a tweet that stands in two parts of a split would be scored from memory.
    """
    with path.open(encoding="latin-1", newline="") as file:
        rows = [(row["text"], row["sentiment"]) for row in csv.DictReader(file)]
    first: dict[str, str] = {}
    for text, label in rows:
        first.setdefault(text, label)
    return Examples(list(first), list(first.values())), len(rows)


def split(examples: Examples) -> tuple[Examples, Examples, Examples]:
    """Training (80 %), validation and test examples (10 % each), drawn with a fixed seed."""
    order = np.random.default_rng(_SEED).permutation(len(examples)).tolist()
    tenth = len(examples) // 10
    parts = (order[2 * tenth :], order[:tenth], order[tenth : 2 * tenth])
    train, valid, test = (
        Examples([examples.texts[i] for i in part], [examples.labels[i] for i in part])
        for part in parts
    )
    return train, valid, test


def run(path: Path, output: Path, *, quick: bool = False, verbose: int = 1) -> None:
    """Train, compare and use; model and picture are written into the directory ``output``.

    ``quick``: a fifth of the tweets.
    """
    heading("Tweets: negative, neutral or positive")
    examples, rows = read(path)
    if quick:
        examples = Examples(examples.texts[::5], examples.labels[::5])
    train, valid, test = split(examples)
    value("tweets", f"{rows:,} rows, {len(examples):,} different texts used")
    value("split", f"{len(train):,} to train on, {len(valid):,} to validate, {len(test):,} to test")
    settings = dict[str, Any](
        embedding_dim=64,
        hidden_layer_sizes=(64,),
        word_ngrams=2,
        char_ngrams=(1, 6),
        pooling="sqrtn",
        word_dropout=0.7,
        l2=1e-5,
        learning_rate=0.05,
        epochs=10,
        early_stopping=5,
        calibrate=True,
    )
    model = TextClassifier(**settings, random_state=_SEED, verbose=verbose)
    shown = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    value("settings", f"other than TextClassifier()'s own: {shown}")
    clock = Clock()
    model.fit(train.texts, train.labels, X_val=valid.texts, y_val=valid.labels)
    seconds = clock.seconds
    words = sum(len(text.split()) for text in train.texts)
    epochs = len(model.history_)
    value(
        "trained",
        f"{epochs} epochs of {words:,} words in {seconds:.1f} s, "
        f"{epochs * words / seconds:,.0f} words a second",
    )
    clock = Clock()
    predicted = model.predict(test.texts)
    value("predicted", f"{len(test) / clock.seconds:,.0f} tweets a second")
    print()
    ours = score_labels(test.labels, predicted)
    name, theirs, their_seconds = _baseline(train, test)
    table(
        [
            ("on the test tweets", "accuracy", "macro-F1", "trained in"),
            ("pyffnn", *_figures(ours), f"{seconds:.1f} s"),
            (name, *_figures(theirs), f"{their_seconds:.1f} s"),
        ]
    )
    print()
    counts = confusion_matrix(test.labels, predicted, ours.labels)
    table(
        [("is \\ taken for", *ours.labels, "precision", "recall", "F1")]
        + [
            (
                label,
                *counts[i],
                f"{ours.precision[i]:.3f}",
                f"{ours.recall[i]:.3f}",
                f"{ours.f1[i]:.3f}",
            )
            for i, label in enumerate(ours.labels)
        ]
    )
    print()
    for text, p in zip(_SENTENCES, model.predict_proba(list(_SENTENCES)), strict=True):
        best = int(p.argmax())
        print(f"{model.classes_[best]:<10}{share(float(p[best])):>7}  {text}", flush=True)
    print()
    output.mkdir(parents=True, exist_ok=True)
    saved = output / "tweets.safetensors"
    model.save(saved, optimizer_state=False)
    small, small_file = model.prune(_KEEP), output / "tweets-small.safetensors"
    small.save(small_file, optimizer_state=False, dtype="float16")
    _draw(counts, ours.labels, output / "tweets-confusion.png")
    value("model", f"{saved}, {size_text(saved.stat().st_size)}")
    value(
        "pruned model",
        f"{small_file}, {size_text(small_file.stat().st_size)}: prune(keep={_KEEP:,}), float16, "
        f"accuracy {small.score(test.texts, test.labels):.4f}",
    )


def _figures(scores: Scores) -> tuple[str, str]:
    return f"{scores.accuracy:.4f}", f"{scores.macro_f1:.4f}"


def _baseline(train: Examples, test: Examples) -> tuple[str, Scores, float]:
    """Logistic regression on the same tweets: its name, its scores, and seconds of training."""
    clock = Clock()
    model: Any
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
    except ImportError:
        name = "without hidden layer"
        model = TextClassifier(pooling="mean", word_ngrams=2, random_state=_SEED)
    else:
        name = "logistic regression"
        model = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            LogisticRegression(C=4.0, max_iter=1000),
        )
    model.fit(train.texts, train.labels)
    return name, score_labels(test.labels, model.predict(test.texts)), clock.seconds


def _draw(counts: Any, labels: list[Any], path: Path) -> None:
    try:
        from pyffnn.plot import confusion_matrix as draw

        draw(counts, labels, path, title="Test tweets")
    except ImportError as error:
        value("picture", f"none ({error})")
    else:
        value("picture", path)
