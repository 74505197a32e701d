"""On a CPU without AVX, emulated: the import and a training meet no illegal instruction."""

from __future__ import annotations

import shutil

import pytest
from subprocesses import run_python

import pyffnn

# Nehalem (2008): SSE4.2, no AVX. NumPy's own wheels ask for no more.
EMULATOR = ("qemu-x86_64", "-cpu", "Nehalem")
TRAIN = """
import numpy as np, pyffnn
assert pyffnn.available_isas() == ["reference", "sse2"], pyffnn.available_isas()
rng = np.random.default_rng(0)
X = rng.standard_normal((200, 5)).astype("f4")
y = (X[:, 0] * X[:, 1] > 0).astype(int)
model = pyffnn.FFNNClassifier((16,), epochs=30, learning_rate=0.05, n_threads=2).fit(X, y)
texts = ["good film", "bad film", "good day", "bad day"] * 10
labels = ["pos", "neg"] * 20
text = pyffnn.TextClassifier(hidden_layer_sizes=(8,), word_ngrams=2, epochs=10).fit(texts, labels)
print(pyffnn.isa(), model.score(X, y), *text.predict(["good day", "bad film"]))
"""


def test_a_machine_without_avx_trains():
    if not shutil.which(EMULATOR[0]):
        pytest.skip("qemu-user is not installed")
    if "sse2" not in pyffnn.available_isas():
        pytest.skip("x86-64 only")
    done = run_python(TRAIN, *EMULATOR, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    isa, score, good, bad = done.stdout.split()
    assert isa == "sse2"
    assert float(score) > 0.8
    assert (good, bad) == ("pos", "neg")
