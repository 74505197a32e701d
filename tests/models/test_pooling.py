"""Poolings and windows of text models against NumPy float64, from raw text on."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn import TextClassifier, TextRegressor

WORDS = ["good", "bad", "film", "plot", "the", "a", "cast", "dull"]
RNG = np.random.default_rng(0)
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(1, 14))) for _ in range(200)]
LABELS = [int(t.split().count("good") > t.split().count("bad")) for t in TEXTS]
ALL = ("mean", "sqrtn", "sum", "max", "min")


def features(model: Any, words: list[str]) -> list[np.ndarray[Any, Any]]:
    """Rows of a part of a text: those of its words and of its pairs of words that are known."""
    table = model._state().network.parameters()["embedding"].astype(np.float64)
    featurizer = model._state().features
    row_of = dict(zip(*featurizer.words(), strict=True))
    rows = [table[row_of[w]] for w in words if w in row_of]
    if model.word_ngrams == 2:
        for pair in itertools.pairwise(words):
            # the pair alone has one row beside those of its words
            ids = featurizer.encode([" ".join(pair)]).bags().ids
            rows += [table[i] for i in ids if i not in row_of.values()]
    return rows


def pooled(rows: Any, pooling: Any, dim: int) -> np.ndarray[Any, Any]:
    names = (pooling,) if isinstance(pooling, str) else pooling
    if not len(rows):
        return np.zeros(dim * len(names))
    x = np.array(rows)
    how = {
        "mean": x.mean(0), "sum": x.sum(0), "sqrtn": x.sum(0) / np.sqrt(len(x)), "max": x.max(0), "min": x.min(0),
    }  # fmt: skip
    return np.concatenate([how[name] for name in names])


def probabilities(model: Any, text: str) -> np.ndarray[Any, Any]:
    p = {k: v.astype(np.float64) for k, v in model._state().network.parameters().items()}
    words, n = text.split(), model.windows
    dim = p["embedding"].shape[1]
    if n is None:
        rows = features(model, words)
    else:
        windows = [features(model, words[i : i + n]) for i in range(0, len(words), n)]
        rows = [np.mean(w, axis=0) for w in windows if w]
    z = pooled(rows, model.pooling, dim) @ p["output.weight"] + p["output.bias"]
    return np.asarray(np.exp(z) / np.exp(z).sum())


@pytest.mark.parametrize("windows", [None, 1, 3, 1000])
@pytest.mark.parametrize("pooling", ["max", "min", "mean", ("mean", "max", "min"), ALL], ids=str)
def test_against_numpy(pooling: Any, windows: Any, tmp_path: Any) -> None:
    model = TextClassifier(
        pooling=pooling, windows=windows, word_ngrams=2, epochs=3, embedding_dim=5
    )
    model.fit(TEXTS, LABELS)
    probe = [
        *TEXTS[:20],
        "",
        "unknown words alone",
        "good unknown1 unknown2 unknown3 unknown4 bad bad",
    ]
    want = np.array([probabilities(model, text) for text in probe])
    got = model.predict_proba(probe)
    np.testing.assert_allclose(got, want, atol=1e-6)
    # one at a time, and after a file
    np.testing.assert_array_equal(np.concatenate([model.predict_proba([t]) for t in probe]), got)
    model.save(tmp_path / "m")
    again = TextClassifier.load(tmp_path / "m")
    assert again.pooling == pooling and again.windows == windows
    np.testing.assert_array_equal(again.predict_proba(probe), got)
    again.partial_fit(["entirely new words", "good"], [0, 1])
    np.testing.assert_allclose(
        again.predict_proba(probe), [probabilities(again, text) for text in probe], atol=1e-6
    )


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from([*WORDS, "zzz"]), max_size=12),
    st.integers(1, 5),
    st.permutations(ALL).flatmap(lambda p: st.integers(1, 5).map(lambda k: tuple(p[:k]))),
)
def test_any_text(words: list[str], windows: int, pooling: Any) -> None:
    model = TextClassifier(pooling=pooling, windows=windows, epochs=1, embedding_dim=3)
    model.fit(TEXTS[:20], LABELS[:20])
    text = " ".join(words)
    np.testing.assert_allclose(
        model.predict_proba([text])[0], probabilities(model, text), atol=1e-6
    )


def test_one_in_a_tuple_is_that_one() -> None:
    a, b = (TextClassifier(pooling=p, epochs=2).fit(TEXTS, LABELS) for p in ("max", ("max",)))
    np.testing.assert_array_equal(a.predict_proba(TEXTS), b.predict_proba(TEXTS))
    assert b.get_params()["pooling"] == ("max",)


def test_hashed_ngrams_lie_within_a_window_too() -> None:
    common = {"word_ngrams": 2, "epochs": 2, "ngram_min_count": 1, "pooling": ("max", "min")}
    model = TextClassifier(windows=2, buckets=1000, **common).fit(TEXTS, LABELS)
    # windows of two words: whatever order the windows have, the extremes are the same
    a, b = model.predict_proba(["good film bad plot", "bad plot good film"])
    np.testing.assert_array_equal(a, b)
    a, b = model.predict_proba(["good film bad plot", "film bad plot good"])
    assert (a != b).any()


def test_the_same_bits_at_any_number_of_threads() -> None:
    def fit(n: int) -> Any:
        model = TextClassifier(
            pooling=("mean", "max", "min"), windows=3, word_dropout=0.1, n_threads=n, epochs=2,
            embedding_dim=40, hidden_layer_sizes=(30,),
        )  # fmt: skip
        return model.fit(TEXTS * 10, LABELS * 10).predict_proba(TEXTS)

    one = fit(1)
    for n in (2, 5):
        np.testing.assert_array_equal(fit(n), one)


def test_extremes_find_one_word_among_many() -> None:
    """Whether a rare word is anywhere in a long text: with a maximum beside it, a mean no longer drowns it."""
    rng = np.random.default_rng(3)
    many = [f"w{i}" for i in range(50)]
    texts = [" ".join([*rng.choice(many, 150), *(["needle"] * (i % 2))]) for i in range(600)]
    labels = [i % 2 for i in range(600)]

    def score(pooling: Any) -> float:
        model = TextClassifier(pooling=pooling, epochs=20, char_ngrams=None)
        return model.fit(texts[:400], labels[:400]).score(texts[400:], labels[400:])

    scores = score("mean"), score(("mean", "max"))
    assert scores[0] < 0.8 and scores[1] > 0.95, scores


@pytest.mark.parametrize("windows", [None, 3])
@pytest.mark.parametrize("hidden", [(), (6,)])
def test_shares_of_words_add_up_to_the_logit(windows: Any, hidden: Any) -> None:
    model = TextClassifier(
        pooling=("mean", "max", "min"), windows=windows, word_ngrams=2, epochs=3,
        hidden_layer_sizes=hidden,
    ).fit(TEXTS, LABELS)  # fmt: skip
    for text in TEXTS[:5]:
        found = model.explain(text)
        total = found.shares.sum(axis=0) + found.bias
        np.testing.assert_allclose(total, found.logits, atol=1e-4)
        p = np.exp(found.logits) / np.exp(found.logits).sum()
        np.testing.assert_allclose(p, model.predict_proba([text])[0], atol=1e-5)


def test_regressor_of_windows() -> None:
    values = [t.split().count("good") / len(t.split()) for t in TEXTS]
    model = TextRegressor(pooling=("mean", "max"), windows=4, epochs=30).fit(TEXTS, values)
    assert model.score(TEXTS, values) > 0.8


@pytest.mark.parametrize("bad", [0, -3, 2.5, "4", True, (2, 3)])
def test_bad_windows_are_named(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"^windows must be"):
        TextClassifier(windows=bad).fit(TEXTS, LABELS)


def test_windows_with_concat_are_refused() -> None:
    with pytest.raises(ValueError, match="windows=3 needs a pooling"):
        TextClassifier(windows=3, pooling="concat").fit(TEXTS, LABELS)
