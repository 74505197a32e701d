"""Confident learning against its definition, and on labels that were changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyffnn
from pyffnn.auditing.label_errors import confident_errors, unseen_probabilities

GOOD, BAD = "lovely great fine superb".split(), "awful dull poor weak".split()
FILL = "film plot scene cast music story ending hero".split()


def reviews(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    labels = ["good" if i % 2 else "bad" for i in range(n)]
    texts = []
    for i, label in enumerate(labels):
        words = [*rng.choice(FILL, 5), *rng.choice(GOOD if label == "good" else BAD, 3), f"n{i}"]
        texts.append(" ".join(words))
    return texts, labels


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(2, 5))
def test_the_definition(seed: int, n: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, 0.5), n)
    codes = rng.integers(classes, size=n)
    found = confident_errors(p, codes)
    own = [p[i, codes[i]] for i in range(n)]
    assert [own[i] for i in found.order] == sorted(own)
    for i in range(n):
        sure = {}
        for c in range(classes):
            of_class = [p[j, c] for j in range(n) if codes[j] == c]
            if of_class and p[i, c] >= sum(of_class) / len(of_class) * (1 + 1e-12):
                sure[c] = p[i, c]
        other = bool(sure) and max(sure, key=lambda c: sure[c]) != codes[i]
        # sums may be rounded in another order: a class at its own threshold is left open
        if all(abs(p[i, c] - p[codes == c, c].mean()) > 1e-9 for c in set(codes.tolist())):
            assert found.likely[i] == (other and p[i].argmax() != codes[i])
        assert found.suggested[i] == p[i].argmax()


def test_changed_labels_come_first() -> None:
    texts, labels = reviews(300)
    wrong = list(range(0, 300, 20))
    changed = ["good" if i in wrong and y == "bad" else y for i, y in enumerate(labels)]
    found = pyffnn.audit(texts, changed)
    assert set(found.ranking[:24].tolist()) >= set(wrong)
    listed = {error.text: error for error in found.label_errors}
    assert len(set(wrong) & set(listed)) >= 10 and len(listed) < 24
    error = found.label_errors[0]
    assert error.text in wrong and (error.label, error.suggested) == ("good", "bad")
    assert error.probability < 0.2 < 0.8 < error.suggested_probability
    assert found.label_errors[0].text == found.ranking[0]


def test_nobody_vouches_for_a_copy() -> None:
    """Nor do threads change a bit."""
    texts, labels = reviews(100)
    texts = [*texts, "dull poor weak plot", "Dull poor, weak plot!", "dull  poor weak plot"]
    labels = [*labels, *["good"] * 3]
    found = pyffnn.audit(texts, labels, n_threads=1)
    assert {100, 101, 102} <= {error.text for error in found.label_errors}
    again = pyffnn.audit(texts, labels, n_threads=2)
    assert again.to_dict() == found.to_dict()
    np.testing.assert_array_equal(again.ranking, found.ranking)


def test_each_text_is_judged_by_models_of_others() -> None:
    """A label that only one text has gets nothing from models that never saw it."""
    texts, labels = reviews(40)
    codes = np.array([int(label == "good") for label in labels])
    codes[7] = 2
    p = unseen_probabilities(texts, codes, np.arange(40))
    assert p[7, 2] == 0
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-5)
    assert (p[np.arange(40) != 7].argmax(axis=1) == np.delete(codes, 7)).mean() > 0.8


@pytest.mark.parametrize("n", [1, 9])
def test_too_little_to_judge_is_said(n: int) -> None:
    texts, labels = reviews(n)
    found = pyffnn.audit(texts, labels)
    assert not found.label_errors and not found.ranking.size
    assert "label errors were not looked for" in str(found)


def test_rare_classes_are_not_judged() -> None:
    texts, labels = reviews(40)
    found = pyffnn.audit([*texts, "a new kind", "another new kind"], [*labels, "new", "new"])
    assert sorted(found.ranking.tolist()) == list(range(40))
    assert found.rare_classes == [("new", 2)]


def test_label_sets_are_not_judged() -> None:
    texts, labels = reviews(40)
    found = pyffnn.audit(texts, [[label, "film"] for label in labels])
    assert found.classes == {"bad": 20, "film": 40, "good": 20}
    assert not found.ranking.size and found.notes
