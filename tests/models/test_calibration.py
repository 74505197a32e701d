"""Temperatures against a search by another way, what conformal thresholds promise, and where both are kept."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from models.samples import reviews

from pyffnn import FFNNClassifier, TextClassifier
from pyffnn.metrics import expected_calibration_error
from pyffnn.models.calibration import conformal_floor, fit_temperature, folds, least_loss
from pyffnn.models.labels import Targets


def blobs(n: int, classes: int = 3, seed: int = 0, noise: float = 2.5) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=n)
    centres = np.random.default_rng(99).normal(size=(classes, 8))
    return (centres[y] + noise * rng.normal(size=(n, 8))).astype(np.float32), y


def texts(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Two kinds of words, and a fifth of the labels wrong: no probability should be above 0.8 for long."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n)
    words = [[f"{'ab'[c]}{i}" for i in rng.integers(20, size=6)] for c in y]
    wrong = rng.random(n) < 0.2
    return [" ".join(w) for w in words], ["yes" if c else "no" for c in y ^ wrong]


OVERFIT: dict[str, Any] = {"hidden_layer_sizes": (64,), "epochs": 60, "tol": None, "l2": 0.0}


def nll(z: Any, codes: Any, temperature: float) -> float:
    z = z / temperature
    z = z - z.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), codes]))


@pytest.mark.parametrize("true", [0.3, 1.0, 4.0])
def test_the_temperature_has_the_least_loss(true: float) -> None:
    rng = np.random.default_rng(3)
    z = rng.normal(size=(4000, 5)) * 2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    codes = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)
    found = fit_temperature(z * true, Targets(np.arange(5), codes))
    assert found == pytest.approx(true, rel=0.1)
    grid = np.exp(np.linspace(-0.2, 0.2, 41)) * found
    best = grid[np.argmin([nll(z * true, codes, t) for t in grid])]
    assert found == pytest.approx(best, rel=0.015)


def test_weights_count_and_soft_rows_equal_their_labels() -> None:
    rng = np.random.default_rng(4)
    z, codes = rng.normal(size=(300, 3)) * 3, rng.integers(3, size=300)
    weight = rng.integers(1, 4, size=300)
    again = np.repeat(np.arange(300), weight)
    once = fit_temperature(z, Targets(np.arange(3), codes), weight)
    assert once == pytest.approx(
        fit_temperature(z[again], Targets(np.arange(3), codes[again])), rel=0.02
    )
    rows = np.eye(3, dtype=np.float32)[codes]
    assert fit_temperature(z, Targets(np.arange(3), probabilities=rows), weight) == once


@pytest.mark.parametrize("true", [0.02, 0.5, 1.0, 30.0])
@pytest.mark.parametrize("classes", [2, 7])
def test_the_least_loss_is_that_of_the_best_temperature(true: float, classes: int) -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(500, classes)) * 2
    codes = np.where(rng.random(500) < 0.6, z.argmax(axis=1), rng.integers(classes, size=500))
    grid = np.exp(np.linspace(math.log(0.01), math.log(100), 2001))
    best = min(nll(z * true, codes, t) for t in grid)
    found = least_loss(z * true, Targets(np.arange(classes), codes))
    assert found == pytest.approx(best, rel=1e-4)
    weight = rng.integers(0, 3, size=500)
    again = np.repeat(np.arange(500), weight)
    once = least_loss(z, Targets(np.arange(classes), codes), weight)
    twice = least_loss(z[again], Targets(np.arange(classes), codes[again]))
    assert once == pytest.approx(twice, rel=1e-6)
    rows = np.eye(classes, dtype=np.float32)[codes]
    assert least_loss(z, Targets(np.arange(classes), probabilities=rows), weight) == once


def test_the_least_loss_of_logits_that_say_nothing_or_all() -> None:
    codes = np.arange(60) % 3
    targets = Targets(np.arange(3), codes)
    assert least_loss(np.zeros((60, 3)), targets) == pytest.approx(math.log(3))
    right = np.eye(3)[codes]
    assert 0 <= least_loss(right * 4, targets) < 1e-6
    # no temperature is negative: logits of the other classes are best hardly looked at
    assert least_loss(-right * 4, targets) == pytest.approx(nll(-right * 4, codes, 100.0), rel=1e-3)


def test_the_least_loss_of_label_sets() -> None:
    rng = np.random.default_rng(6)
    z = rng.normal(size=(300, 4)) * 3
    matrix = rng.random((300, 4)) < 1 / (1 + np.exp(-z / 2))
    targets = Targets.of_sets(np.arange(4), *np.nonzero(matrix), 300)

    def loss(t: float) -> float:
        return float(np.log1p(np.exp(np.where(matrix, -z, z) / t)).sum(axis=1).mean())

    best = min(loss(t) for t in np.exp(np.linspace(-2, 4, 2001)))
    assert least_loss(z, targets) == pytest.approx(best, rel=1e-5)


def test_a_few_right_answers_do_not_make_it_sure() -> None:
    z = np.array([[3.0, 0.0], [0.0, 3.0]])
    found = fit_temperature(z, Targets(np.arange(2), np.array([0, 1])))
    assert 1 < found < 100


@pytest.mark.parametrize("classes", [2, 3])
def test_calibrated_vectors(classes: int) -> None:
    X, y = blobs(300, classes)
    X_test, y_test = blobs(4000, classes, seed=1)
    plain = FFNNClassifier(**OVERFIT).fit(X, y)
    model = FFNNClassifier(**OVERFIT, calibrate=True).fit(X, y)
    before = expected_calibration_error(y_test, plain.predict_proba(X_test))
    after = expected_calibration_error(y_test, model.predict_proba(X_test))
    assert plain.temperature_ == 1 and model.temperature_ > 1.2
    assert after < 0.5 * before and after < 0.03
    p = model.predict_proba(X_test)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    z = model.decision_function(X_test)
    z = np.stack([np.zeros(len(z)), z], axis=1) if classes == 2 else z.astype(np.float64)
    shifted = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(p, shifted / shifted.sum(axis=1, keepdims=True), atol=1e-5)


def test_validation_data_that_are_given_are_used_and_nothing_is_held_out() -> None:
    X, y = blobs(600)
    X_val, y_val = blobs(500, seed=5)
    plain = FFNNClassifier(**OVERFIT).fit(X, y)
    model = FFNNClassifier(**OVERFIT, calibrate=True).fit(X, y, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(plain.predict(X), model.predict(X))
    np.testing.assert_allclose(
        plain.decision_function(X) / model.temperature_, model.decision_function(X), rtol=1e-3, atol=1e-4
    )  # fmt: skip
    losses = [
        nll(plain.decision_function(X_val) / t, y_val, 1.0)
        for t in model.temperature_ * np.array([0.8, 1.0, 1.25])
    ]
    assert losses[1] == min(losses)


@pytest.mark.parametrize("hidden", [(), (16,)])
def test_calibrated_texts(hidden: tuple[int, ...]) -> None:
    X, y = texts(600)
    X_test, y_test = texts(2000, seed=1)
    settings: dict[str, Any] = {
        "hidden_layer_sizes": hidden,
        "epochs": 30,
        "l2": 0.0,
        "pooling": "sum",
    }
    plain = TextClassifier(**settings).fit(X, y)
    model = TextClassifier(**settings, calibrate=True).fit(X, y)
    codes = np.array([label == "yes" for label in y_test], int)
    losses = [-m.predict_log_proba(X_test)[np.arange(2000), codes].mean() for m in (plain, model)]
    assert losses[1] < losses[0] and model.temperature_ > 1.1
    label, p = model.top_k(X_test[:1], 1)[0][0]
    assert p == pytest.approx(model.predict_proba(X_test[:1]).max(), rel=1e-5)
    explained = model.explain(X_test[0])
    assert explained is not None and label == model.predict(X_test[:1])[0]


def test_label_sets_are_calibrated() -> None:
    X, y = blobs(900, 4)
    Y = np.stack([y % 2, y // 2], axis=1)
    X_test, y_test = blobs(2000, 4, seed=1)
    Y_test = np.stack([y_test % 2, y_test // 2], axis=1)
    errors = []
    for calibrate in (False, True):
        p = FFNNClassifier(**OVERFIT, calibrate=calibrate).fit(X, Y).predict_proba(X_test)
        errors.append(np.mean([expected_calibration_error(Y_test[:, j], p[:, j]) for j in (0, 1)]))
    assert errors[1] < 0.7 * errors[0]


def test_the_sampled_output_is_calibrated_and_the_adaptive_refused() -> None:
    X, y = blobs(600, 6)
    model = FFNNClassifier(**OVERFIT, output="sampled", samples=3, calibrate=True).fit(X, y)
    assert model.temperature_ > 1
    with pytest.raises(ValueError, match=r"^calibrate must be False with output='adaptive'"):
        FFNNClassifier(output="adaptive", cutoffs=(2,), calibrate=True).fit(X, y)


def test_answers_are_rejected_as_rarely_as_promised() -> None:
    shares = []
    for seed in range(8):
        X, y = blobs(400, seed=seed)
        X_test, _ = blobs(1000, seed=100 + seed)
        model = FFNNClassifier((), reject=0.1, validation_fraction=0.5, random_state=seed).fit(X, y)
        predicted = model.predict(X_test)
        assert predicted.dtype == object
        none = np.array([label is None for label in predicted])
        sure = model.predict_proba(X_test).max(axis=1)
        np.testing.assert_array_equal(none, sure < model.reject_threshold_)
        shares.append(none.mean())
    assert 0.06 < np.mean(shares) < 0.13


def test_the_threshold_is_the_right_order_statistic() -> None:
    values = np.arange(1, 100) / 100
    assert conformal_floor(values[::-1], 0.1) == 0.1  # the 10th of 99
    assert conformal_floor(values[:9], 0.1) == 0.01
    with pytest.warns(UserWarning, match=r"reject=0.1 needs at least 9 validation examples"):
        assert conformal_floor(values[:8], 0.1) == 0


def test_none_of_these() -> None:
    X, y = texts(800)
    model = TextClassifier(reject=0.1, pooling="sum", epochs=10).fit(X, y)
    strange = ["neither of them", "a1 b1 a2 b2"]
    assert model.predict(strange).tolist() == [None, None]
    sure = model.predict(["a1 a2 a3 a4 a5 a6", "b1 b2 b3 b4 b5 b6"])
    assert sure.tolist() == ["no", "yes"]
    assert model.score([*strange, "b1 b2 b3 b4 b5 b6"], ["other", "yes", "yes"]) == pytest.approx(
        2 / 3
    )
    assert TextClassifier(reject=0.1).fit(X, y).score(X, y) <= 1


@pytest.mark.parametrize("value", [0, 1, -0.1, 1.5, "0.1", True, float("nan")])
def test_bad_shares_are_refused_by_name(value: Any) -> None:
    X, y = blobs(30)
    for model in (FFNNClassifier(reject=value), TextClassifier(reject=value)):
        with pytest.raises((ValueError, TypeError), match=r"^reject must be"):
            model.fit(X if isinstance(model, FFNNClassifier) else ["a"] * 30, y)


def test_label_sets_have_no_rejection() -> None:
    with pytest.raises(ValueError, match=r"^reject must be None with multi-label"):
        TextClassifier(multilabel=True, reject=0.1).fit(["a b", "b c"] * 20, [["x"], ["y"]] * 20)


def both() -> list[tuple[Any, Any, Any]]:
    X, y = blobs(300)
    words, labels = texts(300)
    return [
        (FFNNClassifier((8,), epochs=20, calibrate=True, reject=0.2), X, y),
        (TextClassifier(epochs=5, calibrate=True, reject=0.2), words, labels),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_both_are_kept(which: int, tmp_path: Any) -> None:
    model, X, y = both()[which]
    model.fit(X, y)
    assert model.temperature_ != 1 and model.reject_threshold_ > 0
    model.save(tmp_path / "m.safetensors")
    for other in (
        type(model).load(tmp_path / "m.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        assert other.temperature_ == model.temperature_
        assert other.reject_threshold_ == model.reject_threshold_
        np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
    before = model.temperature_, model.reject_threshold_
    model.partial_fit(X, y)
    assert (model.temperature_, model.reject_threshold_) == before
    again = type(model)(**{**model.get_params(), "calibrate": False, "reject": None}).fit(X, y)
    assert (again.temperature_, again.reject_threshold_) == (1, None)


def test_an_unbroken_run_and_a_resumed_one_end_alike(tmp_path: Any) -> None:
    model, X, y = both()[0]
    whole = copy.deepcopy(model).fit(X, y)

    def stop(model: Any, record: Any) -> None:
        if record["epoch"] == 7:
            raise RuntimeError("stopped")

    path = tmp_path / "run.safetensors"
    with pytest.raises(RuntimeError, match="stopped"):
        copy.deepcopy(model).fit(X, y, checkpoint=path, callbacks=stop)
    resumed = model.fit(X, y, checkpoint=path, resume=True)
    np.testing.assert_array_equal(whole.predict_proba(X), resumed.predict_proba(X))
    assert whole.temperature_ == resumed.temperature_


@pytest.mark.parametrize(("n", "share"), [(2500, 10), (2501, 5)])
def test_few_examples_are_parted_into_more(n: int, share: int) -> None:
    parts = folds(np.arange(n) % 3, np.arange(n), 0)
    assert all(abs(others.size - n / share) < 1 for _, others in parts)
    assert all(np.array_equal(np.union1d(some, others), np.arange(n)) for some, others in parts)
    assert sum(others.size for _, others in parts) == n


def test_scores_of_documents_know_none_of_these() -> None:
    from pyffnn.models.text_classifier.scoring import score_texts

    texts, labels = reviews(200)
    model = TextClassifier(epochs=5, reject=0.3, hidden_layer_sizes=()).fit(texts, labels)
    ask = [*texts[:50], "", "something quite other", "not bad not good"]
    top = model.predict_proba(ask).max(axis=1)
    answered = top >= model.reject_threshold_
    assert 0 < answered.sum() < len(ask)
    for k in (1, -1):
        ends, numbers, scores = score_texts(model, ask, k=k)
        each = len(model.classes_) if k == -1 else 1
        np.testing.assert_array_equal(np.diff(ends, prepend=0), answered * each)
        assert len(numbers) == len(scores) == ends[-1]
    wanted = [label is not None for label in model.predict(ask)]
    np.testing.assert_array_equal(answered, wanted)
