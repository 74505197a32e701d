"""The chapter's hand features: its worked example, lexicons, use in scikit-learn, errors; and BPE ids into an embedding table."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import pytest

from pyffnn import features, ops
from pyffnn.features import HandFeatures, load_lexicon, tokenize

REVIEW = (
    "It's hokey. There are virtually no surprises , and the writing is second-rate . So why was it so "
    "enjoyable ? For one thing , the cast is great . Another nice touch is the music . I was overcome "
    "with the urge to get off the couch and start dancing . It sucked me in , and it'll do the same to you ."
)
POSITIVE, NEGATIVE = ["enjoyable", "great", "nice"], ["hokey", "second-rate"]


def test_review_of_the_book() -> None:
    """Jurafsky & Martin: x = [3, 2, 1, 3, 0, ln 66 = 4.19], and P(+|x) = .70 with the book's weights."""
    X = HandFeatures(POSITIVE, NEGATIVE).fit_transform([REVIEW])
    assert X.shape == (1, 6) and X.dtype == np.float64
    assert X[0, :5].tolist() == [3, 2, 1, 3, 0]
    assert f"{X[0, 5]:.2f}" == "4.19"
    from pyffnn.nn import Unit

    assert f"{Unit([2.5, -5.0, -1.2, 0.5, 2.0, 0.7], 0.1)(X[0]):.2f}" == "0.70"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("", [0, 0, 0, 0, 0, 0]),
        ("GREAT! Great!! NO", [2, 0, 1, 0, 1, np.log(6)]),
        ("nobody knows, note it", [0, 0, 0, 0, 0, np.log(5)]),
        ("I'm sure you’re my we'll yours", [0, 0, 0, 5, 0, np.log(6)]),
        ("hokey second-rate second rate", [0, 2, 0, 0, 0, np.log(4)]),
        ("schön 👍 !", [0, 0, 0, 0, 1, np.log(3)]),
    ],
)
def test_counts(text: str, row: list[float]) -> None:
    X = HandFeatures(POSITIVE, NEGATIVE).fit_transform([text])
    np.testing.assert_allclose(X[0], row, rtol=1e-15)


def test_lexicon_of_the_installed_package() -> None:
    pytest.importorskip("vaderSentiment")
    lexicon = load_lexicon()
    assert {"good", "love", "great", "happy"} <= lexicon.positive
    assert {"bad", "hate", "awful", "sad"} <= lexicon.negative
    assert not lexicon.positive & lexicon.negative
    assert len(lexicon.positive) > 3000 and len(lexicon.negative) > 3500
    assert all(tokenize(w) == [w] for w in lexicon.positive | lexicon.negative)
    X = HandFeatures().fit_transform(["a good day", "a bad, sad day"])
    assert X[:, :2].tolist() == [[1, 0], [0, 2]]


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(features.metadata, "distribution", missing)
    with pytest.raises(ImportError, match=r"pip install 'pyffnn\[lexicon\]'"):
        HandFeatures().fit(["text"])
    HandFeatures(POSITIVE, NEGATIVE).fit(["text"])


def test_errors() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        HandFeatures(POSITIVE, NEGATIVE).transform(["text"])
    fitted = HandFeatures(POSITIVE, NEGATIVE).fit([])
    for bad, where in ((["a", None], "NoneType at position 1"), ([b"a"], "bytes at position 0")):
        with pytest.raises(TypeError, match=where):
            fitted.transform(bad)
    with pytest.raises(TypeError, match="single str"):
        fitted.transform("text")
    with pytest.raises(ValueError, match="negative must be given"):
        HandFeatures(POSITIVE).fit([])
    with pytest.raises(TypeError, match="positive must be a collection of words"):
        HandFeatures("good", NEGATIVE).fit([])
    with pytest.raises(TypeError, match="negative must hold strings, got int"):
        HandFeatures(POSITIVE, [1]).fit([])
    assert fitted.transform([]).shape == (0, 6)


def test_in_a_scikit_learn_pipeline() -> None:
    pytest.importorskip("sklearn")
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline

    texts = [
        f"a {w} film {i}" for i in range(10) for w in ("great", "nice", "hokey", "second-rate")
    ]
    y = [w in POSITIVE for t in texts for w in [t.split()[1]]]
    pipeline = Pipeline(
        [("features", HandFeatures(POSITIVE, NEGATIVE)), ("classify", LogisticRegression())]
    )
    copy = clone(pipeline).set_params(features__negative=["hokey"])
    assert copy["features"].positive == POSITIVE and copy["features"].negative == ["hokey"]
    assert pipeline.fit(texts, y).score(texts, y) == 1
    assert pipeline[:-1].get_feature_names_out().tolist() == [
        "positive", "negative", "no", "pronouns", "exclamation", "log_length"
    ]  # fmt: skip
    search = GridSearchCV(pipeline, {"classify__C": [0.1, 1.0]}, cv=2).fit(texts, y)
    assert search.best_score_ == 1


# Byte-pair encoding


def test_bpe_ids_go_into_an_embedding_table() -> None:
    pytest.importorskip("tokenizers")
    from pyffnn.integrations.tokenizers import encode, train_bpe

    texts = ["the low lower lowest", "new newer newest", "wide wider widest"] * 20
    tokenizer = train_bpe(texts, 300)
    size = tokenizer.get_vocab_size()
    assert 256 < size <= 300
    unseen = ["lowest", "", "the newest — schön 👍", "wide"]
    ids, offsets = encode(tokenizer, unseen)
    assert ids.dtype == offsets.dtype == np.int64
    assert offsets[0] == 0 and offsets[-1] == len(ids) and offsets[1] == offsets[2]
    assert ids.min() >= 0 and ids.max() < size
    for i, text in enumerate(unseen):
        assert tokenizer.decode(ids[offsets[i] : offsets[i + 1]].tolist()).strip() == text
    assert offsets[1] < len("lowest")  # merges were learned

    table = np.random.default_rng(0).standard_normal((size, 8))
    pooled = ops.mean_pool(table, ids, offsets)
    np.testing.assert_allclose(pooled[0], table[ids[: offsets[1]]].mean(axis=0), rtol=1e-13)
    assert not pooled[1].any()
    assert train_bpe(texts, 300).to_str() == tokenizer.to_str()


def test_bpe_errors() -> None:
    pytest.importorskip("tokenizers")
    from pyffnn.integrations.tokenizers import encode, train_bpe

    with pytest.raises(ValueError, match="vocab_size must be at least 256"):
        train_bpe(["a"], 10)
    with pytest.raises(TypeError, match="single str"):
        train_bpe("a b c", 300)
    with pytest.raises(TypeError, match="NoneType at position 1"):
        encode(train_bpe(["a"], 300), ["a", None])
