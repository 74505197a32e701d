"""TextClassifier: every form of texts, files, tokenizers and pretrained vectors that it takes, and the files it keeps."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from models.samples import reviews, write_reviews

import pyffnn
from pyffnn import TextClassifier
from pyffnn.optimizers import SGD, constant


@pytest.fixture(scope="module")
def data():
    return reviews()


@pytest.fixture(scope="module")
def fitted(data):
    return TextClassifier(epochs=10).fit(*data)


@pytest.fixture
def path(tmp_path):
    return write_reviews(tmp_path / "train.txt")


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
