"""The power of the logits' spread: the fit against a grid, the layer against NumPy, and everything that must have it."""

from __future__ import annotations

import copy
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyffnn import TextClassifier
from pyffnn.models.calibration import fit_by_spread
from pyffnn.models.labels import Targets
from pyffnn.net import Examples, Network
from pyffnn.net import Targets as NetTargets


def stretched(z: Any, power: float) -> Any:
    z = np.asarray(z, np.float64)
    return z * (z.var(axis=1, keepdims=True) + 1e-6) ** (power / 2)


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def texts(n: int, seed: int = 0) -> tuple[list[str], list[str]]:
    """Three kinds of words in texts of 1 to 30 words, and a quarter of the labels wrong whatever the length."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=n)
    words = [[f"{'abc'[c]}{i}" for i in rng.integers(40, size=rng.integers(1, 31))] for c in y]
    wrong = np.where(rng.random(n) < 0.25, rng.integers(3, size=n), y)
    return [" ".join(w) for w in words], [("bad", "fair", "good")[c] for c in wrong]


@pytest.fixture(scope="module")
def model() -> TextClassifier:
    return TextClassifier(calibrate=True).fit(*texts(900))


@pytest.mark.parametrize(("temperature", "power"), [(2.0, -0.6), (0.5, 0.3)])
def test_the_fit_has_the_least_loss(temperature: float, power: float) -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=(6000, 4)) * np.exp(rng.normal(size=(6000, 1)))
    p = softmax(stretched(z / temperature, power))
    codes = (p.cumsum(axis=1) > rng.random((len(p), 1))).argmax(axis=1)
    found_t, found_b = fit_by_spread(z, Targets(np.arange(4), codes))
    assert found_t == pytest.approx(temperature, rel=0.1)
    assert found_b == pytest.approx(power, abs=0.1)
    smooth = 1 / (len(z) + 2)
    wanted = np.eye(4)[codes] * (1 - smooth) + smooth / 4

    def loss(t: float, b: float) -> float:
        q = softmax(stretched(z / t, b))
        return float(-(wanted * np.log(q)).sum(axis=1).mean()) + 2 * b * b / len(z)

    least = loss(found_t, found_b)
    for t in (0.97, 1.0, 1.03):
        for b in (-0.03, 0.0, 0.03):
            assert least <= loss(found_t * t, found_b + b) + 1e-6


def test_weights_count_and_few_examples_say_little() -> None:
    rng = np.random.default_rng(2)
    z, codes = rng.normal(size=(200, 3)) * 2, rng.integers(3, size=200)
    weight = rng.integers(1, 3, size=200)
    again = np.repeat(np.arange(200), weight)
    once = fit_by_spread(z, Targets(np.arange(3), codes), weight)
    twice = fit_by_spread(z[again], Targets(np.arange(3), codes[again]))
    np.testing.assert_allclose(once, twice, rtol=0.05, atol=0.05)
    t, b = fit_by_spread(
        np.array([[3.0, 0, 0], [0, 9.0, 0]]), Targets(np.arange(3), np.array([0, 1]))
    )
    assert 0.01 <= t <= 100 and -0.9 <= b <= 1


@pytest.mark.parametrize("hidden", [[], [5]])
def test_the_layer_and_its_gradient(hidden: list[int]) -> None:
    spec = {"input": "dense", "n_inputs": 4, "n_outputs": 3, "hidden": hidden, "activation": "tanh"}
    plain, network = Network(spec), Network({**spec, "spread_power": -0.4})
    rng = np.random.default_rng(3)
    for name, array in plain.parameters().items():
        array[...] = rng.normal(size=array.shape)
        network.parameters()[name][...] = array
    x = rng.normal(size=(6, 4)).astype(np.float32)
    codes = rng.integers(3, size=6)
    z = stretched(plain.values(Examples.dense(x)), -0.4)
    np.testing.assert_allclose(network.values(Examples.dense(x)), z, rtol=1e-5)
    np.testing.assert_allclose(network.predict(Examples.dense(x)), softmax(z), rtol=1e-5)
    np.testing.assert_array_equal(
        network.values(Examples.dense(x), "hidden"), plain.values(Examples.dense(x), "hidden")
    )
    targets = NetTargets.classes(codes, 3, None)
    loss, grads = network.gradients(Examples.dense(x), targets)
    assert loss == pytest.approx(-np.log(softmax(z)[np.arange(6), codes]).mean(), rel=1e-5)
    for name, view in network.parameters().items():
        for at in np.ndindex(view.shape):
            kept, ends = view[at].copy(), []
            for step in (1e-2, -1e-2):
                view[at] = kept + step
                ends.append(network.evaluate(Examples.dense(x), targets)[0] / 6)
            view[at] = kept
            assert grads[name][at] == pytest.approx((ends[0] - ends[1]) / 2e-2, abs=2e-3)


def test_what_a_network_refuses() -> None:
    spec = {"input": "dense", "n_inputs": 2, "n_outputs": 3}
    for wrong in (-1.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="spread_power"):
            Network({**spec, "spread_power": wrong})
    with pytest.raises(ValueError, match="spread_power"):
        Network({**spec, "loss": "sigmoid", "spread_power": 0.5})
    network = Network(spec)
    with pytest.raises(ValueError, match="no fork"):
        network.absorb(network.fork(spread_power=0.5))


def test_probabilities_are_those_of_the_stretched_logits(model: TextClassifier) -> None:
    plain = TextClassifier().fit(*texts(900))
    X, _ = texts(300, seed=1)
    assert model.spread_power_ < -0.05 and plain.spread_power_ == 0
    z = stretched(plain.decision_function(X) / model.temperature_, model.spread_power_)
    np.testing.assert_allclose(model.decision_function(X), z, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(model.predict_proba(X), softmax(z), atol=1e-4)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))


def test_two_classes_and_label_sets_have_a_temperature_alone() -> None:
    X, y = texts(300)
    two = TextClassifier(calibrate=True, epochs=2).fit(
        X, ["good" if label == "good" else "bad" for label in y]
    )
    sets = TextClassifier(calibrate=True, multilabel=True, epochs=2).fit(
        X, [[label] for label in y]
    )
    assert two.spread_power_ == sets.spread_power_ == 0 != two.temperature_ - 1


def test_copies_files_and_folds_have_it(model: TextClassifier, tmp_path: Path) -> None:
    X, y = texts(50, seed=2)
    p = model.predict_proba(X)
    model.save(tmp_path / "model")
    for other in (
        TextClassifier.load(tmp_path / "model"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(other.predict_proba(X), p)
        assert (
            other.spread_power_ == model.spread_power_ and other.temperature_ == model.temperature_
        )
    np.testing.assert_allclose(model.fold().predict_proba(X), p, atol=1e-5)
    np.testing.assert_allclose(model.prune().predict_proba(X), p, atol=1e-6)
    model.partial_fit(X, y)
    assert model.spread_power_ != 0 and not np.array_equal(model.predict_proba(X), p)


def test_shares_add_up_to_the_stretched_logits(model: TextClassifier) -> None:
    X, _ = texts(5, seed=3)
    for text, z in zip(X, model.decision_function(X), strict=True):
        found = model.explain(text)
        np.testing.assert_allclose(found.shares.sum(axis=0) + found.bias, z, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(found.logits, z, rtol=1e-4, atol=1e-5)


def test_fasttext_files_cannot_hold_it(tmp_path: Path) -> None:
    X, y = texts(300)
    model = TextClassifier(
        calibrate=True, pooling="mean", char_ngrams=None, lowercase=False, epochs=5
    ).fit(X, y)
    assert model.spread_power_ != 0
    with pytest.raises(ValueError, match="calibration by the spread"):
        model.to_fasttext(tmp_path / "model.bin")


MAIN = """
#include "model.h"
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  model *m = model_load(argv[1]);
  float p[MODEL_CLASSES];
  if (m == NULL) return 3;
  for (int i = 2; i < argc; ++i) {
    if (model_predict(m, argv[i], strlen(argv[i]), p) != 0) return 4;
    for (int j = 0; j < MODEL_CLASSES; ++j) printf("%.9g\\n", (double)p[j]);
  }
  model_free(m);
  return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc")
