"""Cutting text into words: against str.split(), str.lower() and collections.Counter."""

from __future__ import annotations

import sys
import unicodedata
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.data import Corpus, Featurizer

# White space of every kind beside what is nearly white space, and letters whose lower case is odd.
ODD = "\t\n\v\f\r \x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2005\u200a\u200b\u2028\u2029\u202f\u205f\u2060\u3000\u180e\ufeff\x00\x1b\x0e\x08"
LETTERS = "aZÀßẞİıΣσςŒﬁΆȺǅ\u0345\u0301'.·ЖЩԱႠᏣⱥKÅ𐐀𝐀漢字かあ😀"
texts = st.text(
    st.one_of(st.sampled_from(ODD + LETTERS), st.characters(exclude_categories=["Cs"])),
    max_size=200,
)


def words_of(corpus: Corpus, vocabulary: list[str]) -> list[list[str]]:
    ids, offsets = corpus.core.ids, corpus.core.offsets
    return [[vocabulary[i] for i in ids[a:b]] for a, b in pairwise(offsets)]


def cut(documents: list[str], lowercase: bool = False) -> list[list[str]]:
    featurizer = Featurizer(lowercase=lowercase)
    corpus = featurizer.fit(documents)
    assert len(corpus) == len(documents)
    return words_of(corpus, featurizer.vocabulary)


def known(text: str) -> str:
    """Without the characters that this Python knows and Unicode 14 did not."""
    if unicodedata.unidata_version == "14.0.0":
        return text
    return "".join(c for c in text if c.lower() == c or ord(c) < 0x2C2F or c in LETTERS)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, max_size=8))
def test_words_are_those_of_split(documents: list[str]) -> None:
    assert cut(documents) == [d.split() for d in documents]


@settings(max_examples=300, deadline=None)
@given(st.lists(texts.map(known), max_size=8))
def test_lower_case_is_that_of_str_lower(documents: list[str]) -> None:
    assert cut(documents, lowercase=True) == [d.lower().split() for d in documents]


def test_every_character_is_cut_and_lowered_as_python_does(isa: str) -> None:
    everything = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    text = " ".join(f"x{c}y" for c in everything)
    assert cut([text]) == [text.split()]
    [lowered], expected = cut([text], lowercase=True), text.lower().split()
    assert len(lowered) == len(expected)
    wrong = {text for got, text in zip(lowered, expected, strict=True) if got != text}
    if unicodedata.unidata_version == "14.0.0":
        assert wrong == set()
    # Upper-case letters that Unicode 15 to 17 added.
    newer = [
        0xA7CB,
        0xA7CC,
        0xA7CE,
        0xA7D2,
        0xA7D4,
        0xA7DA,
        0xA7DC,
        *range(0x10D50, 0x10D66),
        *range(0x16EA0, 0x16EB9),
    ]
    assert wrong <= {f"x{chr(c).lower()}y" for c in newer}


@pytest.mark.parametrize(
    "size", [0, 1, 6, 7, 8, 9, 14, 15, 16, 17, 31, 32, 33, 63, 64, 65, 4095, 4096, 4097, 70000]
)
def test_words_of_every_size_at_every_offset(size: int, isa: str) -> None:
    word = "".join(chr(97 + i * i % 26) for i in range(size))
    for before in (0, 1, 15, 62, 63, 64, 4095):
        text = "." * before + " " + word + "\u2003" + word[::-1] + " \u3000"
        assert cut([text, word]) == [text.split(), word.split()]
        assert cut([text.upper(), word], lowercase=True) == [text.split(), word.split()]


@pytest.mark.parametrize("offset", range(58, 68))
def test_wide_white_space_across_the_64_byte_step(offset: int, isa: str) -> None:
    for space in ("\xa0", "\u2028", "\u3000", "\u1680"):
        text = "é" * (offset // 2) + "a" * (offset % 2) + space + "b" + space
        assert cut([text]) == [text.split()]


def test_words_that_differ_late_or_in_size_alone_are_kept_apart() -> None:
    base = "x" * 40
    words = [base[:n] for n in range(1, 41)] + [base[:i] + "y" + base[i + 1 :] for i in range(40)]
    words += ["a\0", "a", "a\0\0", "\0", "\0\0", "A" * 20, "a" * 20, "é" * 8, "É" * 8]
    assert cut([" ".join(words)]) == [words]
    assert Featurizer().fit([" ".join(words)]).featurizer.num_words == len(set(words))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.text("ab é", max_size=30), max_size=20),
    st.integers(1, 4),
)
def test_vocabulary_is_by_count_then_first_appearance(documents: list[str], min_count: int) -> None:
    featurizer = Featurizer(min_count=min_count)
    corpus = featurizer.fit(documents)
    counts = Counter(w for d in documents for w in d.split())
    expected = [w for w, c in sorted(counts.items(), key=lambda item: -item[1]) if c >= min_count]
    assert featurizer.vocabulary == expected
    assert featurizer.counts.tolist() == [counts[w] for w in expected]
    assert featurizer.num_rows == len(expected)
    assert corpus.num_tokens == sum(counts.values())
    for i, word in enumerate(expected):
        assert featurizer.word_id(word) == i
        assert featurizer.word(i) == word
    assert featurizer.word_id("never") == -1


