"""Dropout of every kind: rates, scaling, and that the backward pass sees the mask of the forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import OUTPUTS, TABLES, Data, build, make_spec
from oracles.network import Oracle

from pyffnn import _pyffnn


def drops(kind: str, rate: float) -> dict[str, float]:
    """Every kind of dropout that an input has."""
    own = ("word_dropout", "embedding_dropout") if kind in TABLES else ("input_dropout",)
    return dict.fromkeys(own, rate)


def bags(ids: Any, offsets: Any, rows: int) -> Any:
    return _pyffnn.Examples.bags(np.asarray(ids, np.int32), offsets, rows)


def targets(y: Any, n_outputs: int = 3) -> Any:
    return _pyffnn.Targets.classes(y, n_outputs)


def gradient_of_one_step(spec: dict[str, Any], data: Data, seed: int = 0) -> Any:
    """The gradient that a step of rate 1 took, from the change of the parameters; the start; the loss."""
    net = build(spec)
    net.initialise(seed)
    for name, p in net.parameters().items():
        if name.endswith(".bias"):
            p[:] = np.linspace(-0.5, 0.6, p.size)  # an empty bag is no kink of relu
    before = {name: np.array(p) for name, p in net.parameters().items()}
    order = np.arange(data.n)
    losses, _, _ = net.train(data.examples, data.targets(None), order, data.n, 1.0)
    change = {name: before[name] - p for name, p in net.parameters().items()}
    return change, before, losses[0]


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_word_dropout_keeps_the_share_it_should(rate: float) -> None:
    """With one distinct id a bag position, the rows that change are those that were kept."""
    spec = make_spec("bags", rows=6000, hidden=[], word_dropout=rate)
    net = build(spec)
    examples = bags(np.arange(6000), np.arange(0, 6001, 20), 6000)
    changed = []
    for _ in range(3):
        before = np.array(net.parameters()["embedding"])
        net.train(examples, targets(np.arange(300) % 3), None, 300, 0.5)
        changed.append((net.parameters()["embedding"] != before).any(axis=1))
    for c in changed:
        assert c.mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 6000))
    assert (changed[0] != changed[1]).mean() == pytest.approx(2 * rate * (1 - rate), abs=0.05)


def test_mean_is_over_the_words_that_stay() -> None:
    spec = make_spec("bags", rows=40, hidden=[], n_outputs=2, word_dropout=0.5)
    net = build(spec)
    net.parameters()["embedding"][:] = 3.0
    net.parameters()["output.weight"][:] = [[1, -1]] * 5
    # Every row is the same, so whatever stays has the mean 3: the loss is that without word dropout.
    losses, _, _ = net.train(bags(np.arange(40), [0, 40], 40), targets([0], 2), None, 1, 0.0)
    assert losses[0] == pytest.approx(np.log1p(np.exp(-30.0)), rel=1e-9)


def test_all_words_dropped_is_an_empty_bag() -> None:
    spec = make_spec("bags", hidden=[], word_dropout=1.0)
    data = Data(spec, 20)
    change, before, loss = gradient_of_one_step(spec, data)
    assert (change["embedding"] == 0).all() and (change["output.weight"] == 0).all()
    bias = before["output.bias"]
    assert loss == pytest.approx((np.log(np.exp(bias).sum()) - bias[data.y]).mean())


def test_word_dropout_in_a_concatenation_leaves_a_hole() -> None:
    spec = make_spec("concat", rows=4000, max_tokens=4, dim=2, hidden=[], word_dropout=0.25)
    net = build(spec)
    before = {name: np.array(p) for name, p in net.parameters().items()}
    examples = _pyffnn.Examples.sequences(
        np.arange(4000, dtype=np.int32), np.arange(0, 4001, 4), 4000, 4
    )
    net.train(examples, targets(np.arange(1000) % 3), None, 1000, 1.0)
    kept = (net.parameters()["embedding"] != before["embedding"]).any(axis=1)
    assert kept.mean() == pytest.approx(0.75, abs=0.03)
    x = (before["embedding"] * kept[:, None]).reshape(1000, 8)
    z = x @ before["output.weight"] + before["output.bias"]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    p[np.arange(1000), np.arange(1000) % 3] -= 1
    change = before["output.weight"] - net.parameters()["output.weight"]
    np.testing.assert_allclose(change, x.T @ p / 1000, atol=1e-12)


def test_word_dropout_in_a_stream_leaves_a_hole() -> None:
    """A dropped token is missing from every window of its run, and its row rests."""
    spec = make_spec("windows", rows=4000, context=2, dim=2, hidden=[], word_dropout=0.25)
    net = build(spec)
    before = {name: np.array(p) for name, p in net.parameters().items()}
    stream = np.arange(4000, dtype=np.int32)
    y = np.arange(4000) % 3
    order = ([2], [3998], [0, 1])
    net.train(_pyffnn.Examples.stream(stream, 4000), targets(y), order, 0, 1.0)
    kept = (net.parameters()["embedding"] != before["embedding"]).any(axis=1)
    assert not kept[-1] and kept[:-1].mean() == pytest.approx(0.75, abs=0.03)
    rows = before["embedding"] * kept[:, None]
    x = np.hstack([rows[:-2], rows[1:-1]])
    z = x @ before["output.weight"] + before["output.bias"]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    p[np.arange(3998), y[2:]] -= 1
    change = before["output.weight"] - net.parameters()["output.weight"]
    np.testing.assert_allclose(change, x.T @ p / 3998, atol=1e-12)


@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_input_dropout_rate_and_scale(rate: float) -> None:
    """A linear network on ones: the gradient of weight j is dz times the kept units over (1 - rate)."""
    spec = make_spec(
        "dense", n_inputs=5000, hidden=[], n_outputs=1, loss="sigmoid", input_dropout=rate
    )
    net = _pyffnn.Network64(spec)
    one = np.ones((1, 1))
    examples = _pyffnn.Examples.dense(np.ones((1, 5000)))
    losses, _, _ = net.train(examples, _pyffnn.Targets.rows(one), None, 1, 1.0)
    w = net.parameters()["output.weight"][:, 0]
    assert losses[0] == pytest.approx(np.log(2))
    assert np.unique(w).tolist() == pytest.approx([0, 0.5 / (1 - rate)])
    assert (w > 0).mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 5000))


@pytest.mark.parametrize("rate", [0.2, 0.6])
@pytest.mark.parametrize("kind", ["bags", "concat", "windows"])
def test_embedding_dropout_rate_and_scale(kind: str, rate: float) -> None:
    more = {"bags": {}, "concat": {"max_tokens": 1}, "windows": {"context": 1}}[kind]
    spec = {"input": kind, "rows": 2, "dim": 5000, "hidden": [], "n_outputs": 1, **more}
    spec |= {"loss": "sigmoid", "embedding_dropout": rate}
    net = _pyffnn.Network64(spec)
    net.parameters()["embedding"][...] = 1
    ids = np.array([1, 1], np.int32)
    if kind == "windows":
        examples, order = _pyffnn.Examples.stream(ids, 2), [1]
    elif kind == "concat":
        examples, order = _pyffnn.Examples.sequences(ids, [0, 1, 2], 2, 1), [1]
    else:
        examples, order = _pyffnn.Examples.bags(ids, [0, 1, 2], 2), [1]
    net.train(examples, _pyffnn.Targets.rows(np.ones((2, 1))), order, 1, 1.0)
    w = net.parameters()["output.weight"][:, 0]
    assert np.unique(w).tolist() == pytest.approx([0, 0.5 / (1 - rate)])
    assert (w > 0).mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 5000))


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "gelu"])
def test_gradient_under_dropout_is_the_slope_of_that_loss(kind: str, activation: str) -> None:
    """The masks depend on seed, step and position alone, so the loss under dropout is a function that can be differenced."""
    spec = make_spec(
        kind, hidden=[5, 4], activation=activation, dropout=0.3, seed=9, **drops(kind, 0.2)
    )
    data = Data(spec, 12, seed=8)
    change, before, _ = gradient_of_one_step(spec, data)
    net = _pyffnn.Network64(spec)
    examples, y = data.examples, data.targets(None)

    def loss() -> float:
        net.step = 0
        return float(net.train(examples, y, np.arange(data.n), data.n, 0.0)[0][0])

    for name, p in net.parameters().items():
        p[:] = before[name]
    step = 1e-5
    for name, p in net.parameters().items():
        for at in list(np.ndindex(p.shape))[:: max(1, p.size // 12)]:
            p[at] = before[name][at] + step
            up = loss()
            p[at] = before[name][at] - step
            down = loss()
            p[at] = before[name][at]
            assert change[name][at] == pytest.approx((up - down) / (2 * step), abs=1e-6), (name, at)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", INPUTS)
def test_a_step_under_dropout_is_that_of_its_gradient(kind: str, layers: str, output: str) -> None:
    """gradients(dropout=True) has the masks of the next step, so that its own loss has those slopes."""
    if kind == "sparse" and layers == "direct":
        pytest.skip("no direct connections from a sparse input")
    noise = {**drops(kind, 0.2), "dropout": 0.3, "output_dropout": 0.25, "seed": 5}
    spec = spec_of(kind, layers, output, **noise)
    data = Data(spec, 12, seed=8, targets=OUTPUTS[output][1])
    net = build(spec, scale=0.3)
    net.step = 6
    order = np.arange(12)
    examples, y = data.examples, data.targets()
    loss, grads = net.gradients(examples, y, order, dropout=True)
    quiet, _ = net.gradients(examples, y, order)
    assert loss != quiet
    before = {name: np.array(p) for name, p in net.parameters().items()}
    rng, h = np.random.default_rng(3), 1e-6
    directions = {name: rng.normal(size=p.shape) for name, p in before.items()}
    ends = []
    for sign in (h, -h):
        for name, p in net.parameters().items():
            p[...] = before[name] + sign * directions[name]
        ends.append(net.gradients(examples, y, order, dropout=True)[0])
    slope = sum(float((grads[name] * directions[name]).sum()) for name in before)
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-5, abs=1e-7)
    for name, p in net.parameters().items():
        p[...] = before[name]
    losses, _, _ = net.train(examples, y, order, 12, 0.5)
    assert losses[0] == pytest.approx(loss, rel=1e-12)
    for name, p in net.parameters().items():
        want = before[name] - 0.5 * grads[name]
        np.testing.assert_allclose(p, want, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_no_dropout_outside_training(kind: str, output: str) -> None:
    quiet = spec_of(kind, "plain", output)
    spec = {**quiet, **drops(kind, 0.5), "dropout": 0.5, "output_dropout": 0.5}
    data = Data(spec, 30, targets=OUTPUTS[output][1])
    nets = [build(s) for s in (spec, quiet)]
    np.testing.assert_array_equal(*(net.predict(data.examples) for net in nets))
    a, b = (net.evaluate(data.examples, data.targets()) for net in nets)
    assert a == b


def test_hidden_units_are_dropped_at_the_rate() -> None:
    """Weights of the second layer whose unit was dropped for the only example do not move."""
    spec = {
        "input": "dense",
        "n_inputs": 1,
        "hidden": [8000],
        "n_outputs": 1,
        "loss": "sigmoid",
        "activation": "sigmoid",
        "dropout": 0.3,
    }
    net = _pyffnn.Network64(spec)
    one = np.ones((1, 1))
    net.train(_pyffnn.Examples.dense(one), _pyffnn.Targets.rows(one), None, 1, 1.0)
    w = net.parameters()["output.weight"][:, 0]
    assert np.unique(w).tolist() == pytest.approx([0, 0.25 / 0.7])
    assert (w > 0).mean() == pytest.approx(0.7, abs=0.025)


# Output dropout: a block of 128 examples shares a mask over columns.


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("output", ["classes", "vocabulary"])
@pytest.mark.parametrize("kind", ["dense", "windows"])
def test_output_dropout_leaves_whole_columns_out(kind: str, output: str, rate: float) -> None:
    """Which columns, the gradient of the last weights shows; with that mask the loss is the oracle's."""
    spec = spec_of(kind, "plain", output, hidden=[200], output_dropout=rate)
    net, data = build(spec, scale=0.5), Data(spec, 13)
    examples, y, order = data.examples, data.targets(), np.arange(13)
    along = 1 if output == "classes" else 0
    loss, grads = net.gradients(examples, y, order, dropout=True)
    mask = (grads["output.weight"] != 0).any(axis=along) / (1 - rate)
    assert abs((mask == 0).mean() - rate) < 4 * np.sqrt(rate * (1 - rate) / 200)
    oracle = Oracle(spec, net.parameters())
    oracle.mask = mask
    want, expected = oracle.gradients(data, order)
    assert loss == pytest.approx(want, rel=1e-12)
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-10, atol=1e-12, err_msg=name)
    net.step = 1
    _, grads = net.gradients(examples, y, order, dropout=True)
    assert ((mask != 0) != (grads["output.weight"] != 0).any(axis=along)).any()


