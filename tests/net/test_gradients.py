"""Gradients of every network: against an oracle that shares no formula, central differences, and PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from oracles import tape
from oracles.examples import OUTPUTS, TABLES, Data, build, make_spec
from oracles.network import Oracle

LAYERS: dict[str, dict[str, Any]] = {
    "plain": {"activation": "tanh"},
    "residual": {"residual": True, "hidden": [9, 8]},
    "layer norm": {"layer_norm": True, "hidden": [6, 7], "activation": "sigmoid"},
    "gelu": {"activation": "gelu"},
    "direct": {"direct": True},
    "all": {
        "residual": True,
        "layer_norm": True,
        "direct": True,
        "activation": "gelu",
        "hidden": [9, 6],
    },
}
INPUTS = ["dense", "sparse", "bags", "concat", "windows"]


def spec_of(kind: str, layers: str, output: str, **more: Any) -> dict[str, Any]:
    keys = {**LAYERS[layers], **OUTPUTS[output][0], "n_outputs": 11, **more}
    if kind == "sparse":
        keys.pop("direct", None)
    return make_spec(kind, **keys)


def check(spec: dict[str, Any], n: int = 9, targets: str | None = None, **more: Any) -> Any:
    net = build(spec, scale=0.5)
    data = Data(spec, n, 1, targets=targets, **more)
    order = np.arange(n)
    loss, grads = net.gradients(data.examples, data.targets())
    oracle = Oracle(spec, net.parameters())
    want, expected = oracle.gradients(data, order)
    assert loss == pytest.approx(want, rel=1e-12, abs=1e-12)
    assert grads.keys() == expected.keys()
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-10, atol=1e-12, err_msg=name)
    return net, data, grads


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", INPUTS)
def test_what_one_network_can_every_network_can(kind: str, layers: str, output: str) -> None:
    if kind == "sparse" and layers == "direct":
        pytest.skip("no direct connections from a sparse input")
    check(spec_of(kind, layers, output), targets=OUTPUTS[output][1])


@pytest.mark.parametrize("output", ["vocabulary", "sampled"])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("hidden", [None, []])
def test_tied(layers: str, output: str, hidden: Any) -> None:
    """With direct connections the tied table, the output's matrix, is wider than the rows that its input reads."""
    more: dict[str, Any] = {"tied": True, "n_outputs": 31}
    if hidden is not None:
        more["hidden"] = hidden
    check(spec_of("windows", layers, output, **more), n=20)


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("output", ["classes", "sets", "vocabulary", "adaptive"])
def test_distant_words(layers: str, output: str) -> None:
    spec = spec_of("windows", layers, output, distant_kernels=3, distant_window=7)
    check(spec, n=40, targets=OUTPUTS[output][1])


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity", "gelu"])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid", "squared"])
def test_activations(kind: str, activation: str, loss: str) -> None:
    check(make_spec(kind, activation=activation, loss=loss))


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("hidden", [[], [1], [17, 33], [16, 3, 40]])
@pytest.mark.parametrize("layers", [{}, {"residual": True}, {"layer_norm": True}], ids=str)
def test_depths(kind: str, hidden: list[int], layers: dict[str, Any]) -> None:
    if kind == "sparse" and not hidden and layers.get("residual"):
        pytest.skip("no residual layers right behind a sparse input")
    check(make_spec(kind, activation="tanh", hidden=hidden, **layers))


@pytest.mark.parametrize("kind", ["dense", *TABLES])
@pytest.mark.parametrize("output", ["vocabulary", "adaptive", "sampled"])
@pytest.mark.parametrize("direct", [False, True])
def test_words_right_behind_the_input(kind: str, output: str, direct: bool) -> None:
    check(spec_of(kind, "plain", output, hidden=[], direct=direct))


POOLS = ["mean", "sqrtn", "sum", "max", "min", ["mean", "max", "min"], ["min", "sum", "sqrtn", "mean", "max"], ["sum", "mean"]]  # fmt: skip


@pytest.mark.parametrize("window", [0, 1, 3, 100])
@pytest.mark.parametrize("pool", POOLS, ids=str)
def test_pools(pool: str | list[str], window: int) -> None:
    check(make_spec("bags", pool=pool, window=window, activation="tanh"), n=33)


@pytest.mark.parametrize("dim", [1, 15, 16, 17, 100, 113])
@pytest.mark.parametrize("window", [0, 4])
def test_widths_of_several_pools(dim: int, window: int, isa: str) -> None:
    pool = ["max", "mean", "min"]
    check(make_spec("bags", pool=pool, window=window, activation="tanh", dim=dim))


@pytest.mark.parametrize("dim", [1, 15, 16, 17, 64, 100, 112, 113, 128, 150, 300])
@pytest.mark.parametrize("kind", TABLES)
def test_widths_of_the_table(kind: str, dim: int, isa: str) -> None:
    check(make_spec(kind, activation="tanh", dim=dim))


@pytest.mark.parametrize("n", [1, 2, 33, 600])
@pytest.mark.parametrize("output", ["classes", "vocabulary", "adaptive", "sampled"])
@pytest.mark.parametrize("kind", INPUTS)
def test_batches(kind: str, output: str, n: int) -> None:
    check(spec_of(kind, "plain", output), n=n)


