"""Models behind the C functions: borrowed from Python, and read from their files without it."""

from __future__ import annotations

import ctypes
import gc
import threading
from pathlib import Path
from typing import Any

import languages
import numpy as np
import pytest
from capi.c_table import FailedError, api, call, capsule_pointer

from pyffnn import FFNNClassifier, FFNNRegressor, TextClassifier, TextRegressor

TEXTS, LABELS = languages.documents()
PROBES = TEXTS[:60] + languages.STRANGE
RNG = np.random.default_rng(5)
X = RNG.normal(size=(90, 6)).astype(np.float32)
Y = np.array(["a", "bé", "c"])[np.arange(90) % 3]

MODELS = {
    "plain": (TextClassifier(epochs=2), LABELS),
    "ngrams": (TextClassifier(epochs=2, word_ngrams=2, char_ngrams=(2, 4), buckets=64), LABELS),
    "concat": (TextClassifier(epochs=2, pooling="concat", hidden_layer_sizes=(5,)), LABELS),
    "weighted": (TextClassifier(epochs=2, pooling="weighted", word_ngrams=2), LABELS),
    "several": (TextClassifier(epochs=2, multilabel=True), [[a, "z"] for a in LABELS]),
    "adaptive": (TextClassifier(epochs=2, output="adaptive", cutoffs=(1,)), LABELS),
    "rows": (FFNNClassifier(epochs=2), Y),
    "two": (FFNNClassifier(epochs=2, hidden_layer_sizes=()), np.arange(90) % 2),
    "booleans": (FFNNClassifier(epochs=2), np.arange(90) % 3 == 0),
    "floats": (FFNNClassifier(epochs=2), np.array([-2.0, 1.0])[np.arange(90) % 2]),
    "residual": (FFNNClassifier(epochs=2, residual=True, layer_norm=True), Y),
}  # fmt: skip


def is_text(model: Any) -> bool:
    return isinstance(model, TextClassifier)


def predict_texts(pointer: int, texts: list[bytes], *, sizes: bool = True, more: int = 0) -> Any:
    width = api.model_outputs(pointer)
    p = np.zeros((len(texts), width + more), np.float32)
    strings = (ctypes.c_char_p * len(texts))(*texts)
    lengths = np.array([len(t) for t in texts], np.int64) if sizes else None
    call("model_predict_texts", pointer, len(texts), strings, lengths, p, width + more)
    return p[:, :width]


def predict_rows(pointer: int, x: np.ndarray, more: int = 0) -> Any:
    width = api.model_outputs(pointer)
    p = np.zeros((len(x), width + more), np.float32)
    call("model_predict_rows", pointer, len(x), x, x.shape[1], p, width + more)
    return p[:, :width]


@pytest.fixture(params=MODELS, scope="module")
def fitted(request: pytest.FixtureRequest) -> Any:
    model, labels = MODELS[request.param]
    return model.fit(TEXTS if is_text(model) else X, labels)


def check(pointer: int, model: Any) -> None:
    labels = [api.model_label(pointer, i).decode() for i in range(api.model_outputs(pointer))]
    assert labels == [str(label) for label in model.classes_.tolist()]
    assert api.model_label(pointer, len(labels)) is api.model_label(pointer, -1) is None
    if is_text(model):
        assert api.model_inputs(pointer) == 0
        texts = [t.encode() for t in PROBES]
        assert np.array_equal(predict_texts(pointer, texts), model.predict_proba(PROBES))
        got = predict_texts(pointer, [b"good Bad", b""], sizes=False, more=3)
        assert np.array_equal(got, model.predict_proba(["good Bad", ""]))
        broken = [t.decode(errors="replace") for t in languages.BYTES]
        assert np.array_equal(predict_texts(pointer, languages.BYTES), model.predict_proba(broken))
    else:
        assert api.model_inputs(pointer) == 6
        assert np.array_equal(predict_rows(pointer, X), model.predict_proba(X))
        wide = np.concatenate([X, X], axis=1)
        assert np.array_equal(predict_rows(pointer, wide, more=2), model.predict_proba(X))


