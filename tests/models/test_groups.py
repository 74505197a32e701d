"""Examples that belong together are held out together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn import FFNNClassifier, FFNNRegressor, TextClassifier, TextRegressor
from pyffnn.metrics import expected_calibration_error
from pyffnn.training import check_groups, group_parts, split

MODELS = [FFNNClassifier, FFNNRegressor, TextClassifier, TextRegressor]


def documents(count, pieces, seed):
    """Pieces of documents of three genres: words of all, a few of the genre, and names of the document's own."""
    rng = np.random.default_rng(seed)
    texts, labels, of = [], [], []
    for d in range(count):
        genre = d % 3
        for _ in range(pieces):
            common = [f"w{i}" for i in rng.integers(0, 300, 20)]
            mine = [f"g{genre}x{i}" for i in rng.integers(0, 12, 1)]
            other = [f"g{rng.integers(3)}x{rng.integers(12)}" for _ in range(1)]
            own = [f"name{seed}x{d}x{i}" for i in rng.integers(0, 6, 4)]
            texts.append(" ".join([*common, *mine, *other, *own]))
            labels.append(genre)
            of.append(f"document {d}")
    order = rng.permutation(len(texts))
    return [texts[i] for i in order], np.array(labels)[order], np.array(of)[order]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_groups_stay_whole(data):
    n = data.draw(st.integers(2, 60))
    groups = np.array(data.draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)))
    strata = data.draw(st.sampled_from([None, groups % 3]))
    rng = np.random.default_rng(n)
    parts = data.draw(st.integers(1, 5))
    part = group_parts(groups, strata, parts, rng)
    whole = {g: set(part[groups == g].tolist()) for g in groups.tolist()}
    assert all(len(found) == 1 for found in whole.values())
    assert part.min() >= 0 and part.max() < parts
    counts = np.bincount([min(found) for found in whole.values()], minlength=parts)
    assert counts.max() - counts.min() <= 1
    fraction = data.draw(st.floats(0.05, 0.9))
    if np.unique(groups).size == 1:
        with pytest.raises(ValueError, match="leaves none"):
            split(strata, n, fraction, 0, None, groups)
        return
    train, held = split(strata, n, fraction, 0, None, groups)
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held])), np.arange(n))
    assert not set(groups[train]) & set(groups[held])


def test_about_the_fraction_is_held_out_of_each_class():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 200, 4000)
    strata = groups % 4
    _, held = split(strata, 4000, 0.2, 0, None, groups)
    assert abs(held.size / 4000 - 0.2) < 0.02
    np.testing.assert_allclose(np.bincount(strata[held]) / held.size, 0.25, atol=0.05)


def test_probabilities_hold_for_documents_that_were_not_seen():
    """Pieces of a document on both sides of a calibration say that the model is as sure of new ones."""
    texts, labels, of = documents(60, 6, 0)
    more, truth, _ = documents(60, 6, 1)
    error = {}
    for name, groups in (("apart", None), ("together", of)):
        model = TextClassifier(calibrate=True, char_ngrams=None, random_state=0)
        model.fit(texts, labels, groups=groups)
        error[name] = expected_calibration_error(truth, model.predict_proba(more))
    assert error["together"] < 0.1 < 0.2 < error["apart"], error


def test_candidates_are_judged_on_other_documents():
    texts, labels, of = documents(45, 8, 0)
    best = [
        max(
            t["accuracy"]
            for t in TextClassifier(char_ngrams=None).fit(texts, labels, groups=g).recipe_["tried"]
        )
        for g in (None, of)
    ]
    assert best[0] > 0.9 and best[1] < 0.75, best


@pytest.mark.parametrize("kind", MODELS[:2])
def test_early_stopping_looks_at_other_groups(kind):
    """Features that name the group alone: those of a group that was not seen say nothing."""
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(40), 5))
    X, y = np.eye(40)[groups], rng.permutation(40)[groups] % 2
    loss = []
    for g in (None, groups):
        model = kind((), epochs=60, early_stopping=60, validation_fraction=0.25, batch_size=16)
        model.fit(X, y, groups=g)
        loss.append(model.history_[-1]["val_loss"])
    assert loss[0] < 0.75 * loss[1], loss


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([0, 1], ValueError, r"groups must have a value for each of 6 examples, got \(2,\)"),
        (
            [[0, 1]] * 6,
            ValueError,
            r"groups must have a value for each of 6 examples, got \(6, 2\)",
        ),
        (["a"] * 6, ValueError, "groups must have at least 2 different values, got 1"),
        ([0, 1, 2, 3, 4, np.nan], ValueError, "groups must not have NaN"),
        ([0, "a", None, 3, 4, 5], TypeError, "groups must be values of one kind"),
    ],
)
def test_wrong_groups(kind, groups, error, message):
    X = ["a b", "c", "d e", "f", "g h", "i"] if "Text" in kind.__name__ else np.eye(6)
    if not isinstance(groups[1], int):
        groups = np.array(groups, object) if None in groups else np.array(groups)
    with pytest.raises(error, match=message):
        kind(epochs=1).fit(X, [0, 1, 0, 1, 0, 1], groups=groups)


def test_codes_of_groups():
    assert check_groups(None, 3) is None
    np.testing.assert_array_equal(check_groups(["b", "a", "b"], 3), [1, 0, 1])


def test_a_run_goes_on_with_its_own_groups_alone(tmp_path):
    X, y, groups = np.eye(6), [0, 1, 0, 1, 0, 1], [0, 0, 1, 1, 2, 2]
    file = tmp_path / "run"
    model = FFNNClassifier((4,), epochs=2, random_state=0)
    model.fit(X, y, groups=groups, checkpoint=file)
    model.fit(X, y, groups=groups, resume=file)
    with pytest.raises(ValueError, match="data"):
        model.fit(X, y, resume=file)
