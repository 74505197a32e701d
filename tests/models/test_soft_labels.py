"""Soft labels: rows of probabilities against the same thing said with weights, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNClassifier, TextClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 3))
LOGITS = X @ rng.normal(size=(3, 3)) * 2
P = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
EXACT = {"l2": 0.0, "epochs": 500, "batch_size": 360, "learning_rate": 0.1, "tol": None}
TEXTS = ["good film", "bad film", "good plot", "bad plot"] * 10
Q = np.array([[0.1, 0.9], [0.8, 0.2], [0.2, 0.8], [1.0, 0.0]] * 10)


def as_weights(p: Any, weight: Any = None) -> tuple[Any, Any, Any]:
    """Each example once a class, weighted by its probability: what the loss of soft labels is."""
    n, k = p.shape
    w = np.ones(n) if weight is None else weight
    return np.repeat(X, k, axis=0), np.tile(np.arange(k), n), (p * w[:, None]).ravel()


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_they_are_weighted_copies(k: int, class_weight: Any, weighted: bool) -> None:
    p = P if k == 3 else np.column_stack([P[:, 0], 1 - P[:, 0]])
    weight = rng.uniform(0.1, 2, 120) if weighted else None
    soft = FFNNClassifier((), **EXACT, class_weight=class_weight).fit(X, p, sample_weight=weight)
    copies, labels, weights = as_weights(p, weight)
    hard = FFNNClassifier((), **EXACT, class_weight=class_weight)
    hard.fit(copies, labels, sample_weight=weights)
    np.testing.assert_allclose(soft.predict_proba(X), hard.predict_proba(X), atol=2e-3)
    assert soft.classes_.tolist() == list(range(k))


def test_the_model_that_made_them_is_found() -> None:
    model = FFNNClassifier((), **EXACT).fit(X, P)
    np.testing.assert_allclose(model.predict_proba(X), P, atol=0.02)
    assert model.score(X, P) == model.score(X, P.argmax(axis=1)) > 0.97


def test_texts_validation_and_passes(tmp_path: Any) -> None:
    model = TextClassifier(epochs=30, early_stopping=3)
    model.fit(TEXTS, Q.tolist(), X_val=TEXTS, y_val=Q)
    assert model.history_[0]["val_accuracy"] is not None
    assert model.predict(["good", "bad"]).tolist() == [1, 0]
    assert model.score(TEXTS, Q) == model.score(TEXTS, Q.argmax(axis=1)) == 1
    model.partial_fit(TEXTS, Q).partial_fit(TEXTS, Q.argmax(axis=1))
    assert len(TextClassifier(epochs=9, early_stopping=3).fit(TEXTS, Q).history_) <= 9
    model.save(tmp_path / "m")
    loaded = TextClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), model.predict_proba(TEXTS))
    named = FFNNClassifier((), epochs=2).partial_fit(X[:40], Q, classes=["no", "yes"])
    assert named.classes_.tolist() == ["no", "yes"]
    named.partial_fit(X[:40], ["yes"] * 40).partial_fit(X[:40], np.eye(2)[[0, 1] * 20])


def test_columns_of_a_data_frame_name_the_classes() -> None:
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"yes": Q[:, 1], "no": Q[:, 0]})
    model = TextClassifier(epochs=20).fit(TEXTS, frame)
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict(["good", "bad"]).tolist() == ["yes", "no"]
    assert model.score(TEXTS, frame) == model.score(TEXTS, frame[["no", "yes"]]) == 1


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.4], [0.1, 0.9]], "y must be rows of probabilities that sum to 1.*a sum of 0.9 in row 0"),
        ([[0.1, 0.9], [0.5, float("nan")]], "y must be rows of probabilities.*NaN in row 1"),
        ([[1.5, -0.5], [0.1, 0.9]], "y must be rows of probabilities.*row 0"),
        ([[0.5, float("inf")], [0.1, 0.9]], "y must be rows of probabilities.*row 0"),
        ([[0.0, 0.0], [0.1, 0.9]], "y must be rows of probabilities.*a sum of 0 in row 0"),
    ],
)  # fmt: skip
def test_wrong_rows(rows: Any, message: str) -> None:
    for form in (rows, np.array(rows), np.array(rows, np.float32)):
        with pytest.raises(ValueError, match=message):
            FFNNClassifier().fit([[0.0], [1.0]], form)
        with pytest.raises(ValueError, match=message):
            TextClassifier().fit(["a", "b"], form)


def test_more_wrong_rows() -> None:
    model = TextClassifier(epochs=2).fit(TEXTS, Q)
    with pytest.raises(ValueError, match="y must have a column for each of the 2 classes"):
        model.partial_fit(TEXTS, np.full((40, 3), 1 / 3))
    with pytest.raises(ValueError, match="y_val must be rows of probabilities"):
        model.fit(TEXTS, Q, X_val=TEXTS, y_val=Q * 0.7)
    with pytest.raises(ValueError, match="must be 'softmax' with y as rows of probabilities"):
        FFNNClassifier((), output="sampled").fit(X, P)
    assert FFNNClassifier((), epochs=2).fit(X, (P > 0.5) * 1.0).predict(X).shape == (120, 3)


def soft_lines(form: str) -> str:
    if form == "txt":
        rows = [
            f"__label__bad:{a:g} {t} __label__good:{b}" for t, (a, b) in zip(TEXTS, Q, strict=True)
        ]
    else:
        rows = [
            json.dumps({"text": t, "label": {"bad": a, "good": b} if a < 1 else {"bad": a}})
            for t, (a, b) in zip(TEXTS, Q.tolist(), strict=True)
        ]
    return "\n".join(rows)


@pytest.mark.parametrize("form", ["txt", "jsonl"])
def test_files_hold_them(form: str, tmp_path: Any) -> None:
    file = tmp_path / f"soft.{form}"
    file.write_text(soft_lines(form))
    ours = TextClassifier(epochs=5).fit(file)
    pandas = pytest.importorskip("pandas")
    theirs = TextClassifier(epochs=5).fit(TEXTS, pandas.DataFrame(Q, columns=["bad", "good"]))
    assert ours.classes_.tolist() == ["bad", "good"]
    np.testing.assert_array_equal(ours.predict_proba(TEXTS), theirs.predict_proba(TEXTS))
    assert ours.score(file) == theirs.score(TEXTS, Q)


def test_what_files_of_them_may_not_hold(tmp_path: Any) -> None:
    file = tmp_path / "soft.txt"
    lines = soft_lines("txt").split("\n")
    file.write_text("\n".join([*lines, "__label__bad:0.5 x"]))
    with pytest.raises(ValueError, match="txt' must be rows of probabilities that sum to 1"):
        TextClassifier().fit(file)
    # one label each: names that happen to look so
    file.write_text("__label__a:1 x y\n__label__b:1 z y\n")
    assert TextClassifier(epochs=1).fit(file).classes_.tolist() == ["a:1", "b:1"]
    model = TextClassifier(epochs=1).fit(TEXTS, ["good", "bad"] * 20)
    file.write_text("__label__good:0.5 __label__ugly:0.5 x")
    with pytest.raises(ValueError, match="'ugly' is none of the classes"):
        model.score(file)
    table = tmp_path / "soft.jsonl"
    for label, wrong in (
        ({"a": "x"}, "a probability, got str"),
        ({"a": 1.5}, "a probability, got float"),
    ):
        table.write_text(json.dumps({"text": "x", "label": label}))
        with pytest.raises(ValueError, match=f"label 'a' must be {wrong}"):
            TextClassifier().fit(table)
    table.write_text(
        "\n".join(
            json.dumps({"text": t, "label": {"a": 1, "b": i % 2}}) for i, t in enumerate(TEXTS)
        )
    )
    several = TextClassifier(multilabel=True, epochs=1).fit(table)
    assert several.classes_.tolist() == ["a", "b"]
