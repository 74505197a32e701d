"""Thresholds of multi-label models: the best by F1, found by brute force, and what predict does with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn import FFNNClassifier, TextClassifier
from pyffnn.models.labels import Targets
from pyffnn.models.thresholds import best_thresholds


def f1(p: np.ndarray, truth: np.ndarray, w: np.ndarray, threshold: float) -> float:
    found = p > threshold
    right = w[found & truth].sum()
    total = w[found].sum() + w[truth].sum()
    return float(2 * right / total) if total else 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 4), st.booleans())
def test_no_threshold_is_better(seed: int, n: int, labels: int, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    p = (rng.integers(0, 11, (n, labels)) / 10).astype(np.float32)  # many are equal
    truth = rng.random((n, labels)) < 0.4
    rows, columns = truth.nonzero()
    targets = Targets.of_sets(np.arange(labels), rows, columns, n)
    w = rng.random(n) if weighted else None
    numbers = np.sort(rng.choice(n, rng.integers(1, n + 1), replace=False))
    got = best_thresholds(lambda some: p[some], numbers, targets, w)
    assert ((got >= 0) & (got <= 1)).all()
    each = np.ones(n) if w is None else w
    for j in range(labels):
        own = p[numbers, j].astype(float), truth[numbers, j], each[numbers]
        best = max(f1(*own, t) for t in np.linspace(-0.05, 1, 22))
        if best > 0:
            assert f1(*own, got[j]) >= best - 1e-9 or (own[0] == 0).any()
        if not own[1].any():
            assert got[j] == 0.5


# the models --------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(["red", "blue", "old", "big", "and", "the"], 6)) for _ in range(400)]
SETS = [sorted({w for w in t.split() if w in ("red", "old") and RNG.random() < 0.6}) for t in TEXTS]
HALF = slice(0, 200), slice(200, 400)


def fitted(**more: Any) -> Any:
    first, second = HALF
    given = {} if "early_stopping" in more else {"X_val": TEXTS[second], "y_val": SETS[second]}
    return TextClassifier(multilabel=True, epochs=8, **more).fit(TEXTS[first], SETS[first], **given)


def test_chosen_on_validation_data_used_by_predict_and_kept_in_files(tmp_path: Any) -> None:
    model = fitted()
    t = model.thresholds_
    assert t.shape == model.classes_.shape and (t != 0.5).any()
    p = model.predict_proba(TEXTS)
    names = model.classes_.tolist()
    want = [tuple(n for n, yes in zip(names, row > t, strict=True) if yes) for row in p]
    assert model.predict(TEXTS) == want
    truth = np.array([[n in s for n in names] for s in SETS[HALF[1]]])
    ones = np.ones(200)
    for j in range(len(names)):
        own = p[HALF[1], j].astype(float), truth[:, j], ones
        assert f1(*own, t[j]) >= max(f1(*own, x) for x in np.linspace(0, 1, 201)) - 1e-9
    model.save(tmp_path / "m")
    again = TextClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(again.thresholds_, t)
    assert again.predict(TEXTS) == want
    again.partial_fit(TEXTS[:10], SETS[:10])
    np.testing.assert_array_equal(again.thresholds_, t)


def test_held_out_examples_and_none() -> None:
    assert (fitted(early_stopping=True, validation_fraction=0.4).thresholds_ != 0.5).any()
    model = TextClassifier(multilabel=True, epochs=2).fit(TEXTS, SETS)
    assert (model.thresholds_ == 0.5).all()


def test_given_ones() -> None:
    a = fitted(thresholds=0.3)
    np.testing.assert_array_equal(a.thresholds_, [0.3, 0.3])
    b = fitted(thresholds={"red": 0.9})
    np.testing.assert_array_equal(b.thresholds_, [0.5, 0.9])
    c = fitted(thresholds=[0, 1])
    assert all(s == ("old",) for s in c.predict(TEXTS))
    X, Y = RNG.normal(size=(60, 3)), RNG.integers(0, 2, (60, 2))
    model = FFNNClassifier((), thresholds=[0.2, 0.8], epochs=3).fit(X, Y)
    np.testing.assert_array_equal(model.predict(X), model.predict_proba(X) > [0.2, 0.8])
    chosen = FFNNClassifier((), epochs=3).fit(X, Y, X_val=X, y_val=Y)
    np.testing.assert_array_equal(chosen.predict(X), chosen.predict_proba(X) > chosen.thresholds_)


@pytest.mark.parametrize(
    "bad", [-0.1, 1.5, float("nan"), [0.5, 2.0], {"red": -1}, "best", None, []]
)
def test_outside_0_to_1_is_refused_by_name(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^thresholds must be"):
        fitted(thresholds=bad)


def test_what_does_not_fit_the_labels() -> None:
    with pytest.raises(
        ValueError, match="thresholds must have one number for each of 2 labels, got 3"
    ):
        fitted(thresholds=[0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="thresholds has 'green', which is no label of y"):
        fitted(thresholds={"green": 0.1})
    with pytest.raises(ValueError, match="thresholds must be 'auto' without multi-label y"):
        TextClassifier(thresholds=0.3).fit(TEXTS, [i % 2 for i in range(400)])
    with pytest.raises(AttributeError, match="multi-label"):
        _ = TextClassifier(epochs=1).fit(TEXTS, [i % 2 for i in range(400)]).thresholds_


def test_weights_of_labels_weigh_their_losses() -> None:
    """A label of weight 0 learns nothing, another is as before."""
    a = TextClassifier(multilabel=True, epochs=3).fit(TEXTS, SETS)
    b = TextClassifier(multilabel=True, epochs=3, class_weight={"red": 0.0}).fit(TEXTS, SETS)
    bias = [m._state().network.parameters()["output.bias"] for m in (a, b)]
    assert bias[1][1] == 0 != bias[0][1]
