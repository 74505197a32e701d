"""What scikit-learn's own descendants have beside the models: checks of the others, callbacks, networks taken over, threads."""

# ruff: noqa: E402 (without scikit-learn the file is skipped)

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from sklearn.base import is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

import pyffnn
from pyffnn.integrations import sklearn as hosted
from pyffnn.optimizers import SGD, Adam

RNG = np.random.default_rng(0)
CLASSES = np.arange(200) % 4
X = RNG.normal(0, 1, (4, 6))[CLASSES] * 3 + RNG.normal(0, 1, (200, 6))
SETS = (np.column_stack([CLASSES == 0, CLASSES < 2, X[:, 0] > 0])).astype(int)


def checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # plain ones do not inherit, texts are no matrices
        return parametrize_with_checks(
            [
                pyffnn.FFNNRegressor(),
                hosted.FFNNRegressor(),
                pyffnn.TextClassifier(),
                hosted.TextClassifier(),
                hosted.TextRegressor(),
            ]
        )


@pytest.mark.filterwarnings("ignore")
@checks()
def test_checks(estimator, check):
    check(estimator)


def fitted(estimator, y, x=X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(x, y)


@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh", "identity"])
@pytest.mark.parametrize("y", [CLASSES, CLASSES == 1, SETS], ids=["classes", "two", "sets"])
def test_a_classifier_taken_over(y, activation):
    theirs = fitted(MLPClassifier((9, 5), activation=activation, max_iter=15, random_state=0), y)
    ours = hosted.from_mlp(theirs)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.n_features_in_ == 6
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_)
    before = ours.score(X, y)
    for _ in range(20):
        ours.partial_fit(X, y)
    assert ours.score(X, y) >= before - 0.02
    assert len(ours.history_) == 35


@pytest.mark.parametrize("columns", [1, 2])
def test_a_regressor_taken_over(columns):
    y = X[:, :columns] @ np.ones((columns, columns)) * 40 + 100
    theirs = fitted(
        MLPRegressor(hidden_layer_sizes=(9,), solver="lbfgs", max_iter=30, random_state=0),
        y if columns > 1 else y[:, 0],
    )
    with pytest.warns(UserWarning, match="lbfgs"):
        ours = hosted.from_mlp(theirs)
    assert is_regressor(ours)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-4)


def test_names_of_columns_are_taken_over():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MLPClassifier((4,), max_iter=3).fit(frame, CLASSES)
    assert hosted.from_mlp(theirs).feature_names_in_.tolist() == list("abcdef")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "relu"},
        {"activation": "tanh", "solver": "sgd", "learning_rate": "invscaling"},
        {"activation": "logistic", "solver": "sgd", "nesterovs_momentum": False},
        {"activation": "identity", "solver": "lbfgs"},
        {"early_stopping": True, "batch_size": 32},
        {"warm_start": True, "shuffle": False},
    ],
)
@pytest.mark.parametrize(
    "y", [CLASSES, CLASSES == 1, SETS, X[:, 0]], ids=["4", "2", "sets", "real"]
)
def test_in_the_place_of_an_mlp(y, settings, dtype):
    kind = "MLPRegressor" if y.dtype.kind == "f" else "MLPClassifier"
    fast, slow = (
        getattr(home, kind)(hidden_layer_sizes=(7, 5), max_iter=9, random_state=0, **settings)
        for home in (hosted, sklearn.neural_network)
    )
    assert fast.get_params() == slow.get_params()
    x = X.astype(dtype)
    for _ in range(2 if "warm_start" in settings else 1):
        fitted(fast, y, x), fitted(slow, y, x)
    if dtype is np.float32 and settings.get("solver") == "lbfgs":
        # where a line search ends depends on the last bits: the way is another, and as good
        assert fast.loss_ == pytest.approx(slow.loss_, rel=0.05)
        return
    close = {"rtol": 1e-7, "atol": 1e-9} if dtype is np.float64 else {"rtol": 2e-3, "atol": 2e-3}
    for mine, theirs in zip(
        [*fast.coefs_, *fast.intercepts_], [*slow.coefs_, *slow.intercepts_], strict=True
    ):
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine, theirs, **close)
    assert fast.n_iter_ == slow.n_iter_
    assert fast.loss_ == pytest.approx(slow.loss_, rel=close["rtol"])
    ask = "predict" if kind == "MLPRegressor" else "predict_proba"
    np.testing.assert_allclose(getattr(fast, ask)(x), getattr(slow, ask)(x), **close)
    copied = pickle.loads(pickle.dumps(fast))
    np.testing.assert_array_equal(copied.predict(x), fast.predict(x))


