"""FFNNClassifier: how it is trained, at once and chunk by chunk."""

from __future__ import annotations

import numpy as np
import pytest
from models.samples import blobs

import pyffnn
from pyffnn import FFNNClassifier
from pyffnn.optimizers import SGD, Adagrad, Adam, Schedule, constant, linear_decay


@pytest.fixture(scope="module")
def data():
    return blobs()


@pytest.fixture(scope="module")
def fitted(data):
    return FFNNClassifier((16,), epochs=30).fit(*data)


def test_history(fitted):
    keys = [
        "epoch", "loss", "val_loss", "val_accuracy", "seconds", "examples_per_second", "learning_rate",
    ]  # fmt: skip
    for i, record in enumerate(fitted.history_):
        assert list(record) == keys
        assert record["epoch"] == i + 1
        assert record["val_loss"] is None
        assert record["learning_rate"] == 0.002
        assert record["seconds"] > 0
    assert fitted.history_[-1]["loss"] < fitted.history_[0]["loss"]


@pytest.mark.parametrize(
    "optimizer", ["sgd", "momentum", "adagrad", "adam", SGD(0.05, 0.9), Adagrad(0.1), Adam(0.01)]
)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
def test_every_optimizer_and_activation_learns(data, optimizer, activation):
    model = FFNNClassifier((16, 8), optimizer=optimizer, activation=activation, epochs=80)
    first = model.fit(*data).history_[0]["loss"]
    assert model.history_[-1]["loss"] < 0.9 * first


def test_learning_rate_and_schedule(data):
    def rates(**settings):
        model = FFNNClassifier((), epochs=4, tol=None, **settings).fit(*data)
        return [record["learning_rate"] for record in model.history_]

    assert rates(learning_rate=0.25, optimizer="sgd") == [0.25] * 4
    assert rates(optimizer=SGD(0.5)) == [0.5] * 4
    assert rates(optimizer=SGD(0.5), learning_rate=0.25) == [0.25] * 4
    falling = rates(optimizer="sgd", learning_rate=linear_decay(0.8))
    np.testing.assert_allclose(falling, 0.8 * (1 - np.array([1, 3, 5, 7]) / 8))
    np.testing.assert_allclose(
        rates(optimizer="sgd", learning_rate=linear_decay()), np.array(falling) / 8
    )


def test_seeds(data):
    X, y = data

    def fit(seed):
        return (
            FFNNClassifier((8,), epochs=3, dropout=0.2, random_state=seed)
            .fit(X, y)
            .predict_proba(X)
        )

    np.testing.assert_array_equal(fit(3), fit(3))
    assert (fit(3) != fit(4)).any()
    assert (fit(None) != fit(None)).any()
    for kind in (np.random.RandomState, np.random.default_rng):
        np.testing.assert_array_equal(fit(kind(5)), fit(kind(5)))
    np.testing.assert_array_equal(fit(np.int64(3)), fit(3))


