"""Clipping by the norm of the whole gradient: of this batch alone, in range whatever float32 squares to, and never by a norm that is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import OUTPUTS, TABLES, Data, build
from oracles.network import Oracle


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("kind", ["dense", "bags", "windows"])
def test_the_norm_is_that_of_this_batch(kind: str, optimizer: str) -> None:
    """A cluster of an adaptive softmax that a batch has no words of takes no part, whatever it had in the batch before."""
    spec = spec_of(kind, "plain", "adaptive", clip=1e-3, optimizer=optimizer, eps=1e-3)
    data = Data(spec, 60)
    net, oracle = build(spec, scale=0.5), None
    ranks = np.argsort(np.random.default_rng(11).permutation(11))  # as by_frequency()
    cluster = np.searchsorted([3, 7], ranks[data.y], side="right")
    order = np.arange(60)
    batches = [order, order[cluster == 0], order[cluster == 2], order[cluster < 2], order]
    assert all(len(b) > 1 for b in batches)
    oracle = Oracle(spec, net.parameters())
    for batch in batches:
        net.train(data.examples, data.targets(), batch, len(batch), 0.5)
        oracle.step(data, batch, 0.5)
        for name, p in net.parameters().items():
            np.testing.assert_allclose(p, oracle.p[name], rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", INPUTS)
def test_a_step_has_the_length_it_should(kind: str, output: str) -> None:
    """With SGD the change of all parameters is clip * rate long, or the gradient's length where that is less."""
    for layers in LAYERS:
        if kind == "sparse" and layers == "direct":
            continue
        for clip in (1e-4, 1e4):
            spec = spec_of(kind, layers, output, clip=clip)
            net, data = build(spec, scale=0.5), Data(spec, 20, targets=OUTPUTS[output][1])
            before = {name: np.array(p) for name, p in net.parameters().items()}
            order = np.arange(20)
            _, grads = net.gradients(data.examples, data.targets(), order)
            norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
            net.train(data.examples, data.targets(), order, 20, 0.5)
            moved = [((p - before[name]) ** 2).sum() for name, p in net.parameters().items()]
            assert np.sqrt(sum(moved)) == pytest.approx(0.5 * min(clip, norm), rel=1e-9)


# Not the clusters' own: large ones of those would make products of two large numbers.
LAST = ("output.weight", "output.head.weight")


def extreme(kind: str, output: str, where: str) -> tuple[Any, Data, Oracle]:
    """A float32 network whose gradient's squares overflow float32: `where` the numbers are large, the rest is zero."""
    spec = spec_of(kind, "plain", output, activation="identity", clip=0.5, hidden=[6])
    net = build(spec, np.float32)
    data = Data(spec, 20, 1, np.float32, OUTPUTS[output][1])
    for name, p in net.parameters().items():
        large = name == "embedding" if where == "input" else name in LAST
        passes_on = kind in TABLES and where == "output" and name == "hidden0.weight"
        p[...] = 1e22 * np.sign(p) if large else np.sign(p) if passes_on else 0
    if data.x is not None and where == "input":
        data.x *= np.float32(1e22)
        data.arrays = (data.x,) if kind == "dense" else (*data.arrays[:2], data.arrays[2] * 1e22)
        if kind == "sparse":
            data.arrays = (*data.arrays[:2], data.arrays[2].astype(np.float32))
    if where == "input":  # the gradient of the first weights: large inputs times moderate ones
        for name, p in net.parameters().items():
            if name.startswith("output") and not name.endswith("bias"):
                p[...] = np.sign(np.cos(np.arange(p.size))).reshape(p.shape)
    return net, data, Oracle(spec, net.parameters())


@pytest.mark.parametrize("where", ["input", "output"])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", INPUTS)
def test_squares_beyond_float32(kind: str, output: str, where: str) -> None:
    net, data, oracle = extreme(kind, output, where)
    order = np.arange(3, 20)
    before = {name: p.copy() for name, p in oracle.p.items()}
    losses, _, finite = net.train(data.examples, data.targets(), order, 17, 0.5)
    assert finite and losses[0] == pytest.approx(oracle.step(data, order, 0.5), rel=1e-5)
    change = [((p.astype(np.float64) - before[n]) ** 2).sum() for n, p in net.parameters().items()]
    # What is added to 1e22 is lost in float32, so only parameters that began at zero are compared.
    for name, p in net.parameters().items():
        if not before[name].any():
            np.testing.assert_allclose(p, oracle.p[name], rtol=1e-3, atol=1e-6, err_msg=name)
    assert 0 < np.sqrt(sum(change)) < 0.2501


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", ["dense", "bags", "concat"])
def test_a_norm_that_is_not_finite_stops_before_the_step(
    kind: str, output: str, optimizer: str, n_threads: int
) -> None:
    more = {"activation": "identity", "clip": 0.5, "hidden": [6], "optimizer": optimizer}
    spec = spec_of(kind, "plain", output, **more)
    data = Data(spec, 60, 1, np.float32, OUTPUTS[output][1])
    if kind == "dense":
        data.x[:20] = 0
        data.x[20:] = 1e30 * np.sign(data.x[20:])
    else:  # bags of nothing, then bags of something
        data.rows = [[] if i < 20 else [i % 31, 3] for i in range(60)]
        data.arrays = data._csr(data.rows)
    nets = [build(spec, np.float32), build(spec, np.float32)]
    for net in nets:
        for name, p in net.parameters().items():
            p[...] = 0 if name in ("embedding", "hidden0.bias") else np.sign(p)
            if name in LAST:
                p[...] *= np.float32(1e20)
            if name == "hidden0.weight":
                p[...] *= np.float32(0 if kind == "dense" else 1e30)
    examples, targets, order = data.examples, data.targets(), np.arange(60)
    losses, weights, finite = nets[0].train(examples, targets, order, 20, 1e-3, n_threads)
    assert not finite and len(losses) == len(weights) == 1 and np.isfinite(losses).all()
    nets[1].train(examples, targets, order[:20], 20, 1e-3)
    assert nets[0].step == nets[1].step == 1
    for which in ("parameters", "state"):
        a, b = (getattr(net, which)() for net in nets)
        for name, p in a.items():
            np.testing.assert_array_equal(p, b[name], err_msg=name)
            assert np.isfinite(p).all()
