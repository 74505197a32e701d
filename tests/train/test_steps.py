"""Whole training steps: against a NumPy trainer in float64, against the same step composed of ops, and on degenerate batches."""

import numpy as np
import pytest
from net_oracle import Examples, Oracle, call, make_spec

from pyffnn import _pyffnn, ops

KINDS = ["dense", "sparse", "mean", "concat"]
OPTIMIZERS = [
    {"optimizer": "sgd"},
    {"optimizer": "momentum", "beta1": 0.8},
    {"optimizer": "adagrad"},
    {"optimizer": "adagrad", "embedding_optimizer": "same"},
    {"optimizer": "adam", "beta2": 0.99},
    {"optimizer": "adam", "embedding_optimizer": "adagrad_row"},
]


def trained(spec, ex, steps=5, batch_size=8, lr=0.1, w=True, cls=None):
    net = (cls or _pyffnn.Network64)(spec)
    net.initialise(7)
    start = {name: np.array(p) for name, p in net.parameters().items()}
    order = np.random.default_rng(0).permutation(ex.n)[: steps * batch_size]
    rates = lr / np.arange(1, steps + 1)
    result = call(net, "train", ex, ex.y, ex.w if w else None, order, batch_size, rates)
    return net, start, order, rates, result


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: "-".join(map(str, o.values())))
@pytest.mark.parametrize(
    "more",
    [{}, {"l2": 0.05, "weight_decay": 0.1, "embedding_lr": 0.5, "hidden": [6, 5]}],
    ids=["plain", "decay"],
)
def test_trace(kind, optimizer, more):
    if kind in ("dense", "sparse"):
        if "embedding_optimizer" in optimizer:
            pytest.skip("no embedding")
        more = {k: v for k, v in more.items() if k != "embedding_lr"}
    spec = make_spec(kind, activation="tanh", **optimizer, **more)
    ex = Examples(spec, 41, seed=2)
    net, start, order, rates, result = trained(spec, ex, batch_size=9)
    oracle = Oracle(spec, start)
    loss = weight = 0.0
    for s, rate in enumerate(rates):
        batch = order[9 * s : 9 * s + 9]
        w = ex.w[batch]
        loss += oracle.step(ex.batch(batch), ex.y[batch], rate, w, ex.touched(batch)) * w.sum()
        weight += w.sum()
    assert result["steps"] == 5 and result["finite"]
    assert result["loss"] == pytest.approx(loss, rel=1e-12)
    assert result["weight"] == pytest.approx(weight, rel=1e-12)
    for name, p in net.parameters().items():
        np.testing.assert_allclose(p, oracle.p[name], rtol=0, atol=1e-10, err_msg=name)
    for name, s in net.state().items():
        if name == "step":
            assert s == 5
            continue
        value, number = name.split(".")
        expected = {"s1": oracle.s1, "s2": oracle.s2}[number][value]
        np.testing.assert_allclose(s, expected, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("dim", [4, 37])
def test_rows_with_rates_of_their_own(dim, isa):
    spec = make_spec(
        "mean", optimizer="adagrad", row_rates=True, l2=0.01, weight_decay=0.1, dim=dim
    )
    ex = Examples(spec, 40, seed=5)
    net = _pyffnn.Network64(spec)
    net.initialise(3)
    assert (net.state()["embedding.rate"] == 1).all()
    rates = np.random.default_rng(1).random(spec["rows"])
    net.state()["embedding.rate"][:] = rates
    net.initialise(3)
    oracle = Oracle(spec, net.parameters())
    oracle.row_rates = rates
    order = np.arange(40)
    call(net, "train", ex, ex.y, ex.w, order, 8, np.full(5, 0.1))
    for batch in order.reshape(5, 8):
        oracle.step(ex.batch(batch), ex.y[batch], 0.1, ex.w[batch], ex.touched(batch))
    for name, p in net.parameters().items():
        np.testing.assert_allclose(p, oracle.p[name], rtol=0, atol=1e-11, err_msg=name)
    np.testing.assert_array_equal(net.state()["embedding.rate"], rates)
    net.grow(rows=spec["rows"] + 2)
    np.testing.assert_array_equal(net.state()["embedding.rate"], [*rates, 1, 1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_trace_float32(kind, optimizer, isa):
    spec = make_spec(kind, activation="relu", optimizer=optimizer)
    ex = Examples(spec, 40, seed=4, dtype=np.float32)
    net, start, order, rates, _ = trained(spec, ex, cls=_pyffnn.Network, lr=0.05)
    oracle = Oracle(spec, start)
    for s, rate in enumerate(rates):
        batch = order[8 * s : 8 * s + 8]
        oracle.step(ex.batch(batch), ex.y[batch], rate, ex.w[batch], ex.touched(batch))
    for name, p in net.parameters().items():
        assert p.dtype == np.float32
        np.testing.assert_allclose(p, oracle.p[name], rtol=2e-4, atol=2e-5, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", ["softmax", "sigmoid"])
def test_predict_and_evaluate(kind, loss, isa):
    spec = make_spec(kind, loss=loss)
    ex = Examples(spec, 700, seed=6)
    net = _pyffnn.Network64(spec)
    net.initialise(1)
    oracle = Oracle(spec, net.parameters())
    order = np.random.default_rng(1).permutation(ex.n)
    expected = oracle.probabilities(ex.batch(order))
    np.testing.assert_allclose(call(net, "predict", ex, order), expected, rtol=0, atol=1e-12)
    result = call(net, "evaluate", ex, ex.y, ex.w, order[:50])
    some = order[:50]
    assert result["loss"] == pytest.approx(
        (ex.w[some] * oracle.losses(oracle.forward(ex.batch(some))[-1], ex.y[some])).sum(),
        rel=1e-12,
    )
    assert result["weight"] == pytest.approx(ex.w[some].sum(), rel=1e-12)
    right = (
        expected[:50].argmax(1) == ex.y[some]
        if loss == "softmax"
        else ((expected[:50] > 0.5) == ex.y[some]).mean(axis=1)
    )
    assert result["correct"] == pytest.approx((ex.w[some] * right).sum(), rel=1e-12)


def test_one_step_is_the_step_composed_of_ops(isa):
    """The update epilogue does what a stored gradient and an update would: the same bits where there is FMA."""
    spec = make_spec("dense", n_inputs=37, hidden=[50], n_outputs=10, optimizer="sgd")
    ex = Examples(spec, 24, dtype=np.float32)
    net = _pyffnn.Network(spec)
    net.initialise(5)
    p = {name: np.array(v) for name, v in net.parameters().items()}
    lr = np.float32(0.25)
    call(net, "train", ex, ex.y, None, None, 24, float(lr))
    y = ops.linear(ex.x, p["weight0"], p["bias0"], activation="relu")
    z = ops.linear(y, p["weight1"], p["bias1"])
    _, dz = ops.cross_entropy(z, ex.y)
    dy, dw1, db1 = ops.linear_backward(dz, y, p["weight1"])
    _, dw0, db0 = ops.linear_backward(dy, ex.x, p["weight0"], y, activation="relu")
    after = net.parameters()
    for name, g in {"weight0": dw0, "bias0": db0, "weight1": dw1, "bias1": db1}.items():
        if _pyffnn.isa_has_fma():
            # w - lr g rounded once, from float64: 24-bit products are exact there.
            expected = (p[name].astype(np.float64) - np.float64(lr) * g.astype(np.float64)).astype(
                np.float32
            )
            np.testing.assert_array_equal(after[name], expected, err_msg=name)
        else:
            np.testing.assert_allclose(
                after[name], p[name] - lr * g, rtol=1e-5, atol=1e-7, err_msg=name
            )


def test_bags_step_is_the_step_composed_of_ops(isa):
    spec = make_spec("mean", rows=50, dim=20, hidden=[], optimizer="sgd")
    ex = Examples(spec, 30, dtype=np.float32)
    ids, offsets = ex.args
    net = _pyffnn.Network(spec)
    net.initialise(5)
    p = {name: np.array(v) for name, v in net.parameters().items()}
    lr = np.float32(0.5)
    call(net, "train", ex, ex.y, None, None, 30, float(lr))
    x = ops.mean_pool(p["embedding"], ids, offsets)
    _, dz = ops.cross_entropy(ops.linear(x, p["weight0"], p["bias0"]), ex.y)
    dx, _, _ = ops.linear_backward(dz, x, p["weight0"])
    scale = np.array([np.float32(1) / np.float32(max(len(b), 1)) for b in ex.bags], np.float32)[
        :, None
    ]
    per_id = np.repeat(dx * scale, np.diff(offsets), axis=0)
    g = ops.embedding_backward(per_id, ids, 50)
    expected = p["embedding"] - lr * g
    np.testing.assert_allclose(net.parameters()["embedding"], expected, rtol=0, atol=1e-7)
    untouched = np.setdiff1d(np.arange(50), ids)
    np.testing.assert_array_equal(
        net.parameters()["embedding"][untouched], p["embedding"][untouched]
    )


@pytest.mark.parametrize("kind", ["mean", "concat"])
def test_frozen_embeddings(kind):
    spec = make_spec(kind, freeze_embeddings=True, optimizer="adam")
    ex = Examples(spec, 40)
    net, start, *_ = trained(spec, ex)
    np.testing.assert_array_equal(net.parameters()["embedding"], start["embedding"])
    assert (net.parameters()["weight0"] != start["weight0"]).any()


def test_parameters_are_live():
    spec = make_spec("mean")
    ex = Examples(spec, 10)
    net = _pyffnn.Network64(spec)
    for p in net.parameters().values():
        p[:] = 0
    np.testing.assert_allclose(call(net, "predict", ex), 1 / 3)
    net.parameters()["bias1"][:] = [0, 0, 50]
    assert (call(net, "predict", ex)[:, 2] > 0.999).all()
    assert (call(net, "predict", ex) <= 1).all()
    kept = net.parameters()
    del net
    kept["embedding"][:] = 1


def test_empty_bags():
    spec = make_spec("mean", hidden=[])
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    ids, offsets = np.zeros(0, np.int32), np.zeros(4, np.int64)
    before = np.array(net.parameters()["embedding"])
    result = net.train_bags(ids, offsets, [0, 1, 1], None, None, 2, 0.5)
    assert result["finite"] and result["steps"] == 2
    np.testing.assert_array_equal(net.parameters()["embedding"], before)
    np.testing.assert_allclose(
        net.predict_bags(ids, offsets),
        np.tile(ops.softmax(np.array(net.parameters()["bias0"])), (3, 1)),
    )


@pytest.mark.parametrize("kind", KINDS)
def test_no_examples(kind):
    spec = make_spec(kind)
    ex = Examples(spec, 5)
    net = _pyffnn.Network64(spec)
    none = np.zeros(0, np.int64)
    result = call(net, "train", ex, ex.y, None, none, 4, np.zeros(0))
    assert result["losses"].size == result["weights"].size == 0
    assert result["finite"] and result["loss"] == result["weight"] == result["steps"] == 0
    assert call(net, "predict", ex, none).shape == (0, 3)
    assert call(net, "evaluate", ex, ex.y, None, none)["weight"] == 0
    loss, grads = call(net, "gradients", ex, ex.y, None, none)
    assert loss == 0 and all((g == 0).all() for g in grads.values())


@pytest.mark.parametrize("kind", KINDS)
def test_zero_weights(kind):
    spec = make_spec(kind, optimizer="momentum", l2=0.1)
    ex = Examples(spec, 20)
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    start = {name: np.array(p) for name, p in net.parameters().items()}
    result = call(net, "train", ex, ex.y, np.zeros(20), None, 5, 0.1)
    assert result["weight"] == 0 and result["loss"] == 0 and result["steps"] == 4
    for name, p in net.parameters().items():
        np.testing.assert_array_equal(p, start[name])
    # An example of weight 0 is as if it were not there.
    w = np.ones(20)
    w[::2] = 0
    other = _pyffnn.Network64(spec)
    other.initialise(0)
    call(net, "train", ex, ex.y, w, None, 20, 0.1)
    call(other, "train", ex, ex.y, None, np.arange(1, 20, 2), 10, 0.1)
    for name, p in net.parameters().items():
        if kind == "dense":
            np.testing.assert_allclose(p, other.parameters()[name], rtol=0, atol=1e-14)


def test_non_finite_loss_is_not_applied():
    spec = make_spec("dense", hidden=[4])
    net = _pyffnn.Network64(spec)
    net.initialise(0)
    x = np.ones((12, 7))
    x[9] = np.inf
    y = np.zeros(12, np.int64)
    result = net.train_dense(x, y, None, None, 4, 0.1)
    assert not result["finite"] and result["steps"] == 2 and np.isfinite(result["loss"])
    assert net.state()["step"] == 2
    assert all(np.isfinite(p).all() for p in net.parameters().values())


def test_steps_of_several_calls_are_those_of_one():
    for kind in KINDS:
        noise = {"word_dropout": 0.2} if kind in ("mean", "concat") else {"input_dropout": 0.1}
        spec = make_spec(kind, optimizer="adam", dropout=0.3, seed=3, **noise)
        ex = Examples(spec, 40)
        once, *_ = trained(spec, ex)
        parts = _pyffnn.Network64(spec)
        parts.initialise(7)
        order = np.random.default_rng(0).permutation(ex.n)[:40]
        for s in range(5):
            call(parts, "train", ex, ex.y, ex.w, order[8 * s : 8 * s + 8], 8, 0.1 / (s + 1))
        for name, p in once.parameters().items():
            np.testing.assert_array_equal(p, parts.parameters()[name], err_msg=name)


def test_grow():
    small, large = (
        make_spec("mean", optimizer="adagrad"),
        make_spec("mean", optimizer="adagrad", rows=60),
    )
    ex = Examples(small, 30)
    a, b = _pyffnn.Network64(small), _pyffnn.Network64(large)
    for net in (a, b):
        net.initialise(9)
    call(a, "train", ex, ex.y, None, None, 8, 0.1)
    call(b, "train", ex, ex.y, None, None, 8, 0.1)
    a.grow(60, 5)
    for name, p in b.parameters().items():
        q = a.parameters()[name]
        np.testing.assert_array_equal(
            q[..., : p.shape[-1]] if name in ("weight1", "bias1") else q, p, err_msg=name
        )
    assert (
        a.parameters()["weight1"].shape == (6, 5) and (a.parameters()["weight1"][:, 3:] == 0).all()
    )
    assert a.state()["embedding.s1"].shape == (60,)
    np.testing.assert_array_equal(a.state()["embedding.s1"], b.state()["embedding.s1"])
    assert a.predict_bags(np.array([59], np.int32), [0, 1]).shape == (1, 5)
