"""One fitted state: `fit` and `partial_fit` succeed or leave the model as it was, whatever raises, and copies are independent."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest
from models.kinds import CLASSIFIERS, KINDS, Kind, unchanged

from pyffnn import FFNNClassifier, LanguageModel, TextClassifier
from pyffnn.models.parameters import SETTINGS
from pyffnn.training import DivergedError, Interrupted

ALL = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
OF_CLASSES = pytest.mark.parametrize("kind", CLASSIFIERS.values(), ids=CLASSIFIERS)
TEXTS = KINDS["texts"]


class Stop(BaseException):
    """Of no kind that anyone expects."""


def raising(error: Any, at: int) -> Any:
    def callback(model: Any, record: dict[str, Any]) -> None:
        if record["epoch"] == at:
            raise error

    return callback


def broken(items: Any, at: int, error: BaseException) -> Any:
    """An iterator that gives the first items and raises."""
    yield from list(items)[:at]
    raise error


# ---- what raises in fit


@ALL
@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), SystemExit(3), Stop()])
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_callback_that_raises(kind: Kind, error: BaseException, epoch: int) -> None:
    new = kind.make()
    with pytest.raises(type(error)):
        new.fit(*kind.data, callbacks=raising(error, epoch))
    assert new._fitted is None and not hasattr(new, "history_")
    model = kind.fitted()
    got = unchanged(
        kind, model, type(error), model.fit, *kind.other, callbacks=raising(error, epoch)
    )
    assert got is error
    # and nothing of it stays in the way
    assert kind.seen(model.fit(*kind.data)) | {"history": 0} == kind.seen(kind.fitted()) | {
        "history": 0
    }


@ALL
@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_an_interrupt_leaves_a_usable_model(kind: Kind, epoch: int, tmp_path: Any) -> None:
    stop = raising(KeyboardInterrupt(), epoch)
    shorter: dict[int, Any] = {}

    def remember(model: Any, record: dict[str, Any]) -> bool:
        shorter[record["epoch"]] = kind.predictions(model)
        return False

    kind.make().fit(*kind.data, callbacks=remember)
    new = kind.make()
    with pytest.raises(Interrupted, match="interrupted in epoch") as error:
        new.fit(*kind.data, callbacks=stop)
    assert error.value.model is new
    np.testing.assert_array_equal(kind.predictions(new), shorter[epoch])
    assert [r["epoch"] for r in new.history_] == list(range(1, epoch + 1))

    model = kind.make().fit(*kind.other)
    path = tmp_path / "run"
    raised = unchanged(
        kind, model, Interrupted, model.fit, *kind.data, callbacks=stop, checkpoint=path
    )
    left = raised.model
    assert left is not model and "this one is as it was" in str(raised) and "resume=" in str(raised)
    np.testing.assert_array_equal(kind.predictions(left), shorter[epoch])
    left.save(tmp_path / "m")
    np.testing.assert_array_equal(kind.predictions(kind.cls.load(tmp_path / "m")), shorter[epoch])
    # it goes on to the bits of a run that nobody broke off
    resumed = left.fit(*kind.data, resume=path)
    np.testing.assert_array_equal(kind.predictions(resumed), shorter[max(shorter)])
    assert [r["epoch"] for r in resumed.history_] == list(range(1, max(shorter) + 1))


@ALL
def test_an_interrupt_gives_the_best_epoch_back(kind: Kind) -> None:
    held_out = {
        "validation_fraction": 0.3,
        "early_stopping": 50,
        "epochs": 12,
        "learning_rate": 0.3,
    }
    scores: list[Any] = []
    shown: list[Any] = []

    def callback(model: Any, record: dict[str, Any]) -> None:
        scores.append((record["val_accuracy"] or 0.0, -record["val_loss"]))
        shown.append(kind.predictions(model))
        if record["epoch"] == 8:
            raise KeyboardInterrupt

    model = kind.make(**held_out)
    with pytest.raises(Interrupted, match="the best so far"):
        model.fit(*kind.data, callbacks=callback)
    best = max(range(8), key=scores.__getitem__)
    np.testing.assert_array_equal(kind.predictions(model), shown[best])


@ALL
def test_a_diverging_run_leaves_its_last_good_state(kind: Kind, tmp_path: Any) -> None:
    wild: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 1e30, "activation": "identity"}
    wild |= {"clip_norm": None, "l2": 0.0}
    if kind.cls is LanguageModel:
        wild |= {"layer_norm": False}
    new = kind.make(**wild)
    with pytest.raises(DivergedError, match="non-finite") as error:
        new.fit(*kind.data)
    assert error.value.model is new
    assert np.isfinite(kind.predictions(new)).all()
    model = kind.fitted().set_params(**wild)
    raised = unchanged(kind, model, DivergedError, model.fit, *kind.data)
    assert raised.model is not model
    np.testing.assert_array_equal(kind.predictions(raised.model), kind.predictions(new))
    raised.model.save(tmp_path / "m")
    np.testing.assert_array_equal(
        kind.predictions(kind.cls.load(tmp_path / "m")), kind.predictions(new)
    )


@ALL
def test_a_network_larger_than_memory(kind: Kind) -> None:
    huge = {"hidden_layer_sizes": (2**31 - 1, 2**31 - 1)}
    new = kind.make(**huge)
    with pytest.raises(MemoryError):
        new.fit(*kind.data)
    assert new._fitted is None
    model = kind.fitted().set_params(**huge)
    unchanged(kind, model, MemoryError, model.fit, *kind.other)


@ALL
@pytest.mark.parametrize("at", [0, 1, 40])
@pytest.mark.parametrize(
    "error", [RuntimeError("gone"), KeyboardInterrupt(), Stop(), MemoryError()]
)
def test_data_that_raise_while_they_are_read(kind: Kind, at: int, error: BaseException) -> None:
    if kind.cls is FFNNClassifier:
        pytest.skip("takes no iterators")

    def data(first: Any) -> tuple[Any, ...]:
        source = [["a", "b", "c"]] * 60 if kind.cls is LanguageModel else first[0]
        return (broken(source, at, error), *first[1:])

    new = kind.make()
    with pytest.raises(type(error)) as raised:
        new.fit(*data(kind.data))
    assert new._fitted is None and raised.value is error
    model = kind.fitted()
    assert unchanged(kind, model, type(error), model.fit, *data(kind.other)) is error
    if hasattr(model, "partial_fit"):
        assert unchanged(kind, model, type(error), model.partial_fit, *data(kind.data)) is error


# ---- what raises in partial_fit


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


# ---- copies


@ALL
@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "deepcopy", "pickle"]
)  # fmt: skip
def test_copies_are_independent(kind: Kind, twin: Any) -> None:
    model = kind.fitted()
    other = twin(model)
    before = kind.seen(model)
    assert kind.seen(other) == before
    other.history_.append({"epoch": 99})
    other.history_[0]["loss"] = -1.0
    for view in other._state().network.parameters().values():
        view += 1
    assert kind.seen(model) == before
    if hasattr(model, "partial_fit"):
        one, two = twin(model), twin(model)
        one.partial_fit(*kind.data)
        assert kind.seen(two) == kind.seen(model) == before
        two.partial_fit(*kind.data)  # the optimizer's state went with it
        first, second = kind.seen(one), kind.seen(two)
        assert first["arrays"] == second["arrays"] != before["arrays"]
    twin(model).fit(*kind.other)
    assert kind.seen(model) == before
    assert twin(kind.make())._fitted is None


@ALL
def test_a_callback_may_copy_and_save_what_it_is_shown(kind: Kind, tmp_path: Any) -> None:
    kept: list[Any] = []

    def callback(model: Any, record: dict[str, Any]) -> None:
        model.save(tmp_path / "m")
        kept.append(
            (
                kind.predictions(model),
                copy.copy(model),
                pickle.dumps(model),
                kind.cls.load(tmp_path / "m"),
            )
        )

    model = kind.make().fit(*kind.other)
    model.fit(*kind.data, callbacks=callback)
    assert len(kept) >= 3
    for p, copied, pickled, loaded in kept:
        for twin in (copied, pickle.loads(pickled), loaded):
            np.testing.assert_array_equal(kind.predictions(twin), p)
    assert (kept[0][0] != kept[-1][0]).any()


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
    "epochs": 9, "batch_size": 7, "tol": 0.1, "n_iter_no_change": 3, "embedding_dim": 9, "pooling": "sqrtn", "max_tokens": 2,
    "word_ngrams": 3, "char_ngrams": (2, 2), "buckets": 50, "min_count": 3, "ngram_min_count": 4, "lowercase": False, "tokenizer": str.split,
    "label_prefix": "#", "word_dropout": 0.4, "multilabel": True, "pretrained_vectors": {"brand": [1.0] * 6, "new": [2.0] * 6},
    "freeze_embeddings": True,
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


# ---- arguments taken the same way


@ALL
def test_arguments_that_all_models_share(kind: Kind) -> None:
    shared = {"epochs": 40, "validation_fraction": 0.3, "learning_rate": 1e-30}
    # no epoch is better than the first: five more end it
    for early, epochs in ((True, 6), (np.True_, 6), (2, 3), (np.int8(2), 3)):
        assert len(kind.fitted(**shared, early_stopping=early).history_) == epochs, early
    for size in (4, [4], np.array([4]), np.int64(4)):
        network = kind.fitted(hidden_layer_sizes=size)._state().network
        assert network.spec["hidden"] == [4]
    for state in (3, np.int16(3), np.random.RandomState(3), np.random.default_rng(3)):
        assert kind.fitted(random_state=state)._state().seed >= 0
    calls: list[str] = []
    one, two = (lambda m, r, n=n: calls.append(n) for n in "ab")
    for callbacks, each in (
        (one, "a"),
        ([one, two], "ab"),
        (iter((two,)), "b"),
        ((), ""),
        (None, ""),
    ):
        calls.clear()
        model = kind.make(epochs=2).fit(*kind.data, callbacks=callbacks)
        assert "".join(calls) == each * 2
        assert [r["epoch"] for r in model.history_] == [1, 2]
    unchanged(kind, model, TypeError, model.fit, *kind.data, callbacks=3)
    unchanged(kind, model, TypeError, model.fit, *kind.data, callbacks=[one, None])


@ALL
def test_validation_data_of_nothing(kind: Kind) -> None:
    if kind.cls is LanguageModel:
        model = kind.fitted()
        for valid in ([], np.array([], np.int32)):
            raised = unchanged(kind, model, ValueError, model.fit, *kind.data, valid=valid)
            assert "valid" in str(raised)
        return
    X, y = kind.data
    model = kind.fitted()
    raised = unchanged(kind, model, ValueError, model.fit, X, y, X_val=X[:0], y_val=y[:0])
    assert str(raised).startswith("X_val")
    model.set_params(early_stopping=True)
    # all weight on one text: one side of the split has none
    weight = np.zeros(len(y))
    weight[0] = 1
    raised = unchanged(kind, model, ValueError, model.fit, X, y, sample_weight=weight)
    assert "validation_fraction" in str(raised)
    model.set_params(validation_fraction=1e-6)
    raised = unchanged(kind, model, ValueError, model.fit, X, y)
    assert "validation_fraction" in str(raised)
