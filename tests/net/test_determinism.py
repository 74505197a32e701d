"""The same bits at any number of threads, on every FMA instruction set, and from several Python threads at once."""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
import pytest
from net.test_gradients import INPUTS, LAYERS
from oracles.examples import OUTPUTS, TABLES, Data, build, make_spec

import pyffnn

LARGE: dict[str, dict[str, Any]] = {
    "dense": {"n_inputs": 150, "hidden": [70, 40]},
    "sparse": {"n_inputs": 3000, "hidden": [70]},
    "bags": {"rows": 3000, "dim": 70, "hidden": [40]},
    "concat": {"rows": 3000, "dim": 20, "max_tokens": 12, "hidden": [70]},
    "windows": {"rows": 3000, "dim": 20, "context": 4, "hidden": [70]},
}
# Enough work that a team of threads is worth it, and enough steps that it is tried: else this would test one thread three times.
N, BATCH, LENGTH = 1500, 100, 60
FMA = [name for name in ("reference", "avx2", "avx512", "neon") if name in pyffnn.available_isas()]


SHAPE = ("input", "n_inputs", "rows", "dim", "max_tokens", "context", "n_outputs", "loss")


@functools.cache
def data_of(kind: str, targets: str | None, *shape: tuple[str, Any]) -> Data:
    spec = {key: v for key, v in shape if v is not None}
    return Data(spec, N, 3, np.float32, targets, LENGTH)


def run(
    kind: str,
    n_threads: int,
    isa: str | None = None,
    targets: str | None = None,
    batches: int = 15,
    seen: int = 1500,
    **more: Any,
) -> list[Any]:
    """All that training, evaluating and predicting give."""
    own = {"word_dropout": 0.1} if kind in TABLES else {"input_dropout": 0.1}
    noise = {**own, "dropout": 0.2, "seed": 11}
    spec = make_spec(kind, **{**LARGE[kind], **noise, "l2": 1e-3, **more})
    data = data_of(kind, targets, *((key, spec.get(key)) for key in SHAPE))
    net = build(spec, np.float32)
    order = np.random.default_rng(0).permutation(N)
    if kind == "windows":  # in runs
        batch: Any = (order[: 10 * batches] % (N - 10), np.full(10 * batches, 10))
        batch += (np.arange(batches + 1) * 10,)
    else:
        batch = order[: BATCH * batches]
    examples, y = data.examples, data.targets()
    with pyffnn.use_isa(isa or pyffnn.isa()):
        net.initialise(1)
        losses, weights, finite = net.train(examples, y, batch, BATCH, 0.1, n_threads)
        some = order[:seen]
        evaluation = net.evaluate(examples, y, some, n_threads=n_threads)
        p = net.predict(examples, some, n_threads)
        best = net.top_k(examples, 3, 0.0, some, n_threads)
        found = [losses, weights, evaluation, p, *best]
        if spec.get("loss", "softmax") == "softmax" and data.targets_kind == "classes":
            found.append(net.log_prob(examples, y, 10, seen, n_threads))
    assert finite and len(losses) == batches
    return [*found, *net.parameters().values(), *net.state().values()]


def assert_same(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y)
        else:
            assert x == y


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam"])
def test_threads(kind: str, optimizer: str) -> None:
    one = run(kind, 1, optimizer=optimizer)
    for n in (2, 5):
        assert_same(one, run(kind, n, optimizer=optimizer))


def check(kind: str, targets: str | None = None, **more: Any) -> None:
    """A run long enough for a team at 1, 2 and 5 threads; a short one on every instruction set."""
    one = run(kind, 1, None, targets, 8, 130, **more)
    for n in (2, 5):
        assert_same(one, run(kind, n, None, targets, 8, 130, **more))
    if len(FMA) > 1:
        one = run(kind, 2, FMA[0], targets, 1, 20, **more)
        for isa in FMA[1:]:
            assert_same(one, run(kind, 2, isa, targets, 1, 20, **more))


