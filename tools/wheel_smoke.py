"""What an installed wheel must do, in ten seconds also in an emulator: products, a trained classifier and language model, a model file.

Needs what the wheel depends on alone. Without safetensors, which some interpreters have no wheel of, no file is written, and it says so.
"""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

import numpy as np

import pyffnn

rng = np.random.default_rng(0)
a = rng.standard_normal((37, 29)).astype(np.float32)
b = rng.standard_normal((29, 41)).astype(np.float32)
for name in pyffnn.available_isas():
    with pyffnn.use_isa(name):
        assert np.allclose(pyffnn.ops.matmul(a, b), a @ b, atol=1e-4), name

texts, labels = ["a good film", "a bad film"] * 20, ["y", "n"] * 20
model = pyffnn.TextClassifier(hidden_layer_sizes=(8,), epochs=30, random_state=0).fit(texts, labels)
assert list(model.predict(["a good film", "a bad film"])) == ["y", "n"]

lm = pyffnn.LanguageModel(embedding_dim=8, hidden_layer_sizes=(16,), epochs=2, random_state=0)
sentence = "the cat sat on the mat and the dog sat on the log".split()
lm.fit([sentence] * 20)
assert lm.perplexity([sentence]) < 20

if importlib.util.find_spec("safetensors"):
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "m.safetensors"
        model.save(file)
        again = pyffnn.TextClassifier.load(file)
        assert (again.predict_proba(texts) == model.predict_proba(texts)).all()
else:
    print("no safetensors: no model file was written")
pyffnn.show_config()