def test_c_code_has_it(model: TextClassifier, tmp_path: Path) -> None:
    code, _, weights = model.to_c(tmp_path)
    (tmp_path / "main.c").write_text(MAIN)
    program = tmp_path / "predict"
    subprocess.run(
        ["gcc", "-std=c99", "-Wall", "-Werror", "-o", program, tmp_path / "main.c", code],
        check=True,
    )
    X, _ = texts(20, seed=4)
    X += ["", "nothing known"]
    out = subprocess.run([program, weights, *X], check=True, capture_output=True, text=True).stdout
    p = np.array(out.split(), np.float64).reshape(len(X), 3)
    np.testing.assert_allclose(p, model.predict_proba(X), atol=1e-5)


def test_other_hosts_have_it(model: TextClassifier, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from pyffnn.integrations.onnx import ids_of_texts

    X, _ = texts(20, seed=4)
    model.to_onnx(tmp_path / "m.onnx", text=False)
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"))
    (p,) = session.run(["probabilities"], {"ids": ids_of_texts(model, X)})
    np.testing.assert_allclose(p, model.predict_proba(X), atol=1e-5)


def test_pytorch_has_it(model: TextClassifier) -> None:
    pytest.importorskip("torch")
    from pyffnn.integrations.torch import export_to_torch, from_torch

    X, _ = texts(20, seed=4)
    module = export_to_torch(model)
    np.testing.assert_allclose(module(X).detach().numpy(), model.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(
        from_torch(module).predict_proba(X), model.predict_proba(X), atol=1e-6
    )