def test_a_file_without_python(fitted: Any, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    fitted.save(path)
    pointer = ctypes.c_void_p()
    call("model_load", str(path).encode(), pointer)
    assert pointer.value is not None
    check(pointer.value, fitted)
    api.model_free(pointer)
    api.model_free(None)


def test_a_model_that_python_lends(fitted: Any) -> None:
    capsule = fitted.__pyffnn_model__()
    check(capsule_pointer(capsule), fitted)


REGRESSORS = {
    "rows": (FFNNRegressor(epochs=2), 40 * X[:, 0] + 100),
    "two": (FFNNRegressor((), epochs=2), X[:, :2] * 1e4),
    "shares": (FFNNRegressor(epochs=2, loss="logistic"), np.abs(np.tanh(X[:, 1]))),
    "texts": (TextRegressor(epochs=2, word_ngrams=2), np.arange(len(TEXTS)) * 5.0 - 7),
}


@pytest.mark.parametrize("name", REGRESSORS)
def test_a_regressor(name: str, tmp_path: Path) -> None:
    model, y = REGRESSORS[name]
    texts = isinstance(model, TextRegressor)
    model.fit(TEXTS if texts else X, y)
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = ctypes.c_void_p()
    call("model_load", str(path).encode(), loaded)
    want = model.predict(PROBES if texts else X).astype(np.float32)
    for pointer in (loaded.value, capsule_pointer(capsule := model.__pyffnn_model__())):
        assert pointer is not None
        assert api.model_label(pointer, 0) is None
        if texts:
            got = predict_texts(pointer, [t.encode() for t in PROBES])
        else:
            got = predict_rows(pointer, X, more=1)
        assert np.array_equal(got.reshape(want.shape), want)
    api.model_free(loaded)
    del capsule


def test_a_capsule_outlives_its_model() -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    capsule, want = model.__pyffnn_model__(), model.predict_proba(PROBES)
    del model
    gc.collect()
    pointer = capsule_pointer(capsule)
    assert np.array_equal(predict_texts(pointer, [t.encode() for t in PROBES]), want)


def test_a_model_that_goes_on_learning() -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    capsule = model.__pyffnn_model__()
    model.partial_fit([f"novel {t}" for t in TEXTS], LABELS)
    known = [t for t in PROBES if "novel" not in t]
    got = predict_texts(capsule_pointer(capsule), [t.encode() for t in known])
    np.testing.assert_allclose(got, model.predict_proba(known), atol=1e-6)


def test_csr_features_as_rows() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    model = FFNNClassifier(epochs=2).fit(sparse.csr_matrix(np.maximum(X, 0)), Y)
    pointer = capsule_pointer(capsule := model.__pyffnn_model__())
    assert np.array_equal(predict_rows(pointer, np.maximum(X, 0)), model.predict_proba(sparse.csr_matrix(np.maximum(X, 0))))  # fmt: skip
    nothing = np.zeros((2, 6), np.float32)
    assert np.array_equal(predict_rows(pointer, nothing), model.predict_proba(sparse.csr_matrix(nothing)))  # fmt: skip
    del capsule


def test_threads_share_a_model() -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    pointer, want = (
        capsule_pointer(capsule := model.__pyffnn_model__()),
        model.predict_proba(PROBES),
    )
    texts, results = [t.encode() for t in PROBES], []

    def work() -> None:
        for _ in range(20):
            results.append(np.array_equal(predict_texts(pointer, texts), want))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [True] * 80
    del capsule


def load_error(path: Path) -> str:
    pointer = ctypes.c_void_p(1)
    with pytest.raises(FailedError) as caught:
        call("model_load", str(path).encode(), pointer)
    assert caught.value.code == "BAD_FILE" and pointer.value is None
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_bad_files(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    assert "No such file" in load_error(path)
    model = TextClassifier(epochs=1, char_ngrams=(2, 3)).fit(TEXTS, LABELS)
    model.save(path)
    good = path.read_bytes()
    for cut in (0, 4, 8, 100, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        load_error(path)
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(good), 150).tolist():
        damaged = bytearray(good)
        damaged[at] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        pointer = ctypes.c_void_p()
        # what the checksum does not cover, the names of arrays in the header among it, is found otherwise; nothing may crash
        if not api.model_load(str(path).encode(), ctypes.addressof(pointer)):
            assert np.array_equal(predict_texts(pointer.value, [b"good"]), model.predict_proba(["good"]))  # fmt: skip
            api.model_free(pointer)
    TextClassifier(epochs=1, tokenizer=str.split).fit(TEXTS, LABELS).save(path)
    assert "tokenizer object" in load_error(path)
    TextClassifier(epochs=1, word_ngrams=2, buckets=300).fit(TEXTS, LABELS).quantize().save(path)
    assert "quantised" in load_error(path)
    for old in sorted((Path(__file__).parents[1] / "data" / "v1").glob("text_mean*")):
        assert "format version 1" in load_error(old)
    for other in sorted((Path(__file__).parents[1] / "data" / "v1").glob("lm_plain*")):
        load_error(other)


def test_bad_arguments() -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    rows = FFNNClassifier(epochs=1).fit(X, Y)
    texts, numbers = model.__pyffnn_model__(), rows.__pyffnn_model__()
    for pointer, ask in [(texts, predict_rows), (numbers, predict_texts)]:
        with pytest.raises(FailedError, match="the model reads"):
            ask(capsule_pointer(pointer), X if ask is predict_rows else [b"a"])
    for bad in (np.nan, np.inf):
        x = X.copy()
        x[3, 2] = bad
        with pytest.raises(FailedError, match=r"x must be finite, got .* in row 3, column 2"):
            predict_rows(capsule_pointer(numbers), x)
    p = np.zeros((2, 3), np.float32)
    with pytest.raises(FailedError, match="model must not be NULL"):
        call("model_predict_rows", None, 2, X, 6, p, 3)
    with pytest.raises(FailedError, match=r"texts\[0\] must not be NULL"):
        call("model_predict_texts", capsule_pointer(texts), 1, (ctypes.c_char_p * 1)(None), None, p, 3)  # fmt: skip
    with pytest.raises(FailedError, match="row distance of p"):
        call("model_predict_texts", capsule_pointer(texts), 2, (ctypes.c_char_p * 2)(b"a", b"b"), None, p, 2)  # fmt: skip
    with pytest.raises(ValueError, match="not fitted"):
        TextClassifier().__pyffnn_model__()
    tokenized = TextClassifier(epochs=1, tokenizer=str.split).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="tokenizer object"):
        tokenized.__pyffnn_model__()
