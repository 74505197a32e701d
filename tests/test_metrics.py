"""Scores of labels against scikit-learn's, and their errors."""

from __future__ import annotations

import numpy as np
import pytest

from pyffnn.metrics import (
    confusion_matrix,
    expected_calibration_error,
    score_labels,
    score_sets,
)

LABELS = ["a", "b", "c", "d"]


def test_scores_of_labels_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    true, pred = rng.choice(LABELS[:3], 200), rng.choice(LABELS[1:], 200)
    scores = score_labels(true, pred, LABELS)
    assert scores.accuracy == sklearn.accuracy_score(true, pred)
    np.testing.assert_array_equal(
        confusion_matrix(true, pred, LABELS), sklearn.confusion_matrix(true, pred, labels=LABELS)
    )
    for average in (None, "macro", "micro"):
        expected = sklearn.precision_recall_fscore_support(
            true, pred, labels=LABELS, average=average, zero_division=0
        )[:3]
        ours = {
            None: (scores.precision, scores.recall, scores.f1),
            "macro": (scores.macro_precision, scores.macro_recall, scores.macro_f1),
            "micro": (scores.micro_precision, scores.micro_recall, scores.micro_f1),
        }[average]
        for a, b in zip(ours, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_scores_of_sets_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(1)
    true, pred = rng.random((100, 4)) < 0.4, rng.random((100, 4)) < 0.5
    sets = [[[LABELS[j] for j in np.flatnonzero(row)] for row in y] for y in (true, pred)]
    scores = score_sets(*sets, LABELS)
    assert scores.accuracy == sklearn.accuracy_score(true, pred)
    for average, ours in (("macro", scores.macro_f1), ("micro", scores.micro_f1)):
        expected = sklearn.f1_score(true, pred, average=average, zero_division=0)
        np.testing.assert_allclose(ours, expected, rtol=1e-12)
    np.testing.assert_array_equal(scores.support, true.sum(axis=0))


def test_labels_are_sorted_where_none_are_given():
    assert confusion_matrix([2, 1, 1], [2, 2, 1]).tolist() == [[1, 1], [0, 1]]
    assert score_labels([2, 1], [3, 1]).labels == [1, 2, 3]


@pytest.mark.parametrize(
    "call",
    [
        lambda: confusion_matrix(["a"], ["a", "b"]),
        lambda: confusion_matrix(["a"], ["b"], ["a"]),
        lambda: score_labels([], []),
        lambda: score_sets([["a"]], [], ["a"]),
        lambda: score_sets([], [], ["a"]),
        lambda: score_sets([["a"]], [["b"]], ["a"]),
    ],
)
def test_errors(call):
    with pytest.raises(ValueError, match=r"y_true|labels"):
        call()


@pytest.mark.parametrize("labels", [[0, 1], ["a", "b"], [1, 0]])
def test_sets_as_matrices(labels):
    true, pred = (
        np.array([[1, 0], [0, 1], [1, 1], [0, 0]]),
        np.array([[0, 1], [0, 1], [1, 1], [0, 0]]),
    )
    as_sets = [[{labels[j] for j in np.flatnonzero(row)} for row in y] for y in (true, pred)]
    expected = score_sets(*as_sets, labels)
    assert expected.accuracy == 0.75
    forms = [(true, pred), (true.astype(bool), pred.astype(float)), (as_sets[0], pred)]
    try:
        from scipy import sparse
    except ImportError:
        pass
    else:
        forms.append((sparse.csr_matrix(true), sparse.csr_array(pred)))
    for y_true, y_pred in forms:
        found = score_sets(y_true, y_pred, labels)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "wrong", [np.eye(3), np.eye(2) * 2, np.array([["a", "b"]] * 2), ["ab", "a"], [1, 2]]
)
def test_what_are_no_sets(wrong):
    with pytest.raises(ValueError, match="y_pred"):
        score_sets(np.eye(2), wrong, ["a", "b"])


def test_labels_of_other_forms():
    strings = np.array(LABELS, np.dtypes.StringDType())
    assert score_labels(strings[:, None], LABELS).accuracy == 1
    with pytest.raises(
        ValueError, match=r"y_true must hold one label an example, got shape \(2, 2\)"
    ):
        confusion_matrix(np.eye(2), [0, 1])
    with pytest.raises(ValueError, match="labels must hold"):
        confusion_matrix([1, "b"], [1, 1], [1])


def _ece_by_loop(codes, p, bins):
    total = 0.0
    for b in range(bins):
        inside = [i for i in range(len(p)) if b / bins < max(p[i]) <= (b + 1) / bins]
        if inside:
            right = sum(int(np.argmax(p[i]) == codes[i]) for i in inside) / len(inside)
            sure = sum(max(p[i]) for i in inside) / len(inside)
            total += len(inside) / len(p) * abs(right - sure)
    return total


@pytest.mark.parametrize("bins", [1, 10, 15])
@pytest.mark.parametrize("classes", [2, 5])
def test_calibration_error_against_a_loop(bins, classes):
    rng = np.random.default_rng(bins + classes)
    p = rng.dirichlet(np.ones(classes), size=500)
    codes = rng.integers(classes, size=500)
    names = np.array([f"c{i}" for i in range(classes)])
    wanted = _ece_by_loop(codes, p, bins)
    assert expected_calibration_error(codes, p, bins) == pytest.approx(wanted)
    assert expected_calibration_error(names[codes], p, bins=bins) == pytest.approx(wanted)
    back = names[::-1]
    assert expected_calibration_error(back[codes], p, bins, labels=back) == pytest.approx(wanted)
    if classes == 2:
        assert expected_calibration_error(codes, p[:, 1], bins) == pytest.approx(wanted)


def test_calibration_error_of_clear_cases():
    assert expected_calibration_error([0, 1], [[1, 0], [0, 1]]) == 0
    assert expected_calibration_error([1, 0], [[1, 0], [0, 1]]) == 1
    assert expected_calibration_error([1, 1, 1, 0], [0.75] * 4) == pytest.approx(0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0, 1], [[0.5, 0.5]]), "p must have a row for each label of y"),
        (([], []), "at least one"),
        (([0], [[0.5, np.nan]]), "p must be probabilities"),
        (([0], [[1.5, -0.5]]), "p must be probabilities"),
        (([0], [[0.5, 0.5]], 0), "bins must be an integer of at least 1, got 0"),
        (([0], [[0.5, 0.5]], True), "bins must be"),
        ((["a"], [[0.5, 0.5]]), "y has the label 'a', for which p has no column"),
        (([[0, 1]], [[0.5, 0.5]]), "y must hold one label an example"),
    ],
)
def test_calibration_error_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(*arguments)


def test_calibration_error_refuses_other_columns():
    with pytest.raises(ValueError, match="labels must be 2 different ones"):
        expected_calibration_error([0], [[0.5, 0.5]], labels=[0])
