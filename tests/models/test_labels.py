"""Labels in every form that users have them in: what they become, what is refused, and what a score counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNClassifier, TextClassifier
from pyffnn.models.blocks import blocks, likely_sets, top_classes
from pyffnn.models.label_sets import is_matrix, matrix_targets, set_targets
from pyffnn.models.labels import (
    Targets,
    class_weights,
    encode,
    find_classes,
    given_classes,
    to_labels,
)

TEXTS = ["good film", "bad film", "good plot", "bad plot"] * 10
NAMES = ["pos", "neg", "pos", "neg"] * 10
MATRIX = np.tile([[1, 0, 1], [0, 1, 0]], (20, 1))


def forms_of_strings() -> dict[str, Any]:
    forms: dict[str, Any] = {
        "list": NAMES,
        "tuple": tuple(NAMES),
        "str": np.array(NAMES),
        "object": np.array(NAMES, object),
        "StringDType": np.array(NAMES, np.dtypes.StringDType()),
        "StringDType with NA": np.array(NAMES, np.dtypes.StringDType(na_object=np.nan)),
        "generator": (name for name in NAMES),
    }
    try:
        import pandas as pd
    except ImportError:
        return forms
    column = pd.Series(NAMES)
    for dtype in ("object", "string", "category", "string[pyarrow]"):
        try:
            forms[f"pandas {dtype}"] = column.astype(dtype)
        except ImportError:
            continue
    return forms | {
        "pandas Index": pd.Index(NAMES),
        "pandas shuffled": column.iloc[::-1].iloc[::-1],
    }


@pytest.mark.parametrize("form", forms_of_strings())
def test_strings_of_every_form(form: str) -> None:
    labels = to_labels(forms_of_strings()[form], "model")
    assert labels.tolist() == NAMES and labels.dtype.kind == "U"
    classes, codes = find_classes(labels)
    assert classes.tolist() == ["neg", "pos"] and codes[:4].tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("form", ["StringDType", "pandas category", "pandas string", "object"])
def test_models_take_them_and_files_keep_them(form: str, tmp_path: Any) -> None:
    forms = forms_of_strings()
    if form not in forms:
        pytest.skip("pandas is not installed")
    y = forms[form]
    plain = TextClassifier(epochs=5).fit(TEXTS, NAMES)
    model = TextClassifier(epochs=5).fit(TEXTS, y)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    assert model.predict(TEXTS).tolist() == plain.predict(TEXTS).tolist()
    assert model.score(TEXTS, y) == plain.score(TEXTS, NAMES) == 1
    model.partial_fit(TEXTS, y, classes=y).save(tmp_path / "m")
    assert TextClassifier.load(tmp_path / "m").classes_.tolist() == ["neg", "pos"]


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "Float64", "category", "int64[pyarrow]"])
def test_nullable_columns_of_pandas(dtype: str, tmp_path: Any) -> None:
    pd = pytest.importorskip("pandas")
    try:
        y = pd.Series([1, 0] * 20, dtype=dtype)
    except ImportError:
        pytest.skip("pyarrow is not installed")
    model = FFNNClassifier((), epochs=3).fit([[1.0], [0.0]] * 20, y)
    assert model.classes_.dtype.kind in "bif" and model.classes_.tolist() == [0, 1]
    assert model.score([[1.0], [0.0]] * 20, y) == model.score([[1.0], [0.0]] * 20, [1, 0] * 20)
    model.save(tmp_path / "m")
    missing = pd.Series([1, 0, None] * 20, dtype=dtype)
    for call in (model.fit, model.partial_fit, model.score):
        with pytest.raises(ValueError, match="Input y contains NaN"):
            call([[1.0], [0.0], [0.5]] * 20, missing)


@pytest.mark.parametrize("missing", [None, float("nan"), np.datetime64("NaT", "D"), "pandas.NA"])
def test_missing_labels_are_refused(missing: Any) -> None:
    if missing == "pandas.NA":
        missing = pytest.importorskip("pandas").NA
    for y in (["a", "b", missing], np.array(["a", "b", missing], object), [1, 0, missing]):
        with pytest.raises(ValueError, match="Input y contains NaN"):
            to_labels(y, "model")
    with pytest.raises(ValueError, match="NaN"):
        set_targets([["a"], ["b", missing]])
    strings = np.array(["a", "b"], np.dtypes.StringDType(na_object=None))
    strings[0] = None
    with pytest.raises(ValueError, match="NaN"):
        to_labels(strings, "model")


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        ([1, 2, 1], "i"), ([True, False], "b"), ([1.0, 2.0], "f"), (np.array([3, 1], object), "i"),
        (np.array([True, False], object), "b"), (np.array([1.0, 2.0], object), "f"), ([b"a", b"b"], "S"),
        (np.array([2**70, 1], object), "O"), ([(1, 2), "a"], "O"),
    ],
)  # fmt: skip
def test_kinds_of_labels(y: Any, kind: str) -> None:
    labels = to_labels(y, "model")
    assert labels.dtype.kind == kind and labels.tolist() == list(y)


@pytest.mark.parametrize(
    "y", [3, "ab", b"ab", {"a": 1}, [[1, 2], [3]], [["a"], ["b", "c"]], np.zeros((2, 2, 2)), 1.5]
)
def test_what_are_no_labels(y: Any) -> None:
    with pytest.raises(ValueError, match=r"\by\b"):
        FFNNClassifier((), epochs=1).fit([[0.0], [1.0]], y)


# scores -----------------------------------------------------------------------------------------

X = [[0.0], [1.0]] * 20
Y = np.array(["a", "b"] * 20)


@pytest.fixture(scope="module")
def forward() -> FFNNClassifier:
    return FFNNClassifier((), epochs=50).fit(X, Y)


@pytest.fixture(scope="module")
def of_text() -> TextClassifier:
    return TextClassifier(epochs=5).fit(TEXTS, NAMES)


@pytest.mark.filterwarnings("error")
def test_a_column_is_scored_as_its_labels(forward: Any, of_text: Any) -> None:
    assert forward.score(X, Y[:, None]) == forward.score(X, Y) == 1
    assert forward.score(X, Y.tolist()) == forward.score(X, Y.astype(object)) == 1
    assert of_text.score(TEXTS, np.array(NAMES)[:, None]) == 1


@pytest.mark.parametrize(
    "y", [None, ["a"], [0, 1] * 20, ["a", None] * 20, Y[:, None, None], [b"a", b"b"] * 20, "ab" * 20, [["a", "b"]] * 40]
)  # fmt: skip
def test_labels_that_cannot_be_compared_have_no_score(forward: Any, of_text: Any, y: Any) -> None:
    with pytest.raises(ValueError, match="y"):
        forward.score(X, y)
    with pytest.raises(ValueError, match="y"):
        of_text.score(TEXTS, y)


def test_labels_that_training_has_not_met_are_wrong(
    forward: Any, of_text: Any, tmp_path: Any
) -> None:
    assert forward.score([*X, [0.5]], [*Y, "new"]) == pytest.approx(40 / 41)
    assert forward.score(X, ["c"] * 40) == 0
    assert forward.score([*X, [0.5]], [*Y, "new"], sample_weight=[1] * 40 + [40]) == 0.5
    assert of_text.score([*TEXTS, "x"], [*NAMES, "new"]) == pytest.approx(40 / 41)
    numbers = FFNNClassifier((), epochs=50).fit(X, [0, 1] * 20)
    assert numbers.score([*X, [2.0]], [*[0, 1] * 20, 7]) == pytest.approx(40 / 41)
    assert numbers.score(X, [False, True] * 20) == numbers.score(X, [0.0, 1.0] * 20) == 1
    path = tmp_path / "f"
    path.write_text("__label__pos good film\n__label__new bad film\n")
    assert of_text.score(path) == 0.5
    # training and validation go on to refuse them
    with pytest.raises(ValueError, match="y_val contains labels that are not in classes: 'new'"):
        FFNNClassifier((), epochs=1).fit(X, Y, X_val=X[:1], y_val=["new"])


def test_several_labels_are_scored_by_whole_sets() -> None:
    sets = [["a", "b"], ["c"], []] * 10
    texts = ["one two", "three", "four"] * 10
    model = TextClassifier(multilabel=True, epochs=100, learning_rate=0.5).fit(texts, sets)
    assert model.predict(texts[:3]) == [("a", "b"), ("c",), ()]
    assert model.score(texts, sets) == 1
    assert model.score(texts, [{"b", "a"}, ("c", "c"), ()] * 10) == 1
    assert model.score(texts, [["a", "b", "new"], ["c"], []] * 10) == pytest.approx(2 / 3)
    assert model.score(texts, [["a"], ["c"], []] * 10) == pytest.approx(2 / 3)
    matrix = np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0]] * 10)
    assert model.score(texts, matrix) == 1
    for wrong in (None, sets[:5], [[1], [2], []] * 10, ["a"] * 30, matrix[:, :2], matrix * 2):
        with pytest.raises(ValueError, match="y"):
            model.score(texts, wrong)


def test_one_label_and_several_are_not_mixed_up() -> None:
    matrix = FFNNClassifier((), epochs=2).fit(X, np.tile([[1, 0], [0, 1]], (20, 1)))
    single = FFNNClassifier((), epochs=2).fit(X, [0, 1] * 20)
    for call in (matrix.score, matrix.partial_fit):
        with pytest.raises(ValueError, match="y must be a matrix of zeros and ones, as in fit"):
            call(X, [0, 1] * 20)
    for call in (single.score, single.partial_fit):
        with pytest.raises(ValueError, match="y must be one label an example, as in fit"):
            call(X, np.tile([[1, 0], [0, 1]], (20, 1)))


# several labels an example ----------------------------------------------------------------------


def matrices() -> dict[str, Any]:
    forms: dict[str, Any] = {
        "int": MATRIX,
        "bool": MATRIX.astype(bool),
        "float": MATRIX.astype(np.float64),
        "lists": MATRIX.tolist(),
        "tuples": [tuple(row) for row in MATRIX.tolist()],
        "arrays": list(MATRIX),
        "Fortran": np.asfortranarray(MATRIX),
    }
    try:
        from scipy import sparse
    except ImportError:
        pass
    else:
        for form in ("csr", "csc", "coo", "lil", "dok"):
            forms[f"{form}_matrix"] = getattr(sparse, f"{form}_matrix")(MATRIX)
        forms["csr_array of bool"] = sparse.csr_array(MATRIX.astype(bool))
        zeros = sparse.csr_matrix(np.ones(MATRIX.shape))
        zeros.data[:] = MATRIX.ravel()
        forms["stored zeros"] = zeros
    try:
        import pandas as pd
    except ImportError:
        return forms
    forms["DataFrame"] = pd.DataFrame(MATRIX, columns=["a", "b", "c"])
    forms["nullable DataFrame"] = pd.DataFrame(MATRIX).astype("Int64")
    return forms


@pytest.mark.parametrize("form", matrices())
def test_matrices_of_every_form(form: str) -> None:
    y = matrices()[form]
    assert is_matrix(y)
    np.testing.assert_array_equal(matrix_targets(y).matrix(), MATRIX)
    settings = {"multilabel": True, "epochs": 3}
    model = TextClassifier(**settings).fit(TEXTS, y)
    plain = TextClassifier(**settings).fit(TEXTS, MATRIX)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), plain.predict_proba(TEXTS))
    np.testing.assert_array_equal(model.predict(TEXTS), plain.predict(TEXTS))
    assert model.score(TEXTS, y) == plain.score(TEXTS, MATRIX)
    model.partial_fit(TEXTS, y)
    forward = FFNNClassifier((), epochs=3).fit(X, y)
    np.testing.assert_array_equal(
        forward.predict_proba(X), FFNNClassifier((), epochs=3).fit(X, MATRIX).predict_proba(X)
    )
    assert forward.score(X, y) == forward.score(X, MATRIX)


def test_what_are_no_matrices() -> None:
    for y in (
        [["a"], ["b"]],
        [[0], [1]],
        [[1, 0], [1]],
        [[1, 2], [3, 4]],
        [{0, 1}],
        [],
        ["ab"],
        np.zeros(3),
        [[1, 0], "ab"],
    ):
        assert not is_matrix(y), y
    sparse = pytest.importorskip("scipy.sparse")
    for wrong in (
        MATRIX * 2,
        MATRIX * 0.5,
        MATRIX.astype(str),
        np.where(MATRIX, np.nan, 0),
        MATRIX - 1,
    ):
        with pytest.raises(ValueError, match="y must be a matrix of zeros and ones"):
            matrix_targets(wrong)
    with pytest.raises(ValueError, match="y must be a matrix of zeros and ones"):
        matrix_targets(sparse.csr_matrix(MATRIX * 2))
    pd = pytest.importorskip("pandas")
    holes = pd.DataFrame(MATRIX).astype("Int64")
    holes.iloc[0, 0] = pd.NA
    with pytest.raises(ValueError, match="y must be a matrix of zeros and ones"):
        matrix_targets(holes)


def test_dicts_of_label_and_truth() -> None:
    y = [{"POS": 1, "NEG": 0, "RARE": 0}, {"POS": False, "NEG": True}] * 20
    model = TextClassifier(multilabel=True, epochs=50).fit(TEXTS, y)
    assert model.classes_.tolist() == ["NEG", "POS", "RARE"]
    assert model.predict(TEXTS[:2]) == [("POS",), ("NEG",)]
    assert model.score(TEXTS, y) == 1
    lists = [["POS"], ["NEG"]] * 20
    model.partial_fit(TEXTS, lists, classes=["POS", "NEG", "RARE"])
    for truth in (0.7, "yes", None, 2, float("nan")):
        with pytest.raises(ValueError, match=r"y\[1\] must say 0 or 1 of each label, got 'NEG'"):
            TextClassifier(multilabel=True).fit(TEXTS, [{"POS": 1}, {"NEG": truth}] * 20)


def test_lists_of_labels_that_are_zeros_and_ones() -> None:
    """Predictions of a model of lists are lists, and stay so where its labels are 0 and 1."""
    y = [[0, 1], [1], [0], [2]] * 10
    model = TextClassifier(multilabel=True, epochs=60, learning_rate=0.5).fit(TEXTS, y)
    assert model.score(TEXTS[:1] * 2, [[0, 1], [1, 0]]) in (0.0, 1.0)
    assert model.score(["good film"] * 2, [[0, 1], [0, 1]]) == model.score(["good film"], [[1, 0]])


def test_lists_of_arrow() -> None:
    pa = pytest.importorskip("pyarrow")
    lists = [["pos"], ["neg", "pos"], [], ["neg"]]
    for column in (
        pa.array(lists),
        pa.chunked_array([lists[:1], lists[1:]]),
        pa.array(lists, pa.large_list(pa.string())),
    ):
        found = set_targets(column)
        assert found.classes.tolist() == ["neg", "pos"]
        assert [row.tolist() for row in found.rows()] == [[1], [0, 1], [], [0]]
    with pytest.raises(ValueError, match=r"y\[1\] must be a list of labels, got None"):
        set_targets(pa.array([["a"], None]))


def test_sets_are_kept_sparse() -> None:
    """Memory in proportion to the labels given, not to examples times labels."""
    import tracemalloc

    n, k = 20_000, 20_000
    y = [[f"t{i}", f"t{7 * i % k}"] for i in range(n)]
    tracemalloc.start()
    targets = set_targets(y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6  # a matrix of float32 would be 1.6 GB
    assert targets.size == n and targets.classes.size == k
    assert targets.indices is not None and targets.indices.dtype == np.int32
    assert targets.indptr is not None and targets.indptr.dtype == np.int64
    names = targets.classes[targets.indices]
    assert set(names[targets.indptr[5] : targets.indptr[6]]) == {"t5", "t35"}


def test_sets_against_a_matrix() -> None:
    rng = np.random.default_rng(0)
    dense = rng.random((50, 7)) < 0.3
    lists = [np.flatnonzero(row).tolist() * 2 for row in dense]  # twice the same label
    targets = set_targets(lists, np.arange(7))
    np.testing.assert_array_equal(targets.matrix(), dense)
    order = rng.permutation(50)[:20]
    np.testing.assert_array_equal(targets.take(order).matrix(), dense[order])
    other = dense.copy()
    other[::3, 2] ^= True
    np.testing.assert_array_equal(targets.same(matrix_targets(other)), (dense == other).all(axis=1))
    assert matrix_targets(dense[:0]).size == 0


# weights ----------------------------------------------------------------------------------------


def test_weights_of_classes() -> None:
    classes = np.array(["a", "b", "c"])
    codes = np.array([0, 0, 0, 1])
    one_each = Targets(classes, codes)
    balanced = class_weights("balanced", one_each)
    assert balanced is not None
    np.testing.assert_allclose(balanced, [4 / (2 * 3), 4 / 2, 0])
    sets = set_targets([["a", "b"], ["a"], ["a"], []], classes)
    for targets in (one_each, sets):
        np.testing.assert_array_equal(class_weights({"b": 3, "c": 0.0}, targets), [1, 3, 0])
        assert class_weights(None, targets) is None
        for wrong in ("even", {"d": 1.0}, {"a": -1}, {"a": np.inf}, [1, 2, 3]):
            with pytest.raises(ValueError, match="class_weight"):
                class_weights(wrong, targets)  # type: ignore[arg-type]
    np.testing.assert_allclose(class_weights("balanced", sets), [4 / (2 * 3), 4 / 2, 0])


def test_given_classes_are_taken_as_labels_are() -> None:
    for given in (["b", "a"], np.array(["a", "b", "a"]), np.array(["a", "b"], object)):
        assert given_classes(given, "model").tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="NaN"):
        given_classes(["a", None], "model")
    with pytest.raises(ValueError, match="labels that are not in classes: 'c'"):
        encode(np.array(["a", "c"]), np.array(["a", "b"]))


# blocks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 7, 100])
def test_blocks_give_what_the_whole_gives(monkeypatch: Any, size: int) -> None:
    p = np.random.default_rng(0).random((size, 9)).astype(np.float32)
    asked: list[int] = []

    def predict(order: Any) -> Any:
        asked.append(size if order is None else len(order))
        return p if order is None else p[order]

    for limit in (4 * 9, 4 * 9 * 10, 1, 1 << 20):
        monkeypatch.setattr("pyffnn.models.blocks._BYTES", limit)
        assert np.array_equal(np.concatenate([np.zeros(0, int), *blocks(size, 9)]), np.arange(size))
        asked.clear()
        np.testing.assert_array_equal(top_classes(predict, size, 9), p.argmax(axis=1))
        assert all(n * 4 * 9 <= limit or n == 1 for n in asked)
        found = likely_sets(predict, size, np.arange(9))
        np.testing.assert_array_equal(found.matrix(), p > 0.5)


def test_predictions_are_made_in_blocks(monkeypatch: Any) -> None:
    y = [f"c{i % 7}" for i in range(70)]
    texts = [f"w{i % 7} x" for i in range(70)]
    sets = [[f"c{i % 7}", f"d{i % 3}"] for i in range(70)]
    features = np.random.default_rng(0).normal(size=(70, 4))
    models = [
        (TextClassifier(epochs=3).fit(texts, y), texts, y),
        (TextClassifier(epochs=30, multilabel=True).fit(texts, sets), texts, sets),
        (FFNNClassifier((5,), epochs=3).fit(features, y), features, y),
        (FFNNClassifier((5,), epochs=3).fit(features, np.arange(70) % 2), features, np.arange(70) % 2),
    ]  # fmt: skip
    for model, data, labels in models:
        predicted, score = model.predict(data), model.score(data, labels)
        with monkeypatch.context() as patch:
            patch.setattr("pyffnn.models.blocks._BYTES", 4 * model.classes_.size * 3)
            assert len(list(blocks(70, model.classes_.size))) == 24
            assert list(model.predict(data)) == list(predicted)
            assert model.score(data, labels) == score


# texts ------------------------------------------------------------------------------------------


def test_what_is_no_list_of_texts(of_text: Any) -> None:
    wrong: list[Any] = [
        {"a": 1},
        {"good film"},
        frozenset(["x"]),
        np.array([["a"], ["b"]]),
        np.array("x"),
    ]
    try:
        import pandas as pd
    except ImportError:
        pass
    else:
        wrong.append(pd.DataFrame({"text": TEXTS}))
    try:
        import pyarrow as pa
    except ImportError:
        pass
    else:
        wrong.append(pa.table({"text": TEXTS}))
    for X in wrong:
        for call in (
            of_text.predict, of_text.predict_proba, lambda X: of_text.score(X, NAMES),
            lambda X: TextClassifier().fit(X, NAMES), lambda X: of_text.partial_fit(X, NAMES),
        ):  # fmt: skip
            with pytest.raises(
                (TypeError, ValueError), match="X must be a list or a column of texts"
            ):
                call(X)
        with pytest.raises(
            (TypeError, ValueError), match="X_val must be a list or a column of texts"
        ):
            TextClassifier().fit(TEXTS, NAMES, X_val=X, y_val=NAMES)


def test_columns_of_texts(of_text: Any) -> None:
    p = of_text.predict_proba(TEXTS)
    columns: list[Any] = [
        tuple(TEXTS), np.array(TEXTS), np.array(TEXTS, object), np.array(TEXTS, np.dtypes.StringDType()),
        iter(TEXTS), dict.fromkeys(range(40)).keys() and (t for t in TEXTS),
    ]  # fmt: skip
    try:
        import pandas as pd
    except ImportError:
        pass
    else:
        columns += [pd.Series(TEXTS), pd.Series(TEXTS, dtype="string")]
    try:
        import pyarrow as pa
    except ImportError:
        pass
    else:
        columns += [pa.array(TEXTS), pa.chunked_array([TEXTS[:3], TEXTS[3:]])]
    for column in columns:
        np.testing.assert_array_equal(of_text.predict_proba(column), p)
