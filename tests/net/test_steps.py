"""Whole training steps: against a NumPy trainer in float64, against the same step composed of ops, and on degenerate batches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import OUTPUTS, TABLES, Data, build, make_spec
from oracles.network import Oracle

from pyffnn import _pyffnn, ops

OPTIMIZERS: list[dict[str, Any]] = [
    {"optimizer": "sgd"},
    {"optimizer": "momentum", "beta1": 0.8},
    {"optimizer": "adagrad"},
    {"optimizer": "adagrad", "embedding_optimizer": "same"},
    {"optimizer": "adam", "beta2": 0.99},
    {"optimizer": "adam", "embedding_optimizer": "adagrad_row"},
]
DECAY = {"l2": 0.05, "weight_decay": 0.1, "embedding_lr": 0.5, "hidden": [6, 5]}


def trained(
    spec: dict[str, Any],
    data: Data,
    steps: int = 5,
    batch_size: int = 8,
    lr: float = 0.1,
    dtype: Any = np.float64,
) -> Any:
    """The network, its start, the order, the rates, and what train() returned."""
    net = build(spec, dtype)
    start = {name: np.array(p) for name, p in net.parameters().items()}
    order = np.random.default_rng(0).permutation(data.n)[: steps * batch_size]
    rates = lr / np.arange(1, steps + 1)
    result = net.train(data.examples, data.targets(), order, batch_size, rates)
    return net, start, order, rates, result


def follow(spec: dict[str, Any], data: Data, batch_size: int = 9, lr: float = 0.1) -> Any:
    """Five steps beside the oracle's: losses, weights, parameters and states."""
    net, start, order, rates, (losses, weights, finite) = trained(
        spec, data, batch_size=batch_size, lr=lr
    )
    oracle = Oracle(spec, start)
    assert finite and len(losses) == len(weights) == 5 and net.step == 5
    for s, rate in enumerate(rates):
        batch = order[batch_size * s : batch_size * (s + 1)]
        assert losses[s] == pytest.approx(oracle.step(data, batch, rate), rel=1e-11)
        assert weights[s] == pytest.approx(data.w[batch].sum(), rel=1e-12)
    for name, p in net.parameters().items():
        np.testing.assert_allclose(p, oracle.p[name], rtol=1e-9, atol=1e-10, err_msg=name)
    for name, state in net.state().items():
        value, number = name.rsplit(".", 1)
        expected = {"s1": oracle.s1, "s2": oracle.s2}[number][value]
        np.testing.assert_allclose(state, expected, rtol=1e-9, atol=1e-12, err_msg=name)
    return net, oracle


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: "-".join(map(str, o.values())))
@pytest.mark.parametrize("more", [{}, DECAY], ids=["plain", "decay"])
def test_trace(kind: str, optimizer: dict[str, Any], more: dict[str, Any]) -> None:
    if kind not in TABLES:
        if "embedding_optimizer" in optimizer:
            pytest.skip("no embedding")
        more = {k: v for k, v in more.items() if k != "embedding_lr"}
    spec = make_spec(kind, activation="tanh", **optimizer, **more)
    follow(spec, Data(spec, 46, seed=2))


# Every pair of an input and an output, with each of the rest in turn.
EVERY = [
    (kind, output, optimizer, clip, list(LAYERS)[(i + j + k) % len(LAYERS)])
    for i, kind in enumerate(INPUTS)
    for j, output in enumerate(OUTPUTS)
    for k, optimizer in enumerate(("sgd", "momentum", "adagrad", "adam"))
    for clip in [(0.0, 0.05)[(i + j + k) % 2]]
]


@pytest.mark.parametrize(("kind", "output", "optimizer", "clip", "layers"), EVERY)
def test_every_input_with_every_output(
    kind: str, output: str, optimizer: str, clip: float, layers: str
) -> None:
    rules = {"optimizer": optimizer, "clip": clip, "l2": 0.01, "weight_decay": 0.1, "eps": 1e-3}
    spec = spec_of(kind, layers, output, **rules)
    follow(spec, Data(spec, 46, 2, targets=OUTPUTS[output][1]))


