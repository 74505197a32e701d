"""Word vectors in files: written, read, and as a start, in every form."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn import LanguageModel, TextClassifier
from pyffnn.io import load_vectors, save_vectors
from pyffnn.text.vectors import find_vectors, vectors_dim

FORMS = ["v.vec", "v.txt.gz", "v.npy", "v.safetensors"]
WORDS = ["a", "ß", "new york", "x"]
VECTORS = np.array([[1, -2.5], [1e-38, 3e38], [0.1, 1 / 3], [0, -0.0]], np.float32)


@pytest.mark.parametrize("form", FORMS)
def test_what_was_written_is_read(form: str, tmp_path: Path) -> None:
    save_vectors(tmp_path / form, WORDS, VECTORS)
    words, vectors = load_vectors(tmp_path / form)
    assert words == WORDS and vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, VECTORS)
    assert vectors_dim(tmp_path / form) == 2
    rows, found = find_vectors(tmp_path / form, ["x", "unheard", "ß"])
    assert dict(zip(rows.tolist(), found.tolist(), strict=True)) == {
        0: VECTORS[3].tolist(), 2: VECTORS[1].tolist(),
    }  # fmt: skip


@settings(max_examples=25)
@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3))
def test_text_keeps_every_bit(tmp_path_factory: Any, numbers: list[float]) -> None:
    path = tmp_path_factory.mktemp("v") / "v.vec"
    save_vectors(path, ["w"], np.array([numbers], np.float32))
    np.testing.assert_array_equal(load_vectors(path)[1], np.array([numbers], np.float32))


def test_word2vec_text_is_what_others_read(tmp_path: Path) -> None:
    save_vectors(tmp_path / "v.vec.gz", WORDS, VECTORS)
    lines = gzip.decompress((tmp_path / "v.vec.gz").read_bytes()).decode().splitlines()
    assert lines[0] == "4 2" and lines[1] == "a 1 -2.5"
    first = (tmp_path / "v.vec.gz").read_bytes()
    save_vectors(tmp_path / "v.vec.gz", WORDS, VECTORS)
    assert (tmp_path / "v.vec.gz").read_bytes() == first


@pytest.mark.parametrize("form", FORMS)
def test_models_write_what_models_begin_with(form: str, tmp_path: Path) -> None:
    texts, labels = ["good film", "bad film"] * 10, [1, 0] * 10
    first = TextClassifier(epochs=2, embedding_dim=5, word_ngrams=2).fit(texts, labels)
    path = tmp_path / form
    first.save_vectors(path)
    words, vectors = load_vectors(path)
    assert words == first.vocabulary_
    np.testing.assert_array_equal(vectors, first.embeddings_[: len(words)])
    second = TextClassifier(pretrained_vectors=str(path), freeze_embeddings=True, epochs=1)
    second.fit(texts, labels)
    for word in words:
        np.testing.assert_array_equal(second.word_vector(word), first.word_vector(word))


def test_words_of_a_language_model(tmp_path: Path) -> None:
    model = LanguageModel(context=2, distant_kernels=0, embedding_dim=4, epochs=1, min_count=1)
    model.fit([["the", "dog", "barks"], ["the", "cat", "sleeps"]] * 20)
    model.save_vectors(tmp_path / "v.vec")
    words, vectors = load_vectors(tmp_path / "v.vec")
    np.testing.assert_array_equal(vectors[words.index("dog")], model.word_vector("dog"))
    ids = LanguageModel(context=2, distant_kernels=0, embedding_dim=4, epochs=1)
    ids.fit(np.arange(200, dtype=np.int32) % 7).save_vectors(tmp_path / "ids.vec")
    assert load_vectors(tmp_path / "ids.vec")[0] == [str(i) for i in range(7)]


def write_static(
    folder: Path, dtype: Any = np.float32, *, weights: bool = False, mapping: bool = False
) -> Any:
    """A folder in model2vec's format; the vectors of its tokens."""
    tokenizers = pytest.importorskip("tokenizers")
    from safetensors.numpy import save_file

    vocab = {"[UNK]": 0, "good": 1, "film": 2, "bad": 3, "##ly": 4, "un": 5}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    rng = np.random.default_rng(0)
    table = rng.normal(size=(6, 3))
    if np.dtype(dtype) == np.int8:
        table = np.round(table / abs(table).max() * 127)
    tensors = {"embeddings": table.astype(dtype)}
    vectors = tensors["embeddings"].astype(np.float32)
    if np.dtype(dtype) == np.int8:
        vectors = vectors / 127
    if mapping:
        tensors["mapping"] = np.array([0, 2, 2, 1, 5, 4], np.int32)
        vectors = vectors[tensors["mapping"]]
    if weights:
        tensors["weights"] = np.array([1, 2, 3, 4, 5, 6], np.float64)
        vectors = vectors * tensors["weights"][:, None].astype(np.float32)
    save_file(tensors, folder / "model.safetensors")
    return vectors


