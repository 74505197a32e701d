"""Folded classifiers: shorter rows, the same answers."""

from __future__ import annotations

import numpy as np
import pytest
from fasttext_texts import make_lines

from pyffnn import TextClassifier

LINES = make_lines(200)
X = [line.split(" ", 1)[1] for line in LINES]
Y = [line.split(" ", 1)[0] for line in LINES]


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "mean"},
        {"pooling": "sum"},
        {"pooling": "sqrtn", "word_ngrams": 2, "optimizer": "adam"},
        {"pooling": "weighted"},
        {"pooling": "mean", "output": "sampled", "samples": 2},
    ],
)
@pytest.mark.parametrize("two", [False, True])
def test_a_folded_classifier_answers_the_same(options, two, tmp_path):
    y = [label == "__label__food" for label in Y] if two else Y
    model = TextClassifier(epochs=3, random_state=0, embedding_dim=20, **options).fit(X, y)
    folded = model.fold()
    p = model.predict_proba(X)
    assert folded.transform(X).shape[1] < 20
    np.testing.assert_allclose(folded.predict_proba(X), p, atol=1e-6)
    assert folded.predict(X).tolist() == model.predict(X).tolist()
    np.testing.assert_array_equal(model.predict_proba(X), p)
    folded.save(tmp_path / "folded.safetensors")
    read = TextClassifier.load(tmp_path / "folded.safetensors")
    np.testing.assert_array_equal(read.predict_proba(X), folded.predict_proba(X))
    folded.partial_fit(X, y)


def test_what_is_not_linear_is_not_folded():
    for options, wrong in (
        ({"hidden_layer_sizes": (4,)}, "hidden layers"),
        ({"pooling": "max"}, "pooling"),
        ({"windows": 3}, "windows"),
        ({"pooling": "concat", "max_tokens": 5}, "pooling"),
    ):
        with pytest.raises(ValueError, match=wrong):
            TextClassifier(epochs=1, **options).fit(X, Y).fold()


def test_classes_trained_by_samples_are_explained_and_written(tmp_path):
    """The default beyond 5,000 classes: the same weights as a softmax, whose logits are formed for all classes."""
    model = TextClassifier(
        output="sampled", samples=2, pooling="mean", lowercase=False, char_ngrams=None, epochs=5
    ).fit(X, [label.removeprefix("__label__") for label in Y])
    p = model.predict_proba(X)
    reason = model.explain(X[0])
    np.testing.assert_allclose(reason.shares.sum(axis=0) + reason.bias, reason.logits, atol=1e-5)
    z = np.exp(reason.logits - reason.logits.max())
    np.testing.assert_allclose(z / z.sum(), p[0], rtol=1e-5)
    model.to_fasttext(tmp_path / "model.bin")
    read = TextClassifier.from_fasttext(tmp_path / "model.bin")
    assert read.classes_.tolist() == model.classes_.tolist()
    np.testing.assert_allclose(read.predict_proba(X), p, atol=1e-5)
