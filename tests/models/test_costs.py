"""What calls may cost: partial_fit in proportion to its own texts, label sets in proportion to the labels given."""

from __future__ import annotations

import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest
from subprocesses import output_of

from pyffnn import FFNNClassifier, TextClassifier
from pyffnn.net import Network

WORDS = 60_000


@pytest.fixture(scope="module")
def large() -> TextClassifier:
    rng = np.random.default_rng(0)
    numbers = rng.permutation(np.arange(WORDS)).reshape(-1, 30)
    texts = [" ".join(f"w{i}" for i in row) for row in numbers]
    model = TextClassifier(epochs=1, char_ngrams=None, embedding_dim=32, pooling="mean")
    return model.fit(texts, np.arange(len(texts)) % 2)


def test_partial_fit_of_one_text_copies_its_rows_alone(
    large: TextClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    forks: list[Any] = []
    fork = Network.fork

    def spy(*args: Any, **more: Any) -> Any:
        forks.append(fork(*args, **more))
        return forks[-1]

    monkeypatch.setattr(Network, "fork", spy)
    table = large.embeddings_
    assert table.shape[0] == WORDS
    before, vocabulary = table.copy(), large.vocabulary_[:10]
    large.partial_fit(["w5 w6 unheard w7", "w5 of"], [0, 1])  # first growth may move the table
    table = large.embeddings_
    tracemalloc.start()  # NumPy's arrays are counted, too
    try:
        large.partial_fit(["w5 w6 unheard w7"], [1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    for n, rows in zip(range(2), (5, 4), strict=True):
        copied = forks[n].parameters()["embedding"].shape
        assert rows <= copied[0] <= 8 and copied[1] == 32
        assert sum(view.nbytes for view in forks[n].state().values()) < 10_000
    assert peak < 300_000 < before.nbytes / 10, peak
    assert large.vocabulary_[:10] == vocabulary and len(large.vocabulary_) == WORDS + 2
    same = (large.embeddings_[:WORDS] == before).all(axis=1)
    assert 3 <= (~same).sum() <= 4


def test_a_grown_featurizer_shares_what_it_knew(large: TextClassifier) -> None:
    features = large._state().features
    tracemalloc.start()
    try:
        corpus = features.extend(["w1 w2 neverheard"], min_count=1, ngram_min_count=2)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert corpus.featurizer.num_rows == features.num_rows + 1
    assert peak < 100_000


MEMORY = """
import numpy as np, resource
from pyffnn import TextClassifier
n, k = 40_000, 5_000
rng = np.random.default_rng(0)
labels = rng.integers(0, k, (n, 3))
texts = [f"c{a} c{b} c{c} w{i % 97}" for i, (a, b, c) in enumerate(labels.tolist())]
y = [[f"t{a}", f"t{b}"] for a, b, _ in labels.tolist()]
TextClassifier(multilabel=True, epochs=1, char_ngrams=None).fit(texts[:99], y[:99])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
model = TextClassifier(multilabel=True, epochs=1, embedding_dim=16, batch_size=256, char_ngrams=None).fit(texts, y)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, model.history_[0]["seconds"])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kB on Linux alone")
def test_many_texts_by_many_labels_take_memory_of_the_labels() -> None:
    growth, _seconds = map(float, output_of(MEMORY).split())
    dense = 40_000 * 5_000  # bytes of the smallest matrix of texts by labels
    assert growth < 0.6 * dense, f"{growth / 1e6:.0f} MB"


def test_partial_fit_of_a_dense_network_copies_it_once() -> None:
    """A dense network has no rows to choose from: its cost is the network's."""
    X = np.random.default_rng(0).normal(size=(100, 300)).astype(np.float32)
    model = FFNNClassifier((500,), epochs=1).fit(X, X[:, 0] > 0)
    size = sum(view.nbytes for view in model._state().network.parameters().values())
    tracemalloc.start()
    try:
        model.partial_fit(X[:1], X[:1, 0] > 0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size
