"""TextClassifier: how it is trained, at once and chunk by chunk."""

from __future__ import annotations

import numpy as np
import pytest
from models.samples import reviews

from pyffnn import TextClassifier
from pyffnn.optimizers import SGD, Adam, constant


@pytest.fixture(scope="module")
def data():
    return reviews()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam", SGD(0.5), Adam(0.01)])
@pytest.mark.parametrize("hidden", [(), (16,)])
def test_every_optimizer_learns(data, optimizer, hidden):
    model = TextClassifier(hidden_layer_sizes=hidden, optimizer=optimizer, epochs=40)
    assert model.fit(*data).history_[-1]["loss"] < model.history_[0]["loss"]


@pytest.mark.parametrize(
    "settings",
    [
        {"word_ngrams": 2},
        {"hidden_layer_sizes": (32, 16), "dropout": 0.2, "word_dropout": 0.3, "embedding_dim": 50},
        {"pooling": "concat", "hidden_layer_sizes": (64,)},
        {"char_ngrams": (2, 3), "buckets": 500, "optimizer": "adam"},
    ],
)
def test_same_bits_at_any_number_of_threads(data, settings):
    texts = [text + " " + " ".join(data[0][:10]) for text in data[0]]
    fits = [
        TextClassifier(epochs=3, batch_size=64, n_threads=n, **settings)
        .fit(texts, data[1])
        .predict_proba(texts)
        for n in (1, 2, 5)
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    np.testing.assert_array_equal(fits[0], fits[2])


def test_seeds(data):
    def fit(seed):
        return TextClassifier(epochs=2, random_state=seed).fit(*data).predict_proba(data[0])

    np.testing.assert_array_equal(fit(3), fit(3))
    assert (fit(3) != fit(4)).any()


def test_dropouts_change_training_only(data):
    texts, labels = data
    plain = TextClassifier(epochs=2).fit(texts, labels).predict_proba(texts)
    for name in ("dropout", "word_dropout"):
        model = TextClassifier(epochs=2, **{name: 0.5}).fit(texts, labels)
        p = model.predict_proba(texts)
        assert (p != plain).any()
        np.testing.assert_array_equal(model.predict_proba(texts), p)


def test_weights(data):
    texts, labels = data
    doubled = (
        TextClassifier(epochs=2).fit(texts, labels, sample_weight=[2.0] * 240).predict_proba(texts)
    )
    np.testing.assert_allclose(
        doubled, TextClassifier(epochs=2).fit(texts, labels).predict_proba(texts), atol=1e-6
    )
    one_sided = TextClassifier(class_weight={"good": 100.0}, epochs=1).fit(texts, labels)
    other = TextClassifier(class_weight={"bad": 100.0}, epochs=1).fit(texts, labels)
    assert (one_sided.predict_proba(texts)[:, 1] > other.predict_proba(texts)[:, 1]).all()
    TextClassifier(class_weight="balanced", epochs=1).fit(texts, labels)
    with pytest.raises(ValueError, match="sample_weight"):
        TextClassifier().fit(texts, labels, sample_weight=[1.0])


def test_validation_and_early_stopping(data):
    noisy = [label if i % 7 else "good" for i, label in enumerate(data[1])]
    model = TextClassifier(
        hidden_layer_sizes=(16,), learning_rate=constant(0.3), epochs=60, early_stopping=3, word_ngrams=2
    ).fit(data[0], noisy, X_val=iter(data[0][:100]), y_val=data[1][:100])  # fmt: skip
    scores = [(r["val_accuracy"], -r["val_loss"]) for r in model.history_]
    best = scores.index(max(scores))
    assert len(scores) == best + 4
    assert model.score(data[0][:100], data[1][:100]) == pytest.approx(scores[best][0])
    held_out = TextClassifier(epochs=2, early_stopping=True, validation_fraction=0.3).fit(*data)
    assert held_out.history_[0]["val_loss"] is not None
    for wrong in ({"X_val": data[0]}, {"y_val": data[1]}):
        with pytest.raises(ValueError, match="y_val"):
            TextClassifier().fit(*data, **wrong)
    with pytest.raises(ValueError, match="y_val contains labels"):
        TextClassifier().fit(*data, X_val=["x"], y_val=["new"])


def test_callbacks_and_history(data):
    seen = []

    def stop(model, record):
        seen.append(model.predict(["good"])[0])
        return len(seen) == 2

    model = TextClassifier(epochs=9).fit(*data, callbacks=[stop])
    assert len(seen) == len(model.history_) == 2
    assert model.history_[1]["learning_rate"] < model.history_[0]["learning_rate"]


def test_default_rate(data):
    for settings, rate in (
        ({}, 0.1),
        ({"pooling": "weighted"}, 1.0),
        ({"optimizer": "adam"}, 1e-3),
    ):
        model = TextClassifier(**settings).partial_fit(*data)
        assert model.history_[0]["learning_rate"] == rate


def test_partial_fit(data):
    texts, labels = data
    model = TextClassifier().partial_fit(
        texts[:100], ["good"] * 100, classes=["good", "bad", "odd"]
    )
    assert model.classes_.tolist() == ["bad", "good", "odd"]
    for _ in range(20):
        model.partial_fit(texts, labels)
    assert model.score(texts, labels) > 0.9
    assert len(model.history_) == 21
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(texts, labels, classes=["a", "b"])
    with pytest.raises(ValueError, match="labels that are not in classes"):
        model.partial_fit(texts, ["new"] * 240)
    assert TextClassifier().partial_fit(texts, labels).classes_.tolist() == ["bad", "good"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"word_ngrams": 3},
        {"word_ngrams": 3, "ngram_min_count": 1, "char_ngrams": (2, 4)},
        {"word_ngrams": 2, "buckets": 50, "char_ngrams": (2, 3)},
        {"pooling": "concat", "max_tokens": 4},
        {"optimizer": "adam", "word_ngrams": 2},
    ],
    ids=str,
)
def test_partial_fit_meets_new_words(settings, tmp_path):
    """What was learned is kept under its words and n-grams; new ones get rows, as if all had been there from the start."""
    early = ["the plot is good", "the plot is bad", "good", "bad"] * 5
    late = ["the song is lovely", "the song is awful", "the plot is lovely", "awful"] * 5
    y = [1, 0, 1, 0] * 5
    model = TextClassifier(**settings).partial_fit(early, y)
    before = model.predict_proba(early)
    old = {w: model.embeddings_[i].copy() for i, w in enumerate(model.vocabulary_)}
    rows = len(model.embeddings_)
    before_rows = model._state().features.encode(early).bags()
    state = {
        name: np.array(x)
        for name, x in model._state().network.state().items()
        if "embedding" in name
    }

    # at next to no rate: growth alone changes no prediction
    model.set_params(learning_rate=1e-30).partial_fit(iter(late), y)
    np.testing.assert_allclose(model.predict_proba(early), before, rtol=1e-6)
    assert model.vocabulary_[: len(old)] == list(old)
    assert set(model.vocabulary_) == set(" ".join(early + late).split())
    for i, word in enumerate(old):
        np.testing.assert_allclose(model.embeddings_[i], old[word], rtol=1e-6)
    assert len(model.embeddings_) > rows
    after_rows = model._state().features.encode(early).bags()
    moved = {}
    for i in range(len(early)):
        old_ids, new_ids = (
            x.ids[x.offsets[i] : x.offsets[i + 1]].tolist() for x in (before_rows, after_rows)
        )
        if len(old_ids) == len(new_ids):
            moved.update(zip(old_ids, new_ids, strict=True))
    assert moved and len(set(moved.values())) == len(moved)
    if settings.get("optimizer") != "adam":  # whose moments change at any rate
        touched = set(model._state().features.encode(late).bags().ids.tolist())
        for name, array in state.items():
            grown = model._state().network.state()[name]
            assert len(grown) == len(model.embeddings_)
            for row, now in moved.items():
                if now not in touched:
                    np.testing.assert_array_equal(grown[now], array[row])

    # every n-gram has its row: the same features as of a model that saw both at once
    whole = TextClassifier(**settings).partial_fit(early + late, y + y)

    if settings.get("word_ngrams", 1) == 1 or settings.get("ngram_min_count") == 1:
        sizes = [
            np.diff(m._state().features.encode(early + late).bags().offsets) for m in (model, whole)
        ]
        np.testing.assert_array_equal(*sizes)

    model.set_params(learning_rate=0.5)
    for _ in range(20):
        model.partial_fit(late, y)
    assert model.score(late, y) == 1
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(
        TextClassifier.load(tmp_path / "m").predict_proba(late), model.predict_proba(late)
    )
    rows = len(model.embeddings_)
    with pytest.raises(ValueError, match="labels that are not in classes"):
        model.partial_fit(["brand new words"], [7])
    assert len(model.embeddings_) == rows


def test_diverging_run(data):
    model = TextClassifier(optimizer="sgd", learning_rate=1e30)
    with pytest.raises(FloatingPointError, match=r"in epoch 1, step \d+, at learning rate"):
        model.fit(*data)
    assert np.isfinite(model.predict_proba(data[0])).all()
