"""Featurizers that grow: against the plain Python of oracles.py, and versions that share memory."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.text.corpus import Bags
from pyffnn.text.featurizer import Featurizer

from .oracles import Oracle

WORDS = ["a", "b", "the", "é", "漢字", "a-long-word-of-many-letters", "sixteen-letters!", "q\0", ""]
documents = st.lists(st.lists(st.sampled_from(WORDS), max_size=8), max_size=6)
options = st.fixed_dictionaries(
    {
        "word_ngrams": st.integers(1, 4),
        "char_ngrams": st.sampled_from([None, (1, 3), (3, 6)]),
        "buckets": st.sampled_from([None, None, 7, 1000]),
        "min_count": st.integers(1, 2),
        "ngram_min_count": st.integers(1, 2),
    }
)


def as_lists(bags: Bags) -> list[list[int]]:
    return [bags.ids[a:b].tolist() for a, b in pairwise(bags.offsets)]


def check(featurizer: Featurizer, oracle: Oracle, unseen: list[list[str]]) -> None:
    assert featurizer.vocabulary == oracle.words
    assert featurizer.counts.tolist() == oracle.counts
    assert featurizer.num_rows == oracle.num_rows
    words, rows = featurizer.words()
    assert dict(zip(words, rows.tolist(), strict=True)) == oracle.word_rows
    for word, row in oracle.word_rows.items():
        assert featurizer.word_id(word) == row and featurizer.word(row) == word
    chars = [row for gram, row in oracle.rows.items() if isinstance(gram, str)]
    assert featurizer.char_rows.tolist() == chars
    assert as_lists(featurizer.encode_tokens(unseen).bags()) == [oracle.bag(d) for d in unseen]


@settings(max_examples=200, deadline=None)
@given(documents, st.lists(documents, min_size=1, max_size=5), documents, options)
def test_rows_are_those_of_the_plain_oracle(
    first: list[list[str]],
    later: list[list[list[str]]],
    unseen: list[list[str]],
    options: dict[str, Any],
) -> None:
    oracle, featurizer = Oracle(first, **options), Featurizer(**options)
    featurizer.fit_tokens(first)
    unseen = [*unseen, ["never", "a", "b", "the", "a"]]
    for texts in later:
        before = as_lists(featurizer.encode_tokens(unseen).bags())
        old, rows = featurizer, featurizer.num_rows
        corpus = featurizer.extend_tokens(texts)
        featurizer = corpus.featurizer
        oracle.extend(texts)
        assert as_lists(corpus.bags()) == [oracle.bag(d) for d in texts]
        check(featurizer, oracle, unseen)
        # The old one is as it was, and what it knew has the rows it had.
        assert old.num_rows == rows
        assert as_lists(old.encode_tokens(unseen).bags()) == before
        assert featurizer.char_rows_from(rows).tolist() == [
            row for row in featurizer.char_rows if row >= rows
        ]
        again = Featurizer.from_state(featurizer.state())
        check(again, oracle, unseen)
        for name, array in again.state().items():
            assert np.array_equal(array, featurizer.state()[name]), name


@pytest.mark.parametrize("char_ngrams", [None, (2, 4)])
def test_many_extensions(char_ngrams: tuple[int, int] | None) -> None:
    """Through many growths of the shared memory, of the pairs' bits and of the lists of pieces."""
    rng = np.random.default_rng(0)

    def some(n: int, most: int) -> list[list[str]]:
        return [
            [f"w{v}" if v % 3 else f"a-much-longer-word-{v}" for v in rng.integers(0, most, 12)]
            for _ in range(n)
        ]

    kwargs: dict[str, Any] = {"word_ngrams": 3, "char_ngrams": char_ngrams, "ngram_min_count": 1}
    first = some(5, 20)
    oracle, featurizer = Oracle(first, **kwargs), Featurizer(**kwargs)
    featurizer.fit_tokens(first)
    kept = []
    for i in range(150):
        texts = some(2, 20 + 10 * i)
        featurizer = featurizer.extend_tokens(texts).featurizer
        oracle.extend(texts)
        if i % 25 == 0:
            check(featurizer, oracle, texts + some(2, 100))
            kept.append((featurizer, texts, as_lists(featurizer.encode_tokens(texts).bags())))
    check(featurizer, oracle, first + some(20, 2000))
    check(Featurizer.from_state(featurizer.state()), oracle, some(20, 2000))
    for old, texts, bags in kept:
        assert as_lists(old.encode_tokens(texts).bags()) == bags


