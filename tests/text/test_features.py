"""N-grams, bags, batches, saved state: against the plain Python of oracles.py."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.data import Bags, Featurizer, hashed_row

from .oracles import Oracle

WORDS = [
    "a",
    "b",
    "the",
    "é",
    "ßx",
    "漢字",
    "a-long-word-of-many-letters",
    "sixteen-letters!",
    "q\0",
    "Ab",
]
documents = st.lists(st.lists(st.sampled_from(WORDS), max_size=12), max_size=12)
options = st.fixed_dictionaries(
    {
        "word_ngrams": st.integers(1, 5),
        "char_ngrams": st.sampled_from([None, (1, 1), (1, 3), (3, 6), (2, 20)]),
        "buckets": st.sampled_from([None, 1, 7, 1000, 2**20]),
        "min_count": st.integers(1, 3),
        "ngram_min_count": st.integers(1, 3),
    }
)


def as_lists(bags: Bags) -> list[list[int]]:
    return [bags.ids[a:b].tolist() for a, b in pairwise(bags.offsets)]


@settings(max_examples=300, deadline=None)
@given(documents, documents, options)
def test_rows_are_those_of_the_plain_oracle(
    train: list[list[str]], unseen: list[list[str]], options: dict[str, Any]
) -> None:
    oracle = Oracle(train, **options)
    featurizer = Featurizer(**options)
    corpus = featurizer.fit_tokens(train)
    assert featurizer.vocabulary == oracle.words
    assert featurizer.counts.tolist() == oracle.counts
    assert featurizer.num_rows == oracle.num_rows
    assert as_lists(corpus.bags()) == [oracle.bag(d) for d in train]
    unseen = [*unseen, ["never", "a", "b", "met-before-by-anyone", "a"]]
    assert as_lists(featurizer.encode_tokens(unseen).bags()) == [oracle.bag(d) for d in unseen]
    assert as_lists(featurizer.encode_tokens(train).bags()) == [oracle.bag(d) for d in train]

    again = Featurizer.from_state(featurizer.state())
    assert again.num_rows == featurizer.num_rows
    assert as_lists(again.encode_tokens(unseen).bags()) == [oracle.bag(d) for d in unseen]
    for name, array in again.state().items():
        assert np.array_equal(array, featurizer.state()[name]), name


@pytest.mark.parametrize("buckets", [None, 4096])
@pytest.mark.parametrize("min_count", [1, 2])
def test_rows_on_a_corpus_of_some_size(buckets: int | None, min_count: int) -> None:
    rng = np.random.default_rng(3)
    train = [
        [f"w{v}" for v in np.minimum(rng.zipf(1.2, n), 5000)] for n in rng.integers(0, 120, 900)
    ]
    kwargs: dict[str, Any] = {"word_ngrams": 3, "buckets": buckets, "min_count": min_count}
    oracle, featurizer = Oracle(train, **kwargs), Featurizer(**kwargs)
    corpus = featurizer.fit([" ".join(d) for d in train])
    assert featurizer.num_rows == oracle.num_rows
    assert as_lists(corpus.bags()) == [oracle.bag(d) for d in train]
    assert as_lists(featurizer.transform([" ".join(d) for d in train])) == [
        oracle.bag(d) for d in train
    ]


def test_hashed_row_is_the_one_of_the_core() -> None:
    featurizer = Featurizer(word_ngrams=4, buckets=1000)
    corpus = featurizer.fit_tokens([["x", "y", "z", "x"]])
    x, y, z = (featurizer.word_id(w) for w in "xyz")
    grams = [(x, y), (x, y, z), (x, y, z, x), (y, z), (y, z, x), (z, x)]
    assert corpus.bags().ids[4:].tolist() == [hashed_row(g, 3, 1000) for g in grams]


def test_lower_case_reaches_tokens_and_character_grams() -> None:
    tokens = [["The", "THE", "ÉTÉ", "ΣΑΣ", "İx"]]
    low = Featurizer(lowercase=True, char_ngrams=(2, 3), min_count=1)
    oracle = Oracle([[w.lower() for w in tokens[0]]], char_ngrams=(2, 3))
    assert as_lists(low.fit_tokens(tokens).bags()) == [oracle.bag([w.lower() for w in tokens[0]])]
    unseen = [["ÀÉ", "THESE"]]
    assert as_lists(low.encode_tokens(unseen).bags()) == [oracle.bag(["àé", "these"])]
    assert low.word_id("ÉTÉ") == low.word_id("été") >= 0


def test_tokens_may_be_empty_or_hold_spaces() -> None:
    featurizer = Featurizer()
    corpus = featurizer.fit_tokens([["", "a b", ""], []])
    assert featurizer.vocabulary == ["", "a b"]
    assert as_lists(corpus.bags()) == [[0, 1, 0], []]


def test_sequences_truncate_and_pad() -> None:
    featurizer = Featurizer(min_count=2)
    corpus = featurizer.fit_tokens([["a", "rare", "b", "a"], [], ["b"]])
    assert corpus.sequences(3).tolist() == [[0, -1, 1], [-1, -1, -1], [1, -1, -1]]
    assert corpus.sequences(5, [2, 0]).tolist() == [[1, -1, -1, -1, -1], [0, -1, 1, 0, -1]]
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        corpus.sequences(0)


def test_batches_cover_the_order() -> None:
    featurizer = Featurizer(word_ngrams=2)
    texts = [f"w{i} w{i + 1} w{i}" for i in range(10)]
    corpus = featurizer.fit(texts)
    whole = as_lists(corpus.bags())
    order = np.random.default_rng(0).permutation(10)
    seen: list[list[int]] = []
    for chosen, bags in corpus.batches(4, order):
        assert len(chosen) <= 4
        seen += as_lists(bags)
    assert seen == [whole[i] for i in order]
    assert [b for _, bags in corpus.batches(3) for b in as_lists(bags)] == whole
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        next(corpus.batches(0))
    with pytest.raises(ValueError, match="order must be a 1-D array of integers"):
        next(corpus.batches(2, [0.5]))


@pytest.mark.parametrize("bad", [-1, 3, 2**40])
def test_documents_outside_the_corpus(bad: int) -> None:
    corpus = Featurizer().fit(["a", "b", "c"])
    with pytest.raises(IndexError, match=f"documents holds {bad}, outside a corpus of 3"):
        corpus.bags([0, bad])
    with pytest.raises(IndexError, match=f"documents holds {bad}"):
        corpus.sequences(2, [bad])
    with pytest.raises(TypeError, match="documents must have dtype int32 or int64"):
        corpus.bags([0.5])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"word_ngrams": 0}, "word_ngrams must be between 1 and 16, got 0"),
        ({"word_ngrams": 17}, "word_ngrams must be between 1 and 16, got 17"),
        ({"char_ngrams": (0, 3)}, "char_ngrams must be"),
        ({"char_ngrams": (3, 2)}, "char_ngrams must be"),
        ({"char_ngrams": (3, 65)}, "char_ngrams must be"),
        ({"buckets": 0}, "buckets must be at least 1, or None, got 0"),
        ({"buckets": 2**31}, "buckets must be between 1 and"),
        ({"min_count": 0}, "min_count must be at least 1, got 0"),
        ({"ngram_min_count": 0}, "ngram_min_count must be at least 1, got 0"),
    ],
)
def test_options_out_of_range(kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Featurizer(**kwargs).fit(["a"])


class TestTokenizers:
    def test_a_function(self) -> None:
        featurizer = Featurizer(tokenizer=lambda text: text.split(","))
        corpus = featurizer.fit(f"a,b c,{i % 7}" for i in range(3000))
        assert featurizer.vocabulary[:2] == ["a", "b c"]
        assert len(corpus) == 3000
        assert featurizer.transform(["b c,nothing"]).ids.tolist() == [1]

    def test_an_encoder(self) -> None:
        tokenizers = pytest.importorskip("tokenizers")
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="[unk]"))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        texts = ["low lower lowest", "new newer newest"] * 20
        tokenizer.train_from_iterator(
            texts,
            tokenizers.trainers.BpeTrainer(
                vocab_size=30, special_tokens=["[unk]"], show_progress=False
            ),
        )
        featurizer = Featurizer(tokenizer=tokenizer)
        corpus = featurizer.fit(texts)
        words = featurizer.vocabulary
        assert [[words[i] for i in bag] for bag in as_lists(corpus.bags())] == [
            tokenizer.encode(t).tokens for t in texts
        ]

    def test_what_is_none(self) -> None:
        with pytest.raises(TypeError, match="tokenizer must be a callable"):
            Featurizer(tokenizer="split")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"documents\[0\] must be an iterable of str, got str"):
            Featurizer(tokenizer=lambda text: text).fit(["abc"])
        with pytest.raises(TypeError, match="texts must be an iterable of str, got str"):
            Featurizer(tokenizer=str.split).fit("abc")
        with pytest.raises(ValueError, match="tokenizer must be None"):
            Featurizer(tokenizer=str.split).fit_file("x")


class TestState:
    def state(self) -> dict[str, np.ndarray]:
        featurizer = Featurizer(word_ngrams=3, char_ngrams=(2, 3))
        featurizer.fit(["a b c a b c", "ä b c ä"])
        return featurizer.state()

    def test_it_is_plain_arrays(self) -> None:
        state = self.state()
        assert {a.dtype.str for a in state.values()} <= {"|u1", "<i8", "<u8"}
        assert all(a.ndim == 1 for a in state.values())

    @pytest.mark.parametrize("name", list(Featurizer().fit(["a"]).featurizer.state()))
    def test_a_missing_or_foreign_array(self, name: str) -> None:
        state = self.state()
        kept = state.pop(name)
        with pytest.raises(ValueError, match=f'lacks "{name}"'):
            Featurizer.from_state(state)
        with pytest.raises(ValueError, match=f'"{name}" must be a 1-D array'):
            Featurizer.from_state({**state, name: kept.astype(np.float32)})
        with pytest.raises(ValueError, match=f'"{name}" must be a 1-D array'):
            Featurizer.from_state({**state, name: kept[None]})

    def test_damage_is_an_error_or_harmless(self) -> None:
        """Any change of one element loads as a featurizer that works, or is refused."""
        whole = self.state()
        rng = np.random.default_rng(0)
        refused = 0
        for _ in range(600):
            state = {k: v.copy() for k, v in whole.items()}
            name = rng.choice([k for k in state if state[k].size])
            array = state[name]
            i = rng.integers(array.size)
            info = np.iinfo(array.dtype)
            array[i] = rng.choice(
                np.array(
                    [0, 1, 255, info.max, info.min, int(array[i]) ^ 1, int(array[i]) // 2],
                    dtype=array.dtype,
                )
            )
            try:
                featurizer = Featurizer.from_state(state)
            except (ValueError, MemoryError):
                refused += 1
                continue
            bags = featurizer.transform(["a b c ä x", ""])
            assert bags.ids.size == 0 or 0 <= bags.ids.min() <= bags.ids.max() < featurizer.num_rows
        assert refused > 200

    def test_a_newer_version(self) -> None:
        state = self.state()
        state["version"][0] = 3
        with pytest.raises(ValueError, match="version 3, this library reads up to version 2"):
            Featurizer.from_state(state)


def test_many_threads_may_encode_at_once() -> None:
    featurizer = Featurizer(word_ngrams=2, char_ngrams=(2, 4), lowercase=True)
    texts = [f"Wort{i % 97} ÄÖ{i % 13} x{i % 7}" for i in range(2000)]
    featurizer.fit(texts)
    expected = featurizer.transform(texts + ["neu Ünbekannt"])
    results: list[Bags] = []

    def run() -> None:
        results.append(featurizer.transform(texts + ["neu Ünbekannt"]))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 4
    for bags in results:
        assert np.array_equal(bags.ids, expected.ids)
        assert np.array_equal(bags.offsets, expected.offsets)


@pytest.mark.parametrize("least", [1, 2, 254, 255, 256, 300])
def test_an_ngram_is_kept_from_its_least_count_on(least: int) -> None:
    train = [["a", "b"], ["c", "d"]] * (least - 1) + [["a", "b", "e"]]
    featurizer = Featurizer(word_ngrams=2, ngram_min_count=least, char_ngrams=None)
    corpus = featurizer.fit_tokens(train)
    oracle = Oracle(train, word_ngrams=2, ngram_min_count=least, char_ngrams=None)
    assert featurizer.num_rows == oracle.num_rows
    assert as_lists(corpus.bags()) == [oracle.bag(d) for d in train]