def test_a_large_vocabulary_is_exact() -> None:
    rng = np.random.default_rng(0)
    words = [f"{'w' * (i % 23)}{i}" for i in rng.zipf(1.3, 200_000) % 60_000]
    featurizer = Featurizer()
    documents = [" ".join(words[i : i + 100]) for i in range(0, len(words), 100)]
    corpus = featurizer.fit(documents)
    counts = Counter(words)
    assert featurizer.vocabulary == sorted(counts, key=lambda w: -counts[w])
    ids = {w: i for i, w in enumerate(featurizer.vocabulary)}
    assert corpus.core.ids.tolist() == [ids[w] for w in words]
    again = featurizer.encode([*documents, "unseen words only"])
    assert again.core.ids.tolist() == [ids[w] for w in words] + [-1, -1, ids.get("only", -1)]


def test_word_and_word_id_refuse_what_is_outside() -> None:
    featurizer = Featurizer()
    featurizer.fit(["a b"])
    for row in (-1, 2):
        with pytest.raises(IndexError, match=rf"id {row} is outside a vocabulary of 2"):
            featurizer.word(row)
    with pytest.raises(TypeError, match="word must be str, got bytes"):
        featurizer.word_id(b"a")  # type: ignore[arg-type]


class TestFiles:
    def fit(self, tmp_path: Path, data: bytes, **kwargs: object) -> tuple[Featurizer, Corpus]:
        path = tmp_path / "corpus.txt"
        path.write_bytes(data)
        featurizer = Featurizer()
        return featurizer, featurizer.fit_file(path, **kwargs)  # type: ignore[arg-type]

    def read(
        self, tmp_path: Path, data: bytes, **kwargs: object
    ) -> list[tuple[list[str], list[str]]]:
        featurizer, corpus = self.fit(tmp_path, data, **kwargs)
        words = words_of(corpus, featurizer.vocabulary)
        names, (ids, offsets) = corpus.label_names, corpus.labels
        labels = [[names[i] for i in ids[a:b]] for a, b in pairwise(offsets)]
        return list(zip(labels, words, strict=True))

    def test_labels_words_and_line_ends(self, tmp_path: Path) -> None:
        data = b"__label__a __label__b one two\r\n\n  \t\r\nthree __label__a four\n__label__c\nno label"
        assert self.read(tmp_path, data) == [
            (["__label__a", "__label__b"], ["one", "two"]),
            (["__label__a"], ["three", "four"]),
            (["__label__c"], []),
            ([], ["no", "label"]),
        ]

    def test_other_prefix_and_none(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, b"#x a __label__y\n", label_prefix="#") == [
            (["#x"], ["a", "__label__y"])
        ]
        assert self.read(tmp_path, b"#x a __label__y\n", label_prefix=None) == [
            ([], ["#x", "a", "__label__y"])
        ]
        long = "__a_long_prefix__"
        data = f"{long}x {long[:-1]}x {long}\n".encode()
        assert self.read(tmp_path, data, label_prefix=long) == [
            ([f"{long}x", long], [f"{long[:-1]}x"])
        ]

    def test_labels_keep_their_case(self, tmp_path: Path) -> None:
        path = tmp_path / "corpus.txt"
        path.write_text("__label__A One ÉTÉ\n", encoding="utf-8")
        featurizer = Featurizer(lowercase=True)
        corpus = featurizer.fit_file(path)
        assert corpus.label_names == ["__label__A"]
        assert featurizer.vocabulary == ["one", "été"]

    @pytest.mark.parametrize("data", [b"", b"\n", b"\n\n \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
    def test_nothing_in_it(self, tmp_path: Path, data: bytes) -> None:
        assert self.read(tmp_path, data) == []

    def test_a_byte_order_mark_is_left_out(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, b"\xef\xbb\xbf__label__a x\n") == [(["__label__a"], ["x"])]

    def test_nul_and_control_bytes_are_letters(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, b"a\0b \x01\x1b c\x0e\x1cd\n") == [
            ([], ["a\0b", "\x01\x1b", "c\x0e", "d"])
        ]

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.text(st.sampled_from("ab \t\r\x0bé\u2028漢"), max_size=90).map(
                lambda s: s.strip("\n")
            ),
            max_size=40,
        )
    )
    def test_lines_are_documents(
        self, tmp_path_factory: pytest.TempPathFactory, lines: list[str]
    ) -> None:
        path = tmp_path_factory.mktemp("lines")
        data = "\n".join(lines).encode()
        assert self.read(path, data) == [([], line.split()) for line in lines if line.split()]

    def test_lines_longer_than_the_read_buffer(self, tmp_path: Path) -> None:
        lines = ["é" * 700_000, "word " * 200_000, "short", "x" * (256 << 10), "y z"]
        for end in ("", "\n"):
            data = ("\n".join(lines) + end).encode()
            assert self.read(tmp_path, data) == [([], line.split()) for line in lines]

    def test_many_lines_across_blocks(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        lines = [
            " ".join(f"w{v}" for v in rng.integers(0, 500, size=k))
            for k in rng.integers(0, 60, size=8000)
        ]
        got = self.read(tmp_path, "\n".join(lines).encode())
        assert got == [([], line.split()) for line in lines if line]

    @pytest.mark.parametrize(
        ("line", "byte"),
        [
            (b"caf\xe9 x", 0xE9),
            (b"\xff", 0xFF),
            (b"a\xc0\xafb", 0xC0),
            (b"\xed\xa0\x80", 0xED),
            (b"\xf4\x90\x80\x80", 0xF4),
            (b"\x80", 0x80),
            (b"x\xe2\x82", 0xE2),
        ],
    )
    def test_bytes_that_are_no_utf8(self, tmp_path: Path, line: bytes, byte: int) -> None:
        filler = b"plain words\n" * 40_000
        data = filler + b"fine \xc3\xa9\n" + line + b"\nafter\n"
        with pytest.raises(
            ValueError,
            match=rf"corpus.txt, line 40002 is not UTF-8: byte {byte} begins no character",
        ):
            self.fit(tmp_path, data)
        text = data.decode("utf-8", "replace")
        assert self.read(tmp_path, data, errors="replace") == [
            ([], t.split()) for t in text.split("\n") if t
        ]

    @settings(max_examples=200, deadline=None)
    @given(
        st.lists(
            st.sampled_from(
                [
                    b"a",
                    b" ",
                    b"\n",
                    b"\xc3",
                    b"\xa9",
                    b"\xe2",
                    b"\x82",
                    b"\xac",
                    b"\xf0",
                    b"\x9f",
                    b"\x98",
                    b"\x80",
                    b"\xed",
                    b"\xa0",
                    b"\xff",
                ]
            ),
            max_size=100,
        ).map(b"".join)
    )
    def test_replacing_is_that_of_decode(
        self, tmp_path_factory: pytest.TempPathFactory, data: bytes
    ) -> None:
        path = tmp_path_factory.mktemp("bytes")
        lines = data.decode("utf-8", "replace").split("\n")
        assert self.read(path, data, errors="replace") == [
            ([], t.split()) for t in lines if t.split()
        ]
        valid = True
        try:
            data.decode()
        except UnicodeDecodeError:
            valid = False
        if valid:
            self.fit(path, data)
        else:
            with pytest.raises(ValueError, match="is not UTF-8: byte"):
                self.fit(path, data)

    def test_files_that_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match="nowhere"):
            Featurizer().fit_file(tmp_path / "nowhere")
        with pytest.raises(IsADirectoryError):
            Featurizer().fit_file(tmp_path)

    @pytest.mark.parametrize("prefix", ["", "a b", " "])
    def test_prefixes_that_cannot_be(self, tmp_path: Path, prefix: str) -> None:
        with pytest.raises(ValueError, match="label_prefix must be a str without white space"):
            Featurizer().fit_file(tmp_path / "x", label_prefix=prefix)

    def test_file_and_list_agree(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_text("__label__1 a b a\n__label__2 c a\n")
        from_file, from_list = Featurizer(word_ngrams=2), Featurizer(word_ngrams=2)
        one, two = from_file.fit_file(path), from_list.fit(["a b a", "c a"])
        for x, y in zip(one.bags(), two.bags(), strict=True):
            assert np.array_equal(x, y)
        assert np.array_equal(from_file.encode_file(path).bags().ids, one.bags().ids)


class TestInput:
    def test_any_iterable(self) -> None:
        texts = ["a b", "", "c"]
        for given_as in (
            texts,
            tuple(texts),
            iter(texts),
            (t for t in texts),
            np.array(texts),
            np.array(texts, dtype=object),
        ):
            featurizer = Featurizer()
            assert words_of(featurizer.fit(given_as), featurizer.vocabulary) == [
                ["a", "b"],
                [],
                ["c"],
            ]

    def test_columns(self) -> None:
        pandas = pytest.importorskip("pandas")
        assert len(Featurizer().fit(pandas.Series(["a", "b"]))) == 2
        pyarrow = pytest.importorskip("pyarrow")
        assert len(Featurizer().fit(pyarrow.chunked_array([["a"], ["b", "c"]]))) == 3

    @pytest.mark.parametrize(
        ("bad", "kind"),
        [(None, "NoneType"), (b"x", "bytes"), (3, "int"), (float("nan"), "float"), (["a"], "list")],
    )
    def test_what_is_no_text_is_named(self, bad: object, kind: str) -> None:
        with pytest.raises(TypeError, match=rf"^texts\[2\] must be str, got {kind}$"):
            Featurizer().fit(["a", "b", bad])  # type: ignore[list-item]
        with pytest.raises(TypeError, match=rf"^documents\[1\]\[0\] must be str, got {kind}$"):
            Featurizer().fit_tokens([["a"], [bad]])  # type: ignore[list-item]
        with pytest.raises(TypeError, match=rf"^texts\[1\] must be str, got {kind}$"):
            Featurizer(tokenizer=str.split).fit(["a", bad])  # type: ignore[list-item]

    @pytest.mark.parametrize("texts", ["one text", b"bytes", None, 7])
    def test_what_is_no_iterable_of_texts(self, texts: object) -> None:
        with pytest.raises(TypeError, match="texts must be an iterable of str, got"):
            Featurizer().fit(texts)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"documents\[0\] must be an iterable of str, got"):
            Featurizer().fit_tokens([texts])  # type: ignore[list-item]

    def test_lone_surrogates_are_named(self) -> None:
        with pytest.raises(ValueError, match=r"^texts\[1\] holds a lone surrogate"):
            Featurizer().fit(["a", "b\ud800"])

    def test_an_iterator_that_fails_passes_its_error_on(self) -> None:
        def texts() -> object:
            yield "a"
            raise RuntimeError("mine")

        with pytest.raises(RuntimeError, match="mine"):
            Featurizer().fit(texts())  # type: ignore[arg-type]

    def test_texts_larger_than_the_block(self) -> None:
        documents = ["a " * 100_000, "b" * 200_000, "", "é " * 70_000]
        assert cut(documents) == [d.split() for d in documents]

    def test_no_texts(self) -> None:
        featurizer = Featurizer(word_ngrams=2, char_ngrams=(2, 3))
        corpus = featurizer.fit([])
        assert len(corpus) == 0
        assert featurizer.vocabulary == []
        assert corpus.bags().offsets.tolist() == [0]
        assert featurizer.transform(["x y"]).ids.tolist() == []

    def test_not_fitted(self) -> None:
        with pytest.raises(ValueError, match="not fitted"):
            Featurizer().transform(["a"])


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, max_size=8), st.integers(1, 6), st.booleans())
def test_first_words_alone_count(documents, count, lowercase):
    """With max_tokens the rest of a document might as well not be there, its vocabulary included."""
    short = [text.split()[:count] for text in documents]
    settings = {"lowercase": lowercase, "word_ngrams": 2, "ngram_min_count": 1}
    featurizer, plain = Featurizer(max_tokens=count, **settings), Featurizer(**settings)
    corpus, want = featurizer.fit(documents), plain.fit_tokens(short)
    assert featurizer.vocabulary == plain.vocabulary
    again = Featurizer.from_state(featurizer.state())
    assert again.max_tokens == count
    for got in (
        corpus,
        featurizer.encode(documents),
        again.encode(documents),
        featurizer.fit_tokens([text.split() for text in documents]),
    ):
        np.testing.assert_array_equal(got.bags().ids, want.bags().ids)
        np.testing.assert_array_equal(got.bags().offsets, want.bags().offsets)


def test_first_words_of_a_file(tmp_path):
    """Labels stand anywhere and are no words; long lines go over the segments in which words are found."""
    path = tmp_path / "file"
    long = " ".join(f"w{i}" for i in range(3000))
    path.write_text(
        f"a b __label__x c d __label__y\n__label__z {long}\nÀ é ß\n\none\n", encoding="utf-8"
    )
    featurizer = Featurizer(max_tokens=3, lowercase=True)
    corpus = featurizer.fit_file(path, label_prefix="__label__")
    words = words_of(corpus, featurizer.vocabulary)
    assert words == [["a", "b", "c"], ["w0", "w1", "w2"], ["à", "é", "ß"], ["one"]]
    assert corpus.label_names == ["__label__x", "__label__y", "__label__z"]
    assert corpus.labels.offsets.tolist() == [0, 2, 3, 3, 3]
    with pytest.raises(ValueError, match="max_tokens must be at least 1"):
        Featurizer(max_tokens=0)
