"""scikit-learn's vectorizers on the text path give scikit-learn's matrices, number for number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from sklearn.base import clone
from sklearn.feature_extraction import text as theirs
from sklearn.utils import murmurhash3_32

import pyffnn
from pyffnn.integrations.sklearn import vectorizers as ours

NAMES = ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer")
DOCUMENTS = [
    "This is a Test of the thing, ünïcode Straße ÀÉ x y2_z",
    "the the cat's   hat",
    "",
    "naïve 中文 字符 test İstanbul ǅ",
    "a b cd\x00ef \ud800gh \U0001f600 \U00010400\U00010401",
    # letters are lowered before accents are stripped, which makes capitals of these
    "mathematical \U0001d538bc \U0001d400BC \u2167 \u2102at",
] * 3
SETTINGS = [
    {}, {"ngram_range": (1, 3)}, {"ngram_range": (2, 2)}, {"stop_words": "english"}, {"stop_words": ["the", "naïve"], "ngram_range": (1, 2)},
    {"strip_accents": "unicode"}, {"strip_accents": "ascii"}, {"analyzer": "char_wb", "strip_accents": "ascii"}, {"lowercase": False}, {"token_pattern": r"(?u)\b\w+\b"}, {"binary": True},
    {"dtype": np.float32}, {"analyzer": "char_wb", "ngram_range": (2, 3)}, {"analyzer": "char_wb", "ngram_range": (5, 6)},
    {"analyzer": "char", "ngram_range": (1, 3)}, {"analyzer": "char", "strip_accents": "unicode", "lowercase": False}, {"tokenizer": str.split, "token_pattern": None},
]  # fmt: skip
OF_COUNTS = [
    {"min_df": 2},
    {"max_df": 0.5},
    {"max_features": 4},
    {"vocabulary": ["test", "the", "中文"]},
]
CASES = [(n, s) for n in NAMES for s in SETTINGS] + [(n, s) for n in NAMES[:2] for s in OF_COUNTS]


def same(a, b):
    a, b = a.copy(), b.copy()
    a.sort_indices()
    b.sort_indices()
    assert type(a) is type(b)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    assert a.indices.dtype == b.indices.dtype
    np.testing.assert_array_equal(a.indptr, b.indptr)
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_allclose(a.data, b.data, rtol=1e-6)


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_same_matrices(name, setting):
    documents = DOCUMENTS
    if "analyzer" in setting or name == "HashingVectorizer":
        documents = [d.replace("\ud800", "") for d in documents]  # theirs cannot hash it
    theirs_, ours_ = getattr(theirs, name)(**setting), getattr(ours, name)(**setting)
    same(theirs_.fit_transform(documents), ours_.fit_transform(documents))
    same(theirs_.transform(documents[:2]), ours_.transform(documents[:2]))
    if name != "HashingVectorizer":
        assert dict(theirs_.vocabulary_) == dict(ours_.vocabulary_)
        assert list(theirs_.get_feature_names_out()) == list(ours_.get_feature_names_out())
    assert clone(ours_).get_params() == ours_.get_params()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=8))
def test_any_text(documents):
    expected = theirs.HashingVectorizer(n_features=64, norm=None)
    found = ours.HashingVectorizer(n_features=64, norm=None)
    documents = [d.encode("utf-8", "ignore").decode() for d in documents]
    same(expected.transform(documents), found.transform(documents))
    try:
        counts = theirs.CountVectorizer().fit_transform(documents)
    except ValueError:
        with pytest.raises(ValueError, match="empty vocabulary"):
            ours.CountVectorizer().fit_transform(documents)
        return
    same(counts, ours.CountVectorizer().fit_transform(documents))


@pytest.mark.parametrize("isa", pyffnn.available_isas())
def test_ascii_of_every_length(isa):
    """Words are found 64 bytes at a time: texts that end on each byte of a block, words over its end, every ASCII character."""
    rng = np.random.default_rng(0)
    letters = [chr(c) for c in range(128)] + list("aZ09_ ") * 20
    documents = ["".join(rng.choice(letters, n)) for n in range(200)]
    documents += ["x" * n + " " + "Yz" * 40 for n in range(60, 70)]
    for setting in (
        {},
        {"ngram_range": (1, 2), "lowercase": False},
        {"token_pattern": r"(?u)\b\w+\b", "ngram_range": (2, 2), "n_features": 1009},
    ):
        expected = theirs.HashingVectorizer(norm=None, **setting).transform(documents)
        with pyffnn.use_isa(isa):
            same(expected, ours.HashingVectorizer(norm=None, **setting).transform(documents))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("aB \t\n\x1cé\u3000中", max_size=12), min_size=1, max_size=4),
    st.sampled_from(["char", "char_wb"]),
    st.tuples(st.integers(1, 4), st.integers(0, 4)),
)
def test_characters(documents, analyzer, reach):
    least, more = reach
    setting = {"analyzer": analyzer, "ngram_range": (least, least + more)}
    expected, found = (home.CountVectorizer(**setting) for home in (theirs, ours))
    try:
        counts = expected.fit_transform(documents)
    except ValueError:
        with pytest.raises(ValueError, match="empty vocabulary"):
            found.fit(documents)
        return
    same(counts, found.fit_transform(documents))
    assert list(expected.get_feature_names_out()) == list(found.get_feature_names_out())


def test_characters_do_not_go_through_python(monkeypatch):
    def refuse(*_):
        raise AssertionError

    monkeypatch.setattr(theirs.CountVectorizer, "_analyze", refuse, raising=False)
    monkeypatch.setattr(theirs, "_analyze", refuse)
    for analyzer in ("char", "char_wb"):
        ours.CountVectorizer(analyzer=analyzer, ngram_range=(2, 3)).fit(["some text"])


def test_hash_is_murmur3():
    words = ["x" * n for n in range(2, 20)] + ["straße", "中文"]
    found = ours.HashingVectorizer(n_features=2**20, norm=None).transform(words)
    for i, word in enumerate(words):
        h = murmurhash3_32(word, seed=0)
        assert found[[i]].indices.tolist() == [abs(h) % 2**20]
        assert found[[i]].data.tolist() == [1 if h >= 0 else -1]


def test_any_number_of_threads():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(3000)]
    documents = [" ".join(rng.choice(words, 60)) for _ in range(3000)]
    found = []
    for n in (1, 2, 5):
        with pyffnn.num_threads(n):
            model = ours.CountVectorizer(ngram_range=(1, 2))
            found.append((model.fit_transform(documents), model.vocabulary_))
    for X, vocabulary in found[1:]:
        same(found[0][0], X)
        assert vocabulary == found[0][1]
    same(theirs.CountVectorizer(ngram_range=(1, 2)).fit_transform(documents), found[0][0])


def test_wrong():
    with pytest.raises(ValueError, match="string object received"):
        ours.CountVectorizer().fit("a text")
    with pytest.raises(ValueError, match="empty vocabulary"):
        ours.CountVectorizer().fit(["", "a b"])
    with pytest.raises(ValueError, match="is an invalid document"):
        ours.CountVectorizer().fit(["text", np.nan])
    with pytest.raises(ValueError, match="empty sequence"):
        ours.HashingVectorizer().transform([])
    assert ours.CountVectorizer().fit([b"caf\xc3\xa9"]).vocabulary_ == {"café": 0}


def _many(count, words_of_each):
    """Documents whose words' frequencies fall as Zipf's law has it; some are beyond ASCII, some longer than the 15 bytes that a key holds."""
    rng = np.random.default_rng(1)
    kinds = [
        "ab{}",
        "w{}",
        "long_enough_to_be_hashed_{}",
        "exactly_15_{:04d}",
        "fifteen__by{:04d}",
        "straße{}",
        "中文{}",
    ]
    words = [kinds[i % len(kinds)].format(i) for i in range(2000)]
    chosen = (2000 ** rng.random((count, words_of_each))).astype(int) - 1
    lengths = rng.integers(0, words_of_each + 1, count)
    return [" ".join(words[i] for i in row[:n]) for row, n in zip(chosen, lengths, strict=True)]  # fmt: skip


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("ngram_range", [(1, 1), (1, 2), (1, 4), (2, 2), (2, 3), (3, 3)])
def test_many_documents(ngram_range, threads):
    """More entries than the rows that are sorted together hold, and n-grams met first by another thread."""
    documents = _many(1500, 120)
    expected, found = (home.CountVectorizer(ngram_range=ngram_range) for home in (theirs, ours))
    with pyffnn.num_threads(threads):
        same(expected.fit_transform(documents), found.fit_transform(documents))
        assert dict(expected.vocabulary_) == dict(found.vocabulary_)
        same(expected.transform(documents[:300]), found.transform(documents[:300]))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n_features", [1, 2, 1000, 2**11, 2**20, 2**31 - 1])
def test_columns_of_any_width(n_features, threads):
    documents = _many(1500, 120) + [" ".join(f"v{i}" for i in range(40_000))]
    for signs in (True, False):
        setting = {"n_features": n_features, "norm": None, "alternate_sign": signs}
        with pyffnn.num_threads(threads):
            same(
                theirs.HashingVectorizer(**setting).transform(documents),
                ours.HashingVectorizer(**setting).transform(documents),
            )
