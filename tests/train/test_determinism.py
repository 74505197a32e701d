"""The same bits at any number of threads, on every FMA instruction set, and from several Python threads at once."""

import threading

import numpy as np
import pytest
from net_oracle import Examples, call, make_spec

import pyffnn
from pyffnn import _pyffnn

KINDS = ["dense", "sparse", "mean", "concat"]
LARGE = {
    "dense": {"n_inputs": 150, "hidden": [70, 40]},
    "sparse": {"n_inputs": 3000, "hidden": [70]},
    "mean": {"rows": 3000, "dim": 70, "hidden": [40]},
    "concat": {"rows": 3000, "dim": 20, "max_tokens": 12, "hidden": [70]},
}
# Enough work that a team of threads is worth it, and enough steps that it is tried: else this would test one thread three times.
N, BATCH, LENGTH = 1500, 100, 60


def run(kind, n_threads, isa=None, **more):
    noise = (
        {"word_dropout": 0.1, "dropout": 0.2}
        if kind in ("mean", "concat")
        else {"input_dropout": 0.1, "dropout": 0.2}
    )
    spec = make_spec(kind, **LARGE[kind], **noise, seed=11, l2=1e-3, **more)
    ex = Examples(spec, N, seed=3, dtype=np.float32, max_len=LENGTH)
    net = _pyffnn.Network(spec)
    with pyffnn.use_isa(isa or pyffnn.isa()):
        net.initialise(1)
        order = np.random.default_rng(0).permutation(N)
        result = call(net, "train", ex, ex.y, ex.w, order, BATCH, 0.1, n_threads=n_threads)
        evaluation = call(net, "evaluate", ex, ex.y, ex.w, n_threads=n_threads)
        p = call(net, "predict", ex, order, n_threads=n_threads)
    assert result["finite"] and result["steps"] == 15
    return [result, evaluation, p, *net.parameters().values(), *net.state().values()]


def assert_same(a, b):
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y)
        else:
            assert x == y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam"])
def test_threads(kind, optimizer):
    one = run(kind, 1, optimizer=optimizer)
    for n in (2, 5):
        assert_same(one, run(kind, n, optimizer=optimizer))


@pytest.mark.parametrize(
    "optimizer",
    [
        {"optimizer": "adagrad", "embedding_optimizer": "same"},
        {"optimizer": "adam", "embedding_optimizer": "adagrad_row"},
    ],
)
def test_threads_with_another_optimizer_for_the_table(optimizer):
    assert_same(run("mean", 1, **optimizer), run("mean", 2, **optimizer))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_instruction_sets(kind, optimizer, activation):
    isas = [
        name for name in ("reference", "avx2", "avx512", "neon") if name in pyffnn.available_isas()
    ]
    if len(isas) < 2:
        pytest.skip("one FMA instruction set")
    first = run(kind, 1, isas[0], optimizer=optimizer, activation=activation)
    for name in isas[1:]:
        assert_same(first, run(kind, 2, name, optimizer=optimizer, activation=activation))


def test_python_threads_share_a_network():
    """Predictions at the same time agree with one alone; trainings of one network take turns."""
    spec = make_spec("mean", **LARGE["mean"], optimizer="adagrad")
    ex = Examples(spec, 400, dtype=np.float32, max_len=LENGTH)
    net = _pyffnn.Network(spec)
    net.initialise(0)
    expected = call(net, "predict", ex)
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(call(net, "predict", ex))) for _ in range(6)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 6
    for r in results:
        np.testing.assert_array_equal(r, expected)
    threads = [
        threading.Thread(target=lambda: call(net, "train", ex, ex.y, None, None, 50, 0.1))
        for _ in range(4)
    ]
    threads += [threading.Thread(target=lambda: call(net, "predict", ex)) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert net.state()["step"] == 4 * 8
    alone = _pyffnn.Network(spec)
    alone.initialise(0)
    for _ in range(4):
        call(alone, "train", ex, ex.y, None, None, 50, 0.1)
    assert_same(list(net.parameters().values()), list(alone.parameters().values()))


def test_same_seed_same_weights():
    spec = make_spec("mean")
    nets = [_pyffnn.Network(spec) for _ in range(3)]
    for net, seed in zip(nets, (4, 4, 5), strict=True):
        net.initialise(seed)
    a, b, c = (net.parameters() for net in nets)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        if not name.startswith("bias"):
            assert (a[name] != c[name]).mean() > 0.99
