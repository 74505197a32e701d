"""Training on a corpus of the text path is training on its bags of rows."""

import numpy as np
import pytest

from pyffnn import _pyffnn
from pyffnn.data import Featurizer

WORDS = "the a film plot actor is was good bad fine dull never always not very".split()


def texts(n, seed=0):
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(0, 12))) for _ in range(n)]


@pytest.mark.parametrize(
    "options", [{}, {"word_ngrams": 2}, {"word_ngrams": 3, "buckets": 50}, {"char_ngrams": (2, 3)}]
)
def test_text_is_its_bags(options):
    corpus = Featurizer(**options).fit(texts(60))
    rows = corpus.featurizer.num_rows
    spec = {
        "input": "mean",
        "rows": rows,
        "dim": 6,
        "hidden": [5],
        "n_outputs": 2,
        "optimizer": "adagrad",
        "word_dropout": 0.1,
    }
    y = np.arange(60) % 2
    order = np.random.default_rng(1).permutation(60)[:50]
    a, b = _pyffnn.Network(spec), _pyffnn.Network(spec)
    for net in (a, b):
        net.initialise(2)
    bags = corpus.bags()
    one = a.train_text(corpus.core, y, None, order, 8, 0.3)
    other = b.train_bags(bags.ids, bags.offsets, y, None, order, 8, 0.3)
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])
    np.testing.assert_array_equal(
        a.predict_text(corpus.core, order), b.predict_bags(bags.ids, bags.offsets, order)
    )
    assert a.evaluate_text(corpus.core, y) == b.evaluate_bags(bags.ids, bags.offsets, y)
    loss, grads = a.gradients_text(corpus.core, y)
    expected_loss, expected = b.gradients_bags(bags.ids, bags.offsets, y)
    assert loss == expected_loss
    for name, g in expected.items():
        np.testing.assert_array_equal(grads[name], g)


def test_concatenation_reads_the_words_in_order():
    featurizer = Featurizer(word_ngrams=2, min_count=2)
    corpus = featurizer.fit(texts(60))
    other = featurizer.encode([*texts(20, seed=5), "unheard of words", "good"])
    spec = {
        "input": "concat",
        "rows": featurizer.num_words,
        "dim": 4,
        "max_tokens": 5,
        "hidden": [7],
        "n_outputs": 2,
    }
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    net.train_text(corpus.core, np.arange(60) % 2, None, None, 8, 0.3)
    sequences = other.sequences(5)
    assert (sequences == -1).any()
    expected = net.predict_bags(sequences.ravel(), np.arange(0, sequences.size + 1, 5))
    np.testing.assert_array_equal(net.predict_text(other.core), expected)


def test_corpus_must_fit_the_table():
    corpus = Featurizer(word_ngrams=2).fit(texts(30))
    net = _pyffnn.Network(
        {"input": "mean", "rows": corpus.featurizer.num_rows - 1, "dim": 4, "n_outputs": 2}
    )
    with pytest.raises(ValueError, match="corpus must have at most"):
        net.predict_text(corpus.core)
    with pytest.raises(TypeError):
        net.predict_text(None)
    dense = _pyffnn.Network({"input": "dense", "n_inputs": 3, "n_outputs": 2})
    with pytest.raises(ValueError, match="'dense' does not take texts"):
        dense.predict_text(corpus.core)
