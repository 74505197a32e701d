"""Corpora and vocabularies: three kinds of corpus, one stream of ids."""

from __future__ import annotations

import gzip
import json
import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.corpus import (
    IdVocabulary,
    WordVocabulary,
    as_vocabulary,
    build_vocabulary,
    encode_corpus,
    encode_tokens,
    evaluate,
    read_corpus,
    vocabulary_from_dict,
)
from pyffnn.text import id_file, stream

SENTENCES = [["b", "a", "b"], [], ["c", "b", "a"], ["D"]]
WORDS = st.sampled_from(["a", "b", "B", "c", "<unk>", "</s>", "é"])


def slow_vocabulary(sentences, min_count, max_vocab, specials):
    counts = Counter(word for sentence in sentences for word in sentence)
    kept = sorted(
        (w for w, c in counts.items() if c >= min_count and w not in specials),
        key=lambda w: (-counts[w], w),
    )
    return (specials + kept)[:max_vocab]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(WORDS, max_size=5), max_size=8).filter(any),
    st.integers(1, 3),
    st.sampled_from([None, 3, 4]),
    st.sampled_from([None, "</s>"]),
    st.booleans(),
)
def test_text_against_a_dictionary(sentences, min_count, max_vocab, eos_token, lowercase):
    ids, valid, vocabulary = read_corpus(
        iter(sentences),
        min_count=min_count,
        max_vocab=max_vocab,
        eos_token=eos_token,
        lowercase=lowercase,
    )
    if lowercase:
        sentences = [[word.lower() for word in sentence] for sentence in sentences]
    sentences = [
        sentence + ([eos_token] if eos_token else []) for sentence in sentences if sentence
    ]
    specials = ["<unk>"] + ([eos_token] if eos_token else [])
    assert vocabulary.words == slow_vocabulary(sentences, min_count, max_vocab, specials)
    assert valid is None and ids.dtype == np.int32
    expected = [w if w in vocabulary.words else "<unk>" for s in sentences for w in s]
    assert vocabulary.decode(ids) == expected
    seen = Counter(expected)
    assert vocabulary.counts.tolist() == [seen[word] for word in vocabulary.words]


@pytest.mark.parametrize("eos_token", [None, "</s>"])
@pytest.mark.parametrize("block", [1, 2, 1 << 20])
def test_path_tokens_gzip_and_memmap_agree(tmp_path, monkeypatch, eos_token, block):
    for module in (stream, id_file):
        monkeypatch.setattr(module, "BLOCK", block)
    text = "\ufeffb a\tb \r\n\n  c b a\nD"
    (tmp_path / "text.txt").write_text(text, encoding="utf-8", newline="")
    with gzip.open(tmp_path / "text.txt.gz", "wt", encoding="utf-8", newline="") as file:
        file.write(text)
    expected, _, vocabulary = read_corpus(SENTENCES, eos_token=eos_token)
    for source in (tmp_path / "text.txt", str(tmp_path / "text.txt.gz"), np.array(SENTENCES, "O")):
        for memmap in (None, tmp_path / "ids.bin"):
            ids, _, again = read_corpus(source, eos_token=eos_token, memmap=memmap)
            np.testing.assert_array_equal(ids, expected)
            assert again == vocabulary and again.counts.tolist() == vocabulary.counts.tolist()
            assert isinstance(ids, np.memmap) == (memmap is not None)
            ids = encode_corpus(source, vocabulary, memmap=memmap)
            np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(np.fromfile(tmp_path / "ids.bin", np.int32), expected)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ids.bin", "text.txt", "text.txt.gz"]


def test_a_failed_memmap_leaves_the_old_file(tmp_path):
    target = tmp_path / "ids.bin"
    target.write_bytes(b"old")
    with pytest.raises(TypeError, match="corpus: tokens must be strings"):
        read_corpus([["a"], [3]], memmap=target)
    assert [p.name for p in tmp_path.iterdir()] == ["ids.bin"]
    assert target.read_bytes() == b"old"


def test_small_corpora_keep_every_word_and_large_ones_those_seen_four_times(monkeypatch):
    sentences = [["a"] * 4 + ["b"] * 3 + ["c"]]
    assert read_corpus(sentences).vocabulary.words == ["<unk>", "a", "b", "c"]
    monkeypatch.setattr(stream, "AUTO_MIN_COUNT_TOKENS", 8)
    assert read_corpus(sentences).vocabulary.words == ["<unk>", "a"]
    assert read_corpus(sentences, min_count=1).vocabulary.words == ["<unk>", "a", "b", "c"]


