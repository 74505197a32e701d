"""`partial_fit` succeeds or leaves the model as it was, whatever raises, whoever reads it beside, and whatever was set since `fit`."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest
from models.kinds import KINDS, OF_CLASSES, Kind, Stop, unchanged

from pyffnn import FFNNClassifier, TextClassifier
from pyffnn.models.parameters import SETTINGS

TEXTS = KINDS["texts"]


# ---- what raises


@OF_CLASSES
def test_partial_fit_that_cannot_be(kind: Kind) -> None:
    X, y = kind.data
    odd = np.full_like(X, np.nan) if kind.cls is FFNNClassifier else [*X[:-1], 3]
    for model in (kind.fitted(), kind.make().partial_fit(X, y)):
        for args, error in (
            ((X, y[:-1]), ValueError),
            ((X, [*y[:-1], 99]), ValueError),
            ((odd, y), (TypeError, ValueError)),
            ((X[:0], y[:0]), ValueError),
            ((X, y, [5, 6]), ValueError),
            ((X, None), ValueError),
        ):
            unchanged(kind, model, error, model.partial_fit, *args)
        for weight in (np.ones(3), -np.ones(len(y)), np.zeros(len(y)), np.full(len(y), np.nan)):
            unchanged(kind, model, ValueError, model.partial_fit, X, y, sample_weight=weight)
    new = kind.make()
    with pytest.raises(ValueError):
        new.partial_fit(X, y[:-1])
    assert new._fitted is None


@OF_CLASSES
def test_partial_fit_that_diverges(kind: Kind) -> None:
    settings = {"optimizer": "sgd", "activation": "identity"}
    model = kind.fitted(**settings).set_params(learning_rate=1e30, l2=0.0)
    unchanged(kind, model, FloatingPointError, model.partial_fit, *kind.data)
    model.set_params(learning_rate=0.01).partial_fit(*kind.data)
    assert np.isfinite(kind.predictions(model)).all()


def test_partial_fit_whose_tokenizer_raises() -> None:
    fail: list[BaseException] = []

    def tokenizer(text: str) -> list[str]:
        if fail and "boom" in text:
            raise fail[0]
        return text.split()

    model = TEXTS.fitted(tokenizer=tokenizer)
    X, y = TEXTS.data
    for error in (RuntimeError("no"), KeyboardInterrupt(), Stop()):
        fail[:] = [error]
        for call in (model.fit, model.partial_fit):
            unchanged(TEXTS, model, type(error), call, [*X[:5], "boom", *X[6:]], y)


def test_partial_fit_whose_vector_file_is_gone(tmp_path: Any) -> None:
    path = tmp_path / "v.txt"
    lines = "red 1 0 0\nnew 0 1 0\nisa 1 1 1\n"
    path.write_text(lines)
    model = TextClassifier(pretrained_vectors=str(path), epochs=2).fit(*TEXTS.data)
    path.unlink()
    words = (["new red words", "other new words"], [0, 1])
    unchanged(TEXTS, model, OSError, model.partial_fit, *words)
    unchanged(TEXTS, model, OSError, model.fit, *words)
    path.write_text("red 1 0\n")
    unchanged(TEXTS, model, ValueError, model.partial_fit, *words)
    model.save(tmp_path / "m")
    TextClassifier.load(tmp_path / "m")
    path.write_text(lines)
    model.partial_fit(*words)
    assert "new" in model.vocabulary_


# Python swallows what is raised while it closes a generator
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@OF_CLASSES
def test_interrupts_at_any_moment_of_partial_fit(kind: Kind) -> None:
    """Python runs a signal's handler where a function begins or a call of C has come back: so does a profiler."""
    model = kind.fitted()
    if kind.cls is TextClassifier:
        X, y = ["brand new words", "red old"], list(model.classes_[:2])
    else:
        X, y = kind.data[0][:9], kind.data[1][:9]
    calls = last = 0

    def interrupt(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        if event in ("call", "c_return"):
            calls += 1
            if calls == last:
                raise KeyboardInterrupt

    before = kind.seen(model)
    for at in [*range(1, 60), *range(60, 100_000, 3)]:
        calls, last = 0, at
        sys.setprofile(interrupt)
        try:
            model.partial_fit(X, y)
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
        now = kind.seen(model)
        if len(now["history"]) == len(before["history"]):
            assert now == before, at
        else:  # it came too late
            assert len(now["history"]) == len(before["history"]) + 1
            before = now
        if calls < last:
            break
    assert 100 < calls < last
    done: list[Any] = []
    thread = threading.Thread(target=lambda: done.append(model.partial_fit(X, y)), daemon=True)
    thread.start()  # no lock was left behind
    thread.join(30)
    assert done


# ---- threads and forks


@OF_CLASSES
def test_predictions_beside_partial_fit_are_of_one_state(kind: Kind) -> None:
    model = kind.fitted(learning_rate=0.5, optimizer="sgd")
    if kind.cls is TextClassifier:
        chunks = [
            ([f"fresh{i} red is0", f"fresh{i} other{i} is1"] * 3, [0, 1] * 3) for i in range(25)
        ]
        probe = [" ".join(f"fresh{i} other{i}" for i in range(25)), "red is0"]
    else:
        chunks, probe = (
            [(kind.data[0][i : i + 9], kind.data[1][i : i + 9]) for i in range(25)],
            kind.probe,
        )
    twin = copy.copy(model)
    allowed = [twin.predict_proba(probe).tolist()]
    allowed += [twin.partial_fit(*chunk).predict_proba(probe).tolist() for chunk in chunks]
    found: list[Any] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                found.append(model.predict_proba(probe).tolist())
                again = pickle.loads(pickle.dumps(model))
                found.append(again.predict_proba(probe).tolist())
            except BaseException as error:
                found.append(repr(error))

    threads = [threading.Thread(target=read) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for chunk in chunks:
            model.partial_fit(*chunk)
    finally:
        over.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(interval)
    assert len(found) > 4
    assert [f for f in found if f not in allowed][:1] == []
    np.testing.assert_array_equal(model.predict_proba(probe), allowed[-1])


@OF_CLASSES
def test_two_threads_of_partial_fit_lose_nothing(kind: Kind) -> None:
    model = kind.fitted()
    epochs = len(model.history_)
    X, y = kind.data
    threads = [
        threading.Thread(target=lambda: [model.partial_fit(X, y) for _ in range(10)])
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone = kind.fitted()
    for _ in range(20):
        alone.partial_fit(X, y)
    assert [r["epoch"] for r in model.history_] == list(range(1, epochs + 21))
    np.testing.assert_array_equal(kind.predictions(model), kind.predictions(alone))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@OF_CLASSES
def test_a_child_forked_while_another_thread_trains(kind: Kind, tmp_path: Any) -> None:
    import signal

    model = kind.fitted()
    X, y = kind.data
    over = threading.Event()

    def work() -> None:
        while not over.is_set():
            model.partial_fit(X, y)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for n in range(6):
            child = os.fork()
            if child == 0:
                signal.alarm(60)
                try:
                    p = kind.predictions(model)
                    model.save(tmp_path / str(n))
                    same = np.array_equal(p, kind.predictions(kind.cls.load(tmp_path / str(n))))
                    model.partial_fit(X, y)
                    copy.copy(model).fit(X, y)
                    os._exit(0 if same and np.isfinite(p).all() else 1)
                finally:
                    os._exit(2)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        over.set()
        thread.join()


# ---- settings changed between fit and partial_fit

CHANGED: dict[str, Any] = {
    "hidden_layer_sizes": (3,), "activation": "tanh", "residual": True, "layer_norm": True, "output": "sampled", "cutoffs": (1,),
    "samples": 2, "precision": "bfloat16", "optimizer": "sgd", "learning_rate": 0.7, "dropout": 0.4, "l2": 0.3, "clip_norm": 1e-3,
    "early_stopping": 3, "validation_fraction": 0.4, "n_threads": 2, "random_state": 5, "verbose": 0, "class_weight": {0: 9.0, 1: 0.1},
    "epochs": 9, "batch_size": 7, "tol": 0.1, "n_iter_no_change": 3, "embedding_dim": 9, "pooling": "sqrtn", "windows": 2, "max_tokens": 2,
    "word_ngrams": 3, "char_ngrams": (2, 2), "buckets": 50, "min_count": 3, "ngram_min_count": 4, "lowercase": False, "tokenizer": str.split,
    "label_prefix": "#", "word_dropout": 0.4, "multilabel": True, "pretrained_vectors": {"brand": [1.0] * 6, "new": [2.0] * 6},
    "freeze_embeddings": True, "thresholds": 0.3, "calibrate": True, "reject": 0.2,
}  # fmt: skip
OBEYED = {
    "learning_rate", "dropout", "l2", "clip_norm", "class_weight", "batch_size", "min_count", "ngram_min_count", "word_dropout",
    "pretrained_vectors", "freeze_embeddings",
}  # fmt: skip
# they say how fit is done, or change no bit
OF_FIT_ALONE = {
    "early_stopping", "validation_fraction", "n_threads", "random_state", "verbose", "epochs", "tol", "n_iter_no_change", "label_prefix",
}  # fmt: skip
# without AMX it changes no bit
OF_MACHINES = {"precision"}
# nothing that a softmax over all classes has
OF_OTHER_OUTPUTS = {"samples"}


@pytest.mark.filterwarnings("ignore:.*AMX:RuntimeWarning")
@pytest.mark.parametrize("name", SETTINGS["FFNNClassifier"] | SETTINGS["TextClassifier"])
@pytest.mark.parametrize("kind", [KINDS["vectors"], KINDS["texts"]], ids=["vectors", "texts"])
def test_settings_changed_before_partial_fit(kind: Kind, name: str) -> None:
    if name not in SETTINGS[kind.cls.__name__]:
        pytest.skip("not a setting of this model")
    start = {"optimizer": "adam", "learning_rate": 0.05}
    if kind.cls is TextClassifier:
        more = ["brand new words brand new words", "red old", *kind.data[0][:30]]
        chunk: Any = (more, [0, 1, *kind.data[1][:30]])
        start["char_ngrams"] = None
    else:
        chunk = kind.data
    plain = kind.fitted(**start).partial_fit(*chunk)
    model = kind.fitted(**start).set_params(**{name: CHANGED[name]})
    if name in OBEYED:
        model.partial_fit(*chunk)
        assert kind.seen(model)["arrays"] != kind.seen(plain)["arrays"]
    elif name in OF_FIT_ALONE | OF_OTHER_OUTPUTS:
        model.partial_fit(*chunk)
        assert kind.seen(model)["arrays"] == kind.seen(plain)["arrays"]
    elif name in OF_MACHINES:
        model.partial_fit(*chunk)
    else:
        raised = unchanged(kind, model, ValueError, model.partial_fit, *chunk)
        assert str(raised).startswith(name), raised


def test_thresholds_changed_in_any_container_are_refused() -> None:
    X, y = np.eye(4), np.eye(4, 2, dtype=int)
    for given in ([0.3, 0.6], (0.3, 0.6), np.array([0.3, 0.6]), {0: 0.3, 1: 0.6}):
        model = FFNNClassifier((), epochs=2, thresholds=given).fit(X, y).partial_fit(X, y)
        assert model.thresholds_.tolist() == [0.3, 0.6]
        with pytest.raises(ValueError, match=r"^thresholds cannot change"):
            model.set_params(thresholds=np.array([0.3, 0.5])).partial_fit(X, y)


@pytest.mark.parametrize("setting", [{"calibrate": True}, {"reject": 0.2}])
@pytest.mark.parametrize("kind", [KINDS["vectors"], KINDS["texts"]], ids=["vectors", "texts"])
def test_what_needs_unseen_examples_does_not_begin_by_partial_fit(
    kind: Kind, setting: dict[str, Any]
) -> None:
    model = kind.cls(**setting)
    with pytest.raises(ValueError, match=f"^{next(iter(setting))} must be .* use fit"):
        model.partial_fit(*kind.data)
    with pytest.raises(ValueError, match="not fitted"):
        model.predict(kind.data[0])
