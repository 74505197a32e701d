"""ONNX files of models, checked by onnx and run by onnxruntime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pyffnn

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
po = pytest.importorskip("pyffnn.integrations.onnx")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 5)).astype(np.float32)
TARGETS: dict[str, NDArray[Any]] = {
    "bool": X[:, 0] > 0,
    "str": np.array(list("abc"))[RNG.integers(0, 3, 60)],
    "int": RNG.integers(-3, 3, 60),
    "sets": (X[:, :3] > 0).astype(int),
}
LAYERS: list[dict[str, Any]] = [
    {},
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": (7, 6), "layer_norm": True, "activation": "tanh"},
    {"residual": True, "layer_norm": True, "activation": "gelu"},
    {"activation": "sigmoid", "residual": True},
]
WORDS = ["good", "bad", "Film", "the", "a", "plot", "DULL", "fine", "Über"]
SPACES = [" ", "  ", "\t", "\n", " \u00a0", "\u2003 ", "\x1c", "\r\n"]
TEXTS = [
    "".join(w + SPACES[RNG.integers(len(SPACES))] for w in RNG.choice(WORDS, RNG.integers(0, 9)))
    for _ in range(60)
] + ["", "unknown \n film", "\t\n", " a"]
LABELS = ["x" if "good" in t else "y" for t in TEXTS]
# with what the file reads where nothing is said
TEXT: list[tuple[str, dict[str, Any]]] = [
    ("texts", {}),
    ("texts", {"pooling": "sum", "word_ngrams": 2, "lowercase": False}),
    ("texts", {"word_ngrams": 3, "max_tokens": 4, "ngram_min_count": 1}),
    ("texts", {"pooling": "weighted", "char_ngrams": None}),
    (
        "texts",
        {"pooling": "weighted", "word_ngrams": 2, "char_ngrams": None, "hidden_layer_sizes": (4,)},
    ),
    ("ids", {"pooling": "weighted", "char_ngrams": (2, 3)}),
    ("texts", {"pooling": "concat", "max_tokens": 5, "hidden_layer_sizes": (6,)}),
    ("ids", {"char_ngrams": (2, 3)}),
    ("ids", {"word_ngrams": 2, "buckets": 50, "hidden_layer_sizes": (4,)}),
    ("ids", {"tokenizer": str.split}),
]
LANGUAGE: list[dict[str, Any]] = [
    {},
    {"distant_kernels": 2, "distant_window": 5, "lowercase": True, "unk_token": "<UNK>"},
    {"distant_kernels": 0, "residual": False, "layer_norm": False, "tie_embeddings": False},
    {"direct": True},
    {"tie_embeddings": False, "output": "adaptive", "cutoffs": (3, 5), "direct": True},
]
CONTEXTS = ["", "good", "The good film a plot\tdull fine  bad the neverseen Film"]


def run(path: Path, **inputs: Any) -> dict[str, NDArray[Any]]:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == list(inputs)
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def close(found: NDArray[Any], wanted: NDArray[Any]) -> None:
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=3e-6)


@pytest.mark.parametrize("kind", TARGETS)
def test_classifiers_of_features(kind: str, tmp_path: Path) -> None:
    more = [{"output": "adaptive", "cutoffs": (1, 2)}, {"output": "sampled", "samples": 2}]
    for settings in LAYERS + (more if kind == "str" else []):
        settings = {"hidden_layer_sizes": (8,), "epochs": 2, **settings}
        model = pyffnn.FFNNClassifier(**settings).fit(X, TARGETS[kind])
        assert model.to_onnx(tmp_path / "m.onnx") == "X"
        found = run(tmp_path / "m.onnx", X=X)
        close(found["probabilities"], model.predict_proba(X))
        assert found["label"].tolist() == model.predict(X).tolist()


def test_sparse_features(tmp_path: Path) -> None:
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(X)
    model = pyffnn.FFNNClassifier((4,), epochs=2).fit(sparse, TARGETS["str"])
    model.to_onnx(tmp_path / "m.onnx")
    close(run(tmp_path / "m.onnx", X=X)["probabilities"], model.predict_proba(X))


@pytest.mark.parametrize("case", TEXT, ids=str)
def test_classifiers_of_texts(case: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    name, settings = case
    path = tmp_path / "m.onnx"
    model = pyffnn.TextClassifier(epochs=2, **settings).fit(TEXTS, LABELS)
    for _ in range(2):
        assert model.to_onnx(path) == name
        for texts in (TEXTS, ["nothing known"], ["", "a"], [""]):
            wanted = model.predict_proba(texts)
            if name == "texts":
                found = run(path, texts=np.array(texts, object))
                close(found["probabilities"], wanted)
                assert found["label"].tolist() == model.predict(texts).tolist()
        model.to_onnx(path, text=False)
        for texts in (TEXTS, [""]):
            close(run(path, ids=po.ids_of_texts(model, texts))["probabilities"], model.predict_proba(texts))  # fmt: skip
        # rows that came later stand behind all others
        model.partial_fit(["new words here the good", "here new words here new words"], ["x", "y"])


@pytest.mark.parametrize("loss", ["squared", "logistic"])
def test_regressors(loss: str, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    for y in (X[:, 0], X[:, :2]):
        y = y * 30 + 100 if loss == "squared" else 1 / (1 + np.exp(-y))
        vectors = pyffnn.FFNNRegressor((6,), epochs=3, loss=loss).fit(X, y)
        texts = pyffnn.TextRegressor(epochs=3, loss=loss).fit(TEXTS[:60], y)
        for model, given in ((vectors, X), (texts, np.array(TEXTS, object))):
            name = model.to_onnx(path)
            found = run(path, **{name: given})
            assert list(found) == ["prediction"]
            wanted = model.predict(given if given is X else TEXTS)
            np.testing.assert_allclose(found["prediction"], wanted, rtol=2e-6, atol=2e-6)
            assert found["prediction"].ndim == y.ndim


def test_many_labels_a_text(tmp_path: Path) -> None:
    sets = [sorted({"x" if "good" in t else "y", "z" if "a" in t else "y"}) for t in TEXTS]
    model = pyffnn.TextClassifier(epochs=5, multilabel=True).fit(TEXTS, sets)
    model.to_onnx(tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", texts=np.array(TEXTS, object))
    close(found["probabilities"], model.predict_proba(TEXTS))
    named = [tuple(c for c, on in zip(model.classes_, row, strict=True) if on) for row in found["label"]]  # fmt: skip
    assert named == model.predict(TEXTS)


@pytest.mark.parametrize("settings", LANGUAGE, ids=str)
def test_language_models(settings: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    corpus = [t.split() for t in TEXTS if t.split()] * 2
    small = {"embedding_dim": 6, "hidden_layer_sizes": (8,), "epochs": 1}
    model = pyffnn.LanguageModel(**{**small, **settings}).fit(corpus)
    wanted = np.array([model.next_distribution(c) for c in CONTEXTS])
    assert model.to_onnx(path) == "texts"
    close(run(path, texts=np.array(CONTEXTS, object))["probabilities"], wanted)
    close(run(path, texts=np.array([""], object))["probabilities"], wanted[:1])
    assert model.to_onnx(path, text=False) == "ids"
    ids = [model.vocabulary_.encode(c.split()).tolist() for c in CONTEXTS]
    length = max(map(len, ids))
    close(run(path, ids=np.array([[-1] * (length - len(i)) + i for i in ids]))["probabilities"], wanted)  # fmt: skip


def test_a_language_model_of_ids(tmp_path: Path) -> None:
    model = pyffnn.LanguageModel(embedding_dim=6, hidden_layer_sizes=(8,), epochs=1)
    model.fit(RNG.integers(0, 9, 300))
    assert model.to_onnx(tmp_path / "m.onnx") == "ids"
    found = run(tmp_path / "m.onnx", ids=np.array([[1, 2, 3]]))["probabilities"]
    close(found[0], model.next_distribution([1, 2, 3]))
    with pytest.raises(ValueError, match=r"text must be False.*its vocabulary has no words"):
        model.to_onnx(tmp_path / "m.onnx", text=True)


def test_metadata(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    pyffnn.TextClassifier(epochs=1).fit(TEXTS, LABELS).to_onnx(path)
    model = onnx.load(path)
    found = {p.key: p.value for p in model.metadata_props}
    assert json.loads(found["classes"]) == ["x", "y"]
    assert found["pyffnn.model"] == "TextClassifier" and found["pyffnn.input"] == "texts"
    assert {o.domain: o.version for o in model.opset_import} == {"": po.OPSET, "ai.onnx.ml": 3}
    assert model.producer_name == "pyffnn"


def test_spaces_are_those_of_str_split() -> None:
    import sys

    from pyffnn.integrations.onnx.texts import _SPACES

    every = {c for c in map(chr, range(sys.maxunicode + 1)) if f"a{c}b".split()[0] != f"a{c}b"}
    assert every == {*_SPACES, " "}


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.onnx"
    texts = pyffnn.TextClassifier(epochs=1, char_ngrams=(2, 3)).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match=r"text must be False.*character n-grams"):
        texts.to_onnx(path, text=True)
    for settings, words in (
        ({"pooling": "max"}, "pool"),
        ({"pooling": ("mean", "min")}, "pool"),
        ({"windows": 3}, "window=3"),
    ):
        model = pyffnn.TextClassifier(epochs=1, **settings).fit(TEXTS, LABELS)
        with pytest.raises(ValueError, match=f"a network with {words}.* cannot be described"):
            model.to_onnx(path)
    model = pyffnn.FFNNClassifier(epochs=1).fit(X, TARGETS["str"])
    with pytest.raises(ValueError, match="text must be None or False"):
        model.to_onnx(path, text=True)
    with pytest.raises(ValueError, match="not fitted"):
        pyffnn.FFNNClassifier().to_onnx(path)
    with pytest.raises(TypeError, match="model must be one of texts, got FFNNClassifier"):
        po.ids_of_texts(model, TEXTS)
    monkeypatch.setattr("pyffnn.integrations.onnx.models._LARGEST", 100)
    with pytest.raises(ValueError, match="holds 100 at most"):
        model.to_onnx(path)
    assert not path.exists()
    monkeypatch.undo()
    with pytest.raises(OSError, match="nowhere"):
        model.to_onnx(tmp_path / "nowhere" / "m.onnx")


def test_without_onnx_it_says_what_to_install() -> None:
    from subprocesses import output_of

    code = """
import sys, numpy as np, pyffnn
sys.modules["onnx"] = None
model = pyffnn.FFNNClassifier((), epochs=1).fit(np.eye(4), [0, 1, 0, 1])
try:
    model.to_onnx("m.onnx")
except ImportError as error:
    print(error)
"""
    assert "pip install 'pyffnn[onnx]'" in output_of(code)
