"""A described network, computed step by step in NumPy float64, predicts what the network predicts."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles.examples import INPUTS, Data, build, by_frequency, make_spec

from pyffnn.net.blueprint import (
    Activation,
    Bags,
    Blueprint,
    Clusters,
    JoinInput,
    LayerNorm,
    Linear,
    Numbers,
    Outputs,
    Residual,
    Sequence_,
    Windows,
    blueprint,
)

ACTIVATIONS = {
    "relu": lambda z: np.maximum(z, 0),
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "gelu": lambda z: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
}


def rows(table: NDArray[Any], ids: NDArray[Any]) -> NDArray[Any]:
    return np.where((ids >= 0)[..., None], table[np.maximum(ids, 0)], 0).astype(np.float64)


def weighted(part: Bags, bag: list[int]) -> NDArray[Any]:
    assert part.weights is not None
    v = np.zeros(len(part.table))
    for r in set(bag):
        v[r] = (1 + np.log(bag.count(r))) * part.weights[r]
    return v @ part.table.astype(np.float64) / (np.linalg.norm(v) or 1)


def inputs(part: Any, data: Data) -> NDArray[Any]:
    if isinstance(part, Numbers):
        return data.x
    if isinstance(part, Bags):
        if part.weights is not None:
            return np.array([weighted(part, bag) for bag in data.rows])
        power = {"mean": 1, "sqrtn": 0.5, "sum": 0}[part.pool]
        return np.array(
            [
                rows(part.table, np.array(bag, int)).sum(0) / max(len(bag), 1) ** power
                for bag in data.rows
            ]
        )
    if isinstance(part, Sequence_):
        ids = [(bag + [-1] * part.length)[: part.length] for bag in data.rows]
        return rows(part.table, np.array(ids)).reshape(data.n, -1)
    assert isinstance(part, Windows)
    back = np.arange(data.n)[:, None] + np.arange(-part.reach, 0)
    ids = np.where(back >= 0, data.stream[np.maximum(back, 0)], -1)
    found = rows(part.table, ids)
    near = found[:, part.reach - part.context :].reshape(data.n, -1)
    if part.distant is None:
        return near
    far = found[:, : part.reach - part.context][:, ::-1]
    means = np.einsum("kj,njd->nkd", part.distant, far)
    return np.concatenate([near, means.reshape(data.n, -1)], 1)


def linear(part: Linear, h: NDArray[Any]) -> NDArray[Any]:
    z = h @ part.weight.astype(np.float64)
    return z if part.bias is None else z + part.bias


def take(step: Any, h: NDArray[Any]) -> NDArray[Any]:
    if isinstance(step, Linear):
        return linear(step, h)
    if isinstance(step, Activation):
        return ACTIVATIONS[step.kind](h)
    if isinstance(step, LayerNorm):
        c = h - h.mean(1, keepdims=True)
        return c / np.sqrt((c * c).mean(1, keepdims=True) + step.eps) * step.gain + step.shift
    assert isinstance(step, Residual)
    inner = h
    for part in step.steps:
        inner = take(part, inner)
    return h + inner


def softmax(z: NDArray[Any]) -> NDArray[Any]:
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def predict(plan: Blueprint, data: Data) -> NDArray[Any]:
    x = h = inputs(plan.input, data)
    for step in plan.steps:
        h = np.concatenate([h, x], 1) if isinstance(step, JoinInput) else take(step, h)
    output = plan.output
    if isinstance(output, Outputs):
        z = linear(output.linear, h)
        return {"softmax": softmax, "sigmoid": ACTIVATIONS["sigmoid"], "identity": lambda z: z}[
            output.kind
        ](z)
    assert isinstance(output, Clusters)
    head = softmax(linear(output.head, h))
    first = output.cutoffs[0]
    parts = [head[:, :first]]
    for i, (projection, words) in enumerate(output.tails):
        parts.append(softmax(linear(words, linear(projection, h))) * head[:, first + i, None])
    by_word = np.empty((len(h), len(output.by_frequency)))
    by_word[:, output.by_frequency] = np.concatenate(parts, 1)
    return by_word


LAYERS: list[dict[str, Any]] = [
    {},
    {"hidden": []},
    {"hidden": [6, 4], "activation": "tanh", "layer_norm": True},
    {"hidden": [6, 7], "activation": "gelu", "layer_norm": True, "residual": True},
    {"hidden": [5], "activation": "sigmoid", "residual": True},
    {"hidden": [5], "activation": "identity"},
    {"direct": True},
]
KINDS: list[dict[str, Any]] = [
    {},
    {"loss": "sigmoid"},
    {"loss": "squared"},
    {"output": "adaptive", "cutoffs": [3, 7], "n_outputs": 12},
    {"output": "sampled", "samples": 4, "n_outputs": 12},
]
MORE: list[tuple[str, dict[str, Any]]] = [
    ("bags", {"pool": "sum"}),
    ("bags", {"pool": "sqrtn"}),
    ("bags", {"pool": "weighted"}),
    ("bags", {"pool": "weighted", "hidden": [], "direct": True}),
    ("windows", {"distant_kernels": 2, "distant_window": 4}),
    ("windows", {"tied": True, "output": "vocabulary", "n_outputs": 31}),
    ("windows", {"tied": True, "direct": True, "output": "vocabulary", "n_outputs": 31}),
    ("windows", {"tied": True, "residual": True, "output": "sampled", "samples": 3, "n_outputs": 31}),
]  # fmt: skip
CASES = [
    *((kind, {**layers, **outputs}) for kind, layers, outputs in product(INPUTS, LAYERS, KINDS)),
    *MORE,
]


@pytest.mark.parametrize("kind", INPUTS)
def test_it_predicts_what_the_network_predicts(kind: str) -> None:
    done = 0
    for spec in (make_spec(k, **more) for k, more in CASES if k == kind):
        try:
            network = build(spec, np.float32, scale=0.5)
        except ValueError:  # what a sparse input does not take
            assert kind == "sparse"
            continue
        data = Data(spec, 9, dtype=np.float32)
        plan = blueprint(network.spec, network.parameters(), by_frequency(spec))
        assert plan.tied == bool(spec.get("tied"))
        got = network.predict(data.examples, None, 0)
        np.testing.assert_allclose(
            got, predict(plan, data), rtol=2e-5, atol=2e-6, err_msg=str(spec)
        )
        done += 1
    assert done > 15


@pytest.mark.parametrize("rows", [7, 3000])
def test_long_bags_are_weighted_by_how_often_a_row_is_there(rows: int) -> None:
    spec = make_spec("bags", pool="weighted", rows=rows)
    network = build(spec, np.float64, scale=0.5)
    data = Data(spec, 30, max_len=3000)
    plan = blueprint(network.spec, network.parameters(), None)
    got = network.predict(data.examples, None, 0)
    np.testing.assert_allclose(got, predict(plan, data), rtol=1e-9)


def test_settings_that_are_not_understood_are_refused() -> None:
    network = build(make_spec("bags"), np.float32)
    spec, parameters = dict(network.spec), network.parameters()
    with pytest.raises(ValueError, match="folding='all'"):
        blueprint({**spec, "folding": "all"}, parameters)
    with pytest.raises(ValueError, match="pool='middle'"):
        blueprint({**spec, "pool": "middle"}, parameters)
    with pytest.raises(ValueError, match="input='waves'"):
        blueprint({**spec, "input": "waves"}, parameters)
    blueprint({**spec, "folding": False}, parameters)  # a setting that is off changes nothing
