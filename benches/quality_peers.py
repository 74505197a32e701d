"""Peers of `benches/quality.py`: usual linear models of texts, each `fit(texts, labels)` returning `predict(texts)`."""

from __future__ import annotations

import contextlib
import ctypes
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

# Rates and passes of fastText, for corpora of up to so many characters, and for longer ones.
_FEW_WORDS = ((0.5, 5), (0.5, 25), (1.0, 25), (1.0, 100))
_MANY_WORDS = ((0.25, 5), (0.5, 5), (0.5, 10), (1.0, 10))
_LONG = 5_000_000

Predict = Callable[[list[str]], Iterable[Any]]


class _Tfidf:
    """Rows of one list of texts, kept for the second model that asks for them."""

    texts: list[str] | None = None

    def __init__(self, texts: list[str]) -> None:
        self.vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        self.x = self.vectorizer.fit_transform(texts)
        self.texts = texts
        self.more: tuple[list[str], Any] | None = None

    def of(self, more: list[str]) -> Any:
        if self.more is None or self.more[0] is not more:
            self.more = more, self.vectorizer.transform(more)
        return self.more[1]


_last: list[_Tfidf] = []


def _tfidf(texts: list[str], labels: list[str], model: Any) -> Predict:
    if not _last or _last[0].texts is not texts:
        _last[:] = [_Tfidf(texts)]
    rows = _last[0]
    model.fit(rows.x, labels)
    return lambda more: model.predict(rows.of(more))


def tfidf_lr(texts: list[str], labels: list[str]) -> Predict:
    return _tfidf(texts, labels, LogisticRegression(C=10.0, max_iter=200))


def tfidf_svm(texts: list[str], labels: list[str]) -> Predict:
    return _tfidf(texts, labels, LinearSVC())


def nb_svm(texts: list[str], labels: list[str]) -> Predict:
    """Wang & Manning 2012, one class against the rest: binarised 1- and 2-grams times log-odds, interpolated weights."""
    vectorizer = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", binary=True)
    x = vectorizer.fit_transform(texts).astype(np.float64).tocsr()
    y = np.asarray(labels)
    classes = np.unique(y)
    parts = []
    for one in classes[1:] if classes.size == 2 else classes:
        p = np.asarray(x[y == one].sum(axis=0)).ravel() + 1
        q = np.asarray(x[y != one].sum(axis=0)).ravel() + 1
        r = np.log(p / p.sum() / (q / q.sum()))
        model = LinearSVC(C=1.0).fit(x.multiply(r).tocsr(), y == one)
        w = model.coef_.ravel()
        w = 0.25 * w + 0.75 * np.abs(w).mean()
        parts.append((w * r, model.intercept_[0]))

    def predict(more: list[str]) -> Iterable[Any]:
        z = vectorizer.transform(more)
        scores = np.stack([z @ w + b for w, b in parts], axis=1)
        if classes.size == 2:
            return classes[(scores[:, 0] > 0).astype(int)]
        return classes[scores.argmax(axis=1)]

    return predict


@contextlib.contextmanager
def _cleared() -> Iterator[None]:
    """New memory is all zeros (glibc): the fastText of fasttext-numpy2 0.10.4 begins with what lies in its own.

    Else its models depend on what ran before: on 100 generated classes 48 % were right in a fresh process, 4 % after another model.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)
    m_perturb = -6
    mallopt(m_perturb, 255)
    try:
        yield
    finally:
        mallopt(m_perturb, 0)


def fasttext(texts: list[str], labels: list[str]) -> Predict | None:
    """Bigrams and 16 numbers; rate and passes by a held-out tenth, out of four. None where it is not installed."""
    try:
        from fasttext import FastText
    except ImportError:
        return None
    FastText.eprint = lambda *_, **__: None

    def train(ts: list[str], ls: list[str], lr: float, epoch: int) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "train"
            lines = (f"__label__{la} {_line(t)}\n" for t, la in zip(ts, ls, strict=True))
            file.write_text("".join(lines), encoding="utf-8")
            with _cleared():
                return FastText.train_supervised(
                    str(file), wordNgrams=2, dim=16, lr=lr, epoch=epoch, thread=1, verbose=0
                )

    def predictor(model: Any) -> Predict:
        return lambda more: [
            la[0].removeprefix("__label__") for la in model.predict([_line(t) for t in more])[0]
        ]

    order = np.random.default_rng(0).permutation(len(texts))
    held, rest = order[: len(texts) // 10], order[len(texts) // 10 :]

    def pick(numbers: Any) -> tuple[list[str], list[str]]:
        return [texts[i] for i in numbers], [labels[i] for i in numbers]

    best = (-1.0, 0.5, 5)
    for lr, epoch in _MANY_WORDS if sum(map(len, texts)) > _LONG else _FEW_WORDS:
        try:
            guess = predictor(train(*pick(rest), lr, epoch))(pick(held)[0])
        except RuntimeError:  # it met NaN
            continue
        score = np.mean([a == b for a, b in zip(guess, pick(held)[1], strict=True)])
        best = max(best, (float(score), lr, epoch))
    lr = best[1]
    while True:
        try:
            predict = predictor(train(texts, labels, lr, best[2]))
        except RuntimeError:  # on a part it did not meet NaN
            lr /= 2
            continue
        # A rate that is too high for all the texts shows in worse answers to texts that were trained on.
        right = [a == b for a, b in zip(predict(pick(held)[0]), pick(held)[1], strict=True)]
        if np.mean(right) >= best[0] - 0.01 or lr < 0.01:
            return predict
        lr /= 2


def _line(text: str) -> str:
    return " ".join(text.lower().split())


def fasttext_loss(loss: str) -> Callable[[list[str], list[str]], Predict | None]:
    """Words alone, for very many classes: ten passes at a rate of 0.5 (less where that diverges), 50 numbers a row; not tuned."""

    def fit(texts: list[str], labels: list[str]) -> Predict | None:
        try:
            from fasttext import FastText
        except ImportError:
            return None
        FastText.eprint = lambda *_, **__: None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "train"
            lines = (f"__label__{la} {_line(t)}\n" for t, la in zip(texts, labels, strict=True))
            file.write_text("".join(lines), encoding="utf-8")
            for rate in (0.5, 0.2, 0.05):
                try:
                    with _cleared():
                        model = FastText.train_supervised(
                            str(file), dim=50, lr=rate, epoch=10, loss=loss, thread=1, verbose=0
                        )
                    break
                except RuntimeError:  # it met NaN
                    continue
            else:
                return None
        return lambda more: [
            la[0].removeprefix("__label__") for la in model.predict([_line(t) for t in more])[0]
        ]

    return fit


PEERS: dict[str, Callable[[list[str], list[str]], Predict | None]] = {
    "tf-idf + LR": tfidf_lr,
    "tf-idf + SVM": tfidf_svm,
    "NB-SVM": nb_svm,
    "fastText": fasttext,
    "fastText hs": fasttext_loss("hs"),
    "fastText ova": fasttext_loss("ova"),
}
USUAL = ("tf-idf + LR", "tf-idf + SVM", "NB-SVM", "fastText")
LARGE = ("fastText hs", "fastText ova")
