"""FFNNClassifier: what it learns, every argument, and every way to get it wrong."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import pyffnn
from pyffnn import FFNNClassifier
from pyffnn.optimizers import SGD, Adagrad, Adam, Schedule, constant, linear_decay

sparse = pytest.importorskip("scipy.sparse")


def blobs(n=240, classes=3, features=5, seed=0, spread=0.5):
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, 2, (classes, features))
    y = np.arange(n) % classes
    return (centres[y] + rng.normal(0, spread, (n, features))).astype(np.float32), y


@pytest.fixture(scope="module")
def data():
    return blobs()


@pytest.fixture(scope="module")
def fitted(data):
    return FFNNClassifier((16,), epochs=30).fit(*data)


def xor(n=400, seed=0):
    X = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def test_learns_what_no_linear_model_can():
    X, y = xor()
    assert FFNNClassifier((32,), random_state=1).fit(X, y).score(X, y) > 0.95
    assert FFNNClassifier(()).fit(X, y).score(X, y) < 0.75


def numpy_sgd(X, y, W, b, *, lr, batch, orders, l2):
    """Softmax regression by mini-batches, float64: the oracle of a few epochs."""
    W, b = W.astype(np.float64), b.astype(np.float64)
    for order in orders:
        for at in range(0, len(order), batch):
            rows = order[at : at + batch]
            z = X[rows] @ W + b
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            p[np.arange(len(rows)), y[rows]] -= 1
            p /= len(rows)
            W -= lr * (X[rows].T @ p + l2 * W)
            b -= lr * p.sum(axis=0)
    return W, b


@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_fit_is_the_sgd_of_the_textbook(data, kind):
    from pyffnn.net import Network
    from pyffnn.training import epoch_order, seed_of

    X, y = data
    l2 = 0.0 if kind == "sparse" else 0.1
    model = FFNNClassifier(
        (), optimizer="sgd", learning_rate=0.5, epochs=3, batch_size=32, l2=l2, tol=None
    )
    start = Network(
        {"input": "dense", "n_inputs": 5, "n_outputs": 3, "hidden": [], "loss": "softmax"}
    )
    start.initialise(seed_of(0))
    W, b = (start.parameters()[f"output.{k}"].copy() for k in ("weight", "bias"))
    orders = [epoch_order(np.arange(len(y)), 0, epoch) for epoch in range(3)]
    W, b = numpy_sgd(X.astype(np.float64), y, W, b, lr=0.5, batch=32, orders=orders, l2=l2)
    model.fit(sparse.csr_array(X) if kind == "sparse" else X, y)
    np.testing.assert_allclose(model.coefs_[0], W, atol=2e-6)
    np.testing.assert_allclose(model.intercepts_[0], b, atol=2e-6)


def test_logistic_regression_agrees_with_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    X, y = blobs(n=200, classes=2, spread=3.0)
    for classes in (2, 3):
        X, y = blobs(n=200, classes=classes, spread=3.0)
        l2 = 0.01
        peer = linear_model.LogisticRegression(C=1 / (l2 * len(y)), tol=1e-8, max_iter=1000).fit(
            X, y
        )
        ours = FFNNClassifier(
            (), l2=l2, epochs=2000, batch_size=len(y), optimizer="adam", tol=None,
            learning_rate=linear_decay(0.05),
        ).fit(X, y)  # fmt: skip
        np.testing.assert_allclose(ours.predict_proba(X), peer.predict_proba(X), atol=1e-3)
        if classes == 2:
            np.testing.assert_allclose(ours.coefs_[0].T, peer.coef_, atol=1e-3)


def test_sparse_and_dense_agree(data):
    X, y = data
    X = np.where(np.abs(X) < 0.8, 0, X)
    settings = {"optimizer": "sgd", "l2": 0.0, "epochs": 5, "tol": None}
    dense = FFNNClassifier((8,), **settings).fit(X, y)
    csr = FFNNClassifier((8,), **settings).fit(sparse.csr_matrix(X), y)
    p = dense.predict_proba(X)
    np.testing.assert_allclose(csr.predict_proba(sparse.csr_array(X)), p, atol=1e-5)
    np.testing.assert_allclose(csr.predict_proba(X), p, atol=1e-5)
    np.testing.assert_array_equal(dense.predict_proba(sparse.csc_array(X)), p)
    coo = sparse.coo_array(
        (np.array([1.0, 2.0]), (np.array([0, 0]), np.array([1, 1]))), shape=(1, 5)
    )
    np.testing.assert_allclose(
        dense.predict_proba(coo), dense.predict_proba([[0, 3, 0, 0, 0]]), atol=1e-6
    )


def test_probabilities(fitted, data):
    p = fitted.predict_proba(data[0])
    assert p.shape == (240, 3)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)
    assert p.max() <= 1 and p.min() >= 0
    np.testing.assert_array_equal(fitted.predict(data[0]), p.argmax(axis=1))
    X, y = xor()
    p = FFNNClassifier(epochs=2).fit(X, y).predict_proba(X * 1e6)
    assert p.max() <= 1 and p.min() >= 0
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-6)


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


@pytest.mark.parametrize("kind", [list, np.array])
@pytest.mark.parametrize(
    "names",
    [["no", "yes", "may be"], [3, 1, 20], [-1.0, 0.0, 2.0], [b"a", b"b", b"c"], [False, True]],
)
def test_classes_keep_their_type(data, names, kind):
    X, y = blobs(classes=len(names))
    labels = kind([names[i] for i in y])
    model = FFNNClassifier((16,), epochs=60).fit(X, labels)
    assert model.classes_.tolist() == sorted(names)
    predicted = model.predict(X)
    assert predicted.dtype == model.classes_.dtype
    assert (predicted == np.array(labels)).mean() > 0.9
    assert model.score(X, labels) == (predicted == np.array(labels)).mean()


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


def test_multi_label():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    Y = (X[:, :3] > 0).astype(int)
    model = FFNNClassifier((16,)).fit(X, Y)
    p = model.predict_proba(X)
    assert p.shape == (400, 3)
    np.testing.assert_array_equal(model.predict(X), p > 0.5)
    assert model.score(X, Y) > 0.9
    assert model.score(X, Y) == (model.predict(X) == Y).all(axis=1).mean()
    model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="3 columns"):
        model.partial_fit(X, Y[:, :2])
    counts = Y.sum(axis=0)
    by_hand = {j: counts.sum() / (3 * counts[j]) for j in range(3)}
    balanced, same = (FFNNClassifier((), class_weight=w).fit(X, Y) for w in ("balanced", by_hand))
    np.testing.assert_allclose(balanced.predict_proba(X), same.predict_proba(X), atol=1e-6)
    # a label that weighs nothing is not learned
    off = FFNNClassifier((), class_weight={1: 0.0}, l2=0).fit(X, Y)
    assert not off.coefs_[0][:, 1].std() > FFNNClassifier((), l2=0).fit(X, Y).coefs_[0][:, 1].std()
    with pytest.raises(ValueError, match="zeros and ones"):
        FFNNClassifier().fit(X, Y * 2)


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


def same_model(a, b, X):
    np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    np.testing.assert_array_equal(a.classes_, b.classes_)
    assert a.classes_.dtype == b.classes_.dtype
    assert [r["loss"] for r in a.history_] == [r["loss"] for r in b.history_]
    assert a.get_params() == b.get_params()


@pytest.mark.parametrize("kind", ["dense", "sparse", "multi", "strings"])
@pytest.mark.parametrize("way", ["save", "pickle", "deepcopy"])
def test_put_away_and_brought_back(data, tmp_path, kind, way):
    X, y = data
    if kind == "sparse":
        X = sparse.csr_array(X)
    elif kind == "multi":
        y = np.eye(3, dtype=int)[y]
    elif kind == "strings":
        y = np.array(["a", "bc", "dé"])[y]
    model = FFNNClassifier(
        (8,),
        epochs=4,
        optimizer=Adam(linear_decay(0.01)),
        class_weight=None if kind == "multi" else {y[0]: 2.0},
    ).fit(X, y)
    if way == "save":
        model.save(tmp_path / "m.safetensors")
        other = FFNNClassifier.load(tmp_path / "m.safetensors")
    elif way == "pickle":
        other = pickle.loads(pickle.dumps(model))
    else:
        other = copy.deepcopy(model)
    same_model(model, other, X)
    # training goes on as if nothing had happened
    same_model(model.partial_fit(X, y), other.partial_fit(X, y), X)


def test_saving_without_optimizer_state(data, tmp_path):
    model = FFNNClassifier((64,), epochs=2).fit(*data)
    model.save(tmp_path / "whole")
    model.save(tmp_path / "weights", optimizer_state=False)
    assert (tmp_path / "weights").stat().st_size < 0.6 * (tmp_path / "whole").stat().st_size
    other = FFNNClassifier.load(tmp_path / "weights")
    same_model(model, other, data[0])
    other.partial_fit(*data)


def test_saving_what_was_set_after_fit(fitted, tmp_path):
    with pytest.raises(ValueError, match="not fitted"):
        FFNNClassifier().save(tmp_path / "m")
    path = tmp_path / "m"
    fitted.save(path)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match="damaged"):
        FFNNClassifier.load(path)


def test_files_whose_content_does_not_fit(fitted, tmp_path):
    from pyffnn.io import load_model, save_model

    fitted.save(tmp_path / "m")
    _, config, tensors = load_model(tmp_path / "m", "FFNNClassifier")

    def written(config, tensors):
        save_model(tmp_path / "wrong", "FFNNClassifier", config, tensors)
        with pytest.raises(ValueError, match="wrong' is damaged"):
            FFNNClassifier.load(tmp_path / "wrong")

    for key in config:
        written({k: v for k, v in config.items() if k != key}, tensors)
    for key in tensors:
        if not key.startswith(("state.", "classes")):
            written(config, {k: v for k, v in tensors.items() if k != key})
            written(config, {**tensors, key: tensors[key].astype(np.float16)})
    written({**config, "spec": {**config["spec"], "hidden": [17]}}, tensors)
    written({**config, "params": {"no_such": 1}}, tensors)


WRONG_SETTINGS = [
    ("hidden_layer_sizes", (0,)), ("hidden_layer_sizes", (1.5,)), ("hidden_layer_sizes", "abc"),
    ("hidden_layer_sizes", None), ("activation", "step"), ("optimizer", "lbfgs"), ("learning_rate", 0),
    ("learning_rate", float("nan")), ("epochs", 0), ("epochs", 1.5), ("batch_size", 0), ("batch_size", "all"),
    ("dropout", 1.0), ("dropout", -0.1), ("l2", -1), ("l2", float("inf")), ("class_weight", "even"),
    ("class_weight", {9: 1.0}), ("class_weight", {0: -1.0}), ("class_weight", [1, 2]), ("early_stopping", 0),
    ("early_stopping", "yes"), ("validation_fraction", 0), ("validation_fraction", 1), ("precision", "float16"),
    ("n_threads", 0), ("random_state", -1), ("random_state", "x"), ("verbose", -1), ("tol", -1),
    ("n_iter_no_change", 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG_SETTINGS)
def test_wrong_settings_are_named(data, name, value):
    model = FFNNClassifier(**{name: value})  # the constructor stores only
    with pytest.raises(ValueError, match=name):
        model.fit(*data)


@pytest.mark.parametrize(
    ("X", "y", "match"),
    [
        ([[1.0], [np.nan]], [0, 1], "Input X contains NaN"),
        ([[1.0], [np.inf]], [0, 1], "Input X contains infinity"),
        ([[1.0], [1e300]], [0, 1], "too large for dtype"),
        ([1.0, 2.0], [0, 1], "Expected 2D array, got 1D array"),
        (3.0, [0, 1], "got scalar array"),
        ([[[1.0]]], [0], "Found array with dim 3"),
        ([["a"], ["b"]], [0, 1], "strings"),
        (np.array([["a"], [1.0]], dtype=object), [0, 1], "could not convert"),
        ([[1j], [2.0]], [0, 1], "Complex data not supported"),
        (np.zeros((0, 3)), [], "0 sample"),
        (np.zeros((3, 0)), [0, 1, 1], "0 feature"),
        ([[1.0], [2.0]], [0, 1, 1], "inconsistent numbers of samples"),
        ([[1.0], [2.0]], None, "requires y to be passed"),
        ([[1.0], [2.0]], [0, 0], "1 class"),
        ([[1.0], [2.0]], [0.5, 1.2], "Unknown label type"),
        ([[1.0], [2.0]], [0, np.nan], "Input y contains NaN"),
        ([[1.0], [2.0]], ["a", None], "Input y contains NaN"),
        ([[1.0], [2.0]], ["a", 1], "cannot be compared"),
        ([[1.0], [2.0]], "ab", "y must be an array of labels"),
        ([[1.0], [2.0]], np.zeros((2, 2, 2)), "1d array"),
    ],
)  # fmt: skip
def test_wrong_data(X, y, match):
    with pytest.raises(ValueError, match=match):
        FFNNClassifier(epochs=1).fit(X, y)


@pytest.mark.parametrize(
    ("weight", "match"),
    [
        ([1.0], "expected"), ([[1.0] * 240], "1D"), ([-1.0] + [1.0] * 239, "Negative"),
        ([np.nan] + [1.0] * 239, "NaN"), ([np.inf] + [1.0] * 239, "infinity"), ([0.0] * 240, "non-zero"),
    ],
)  # fmt: skip
def test_wrong_weights(data, weight, match):
    with pytest.raises(ValueError, match=match):
        FFNNClassifier(epochs=1).fit(*data, sample_weight=weight)


def test_wrong_validation_data(data):
    X, y = data
    for wrong in ({"X_val": X}, {"y_val": y}):
        with pytest.raises(ValueError, match="X_val and y_val"):
            FFNNClassifier(epochs=1).fit(X, y, **wrong)
    with pytest.raises(ValueError, match="y_val contains labels"):
        FFNNClassifier(epochs=1).fit(X, y, X_val=X, y_val=y + 1)
    with pytest.raises(ValueError, match="X has 4 features"):
        FFNNClassifier(epochs=1).fit(X, y, X_val=X[:, :4], y_val=y)
    with pytest.raises(ValueError, match="X_val and y_val"):
        FFNNClassifier(epochs=1).fit(X, y, X_val=X, y_val=y[:-1])


def test_use_before_fit(data):
    for call in (FFNNClassifier().predict, FFNNClassifier().predict_proba):
        with pytest.raises(ValueError, match="not fitted yet"):
            call(data[0])
        with pytest.raises(AttributeError):
            call(data[0])


def test_precision(data):
    for precision in ("float32", "auto"):
        FFNNClassifier((4,), epochs=1, precision=precision).fit(*data)


def test_column_vector_warns(data):
    X, y = data
    with pytest.warns(UserWarning, match="column-vector"):
        FFNNClassifier(epochs=1).fit(X, y[:, None])


def test_inputs_of_all_layouts(fitted, data):
    X = data[0]
    p = fitted.predict_proba(X)
    for other in (
        np.asfortranarray(X),
        X.astype(np.float64),
        X.tolist(),
        X[::-1][::-1],
        X.astype(">f4"),
    ):
        np.testing.assert_array_equal(fitted.predict_proba(other), p)
    X.flags.writeable = False
    np.testing.assert_array_equal(fitted.predict_proba(X), p)
    X.flags.writeable = True


def test_verbose(data, capsys):
    FFNNClassifier((), epochs=2, tol=None, verbose=1).fit(*data)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch     2/2  loss ")
    FFNNClassifier((), epochs=2).fit(*data)
    assert capsys.readouterr().err == ""


def test_parameters_by_name():
    model = FFNNClassifier((3,), l2=0.5)
    assert model.get_params()["l2"] == 0.5
    assert model.set_params(l2=0.25) is model and model.l2 == 0.25
    with pytest.raises(ValueError, match="Invalid parameter 'alpha'"):
        model.set_params(alpha=1)
    assert repr(FFNNClassifier((3,), l2=0.5)) == "FFNNClassifier(hidden_layer_sizes=(3,), l2=0.5)"


def test_constant_schedule_is_accepted(data):
    FFNNClassifier((), learning_rate=constant(0.1), epochs=1).fit(*data)
