"""Settings as data: every setting of every model under attack, and what must be taken."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNClassifier, FFNNRegressor, LanguageModel, TextClassifier, TextRegressor
from pyffnn.models.kinds import Choice, Flag, Integer, Is, Nothing, Number
from pyffnn.models.ngram import KneserNeyLM
from pyffnn.models.parameters import SETTINGS, Setting, check, check_one
from pyffnn.optimizers import Adam, linear_decay

MODELS = {
    cls.__name__: cls
    for cls in (
        FFNNClassifier, FFNNRegressor, TextClassifier, TextRegressor, LanguageModel, KneserNeyLM
    )
}  # fmt: skip
NAN, INF = float("nan"), float("inf")


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    found = dict(inspect.signature(cls.__init__).parameters)  # type: ignore[misc]
    found.pop("self")
    return found


SETTINGS_OF_MODELS = [
    pytest.param(cls, name, id=f"{cls.__name__}-{name}")
    for cls in MODELS.values()
    for name in parameters(cls)
]


class Untouched:
    """Training data that nobody may look at."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the data were touched: {name}")

    def __iter__(self) -> Any:
        raise AssertionError("the data were read")


def fit(model: Any) -> None:
    model.fit(*[Untouched()] * (1 if hasattr(model, "log_prob") else 2))


def allowed(setting: Setting, value: Any) -> bool:
    try:
        setting.check("it", value)
    except (TypeError, ValueError):
        return False
    return True


# Of the wrong type, or out of every range, for each kind of setting; those that have another kind that takes the value are left out below.
ANYWHERE: list[Any] = [
    object(), 1j, b"x", NAN, INF, -INF, np.float32(NAN), -1, -1.0, np.int64(-1), 2**63, 10**30, 10**400, -(10**30),
    np.datetime64("2020"), {"a": NAN}, {"a": -1}, {"a": "b"}, set(), [NAN], [0], [-1], [1.5], [True], [2**40], ["a", 1], [[1]], [None],
    np.array(3), np.zeros((2, 2)), range(0), "", " ", "x y", (3, 2), (0, 2), (1, 100), (1, 2.5), [10**30], ["a", "a"], type, NotImplemented,
]  # fmt: skip
OF_INTEGERS: list[Any] = [True, np.True_, 1.0, "1", None, 0.5, np.float64(2), [1]]
OF_NUMBERS: list[Any] = [True, np.True_, "0.5", None, [0.5], 1e39]
OF_FLAGS: list[Any] = [0, 1, "True", None, 1.0, np.int8(1)]
OF_NAMES: list[Any] = ["no such name", 3, None, ["relu"], np.array(["relu", "tanh"]), True]
TAKE_MUCH = {"tokenizer": (type, object, NotImplemented)}


def attacks(setting: Setting) -> list[Any]:
    values = list(ANYWHERE)
    for kind, more in (
        (Integer, OF_INTEGERS), (Number, OF_NUMBERS), (Flag, OF_FLAGS), (Choice, OF_NAMES)
    ):  # fmt: skip
        if setting.kind(kind) is not None:
            values += more
    return [value for value in values if not allowed(setting, value)]


@pytest.mark.parametrize(("cls", "name"), SETTINGS_OF_MODELS)
def test_wrong_values_are_refused_by_name_before_anything_happens(cls: Any, name: str) -> None:
    setting = SETTINGS[cls.__name__][name]
    values = attacks(setting)
    assert len(values) > 15
    for value in values:
        model = cls(**{name: value})
        before = dict(vars(model))
        with pytest.raises((TypeError, ValueError), match=rf"^{name}\b"):
            fit(model)
        assert vars(model) == before