@pytest.mark.parametrize("extra", [{}, {"weights": True}, {"mapping": True, "weights": True}])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8])
def test_static_embeddings(dtype: Any, extra: Any, tmp_path: Path) -> None:
    vectors = write_static(tmp_path, dtype, **extra)
    path = tmp_path / "model.safetensors"
    words, table = load_vectors(path)
    assert words[1] == "good" and words[4] == "##ly"
    np.testing.assert_allclose(table, vectors, rtol=1e-6)
    rows, found = find_vectors(path, ["film", "xyz", "badly", "Good"])
    assert rows.tolist() == [0, 2, 3]
    want = [vectors[2], vectors[[3, 4]].mean(axis=0), vectors[1]]
    np.testing.assert_allclose(found, want, rtol=1e-6)
    rows, found = find_vectors(path, ["##ly", "good"], tokens=True)
    np.testing.assert_allclose(found, vectors[[4, 1]], rtol=1e-6)


def test_static_embeddings_as_a_start(tmp_path: Path) -> None:
    vectors = write_static(tmp_path)
    path = str(tmp_path / "model.safetensors")
    texts, labels = ["good film", "badly film"] * 10, [1, 0] * 10
    model = TextClassifier(pretrained_vectors=path, freeze_embeddings=True, epochs=1)
    model.fit(texts, labels)
    assert model.embeddings_.shape == (3, 3)
    np.testing.assert_allclose(model.word_vector("film"), vectors[2], rtol=1e-6)
    np.testing.assert_allclose(model.word_vector("badly"), vectors[[3, 4]].mean(0), rtol=1e-6)
    from tokenizers import Tokenizer

    model = TextClassifier(
        pretrained_vectors=path, freeze_embeddings=True, epochs=1, lowercase=False,
        tokenizer=Tokenizer.from_file(str(tmp_path / "tokenizer.json")),
    ).fit(texts, labels)  # fmt: skip
    np.testing.assert_allclose(model.word_vector("##ly"), vectors[4], rtol=1e-6)


def test_bad_files(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    for words, vectors, match in (
        (["a"], [[1.0], [2.0]], "shape"),
        (["a", "a"], [[1.0], [2.0]], "distinct"),
        (["a\nb"], [[1.0]], "line breaks"),
        (["a"], [[np.nan]], "finite"),
    ):
        with pytest.raises(ValueError, match=match):
            save_vectors(tmp_path / "v.vec", words, vectors)
    with pytest.raises(OSError):
        load_vectors(tmp_path / "none.npy")
    np.save(tmp_path / "v.npy", VECTORS)
    with pytest.raises(ValueError, match=r"v\.words"):
        load_vectors(tmp_path / "v.npy")
    (tmp_path / "v.words").write_text("a\nb\n")
    with pytest.raises(ValueError, match="4 vectors for 2 words"):
        load_vectors(tmp_path / "v.npy")
    save_file({"embeddings": VECTORS}, tmp_path / "v.safetensors")
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        load_vectors(tmp_path / "v.safetensors")
    save_file({"other": VECTORS}, tmp_path / "o.safetensors")
    with pytest.raises(ValueError, match="embeddings"):
        load_vectors(tmp_path / "o.safetensors")
    (tmp_path / "b.npy").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"b\.npy"):
        vectors_dim(tmp_path / "b.npy")
    (tmp_path / "v.gz").write_bytes(gzip.compress(b"a 1 2\n" * 2000)[:-40])
    with pytest.raises(ValueError, match="damaged"):
        load_vectors(tmp_path / "v.gz")
    (tmp_path / "n.gz").write_bytes(b"a 1 2\n")
    with pytest.raises(ValueError, match="damaged"):
        load_vectors(tmp_path / "n.gz")


def test_a_tokenizer_with_more_tokens_than_vectors(tmp_path: Path) -> None:
    write_static(tmp_path)
    kept = json.loads((tmp_path / "tokenizer.json").read_text())
    kept["model"]["vocab"]["more"] = 6
    (tmp_path / "tokenizer.json").write_text(json.dumps(kept))
    with pytest.raises(ValueError, match="6 vectors"):
        load_vectors(tmp_path / "model.safetensors")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match="no tokenizer, or damaged"):
        load_vectors(tmp_path / "model.safetensors")