DROPPED: dict[str, dict[str, Any]] = {
    "untied": {"hidden": [70]},
    "direct": {"hidden": [90], "direct": True},
    "tied": {"dim": 33, "tied": True},
    "residual, norm": {"dim": 21, "tied": True, "residual": True, "layer_norm": True},
    "classes": {"output": "classes"},
    "adaptive": {"output": "adaptive", "cutoffs": [20, 100]},
}


@pytest.mark.parametrize("option", DROPPED)
@pytest.mark.parametrize("examples", [100, 128, 300])
def test_gradient_under_output_dropout_is_the_slope(option: str, examples: int) -> None:
    more = {"output": "vocabulary", **DROPPED[option]}
    rest = {"rows": 300, "n_outputs": 300, "activation": "tanh", "output_dropout": 0.5}
    spec = make_spec("windows", **rest) | more
    data = Data(spec, examples + 8, seed=6)
    net = build(spec, scale=0.3)
    run = ([8], [examples], [0, 1])
    stream, y = data.examples, data.targets(None)
    _, slopes = net.gradients(stream, y, run, dropout=True)
    rng = np.random.default_rng(7)
    for name, view in net.parameters().items():
        before, direction = np.array(view), rng.normal(size=view.shape)
        losses = []
        for h in (1e-6, -1e-6):
            view[...] = before + h * direction
            losses.append(net.gradients(stream, y, run, dropout=True)[0])
        view[...] = before
        want = (losses[0] - losses[1]) / 2e-6
        assert (slopes[name] * direction).sum() == pytest.approx(want, rel=1e-6, abs=1e-8), name