@pytest.mark.parametrize("classes", [np.int8, np.int32, np.int64])
@pytest.mark.parametrize("output", ["classes", "vocabulary"])
def test_types_of_classes(classes: Any, output: str) -> None:
    check(spec_of("dense", "plain", output), classes=classes)


@pytest.mark.parametrize(("first", "count"), [(7, 1), (8, 12), (3, 20)])
@pytest.mark.parametrize("kind", INPUTS)
def test_a_batch_in_any_order(kind: str, first: int, count: int) -> None:
    spec = make_spec(kind, activation="tanh")
    net, data = build(spec, scale=0.5), Data(spec, 30)
    order = np.random.default_rng(first).permutation(30)[first : first + count]
    loss, grads = net.gradients(data.examples, data.targets(), order)
    want, expected = Oracle(spec, net.parameters()).gradients(data, order)
    assert loss == pytest.approx(want, rel=1e-12)
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("output", ["classes", "adaptive"])
def test_runs_of_a_stream(output: str) -> None:
    more = {"distant_kernels": 2, "distant_window": 6}
    spec = spec_of("windows", "plain", output, **more)
    net, data = build(spec, scale=0.5), Data(spec, 40)
    starts, lengths = [0, 13, 6, 20], [5, 1, 4, 3]
    order = [s + i for s, n in zip(starts, lengths, strict=True) for i in range(n)]
    loss, grads = net.gradients(data.examples, data.targets(), (starts, lengths, [0, 4]))
    want, expected = Oracle(spec, net.parameters()).gradients(data, order)
    assert loss == pytest.approx(want, rel=1e-12)
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-10, atol=1e-12, err_msg=name)


CENTRAL = [
    (kind, layers, output)
    for i, kind in enumerate(INPUTS)
    for j, output in enumerate(OUTPUTS)
    for layers in [("plain", "layer norm", "all", "gelu")[(i + j) % 4]]
    if output != "sampled"  # whose evaluation is over all words
]


@pytest.mark.parametrize(("kind", "layers", "output"), CENTRAL)
def test_central_differences(kind: str, layers: str, output: str) -> None:
    """Judges the oracle with the engine: slopes of the loss that evaluate() gives."""
    spec = spec_of(kind, layers, output, hidden=[4, 3])
    net, data, grads = check(spec, targets=OUTPUTS[output][1])
    examples, targets = data.examples, data.targets()

    def mean() -> float:
        loss, weight, _ = net.evaluate(examples, targets, accuracy=False)
        return float(loss / weight)

    step = 1e-5
    for name, p in net.parameters().items():
        for at in list(np.ndindex(p.shape))[:: max(1, p.size // 25)]:
            keep = p[at]
            p[at] = keep + step
            up = mean()
            p[at] = keep - step
            down = mean()
            p[at] = keep
            assert grads[name][at] == pytest.approx((up - down) / (2 * step), abs=1e-6), (name, at)


def test_the_oracles_own_differentiation() -> None:
    rng = np.random.default_rng(0)
    by = {"a": rng.normal(size=(4, 3)), "b": rng.normal(size=(3, 5)), "c": rng.normal(size=5)}

    def f(v: dict[str, tape.Value]) -> tape.Value:
        z = tape.gelu(v["a"] @ v["b"] + v["c"])
        z = tape.join([z, tape.sigmoid(v["a"])[:, [0, 0, 2]]])
        z = z * tape.inverse_root((z * z).mean(1) + 0.1) - tape.softplus(z).mean(1)
        return (tape.log_softmax(z) * tape.tanh(z)).sum()

    values = {k: tape.Value(x) for k, x in by.items()}
    grads = tape.gradients(f(values), values)
    for name, x in by.items():
        for at in np.ndindex(x.shape):
            ends = []
            for h in (1e-6, -1e-6):
                keep = x[at]
                x[at] = keep + h
                ends.append(float(f({k: tape.Value(y) for k, y in by.items()}).data))
                x[at] = keep
            assert grads[name][at] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-7)


def test_torch_bags() -> None:
    torch = pytest.importorskip("torch")
    spec = make_spec("bags", activation="relu", hidden=[8])
    net, data = build(spec, scale=0.5), Data(spec, 20, seed=5)
    _, grads = net.gradients(data.examples, data.targets(None))
    t = {
        name: torch.tensor(np.ascontiguousarray(p), requires_grad=True)
        for name, p in net.parameters().items()
    }
    ids, offsets = data.arrays
    x = torch.nn.functional.embedding_bag(
        torch.tensor(ids.astype(np.int64)), t["embedding"], torch.tensor(offsets[:-1]), mode="mean"
    )
    h = torch.relu(x @ t["hidden0.weight"] + t["hidden0.bias"])
    z = h @ t["output.weight"] + t["output.bias"]
    torch.nn.functional.cross_entropy(z, torch.tensor(data.y)).backward()
    for name, p in t.items():
        np.testing.assert_allclose(grads[name], p.grad.numpy(), rtol=0, atol=1e-12, err_msg=name)
