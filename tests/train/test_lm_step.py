"""The language model's step against float64 oracles: values, gradients of every option, optimizers, determinism."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from train.lm_oracle import PLAIN, log_probs, numeric_gradient

from pyffnn import _pyffnn

OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no hidden layer": {"hidden": []},
    "two layers": {"hidden": [7, 4], "activation": "sigmoid"},
    "layer norm": {"layer_norm": True, "hidden": [6, 7]},
    "gelu": {"activation": "gelu"},
    "relu": {"activation": "relu"},
    "direct": {"direct": True},
    "direct alone": {"direct": True, "hidden": []},
    "tied": {"tied": True},
    "tied without hidden": {"tied": True, "hidden": []},
    "tied, direct": {"tied": True, "direct": True},
    "distant": {"distant_kernels": 2, "distant_window": 6},
    "residual": {"residual": True, "hidden": [9, 8]},
    "residual, untied, norm": {"residual": True, "layer_norm": True},
    "all": {
        "distant_kernels": 3,
        "distant_window": 7,
        "residual": True,
        "layer_norm": True,
        "tied": True,
        "direct": True,
        "activation": "gelu",
        "hidden": [9, 6],
    },
}

SEGMENTS = ([0, 13, 6, 20], [5, 1, 4, 3])
POSITIONS = [0, 1, 2, 3, 4, 13, 6, 7, 8, 9, 20, 21, 22]


def build(config: dict[str, Any], dtype: str = "Float64", scale: float = 0.5) -> Any:
    model = getattr(_pyffnn, "LanguageModel" + dtype)(config)
    rng = np.random.default_rng(1)
    for name, w in sorted(model.arrays("weights").items()):
        w[...] = rng.normal(size=w.shape) * scale + (1.0 if name.endswith(".gain") else 0.0)
    return model


def weights(model: Any) -> dict[str, Any]:
    return {name: np.array(w, np.float64) for name, w in model.arrays("weights").items()}


@pytest.fixture(scope="module")
def ids() -> Any:
    return np.random.default_rng(2).integers(0, 23, 40).astype(np.int32)


@pytest.mark.parametrize("option", OPTIONS)
def test_gradients(option: str, ids: Any) -> None:
    config = PLAIN | OPTIONS[option]
    model = build(config)
    before = weights(model)
    loss = model.gradients(ids, *SEGMENTS)
    want = -log_probs(config, before, ids, POSITIONS).mean()
    assert loss == pytest.approx(want, rel=1e-12)
    numeric = numeric_gradient(config, before, ids, POSITIONS)
    got = model.arrays("gradients")
    assert got.keys() == numeric.keys()
    for name, g in got.items():
        np.testing.assert_allclose(g, numeric[name], rtol=1e-5, atol=2e-9, err_msg=name)
        assert np.array_equal(model.arrays("weights")[name], before[name])


@pytest.mark.parametrize("option", OPTIONS)
def test_log_prob(option: str, ids: Any, isa: str) -> None:
    config = PLAIN | OPTIONS[option]
    model = build(config)
    want = log_probs(config, weights(model), ids, range(40))
    np.testing.assert_allclose(model.log_prob(ids, 0, 40), want, rtol=1e-11)
    np.testing.assert_allclose(model.log_prob(ids, 11, 23), want[11:23], rtol=1e-11)
    p = model.next_distribution(ids[:17])
    assert p.sum() == pytest.approx(1, rel=1e-12)
    assert np.log(p[ids[17]]) == pytest.approx(want[17], rel=1e-11)
    single = build(config, "Float32")
    np.testing.assert_allclose(single.log_prob(ids, 0, 40), want, rtol=2e-5, atol=2e-6)