def test_a_fitted_model_stays_as_it_was() -> None:
    X, y = [[0.0], [1.0]] * 10, [0, 1] * 10
    model = FFNNClassifier(epochs=3).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(dropout=NAN)
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="dropout must be in"):
            call(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("cls", MODELS.values())
def test_every_argument_has_a_setting(cls: Any) -> None:
    assert set(parameters(cls)) <= set(SETTINGS[cls.__name__])
    for name, parameter in parameters(cls).items():
        setting = SETTINGS[cls.__name__][name]
        setting.check(name, parameter.default)
        assert setting.doc and setting.values


# What each kind refuses, one by one: (model, setting, values taken, values refused)
LIMITS: list[tuple[Any, str, list[Any], list[Any]]] = [
    (FFNNClassifier, "hidden_layer_sizes", [1, (), [5], np.array([3, 2]), range(1, 3), (2**31 - 1,)],
     [0, -1, 2**31, (0,), (3, -1), "12", None, True, (True,), (2**31,), np.ones((1, 1), int), [1] * 257, 1.0, {3: 1}]),
    (FFNNClassifier, "batch_size", ["auto", 1, 2**31 - 1, np.uint8(3)], ["all", 0, None, 1.0, 2**31]),
    (FFNNClassifier, "dropout", [0, -0.0, 0.0, 0.999, np.float16(0.5), np.int32(0)], [1, 1.0, -1e-9, NAN, "0"]),
    (FFNNClassifier, "validation_fraction", [0.1, np.float32(0.5), 1e-9], [0, -0.0, 1, NAN, INF]),
    (FFNNClassifier, "l2", [0, -0.0, 1e-4, 10**6, 3e38], [-1e-9, 1e39, 10**40, INF, -INF, NAN, "0"]),
    (FFNNClassifier, "learning_rate", [None, 1e-9, 1, linear_decay(), np.float64(0.1)], [0, -0.0, -1, INF, 1e39, "0.1"]),
    (FFNNClassifier, "optimizer", ["sgd", "adam", Adam(), np.str_("sgd")], ["SGD", Adam, None, 3, "lbfgs"]),
    (FFNNClassifier, "early_stopping", [True, False, np.False_, 1, np.int64(7)], [0, -1, None, "yes", 1.0]),
    (FFNNClassifier, "n_threads", [None, 1, 1024, np.int16(2)], [0, 1025, -1, 1.0, "1", True]),
    (FFNNClassifier, "random_state", [None, 0, 2**63 - 1, np.random.RandomState(0), np.random.default_rng(0)],
     [-1, 2**63, 0.0, "0", True, np.random]),
    (FFNNClassifier, "class_weight", [None, "balanced", {}, {0: 0}, {"a": np.float32(2)}],
     ["even", [1, 2], {0: -1}, {0: NAN}, {0: None}, {0: True}, 1]),
    (FFNNClassifier, "calibrate", [True, False, np.True_], [0, 1, None, "yes"]),
    (FFNNClassifier, "reject", [None, 0.1, np.float32(0.5)], [0, 1, -0.1, 1.5, "0.1", True, NAN]),
    (FFNNClassifier, "precision", [None, "auto", "float32", "bfloat16", "bfloat16x3", "bfloat16x6"], ["", "double", 32, "float16"]),
    (FFNNClassifier, "tol", [None, 0, 1e-9], [-1, NAN, INF, "0"]),
    (FFNNClassifier, "verbose", [0, 1, True, np.True_, 2], [-1, "1", None, 1.0]),
    (TextClassifier, "char_ngrams", ["auto", None, (1, 1), [3, 6], (1, 64), (np.int8(2), 3)],
     ["3,6", 3, (3,), (3, 2), (0, 2), (1, 65), (1, 2, 3), (1.0, 2), (True, 2), "ab"]),
    (TextClassifier, "pooling", ["auto", "max", ("mean",), ["min", "sum"], ("mean", "sqrtn", "sum", "max", "min")],
     ["most", (), ("mean", "mean"), ("mean", "concat"), ("auto",), ("mean", 3), {"mean"}, None, 3]),
    (TextClassifier, "windows", [None, 1, 50, np.int64(3)], [0, -1, 2.0, "3", True, (3,)]),
    (TextClassifier, "word_ngrams", [1, 16], [0, 17, None]),
    (TextClassifier, "label_prefix", ["__label__", "#"], ["", " ", "a b", None, 3, b"#"]),
    (TextClassifier, "lowercase", [True, np.False_], [0, 1, "yes", None]),
    (TextClassifier, "tokenizer", [None, str.split, str], [3, "split", ""]),
    (TextClassifier, "pretrained_vectors", [None, "path", {"a": [1.0]}, (["a"], [[1.0]])], ["", 3, set(), b"path"]),
    (LanguageModel, "cutoffs", [None, (1,), [10, 200], np.array([5, 6])], [(), (0,), (5, 5), (6, 5), 3, "1", (1.5,), range(1, 100)]),
    (LanguageModel, "clip_norm", [None, 1, 1e-3], [0, -1, NAN, INF, "1"]),
    (LanguageModel, "embedding_dropout", [None, 0, 0.5], [1, -0.1, NAN, "0"]),
    (LanguageModel, "distant_kernels", [0, 8], [-1, None, 0.0]),
    (LanguageModel, "vocabulary", [None, 5, ["a", "b"], ("a",), np.array(["a", "b"])],
     [0, -1, "abc", [], ["a", "a"], ["a", 1], {"a": 0}, {"a"}, 1.5, iter(["a"]), True]),
    (LanguageModel, "unk_token", ["<unk>"], ["", "a b", None, 3]),
    (LanguageModel, "eos_token", [None, "</s>"], ["", "a b", 3]),
    (LanguageModel, "min_count", [None, 1], [0, 1.0]),
    (KneserNeyLM, "order", [1, 7, np.int8(3)], [0, 8, 2.0, None, True, "3"]),
    (KneserNeyLM, "discounts", [None, 0, 0.5, (0.5, 1, 1.5), np.zeros((3, 3))], ["big", "0.5", NAN, 4, True, {1: 0.5}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "name", "right", "wrong"), LIMITS, ids=[f"{c.__name__}-{n}" for c, n, *_ in LIMITS]
)
def test_limits(cls: Any, name: str, right: list[Any], wrong: list[Any]) -> None:
    for value in right:
        check_one(cls(**{name: value}), name)
    for value in wrong:
        with pytest.raises((TypeError, ValueError), match=rf"^{name} must be "):
            check_one(cls(**{name: value}), name)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FFNNClassifier(epochs=0), "epochs must be at least 1, got 0"),
        (FFNNClassifier(epochs=10**30), f"epochs must be at most 2147483647, got {10**30}"),
        (FFNNClassifier(epochs="9"), "epochs must be an integer, got '9'"),
        (FFNNClassifier(dropout=1), r"dropout must be in \[0, 1\), got 1"),
        (FFNNClassifier(l2=INF), "l2 must be a finite number of at least 0, got inf"),
        (FFNNClassifier(learning_rate=0), "learning_rate must be a positive, finite number, got 0"),
        (FFNNClassifier(batch_size="all"), "batch_size must be 'auto' or an integer, got 'all'"),
        (FFNNClassifier(n_threads="all"), "n_threads must be an integer or None, got 'all'"),
        (TextClassifier(pooling="most"), "pooling must be one of 'auto', 'mean', 'sqrtn', 'sum', 'max', 'min', 'weighted', 'concat' or a tuple of names among 'mean', 'sqrtn', 'sum', 'max', 'min', got 'most'"),
        (TextClassifier(windows=3, pooling="concat"), "windows=3 needs a pooling"),
        (TextClassifier(windows=3, pooling="weighted"), "windows=3 needs pooling='auto' or one of mean"),
        (TextClassifier(lowercase=1), "lowercase must be True or False, got 1"),
        (TextClassifier(char_ngrams=(3, 2)), r"char_ngrams must be \(lo, hi\) with 1 <= lo <= hi <= 64, got \(3, 2\)"),
        (LanguageModel(hidden_layer_sizes=(5, 0)), r"hidden_layer_sizes must be a sequence of integers from 1 to 2147483647, got \(5, 0\)"),
        (LanguageModel(cutoffs=(5, 5)), r"cutoffs must be a rising sequence of integers, got \(5, 5\)"),
        (LanguageModel(unk_token="x", eos_token="x"), "unk_token and eos_token must differ"),
        (LanguageModel(distant_window=0), "distant_window must be at least 1 with distant_kernels"),
    ],
)  # fmt: skip
def test_words(model: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        check(model)


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(ValueError, match="hidden_layer_sizes") as error:
        check(FFNNClassifier([1] * 100_000))
    assert len(str(error.value)) < 500


TINY = {
    "FFNNRegressor": ({"hidden_layer_sizes": (3,), "activation": "tanh", "epochs": 2}, ([[0.0], [1.0]] * 10, [0, 1] * 10)),
    "TextRegressor": ({"embedding_dim": 2, "epochs": 2}, (["good film", "bad film"] * 10, [0, 1] * 10)),
    # of three ReLU units all may be dead, whatever the seed
    "FFNNClassifier": ({"hidden_layer_sizes": (3,), "activation": "tanh", "epochs": 2}, ([[0.0], [1.0]] * 10, [0, 1] * 10)),
    "TextClassifier": ({"embedding_dim": 2, "epochs": 2}, (["good film", "bad film"] * 10, [0, 1] * 10)),
    "LanguageModel": (
        {"context": 2, "embedding_dim": 4, "hidden_layer_sizes": (4,), "distant_kernels": 1, "distant_window": 3, "epochs": 2},
        ([["a", "b", "c", "d"]] * 20,),
    ),
    "KneserNeyLM": ({"order": 2}, ([["a", "b", "c", "d"]] * 20,)),
}  # fmt: skip


def outcome(cls: Any, settings: dict[str, Any]) -> Any:
    tiny, data = TINY[cls.__name__]
    model = cls(**{**tiny, **settings}).fit(*data)
    if hasattr(model, "log_prob"):
        return model.log_prob("a b d c")
    return (model.predict_proba if hasattr(model, "classes_") else model.predict)(data[0])


def numpy_twins(setting: Setting, value: Any) -> list[Any]:
    """The same value in NumPy's types."""
    if isinstance(value, bool):
        return [np.bool_(value)]
    if isinstance(value, int):
        return [np.int64(value), *([np.uint8(value)] if value < 256 else [])]
    if isinstance(value, float):
        return [np.float64(value)]
    if isinstance(value, str):
        return [np.str_(value)]
    if isinstance(value, tuple):
        return [list(value), tuple(map(np.int32, value)), np.array(value, int)]
    return []


@pytest.mark.parametrize("cls", MODELS.values())
def test_numpy_scalars_are_numbers(cls: Any) -> None:
    plain = outcome(cls, {})
    settings = {
        **{name: p.default for name, p in parameters(cls).items()},
        **TINY[cls.__name__][0],
        "validation_fraction": 0.5,
        "word_dropout": 0.0,
    }
    for name in parameters(cls):
        for twin in numpy_twins(SETTINGS[cls.__name__][name], settings[name]):
            if not allowed(SETTINGS[cls.__name__][name], twin):
                assert name == "char_ngrams", name
                continue
            got = outcome(cls, {name: twin})
            if name not in ("word_dropout",):
                np.testing.assert_array_equal(got, plain, err_msg=name)


def test_settings_whose_default_is_none_take_numpy_scalars() -> None:
    for cls in MODELS.values():
        for name, setting in SETTINGS[cls.__name__].items():
            if name not in parameters(cls) or setting.kind(Nothing) is None:
                continue
            for kind, twin in ((Integer, np.int16(1)), (Number, np.float32(0.5))):
                if setting.kind(kind) is not None and name not in (
                    "vocabulary", "max_vocab", "reject"
                ):  # fmt: skip
                    more = {"embedding_dim": None} if name == "embedding_dim" else {}
                    first, second = (
                        {name: v, **dict.fromkeys(more, v)} for v in (twin.item(), twin)
                    )
                    np.testing.assert_array_equal(outcome(cls, first), outcome(cls, second), name)


@pytest.mark.parametrize("cls", [FFNNClassifier, TextClassifier, LanguageModel])
def test_random_states_of_every_kind(cls: Any) -> None:
    def three(make: Any) -> list[Any]:
        return [outcome(cls, {"random_state": make()}) for _ in range(3)]

    for make in (
        lambda: 5,
        lambda: np.random.RandomState(5),
        lambda: np.random.Generator(np.random.PCG64(5)),
    ):
        first, second, third = three(make)
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)
    first, second, third = three(lambda: None)
    assert (first != second).any() and (second != third).any()


