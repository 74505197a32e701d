"""Gradients of the fused step: against central differences, against an independent NumPy network, and against PyTorch."""

import numpy as np
import pytest
from net_oracle import Examples, Oracle, call, make_spec

from pyffnn import _pyffnn

KINDS = ["dense", "sparse", "mean", "concat"]


def network(spec, seed=3):
    net = _pyffnn.Network64(spec)
    net.initialise(seed)
    rng = np.random.default_rng(seed)
    for name, p in net.parameters().items():
        if name.startswith("bias"):
            p[:] = rng.normal(size=p.shape) * 0.3
        elif name == "embedding":
            p *= 5
    return net


def check(spec, n=9, seed=1):
    net = network(spec)
    ex = Examples(spec, n, seed)
    loss, grads = call(net, "gradients", ex, ex.y, ex.w)
    oracle = Oracle(spec, net.parameters())
    assert loss == pytest.approx(oracle.loss(ex.batch(range(n)), ex.y, ex.w), abs=1e-12)
    expected = oracle.gradients(ex.batch(range(n)), ex.y, ex.w)
    assert grads.keys() == expected.keys()
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=0, atol=1e-12, err_msg=name)
    return net, ex, grads


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "identity"])
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_oracle(kind, activation, loss):
    check(make_spec(kind, activation=activation, loss=loss))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", [[], [1], [17, 33], [16, 3, 40]])
def test_depths(kind, hidden):
    check(make_spec(kind, activation="tanh", hidden=hidden))


@pytest.mark.parametrize("pool", ["mean", "sqrtn", "sum"])
def test_pools(pool):
    check(make_spec("mean", pool=pool, activation="tanh"), n=33)


@pytest.mark.parametrize("dim", [1, 15, 16, 17, 64, 100, 112, 113, 128, 150, 300])
@pytest.mark.parametrize("kind", ["mean", "concat"])
def test_widths_of_the_table(kind, dim, isa):
    check(make_spec(kind, activation="tanh", dim=dim))


@pytest.mark.parametrize("n", [1, 2, 33, 600])
@pytest.mark.parametrize("kind", KINDS)
def test_batches(kind, n):
    check(make_spec(kind, activation="tanh"), n=n)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_central_differences(kind, loss, activation):
    spec = make_spec(kind, activation=activation, loss=loss, hidden=[4, 3])
    net, ex, grads = check(spec)
    step = 1e-5
    for name, p in net.parameters().items():
        for at in np.ndindex(p.shape):
            keep = p[at]
            p[at] = keep + step
            up = call(net, "evaluate", ex, ex.y, ex.w)
            p[at] = keep - step
            down = call(net, "evaluate", ex, ex.y, ex.w)
            p[at] = keep
            slope = (up["loss"] / up["weight"] - down["loss"] / down["weight"]) / (2 * step)
            assert grads[name][at] == pytest.approx(slope, abs=1e-6), (name, at)


def test_torch_bags():
    torch = pytest.importorskip("torch")
    spec = make_spec("mean", activation="relu", hidden=[8])
    net = network(spec)
    ex = Examples(spec, 20, seed=5)
    _, grads = call(net, "gradients", ex, ex.y)
    p = net.parameters()
    t = {
        name: torch.tensor(np.ascontiguousarray(value), requires_grad=True)
        for name, value in p.items()
    }
    ids, offsets = ex.args
    x = torch.nn.functional.embedding_bag(
        torch.tensor(ids.astype(np.int64)), t["embedding"], torch.tensor(offsets[:-1]), mode="mean"
    )
    z = torch.relu(x @ t["weight0"] + t["bias0"]) @ t["weight1"] + t["bias1"]
    torch.nn.functional.cross_entropy(z, torch.tensor(ex.y)).backward()
    for name, value in t.items():
        np.testing.assert_allclose(
            grads[name], value.grad.numpy(), rtol=0, atol=1e-12, err_msg=name
        )
