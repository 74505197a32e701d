"""Texts cut into words many at a time, and words found by their bytes, against words cut one by one."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyffnn.integrations.fasttext as fasttext

DRAW = random.Random(3)
WORDS = ["".join(DRAW.choices("abcé銀\x01\x7f", k=1 + i % 40)) for i in range(300)]
SPACES = " \t\v\f\r\0"


@pytest.fixture(scope="module")
def known():
    lines = [f"__label__{i % 2} " + " ".join(WORDS[i : i + 7]) for i in range(0, 300, 3)]
    return fasttext.train_supervised(lines, dim=4, epoch=0, verbose=0)


def rows_by_hand(model, text: str) -> list[int]:
    words = []
    for word in [*fasttext.tokenize(text), "</s>"]:
        row = model.get_word_id(word)
        if 0 <= row < len(model.words):
            words.append(row)
        if word == "</s>":
            break
    return words


pieces = st.lists(
    st.one_of(
        st.sampled_from(WORDS),
        st.sampled_from(WORDS).map(lambda w: w[:-1]),
        st.text(SPACES, min_size=1, max_size=70),
        st.sampled_from(
            ["</s>", "<", "/s>", "__label__0", "__label__9", "x" * 700, "y" * 2500, " " * 600]
        ),
    ),
    max_size=120,
)


@settings(max_examples=150, deadline=None)
@given(pieces)
def test_words_are_cut_and_found(known, parts):
    text = "".join(parts)
    assert known._model.rows(text).tolist() == rows_by_hand(known, text)
    spaced = " ".join(parts)
    assert known._model.rows(spaced).tolist() == rows_by_hand(known, spaced)


def test_words_of_every_length_are_told_apart():
    """Up to twelve bytes a word is its key; longer ones share a key only by their hash."""
    words = [c * n for n in range(1, 40) for c in "ab"] + ["a" * 12 + c for c in "abc"]
    model = fasttext.train_supervised([f"__label__x {w}" for w in words], dim=2, epoch=0, verbose=0)
    assert sorted(model.words) == sorted({*words, "</s>"})
    for word in model.words:
        assert model.words[model.get_word_id(word)] == word
    for other in ("", "a\0", "a" * 50, "c", "a" * 11 + "\0"):
        assert model.get_word_id(other) == -1


def hash_by_hand(word: str) -> int:
    """FNV-1a of the bytes, each extended with its sign; as a signed number of 32 bits."""
    h = 2166136261
    for byte in word.encode():
        h = (h ^ (byte - 256 if byte > 127 else byte) & 0xFFFFFFFF) * 16777619 & 0xFFFFFFFF
    return h - (1 << 32 if h >> 31 else 0)


@pytest.mark.parametrize("bucket", [1, 2, 3, 4096, 10**6 + 3])
def test_pairs_of_words_have_the_rows_of_their_hashes(bucket):
    model = fasttext.train_supervised(
        [f"__label__{i % 2} {word}" for i, word in enumerate(WORDS)],
        dim=1,
        epoch=0,
        wordNgrams=2,
        bucket=bucket,
        verbose=0,
    )
    number = len(model.words)
    text = " ".join(DRAW.choices([*WORDS, *(w + "new" for w in WORDS), "__label__7"], k=900))
    words = [w for w in [*fasttext.tokenize(text), "</s>"] if w != "__label__7"]
    hashes = [hash_by_hand(word) for word in words]
    pairs = [number + (a * 116049371 + b) % 2**64 % bucket for a, b in pairwise(hashes)]
    known = [row for row in map(model.get_word_id, words) if 0 <= row < number]
    assert model._model.rows(text).tolist() == known + pairs


def test_lines_are_told_from_files_as_from_lists(tmp_path):
    """Line feeds, and words </s>, on and around the boundaries of what is cut at once."""
    lines = [f"__label__{i % 3} " + "w" * (i % 70) + " and more " * (i % 9) for i in range(400)]
    for end in ("\n", " \n", " </s>\n", " </s> "):
        path = tmp_path / "lines.txt"
        path.write_text(end.join(lines), newline="\n")
        fasttext.train_supervised(str(path), dim=3, epoch=1, verbose=0)  # the last line is open
        path.write_text(end.join(lines) + end, newline="\n")
        of_file = fasttext.train_supervised(str(path), dim=3, epoch=1, verbose=0)
        counts = dict(zip(*of_file.get_words(include_freq=True), strict=True))
        assert counts["and"] == sum(i % 9 for i in range(400))
        assert of_file.get_labels() == ["__label__0", "__label__1", "__label__2"]
    assert counts["</s>"] == 400
