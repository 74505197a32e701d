"""Smaller models: without n-grams and words that say little, and with weights of 16 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNClassifier, TextClassifier

RNG = np.random.default_rng(4)
WORDS = [f"w{i}" for i in range(60)]
TEXTS = [" ".join(RNG.choice(WORDS, RNG.integers(2, 9))) for _ in range(300)]
LABELS = [("a", "b", "c")[text.count("w1") % 3] for text in TEXTS]


def fitted(**settings: Any) -> TextClassifier:
    return TextClassifier(epochs=3, **settings).fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    "settings",
    [
        {"pooling": "mean", "word_ngrams": 3, "char_ngrams": (2, 3)},
        {"pooling": "sum", "word_ngrams": 1, "char_ngrams": None},
        {"pooling": "weighted", "word_ngrams": 2, "char_ngrams": (2, 2)},
        {"pooling": ("mean", "max"), "word_ngrams": 4, "char_ngrams": None},
        {"pooling": "concat", "char_ngrams": None},
    ],
)
def test_nothing_pruned_is_the_same_model(settings: dict[str, Any]) -> None:
    model = fitted(**settings)
    again = model.prune()
    assert np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    again.partial_fit(TEXTS[:20], LABELS[:20])
    assert not np.array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))


@pytest.mark.parametrize("keep", [0, 1, 50])
def test_the_longest_rows_stay(keep: int, tmp_path: Path) -> None:
    model = fitted(pooling="sum", word_ngrams=2, char_ngrams=(2, 3), lowercase=False)
    small = model.prune(keep)
    features, old = small._state().features, model._state().features
    assert features.vocabulary == old.vocabulary
    assert features.num_rows - features.num_words == keep
    length = np.linalg.norm(model.embeddings_, axis=1)[old.num_words :]
    kept = np.linalg.norm(small.embeddings_, axis=1)[old.num_words :]
    assert np.allclose(np.sort(kept), np.sort(length)[length.size - keep :])
    # the sum of the rows that are left, by hand
    ids, offsets = features.transform(TEXTS)
    sums = np.add.reduceat(small.embeddings_[ids], offsets[:-1].astype(int), axis=0)
    assert np.allclose(small.transform(TEXTS), sums, atol=1e-5)
    small.save(tmp_path / "small")
    again = TextClassifier.load(tmp_path / "small")
    assert np.array_equal(again.predict_proba(TEXTS), small.predict_proba(TEXTS))


def test_longer_ngrams_need_shorter_ones() -> None:
    model = fitted(pooling="mean", word_ngrams=3, char_ngrams=None, ngram_min_count=1)
    small = model.prune(200)
    state = small._state().features.state()
    seconds, thirds = state["gram_sizes"].tolist()
    assert 0 < seconds + thirds <= 200
    first = (state["gram_keys"][seconds:] >> np.uint64(32)).astype(int)
    assert (first < seconds).all()
    assert small.embeddings_.shape[0] == 60 + seconds + thirds


def test_rare_words_go() -> None:
    model = fitted(pooling="mean", word_ngrams=2, char_ngrams=None)
    counts = dict(zip(model.vocabulary_, model._state().features.counts.tolist(), strict=True))
    least = sorted(counts.values())[30]
    small = model.prune(min_count=least)
    assert small.vocabulary_ == [word for word in model.vocabulary_ if counts[word] >= least]
    for word in small.vocabulary_:
        assert np.array_equal(small.word_vector(word), model.word_vector(word))
    with pytest.raises(ValueError, match="min_count=9999 leaves no word"):
        model.prune(min_count=9999)


def test_what_cannot_be_pruned_says_so() -> None:
    with pytest.raises(ValueError, match="buckets=50"):
        fitted(pooling="mean", word_ngrams=2, buckets=50).prune(1)
    grown = fitted(pooling="mean").partial_fit(["quite new words"] * 2, ["a", "b"])
    with pytest.raises(ValueError, match="partial_fit"):
        grown.prune(1)
    with pytest.raises(ValueError, match="keep must be at least 0"):
        fitted().prune(-1)
    with pytest.raises(ValueError, match="not fitted"):
        TextClassifier().prune(1)


@pytest.mark.parametrize("state", [True, False])
def test_half_precision_files(tmp_path: Path, state: bool) -> None:
    model = fitted(pooling="mean", word_ngrams=2, embedding_dim=64)
    model.save(tmp_path / "full", optimizer_state=state)
    model.save(tmp_path / "half", optimizer_state=state, dtype="float16")
    sizes = [(tmp_path / name).stat().st_size for name in ("full", "half")]
    assert sizes[1] < 0.65 * sizes[0]
    again = TextClassifier.load(tmp_path / "half")
    assert again.embeddings_.dtype == np.float32
    assert np.array_equal(
        again.embeddings_, model.embeddings_.astype(np.float16).astype(np.float32)
    )
    assert np.allclose(again.predict_proba(TEXTS), model.predict_proba(TEXTS), atol=2e-3)
    with pytest.raises(ValueError, match="dtype must be one of"):
        model.save(tmp_path / "other", dtype="float8")  # type: ignore[arg-type]


def test_what_a_half_cannot_hold_is_refused(tmp_path: Path) -> None:
    model = FFNNClassifier((2,), epochs=1).fit(np.eye(4), [0, 1, 0, 1])
    model.coefs_[0][0, 0] = 1e6
    with pytest.raises(ValueError, match="cannot hold"):
        model.save(tmp_path / "m", dtype="float16")
    assert not (tmp_path / "m").exists()