@pytest.mark.parametrize("output", ["vocabulary", "sampled"])
@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam"])
@pytest.mark.parametrize("layers", LAYERS)
def test_tied(output: str, clip: float, optimizer: str, layers: str) -> None:
    rules = {"optimizer": optimizer, "clip": clip, "l2": 0.01, "weight_decay": 0.1, "eps": 1e-3}
    spec = spec_of("windows", layers, output, tied=True, n_outputs=31, **rules)
    follow(spec, Data(spec, 46, 2))


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("clip", [0.0, 0.05])
def test_distant_words(optimizer: str, clip: float) -> None:
    rules = {"optimizer": optimizer, "clip": clip, "l2": 0.01, "weight_decay": 0.1, "eps": 1e-3}
    spec = spec_of("windows", "all", "vocabulary", distant_kernels=3, distant_window=7, **rules)
    follow(spec, Data(spec, 46, 2))


@pytest.mark.parametrize("dim", [4, 37])
@pytest.mark.parametrize("kind", ["bags", "concat", "windows"])
def test_rows_with_rates_of_their_own(dim: int, kind: str, isa: str) -> None:
    rules = {"optimizer": "adagrad", "embedding_optimizer": "adagrad_row", "row_rates": True}
    spec = make_spec(kind, l2=0.01, weight_decay=0.1, dim=dim, **rules)
    data = Data(spec, 40, seed=5)
    net = build(spec)
    assert (net.state()["embedding.rate"] == 1).all()
    rates = np.random.default_rng(1).random(spec["rows"])
    net.state()["embedding.rate"][:] = rates
    net.initialise(3)
    oracle = Oracle(spec, net.parameters())
    oracle.row_rates = rates.copy()
    if kind != "windows":
        net.set_row_rates([2, 30], 0.25)
        oracle.row_rates[[2, 30]] = 0.25
    order = np.arange(40)
    net.train(data.examples, data.targets(), order, 8, np.full(5, 0.1))
    for batch in order.reshape(5, 8):
        oracle.step(data, batch, 0.1)
    for name, p in net.parameters().items():
        np.testing.assert_allclose(p, oracle.p[name], rtol=0, atol=1e-11, err_msg=name)
    np.testing.assert_array_equal(net.state()["embedding.rate"], oracle.row_rates)
    if kind != "windows":
        net.absorb(net.fork(rows=spec["rows"] + 2))
        np.testing.assert_array_equal(net.state()["embedding.rate"], [*oracle.row_rates, 1, 1])


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", ["classes", "sets", "vocabulary", "adaptive", "sampled"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_trace_float32(kind: str, output: str, optimizer: str, isa: str) -> None:
    spec = spec_of(kind, "plain", output, activation="relu", optimizer=optimizer, eps=1e-4)
    data = Data(spec, 40, 4, np.float32, OUTPUTS[output][1])
    net, start, order, rates, _ = trained(spec, data, dtype=np.float32, lr=0.05)
    oracle = Oracle(spec, start)
    for s, rate in enumerate(rates):
        oracle.step(data, order[8 * s : 8 * s + 8], rate)
    for name, p in net.parameters().items():
        assert p.dtype == np.float32
        np.testing.assert_allclose(p, oracle.p[name], rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_predict_and_evaluate(kind: str, output: str, isa: str) -> None:
    spec = spec_of(kind, "layer norm", output)
    data = Data(spec, 600 if kind == "dense" else 200, 6, targets=OUTPUTS[output][1])
    net = build(spec, scale=0.4)
    oracle = Oracle(spec, net.parameters())
    order = np.random.default_rng(1).permutation(data.n)
    expected = oracle.probabilities(data, order)
    p = net.predict(data.examples, order)
    np.testing.assert_allclose(p, expected, rtol=0, atol=1e-12)
    some = order[:50]
    loss, weight, correct = net.evaluate(data.examples, data.targets(), some)
    losses = oracle.example_losses(data, some)
    assert loss == pytest.approx((data.w[some] * losses).sum(), rel=1e-11)
    assert weight == pytest.approx(data.w[some].sum(), rel=1e-12)
    y, best = data.y[some], expected[:50].argmax(1)
    if spec.get("loss") == "sigmoid":
        right = ((expected[:50] > 0.5) == (y > 0.5)).mean(axis=1)
    elif spec.get("loss") == "squared":
        right = np.zeros(50)
    else:
        right = best == (y if y.ndim == 1 else y.argmax(1))
    assert correct == pytest.approx((data.w[some] * right).sum(), rel=1e-12)
    whole = net.evaluate(data.examples, data.targets(None), accuracy=False)
    losses = oracle.example_losses(data, np.arange(data.n))
    assert whole == pytest.approx((losses.sum(), data.n, 0), rel=1e-11)


def test_one_step_is_the_step_composed_of_ops(isa: str) -> None:
    """The update epilogue does what a stored gradient and an update would: the same bits where there is FMA."""
    spec = make_spec("dense", n_inputs=37, hidden=[50], n_outputs=10, optimizer="sgd")
    data = Data(spec, 24, dtype=np.float32)
    net = build(spec, np.float32)
    p = {name: np.array(v) for name, v in net.parameters().items()}
    lr = np.float32(0.25)
    net.train(data.examples, data.targets(None), None, 24, float(lr))
    h = ops.linear(data.x, p["hidden0.weight"], p["hidden0.bias"], activation="relu")
    z = ops.linear(h, p["output.weight"], p["output.bias"])
    _, dz = ops.cross_entropy(z, data.y)
    dh, dw1, db1 = ops.linear_backward(dz, h, p["output.weight"])
    _, dw0, db0 = ops.linear_backward(dh, data.x, p["hidden0.weight"], h, activation="relu")
    grads = {"hidden0.weight": dw0, "hidden0.bias": db0, "output.weight": dw1, "output.bias": db1}
    after = net.parameters()
    for name, g in grads.items():
        if _pyffnn.isa_has_fma():
            # w - lr g rounded once, from float64: 24-bit products are exact there.
            exact = p[name].astype(np.float64) - np.float64(lr) * g.astype(np.float64)
            np.testing.assert_array_equal(after[name], exact.astype(np.float32), err_msg=name)
        else:
            np.testing.assert_allclose(
                after[name], p[name] - lr * g, rtol=1e-5, atol=1e-7, err_msg=name
            )


def test_bags_step_is_the_step_composed_of_ops(isa: str) -> None:
    spec = make_spec("bags", rows=50, dim=20, hidden=[], optimizer="sgd")
    data = Data(spec, 30, dtype=np.float32)
    ids, offsets = data.arrays
    net = build(spec, np.float32)
    p = {name: np.array(v) for name, v in net.parameters().items()}
    lr = np.float32(0.5)
    net.train(data.examples, data.targets(None), None, 30, float(lr))
    x = ops.mean_pool(p["embedding"], ids, offsets)
    _, dz = ops.cross_entropy(ops.linear(x, p["output.weight"], p["output.bias"]), data.y)
    dx, _, _ = ops.linear_backward(dz, x, p["output.weight"])
    sizes = np.maximum(np.diff(offsets), 1).astype(np.float32)
    per_id = np.repeat(dx * (np.float32(1) / sizes)[:, None], np.diff(offsets), axis=0)
    g = ops.embedding_backward(per_id, ids, 50)
    expected = p["embedding"] - lr * g
    np.testing.assert_allclose(net.parameters()["embedding"], expected, rtol=0, atol=1e-7)
    untouched = np.setdiff1d(np.arange(50), ids)
    np.testing.assert_array_equal(
        net.parameters()["embedding"][untouched], p["embedding"][untouched]
    )


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("clip", [0.0, 0.1])
def test_frozen_embeddings(kind: str, clip: float) -> None:
    spec = make_spec(kind, freeze_embeddings=True, optimizer="adam", clip=clip)
    data = Data(spec, 46)
    net, oracle = follow(spec, data)
    start = build(spec).parameters()
    np.testing.assert_array_equal(net.parameters()["embedding"], start["embedding"])
    assert (net.parameters()["hidden0.weight"] != start["hidden0.weight"]).any()
    _, grads = net.gradients(data.examples, data.targets())
    assert "embedding" not in grads and grads.keys() == oracle.p.keys() - {"embedding"}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("clip", [0.0, 0.1])
def test_embeddings_thaw(kind: str, clip: float) -> None:
    """They take no step before, and then those that the oracle takes."""
    spec = make_spec(kind, frozen_steps=2, optimizer="adam", clip=clip)
    net, _ = follow(spec, Data(spec, 46))
    start = build(spec).parameters()
    assert (net.parameters()["embedding"] != start["embedding"]).any()
    still = make_spec(kind, frozen_steps=10_000, optimizer="adam", clip=clip)
    net, _ = follow(still, Data(still, 46))
    np.testing.assert_array_equal(net.parameters()["embedding"], start["embedding"])


def test_frozen_embeddings_with_learned_means() -> None:
    more = {"distant_kernels": 2, "distant_window": 5}
    spec = make_spec("windows", freeze_embeddings=True, optimizer="adam", clip=0.1, **more)
    net, _ = follow(spec, Data(spec, 46))
    start = build(spec).parameters()
    np.testing.assert_array_equal(net.parameters()["embedding"], start["embedding"])
    assert (net.parameters()["distant"] != start["distant"]).any()


def test_parameters_are_live() -> None:
    spec = make_spec("bags")
    data = Data(spec, 10)
    net = _pyffnn.Network64(spec)
    for p in net.parameters().values():
        p[:] = 0
    np.testing.assert_allclose(net.predict(data.examples), 1 / 3)
    net.parameters()["output.bias"][:] = [0, 0, 50]
    assert (net.predict(data.examples)[:, 2] > 0.999).all()
    assert (net.predict(data.examples) <= 1).all()
    kept = net.parameters()
    del net
    kept["embedding"][:] = 1


def test_empty_bags() -> None:
    spec = make_spec("bags", hidden=[])
    net = build(spec)
    ids, offsets = np.zeros(0, np.int32), np.zeros(4, np.int64)
    examples = _pyffnn.Examples.bags(ids, offsets, spec["rows"])
    before = np.array(net.parameters()["embedding"])
    targets = _pyffnn.Targets.classes([0, 1, 1], 3)
    losses, _, finite = net.train(examples, targets, None, 2, 0.5)
    assert finite and len(losses) == 2
    np.testing.assert_array_equal(net.parameters()["embedding"], before)
    np.testing.assert_allclose(
        net.predict(examples),
        np.tile(ops.softmax(np.array(net.parameters()["output.bias"])), (3, 1)),
    )


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_no_examples(kind: str, output: str) -> None:
    spec = spec_of(kind, "plain", output)
    data = Data(spec, 5, targets=OUTPUTS[output][1])
    net, none = build(spec), np.zeros(0, np.int64)
    examples, targets = data.examples, data.targets()
    losses, weights, finite = net.train(examples, targets, none, 4, np.zeros(0))
    assert len(losses) == len(weights) == 0 and finite and net.step == 0
    assert net.predict(examples, none).shape == (0, 11)
    ids, p = net.top_k(examples, 2, 0.0, none)
    assert ids.shape == p.shape == (0, 2)
    assert net.evaluate(examples, targets, none) == (0, 0, 0)
    loss, grads = net.gradients(examples, targets, none)
    assert loss == 0 and all((g == 0).all() for g in grads.values())


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_zero_weights(kind: str, output: str) -> None:
    spec = spec_of(kind, "plain", output, optimizer="momentum", l2=0.1, samples=0)
    if output == "sampled":
        spec["samples"] = 4
    data = Data(spec, 20, targets=OUTPUTS[output][1])
    net = build(spec)
    start = {name: np.array(p) for name, p in net.parameters().items()}
    nothing = data.targets(np.zeros(20))
    losses, weights, finite = net.train(data.examples, nothing, None, 5, 0.1)
    batches = 1 if kind == "windows" else 4  # of a stream, runs are counted
    assert finite and losses.tolist() == weights.tolist() == [0] * batches
    for name, p in net.parameters().items():
        np.testing.assert_array_equal(p, start[name])
    net.step = 0
    # An example of weight 0 is as if it were not there, but for rows that it touches.
    w = np.ones(20)
    w[::2] = 0
    other = build(spec)
    net.train(data.examples, data.targets(w), np.arange(20), 20, 0.1)
    other.train(data.examples, data.targets(None), np.arange(1, 20, 2), 10, 0.1)
    for name, p in net.parameters().items():
        if kind == "dense" and output != "sampled":
            np.testing.assert_allclose(p, other.parameters()[name], rtol=0, atol=1e-14)


@pytest.mark.parametrize("output", OUTPUTS)
def test_non_finite_loss_is_not_applied(output: str) -> None:
    spec = spec_of("dense", "plain", output, activation="identity")
    data = Data(spec, 12, targets=OUTPUTS[output][1])
    data.x[9] = np.inf
    net, alone = build(spec), build(spec)
    losses, weights, finite = net.train(data.examples, data.targets(), None, 4, 0.1)
    assert not finite and len(losses) == len(weights) == 2 and np.isfinite(losses).all()
    assert net.step == 2
    alone.train(data.examples, data.targets(), np.arange(8), 4, 0.1)
    for name, p in net.parameters().items():
        np.testing.assert_array_equal(p, alone.parameters()[name])


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", ["classes", "vocabulary", "adaptive", "sampled"])
def test_steps_of_several_calls_are_those_of_one(kind: str, output: str) -> None:
    noise = {"word_dropout": 0.2} if kind in TABLES else {"input_dropout": 0.1}
    more = {"optimizer": "adam", "dropout": 0.3, "seed": 3, "output_dropout": 0.2}
    spec = spec_of(kind, "plain", output, **more, **noise)
    data = Data(spec, 40)
    once, *_ = trained(spec, data)
    parts = build(spec)
    order = np.random.default_rng(0).permutation(data.n)[:40]
    for s in range(5):
        batch = order[8 * s : 8 * s + 8]
        parts.train(data.examples, data.targets(), batch, 8, 0.1 / (s + 1))
    for name, p in once.parameters().items():
        np.testing.assert_array_equal(p, parts.parameters()[name], err_msg=name)


@pytest.mark.parametrize("kind", ["bags", "concat"])
def test_growth(kind: str) -> None:
    """Rows that come later are what they would have been from the start."""
    small = make_spec(kind, optimizer="adagrad")
    large = make_spec(kind, optimizer="adagrad", rows=60)
    data = Data(small, 30)
    a, b = build(small), build(large)
    for net in (a, b):
        net.initialise(9)
        net.train(data.examples, data.targets(None), None, 8, 0.1)
        if net is a:
            net.absorb(net.fork(rows=60))
    assert a.spec == b.spec
    for name, p in b.parameters().items():
        np.testing.assert_array_equal(a.parameters()[name], p, err_msg=name)
    assert a.state()["embedding.s1"].shape == (60,)
    np.testing.assert_array_equal(a.state()["embedding.s1"], b.state()["embedding.s1"])
    new = Data(large, 10)
    np.testing.assert_array_equal(a.predict(new.examples), b.predict(new.examples))
