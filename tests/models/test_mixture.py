"""Mixtures: EM, the cache, and what a neural member may be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.corpus import IdVocabulary, WordVocabulary
from pyffnn.models.ngram import KneserNeyLM, UnigramCache, fit_weights


def slow_cache(ids, size, decay, window):
    out = []
    for t, word in enumerate(ids):
        before = ids[max(0, t - window) : t][::-1]
        weight = [decay**j for j in range(len(before))]
        hits = sum(w for w, other in zip(weight, before, strict=True) if other == word)
        out.append(hits / sum(weight) if before else 1 / size)
    return out


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(0, 4), max_size=80),
    st.sampled_from([1.0, 0.998, 0.5]),
    st.sampled_from([1, 2, 3, 7, 32, 2000]),
)
def test_cache_against_a_loop(ids, decay, window):
    got = UnigramCache(decay, window).prob(np.array(ids, np.int32), 5)
    np.testing.assert_allclose(got, slow_cache(ids, 5, decay, window), rtol=1e-12, atol=1e-15)


def test_cache_is_a_distribution_and_causal():
    rng = np.random.default_rng(0)
    ids = np.minimum(rng.zipf(1.4, 3000), 20) - 1
    cache = UnigramCache()
    for t in (0, 1, 700, 2500):
        each = [cache.prob(np.append(ids[:t], word), 20)[t] for word in range(20)]
        assert sum(each) == pytest.approx(1, abs=1e-12)
    changed = ids.copy()
    changed[1500:] = 19
    expected = cache.prob(ids, 20)[:1500]
    np.testing.assert_array_equal(cache.prob(changed, 20)[:1500], expected)
    np.testing.assert_array_equal(cache.prob(ids[:1500], 20), expected)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 4), st.integers(1, 50), st.booleans())
def test_em_climbs_to_the_best_weights(seed, members, tokens, fixed_first):
    rng = np.random.default_rng(seed)
    log_p = np.log(rng.random((members, tokens)) ** 3 + 1e-6)
    start = np.full(members, 1 / members)
    weights, trace = fit_weights(log_p, start, fixed_first=fixed_first)
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    assert (np.diff(trace) >= -1e-12).all()

    def mean_log(w):
        return np.log(w @ np.exp(log_p)).mean()

    assert trace[-1] == pytest.approx(mean_log(weights))
    others = rng.dirichlet(np.ones(members), 200)
    if fixed_first:
        assert weights[0] == start[0]
        others[:, 1:] *= (1 - start[0]) / others[:, 1:].sum(axis=1, keepdims=True)
        others[:, 0] = start[0]
    assert max(mean_log(w) for w in others) <= trace[-1] + 1e-4


class Stub:
    """A neural model of probabilities ``p`` in turn, which keeps what it was given."""

    def __init__(self, p=0.25, vocabulary=None):
        self.p = p
        self.given = []
        if vocabulary is not None:
            self.vocabulary_ = vocabulary

    def log_prob(self, tokens):
        self.given.append(tokens)
        return np.resize(np.log(self.p), len(tokens)).astype(np.float32)


STREAM = np.array([0, 1, 2, 0, 1, 3, 0, 1, 2, 2, 1, 0, 3, 1, 2, 0])


@pytest.fixture
def ngram():
    return KneserNeyLM(2).fit(STREAM, valid=STREAM[::-1])


def test_a_fixed_weight(ngram):
    mixture = ngram.mix(Stub(), 0.3)
    assert mixture.weights_ == {"neural": 0.3, "ngram": 0.7}
    assert mixture.log_likelihoods_ == []
    expected = np.log(0.3 * 0.25 + 0.7 * np.exp(ngram.log_prob(STREAM)))
    np.testing.assert_allclose(mixture.log_prob(STREAM), expected, rtol=1e-6)
    assert mixture.perplexity(STREAM) == pytest.approx(np.exp(-expected.mean()))
    assert mixture.evaluate(STREAM).tokens == STREAM.size
    assert mixture.log_prob([]).shape == (0,)
    np.testing.assert_array_equal(ngram.mix(Stub(), 0).log_prob(STREAM), ngram.log_prob(STREAM))


def test_fitted_weights(ngram):
    mixture = ngram.mix(Stub((0.6, 0.1)))
    alone = [Stub((0.6, 0.1)).log_prob(STREAM), ngram.log_prob(STREAM[::-1])]
    weights, _ = fit_weights(np.stack(alone), np.array([0.5, 0.5]))
    assert 0.1 < weights[0] < 0.9
    assert list(mixture.weights_.values()) == pytest.approx(weights, rel=1e-4)
    shares = np.linspace(0, 1, 101)
    best = min(ngram.mix(Stub((0.6, 0.1)), w).perplexity(STREAM[::-1]) for w in shares)
    assert mixture.perplexity(STREAM[::-1]) <= best + 1e-6
    again = KneserNeyLM(2).fit(STREAM).mix(Stub((0.6, 0.1)), valid=STREAM[::-1])
    assert again.weights_ == mixture.weights_
    assert "neural 0." in repr(mixture) and "ngram 0." in repr(mixture)


def test_the_cache_is_a_third_member(ngram):
    mixture = ngram.mix(Stub(), cache=True)
    assert list(mixture.weights_) == ["neural", "ngram", "cache"]
    assert mixture.cache == UnigramCache(decay=0.998, window=2000)
    w = list(mixture.weights_.values())
    p = [np.full(STREAM.size, 0.25), np.exp(ngram.log_prob(STREAM))]
    p.append(slow_cache(STREAM.tolist(), 4, 0.998, 2000))
    np.testing.assert_allclose(np.exp(mixture.log_prob(STREAM)), np.dot(w, p), rtol=1e-6)

    other = UnigramCache(decay=0.5, window=3)
    fixed = ngram.mix(Stub(), 0.6, cache=other)
    assert fixed.cache is other
    assert fixed.weights_["neural"] == 0.6 and sum(fixed.weights_.values()) == pytest.approx(1)
    assert (np.diff(fixed.log_likelihoods_) >= -1e-12).all()
    assert ngram.mix(Stub(), 1, cache=True).weights_["neural"] == 1


def test_a_mixture_sees_no_later_token(ngram):
    mixture = ngram.mix(Stub(), cache=True)
    changed = STREAM.copy()
    changed[9:] = 3
    np.testing.assert_array_equal(mixture.log_prob(changed)[:9], mixture.log_prob(STREAM)[:9])


def test_the_neural_model_gets_tokens_it_knows(tmp_path):
    sentences = [["b", "a"], ["b", "c", "b"]]
    ngram = KneserNeyLM(2).fit(sentences)
    ids = ngram.vocabulary_.encode(["b", "x"])
    cases = [
        (None, [["b"], ["x"]], ["b", "<unk>"]),
        (None, ids, ids.tolist()),
        (ngram.vocabulary_, [["b"], ["x"]], ids.tolist()),
        (IdVocabulary(4), [["b"], ["x"]], ids.tolist()),
        (WordVocabulary(["<unk>", "c", "b", "a"]), [["b"], ["x"]], ["b", "<unk>"]),
        (WordVocabulary(["<unk>", "c", "b", "a"]), ids, ["b", "<unk>"]),
    ]
    for vocabulary, corpus, expected in cases:
        stub = Stub(vocabulary=vocabulary)
        ngram.mix(stub, 0.5).perplexity(corpus)
        assert list(stub.given[-1]) == expected, vocabulary
    for other in (WordVocabulary(["a", "b"]), IdVocabulary(5)):
        with pytest.raises(ValueError, match="must have the same vocabulary"):
            ngram.mix(Stub(vocabulary=other), 0.5)


class Bad:
    def __init__(self, values):
        self.values = values

    def log_prob(self, tokens):
        return self.values


@pytest.mark.parametrize(
    ("neural", "options", "error", "message"),
    [
        (None, {}, TypeError, "neural must have a log_prob method, got NoneType"),
        (Stub(), {"weight": float("nan")}, ValueError, r"weight must be in 0 \.\. 1, got nan"),
        (Stub(), {"weight": 1.1}, ValueError, r"weight must be in 0 \.\. 1, got 1.1"),
        (Stub(), {"weight": "half"}, TypeError, "weight must be a number or None, got str"),
        (Stub(), {"cache": 3}, TypeError, "cache must be a bool or a UnigramCache, got int"),
        (Stub(), {"valid": []}, ValueError, "valid is empty"),
        (Stub(), {"valid": [9]}, IndexError, "valid: id 9 is outside"),
        (Bad(np.zeros(3)), {}, ValueError, r"one number a token, shape \(16,\), got shape \(3,\)"),
        (Bad(np.full(16, np.nan)), {}, ValueError, "neural.log_prob gave NaN"),
        (Bad(np.full(16, 0.5)), {}, ValueError, "at most 0, got 0.5"),
    ],
)
def test_errors(ngram, neural, options, error, message):
    with pytest.raises(error, match=message):
        ngram.mix(neural, **options)


def test_em_needs_validation_data():
    ngram = KneserNeyLM(2).fit(STREAM)
    for options in ({}, {"weight": 0.5, "cache": True}):
        with pytest.raises(ValueError, match="valid is needed to fit the weights"):
            ngram.mix(Stub(), **options)
    with pytest.raises(ValueError, match="token 1 has probability zero under every model"):
        fit_weights(np.array([[-1, -np.inf], [-2, -np.inf]]), np.array([0.5, 0.5]))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((0.0,), ValueError), ((1.5,), ValueError), ((0.5, 0), ValueError), ((0.5, 2.5), TypeError)],
)
def test_cache_errors(arguments, error):
    with pytest.raises(error):
        UnigramCache(*arguments)
