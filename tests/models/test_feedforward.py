"""FFNNClassifier: what it learns, the data it takes, the files it keeps, and every way to get it wrong."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from models.samples import blobs

from pyffnn import FFNNClassifier
from pyffnn.optimizers import Adam, linear_decay

sparse = pytest.importorskip("scipy.sparse")


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
        (np.ma.array([[1.0], [2.0]], mask=[[0], [1]]), [0, 1], "X has 1 masked entries"),
        ([[1.0], [2.0]], np.ma.array([0, 1], mask=[1, 0]), "y has 1 masked entries"),
        ([[1.0], [2.0]], np.ma.array([[0.5, 0.5]] * 2, mask=[[1, 1], [0, 0]]), "y has 2 masked entries"),
        ([[1.0], [2.0]], np.ma.array([[0, 1]] * 2, mask=[[0, 0], [0, 1]]), "y has 1 masked entries"),
        ([[1.0], [2.0], [3.0]], ["a", "a\0", "b"], r"cannot end in a NUL character, got 'a\\x00'"),
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
        (np.ma.array(np.ones(240), mask=np.arange(240) < 3), "sample_weight has 3 masked entries"),
        ({}, "sample_weight must be an array of numbers"), (["1"] * 240, "sample_weight must be an array of numbers"),
        (np.ones(240) * 1j, "sample_weight must be an array of numbers"), ([1e300] * 240, "infinity"),
        (["x"] * 240, "sample_weight must be an array of numbers"), ([[1.0], [1.0, 2.0]], "sample_weight must be an array"),
    ],
)  # fmt: skip
def test_wrong_weights(data, weight, match):
    with pytest.raises(ValueError, match=match):
        FFNNClassifier(epochs=1).fit(*data, sample_weight=weight)


@pytest.mark.parametrize("input_", ["dense", "sparse"])
def test_sparse_vectors_whose_indices_lie_outside(data, input_):
    """SciPy takes any: a negative one was another column's, one beyond 32 bits a small one."""
    sparse = pytest.importorskip("scipy.sparse")
    X, y = data
    start = X if input_ == "dense" else sparse.csr_matrix(X)
    model = FFNNClassifier((3,), epochs=1).fit(start, y)

    def broken(part, place, value):
        rows = sparse.csr_matrix(X[:6].astype(np.float64))
        # not checked by SciPy where they are set, and wide, as a long matrix has them
        for name in ("indices", "indptr"):
            setattr(rows, name, getattr(rows, name).astype(np.int64))
        getattr(rows, part)[place] = value
        return rows

    for value in (-1, X.shape[1], 2**32, -(2**32)):
        for call in (
            model.predict,
            model.predict_proba,
            lambda rows: FFNNClassifier().fit(rows, y[:6]),
        ):
            with pytest.raises(
                IndexError, match=rf"X\.indices holds {value}, outside \[0, {X.shape[1]}\)"
            ):
                call(broken("indices", 2, value))
    for place, value in ((0, 1), (2, 1), (-1, 10**6), (1, 10**6)):
        with pytest.raises(ValueError, match=r"X\.indptr must rise from 0"):
            model.predict(broken("indptr", place, value))


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


def test_parameters_by_name():
    model = FFNNClassifier((3,), l2=0.5)
    assert model.get_params()["l2"] == 0.5
    assert model.set_params(l2=0.25) is model and model.l2 == 0.25
    with pytest.raises(ValueError, match="Invalid parameter 'alpha'"):
        model.set_params(alpha=1)
    assert repr(FFNNClassifier((3,), l2=0.5)) == "FFNNClassifier(hidden_layer_sizes=(3,), l2=0.5)"
