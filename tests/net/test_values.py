"""What stands at the stages of a network, and gradients of its outputs' values, against the oracle and differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import Data, build

from pyffnn import _pyffnn


def case(kind: str, layers: str, **more: Any) -> tuple[Any, Data]:
    if kind == "sparse" and layers in ("direct", "all"):
        pytest.skip("no direct connections from a sparse input")
    spec = spec_of(kind, layers, "classes", **more)
    return build(spec, scale=0.5), Data(spec, 23, 2)


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", INPUTS)
def test_stages(kind: str, layers: str, isa: str) -> None:
    net, data = case(kind, layers)
    examples, p = data.examples, net.parameters()
    z = net.values(examples)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    np.testing.assert_allclose(e / e.sum(1, keepdims=True), net.predict(examples), rtol=1e-10)
    h = net.values(examples, "hidden")
    np.testing.assert_allclose(h @ p["output.weight"] + p["output.bias"], z, rtol=1e-10, atol=1e-12)
    x = net.values(examples, "input")
    if kind == "dense":
        np.testing.assert_array_equal(x, data.x)
    if kind == "bags":
        want = [p["embedding"][ids].mean(0) if ids else np.zeros(5) for ids in data.rows]
        np.testing.assert_allclose(x, want, rtol=1e-12, atol=1e-14)
    order = np.array([3, 0, 3, 22])
    np.testing.assert_array_equal(net.values(examples, "hidden", order), h[order])


@pytest.mark.parametrize("loss", ["softmax", "sigmoid", "squared"])
@pytest.mark.parametrize("kind", ["dense", "sparse", "bags", "concat"])
def test_slopes_are_gradients_of_the_values(kind: str, loss: str) -> None:
    net, data = case(kind, "gelu", loss=loss)
    rng = np.random.default_rng(3)
    s, w = rng.normal(size=(23, 11)), rng.random(23)
    targets = _pyffnn.Targets.slopes(s, w)
    assert targets.kind == "slopes" and len(targets) == 23 and targets.n_outputs == 11

    def value() -> float:
        return float((w[:, None] * s * net.values(data.examples)).sum() / w.sum())

    got, grads = net.gradients(data.examples, targets)
    assert got == pytest.approx(value(), rel=1e-12)
    total, weight, right = net.evaluate(data.examples, targets)
    assert total / weight == pytest.approx(value(), rel=1e-10) and right == 0
    for name, g in grads.items():
        view = net.parameters()[name]
        at = np.unravel_index(rng.integers(0, view.size, 4), view.shape)
        for i in zip(*at, strict=True):
            kept, eps = view[i], 1e-6
            view[i] = kept + eps
            up = value()
            view[i] = kept - eps
            down = value()
            view[i] = kept
            assert g[i] == pytest.approx((up - down) / (2 * eps), rel=1e-6, abs=1e-8), name


def test_stages_that_are_not_there() -> None:
    spec = spec_of("bags", "plain", "adaptive")
    net, data = build(spec), Data(spec, 3)
    with pytest.raises(ValueError, match="stage"):
        net.values(data.examples)
    assert net.values(data.examples, "hidden").shape == (3, 6)
    with pytest.raises(ValueError, match="'input', 'hidden' or 'output', got 'last'"):
        net.values(data.examples, "last")
    spec = spec_of("sparse", "plain", "classes", hidden=[])
    net, data = build(spec), Data(spec, 3)
    with pytest.raises(ValueError, match="stage"):
        net.values(data.examples, "hidden")
    assert net.values(data.examples).shape == (3, 11)
    with pytest.raises(ValueError, match="finite"):
        _pyffnn.Targets.slopes(np.array([[np.nan]]))
