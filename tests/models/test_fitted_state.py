"""One fitted state: `fit` succeeds or leaves the model as it was, whatever raises, and copies are independent."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest
from models.kinds import ALL, Kind, Stop, unchanged

from pyffnn import FFNNClassifier, FFNNRegressor, LanguageModel
from pyffnn.training import DivergedError, Interrupted


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
    if kind.cls in (FFNNClassifier, FFNNRegressor):
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
    wanted = "validation_fraction" if hasattr(model, "classes_") else "y has 1 sample"
    assert wanted in str(raised)
    model.set_params(validation_fraction=1e-6)
    raised = unchanged(kind, model, ValueError, model.fit, X, y)
    assert "validation_fraction" in str(raised)


# ---- what is replaced is gone


@ALL
def test_a_model_dies_with_its_last_reference(kind: Kind) -> None:
    """Not when the cycle collector comes by: a model may be a gigabyte."""
    gc.collect()
    gc.disable()
    try:
        model = kind.fitted()
        kind.predictions(model)
        first = weakref.ref(model._state().network)
        model.fit(*kind.other)
        assert first() is None, "the state before lives on beside its successor"
        second = weakref.ref(model._state().network)
        if hasattr(model, "partial_fit"):
            model.partial_fit(*kind.other)
            kind.predictions(model)
        twin = copy.copy(model)
        del model
        assert second() is None, "a state outlives its model"
        kind.predictions(twin)
    finally:
        gc.enable()


@ALL
def test_a_state_outlives_its_model(kind: Kind) -> None:
    model = kind.fitted()
    if hasattr(model, "partial_fit"):
        model.partial_fit(*kind.data)
    expected = kind.predictions(model).tolist()
    state = model._state()
    del model
    state.own()
    assert kind.predictions(kind.make()._with(state)).tolist() == expected


def test_a_state_that_nobody_holds_is_found_again() -> None:
    """Two models of one network, as callbacks see them: the one that learned is gone, the other has what it learned."""
    X, y = np.eye(4, dtype=np.float32), [0, 1, 2, 3]
    model = FFNNClassifier((3,), epochs=2).fit(X, y)
    other = FFNNClassifier((3,), epochs=2)
    other._kept = model._kept
    model.partial_fit(X, y)
    steps, expected = len(model.history_), model.predict_proba(X).tolist()
    del model
    assert len(other.history_) == steps == 3
    assert other.predict_proba(X).tolist() == expected
    assert other.partial_fit(X, y).n_iter_ == 4
