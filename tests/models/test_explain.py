"""Shares in logits: they add up, and are what NumPy and differences say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models.samples import blobs, reviews

from pyffnn import FFNNClassifier, TextClassifier

TEXT = "the film was great, great and unheard <b>"
KINDS = ("bad", "good", "odd")


def fit(**settings: Any) -> Any:
    texts, labels = reviews(160, kinds=KINDS)
    return TextClassifier(epochs=5, **{"embedding_dim": 6, **settings}).fit(texts, labels)


def adds_up(explanation: Any, logits: Any) -> None:
    e = explanation
    assert e.shares.shape == (len(e.entries), len(e.classes))
    np.testing.assert_allclose(e.shares.sum(0) + e.bias, e.logits, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(e.logits, logits, rtol=1e-5, atol=1e-5)


FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "n-grams": {"word_ngrams": 3, "char_ngrams": (2, 3), "ngram_min_count": 1},
    "shared rows": {"word_ngrams": 2, "char_ngrams": (2, 3), "buckets": 20},
    "sum": {"pooling": "sum"},
    "sqrtn": {"pooling": "sqrtn", "word_ngrams": 2},
    "first words": {"max_tokens": 4, "word_ngrams": 2},
    "concat": {"pooling": "concat"},
    "frozen": {
        "freeze_embeddings": True, "embedding_dim": 3,
        "pretrained_vectors": {"great": [1, 2, 3], "the": [1, 0, 1]},
    },
    "function": {"tokenizer": str.split},
}  # fmt: skip
LAYERS: dict[str, dict[str, Any]] = {
    "linear": {},
    "relu": {"hidden_layer_sizes": (7,)},
    "gelu": {"hidden_layer_sizes": (7, 5), "activation": "gelu", "residual": True},
    "norm": {"hidden_layer_sizes": (7,), "layer_norm": True, "activation": "tanh"},
}


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("form", FORMS)
def test_shares_of_texts_add_up(form: str, layers: str) -> None:
    model = fit(**FORMS[form], **LAYERS[layers])
    for text in (TEXT, "", "nothing known", "great"):
        explanation = model.explain(text)
        adds_up(explanation, model.decision_function([text])[0])
        assert explanation.exact == (layers == "linear")
        np.testing.assert_allclose(
            explanation.probabilities, model.predict_proba([text])[0], rtol=1e-5
        )
        assert explanation.label == model.predict([text])[0]
        placed = sum(e.words is not None for e in explanation.entries)
        assert placed == len(explanation.entries)
        if text == "great":
            assert {e.words for e in explanation.entries} == {(0, 1)}


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("form", FORMS)
def test_shares_where_classes_were_sampled(form: str, layers: str) -> None:
    """Training formed logits of a sample; what is explained are those of all classes."""
    model = fit(output="sampled", samples=2, **FORMS[form], **LAYERS[layers])
    for text in (TEXT, "", "great"):
        e = model.explain(text)
        np.testing.assert_allclose(e.shares.sum(0) + e.bias, e.logits, rtol=1e-9, atol=1e-9)
        p = np.exp(e.logits - e.logits.max())
        np.testing.assert_allclose(p / p.sum(), model.predict_proba([text])[0], rtol=1e-4)
        assert e.label == model.predict([text])[0]


def test_sparse_vectors_where_classes_were_sampled() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X, y = sparse.csr_matrix(np.eye(30)), np.arange(30) % 3
    model = FFNNClassifier((4,), output="sampled", samples=2, epochs=5).fit(X, y)
    (e,) = model.explain(X[:1])
    p = np.exp(e.logits - e.logits.max())
    np.testing.assert_allclose(p / p.sum(), model.predict_proba(X[:1])[0], rtol=1e-4)
    assert [entry.name for entry in e.entries] == ["x0"]


def test_linear_shares_are_weight_times_input() -> None:
    model = fit(pooling="mean")
    explanation = model.explain(TEXT)
    p = model._state().network.parameters()
    table, w = p["embedding"].astype(np.float64), p["output.weight"].astype(np.float64)
    words = ["the", "film", "was", "great,", "great", "and", "unheard", "<b>"]
    known = [word for word in words if word in model.vocabulary_]
    assert [e.name for e in explanation.entries] == known == ["the", "film", "was", "great", "and"]
    rows = [model.vocabulary_.index(word) for word in known]
    np.testing.assert_allclose(explanation.shares, table[rows] @ w / 5, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(explanation.bias, p["output.bias"], rtol=1e-6)


def test_ngrams_have_their_own_rows() -> None:
    model = fit(pooling="sum", word_ngrams=2, ngram_min_count=1)
    text = "the film was great"
    bags = model._state().features.encode([text]).bags().ids
    p = model._state().network.parameters()
    each = p["embedding"][bags].astype(np.float64) @ p["output.weight"]
    explanation = model.explain(text)
    kinds = {e.kind for e in explanation.entries}
    assert kinds <= {"word", "n-gram"} and len(explanation.entries) == len(bags)
    np.testing.assert_allclose(
        np.sort(explanation.shares[:, 0]), np.sort(each[:, 0]), rtol=1e-5, atol=1e-7
    )
    for entry, share in zip(explanation.entries, explanation.shares[:, 1], strict=True):
        if entry.kind == "n-gram":  # taken out, its words stay: the difference of what texts have
            words = entry.name.split()
            ids = model._state().features.encode([entry.name, *words]).bags()
            row = (set(ids.ids[: ids.offsets[1]]) - set(ids.ids[ids.offsets[1] :])).pop()
            assert share == pytest.approx(p["embedding"][row] @ p["output.weight"][:, 1], rel=1e-4)


def gradient(f: Any, x: Any) -> Any:
    """Of the outputs of f by x, [numbers, outputs], by central differences."""
    eps = 1e-5
    return np.array([(f(x + eps * e) - f(x - eps * e)) / (2 * eps) for e in np.eye(len(x))])


def integrated(f: Any, x: Any, steps: int = 400) -> Any:
    """Mean of the gradient on the way from 0 to x."""
    return np.mean([gradient(f, x * (i + 0.5) / steps) for i in range(steps)], axis=0)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_integrated_gradients_of_words_are_those_of_numpy(activation: str) -> None:
    model = fit(pooling="mean", hidden_layer_sizes=(7,), activation=activation)
    p = {n: np.asarray(v, np.float64) for n, v in model._state().network.parameters().items()}
    act = np.tanh if activation == "tanh" else lambda z: np.maximum(z, 0)

    def f(x: Any) -> Any:
        h = act(x @ p["hidden0.weight"] + p["hidden0.bias"])
        return h @ p["output.weight"] + p["output.bias"]

    rows = [model.vocabulary_.index(word) for word in ("the", "great", "film")]
    each = p["embedding"][rows] / 3
    want = each @ integrated(f, each.sum(axis=0))
    explanation = model.explain("the great film")
    np.testing.assert_allclose(explanation.shares, want, rtol=5e-3, atol=2e-3)
    np.testing.assert_allclose(explanation.bias, f(np.zeros(6)), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("hidden", [(), (7,)])
@pytest.mark.parametrize("sparse", [False, True])
def test_vectors(sparse: bool, hidden: Any, classes: int) -> None:
    X, y = blobs(classes=classes)
    X[:, 2] = 0
    data: Any = X
    if sparse:
        data = pytest.importorskip("scipy.sparse").csr_matrix(X)
    model = FFNNClassifier(hidden, activation="tanh", epochs=5).fit(data, y)
    explanations = model.explain(data[:3])
    z = model.decision_function(X[:3])
    p = {n: np.asarray(v, np.float64) for n, v in model._state().network.parameters().items()}

    def f(x: Any) -> Any:
        h = np.tanh(x @ p["hidden0.weight"] + p["hidden0.bias"]) if hidden else x
        out = h @ p["output.weight"] + p["output.bias"]
        return np.array([-out[0], out[0]]) if classes == 2 else out

    for x, e, logits in zip(X, explanations, z, strict=False):
        adds_up(e, [-logits, logits] if classes == 2 else logits)
        x = x.astype(np.float64)
        want = x[:, None] * integrated(f, x)
        names = [entry.name for entry in e.entries]
        assert names == [f"x{i}" for i in range(5) if i != 2 or not sparse]
        at = [int(name[1:]) for name in names]
        np.testing.assert_allclose(e.shares, want[at], rtol=5e-3, atol=2e-3)
    one = model.explain(X[0])
    np.testing.assert_allclose(one.logits, explanations[0].logits, rtol=1e-6)


def test_label_sets_and_chosen_classes() -> None:
    texts, labels = reviews(120, kinds=KINDS)
    model = TextClassifier(multilabel=True, epochs=3).fit(texts, [[label] for label in labels])
    adds_up(model.explain(TEXT), model.decision_function([TEXT])[0])
    model = fit()
    whole, some = model.explain(TEXT), model.explain(TEXT, ["odd", "bad"])
    assert some.classes == ["odd", "bad"]
    np.testing.assert_allclose(some.shares, whole.shares[:, [2, 0]])
    assert model.explain(TEXT, "odd").classes == ["odd"]
    assert [e.text for e in model.explain(["great", "bad"])] == ["great", "bad"]


def test_of_many_classes_the_likeliest() -> None:
    X, y = blobs(300, classes=30)
    model = FFNNClassifier((), epochs=3).fit(X, y)
    explanation = model.explain(X[0])
    best = np.argsort(-model.predict_proba(X[:1])[0])[:10]
    assert explanation.classes == sorted(best.tolist())


def test_how_it_looks() -> None:
    model = fit(word_ngrams=2)
    e = model.explain(TEXT)
    table = e.table("good", k=3).splitlines()
    assert table[0].startswith("good") and table[-1].endswith("= logit")
    shown = sum(float(line.split()[0]) for line in table[1:-1])
    assert shown == pytest.approx(float(table[-1].split()[0]), abs=5e-4)
    assert str(e) == e.table() and e.label in str(e)
    html = e._repr_html_()
    assert "&lt;b&gt;" in html and "<b>" not in html.replace(f"<b>{e.label}</b>", "")
    assert html.count("<span") == len(e.words) == 8
    total = e.word_shares("good").sum() + e.bias[1]
    assert total == pytest.approx(e.logits[1], abs=1e-6)
    plain = e.to_dict()
    assert plain["classes"] == ["bad", "good", "odd"] and len(plain["entries"]) == len(e.entries)
    assert e.of("good")[0] == max(e.of("good"), key=lambda pair: abs(pair[1]))


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        TextClassifier().explain("a")
    with pytest.raises(ValueError, match="not fitted"):
        FFNNClassifier().explain([1.0])
    model = fit()
    with pytest.raises(ValueError, match="classes must be among"):
        model.explain(TEXT, "none")
    with pytest.raises(ValueError, match="label must be one of"):
        model.explain(TEXT).table("none")
    with pytest.raises(TypeError):
        model.explain([1, 2])
    X, y = blobs(240, classes=12)
    model = FFNNClassifier((4,), output="adaptive", cutoffs=(4,), epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="output='softmax'"):
        model.explain(X[0])
    with pytest.raises(ValueError, match="features"):
        FFNNClassifier((4,), epochs=1).fit(X, y).explain([1.0])


def test_explaining_leaves_the_model_alone() -> None:
    model = fit(hidden_layer_sizes=(5,))
    before = {n: a.copy() for n, a in model._state().network.parameters().items()}
    model.explain(TEXT)
    for name, a in model._state().network.parameters().items():
        np.testing.assert_array_equal(a, before[name])
