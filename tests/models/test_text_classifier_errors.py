"""TextClassifier: every way to get its settings, its data and its use wrong."""

from __future__ import annotations

import pytest
from models.samples import reviews, write_reviews

from pyffnn import TextClassifier


@pytest.fixture(scope="module")
def data():
    return reviews()


@pytest.fixture(scope="module")
def fitted(data):
    return TextClassifier(epochs=10).fit(*data)


@pytest.fixture
def path(tmp_path):
    return write_reviews(tmp_path / "train.txt")


WRONG_SETTINGS = [
    ("embedding_dim", 0), ("embedding_dim", 2.5), ("pooling", "most"), ("max_tokens", 0), ("word_ngrams", 0),
    ("word_ngrams", 17), ("word_ngrams", 1.0), ("char_ngrams", 3), ("char_ngrams", (0, 2)), ("char_ngrams", (3, 2)),
    ("char_ngrams", (1, 100)), ("buckets", 0), ("min_count", 0), ("ngram_min_count", 0), ("epochs", 0),
    ("epochs", "many"), ("batch_size", 0), ("word_dropout", 1), ("word_dropout", -1), ("dropout", 1.0),
    ("optimizer", "lbfgs"), ("learning_rate", -1), ("hidden_layer_sizes", (0,)), ("l2", -1), ("class_weight", "x"),
    ("early_stopping", -1), ("precision", "x"), ("n_threads", -1), ("random_state", "x"), ("verbose", "x"),
    ("freeze_embeddings", True), ("label_prefix", ""), ("tokenizer", 3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
def test_wrong_settings_are_named(data, name, value, path):
    model = TextClassifier(**{name: value})
    with pytest.raises((ValueError, TypeError), match=name):
        model.fit(path) if name == "label_prefix" else model.fit(*data)


def test_n_grams_have_no_place_in_a_concatenation(data):
    for settings in ({"word_ngrams": 2}, {"char_ngrams": (2, 3)}):
        with pytest.raises(ValueError, match="pooling='concat'"):
            TextClassifier(pooling="concat", **settings).fit(*data)


@pytest.mark.parametrize(
    ("X", "y", "error", "match"),
    [
        ([], [], ValueError, "no texts"),
        ("a text", ["x"], ValueError, "Iterable over raw text documents expected"),
        (b"a text", ["x"], ValueError, "Iterable over raw text documents expected"),
        (["a", "b"], None, ValueError, "requires y"),
        (["a", "b"], [0], ValueError, "inconsistent numbers of samples"),
        (["a", "b"], [0, 0], ValueError, "1 class"),
        (["a", "b"], [0, None], ValueError, "NaN"),
        (["a", "b"], [0.5, 1.5], ValueError, "Unknown label type"),
        (["a", None], [0, 1], TypeError, r"texts\[1\] must be str, got NoneType"),
        ([b"a", "b"], [0, 1], TypeError, r"texts\[0\] must be str, got bytes"),
        (["a", 3], [0, 1], TypeError, r"texts\[1\] must be str, got int"),
        (["a", "\ud800"], [0, 1], ValueError, "surrogate"),
        (["", " "], [0, 1], ValueError, "texts have no words"),
        (3, [0, 1], TypeError, "texts must be an iterable"),
    ],
)
def test_wrong_data(X, y, error, match):
    with pytest.raises(error, match=match):
        TextClassifier().fit(X, y)


def test_min_count_may_leave_nothing():
    with pytest.raises(ValueError, match="no word occurs min_count=5 times"):
        TextClassifier(min_count=5).fit(["a", "b"], [0, 1])


def test_wrong_use(fitted):
    for call in (TextClassifier().predict, TextClassifier().predict_proba):
        with pytest.raises(ValueError, match="not fitted yet"):
            call(["a"])
    with pytest.raises(TypeError, match="wrap a single one in a list"):
        fitted.predict_proba("a text")
    with pytest.raises(TypeError, match=r"texts\[1\] must be str"):
        fitted.predict(["a", None])
    with pytest.raises(ValueError, match="inconsistent"):
        fitted.score(["a", "b"], ["good"])
    assert fitted.score(["a"], ["new"]) == 0
    with pytest.raises(ValueError, match="cannot be compared"):
        fitted.score(["a"], [3])


def test_absurd_sizes(data):
    with pytest.raises(MemoryError):
        TextClassifier(embedding_dim=1 << 30, buckets=1 << 30, word_ngrams=2).fit(*data)