def test_several_corpora_are_counted_together():
    vocabulary = build_vocabulary([["a", "b"]], [["b", "c"]], [["c", "c"]], min_count=2)
    assert vocabulary.words == ["<unk>", "c", "b"]
    assert vocabulary.counts.tolist() == [1, 3, 2]


def test_a_fixed_vocabulary_is_used_as_given():
    ids, valid, vocabulary = read_corpus([["b", "a", "x"]], valid=[["a"]], vocabulary=["a", "b"])
    assert vocabulary.words == ["<unk>", "a", "b"]
    assert ids.tolist() == [2, 1, 0] and valid.tolist() == [1]
    assert read_corpus([1, 0], vocabulary=5).vocabulary == IdVocabulary(5)
    assert as_vocabulary(vocabulary) is vocabulary
    with pytest.raises(ValueError, match="no use beside vocabulary"):
        read_corpus([["a"]], vocabulary=["a"], min_count=2)


def test_ids_are_taken_as_they_are(tmp_path):
    stream = np.array([3, 0, 3, 1], np.int32)
    ids, valid, vocabulary = read_corpus(stream, valid=np.array([6, 0]))
    assert ids is stream and valid.dtype == np.int32 and len(vocabulary) == 7
    assert vocabulary.decode(ids) == [3, 0, 3, 1]
    assert len(read_corpus([2, 1], valid=None).vocabulary) == 3
    stream.astype(np.uint16).tofile(tmp_path / "ids.u16")
    narrow = np.memmap(tmp_path / "ids.u16", np.uint16, "r")
    wide = read_corpus(narrow, memmap=tmp_path / "ids.i32").ids
    assert isinstance(wide, np.memmap) and wide.tolist() == stream.tolist()
    assert read_corpus(wide).ids is wide


def test_encoding_tokens():
    vocabulary = WordVocabulary(["the", "dog"], lowercase=True, eos_token="</s>")
    assert vocabulary.words == ["<unk>", "</s>", "the", "dog"]
    for tokens in ("The dog barks", ["The", "dog", "barks"], np.array(["The", "dog", "x"])):
        assert encode_tokens(tokens, vocabulary).tolist() == [2, 3, 0]
    assert encode_tokens([3, 2], vocabulary).tolist() == [3, 2]
    assert encode_tokens([], vocabulary).shape == encode_tokens("", vocabulary).shape == (0,)
    assert vocabulary["DOG"] == 3 and "DOG" in vocabulary and "cat" not in vocabulary


def test_vocabularies_go_through_json():
    words = build_vocabulary([["é", "b"], ["b"]], eos_token="</s>", lowercase=True)
    for vocabulary in (words, IdVocabulary(7)):
        again = vocabulary_from_dict(json.loads(json.dumps(vocabulary.to_dict())))
        assert again == vocabulary and len(again) == len(vocabulary)
    assert vocabulary_from_dict(words.to_dict()).counts.tolist() == [0, 2, 2, 1]
    for damaged in ({}, {"size": "7"}, {"size": 0}, {"words": [3]}, {"word": ["a"]}, None):
        with pytest.raises(ValueError):
            vocabulary_from_dict(damaged)


def test_evaluation_says_what_it_counts():
    ids, _, vocabulary = read_corpus(SENTENCES, eos_token="</s>", min_count=2)
    result = evaluate(np.full(ids.size, -np.log(8.0)), ids, vocabulary)
    assert result.perplexity == pytest.approx(8)
    assert (result.tokens, result.unknown, result.end_of_sentence) == (10, 2, 3)
    assert "2 of them unknown" in str(result)


