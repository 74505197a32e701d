"""Dropout and word dropout: rates, scaling, and that the backward pass sees the mask of the forward pass."""

import numpy as np
import pytest
from net_oracle import Examples, call, make_spec

from pyffnn import _pyffnn


def gradient_of_one_step(spec, ex, seed=0):
    """The gradient that a step of rate 1 took, from the change of the parameters."""
    net = _pyffnn.Network64(spec)
    net.initialise(seed)
    for name, p in net.parameters().items():
        if name.startswith("bias"):
            p[:] = np.linspace(-0.5, 0.6, len(p))  # an empty bag is no kink of relu
    before = {name: np.array(p) for name, p in net.parameters().items()}
    result = call(net, "train", ex, ex.y, None, None, ex.n, 1.0)
    return {name: before[name] - p for name, p in net.parameters().items()}, before, result["loss"]


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_word_dropout_keeps_the_share_it_should(rate):
    """With one distinct id a bag position, the rows that change are those that were kept."""
    spec = make_spec("mean", rows=6000, hidden=[], word_dropout=rate)
    ids = np.arange(6000, dtype=np.int32)
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    changed = []
    for _ in range(3):
        before = np.array(net.parameters()["embedding"])
        net.train_bags(ids, np.arange(0, 6001, 20), np.arange(300) % 3, None, None, 300, 0.5)
        changed.append((net.parameters()["embedding"] != before).any(axis=1))
    for c in changed:
        assert c.mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 6000))
    assert (changed[0] != changed[1]).mean() == pytest.approx(2 * rate * (1 - rate), abs=0.05)


def test_mean_is_over_the_words_that_stay():
    spec = make_spec("mean", rows=40, hidden=[], n_outputs=2, word_dropout=0.5)
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    net.parameters()["embedding"][:] = 3.0
    net.parameters()["weight0"][:] = [[1, -1]] * 5
    # Every row is the same, so whatever stays has the mean 3: the loss is that without word dropout.
    ids = np.arange(40, dtype=np.int32)
    result = net.train_bags(ids, [0, 40], [0], None, None, 1, 0.0)
    assert result["loss"] == pytest.approx(np.log1p(np.exp(-30.0)), rel=1e-9)


def test_all_words_dropped_is_an_empty_bag():
    spec = make_spec("mean", hidden=[], word_dropout=1.0)
    ex = Examples(spec, 20)
    change, before, loss = gradient_of_one_step(spec, ex)
    assert (change["embedding"] == 0).all() and (change["weight0"] == 0).all()
    bias = before["bias0"]
    assert loss == pytest.approx((np.log(np.exp(bias).sum()) - bias[ex.y]).sum())


def test_word_dropout_in_a_concatenation_leaves_a_hole():
    spec = make_spec("concat", rows=4000, max_tokens=4, dim=2, hidden=[], word_dropout=0.25)
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    before = {name: np.array(p) for name, p in net.parameters().items()}
    net.train_bags(
        np.arange(4000, dtype=np.int32),
        np.arange(0, 4001, 4),
        np.arange(1000) % 3,
        None,
        None,
        1000,
        1.0,
    )
    kept = (net.parameters()["embedding"] != before["embedding"]).any(axis=1)
    assert kept.mean() == pytest.approx(0.75, abs=0.03)
    x = (before["embedding"] * kept[:, None]).reshape(1000, 8)
    z = x @ before["weight0"] + before["bias0"]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    p[np.arange(1000), np.arange(1000) % 3] -= 1
    np.testing.assert_allclose(
        before["weight0"] - net.parameters()["weight0"], x.T @ p / 1000, atol=1e-12
    )


@pytest.mark.parametrize("rate", [0.2, 0.6])
def test_input_dropout_rate_and_scale(rate):
    """A linear network on ones: the gradient of weight j is dz times the kept units over (1 - rate)."""
    spec = {
        "input": "dense",
        "n_inputs": 5000,
        "hidden": [],
        "n_outputs": 1,
        "loss": "sigmoid",
        "input_dropout": rate,
    }
    net = _pyffnn.Network64(spec)
    result = net.train_dense(np.ones((1, 5000)), np.ones((1, 1)), None, None, 1, 1.0)
    w = net.parameters()["weight0"][:, 0]
    assert result["loss"] == pytest.approx(np.log(2))
    assert np.unique(w).tolist() == pytest.approx([0, 0.5 / (1 - rate)])
    assert (w > 0).mean() == pytest.approx(1 - rate, abs=4 * np.sqrt(rate * (1 - rate) / 5000))


@pytest.mark.parametrize("kind", ["dense", "sparse", "mean", "concat"])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu"])
def test_gradient_under_dropout_is_the_slope_of_that_loss(kind, activation):
    """The masks depend on seed, step and position alone, so the loss under dropout is a function that can be differenced."""
    noise = {"word_dropout": 0.2} if kind in ("mean", "concat") else {"input_dropout": 0.2}
    spec = make_spec(kind, hidden=[5, 4], activation=activation, dropout=0.3, seed=9, **noise)
    ex = Examples(spec, 12, seed=8)
    change, before, _ = gradient_of_one_step(spec, ex)
    net = _pyffnn.Network64(spec)

    def loss():
        net.set_step(0)
        return call(net, "train", ex, ex.y, None, None, ex.n, 0.0)["loss"] / ex.n

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


def test_no_dropout_outside_training():
    spec = make_spec("mean", dropout=0.5, word_dropout=0.5)
    quiet = make_spec("mean")
    ex = Examples(spec, 30)
    nets = [_pyffnn.Network64(s) for s in (spec, quiet)]
    for net in nets:
        net.initialise(1)
    np.testing.assert_array_equal(*(call(net, "predict", ex) for net in nets))
    assert call(nets[0], "evaluate", ex, ex.y) == call(nets[1], "evaluate", ex, ex.y)


def test_hidden_units_are_dropped_at_the_rate():
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
    net.train_dense(np.ones((1, 1)), np.ones((1, 1)), None, None, 1, 1.0)
    w = net.parameters()["weight1"][:, 0]
    assert np.unique(w).tolist() == pytest.approx([0, 0.25 / 0.7])
    assert (w > 0).mean() == pytest.approx(0.7, abs=0.025)