def test_an_mlp_of_weighted_sparse_rows():
    scipy = pytest.importorskip("scipy.sparse")
    weight = RNG.uniform(0.1, 2, 200)
    rows = scipy.csr_matrix(np.where(X > 1, X, 0))
    fast, slow = (
        home.MLPClassifier((6,), activation="tanh", max_iter=5, random_state=1)
        for home in (hosted, sklearn.neural_network)
    )
    for model in (fast, slow):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(rows, CLASSES, sample_weight=weight)
        model.partial_fit(rows, CLASSES, sample_weight=weight)
    np.testing.assert_allclose(fast.predict_proba(rows), slow.predict_proba(rows), rtol=1e-7)
    np.testing.assert_allclose(fast.loss_curve_, slow.loss_curve_, rtol=1e-7)
    whole = rows.astype(int)
    np.testing.assert_allclose(fast.predict_proba(whole), slow.predict_proba(whole), rtol=1e-7)


def test_arguments_of_an_mlp():
    found = hosted.arguments_of_mlp(MLPClassifier((3, 4), alpha=0.2, beta_1=0.8).get_params(), 50)
    assert found["hidden_layer_sizes"] == (3, 4)
    assert found["optimizer"] == Adam(0.001, (0.8, 0.999), 1e-8)
    assert found["l2"] == pytest.approx(0.2 / 50)
    assert found["early_stopping"] is False
    plain = MLPClassifier(solver="sgd", momentum=0.5, nesterovs_momentum=False, early_stopping=True)
    found = hosted.arguments_of_mlp(plain.get_params())
    assert found["optimizer"] == SGD(0.001, momentum=0.5)
    assert found["early_stopping"] == 10
    hosted.FFNNClassifier(**found).fit(X, CLASSES)
    with pytest.warns(
        UserWarning, match=r"nesterovs_momentum=True.*'adaptive'.*shuffle=False.*warm_start"
    ):
        hosted.arguments_of_mlp(
            MLPClassifier(
                solver="sgd", learning_rate="adaptive", shuffle=False, warm_start=True
            ).get_params()
        )
    for wrong in ({"activation": "gelu"}, {"solver": "rprop"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            hosted.arguments_of_mlp({**MLPClassifier().get_params(), **wrong})
    with pytest.raises(TypeError, match="must be an MLPClassifier"):
        hosted.from_mlp(sklearn.linear_model.LogisticRegression())
    with pytest.raises(NotFittedError):
        hosted.from_mlp(MLPClassifier())


def test_callbacks():
    pytest.importorskip("sklearn.callback")

    class Recorder:
        def __init__(self, stop_at=None):
            self.calls, self.scores, self.stop_at = [], [], stop_at

        def setup(self, estimator, context):
            self.calls.append("setup")

        def teardown(self, estimator, context):
            self.calls.append("teardown")

        def on_fit_task_begin(
            self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
        ):
            self.calls.append(f"begin {context.task_name}")

        def on_fit_task_end(
            self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
        ):
            self.calls.append(f"end {context.task_name}")
            self.scores.append(fitted_estimator.score(X, y))
            return context.task_name == self.stop_at

    recorder = Recorder()
    model = hosted.FFNNClassifier((8,), epochs=3).set_callbacks(recorder).fit(X, CLASSES)
    epochs = [f"{what} epoch {i}" for i in (1, 2, 3) for what in ("begin", "end")]
    assert recorder.calls == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert recorder.scores[-1] == recorder.scores[-2] == model.score(X, CLASSES)
    recorder = Recorder("epoch 2")
    hosted.TextClassifier(epochs=5).set_callbacks(recorder).fit(["a b", "c d"] * 4, [0, 1] * 4)
    assert "begin epoch 3" not in recorder.calls
    assert recorder.calls[-1] == "teardown"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # joblib forks with threads about
def test_workers_share_the_processors():
    from joblib import Parallel, cpu_count, delayed

    found = Parallel(n_jobs=2, backend="loky")(delayed(pyffnn.get_num_threads)() for _ in range(2))
    assert max(found) <= max(1, cpu_count() // 2)


def test_html_and_routing():
    for model in (hosted.FFNNRegressor(), hosted.TextClassifier(), hosted.TextRegressor()):
        assert type(model).__name__ in model._repr_html_()
    with sklearn.config_context(enable_metadata_routing=True):
        hosted.FFNNRegressor().set_fit_request(sample_weight=True)


def test_an_old_scikit_learn_is_refused():
    from pyffnn.integrations.sklearn.host import _check_version

    _check_version("1.10.dev0")
    with pytest.raises(
        ImportError, match=r"needs scikit-learn 1\.7 or newer, found 1\.5\.2: pip install"
    ):
        _check_version("1.5.2")