def test_same_bits_at_any_number_of_threads():
    X, y = blobs(n=600, features=300)
    fits = [
        FFNNClassifier((128, 64), epochs=2, dropout=0.1, n_threads=n).fit(X, y).predict_proba(X)
        for n in (1, 2, 5)
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    np.testing.assert_array_equal(fits[0], fits[2])
    before = pyffnn.get_num_threads()
    with pyffnn.num_threads(3):
        other = FFNNClassifier((128, 64), epochs=2, dropout=0.1).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(fits[0], other)
    assert pyffnn.get_num_threads() == before


def test_weights_are_repetitions():
    X, y = blobs(n=60, spread=2.0)
    rng = np.random.default_rng(1)
    weight = rng.integers(0, 4, 60)
    settings = {"epochs": 20, "batch_size": 1000}
    p = FFNNClassifier((8,), **settings).fit(X, y, sample_weight=weight).predict_proba(X)
    again = FFNNClassifier((8,), **settings).fit(X.repeat(weight, axis=0), y.repeat(weight))
    np.testing.assert_array_equal(again.predict_proba(X), p)
    # in mini-batches a weight of 0 is as good as absence for the loss
    m = FFNNClassifier((8,), epochs=2, batch_size=16).fit(X, y, sample_weight=[0.5] * 60)
    n = FFNNClassifier((8,), epochs=2, batch_size=16).fit(X, y)
    np.testing.assert_allclose(m.predict_proba(X), n.predict_proba(X), atol=1e-6)


def test_class_weight():
    X, y = blobs(n=300, classes=2, spread=4.0)
    keep = (y == 0) | (np.arange(300) % 10 == 1)
    X, y = X[keep], y[keep]
    share = {
        key: (FFNNClassifier((), class_weight=weight).fit(X, y).predict(X) == 1).mean()
        for key, weight in {"none": None, "balanced": "balanced", "one": {1: 1000.0}}.items()
    }
    assert share["none"] < share["balanced"] < share["one"]
    by_hand = {c: len(y) / (2 * (y == c).sum()) for c in (0, 1)}
    np.testing.assert_allclose(
        FFNNClassifier((), class_weight=by_hand).fit(X, y).coefs_[0],
        FFNNClassifier((), class_weight="balanced").fit(X, y).coefs_[0],
        atol=1e-5,
    )


def test_validation_and_early_stopping():
    X, y = blobs(n=90, classes=3, spread=4.0, features=20)
    model = FFNNClassifier(
        (64,), epochs=200, early_stopping=4, learning_rate=0.01, l2=0, tol=None
    ).fit(X[:60], y[:60], X_val=X[60:], y_val=y[60:])
    scores = [(r["val_accuracy"], -r["val_loss"]) for r in model.history_]
    best = scores.index(max(scores))
    assert len(scores) == best + 1 + 4 < 200
    # the best weights are back
    assert model.score(X[60:], y[60:]) == pytest.approx(scores[best][0])
    p = model.predict_proba(X[60:])[np.arange(30), y[60:]]
    assert -np.log(p).mean() == pytest.approx(-scores[best][1], rel=1e-5)


def test_validation_without_early_stopping_only_watches(data):
    X, y = data
    plain = FFNNClassifier((8,), epochs=5).fit(X, y)
    watched = FFNNClassifier((8,), epochs=5).fit(X, y, X_val=X[:50], y_val=y[:50])
    np.testing.assert_array_equal(plain.predict_proba(X), watched.predict_proba(X))
    assert watched.history_[-1]["val_accuracy"] == pytest.approx(watched.score(X[:50], y[:50]))


def test_held_out_share(data):
    model = FFNNClassifier((8,), epochs=3, early_stopping=True, validation_fraction=0.25)
    assert all(r["val_loss"] is not None for r in model.fit(*data).history_)
    with pytest.raises(ValueError, match="validation_fraction"):
        FFNNClassifier(early_stopping=True).fit([[0.0], [1.0]], [0, 1])


def test_tol_ends_training(data):
    assert len(FFNNClassifier((), tol=1.0).fit(*data).history_) == 11
    assert len(FFNNClassifier((), tol=1.0, n_iter_no_change=2).fit(*data).history_) == 3
    assert len(FFNNClassifier((), tol=None, epochs=30).fit(*data).history_) == 30


def test_callbacks(data):
    seen = []
    model = FFNNClassifier((), epochs=10)

    def watch(source, record):
        assert source is model
        assert source.history_[-1] is record
        assert source.predict(data[0]).shape == (240,)
        seen.append(record["epoch"])
        return record["epoch"] == 4

    model.fit(*data, callbacks=[watch])
    assert seen == [1, 2, 3, 4]


def test_dropout_changes_training_only(data):
    X, y = data
    a = FFNNClassifier((32,), epochs=5, dropout=0.5).fit(X, y)
    b = FFNNClassifier((32,), epochs=5).fit(X, y)
    assert (a.predict_proba(X) != b.predict_proba(X)).any()
    np.testing.assert_array_equal(a.predict_proba(X), a.predict_proba(X))


def test_partial_fit(data):
    X, y = data
    model = FFNNClassifier((16,), batch_size=32)
    model.partial_fit(X[:30], np.where(y[:30] == 2, 0, y[:30]), classes=[0, 1, 2])
    assert model.classes_.tolist() == [0, 1, 2]
    for _ in range(30):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9
    assert [r["epoch"] for r in model.history_] == list(range(1, 32))
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="labels that are not in classes: 5, 6, 7"):
        model.partial_fit(X, y + 5)
    with pytest.raises(ValueError, match="X has 3 features, but FFNNClassifier is expecting 5"):
        model.partial_fit(X[:, :3], y)
    inferred = FFNNClassifier(()).partial_fit(X, y)
    assert inferred.classes_.tolist() == [0, 1, 2]
    after = FFNNClassifier((16,), epochs=5).fit(X, y).partial_fit(X, y)
    assert len(after.history_) == 6


def test_diverging_run_ends_at_the_last_good_state(data):
    X, y = data
    model = FFNNClassifier((16,), optimizer="sgd", learning_rate=1e30, epochs=5)
    with pytest.raises(
        FloatingPointError, match=r"non-finite in epoch \d, step \d+, at learning rate 1e\+30"
    ):
        model.fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
    assert all(np.isfinite(w).all() for w in model.coefs_)
    # here the first step is fatal: the state is the one before it
    start = FFNNClassifier((16,), optimizer="sgd", learning_rate=1e-30).partial_fit(X, y)
    np.testing.assert_array_equal(model.coefs_[0], start.coefs_[0])


def test_diverging_later():
    X, y = blobs(n=64)
    settings = {"optimizer": "sgd", "batch_size": 16, "tol": None}
    good = FFNNClassifier((16,), learning_rate=0.1, epochs=3, **settings).fit(X, y)
    before = good.predict_proba(X)
    good.learning_rate = 1e30
    with pytest.raises(FloatingPointError, match="in epoch 4, step 2"):
        good.partial_fit(X, y)
    np.testing.assert_array_equal(good.predict_proba(X), before)

    # the rate explodes in the middle of a run
    class Explodes(Schedule):
        def values(self, steps, start=0, stop=None):
            rates = np.full(steps, 0.1)
            rates[9:] = 1e30
            return rates[start:stop]

    model = FFNNClassifier((16,), learning_rate=Explodes("constant", 0.1), epochs=4, **settings)
    with pytest.raises(FloatingPointError, match=r"in epoch 3, step 3, at learning rate 1e\+30"):
        model.fit(X, y)
    assert len(model.history_) == 2
    W, b = model.coefs_, model.intercepts_

    class Stops(Explodes):
        def values(self, steps, start=0, stop=None):
            rates = np.full(steps, 0.1)
            rates[9:] = 0
            return rates[start:stop]

    model = FFNNClassifier((16,), learning_rate=Stops("constant", 0.1), epochs=4, **settings).fit(
        X, y
    )
    for ours, theirs in zip(W + b, model.coefs_ + model.intercepts_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_verbose(data, capsys):
    FFNNClassifier((), epochs=2, tol=None, verbose=1).fit(*data)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch   2/2  loss ")
    FFNNClassifier((), epochs=2).fit(*data)
    assert capsys.readouterr().err == ""


def test_constant_schedule_is_accepted(data):
    FFNNClassifier((), learning_rate=constant(0.1), epochs=1).fit(*data)
