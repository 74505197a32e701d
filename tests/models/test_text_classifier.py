"""TextClassifier: what it learns, every argument, every form of input, and every way to get it wrong."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import pyffnn
from pyffnn import TextClassifier
from pyffnn.optimizers import SGD, Adam, constant

WORDS = {
    "good": ["good", "great", "lovely", "fine"],
    "bad": ["bad", "awful", "poor", "dire"],
    "odd": ["odd", "strange", "weird", "queer"],
}
FILLERS = ["the", "film", "was", "a", "bit", "and", "plot", "actor", "scene"]


def reviews(n=240, seed=0, kinds=("bad", "good")):
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for i in range(n):
        kind = kinds[i % len(kinds)]
        words = list(rng.choice(FILLERS, rng.integers(2, 8)))
        words.insert(rng.integers(0, len(words) + 1), str(rng.choice(WORDS[kind])))
        texts.append(" ".join(words))
        labels.append(kind)
    return texts, labels


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


@pytest.fixture
def path(tmp_path):
    texts, labels = reviews(kinds=("bad", "good", "odd"))
    path = tmp_path / "train.txt"
    lines = [f"__label__{label} {text}\n" for text, label in zip(texts, labels, strict=True)]
    path.write_text("".join(lines), encoding="utf-8")
    return path


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


def test_short_texts_are_summed_with_pieces_of_words(short, tmp_path):
    texts, labels = short
    model = TextClassifier(word_ngrams=2, epochs=1).fit(texts, labels)
    assert model._state().network.spec["pool"] == "sum" and model._state().features.char_ngrams == (
        4,
        4,
    )
    assert model.history_[0]["learning_rate"] < 0.02
    assert model.predict(["w1 happens w2", "saddest", "happily"]).tolist() == [0, 1, 0]

    pieces = model._state().features.char_rows
    rates = model._state().network.state()["embedding.rate"]
    assert pieces[0] > len(model.vocabulary_) and pieces[-1] == rates.size - 1
    np.testing.assert_array_equal(np.delete(rates, pieces), np.float32(1))
    np.testing.assert_array_equal(rates[pieces], np.float32(0.3))

    # the same from an iterator, from a file, and by the explicit settings
    p = model.predict_proba(texts[:100])
    file = tmp_path / "short"
    lines = [f"__label__{y} {text}\n" for text, y in zip(texts, labels, strict=True)]
    file.write_text("".join(lines))
    settings = {"word_ngrams": 2, "epochs": 1}
    for other in (
        TextClassifier(**settings).fit(iter(texts), labels),
        TextClassifier(**settings).fit(file),
        TextClassifier(**settings, pooling="sum", char_ngrams=(4, 4)).fit(texts, labels),
    ):
        np.testing.assert_array_equal(other.predict_proba(texts[:100]), p)


def test_partial_fit_keeps_to_sums_and_pieces(short, tmp_path):
    texts, labels = short
    model = TextClassifier().partial_fit(texts, labels)
    for state in (True, False):
        path = tmp_path / str(state)
        model.save(path, optimizer_state=state)
        loaded = TextClassifier.load(path)
        loaded.partial_fit(["happy zzzzzz", "w1 saddest"], [0, 1])  # few: would be averaged
        assert loaded._state().network.spec[
            "pool"
        ] == "sum" and loaded._state().features.char_ngrams == (4, 4)
        assert loaded.history_[-1]["learning_rate"] == 0.02
        assert "zzzzzz" in loaded.vocabulary_
        rates = loaded._state().network.state()["embedding.rate"]
        pieces = loaded._state().features.char_rows
        assert rates.size == pieces[-1] + 1 > model._state().features.char_rows[-1] + 1
        np.testing.assert_array_equal(np.delete(rates, pieces), np.float32(1))
        np.testing.assert_array_equal(rates[pieces], np.float32(0.3))
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
def test_settings_with_which_short_texts_are_as_others(short, settings):
    model = TextClassifier(epochs=1, **settings).fit(*short)
    assert model._state().network.spec.get("pool", "mean") == "mean"
    assert model.embeddings_.shape[0] == len(model.vocabulary_)


@pytest.mark.parametrize("settings", [{"buckets": 100}, {"tokenizer": str.split}], ids=str)
def test_sums_without_pieces(short, settings):
    model = TextClassifier(epochs=1, **settings).fit(*short)
    assert (
        model._state().network.spec["pool"] == "sum" and model._state().features.char_ngrams is None
    )


def test_longer_or_fewer_texts_are_averaged(short):
    texts, labels = short
    few = 100_000 // 9
    for texts_, y in (
        (texts[:few], labels[:few]),
        ([" ".join(texts[i : i + 3]) for i in range(0, 12000, 3)], labels[::3]),
    ):
        model = TextClassifier(epochs=1).fit(texts_, y)
        assert (
            model._state().network.spec["pool"] == "mean"
            and model._state().features.char_ngrams is None
        )
        assert not model._state().features.char_rows.size
    assert (
        TextClassifier(epochs=1)
        .fit(texts[: few + 1], labels[: few + 1])
        ._state()
        .network.spec["pool"]
        == "sum"
    )


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


def test_mean_of_rows_is_what_is_classified(fitted):
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


def forms_of_texts(texts):
    yield texts
    yield tuple(texts)
    yield iter(texts)
    yield (text for text in texts)
    yield np.array(texts)
    yield np.array(texts, dtype=object)
    for module, make in (("pandas", "Series"), ("pyarrow", "array"), ("pyarrow", "chunked_array")):
        try:
            package = __import__(module)
        except ImportError:
            continue
        yield getattr(package, make)([texts] if make == "chunked_array" else texts)


def test_forms_of_texts(fitted, data):
    texts, labels = data
    want = fitted.predict_proba(texts)
    for form in forms_of_texts(texts):
        np.testing.assert_array_equal(fitted.predict_proba(form), want)
    for form in forms_of_texts(texts):
        np.testing.assert_array_equal(
            TextClassifier(epochs=10).fit(form, labels).predict_proba(texts), want
        )
    for form in (iter(labels), np.array(labels), np.array(labels, dtype=object)):
        np.testing.assert_array_equal(
            TextClassifier(epochs=10).fit(texts, form).predict_proba(texts), want
        )


def test_file(path):
    model = TextClassifier(epochs=10).fit(path)
    assert model.classes_.tolist() == ["bad", "good", "odd"]
    texts, labels = reviews(kinds=("bad", "good", "odd"))
    assert model.score(path) == 1
    assert model.score(texts, labels) == 1
    same = TextClassifier(epochs=10).fit(str(path))
    np.testing.assert_array_equal(same.predict_proba(texts), model.predict_proba(texts))
    listed = TextClassifier(epochs=10).fit(texts, labels)
    np.testing.assert_array_equal(listed.predict_proba(texts), model.predict_proba(texts))
    watched = TextClassifier(epochs=3).fit(path, X_val=path)
    assert watched.history_[-1]["val_accuracy"] == watched.score(path)


def test_file_with_another_prefix(tmp_path):
    path = tmp_path / "f"
    path.write_text("#a one two\nthree #b four\n\n#a five\n")
    model = TextClassifier(epochs=1, label_prefix="#").fit(path)
    assert model.classes_.tolist() == ["a", "b"]
    assert sorted(model.vocabulary_) == ["five", "four", "one", "three", "two"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "has no labels"),
        (b"no label here\n", "has no labels"),
        (b"__label__a x\nno label\n__label__b y\n", "1 texts have no label, the first is number 2"),
        (b"__label__a x\n__label__b __label__a y\n", "1 texts have several labels"),
        (b"__label__a x\n__label__a y\n", "1 class"),
        (b"__label__a\n__label__b\n", "texts have no words"),
        (b"__label__a x\n__label__b \xff\n", "UTF-8"),
    ],
)
@pytest.mark.parametrize("tokenizer", [None, str.split])
def test_wrong_files(tmp_path, content, match, tokenizer):
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match):
        TextClassifier(tokenizer=tokenizer).fit(path)


def test_missing_file(tmp_path, fitted):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        TextClassifier().fit(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        fitted.score(str(tmp_path / "nowhere"))


def commas(text):
    return text.replace(",", " , ").split()


def test_tokenizer_function(tmp_path, data):
    texts = [text.replace(" film", ", film") for text in data[0]]
    model = TextClassifier(epochs=5, tokenizer=commas).fit(texts, data[1])
    assert "," in model.vocabulary_
    assert model.score(texts, data[1]) == 1
    p = model.predict_proba(texts)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict_proba(texts), p)
    model.save(tmp_path / "m")
    with pytest.raises(ValueError, match="pass it as tokenizer="):
        TextClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(
        TextClassifier.load(tmp_path / "m", tokenizer=commas).predict_proba(texts), p
    )
    file = tmp_path / "f"
    file.write_text("".join(f"__label__{y} {t}\n" for t, y in zip(texts, data[1], strict=True)))
    np.testing.assert_array_equal(
        TextClassifier(epochs=5, tokenizer=commas).fit(file).predict_proba(texts), p
    )


def test_byte_pair_encoding(tmp_path, data):
    tokenizers = pytest.importorskip("tokenizers")
    bpe = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="?"))
    bpe.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    bpe.train_from_iterator(
        data[0], tokenizers.trainers.BpeTrainer(vocab_size=60, special_tokens=["?"])
    )
    model = TextClassifier(epochs=20, tokenizer=bpe, word_ngrams=2).fit(*data)
    assert model.score(*data) > 0.95
    model.save(tmp_path / "m")
    for other in (
        TextClassifier.load(tmp_path / "m"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        np.testing.assert_array_equal(other.predict_proba(data[0]), model.predict_proba(data[0]))


VECTORS = {"good": [1.0, 0, 0], "bad": [-1.0, 0, 0], "film": [0, 1.0, 0], "never": [9.0, 9, 9]}


@pytest.fixture(params=["dict", "pair", "file", "headless"])
def vectors(request, tmp_path):
    if request.param == "dict":
        return VECTORS
    if request.param == "pair":
        return list(VECTORS), np.array(list(VECTORS.values()))
    path = tmp_path / "vectors.txt"
    lines = [f"{w} {' '.join(map(str, v))}\n" for w, v in VECTORS.items()]
    path.write_text(("4 3\n" if request.param == "file" else "") + "".join(lines), encoding="utf-8")
    return path


def test_pretrained_vectors(data, vectors, tmp_path):
    model = TextClassifier(pretrained_vectors=vectors, freeze_embeddings=True, epochs=20).fit(*data)
    for word in ("good", "bad", "film"):
        np.testing.assert_array_equal(
            model.embeddings_[model.vocabulary_.index(word)], VECTORS[word]
        )
    free = TextClassifier(pretrained_vectors=vectors, epochs=1, learning_rate=0.1).fit(*data)
    row = free.embeddings_[free.vocabulary_.index("good")]
    assert 0 < np.abs(row - VECTORS["good"]).max() < 0.5
    model.save(tmp_path / "m")
    other = TextClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(other.predict_proba(data[0]), model.predict_proba(data[0]))
    if not isinstance(vectors, (dict, tuple)):
        marked = tmp_path / "marked.vec"
        marked.write_bytes(b"\xef\xbb\xbf" + vectors.read_bytes())
        same = TextClassifier(pretrained_vectors=marked, freeze_embeddings=True, epochs=20)
        np.testing.assert_array_equal(same.fit(*data).embeddings_, model.embeddings_)
    # a run that diverges leaves a model that came back to the vectors
    before = free.predict_proba(data[0])
    with pytest.raises(FloatingPointError, match="this one is as it was") as error:
        free.set_params(learning_rate=constant(1e30), optimizer="sgd").fit(*data)
    left = error.value.model
    np.testing.assert_array_equal(left.embeddings_[left.vocabulary_.index("good")], VECTORS["good"])
    np.testing.assert_array_equal(free.predict_proba(data[0]), before)


@pytest.mark.parametrize(
    ("vectors", "match"),
    [
        ({}, "empty"),
        ({"good": [1.0, 2.0], "bad": [1.0]}, r"\['bad'\] must be a vector of 2 numbers"),
        ({"good": [np.nan]}, "finite"),
        ({"good": "x"}, "numbers"),
        (["a", "b", "c"], "pretrained_vectors must be a path"),
        (3, "pretrained_vectors must be a path"),
        ((["a"], np.zeros((2, 3))), "row a word"),
        ((["a"], [[np.inf]]), "finite"),
    ],
)
def test_wrong_vectors(data, vectors, match):
    with pytest.raises(ValueError, match=match):
        TextClassifier(pretrained_vectors=vectors).fit(*data)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"good 1 2\nbad 1\n", "line 2: a word and 2 numbers"),
        (b"2 2\ngood 1 x\n", "line 2: 2 numbers"),
        (b"2 2\ngood 1 nan\n", "line 2: the numbers must be finite"),
        (b"good\n", "line 1"),
        (b"", "line 1"),
        (b"\xff\xfe 1 2\n", "UTF-8"),
    ],
)
def test_wrong_vector_files(data, tmp_path, content, match):
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=match):
        TextClassifier(pretrained_vectors=path).fit(*data)


def test_vectors_and_dim_must_agree(data):
    with pytest.raises(ValueError, match="embedding_dim is 5, but pretrained_vectors have 3"):
        TextClassifier(embedding_dim=5, pretrained_vectors=VECTORS).fit(*data)
    with pytest.raises(FileNotFoundError):
        TextClassifier(pretrained_vectors="no such file").fit(*data)


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
    model = TextClassifier().partial_fit(*data)
    assert model.history_[0]["learning_rate"] == 0.1
    assert TextClassifier(optimizer="adam").partial_fit(*data).history_[0]["learning_rate"] == 1e-3


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


@pytest.mark.parametrize("way", ["save", "pickle", "deepcopy"])
@pytest.mark.parametrize(
    "settings",
    [
        {"word_ngrams": 2, "char_ngrams": (2, 3)},
        {"buckets": 100, "char_ngrams": [1, 2], "lowercase": False, "optimizer": "adam"},
        {"pooling": "concat", "hidden_layer_sizes": (8,), "optimizer": SGD(0.1, 0.9)},
    ],
)
def test_put_away_and_brought_back(data, tmp_path, settings, way):
    model = TextClassifier(epochs=2, **settings).fit(*data)
    if way == "save":
        model.save(tmp_path / "m.safetensors")
        other = TextClassifier.load(tmp_path / "m.safetensors")
    else:
        other = pickle.loads(pickle.dumps(model)) if way == "pickle" else copy.deepcopy(model)
    np.testing.assert_array_equal(other.predict_proba(data[0]), model.predict_proba(data[0]))
    assert other.vocabulary_ == model.vocabulary_
    model.partial_fit(*data)
    other.partial_fit(*data)
    np.testing.assert_array_equal(other.predict_proba(data[0]), model.predict_proba(data[0]))


def test_wrong_model_files(fitted, tmp_path):
    from pyffnn.io import load_model, save_model

    fitted.save(tmp_path / "m")
    with pytest.raises(ValueError, match="holds a TextClassifier, not a FFNNClassifier"):
        pyffnn.FFNNClassifier.load(tmp_path / "m")
    _, config, tensors = load_model(tmp_path / "m", "TextClassifier")
    for key in tensors:
        if not key.startswith("state."):
            save_model(
                tmp_path / "w",
                "TextClassifier",
                config,
                {k: v for k, v in tensors.items() if k != key},
            )
            with pytest.raises(ValueError, match="w' is damaged"):
                TextClassifier.load(tmp_path / "w")
    with pytest.raises(ValueError, match="without a tokenizer"):
        TextClassifier.load(tmp_path / "m", tokenizer=str.split)


WRONG_SETTINGS = [
    ("embedding_dim", 0), ("embedding_dim", 2.5), ("pooling", "max"), ("max_tokens", 0), ("word_ngrams", 0),
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