@pytest.mark.parametrize(
    ("corpus", "options", "error", "message"),
    [
        ([], {}, ValueError, "corpus is empty"),
        ([[], []], {"eos_token": "</s>"}, ValueError, "corpus is empty"),
        (np.zeros(0, np.int64), {}, ValueError, "corpus is empty"),
        ([["a"]], {"valid": []}, ValueError, "valid is empty"),
        (np.array([0, -2]), {}, ValueError, "must not be negative, got -2"),
        (np.array([0.5]), {}, TypeError, "integer ids, got dtype float64"),
        (np.array([True]), {}, TypeError, "integer ids, got dtype bool"),
        (np.zeros((2, 2), int), {}, ValueError, r"1-D array of ids, got shape \(2, 2\)"),
        (np.array([0, 5]), {"vocabulary": 5}, IndexError, r"id 5 is outside .* 0 \.\. 4"),
        (np.array([2**31]), {}, ValueError, r"2\*\*31"),
        (["the dog"], {}, TypeError, "token lists, got str"),
        (iter([1, 2]), {}, TypeError, "token lists, got int"),
        ([[1, 2]], {}, TypeError, "tokens must be strings, got int"),
        ([[["a"]]], {}, TypeError, "corpus: "),
        (3, {}, TypeError, "must be a path, an iterable"),
        ([["a"]], {"vocabulary": 5}, TypeError, "vocabulary is one of ids"),
        ([["a"]], {"min_count": 0}, ValueError, "min_count must be at least 1, got 0"),
        ([["a"]], {"min_count": 1.5}, TypeError, "min_count must be an integer"),
        ([["a"]], {"max_vocab": 1}, ValueError, "max_vocab must be at least 2, got 1"),
        ([["a"]], {"unk_token": "a b"}, ValueError, "one token without white space"),
        ([["a"]], {"unk_token": None}, TypeError, "unk_token must be a string"),
        ([["a"]], {"eos_token": "<unk>"}, ValueError, "must differ"),
        ([["a"]], {"vocabulary": ["a", "a"]}, ValueError, "'a' stands there twice"),
        ([["a"]], {"vocabulary": "ab"}, TypeError, "not one string"),
        ([["a"]], {"vocabulary": ["A"], "lowercase": True}, ValueError, "not lower case"),
    ],
)
def test_errors(corpus, options, error, message):
    with pytest.raises(error, match=message):
        read_corpus(corpus, **options)


def test_file_errors(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_corpus(tmp_path / "nothing.txt")
    (tmp_path / "latin.txt").write_bytes(b"caf\nol\xe9\n")
    with pytest.raises(ValueError, match="line 2 is not UTF-8"):
        read_corpus(tmp_path / "latin.txt")


def test_word_ids_outside_the_vocabulary():
    vocabulary = WordVocabulary(["a"])
    with pytest.raises(IndexError, match="id -1 is outside"):
        encode_tokens([-1], vocabulary)
    with pytest.raises(IndexError, match="id 2 is outside"):
        vocabulary.decode([2])
    with pytest.raises(TypeError, match="must be integers"):
        encode_tokens(["a"], IdVocabulary(3))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["<UNK>", "<unk>", "É</S>", "é</s>", "A", "a", ""]), max_size=5),
        max_size=6,
    ).filter(any)
)
def test_special_tokens_keep_their_case(sentences):
    specials = {"unk_token": "<UNK>", "eos_token": "É</S>", "lowercase": True}
    ids, _, vocabulary = read_corpus(sentences, **specials)
    want = [
        word if word in ("<UNK>", "É</S>") else word.lower()
        for sentence in sentences
        if sentence
        for word in [*sentence, "É</S>"]
    ]
    assert vocabulary.decode(ids) == want
    np.testing.assert_array_equal(encode_corpus(sentences, vocabulary), ids)
    words = [word for sentence in sentences for word in sentence]
    assert vocabulary.decode(encode_tokens(words, vocabulary)) == [
        word if word in ("<UNK>", "É</S>") else word.lower() for word in words
    ]


def test_words_outside_a_vocabulary_go_by_its_unknown_token():
    vocabulary = WordVocabulary(["b", "<unk>", "a"])
    assert vocabulary.unk_id == 1
    assert encode_corpus([["a", "x", "b"], ["y"]], vocabulary).tolist() == [2, 1, 0, 1]
    again = pickle.loads(pickle.dumps(vocabulary))
    assert again == vocabulary and again["x"] == 1


def test_lone_surrogates_are_no_text():
    with pytest.raises(ValueError, match="corpus: a token holds a lone surrogate"):
        read_corpus([["a", "\ud800"]])


def test_a_vocabulary_lists_its_words():
    vocabulary = WordVocabulary(["b", "a"])
    assert list(vocabulary) == vocabulary.words
    assert [vocabulary[word] for word in vocabulary] == list(range(len(vocabulary)))
    assert list(IdVocabulary(3)) == [0, 1, 2]