# Every pair of an input and an output, with each of the rest in turn.
EVERY = [
    (
        kind,
        output,
        list(LAYERS)[(i + j) % len(LAYERS)],
        ("sgd", "momentum", "adagrad", "adam")[(i + j) % 4],
        clip,
    )
    for i, kind in enumerate(INPUTS)
    for j, output in enumerate(OUTPUTS)
    for clip in ((0.0, 0.5)[(i + j) % 2],)
]


@pytest.mark.parametrize(("kind", "output", "layers", "optimizer", "clip"), EVERY)
def test_every_input_with_every_output(
    kind: str, output: str, layers: str, optimizer: str, clip: float
) -> None:
    keys, targets = OUTPUTS[output]
    more = {"n_outputs": 150, **LAYERS[layers], **keys, "optimizer": optimizer, "clip": clip}
    more |= {"output_dropout": 0.3, "hidden": LARGE[kind]["hidden"]}
    if output == "adaptive":
        more["cutoffs"] = [20, 70]
    if output == "sampled":
        more["samples"] = 30
    if kind == "sparse":
        more.pop("direct", None)
    check(kind, targets, **more)


WHOLE = {"distant_kernels": 3, "distant_window": 7, "dim": 24, "rows": 300, "n_outputs": 300}


@pytest.mark.parametrize("output", ["vocabulary", "sampled"])
@pytest.mark.parametrize("clip", [0.0, 1.0])
def test_a_language_model_of_every_part(output: str, clip: float) -> None:
    more = {**WHOLE, **LAYERS["all"], "tied": True, "output": output, "optimizer": "adam"}
    more |= {"clip": clip, "output_dropout": 0.5, "hidden": [40, 30]}
    if output == "sampled":
        more["samples"] = 60
    check("windows", **more)


@pytest.mark.parametrize(
    "optimizer",
    [
        {"optimizer": "adagrad", "embedding_optimizer": "same"},
        {"optimizer": "adam", "embedding_optimizer": "adagrad_row"},
    ],
)
@pytest.mark.parametrize("kind", TABLES)
def test_threads_with_another_optimizer_for_the_table(kind: str, optimizer: dict[str, str]) -> None:
    assert_same(run(kind, 1, **optimizer), run(kind, 2, **optimizer))


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_instruction_sets(kind: str, optimizer: str, activation: str) -> None:
    if len(FMA) < 2:
        pytest.skip("one FMA instruction set")
    more = {"batches": 2, "seen": 60, "optimizer": optimizer, "activation": activation}
    first = run(kind, 1, FMA[0], **more)
    for name in FMA[1:]:
        assert_same(first, run(kind, 2, name, **more))


@pytest.mark.parametrize("kind", ["bags", "windows"])
def test_python_threads_share_a_network(kind: str) -> None:
    """Predictions at the same time agree with one alone; trainings of one network take turns."""
    spec = make_spec(kind, **{**LARGE[kind], "optimizer": "adagrad"})
    data = Data(spec, 400, dtype=np.float32, max_len=LENGTH)
    net, examples, targets = build(spec, np.float32), data.examples, data.targets(None)
    order = np.arange(400)
    expected = net.predict(examples)
    results: list[Any] = []

    def together(*work: Any) -> None:
        threads = [threading.Thread(target=w) for w in work]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    together(*[lambda: results.append(net.predict(examples))] * 6)
    assert len(results) == 6
    for r in results:
        np.testing.assert_array_equal(r, expected)

    def train() -> None:
        net.train(examples, targets, order, 50, 0.1)

    together(*[train] * 4, *[lambda: net.predict(examples)] * 4)
    assert net.step == 4 * 8
    alone = build(spec, np.float32)
    for _ in range(4):
        alone.train(examples, targets, order, 50, 0.1)
    assert_same(list(net.parameters().values()), list(alone.parameters().values()))


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", ["classes", "vocabulary", "adaptive"])
def test_same_seed_same_weights(kind: str, output: str) -> None:
    spec = make_spec(kind, n_outputs=11, **OUTPUTS[output][0])
    nets = [build(spec, np.float32) for _ in range(3)]
    for net, seed in zip(nets, (4, 4, 5), strict=True):
        net.initialise(seed)
    a, b, c = (net.parameters() for net in nets)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])
        if not name.endswith(".bias"):
            assert (a[name] != c[name]).mean() > 0.99
