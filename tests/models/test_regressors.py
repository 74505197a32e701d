"""Regressors: against scikit-learn and closed forms, in every unit, with weights, and what they refuse."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNRegressor, TextRegressor
from pyffnn.metrics import r2_score

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 4))
LINE = X @ [1.0, -2.0, 0.5, 0.0] + 3 + rng.normal(0, 0.3, 300)
WORDS = [f"w{i}" for i in range(60)]
WORTH = rng.normal(size=60)
IDS = rng.integers(0, 60, (400, 12))
TEXTS = [" ".join(WORDS[i] for i in row) for row in IDS]
STARS = WORTH[IDS].mean(axis=1) * 10 + 3


def least_squares(y: Any, weight: Any = None) -> Any:
    A = np.column_stack([X, np.ones(len(X))])
    root = np.sqrt(np.ones(len(X)) if weight is None else weight)[:, None]
    return A @ np.linalg.lstsq(A * root, np.atleast_2d(y.T).T * root, rcond=None)[0]


EXACT = {"l2": 0.0, "epochs": 400, "batch_size": 300, "learning_rate": 0.05, "tol": None}


def test_without_hidden_layers_it_is_least_squares() -> None:
    model = FFNNRegressor((), **EXACT).fit(X, LINE)
    np.testing.assert_allclose(model.predict(X), least_squares(LINE)[:, 0], atol=1e-3)
    both = np.column_stack([LINE, 1000 * X[:, 0] * X[:, 1]])
    model = FFNNRegressor((), **EXACT).fit(X, both)
    np.testing.assert_allclose(model.predict(X), least_squares(both), atol=1)
    assert model.predict(X[:3]).shape == (3, 2)


def test_sample_weights_weigh_the_loss() -> None:
    weight = rng.uniform(0, 2, 300)
    model = FFNNRegressor((), **EXACT).fit(X, LINE, sample_weight=weight)
    np.testing.assert_allclose(model.predict(X), least_squares(LINE, weight)[:, 0], atol=1e-3)
    twice = FFNNRegressor((8,), epochs=5).fit(
        np.vstack([X[:99], X[:9]]), np.append(LINE[:99], LINE[:9])
    )
    heavy = FFNNRegressor((8,), epochs=5).fit(
        X[:99], LINE[:99], sample_weight=[2.0] * 9 + [1.0] * 90
    )
    np.testing.assert_allclose(heavy.predict(X), twice.predict(X), rtol=1e-5)


def test_the_unit_does_not_matter() -> None:
    plain = FFNNRegressor((16,), epochs=30).fit(X, LINE)
    for scale, shift in ((1e6, 0.0), (1e-6, 5.0), (-3.0, 1e4)):
        model = FFNNRegressor((16,), epochs=30).fit(X, LINE * abs(scale) + shift)
        back = (model.predict(X) - shift) / abs(scale)
        np.testing.assert_allclose(back, plain.predict(X), atol=2e-2)
        assert model.score(X, LINE * abs(scale) + shift) == pytest.approx(
            plain.score(X, LINE), abs=0.01
        )


def test_the_loss_is_half_of_what_r2_lacks() -> None:
    model = FFNNRegressor((16,), epochs=40, tol=None).fit(X, LINE, X_val=X, y_val=LINE)
    assert 2 * model.history_[-1]["val_loss"] == pytest.approx(1 - model.score(X, LINE), rel=1e-3)
    assert model.history_[-1]["val_accuracy"] is None


def test_logistic_is_fractional_logistic_regression() -> None:
    share = 1 / (1 + np.exp(-(X @ [1.0, -1.0, 0.0, 0.5]) + 0.5))
    model = FFNNRegressor((), loss="logistic", **EXACT).fit(X, share)
    np.testing.assert_allclose(model.predict(X), share, atol=5e-3)
    many = FFNNRegressor((8,), loss="logistic", learning_rate=0.02).fit(
        X, np.column_stack([share, 1 - share])
    )
    assert many.score(X, np.column_stack([share, 1 - share])) > 0.98
    assert ((many.predict(X * 100) >= 0) & (many.predict(X * 100) <= 1)).all()


def test_early_stopping_keeps_the_epoch_of_the_lowest_loss() -> None:
    model = FFNNRegressor((64,), epochs=200, early_stopping=3, learning_rate=0.05, tol=None)
    model.fit(X[:100], LINE[:100], X_val=X[100:], y_val=LINE[100:])
    losses = [record["val_loss"] for record in model.history_]
    assert len(losses) < 200
    assert 1 - model.score(X[100:], LINE[100:]) == pytest.approx(
        2 * min(losses) * LINE[:100].var() / LINE[100:].var(), rel=1e-3
    )


@pytest.mark.parametrize(
    "settings", [{}, {"hidden_layer_sizes": (16,)}, {"pooling": "concat", "epochs": 30}]
)
def test_texts(settings: dict[str, Any]) -> None:
    model = TextRegressor(**settings).fit(TEXTS[:300], STARS[:300])
    assert model.score(TEXTS[300:], STARS[300:]) > (0.9 if "pooling" not in settings else 0.3)
    assert model.predict(TEXTS[:2]).shape == (2,)


def test_files_pickles_and_passes(tmp_path: Any) -> None:
    both = np.column_stack([STARS, -2 * STARS])
    for model, data in (
        (FFNNRegressor((8,), epochs=3), (X, LINE)),
        (TextRegressor(epochs=3), (TEXTS, both)),
    ):
        model.fit(*data)
        model.save(tmp_path / "m")
        loaded = type(model).load(tmp_path / "m")
        copied = pickle.loads(pickle.dumps(model))
        for other in (loaded, copied):
            np.testing.assert_array_equal(other.predict(data[0]), model.predict(data[0]))
            other.partial_fit(*data)
        model.partial_fit(*data)
        np.testing.assert_array_equal(loaded.predict(data[0]), model.predict(data[0]))
        first = type(model)(**model.get_params()).partial_fit(*data)
        assert first.predict(data[0]).shape == np.shape(data[1])


def test_threads_give_the_same_bits() -> None:
    for make, data in (
        (lambda n: FFNNRegressor((64,), epochs=3, n_threads=n), (X, LINE)),
        (lambda n: TextRegressor(hidden_layer_sizes=(16,), epochs=2, n_threads=n), (TEXTS, STARS)),
    ):
        one = make(1).fit(*data).predict(data[0])
        for n in (2, 5):
            np.testing.assert_array_equal(make(n).fit(*data).predict(data[0]), one)


def test_a_file_whose_labels_are_numbers(tmp_path: Any) -> None:
    path = tmp_path / "stars.txt"
    path.write_text(
        "\n".join(f"__label__{y!r} {t}" for y, t in zip(STARS.tolist(), TEXTS, strict=True))
    )
    model = TextRegressor().fit(path)
    np.testing.assert_array_equal(
        model.predict(TEXTS), TextRegressor().fit(TEXTS, STARS).predict(TEXTS)
    )
    assert model.score(path) == model.score(TEXTS, STARS)
    path.write_text("__label__1 a b\n__label__good a c\n")
    with pytest.raises(ValueError, match="a label must be a number"):
        model.fit(path)
    path.write_text("__label__1 a b\na c\n")
    with pytest.raises(ValueError, match="text number 2 has 0 labels"):
        model.fit(path)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0] * 300, "y has one value for all examples, 1: there is nothing to learn"),
        (np.column_stack([LINE, LINE * 0 + 2]), r"y\[:, 1\] has one value for all examples, 2"),
        (np.where(np.arange(300) == 7, np.nan, LINE), "Input y contains NaN"),
        (np.where(np.arange(300) == 7, np.inf, LINE), "Input y contains infinity"),
        (["a"] * 300, "y must be an array of numbers"),
        (LINE[:, None, None], "y must have one or two dimensions"),
        (LINE + 0j, "y must be an array of numbers, got dtype complex128"),
        (LINE[:7], "inconsistent numbers of samples"),
        (None, "requires y to be passed"),
        (3.5, "y must be an array of numbers, got float"),
        (np.ma.array(LINE, mask=np.arange(300) < 7), "y has 7 masked entries"),
    ],
)  # fmt: skip
def test_wrong_targets(y: Any, message: str) -> None:
    for model, data in ((FFNNRegressor(epochs=2), X), (TextRegressor(epochs=2), TEXTS[:300])):
        for call in (model.fit, model.partial_fit):
            with pytest.raises(ValueError, match=message):
                call(data, y)
        assert not hasattr(model, "history_")


def test_more_wrong_targets() -> None:
    with pytest.raises(ValueError, match=r"y must lie in \[0, 1\] with loss='logistic'"):
        FFNNRegressor(loss="logistic").fit(X, LINE)
    model = FFNNRegressor(epochs=2).fit(X, LINE)
    with pytest.raises(ValueError, match="y must have 1 numbers an example"):
        model.partial_fit(X, np.column_stack([LINE, LINE]))
    with pytest.raises(ValueError, match=r"y_val must be|Input y_val contains NaN"):
        model.fit(X, LINE, X_val=X, y_val=LINE * np.nan)
    with pytest.raises(ValueError, match="loss cannot change"):
        model.set_params(loss="logistic").partial_fit(X, LINE)
    with pytest.raises(ValueError, match="y has one value"):
        FFNNRegressor().fit(X[:3], [1, 1, 2], sample_weight=[1, 1, 0])


def test_r2_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    a, b, w = rng.normal(size=(3, 50, 2))
    assert r2_score(a, b) == pytest.approx(metrics.r2_score(a, b))
    assert r2_score(a, b, sample_weight=w[:, 0] ** 2) == pytest.approx(
        metrics.r2_score(a, b, sample_weight=w[:, 0] ** 2)
    )
    assert r2_score([1, 1], [1, 1]) == 1 and r2_score([1, 1], [1, 2]) == 0
    with pytest.raises(ValueError, match="fewer than 2 samples"):
        r2_score([1], [1])
