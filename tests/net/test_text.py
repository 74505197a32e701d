"""Examples of a corpus of the text path are its bags of rows, or its words in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles.examples import make_spec

from pyffnn import _pyffnn
from pyffnn.data import Featurizer

Examples, Targets = _pyffnn.Examples, _pyffnn.Targets
WORDS = "the a film plot actor is was good bad fine dull never always not very".split()


def texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(0, 12))) for _ in range(n)]


def same(a: Any, b: Any) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(
    "options", [{}, {"word_ngrams": 2}, {"word_ngrams": 3, "buckets": 50}, {"char_ngrams": (2, 3)}]
)
@pytest.mark.parametrize("compiled", [_pyffnn.Network, _pyffnn.Network64])
def test_text_is_its_bags(options: dict[str, Any], compiled: Any) -> None:
    corpus = Featurizer(**options).fit(texts(60))
    rows = corpus.featurizer.num_rows
    more = {"dim": 6, "n_outputs": 2, "optimizer": "adagrad", "word_dropout": 0.1}
    spec = make_spec("bags", rows=rows, **more)
    y = Targets.classes(np.arange(60) % 2, 2)
    order = np.random.default_rng(1).permutation(60)[:50]
    bags = corpus.bags()
    data = Examples.text(corpus.core), Examples.bags(bags.ids, bags.offsets, rows)
    assert [d.kind for d in data] == ["bags", "bags"] and [d.width for d in data] == [rows, rows]
    nets = compiled(spec), compiled(spec)
    for net in nets:
        net.initialise(2)
    same(*(n.train(d, y, order, 8, 0.3) for n, d in zip(nets, data, strict=True)))
    same(*(n.evaluate(d, y) for n, d in zip(nets, data, strict=True)))
    p = nets[0].predict(data[0], order)
    np.testing.assert_array_equal(p, nets[1].predict(data[1], order))
    np.testing.assert_array_equal(
        nets[0].predict_texts(corpus.featurizer.core, 0, texts(60)), nets[1].predict(data[1])
    )
    (loss, grads), (want, expected) = (n.gradients(d, y) for n, d in zip(nets, data, strict=True))
    assert loss == want
    for name, g in expected.items():
        np.testing.assert_array_equal(grads[name], g)
    for n, d in zip(nets, data, strict=True):
        fork = n.fork(d)
        fork.train(d, y, order, 8, 0.3)
        n.absorb(fork)
    same(*(n.parameters().values() for n in nets))


def test_concatenation_reads_the_words_in_order() -> None:
    featurizer = Featurizer(word_ngrams=2, min_count=2)
    corpus = featurizer.fit(texts(60))
    unseen = [*texts(20, seed=5), "unheard of words", "good"]
    other = featurizer.encode(unseen)
    rows = featurizer.num_rows
    spec = make_spec("concat", rows=rows, dim=4, max_tokens=5, n_outputs=2)
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    train = Examples.text_sequences(corpus.core, 5)
    net.train(train, Targets.classes(np.arange(60) % 2, 2), None, 8, 0.3)
    sequences = other.sequences(5)
    assert (sequences == -1).any()
    offsets = np.arange(0, sequences.size + 1, 5)
    expected = net.predict(Examples.sequences(sequences.ravel(), offsets, rows, 5))
    np.testing.assert_array_equal(net.predict(Examples.text_sequences(other.core, 5)), expected)
    np.testing.assert_array_equal(net.predict_texts(featurizer.core, 5, unseen), expected)


def test_a_corpus_must_fit_the_table() -> None:
    corpus = Featurizer(word_ngrams=2).fit(texts(30))
    rows = corpus.featurizer.num_rows
    net = _pyffnn.Network(make_spec("bags", rows=rows - 1))
    with pytest.raises(ValueError, match=f"the network has {rows - 1} rows, the examples are for"):
        net.predict(Examples.text(corpus.core))
    with pytest.raises(ValueError, match=f"the network has {rows - 1} rows"):
        net.predict_texts(corpus.featurizer.core, 0, ["good"])
    for wrong in (None, 3, "text"):
        with pytest.raises(TypeError):
            Examples.text(wrong)
    with pytest.raises(TypeError):
        net.predict_texts(None, 0, ["good"])
    for length, error in ((0, ValueError), (-1, ValueError), (2**63, ValueError), (1.5, TypeError)):
        with pytest.raises(error, match="length must"):
            Examples.text_sequences(corpus.core, length)
    with pytest.raises(ValueError, match="length must not be negative, got -1"):
        net.predict_texts(corpus.featurizer.core, -1, ["good"])
    dense = _pyffnn.Network(make_spec("dense"))
    with pytest.raises(ValueError, match="the network reads dense examples, got bags of ids"):
        dense.predict(Examples.text(corpus.core))
    with pytest.raises(ValueError, match="the network reads dense examples, got sequences of ids"):
        dense.predict(Examples.text_sequences(corpus.core, 3))
    concat = _pyffnn.Network(make_spec("concat", rows=rows))
    with pytest.raises(ValueError, match="the network reads 4 ids an example, got 3"):
        concat.predict(Examples.text_sequences(corpus.core, 3))
