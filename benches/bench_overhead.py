"""What a call costs when there is hardly anything to compute.

pytest benches/bench_overhead.py
"""

from __future__ import annotations

import numpy as np
import pytest

from pyffnn import TextClassifier, ops

SMALL = np.ones((16, 16), np.float32)
HUNDRED = np.ones(100, np.float32)
CALLS = {
    "matmul 16x16x16": lambda: ops.matmul(SMALL, SMALL),
    "relu of 100": lambda: ops.relu(HUNDRED),
    "softmax of 100": lambda: ops.softmax(HUNDRED),
    "linear 1x16x16": lambda: ops.linear(SMALL[:1], SMALL, SMALL[0], activation="tanh"),
}


@pytest.mark.parametrize("name", CALLS)
def test_call(benchmark, name):
    benchmark.group = name
    benchmark(CALLS[name])


def test_one_text(benchmark):
    texts = ["a good film", "a bad film", "good", "bad"] * 50
    model = TextClassifier().fit(texts, ["pos", "neg"] * 100)
    benchmark.group = "one text"
    benchmark(lambda: model.predict_proba(["what a very good film this is"]))
