"""What a fitted model can be asked beside labels: logits, likeliest labels, vectors, words, a summary."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from models.kinds import ALL, KINDS, OF_CLASSES, Kind
from models.samples import blobs, reviews

from pyffnn import FFNNClassifier, LanguageModel, TextClassifier, TextRegressor
from pyffnn.net import Network
from pyffnn.training import History


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def head(network: Network, x: Any) -> Any:
    """Logits of a plain network of ReLU layers, in float64."""
    p = {name: np.asarray(v, np.float64) for name, v in network.parameters().items()}
    for i in range(len(network.spec["hidden"])):
        x = np.maximum(x @ p[f"hidden{i}.weight"] + p[f"hidden{i}.bias"], 0)
    return x @ p["output.weight"] + p["output.bias"]


@OF_CLASSES
def test_logits_and_log_probabilities(kind: Kind) -> None:
    model = kind.fitted()
    p, z = model.predict_proba(kind.probe), model.decision_function(kind.probe)
    log_p = model.predict_log_proba(kind.probe)
    assert log_p.shape == p.shape and log_p.dtype == np.float32
    np.testing.assert_allclose(np.exp(log_p), p, rtol=1e-5)
    if len(model.classes_) == 2:
        np.testing.assert_allclose(1 / (1 + np.exp(-z)), p[:, 1], rtol=1e-5)
        np.testing.assert_array_equal(model.classes_[(z > 0) * 1], model.predict(kind.probe))
    else:
        np.testing.assert_allclose(softmax(z), p, rtol=1e-5)
        np.testing.assert_array_equal(model.classes_[z.argmax(1)], model.predict(kind.probe))


def test_logits_are_those_of_the_layers() -> None:
    X, y = blobs(90)
    model = FFNNClassifier((8, 6), epochs=5).fit(X, y)
    network = model._state().network
    np.testing.assert_allclose(model.decision_function(X), head(network, X), rtol=1e-4, atol=1e-5)
    model.coefs_[-1][...] *= 1e4  # some probabilities are below what float32 has
    log_p = model.predict_log_proba(X)
    assert np.isfinite(log_p).all() and log_p.min() < -200
    assert FFNNClassifier((), epochs=3).fit(X, y > 0).decision_function(X).shape == (90,)


@pytest.mark.parametrize("output", ["adaptive", "sampled"])
def test_of_a_vocabulary_the_logits_are_log_probabilities(output: str) -> None:
    X, y = blobs(240, classes=12)
    more: dict[str, Any] = {"cutoffs": (4, 8)} if output == "adaptive" else {"samples": 6}
    model = FFNNClassifier((8,), output=output, epochs=5, **more).fit(X, y)
    np.testing.assert_allclose(
        np.exp(model.decision_function(X)), model.predict_proba(X), rtol=1e-5
    )
    assert model.top_k(X[:1], 1)[0][0][0] == model.predict(X[:1])[0]


@pytest.mark.parametrize("threshold", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("k", [1, 2, 9])
@OF_CLASSES
def test_top_k(kind: Kind, k: int, threshold: float) -> None:
    model = kind.fitted()
    found = model.top_k(kind.probe, k, threshold)
    p = model.predict_proba(kind.probe)
    for row, pairs in zip(p, found, strict=True):
        order = [i for i in np.argsort(-row, kind="stable")[:k] if row[i] >= threshold]
        assert [label for label, _ in pairs] == model.classes_[order].tolist()
        np.testing.assert_allclose([q for _, q in pairs], row[order], rtol=1e-6)


def test_one_unit_has_two_likeliest_labels() -> None:
    X, y = blobs(60, classes=2)
    model = FFNNClassifier((4,), epochs=5).fit(X, np.array(["no", "yes"])[y])
    p = model.predict_proba(X[:3])
    found = model.top_k(X[:3], 2)
    assert [{label: pytest.approx(q) for label, q in row} for row in found] == [
        {"no": a, "yes": b} for a, b in p.tolist()
    ]
    assert sum(map(len, model.top_k(X[:3], 2, 0.51))) == (p >= 0.51).sum()


def test_label_sets() -> None:
    texts, labels = reviews(120, kinds=("bad", "good", "odd"))
    model = TextClassifier(multilabel=True, epochs=5).fit(texts, [[label] for label in labels])
    z, p = model.decision_function(texts), model.predict_proba(texts)
    assert z.shape == (120, 3)
    np.testing.assert_allclose(1 / (1 + np.exp(-z)), p, rtol=1e-5)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(texts)), p, rtol=1e-5)
    assert model.top_k(texts[:1], 3)[0][0][0] in labels


@pytest.mark.parametrize("hidden", [(), (5,)])
@pytest.mark.parametrize("pooling", ["mean", "sqrtn", "sum", "concat"])
def test_document_vectors_lead_to_the_logits(pooling: str, hidden: tuple[int, ...]) -> None:
    texts, labels = reviews(120, kinds=("bad", "good", "odd"))
    ngrams = 1 if pooling == "concat" else 2
    model = TextClassifier(
        pooling=pooling, hidden_layer_sizes=hidden, word_ngrams=ngrams, epochs=5, optimizer="adam"
    ).fit(texts, labels)
    some = [*texts[:9], "", "unheard"]
    vectors = model.transform(some)
    width = 16 * (model._state().length or 1)
    assert vectors.shape == (11, width) and vectors.dtype == np.float32
    want = head(model._state().network, vectors.astype(np.float64))
    np.testing.assert_allclose(model.decision_function(some), want, rtol=1e-4, atol=1e-5)
    assert not vectors[9:].any()
    np.testing.assert_array_equal(model.transform(iter(some)), vectors)
    if pooling == "mean":
        rows = model._state().features.encode([some[0]]).bags().ids
        np.testing.assert_allclose(vectors[0], model.embeddings_[rows].mean(0), rtol=1e-5)


def test_hidden_units_lead_to_the_logits() -> None:
    X, y = blobs(60)
    model = FFNNClassifier((7, 4), epochs=3).fit(X, y)
    h = model.transform(X)
    assert h.shape == (60, 4)
    want = h @ model.coefs_[-1] + model.intercepts_[-1]
    np.testing.assert_allclose(model.decision_function(X), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(FFNNClassifier((), epochs=1).fit(X, y).transform(X), X)
    again = FFNNClassifier((7, 4), epochs=3).fit_transform(X, y)
    np.testing.assert_array_equal(again, h)


def test_words() -> None:
    texts, labels = reviews(240)
    model = TextClassifier(epochs=5, word_ngrams=2).fit(texts, labels)
    vector = model.word_vector("great")
    at = model.vocabulary_.index("great")
    np.testing.assert_array_equal(vector, model.embeddings_[at])
    vector[:] = 0  # a copy
    assert model.word_vector("GREAT").any()
    table = model.embeddings_[: len(model.vocabulary_)].astype(np.float64)
    unit = table / np.linalg.norm(table, axis=1, keepdims=True)
    cosines = unit @ unit[at]
    cosines[at] = -np.inf
    best = np.argsort(-cosines)[:3]
    found = model.nearest_words("great", 3)
    assert [word for word, _ in found] == [model.vocabulary_[i] for i in best]
    np.testing.assert_allclose([c for _, c in found], cosines[best], rtol=1e-5)
    assert len(model.nearest_words("great", 10_000)) == len(model.vocabulary_) - 1
    for ask in (model.word_vector, model.nearest_words):
        with pytest.raises(ValueError, match="'unheard' is not in the vocabulary"):
            ask("unheard")


def test_words_of_a_language_model(fed_sentences: Any) -> None:
    model = LanguageModel(context=2, distant_kernels=0, embedding_dim=6, epochs=1, min_count=1)
    model.fit(fed_sentences[:200])
    at = int(model.vocabulary_.encode(["dog"])[0])
    np.testing.assert_array_equal(model.word_vector("dog"), model.embeddings_[at])
    with pytest.raises(ValueError, match="not in the vocabulary"):
        model.word_vector("unheard")


@ALL
def test_epochs_and_losses(kind: Kind) -> None:
    model = kind.fitted()
    assert model.n_iter_ == len(model.history_) > 0
    assert model.loss_curve_ == [record["loss"] for record in model.history_]


def test_a_longer_history_leaves_the_shorter_one_alone() -> None:
    def epochs(*numbers: int) -> list[Any]:
        return [{"epoch": number} for number in numbers]

    one = History(epochs(1))
    two = History.longer(one, epochs(2))
    other = History.longer(one, epochs(20, 30))  # the list has gone on with the first by now
    three = History.longer(two, epochs(3))
    assert list(one) == epochs(1) and list(two) == epochs(1, 2) and list(other) == epochs(1, 20, 30)
    assert list(three) == epochs(1, 2, 3) == [*three] and len(three) == 3
    assert three[-1] == {"epoch": 3} and two[-1] == {"epoch": 2} and three[1:] == epochs(2, 3)
    with pytest.raises(IndexError):
        two[2]
    assert list(History.longer(epochs(1), epochs(2))) == epochs(1, 2)


@OF_CLASSES
@pytest.mark.parametrize("few", [True, False])
def test_a_list_of_texts_and_other_collections_have_the_same_labels(
    kind: Kind, few: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not few:  # more probabilities than are made at once
        monkeypatch.setattr("pyffnn.models.text_classifier.answers._FEW", 3)
        monkeypatch.setattr("pyffnn.models.blocks._BYTES", 64)
    model = kind.fitted()
    X = kind.data[0]
    for some in (X[:1], X) if kind.cls is FFNNClassifier else (X[:1], X[:0], X):
        labels = model.predict(some)
        assert labels.shape == (len(some),) and labels.dtype == model.classes_.dtype
        np.testing.assert_array_equal(labels, model.classes_[model.predict_proba(some).argmax(1)])
        if kind.cls is TextClassifier:
            np.testing.assert_array_equal(labels, model.predict(tuple(some)))


@pytest.mark.parametrize("name", [n for n, k in KINDS.items() if hasattr(k.cls, "partial_fit")])
def test_passes_lengthen_the_history(name: str) -> None:
    kind = KINDS[name]
    model = kind.fitted()
    before = model.history_
    for _ in range(3):
        copied = copy.copy(model)
        model.partial_fit(*kind.data)
        assert copied.history_ == before and model.history_[:-1] == before
        before = model.history_
        assert [record["epoch"] for record in before] == list(range(1, len(before) + 1))


@ALL
def test_summary(kind: Kind) -> None:
    model = kind.fitted()
    network, summary = model._state().network, model.summary()
    arrays = network.parameters()
    assert summary.parameters == sum(a.size for a in arrays.values()) == summary.trainable
    assert summary.weight_bytes == 4 * summary.parameters
    assert summary.state_bytes == sum(a.nbytes for a in network.state().values())
    assert summary.memory >= summary.weight_bytes + summary.state_bytes
    assert {name for layer in summary.layers for name in layer.shapes} == set(arrays)
    text = str(summary)
    assert text.startswith(type(model).__name__) and f"{summary.parameters:,}" in text
    for layer in summary.layers:
        assert layer.name in text and layer.name in summary._repr_html_()


def test_a_regressor_of_texts_has_vectors() -> None:
    texts, labels = reviews(120)
    model = TextRegressor(epochs=3).fit(texts, [label == "good" for label in labels])
    assert model.transform(texts[:4]).shape == (4, 16)
    assert len(model.nearest_words("great", 3)) == 3 and model.n_iter_ == 3


def test_frozen_embeddings_thaw(tmp_path: Any) -> None:
    texts, labels = reviews(120)
    words = sorted({word for text in texts for word in text.split()})
    vectors = np.random.default_rng(0).normal(size=(len(words), 5)).astype(np.float32)
    model = TextClassifier(pretrained_vectors=(words, vectors), freeze_embeddings=True, epochs=3)
    model.fit(texts, labels)
    np.testing.assert_array_equal(model.word_vector(words[3]), vectors[3])
    assert model.summary().trainable == model.summary().parameters - model.embeddings_.size
    model.partial_fit(texts, labels)
    np.testing.assert_array_equal(model.word_vector(words[3]), vectors[3])
    model.set_params(freeze_embeddings=False).partial_fit(texts, labels)
    assert (model.word_vector(words[3]) != vectors[3]).any()
    thawed = model.embeddings_.copy()
    assert model.summary().trainable == model.summary().parameters
    model.set_params(freeze_embeddings=True).partial_fit(texts, labels)
    np.testing.assert_array_equal(model.embeddings_, thawed)


def test_embeddings_that_are_frozen_at_first(tmp_path: Any) -> None:
    texts, labels = reviews(120)
    words = sorted({word for text in texts for word in text.split()})
    vectors = np.random.default_rng(0).normal(size=(len(words), 5)).astype(np.float32)
    y = [float(label == "good") for label in labels]
    for cls, targets in ((TextClassifier, labels), (TextRegressor, y)):
        moved: list[bool] = []

        def look(model: Any, record: Any, moved: list[bool] = moved) -> None:
            moved.append(bool((model.word_vector(words[3]) != vectors[3]).any()))

        common: dict[str, Any] = {"pretrained_vectors": (words, vectors), "epochs": 4}
        model = cls(**common, freeze_embeddings=2, early_stopping=4)
        model.fit(texts, targets, callbacks=look)
        assert moved[:3] == [False, False, True]
        # killed within the frozen epochs or after them, a run goes on to the same bits
        for stop in (1, 3):
            path = tmp_path / f"{cls.__name__}{stop}"

            def kill(model: Any, record: Any, stop: int = stop) -> None:
                if record["epoch"] == stop:
                    raise KeyboardInterrupt

            cut = cls(**common, freeze_embeddings=2)
            with pytest.raises(KeyboardInterrupt):
                cut.fit(texts, targets, checkpoint=path, checkpoint_steps=1, callbacks=kill)
            whole = cls(**common, freeze_embeddings=2).fit(texts, targets)
            again = cls(**common, freeze_embeddings=2)
            again.fit(texts, targets, checkpoint=path, resume=True)
            assert len(again.history_) == 4
            np.testing.assert_array_equal(again.embeddings_, whole.embeddings_)
    with pytest.raises(ValueError, match="freeze_embeddings must be"):
        TextClassifier(pretrained_vectors=(words, vectors), freeze_embeddings=-1).fit(texts, labels)


@OF_CLASSES
def test_unfitted_and_wrong(kind: Kind) -> None:
    model = kind.make()
    asks = ["predict_log_proba", "decision_function", "transform"]
    for name in asks:
        with pytest.raises(ValueError, match="not fitted"):
            getattr(model, name)(kind.probe)
    with pytest.raises(ValueError, match="not fitted"):
        model.top_k(kind.probe, 1)
    for name in ("summary", "n_iter_", "loss_curve_"):
        with pytest.raises(ValueError, match="not fitted"):
            getattr(model, name)()
    model = kind.fitted()
    for k in (0, -1):
        with pytest.raises(ValueError, match="k must be at least 1"):
            model.top_k(kind.probe, k)
    for threshold in (-0.1, 1.1, np.nan, "a"):
        with pytest.raises(ValueError, match="threshold must be in"):
            model.top_k(kind.probe, 1, threshold)


def test_a_text_is_no_collection_of_texts() -> None:
    model = KINDS["texts"].fitted()
    for name in ("transform", "decision_function", "predict_log_proba"):
        with pytest.raises((TypeError, ValueError)):
            getattr(model, name)({"a": 1})