def test_two_extensions_of_one() -> None:
    base = Featurizer(word_ngrams=2, ngram_min_count=1, char_ngrams=(2, 2))
    base.fit(["a b", "b c"])
    one = base.extend(["a x x y"]).featurizer
    two = base.extend(["a z z", "c a"]).featurizer
    three = one.extend(["new words"]).featurizer
    assert base.vocabulary == ["b", "a", "c"]
    assert one.vocabulary == ["b", "a", "c", "x", "y"]
    assert two.vocabulary == ["b", "a", "c", "z"]
    assert three.vocabulary == [*one.vocabulary, "new", "words"]
    assert two.word_id("x") == base.word_id("x") == one.word_id("z") == -1
    for featurizer, texts in ((one, ["a x x y"]), (two, ["a z z", "c a"])):
        oracle = Oracle(
            [["a", "b"], ["b", "c"]], word_ngrams=2, ngram_min_count=1, char_ngrams=(2, 2)
        )
        oracle.extend([text.split() for text in texts])
        check(featurizer, oracle, [["a", "x", "x", "y", "z", "z", "c", "a", "b"]])


def test_nothing_new_changes_no_row() -> None:
    base = Featurizer(word_ngrams=2)
    base.fit(["a b a b"])
    same = base.extend(["b a", "a"]).featurizer
    assert same.num_rows == base.num_rows
    assert same.counts.tolist() == [4, 3]
    assert base.counts.tolist() == [2, 2]


def test_files_and_tokenizers_extend(tmp_path: Path) -> None:
    path = tmp_path / "more"
    path.write_text("__label__x new words\n\n__label__y a new one\n")
    base = Featurizer()
    base.fit(["a b"])
    corpus = base.extend_file(path)
    assert corpus.featurizer.vocabulary == ["a", "b", "new", "words", "one"]
    assert corpus.label_names == ["__label__x", "__label__y"]
    assert as_lists(corpus.bags()) == [[2, 3], [0, 2, 4]]
    with path.open("rb") as file:
        assert base.extend_file(file).featurizer.vocabulary == corpus.featurizer.vocabulary
    commas = Featurizer(tokenizer=lambda text: text.split(","))
    commas.fit(["a,b"])
    grown = commas.extend(["b,c d"]).featurizer
    assert grown.vocabulary == ["a", "b", "c d"]
    assert as_lists(grown.transform(["c d,a"])) == [[2, 0]]


def test_reading_beside_growing() -> None:
    base = Featurizer(word_ngrams=2, ngram_min_count=1, char_ngrams=(3, 4), lowercase=True)
    texts = [f"word{i} Wort{i % 7} piece{i % 13}" for i in range(300)]
    base.fit(texts)
    want = base.transform(texts)
    wrong: list[str] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            got = base.transform(texts)
            if not (
                np.array_equal(got.ids, want.ids) and np.array_equal(got.offsets, want.offsets)
            ):
                wrong.append("changed")
            if base.word_id("fresh3") != -1:
                wrong.append("knows what came later")

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    grown = base
    for i in range(300):
        grown = grown.extend([f"fresh{i} word{i} token{i} again"]).featurizer
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    assert grown.word_id("fresh299") >= base.num_rows


def test_todays_model_files_still_load() -> None:
    """Version 1: the options by position, no extensions."""
    base = Featurizer(word_ngrams=2, char_ngrams=(2, 3), lowercase=True, max_tokens=7)
    base.fit(["A b a b", "b c"])
    state = base.state()
    old = {
        name: array
        for name, array in state.items()
        if name.endswith(("_bytes", "_ends", "_counts", "_sizes", "_keys"))
    }
    old["options"] = np.array([1, 1, 2, 2, 3, 0, 1, 2, 7], np.int64)
    again = Featurizer.from_state(old)
    assert (again.lowercase, again.max_tokens, again.char_ngrams) == (True, 7, (2, 3))
    assert np.array_equal(again.transform(["a b c x"]).ids, base.transform(["a b c x"]).ids)
    with pytest.raises(ValueError, match="9 numbers wanted, got 8"):
        Featurizer.from_state({**old, "options": old["options"][:8]})
    with pytest.raises(ValueError, match='holds "extensions", which is no part of it'):
        Featurizer.from_state({**old, "extensions": np.zeros(0, np.int64)})


def test_damaged_extensions_are_refused() -> None:
    base = Featurizer(word_ngrams=2, ngram_min_count=1)
    base.fit(["a b"])
    state = base.extend(["c d"]).featurizer.state()
    assert state["extensions"].tolist() == [2, 1]
    for wrong in ([2], [5, 0], [-1, 0], [2, 1, 3, 0], [2, 3]):
        with pytest.raises(ValueError, match="the extensions are damaged"):
            Featurizer.from_state({**state, "extensions": np.array(wrong, np.int64)})
