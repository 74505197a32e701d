"""TextClassifier: what it learns, and what it makes of the words of a text."""

from __future__ import annotations

import numpy as np
import pytest
from models.samples import FILLERS, WORDS, reviews

from pyffnn import TextClassifier


def orders(n=300, seed=0):
    """Only the order of the words tells the classes apart."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(n):
        pair = ["no", "yes"] if i % 2 else ["yes", "no"]
        words = list(rng.choice(FILLERS, 4))
        at = rng.integers(0, 5)
        texts.append(" ".join(words[:at] + pair + words[at:]))
        labels.append(i % 2)
    return texts, labels


@pytest.fixture(scope="module")
def data():
    return reviews()


@pytest.fixture(scope="module")
def fitted(data):
    return TextClassifier(epochs=10).fit(*data)


def test_learns(fitted, data):
    assert fitted.score(*data) == 1
    assert fitted.score(*reviews(seed=1)) == 1
    assert fitted.classes_.tolist() == ["bad", "good"]
    assert fitted.predict(["a lovely film", "an awful plot"]).tolist() == ["good", "bad"]


def test_probabilities(fitted, data):
    p = fitted.predict_proba(data[0])
    assert p.shape == (240, 2) and p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert p.min() >= 0 and p.max() <= 1
    # one text alone gets the bits it gets among others
    np.testing.assert_array_equal(fitted.predict_proba([data[0][7]])[0], p[7])
    assert fitted.predict_proba([]).shape == (0, 2)
    blank, unknown = fitted.predict_proba(["", "zzz qqq"])
    np.testing.assert_array_equal(blank, unknown)


def test_bigrams_see_order():
    texts, labels = orders()
    settings = {"epochs": 20, "learning_rate": 0.5}
    assert TextClassifier(**settings).fit(texts, labels).score(texts, labels) < 0.8
    assert TextClassifier(word_ngrams=2, **settings).fit(texts, labels).score(texts, labels) == 1
    hashed = TextClassifier(word_ngrams=2, buckets=1000, **settings).fit(texts, labels)
    assert hashed.score(texts, labels) == 1
    assert hashed.embeddings_.shape[0] == len(hashed.vocabulary_) + 1000


def test_concatenation_sees_order():
    texts, labels = [], []
    for i, (text, label) in enumerate(zip(*orders(400), strict=True)):
        first = text.split()[:4]
        texts.append(" ".join((["yes"] if label else ["no"]) + first))
        texts.append(" ".join(first + (["no"] if label else ["yes"])))
        labels += [i % 2, i % 2]
    model = TextClassifier(
        pooling="concat", hidden_layer_sizes=(16,), epochs=40, optimizer="adam", learning_rate=0.01
    )
    assert model.fit(texts, labels).score(texts, labels) > 0.95
    first = model._state().network.parameters()["hidden0.weight"]
    assert first.shape[0] == 5 * model.embeddings_.shape[1]
    assert TextClassifier(epochs=40).fit(texts, labels).score(texts, labels) < 0.9


def test_concatenation_pads_and_cuts():
    texts, labels = ["a b c d", "b", "c d"] * 20, [0, 1, 0] * 20
    model = TextClassifier(pooling="concat", max_tokens=2, epochs=5, optimizer="sgd").fit(
        texts, labels
    )
    p = model.predict_proba(["a b", "a b c d", "b", "b zzz", ""])
    np.testing.assert_array_equal(p[0], p[1])  # cut
    np.testing.assert_array_equal(p[2], p[3])  # missing and unknown words are zeros
    W, b = (model._state().network.parameters()[k] for k in ("output.weight", "output.bias"))
    E, ids = model.embeddings_, {w: i for i, w in enumerate(model.vocabulary_)}
    zero = np.zeros_like(E[0])
    for row, words in ((0, "ab"), (2, "b"), (4, "")):
        x = np.concatenate([E[ids[w]] for w in words] + [zero] * (2 - len(words))).astype(
            np.float64
        )
        z = np.exp(x @ W + b)
        np.testing.assert_allclose(p[row], z / z.sum(), atol=1e-6)
    longest = TextClassifier(pooling="concat", epochs=1).fit(texts, labels)
    assert longest._state().network.spec["max_tokens"] == 4


@pytest.fixture(scope="module")
def short():
    """Many short texts, where rare words say what their piece says."""
    rng = np.random.default_rng(8)
    stems = np.array(["happ", "sadd"])
    labels = rng.integers(0, 2, 12000)
    ends = rng.integers(0, 4000, 12000)
    filler = rng.integers(0, 50, (12000, 8))
    texts = [
        " ".join([f"w{i}" for i in row] + [f"{stems[y]}{end:04d}"])
        for row, y, end in zip(filler, labels, ends, strict=True)
    ]
    return texts, labels


def test_few_or_short_texts_are_weighted_with_pieces_of_words(short, tmp_path):
    texts, labels = short
    model = TextClassifier(word_ngrams=2, epochs=1).fit(texts, labels)
    assert model.recipe_["pooling"] == model._state().network.spec["pool"] == "weighted"
    assert model._state().features.char_ngrams == (4, 4)
    assert model.recipe_["char_ngrams"] == [4, 4]
    assert model.predict(["w1 happens w2", "saddest", "happily"]).tolist() == [0, 1, 0]

    # the same from an iterator, from a file, and by the explicit settings
    p = model.predict_proba(texts[:100])
    file = tmp_path / "short"
    lines = [f"__label__{y} {text}\n" for text, y in zip(texts, labels, strict=True)]
    file.write_text("".join(lines))
    settings = {"word_ngrams": 2, "epochs": 1}
    for other in (
        TextClassifier(**settings).fit(iter(texts), labels),
        TextClassifier(**settings).fit(file),
        TextClassifier(**settings, pooling="weighted", char_ngrams=(4, 4)).fit(texts, labels),
    ):
        np.testing.assert_array_equal(other.predict_proba(texts[:100]), p)


def test_sums_have_pieces_that_learn_slowly(short):
    model = TextClassifier(word_ngrams=2, pooling="sum", epochs=1).fit(*short)
    pieces = model._state().features.char_rows
    rates = model._state().network.state()["embedding.rate"]
    assert pieces[0] > len(model.vocabulary_) and pieces[-1] == rates.size - 1
    np.testing.assert_array_equal(np.delete(rates, pieces), np.float32(1))
    np.testing.assert_array_equal(rates[pieces], np.float32(0.3))


@pytest.mark.parametrize("pooling", ["sum", "weighted"])
def test_partial_fit_keeps_to_pooling_and_pieces(short, tmp_path, pooling):
    texts, labels = short
    model = TextClassifier(pooling=pooling).partial_fit(texts, labels)
    for state in (True, False):
        path = tmp_path / str(state)
        model.save(path, optimizer_state=state)
        loaded = TextClassifier.load(path)
        loaded.partial_fit(["happy zzzzzz", "w1 saddest"], [0, 1])  # few: would have no pieces
        spec = loaded._state().network.spec
        assert spec["pool"] == pooling and loaded._state().features.char_ngrams == (4, 4)
        assert "zzzzzz" in loaded.vocabulary_
        pieces = loaded._state().features.char_rows
        assert spec["rows"] == pieces[-1] + 1 > model._state().features.char_rows[-1] + 1
        if pooling == "sum":
            rates = loaded._state().network.state()["embedding.rate"]
            assert loaded.history_[-1]["learning_rate"] == 0.02
            np.testing.assert_array_equal(np.delete(rates, pieces), np.float32(1))
            np.testing.assert_array_equal(rates[pieces], np.float32(0.3))
        else:
            weights = loaded._state().network.parameters()["embedding.weights"]
            before = model._state().network.parameters()["embedding.weights"]
            np.testing.assert_array_equal(weights[: before.size], before)
            assert (weights[before.size :] != 1).all()
        assert loaded.predict(["happily"]) == [0]


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layer_sizes": (4,)},
        {"optimizer": "adam"},
        {"learning_rate": 0.1},
        {"pooling": "mean"},
        {"pooling": "concat"},
        {"pretrained_vectors": {"w1": np.ones(16)}},
    ],
    ids=lambda s: next(iter(s)),
)
def test_settings_with_which_rows_are_averaged(short, settings):
    model = TextClassifier(epochs=1, **settings).fit(*short)
    assert model._state().network.spec.get("pool", "mean") == "mean"
    assert model.embeddings_.shape[0] == len(model.vocabulary_)


@pytest.mark.parametrize("settings", [{"buckets": 100}, {"tokenizer": str.split}], ids=str)
def test_weighted_without_pieces(short, settings):
    fitted = TextClassifier(epochs=1, **settings).fit(*short)._state()
    assert fitted.network.spec["pool"] == "weighted" and fitted.features.char_ngrams is None


def test_many_long_texts_have_no_pieces():
    # nor has a handful of words: see test_vocabulary_options
    rng = np.random.default_rng(1)
    texts = [" ".join(f"w{i}" for i in row) for row in rng.integers(0, 900, (16_700, 30))]
    labels = rng.integers(0, 2, len(texts))
    few = TextClassifier(epochs=1).fit(texts[:16_600], labels[:16_600])
    assert few._state().features.char_ngrams == (4, 4)
    many = TextClassifier(epochs=1).fit(texts, labels)
    assert many._state().features.char_ngrams is None and many.recipe_["char_ngrams"] is None


@pytest.mark.parametrize(("pooling", "power"), [("mean", 1), ("sqrtn", 0.5), ("sum", 0)])
def test_poolings_divide_the_sum_of_rows(data, pooling, power, tmp_path):
    model = TextClassifier(pooling=pooling, epochs=2).fit(*data)
    W, b = (
        model._state().network.parameters()[k].astype(np.float64)
        for k in ("output.weight", "output.bias")
    )
    rows = model.embeddings_[[model.vocabulary_.index(w) for w in ("good", "film", "film", "film")]]
    z = np.exp(rows.astype(np.float64).sum(axis=0) / 4**power @ W + b)
    p = model.predict_proba(["good film film film zzz", ""])
    np.testing.assert_allclose(p[0], z / z.sum(), atol=1e-6)
    np.testing.assert_allclose(p[1], np.exp(b) / np.exp(b).sum(), atol=1e-6)
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(
        TextClassifier.load(tmp_path / "m").predict_proba(data[0]), model.predict_proba(data[0])
    )


def test_mean_of_rows_is_what_is_classified(data):
    fitted = TextClassifier(pooling="mean", epochs=10).fit(*data)
    W, b = (fitted._state().network.parameters()[k] for k in ("output.weight", "output.bias"))
    ids = [fitted.vocabulary_.index(w) for w in ("good", "film", "film")]
    z = np.exp(fitted.embeddings_[ids].astype(np.float64).mean(axis=0) @ W + b)
    p = fitted.predict_proba(["Good film zzz FILM"])[0]
    np.testing.assert_allclose(p, z / z.sum(), atol=1e-6)


def test_max_tokens_of_the_mean(tmp_path, data):
    texts, labels = data
    cut = [" ".join(text.split()[:3]) for text in texts]
    settings = {"epochs": 3, "random_state": 1}
    a = TextClassifier(max_tokens=3, **settings).fit(texts, labels)
    b = TextClassifier(**settings).fit(cut, labels)
    assert a.vocabulary_ == b.vocabulary_
    np.testing.assert_array_equal(a.predict_proba(texts), b.predict_proba(cut))
    a.save(tmp_path / "m")
    np.testing.assert_array_equal(
        TextClassifier.load(tmp_path / "m").predict_proba(texts), b.predict_proba(cut)
    )
    file = tmp_path / "f"
    file.write_text("".join(f"{t} __label__{y}\n" for t, y in zip(texts, labels, strict=True)))
    c = TextClassifier(max_tokens=3, **settings).fit(file)
    np.testing.assert_array_equal(c.predict_proba(texts), b.predict_proba(cut))


def test_char_ngrams_know_parts_of_words():
    texts = ["unhappy", "unkind", "unfair", "happy", "kind", "fair"] * 20
    labels = [0, 0, 0, 1, 1, 1] * 20
    model = TextClassifier(char_ngrams=(2, 4), epochs=30, learning_rate=0.3).fit(texts, labels)
    assert model.predict(["unwise", "unsafe"]).tolist() == [0, 0]


def test_vocabulary_options(data):
    texts, labels = data
    rare = [*texts, "Hapax good"]
    model = TextClassifier(epochs=1, min_count=2).fit(rare, [*labels, "good"])
    assert "hapax" not in model.vocabulary_
    model = TextClassifier(epochs=1).fit(rare, [*labels, "good"])
    assert "hapax" in model.vocabulary_
    model = TextClassifier(epochs=1, lowercase=False).fit(rare, [*labels, "good"])
    assert "Hapax" in model.vocabulary_
    assert model.embeddings_.shape == (len(model.vocabulary_), 16)
    few = TextClassifier(epochs=1, word_ngrams=2, ngram_min_count=8).fit(texts, labels)
    many = TextClassifier(epochs=1, word_ngrams=2, ngram_min_count=1).fit(texts, labels)
    assert len(few.vocabulary_) < few.embeddings_.shape[0] < many.embeddings_.shape[0]


def test_multi_label(tmp_path):
    texts, sets = [], []
    rng = np.random.default_rng(0)
    kinds = list(WORDS)
    for _ in range(300):
        chosen = [k for k in kinds if rng.random() < 0.5]
        words = [str(rng.choice(WORDS[k])) for k in chosen] + list(rng.choice(FILLERS, 3))
        rng.shuffle(words)
        texts.append(" ".join(words))
        sets.append(chosen)
    settings = {"multilabel": True, "epochs": 30, "learning_rate": 0.5, "hidden_layer_sizes": (16,)}
    model = TextClassifier(**settings).fit(texts, sets)
    assert model.classes_.tolist() == sorted(kinds)
    assert model.score(texts, sets) > 0.95
    predicted = model.predict(texts)
    assert predicted[:3] == [tuple(sorted(s)) for s in sets[:3]]
    matrix = np.array([[k in s for k in model.classes_] for s in sets], dtype=int)
    by_matrix = TextClassifier(**settings).fit(texts, matrix)
    np.testing.assert_array_equal(by_matrix.predict_proba(texts), model.predict_proba(texts))
    np.testing.assert_array_equal(by_matrix.predict(texts), model.predict_proba(texts) > 0.5)
    assert by_matrix.classes_.tolist() == [0, 1, 2]
    path = tmp_path / "f"
    lines = [
        f"{' '.join('__label__' + k for k in s)} {t}\n" for t, s in zip(texts, sets, strict=True)
    ]
    path.write_text("".join(lines))
    by_file = TextClassifier(**settings).fit(path)
    np.testing.assert_array_equal(by_file.predict_proba(texts), model.predict_proba(texts))
    assert by_file.score(path) == model.score(texts, sets)
    model.save(tmp_path / "m")
    assert TextClassifier.load(tmp_path / "m").predict(texts) == predicted
    model.partial_fit(texts, sets)
    for wrong, match in (
        (["good"] * 300, r"y\[0\] must be a list of labels"), ([[]] * 300, "no labels at all"),
        (matrix * 2, "zeros and ones"), (None, "requires y"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=match):
            TextClassifier(multilabel=True).fit(texts, wrong)
    with pytest.raises(ValueError, match="labels that are not in classes: 'new'"):
        model.partial_fit(texts, [["new"]] * 300)
    heavy = TextClassifier(multilabel=True, class_weight={model.classes_[0]: 50.0}).fit(texts, sets)
    plain = TextClassifier(multilabel=True).fit(texts, sets)
    assert not np.allclose(heavy.predict_proba(texts)[:, 0], plain.predict_proba(texts)[:, 0])