def test_kinds_have_words() -> None:
    for table in SETTINGS.values():
        for name, setting in table.items():
            assert setting.words and setting.values and "\n" not in setting.doc, name
            assert not setting.doc.endswith("."), name
            assert all(isinstance(k, (Is, Nothing)) or k.values for k in setting.kinds)


def test_a_subclass_has_the_settings_of_its_parent() -> None:
    class Mine(TextClassifier):
        def __init__(self, extra: int = 1, epochs: Any = 1) -> None:
            super().__init__(epochs=epochs)
            self.extra = extra

    with pytest.raises(ValueError, match="epochs"):
        Mine(epochs=0).fit(Untouched(), Untouched())


def test_settings_are_checked_again_when_they_change() -> None:
    """What was found right is not looked at again, unless it is another, or can change in place."""
    X, y = np.random.default_rng(0).random((8, 3), np.float32), np.arange(8) % 2
    model = FFNNClassifier(hidden_layer_sizes=[3], epochs=1).partial_fit(X, y).partial_fit(X, y)
    model.hidden_layer_sizes[0] = 0
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        model.partial_fit(X, y)
    model = FFNNClassifier(hidden_layer_sizes=(3,), epochs=1).partial_fit(X, y).partial_fit(X, y)
    model.dropout = 1.5
    with pytest.raises(ValueError, match="dropout"):
        model.partial_fit(X, y)
    model.dropout = 0.0
    model.partial_fit(X, y)

    class Equal(FFNNClassifier):
        def __eq__(self, other: object) -> bool:
            return True

    assert Equal((3,), epochs=1).fit(X, y).partial_fit(X, y).n_iter_ == 2
