"""scikit-learn takes the classifiers for its own: its checks, pipelines, searches, ensembles, clones."""

# ruff: noqa: E402 (without scikit-learn the file is skipped)

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from sklearn.base import clone, is_classifier
from sklearn.compose import make_column_transformer
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted

import pyffnn
from pyffnn.integrations import sklearn as hosted
from pyffnn.optimizers import Adam, linear_decay

TEXTS = ["a good film", "great plot", "lovely scene", "a bad film", "awful plot", "dire scene"] * 20
LABELS = ["good", "good", "good", "bad", "bad", "bad"] * 20


@pytest.fixture(params=[pyffnn, hosted], ids=["plain", "hosted"])
def home(request):
    return request.param


def checks():
    with warnings.catch_warnings():
        # the plain one is no BaseEstimator, which scikit-learn remarks on
        warnings.filterwarnings("ignore", message="Estimator FFNNClassifier does not inherit")
        return parametrize_with_checks([pyffnn.FFNNClassifier(), hosted.FFNNClassifier()])


@pytest.mark.filterwarnings("ignore")
@checks()
def test_checks(estimator, check):
    check(estimator)


def digits():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    return rng.normal(0, 1, (4, 6))[y] * 3 + rng.normal(0, 1, (200, 6)), y


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layer_sizes": (5, 4), "class_weight": {0: 2.0}},
        {"optimizer": Adam(linear_decay(0.1)), "random_state": np.random.RandomState(3)},
    ],
)
def test_clone(home, settings):
    for model in (home.FFNNClassifier(**settings), home.TextClassifier(**settings)):
        copied = clone(model)
        for name, value in model.get_params().items():
            if name != "random_state":
                assert copied.get_params()[name] == value
        assert is_classifier(model)
        assert not hasattr(copied, "classes_")


def test_pipeline_and_search_over_features(home):
    X, y = digits()
    model = make_pipeline(StandardScaler(), home.FFNNClassifier(epochs=30))
    grid = {"ffnnclassifier__hidden_layer_sizes": [(), (8,)], "ffnnclassifier__l2": [0.0, 0.1]}
    search = GridSearchCV(model, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.predict(X).shape == (200,)
    assert search.best_estimator_[-1].history_


def test_pipeline_over_sparse_counts(home):
    model = make_pipeline(CountVectorizer(), home.FFNNClassifier((), epochs=50)).fit(TEXTS, LABELS)
    assert model.score(TEXTS, LABELS) == 1


def test_text_in_pipeline_and_search(home):
    grid = {"textclassifier__word_ngrams": [1, 2], "textclassifier__hidden_layer_sizes": [(), (8,)]}
    search = GridSearchCV(make_pipeline(home.TextClassifier(epochs=10)), grid, cv=2).fit(
        TEXTS, LABELS
    )
    assert search.best_score_ == 1
    assert search.predict(["a great scene"]).tolist() == ["good"]
    # texts in a NumPy column, as scikit-learn hands them on when it cuts folds
    assert (
        cross_val_score(home.TextClassifier(epochs=10), np.array(TEXTS, dtype=object), LABELS).min()
        == 1
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # joblib forks with threads about
def test_search_in_processes():
    search = GridSearchCV(pyffnn.TextClassifier(epochs=5), {"epochs": [5, 6]}, cv=2, n_jobs=2).fit(
        TEXTS, LABELS
    )
    assert search.best_score_ == 1
    alone = GridSearchCV(pyffnn.TextClassifier(epochs=5), {"epochs": [5, 6]}, cv=2).fit(
        TEXTS, LABELS
    )
    np.testing.assert_array_equal(search.predict_proba(TEXTS), alone.predict_proba(TEXTS))


def test_ensembles(home):
    X, y = digits()
    vote = VotingClassifier(
        [("a", home.FFNNClassifier((8,), epochs=20)), ("b", home.FFNNClassifier((), epochs=20))],
        voting="soft",
    ).fit(X, y)
    assert vote.score(X, y) > 0.9
    bag = BaggingClassifier(
        home.FFNNClassifier((8,), learning_rate=0.01), n_estimators=3, random_state=0
    ).fit(X, y)
    assert bag.score(X, y) > 0.9


def test_not_fitted_is_their_error_too(home):
    for model in (home.FFNNClassifier(), home.TextClassifier()):
        with pytest.raises(NotFittedError):
            model.predict(["a"])
        with pytest.raises(NotFittedError):
            check_is_fitted(model)


def test_sample_weight_reaches_fit_in_a_search(home):
    X, y = digits()
    GridSearchCV(home.FFNNClassifier(epochs=3), {"l2": [0.0, 0.1]}, cv=2).fit(
        X, y, sample_weight=np.ones(200)
    )


def test_metadata_routing():
    X, y = digits()
    with sklearn.config_context(enable_metadata_routing=True):
        model = hosted.FFNNClassifier(epochs=3).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        GridSearchCV(model, {"l2": [0.0]}, cv=2).fit(X, y, sample_weight=np.ones(200))
        assert "FFNNClassifier" in model._repr_html_()


def test_same_files(tmp_path):
    X, y = digits()
    model = hosted.FFNNClassifier(epochs=3).fit(X, y)
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(
        pyffnn.FFNNClassifier.load(tmp_path / "m").predict_proba(X), model.predict_proba(X)
    )
    assert type(hosted.FFNNClassifier.load(tmp_path / "m")) is hosted.FFNNClassifier
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X)
    )


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    X, y = digits()
    frame = pandas.DataFrame(X, columns=list("abcdef"))
    model = pyffnn.FFNNClassifier(epochs=3).fit(frame, y)
    assert model.feature_names_in_.tolist() == list("abcdef")
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame[list("bacdef")])
    with pytest.raises(ValueError, match="unseen at fit time"):
        model.predict(frame.rename(columns={"a": "z"}))
    table = pandas.DataFrame({"text": TEXTS, "n": range(len(TEXTS))})
    assert make_column_transformer(("passthrough", ["text"])).fit_transform(table).shape == (120, 1)
    assert (
        pyffnn.TextClassifier(epochs=5).fit(table["text"], LABELS).score(table["text"], LABELS) == 1
    )
