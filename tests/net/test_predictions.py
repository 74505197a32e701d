"""log_prob, distribution and top_k against predict and the oracle; sampled, tied and tiled outputs beside the plain softmax."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from net.test_data_objects import TESTS
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import OUTPUTS, TABLES, Data, build, make_spec
from oracles.network import Oracle
from subprocesses import output_of

SOFTMAX = ["classes", "vocabulary", "adaptive", "sampled"]


@pytest.mark.parametrize("output", SOFTMAX)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", INPUTS)
def test_log_prob(kind: str, layers: str, output: str, isa: str) -> None:
    spec = spec_of(kind, layers, output)
    data = Data(spec, 40, 2)
    net = build(spec, scale=0.5)
    want = -Oracle(spec, net.parameters()).example_losses(data, np.arange(40))
    examples, targets = data.examples, data.targets()
    np.testing.assert_allclose(net.log_prob(examples, targets, 0, 40), want, rtol=1e-10, atol=1e-12)
    got = net.log_prob(examples, targets, 11, 23)
    np.testing.assert_allclose(got, want[11:23], rtol=1e-10, atol=1e-12)
    assert net.log_prob(examples, targets, 7, 7).shape == (0,)
    p = net.predict(examples)[np.arange(40), data.y]
    np.testing.assert_allclose(np.log(p), want, rtol=1e-9, atol=1e-11)
    single = build(spec, np.float32, 0.5)
    data = Data(spec, 40, 2, np.float32)
    got = single.log_prob(data.examples, data.targets(), 0, 40)
    np.testing.assert_allclose(got, want, rtol=5e-5, atol=5e-6)


@pytest.mark.parametrize("output", SOFTMAX)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("distant", [{}, {"distant_kernels": 2, "distant_window": 6}], ids=str)
def test_distribution(layers: str, output: str, distant: Any) -> None:
    spec = spec_of("windows", layers, output, n_outputs=31, **distant)
    data = Data(spec, 40, 2)
    net = build(spec, scale=0.5)
    p = net.predict(data.examples)
    for n in (0, 1, 2, 5, 17, 39):
        for ids in (data.stream[:n], data.stream[:n].astype(np.int64), data.stream[:n].tolist()):
            got = net.distribution(ids)
            assert got.sum() == pytest.approx(1, rel=1e-12)
            np.testing.assert_allclose(got, p[n], rtol=1e-10)


def best(p: Any, k: int, threshold: float) -> tuple[Any, Any]:
    """By falling number, the lower id first among equals."""
    ids = np.full((len(p), k), -1, np.int32)
    values = np.zeros((len(p), k), p.dtype)
    for i, row in enumerate(p):
        order = [j for j in np.argsort(-row, kind="stable")[:k] if row[j] >= threshold]
        ids[i, : len(order)], values[i, : len(order)] = order, row[order]
    return ids, values


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_top_k(kind: str, output: str, dtype: Any) -> None:
    spec = spec_of(kind, "plain", output)
    n = 600 if (kind, dtype) == ("dense", np.float32) else 60  # several chunks, or one
    data = Data(spec, n, 2, dtype, OUTPUTS[output][1])
    net = build(spec, dtype, 0.5)
    order = np.random.default_rng(0).permutation(n)
    p = net.predict(data.examples, order)
    for k, threshold in [(1, 0.0), (3, 0.1), (11, 0.05), (11, -1e9), (20, -1e9), (2, 2.0)]:
        ids, values = net.top_k(data.examples, k, threshold, order)
        assert ids.dtype == np.int32 and values.dtype == dtype
        wanted = best(p, k, threshold)
        np.testing.assert_array_equal(ids, wanted[0])
        np.testing.assert_array_equal(values, wanted[1])


def test_top_k_among_equals_and_of_many_outputs() -> None:
    spec = make_spec("dense", n_outputs=40_000, hidden=[])
    net = build(spec, np.float32)
    net.parameters()["output.weight"][...] = 0
    net.parameters()["output.bias"][100:200] = 1
    data = Data(spec, 30, dtype=np.float32)
    ids, p = net.top_k(data.examples, 3, n_threads=2)
    assert (ids == [100, 101, 102]).all() and (p == p[0, 0]).all()
    ids, p = net.top_k(data.examples, 150)
    assert (ids[:, :100] == np.arange(100, 200)).all()
    assert (ids[:, 100:] == [*range(50)]).all()


def test_numbers_that_are_none_are_never_the_best() -> None:
    """NaN reaches no threshold, and sorting rows that hold it is safe."""
    spec = make_spec("dense", n_outputs=300, hidden=[], loss="squared")
    net = build(spec, np.float32)
    net.parameters()["output.bias"][::2] = np.nan
    data = Data(spec, 30, dtype=np.float32)
    ids, p = net.top_k(data.examples, 300, -np.inf)
    odd = np.sort(ids, axis=1)[:, 150:]
    assert (odd == np.arange(1, 300, 2)).all() and np.isfinite(p).all()
    assert (ids[:, 150:] == -1).all()
    assert (np.diff(p[:, :150]) <= 0).all()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_order_is_rows_of_the_whole(draw: st.DataObject) -> None:
    kind, output = draw.draw(st.sampled_from(INPUTS)), draw.draw(st.sampled_from(list(OUTPUTS)))
    n = draw.draw(st.integers(1, 300))
    spec = spec_of(kind, "plain", output)
    data = Data(spec, n, targets=OUTPUTS[output][1])
    net = build(spec, scale=0.4)
    order = np.array(draw.draw(st.lists(st.integers(0, n - 1), max_size=50)), np.int64)
    whole = net.predict(data.examples)
    threads = draw.draw(st.integers(1, 3))
    np.testing.assert_array_equal(net.predict(data.examples, order, threads), whole[order])
    loss, weight, correct = net.evaluate(data.examples, data.targets(), order)
    each = [net.evaluate(data.examples, data.targets(), [i]) for i in order]
    assert loss == pytest.approx(sum(e[0] for e in each), rel=1e-9, abs=1e-12)
    assert weight == pytest.approx(data.w[order].sum(), rel=1e-12)
    assert correct == pytest.approx(sum(e[2] for e in each), rel=1e-9, abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_runs_are_their_positions(draw: st.DataObject) -> None:
    distant = draw.draw(st.sampled_from([{}, {"distant_kernels": 2, "distant_window": 6}]))
    spec = spec_of("windows", "plain", "adaptive", **distant)
    data = Data(spec, 60)
    net = build(spec, scale=0.4)
    runs = draw.draw(
        st.lists(st.tuples(st.integers(0, 59), st.integers(1, 60)), min_size=1, max_size=6)
    )
    starts = [s for s, _ in runs]
    lengths = [min(n, 60 - s) for s, n in runs]
    flat = np.concatenate([np.arange(s, s + n) for s, n in zip(starts, lengths, strict=True)])
    cut = draw.draw(st.integers(0, len(runs)))
    got = net.predict(data.examples, (starts, lengths, [0, cut, len(runs)]))
    np.testing.assert_allclose(got, net.predict(data.examples, flat), rtol=1e-12)
    a, b = build(spec), build(spec)
    sizes = [sum(lengths[:cut]), sum(lengths[cut:])]
    if 0 in sizes:
        return
    la, wa, _ = a.train(data.examples, data.targets(), (starts, lengths, [0, cut, len(runs)]), 0, [0.1, 0.1])  # fmt: skip
    offsets = [0, sizes[0], sum(sizes)]
    ones = np.ones(len(flat), int)
    lb, wb, _ = b.train(data.examples, data.targets(), (flat, ones, offsets), 0, [0.1, 0.1])
    np.testing.assert_allclose(la, lb, rtol=1e-10)
    np.testing.assert_allclose(wa, wb, rtol=1e-12)
    for name, p in a.parameters().items():
        np.testing.assert_allclose(p, b.parameters()[name], rtol=1e-9, atol=1e-12)


# Sampled softmax.


@pytest.mark.parametrize("kind", ["dense", "windows", "tied"])
def test_sampled_softmax_tends_to_the_whole_one(kind: str) -> None:
    more: dict[str, Any] = {"activation": "tanh", "n_outputs": 31, "tied": kind == "tied"}
    base = make_spec("windows" if kind == "tied" else kind, **more)
    specs = [base | {"output": "vocabulary"}, base | {"output": "sampled", "samples": 2_000_000}]
    whole, few = (build(s, scale=0.5) for s in specs)
    data, order = Data(base, 40), np.arange(3, 20)
    examples, targets = data.examples, data.targets(None)
    want, expected = whole.gradients(examples, targets, order)
    loss, grads = few.gradients(examples, targets, order)
    assert loss == pytest.approx(want, rel=2e-3)
    for name, g in grads.items():
        np.testing.assert_allclose(g, expected[name], atol=3e-3, err_msg=name)
    a, b = (net.log_prob(examples, targets, 0, 40) for net in (few, whole))
    np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "bags", "windows"])
@pytest.mark.parametrize("clip", [0.0, 0.01])
def test_sampled_softmax_moves_only_the_words_it_saw(kind: str, clip: float) -> None:
    spec = make_spec(kind, n_outputs=3000, output="sampled", samples=8, clip=clip)
    net, data = build(spec), Data(spec, 25)
    before = {name: np.array(p) for name, p in net.parameters().items()}
    net.train(data.examples, data.targets(None), np.arange(5, 25), 20, 0.1)
    after = net.parameters()
    seen = after["output.bias"] != before["output.bias"]
    assert set(data.y[5:25]) <= set(np.flatnonzero(seen)) and seen.sum() <= 28
    moved = (after["output.weight"] != before["output.weight"]).any(axis=1)
    assert moved.sum() > 10 and not (moved & ~seen).any()


# The softmax over a large vocabulary, tile by tile.


@pytest.mark.parametrize("kind", ["dense", "sparse", "bags", "windows"])
@pytest.mark.parametrize("output", ["vocabulary", "sampled"])
def test_sums_that_overflow_are_taken_again(kind: str, output: str) -> None:
    more = {"samples": 500} if output == "sampled" else {}
    hidden = [6] if kind == "sparse" else []
    spec = make_spec(kind, n_outputs=400, hidden=hidden, output=output, **more)
    net, exact = build(spec, np.float32, 0.5), build(spec)
    # The first words are far less likely than the others: exp(z - ref) of those overflows.
    net.parameters()["output.bias"][:60] = -300
    for name, w in exact.parameters().items():
        w[...] = net.parameters()[name]
    data = [Data(spec, 40, dtype=t) for t in (np.float32, np.float64)]
    for d in data:
        d.y = np.random.default_rng(4).integers(60, 400, 40)
        if kind == "dense":
            d.x[...] = data[0].x
        d.w[...] = data[0].w
    if kind == "sparse":
        data[1].arrays = (*data[0].arrays[:2], data[0].arrays[2].astype(np.float64))
    loss, grads = net.gradients(data[0].examples, data[0].targets())
    want, expected = exact.gradients(data[1].examples, data[1].targets())
    assert loss == pytest.approx(want, rel=1e-5)
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, atol=4e-6, err_msg=name)


# In a fresh process: blocks that others have left may be larger than what is asked for.
WORKSPACE = """
import numpy as np
from oracles.examples import Data, build, make_spec
for kind in ("dense", "bags", "windows"):
    spec = make_spec(kind, n_outputs=50_000, hidden=[8], output="vocabulary")
    net, data = build(spec, np.float32), Data(spec, 1024, dtype=np.float32)
    net.train(data.examples, data.targets(), np.arange(1024), 1024, 0.1)
    print(net.workspace_bytes())
    del net
"""


def test_no_buffer_of_batch_by_vocabulary() -> None:
    sizes = [int(line) for line in output_of(WORKSPACE, PYTHONPATH=TESTS).split()]
    assert len(sizes) == 3 and all(0 < size < 50_000 * 1024 * 4 / 3 for size in sizes)


@pytest.mark.parametrize("output", ["vocabulary", "adaptive", "sampled"])
@pytest.mark.parametrize("kind", ["dense", *TABLES])
def test_first_biases_are_log_frequencies(kind: str, output: str) -> None:
    """A network that knows nothing predicts what was counted."""
    spec = spec_of(kind, "plain", output)
    net = build(spec)
    counts = np.random.default_rng(0).integers(0, 50, 11)
    net.initialise(1, counts)
    for name, w in net.parameters().items():
        if name.endswith("weight") or name == "embedding":
            w[...] = 0
    p = net.predict(Data(spec, 3).examples)
    want = (counts + 1) / (counts + 1).sum()
    np.testing.assert_allclose(p, np.tile(want, (3, 1)), rtol=1e-9)
