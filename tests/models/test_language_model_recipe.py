"""What follows from a corpus: sizes, unknown words, words that training never met, n-gram rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn import LanguageModel
from pyffnn.corpus import WordVocabulary
from pyffnn.models.language_model import recipe
from pyffnn.models.ngram import KneserNeyLM

TINY: dict[str, Any] = {
    "context": 2, "distant_kernels": 0, "embedding_dim": 8, "hidden_layer_sizes": (8,), "dropout": 0.1, "epochs": 4,
    "batch_size": 32, "learning_rate": 1e-2,
}  # fmt: skip


def zipf(n: int, size: int, seed: int = 0) -> Any:
    return (np.minimum(np.random.default_rng(seed).zipf(1.25, n), size) - 1).astype(np.int32)


def sentences(ids: Any) -> list[list[str]]:
    return [[f"w{i}" for i in ids[at : at + 12]] for at in range(0, len(ids), 12)]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=300), st.integers(0, 3))
def test_some_rare_words_are_trained_as_unknown(words: list[int], unknown: int) -> None:
    ids = np.array([w + 1 for w in words] + [0] * unknown, np.int32)
    kept = ids.copy()
    out = recipe.train_unknown(ids, 0)
    assert np.array_equal(ids, kept) and out.size == ids.size
    counts, after = np.bincount(ids, minlength=62), np.bincount(out, minlength=62)
    assert ((out == ids) | (out == 0)).all()
    rare = int((counts[1:] == 1).sum())
    wanted = max(rare // 2, -(-ids.size // 2000))
    if unknown >= wanted:
        assert np.array_equal(out, ids)
    elif np.count_nonzero(counts[1:]) > wanted - unknown:
        assert after[0] == wanted
        # at one place each, and the words that occur once first
        lost = (counts - after)[1:]
        assert lost.max() <= 1 and lost.min() >= 0
        taken = counts[1:][lost == 1]
        assert (taken == 1).sum() == min(rare, lost.sum())
        again = recipe.train_unknown(out, 0)
        assert np.array_equal(again, out) or after[0] >= (after[1:] == 1).sum() // 2


@pytest.mark.parametrize("as_ids", [False, True])
def test_unknown_words_get_their_share(as_ids: bool) -> None:
    """Of held-out text every seventh word is new, and so many the model expects."""
    ids = zipf(6000, 5000)
    train, test = sentences(ids[:4800]), sentences(ids[4800:])
    vocabulary = WordVocabulary(sorted({w for s in train for w in s}))
    corpus: Any = vocabulary.encode([w for s in train for w in s]) if as_ids else train
    model = LanguageModel(**TINY, vocabulary=vocabulary).fit(corpus)
    found = model.evaluate(test)
    share = found.unknown / found.tokens
    assert share > 0.04
    expected = np.mean([model.next_distribution(s[:5])[vocabulary.unk_id] for s in test[:40]])
    assert share / 3 < expected < 3 * share
    assert found.perplexity < len(vocabulary) / 2


@pytest.mark.parametrize("kind", ["words", "ids"])
@pytest.mark.parametrize(
    "more", [{}, {"tie_embeddings": False}, {"output": "sampled", "samples": 50}]
)
def test_words_that_training_never_met_cost_no_more_than_new_words(
    kind: str, more: dict[str, Any]
) -> None:
    ids = zipf(1600, 1500)
    train, test = ids[:1200], ids[1200:]
    long = {**TINY, **more, "epochs": 15, "dropout": 0.0}
    if kind == "ids":
        model = LanguageModel(**long, vocabulary=1500).fit(train, valid=test)
        unseen = np.setdiff1d(np.arange(1500), train)
        p = model.next_distribution(test[:9])[unseen]
    else:
        words = [f"w{i}" for i in range(1500)]
        model = LanguageModel(**long, vocabulary=words).fit(sentences(train), valid=sentences(test))
        unseen = np.setdiff1d(np.arange(1, 1501), 1 + train)
        p = model.next_distribution([f"w{i}" for i in test[:9]])[unseen]
    assert unseen.size > 900
    np.testing.assert_allclose(p, p[0], rtol=1e-5)
    assert 0.001 < p.sum() < 0.6
    best = model.history_[model.best_epoch_ - 1]  # type: ignore[operator]
    given: Any = test if kind == "ids" else sentences(test)
    assert best["val_perplexity"] == pytest.approx(model.perplexity(given))
    assert model.perplexity(given) < 1500


def test_a_run_with_unseen_words_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    ids = zipf(2000, 500)
    whole = LanguageModel(**TINY, vocabulary=900).fit(ids)
    copies: list[bytes] = []
    path = tmp_path / "run"
    LanguageModel(**TINY, vocabulary=900).fit(
        ids, checkpoint=path, checkpoint_steps=23, callbacks=[lambda *_: copies.append(path.read_bytes())]
    )  # fmt: skip
    for data in copies:
        path.write_bytes(data)
        again = LanguageModel(**TINY, vocabulary=900).fit(ids, resume=path)
        np.testing.assert_array_equal(again.embeddings_, whole.embeddings_)


def test_sizes_follow_from_the_corpus_and_arguments_are_obeyed() -> None:
    before = None
    for tokens in (10_000, 30_000, 100_000, 1_000_000, 10_000_000, 100_000_000):
        found = recipe.sizes(LanguageModel(), 20_000, tokens)
        if before is not None:
            assert found.embedding_dim >= before.embedding_dim
            assert sum(found.hidden_layer_sizes) >= sum(before.hidden_layer_sizes)
            assert found.dropout <= before.dropout
            assert found.embedding_dropout <= before.embedding_dropout
            assert found.batch_size >= before.batch_size
        assert 1 <= found.epochs <= 15
        before = found
    # more tokens for each word: more passes
    assert recipe.sizes(LanguageModel(), 5000, 10**6).epochs > recipe.sizes(LanguageModel(), 20_000, 10**6).epochs  # fmt: skip
    mine = {"embedding_dim": 7, "hidden_layer_sizes": (), "dropout": 0.25, "embedding_dropout": 0.0, "epochs": 3, "batch_size": 9}  # fmt: skip
    for tokens in (100, 10**9):
        assert recipe.sizes(LanguageModel(**mine), 50, tokens) == (7, [], 0.25, 0.0, 9, 3)  # type: ignore[arg-type]
    assert recipe.sizes(LanguageModel(dropout=0.1), 50, 10**5).embedding_dropout == 0.1
    model = LanguageModel(hidden_layer_sizes=6, dropout=0.3, epochs=1).fit(zipf(300, 20))
    assert model.recipe_ == {
        "embedding_dim": recipe.sizes(LanguageModel(), 20, 300).embedding_dim,
        "hidden_layer_sizes": (6,),
        "dropout": 0.3,
        "embedding_dropout": 0.3,
    }


@pytest.mark.parametrize("tied", [True, False])
def test_direct_ngrams(tied: bool, tmp_path: Path) -> None:
    ids = zipf(1500, 60)
    settings_ = {**TINY, "context": 3, "tie_embeddings": tied, "direct_ngrams": 64}
    one = LanguageModel(**settings_, n_threads=1).fit(ids, checkpoint=tmp_path / "run")
    rows = one._state().network.parameters()["ngrams"]
    assert rows.shape == (2 * 2 * 64, 16) and (rows != 0).any()
    log_p = one.log_prob(ids[:50])
    for t in (0, 1, 2, 3, 49):
        assert np.log(one.next_distribution(ids[:t])[ids[t]]) == pytest.approx(log_p[t], abs=1e-4)
    for n in (2, 5):
        np.testing.assert_array_equal(LanguageModel(**settings_, n_threads=n).fit(ids).log_prob(ids[:50]), log_p)  # fmt: skip
    one.save(tmp_path / "model")
    for name in ("run", "model"):
        np.testing.assert_array_equal(LanguageModel.load(tmp_path / name).log_prob(ids[:50]), log_p)
    assert (one.log_prob(ids[:50]) != LanguageModel(**{**settings_, "direct_ngrams": False}).fit(ids).log_prob(ids[:50])).any()  # fmt: skip


def test_direct_ngrams_learn_what_only_words_together_say() -> None:
    """The next word is drawn anew for each pair of words: embeddings of few numbers cannot hold that, rows for the pairs can."""
    rng = np.random.default_rng(1)
    after = rng.integers(0, 50, (50, 50))
    ids = [0, 1]
    for noise in rng.random(20_000):
        ids.append(int(after[ids[-2], ids[-1]]) if noise < 0.6 else int(noise * 10**6) % 50)
    stream = np.array(ids, np.int32)
    small = {**TINY, "embedding_dim": 6, "epochs": 5, "batch_size": 64, "dropout": 0.0}
    plain, direct = (
        LanguageModel(**small, direct_ngrams=rows).fit(stream[:18_000]).perplexity(stream[18_000:])
        for rows in (False, 4096)
    )
    assert direct < 0.8 * plain


def test_bad_direct_ngrams() -> None:
    with pytest.raises(ValueError, match="direct_ngrams needs a window of two words"):
        LanguageModel(context=1, distant_kernels=0, direct_ngrams=True).fit(zipf(100, 9))
    with pytest.raises(ValueError, match="direct_ngrams must be below"):
        LanguageModel(direct_ngrams=2**31 - 1).fit(zipf(100, 9))


def test_a_small_model_beats_and_helps_the_ngrams() -> None:
    """On little text, with unknown words in both: alone it is better than uniform, mixed better than each."""
    ids = zipf(6000, 2000, 3)
    for i in range(2, 6000):
        if i % 3:
            ids[i] = (ids[i - 1] * 7 + ids[i - 2]) % 97
    text, valid = sentences(ids[:4800]), sentences(ids[4800:])
    model = LanguageModel(embedding_dim=24, hidden_layer_sizes=(32,)).fit(text, valid=valid)
    ngram = KneserNeyLM(5, vocabulary=model.vocabulary_).fit(text, valid=valid)
    alone, mixed = model.perplexity(valid), ngram.mix(model).perplexity(valid)
    assert alone < len(model.vocabulary_)
    assert mixed <= min(alone, ngram.perplexity(valid)) + 1e-9
