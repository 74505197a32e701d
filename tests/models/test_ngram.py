"""Interpolated modified Kneser-Ney against dictionaries of n-grams and against NLTK."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.corpus import WordVocabulary
from pyffnn.models.ngram import KneserNeyLM, counted
from pyffnn.models.ngram.smoothing import counts_of_counts, discounts


class SlowKneserNey:
    """Modified Kneser-Ney written as the formulas stand, one n-gram at a time."""

    def __init__(self, stream, size, order, fixed=None):
        self.size, self.order = size, order
        grams = {
            k: [tuple(stream[i : i + k]) for i in range(len(stream) - k + 1)]
            for k in range(1, order + 1)
        }
        self.counts = {}
        for k in range(1, order + 1):
            if k == order:
                self.counts[k] = Counter(grams[k])
            else:
                before = defaultdict(set)
                for gram in grams[k + 1]:
                    before[gram[1:]].add(gram[0])
                self.counts[k] = Counter({gram: len(words) for gram, words in before.items()})
        self.discount = {}
        for k, counts in self.counts.items():
            n = Counter(counts.values())
            d = [0.0, 0.5, 1.0, 1.5]
            for i in (1, 2, 3):
                if fixed is not None:
                    d[i] = fixed
                elif n[1] and n[2] and n[i] and n[i + 1]:
                    value = i - (i + 1) * n[1] / (n[1] + 2 * n[2]) * n[i + 1] / n[i]
                    d[i] = value if value > 0 else d[i]
            self.discount[k] = d

    def p(self, word, context):
        context = tuple(context[-(self.order - 1) :]) if self.order > 1 else ()
        k = len(context) + 1
        lower = 1 / self.size if k == 1 else self.p(word, context[1:])
        followers = {g[-1]: c for g, c in self.counts[k].items() if g[:-1] == context}
        total = sum(followers.values())
        if total == 0:
            return lower
        d = self.discount[k]
        freed = sum(d[min(c, 3)] for c in followers.values())
        count = followers.get(word, 0)
        return (count - d[min(count, 3)] + freed * lower) / total


@st.composite
def streams(draw):
    size = draw(st.integers(1, 6))
    stream = draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=60))
    text = draw(st.lists(st.integers(0, size - 1), max_size=12))
    return size, stream, text


@settings(max_examples=80, deadline=None)
@given(streams(), st.integers(1, 7), st.sampled_from([None, 0.3]))
def test_probabilities_against_the_formulas(case, order, fixed):
    size, stream, text = case
    model = KneserNeyLM(order, discounts=fixed, vocabulary=size).fit(np.array(stream))
    slow = SlowKneserNey(stream, size, order, fixed)
    got = model.log_prob(text)
    assert got.shape == (len(text),) and got.dtype == np.float64
    expected = [slow.p(word, text[:i]) for i, word in enumerate(text)]
    np.testing.assert_allclose(np.exp(got), expected, rtol=1e-10)
    p = model.next_distribution(text)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(p, [slow.p(word, text) for word in range(size)], rtol=1e-10)


@pytest.fixture(scope="module")
def zipf_stream():
    rng = np.random.default_rng(3)
    return np.minimum(rng.zipf(1.3, 20_000), 400) - 1


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5, 7])
def test_all_words_sum_to_one_in_seen_and_unseen_contexts(zipf_stream, order):
    model = KneserNeyLM(order, vocabulary=450).fit(zipf_stream)
    d = model.discounts_
    assert ((d > 0) & (d <= [1, 2, 3])).all()
    rng = np.random.default_rng(0)
    contexts = [zipf_stream[at : at + n] for at in (0, 7, 19_990) for n in range(7)]
    contexts += [rng.integers(0, 450, 4) for _ in range(10)] + [zipf_stream[-5:]]
    for context in contexts:
        p = model.next_distribution(context)
        assert p.min() > 0
        assert p.sum() == pytest.approx(1, abs=1e-12)
        for word in (0, 3, 449):
            alone = model.log_prob(np.append(context, word))[-1]
            assert np.exp(alone) == pytest.approx(p[word], rel=1e-12)


def test_long_streams_are_scored_in_blocks(zipf_stream, monkeypatch):
    model = KneserNeyLM(4).fit(zipf_stream)
    whole = model.log_prob(zipf_stream[:101])
    for block in (1, 2, 3, 50, 100):
        monkeypatch.setattr(counted, "_BLOCK", block)
        np.testing.assert_array_equal(model.log_prob(zipf_stream[:101]), whole)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_one_discount_agrees_with_nltk(order):
    lm = pytest.importorskip("nltk.lm")
    util = pytest.importorskip("nltk.util")
    words = "a b c a b d a c b a d d b c a b b c d a a e c b".split() * 2
    peer = lm.KneserNeyInterpolated(order, discount=0.4)
    peer.fit([list(util.everygrams(words, max_len=order))], words)
    # NLTK leaves its unigrams undiscounted; it has one entry more, <UNK>, of probability 0
    fixed = np.full((order, 3), 0.4)
    fixed[0] = 0
    model = KneserNeyLM(order, discounts=fixed, vocabulary=sorted(set(words))).fit([words])
    for at in range(order, len(words)):
        context = words[at - order + 1 : at]
        for word in "abcde":
            expected = peer.score(word, context)
            got = np.exp(model.log_prob([*context, word])[-1])
            assert got == pytest.approx(expected, rel=1e-10), (context, word)


def test_unigrams_count_occurrences_alone_and_predecessors_below_bigrams():
    #              "c" comes often, but only after "b"
    words = "a b c b c b c b c d a d".split()
    alone = KneserNeyLM(1, discounts=0, vocabulary=list("abcd")).fit([words])
    assert np.exp(alone.log_prob(["c"])[0]) == pytest.approx(4 / 12)
    lower = KneserNeyLM(2, discounts=0, vocabulary=list("abcd")).fit([words])
    # types of bigrams: ab bc cb cd da ad
    assert np.exp(lower.log_prob(["c"])[0]) == pytest.approx(1 / 6)
    assert np.exp(lower.log_prob(["d"])[0]) == pytest.approx(2 / 6)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_tiny_streams(order):
    for stream in ([0], [0, 0], [2, 1], [1, 0, 1]):
        model = KneserNeyLM(order, vocabulary=4).fit(stream)
        for context in ([], [0], [3, 0], stream):
            assert model.next_distribution(context).sum() == pytest.approx(1, abs=1e-12)
        assert np.isfinite(model.log_prob([3, 3, 0, 1, 2, 3])).all()


def test_discounts():
    assert counts_of_counts(np.array([0, 1, 1, 2, 3, 4, 4, 5, 9])).tolist() == [2, 1, 1, 2]
    y = 100 / (100 + 2 * 40)
    expected = [1 - 2 * y * 40 / 100, 2 - 3 * y * 20 / 40, 3 - 4 * y * 12 / 20]
    np.testing.assert_allclose(discounts(np.array([100, 40, 20, 12])), expected)
    assert discounts(np.array([0, 5, 5, 5])).tolist() == [0.5, 1, 1.5]
    # D_1 stands; D_2 would take a count of 2 away whole; D_3+ has nothing to divide by
    assert discounts(np.array([4, 1, 0, 8])).tolist() == [1 - 2 * 4 / 6 * 1 / 4, 1, 1.5]
    # D_2 = 2 - 3 * 4 / 6 * 5 and D_3+ are negative
    assert discounts(np.array([4, 1, 5, 9])).tolist() == [1 - 2 * 4 / 6 * 1 / 4, 1, 1.5]


def test_text_and_ids_give_the_same_model(tmp_path):
    sentences = [["a", "b", "a"], ["b", "c"], ["a", "b", "a", "d"]]
    (tmp_path / "train.txt").write_text("\n".join(map(" ".join, sentences)))
    text = KneserNeyLM(3).fit(tmp_path / "train.txt", valid=sentences)
    assert isinstance(text.vocabulary_, WordVocabulary)
    stream = [text.vocabulary_[word] for sentence in sentences for word in sentence]
    ids = KneserNeyLM(3).fit(np.array(stream))
    expected = ids.log_prob(stream)
    np.testing.assert_array_equal(text.log_prob("a b a b c a b a d"), expected)
    np.testing.assert_array_equal(text.log_prob(stream), expected)
    perplexity = np.exp(-expected.mean())
    assert text.perplexity(tmp_path / "train.txt") == pytest.approx(perplexity)
    assert text.valid_perplexity_ == ids.perplexity(stream) == pytest.approx(perplexity)
    assert text.num_tokens_ == 9 and text.num_ngrams_ == ids.num_ngrams_


def test_ends_of_sentence_and_unknown_words_are_counted():
    sentences = [["a", "b"], ["a", "b"], ["a", "c"]]
    model = KneserNeyLM(2, min_count=2, eos_token="</s>").fit(sentences)
    assert model.vocabulary_.words == ["<unk>", "</s>", "a", "b"]
    result = model.evaluate([["a", "x"], ["b"]])
    log_p = model.log_prob(["a", "x", "</s>", "b", "</s>"])
    assert (result.tokens, result.unknown, result.end_of_sentence) == (5, 1, 2)
    assert result.perplexity == model.perplexity([["a", "x"], ["b"]])
    assert result.perplexity == pytest.approx(np.exp(-log_p.mean()))
    assert model.next_words("a", 1)[0][0] == "b"


def test_next_words():
    model = KneserNeyLM(2).fit([3, 0, 3, 0, 3, 1])
    best = model.next_words([3], k=2)
    assert [word for word, _ in best] == [0, 1]
    p = model.next_distribution([3])
    assert [share for _, share in best] == p[[0, 1]].tolist()
    assert len(model.next_words([], k=100)) == 4
    for k in (0, -1):
        with pytest.raises(ValueError, match="k must be at least 1"):
            model.next_words([3], k)
    with pytest.raises(TypeError, match="k must be an integer"):
        model.next_words([3], 2.0)


def test_dogs_get_no_food_from_ngrams(fed_sentences):
    """An n-gram model knows nothing of likeness: what it never saw fed, it does not feed."""
    for order in (2, 3, 4, 5):
        model = KneserNeyLM(order).fit(fed_sentences)
        dog = dict(model.next_words("the dog gets", len(model.vocabulary_)))
        assert dog["fed"] < (0.05 if order == 2 else 0.03)
        assert [word for word, _ in model.next_words("the dog gets", 10)].count("fed") == 0
        if order > 2:
            cat = dict(model.next_words("the cat gets", 1))
            assert cat["fed"] > max(0.5, 15 * dog["fed"])


@pytest.mark.parametrize(
    ("options", "corpus", "error", "message"),
    [
        ({"order": 0}, [0], ValueError, r"order must be in 1 \.\. 7, got 0"),
        ({"order": 8}, [0], ValueError, r"order must be in 1 \.\. 7, got 8"),
        ({"order": 2.0}, [0], TypeError, "order must be an integer"),
        ({}, [], ValueError, "corpus is empty"),
        ({}, [1, -1], ValueError, "must not be negative"),
        ({"vocabulary": 2}, [2], IndexError, "id 2 is outside the vocabulary"),
        ({"discounts": float("nan")}, [0], ValueError, r"discounts must be in \[0, 3\]"),
        ({"discounts": 1.5}, [0], ValueError, "0 <= D_i <= i"),
        ({"discounts": [0.1, 0.2]}, [0], ValueError, r"shape \(3, 3\)"),
        ({"discounts": "big"}, [0], ValueError, "discounts must be a number"),
        ({"min_count": 0}, [["a"]], ValueError, "min_count must be at least 1"),
    ],
)
def test_fit_errors(options, corpus, error, message):
    with pytest.raises(error, match=message):
        KneserNeyLM(**options).fit(corpus)


def test_a_failed_fit_leaves_the_model_as_it_was():
    model = KneserNeyLM(2).fit([0, 1, 0])
    before = model.log_prob([0, 1])
    with pytest.raises(ValueError, match="corpus is empty"):
        model.fit([])
    np.testing.assert_array_equal(model.log_prob([0, 1]), before)


def test_use_errors():
    unfitted = KneserNeyLM()
    for use in (
        lambda: unfitted.log_prob([0]),
        lambda: unfitted.perplexity([0]),
        lambda: unfitted.next_words([0]),
        lambda: unfitted.mix(unfitted),
    ):
        with pytest.raises(ValueError, match="not fitted yet"):
            use()
    model = KneserNeyLM(2).fit([0, 1, 0])
    assert model.log_prob([]).shape == (0,)
    with pytest.raises(ValueError, match="corpus is empty"):
        model.perplexity([])
    with pytest.raises(IndexError, match="tokens: id 2 is outside"):
        model.log_prob([0, 2])
    with pytest.raises(IndexError, match="context: id -1 is outside"):
        model.next_words([-1])
    with pytest.raises(TypeError, match="integer ids, got dtype float64"):
        model.log_prob([0.0])
    with pytest.raises(TypeError, match="must be integers"):
        model.log_prob(["a"])


def test_it_is_an_estimator():
    base = pytest.importorskip("sklearn.base")
    model = KneserNeyLM(5, eos_token="</s>")
    copy = base.clone(model)
    assert copy.get_params() == model.get_params()
    assert repr(copy) == "KneserNeyLM(order=5, eos_token='</s>')"
    assert model.fit([["a", "b"]]) is model
