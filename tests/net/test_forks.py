"""fork and absorb: training aside is training in place, at the examples' cost, and readers see all of it or nothing."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import OUTPUTS, TABLES, Data, build, make_spec

from pyffnn import _pyffnn


def assert_same(a: Any, b: Any) -> None:
    """Two networks: every parameter and state, bit for bit, and the step."""
    assert a.step == b.step
    for which in ("parameters", "state"):
        x, y = getattr(a, which)(), getattr(b, which)()
        assert x.keys() == y.keys()
        for name, p in x.items():
            np.testing.assert_array_equal(p, y[name], err_msg=name)


OPTIMIZERS = [
    {"optimizer": "sgd"},
    {"optimizer": "momentum"},
    {"optimizer": "adagrad"},
    {"optimizer": "adam"},
    {"optimizer": "adam", "embedding_optimizer": "adagrad_row"},
]


@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize("whole", [False, True], ids=["few rows", "all rows"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: "-".join(o.values()))
@pytest.mark.parametrize("kind", INPUTS)
def test_training_aside_is_training_in_place(
    kind: str, optimizer: dict[str, str], whole: bool, clip: float
) -> None:
    if "embedding_optimizer" in optimizer and kind not in TABLES:
        pytest.skip("no embedding")
    large = {"sparse": {"n_inputs": 3000}, "dense": {}}.get(kind, {"rows": 3000})
    noise = {"word_dropout": 0.1} if kind in TABLES else {"input_dropout": 0.1}
    rules = {"l2": 0.01, "weight_decay": 0.1, "dropout": 0.2, "clip": clip, "seed": 3}
    spec = make_spec(kind, **large, **optimizer, **rules, **noise)
    data = Data(spec, 40, max_len=5)
    examples, targets, order = data.examples, data.targets(), np.arange(40)
    aside, place = build(spec), build(spec)
    for _ in range(3):
        before = {name: p.copy() for name, p in aside.parameters().items()}
        fork = aside.fork(None if whole else examples)
        few = next(iter(fork.parameters().values())).shape != next(iter(before.values())).shape
        assert few == (not whole and kind in ("sparse", "bags", "concat"))
        found = [n.train(examples, targets, order, 8, 0.1) for n in (fork, place)]
        np.testing.assert_array_equal(found[0][0], found[1][0])
        np.testing.assert_array_equal(fork.predict(examples), place.predict(examples))
        for name, p in aside.parameters().items():
            np.testing.assert_array_equal(p, before[name])
        aside.absorb(fork)
        assert_same(aside, place)
    assert aside.spec == place.spec


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", ["dense", "bags", "windows"])
def test_every_layer_and_output(kind: str, layers: str, output: str) -> None:
    tied = kind == "windows" and output in ("vocabulary", "sampled")
    more = {"tied": True, "n_outputs": 31} if tied else {}
    spec = spec_of(kind, layers, output, optimizer="adam", **more)
    data = Data(spec, 30, targets=OUTPUTS[output][1])
    aside, place = build(spec), build(spec)
    fork = aside.fork(data.examples)
    for net in (fork, place):
        net.train(data.examples, data.targets(), np.arange(30), 8, 0.1)
    aside.absorb(fork)
    assert_same(aside, place)


@pytest.mark.parametrize("whole", [False, True], ids=["few rows", "all rows"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: "-".join(o.values()))
@pytest.mark.parametrize("kind", ["bags", "concat"])
def test_growth_in_a_fork(kind: str, optimizer: dict[str, str], whole: bool) -> None:
    """Rows come with the examples that need them; the network is then one that had them from the start."""
    small = make_spec(kind, rows=2000, **optimizer)
    large = small | {"rows": 2300}
    old, new = Data(small, 30, max_len=5), Data(large, 30, seed=9, max_len=5)
    new.rows[3] = [2299, 2000, 5]
    new.arrays = new._csr(new.rows)
    aside, place = build(small), build(large)
    for net in (aside, place):
        net.train(old.examples, old.targets(), None, 8, 0.1)
    fork = aside.fork(None if whole else new.examples, rows=2300)
    for net in (fork, place):
        net.train(new.examples, new.targets(), None, 8, 0.1)
    assert aside.spec["rows"] == 2000
    with pytest.raises(ValueError, match="the network has 2000 rows, the examples are for 2300"):
        aside.predict(new.examples)
    aside.absorb(fork)
    assert_same(aside, place)
    assert aside.spec == place.spec
    for data in (old, new):
        np.testing.assert_array_equal(aside.predict(data.examples), place.predict(data.examples))
    fork = aside.fork(rows=5)  # no fewer than there are
    assert fork.spec["rows"] == 2300


def test_rows_are_set_by_their_numbers_in_the_whole_table() -> None:
    spec = make_spec("bags", rows=2000, optimizer="adagrad", row_rates=True)
    examples = _pyffnn.Examples.bags(np.array([7, 1500], np.int32), [0, 2], 2000)
    nets = [build(spec), build(spec)]
    fork = nets[0].fork(examples, rows=2002)
    nets[1].absorb(nets[1].fork(rows=2002))
    for net in (fork, nets[1]):
        net.set_rows([1500, 2001, 7], np.arange(15.0).reshape(3, 5))
        net.set_row_rates([2000, 7], 0.5)
    with pytest.raises(IndexError, match="row 8 is not among those of this fork"):
        fork.set_rows([8], np.zeros((1, 5)))
    with pytest.raises(IndexError, match="ids holds 2002"):
        fork.set_rows([2002], np.zeros((1, 5)))
    nets[0].absorb(fork)
    assert_same(*nets)


def test_a_fork_of_some_rows_knows_no_others() -> None:
    for kind in ("bags", "concat", "sparse"):
        spec = make_spec(kind, **({"n_inputs": 3000} if kind == "sparse" else {"rows": 3000}))
        data, other = Data(spec, 20, max_len=5), Data(spec, 20, seed=7, max_len=5)
        net = build(spec)
        fork = net.fork(data.examples)
        for call in (lambda f=fork, o=other: f.predict(o.examples), lambda f=fork, o=other: f.train(o.examples, o.targets(), None, 8, 0.1)):  # fmt: skip
            with pytest.raises(IndexError, match="is not among those of this fork"):
                call()
        with pytest.raises(ValueError, match="a fork of some rows has no forks of its own"):
            fork.fork()
        np.testing.assert_array_equal(fork.predict(data.examples), net.predict(data.examples))


@pytest.mark.parametrize("kind", ["bags", "concat", "sparse"])
@pytest.mark.parametrize("case", ["some", "none", "empty"])
def test_the_cost_is_that_of_the_examples(kind: str, case: str) -> None:
    """A table of 200 MB is not copied for an example of three words, or of none."""
    rows, dim = 400_000, 64
    if kind == "sparse":
        spec = {"input": kind, "n_inputs": rows, "hidden": [dim], "n_outputs": 2}
    else:
        spec = {"input": kind, "rows": rows, "dim": dim, "hidden": [8], "n_outputs": 2}
        spec |= {"max_tokens": 4} if kind == "concat" else {}
    net = _pyffnn.Network(spec | {"optimizer": "adam"})
    ids = np.array([5, 399_999, 77] if case == "some" else [], np.int32)
    offsets = [0] if case == "none" else [0, len(ids)]
    if kind == "sparse":
        examples = _pyffnn.Examples.sparse(offsets, ids, np.ones(len(ids), np.float32), rows)
    elif kind == "bags":
        examples = _pyffnn.Examples.bags(ids, offsets, rows)
    else:
        examples = _pyffnn.Examples.sequences(ids, offsets, rows, 4)
    targets = _pyffnn.Targets.classes([0] * len(examples), 2)
    table = next(iter(net.parameters()))
    before, _ = _pyffnn.scratch_bytes()
    fork = net.fork(examples)
    fork.train(examples, targets, None, 8, 0.1)
    held, _ = _pyffnn.scratch_bytes()
    assert len(fork.parameters()[table]) <= 4 and held - before < 10_000_000
    net.absorb(fork)
    after, _ = _pyffnn.scratch_bytes()
    assert after - before < 10_000_000 and net.step == len(examples)


@pytest.mark.parametrize("kind", INPUTS)
def test_settings_of_training_alone_may_differ(kind: str) -> None:
    base = make_spec(kind, optimizer="adam")
    training = {"l2": 0.1, "clip": 0.05, "dropout": 0.3, "seed": 5, "beta1": 0.8, "eps": 1e-4}
    data = Data(base, 30)
    aside, place = build(base), build(base | training)
    fork = aside.fork(data.examples, 0, training)
    for net in (fork, place):
        net.train(data.examples, data.targets(), np.arange(30), 8, 0.1)
    aside.absorb(fork)
    assert_same(aside, place)
    assert aside.spec["l2"] == 0
    for key, value in (("optimizer", "sgd"), ("hidden", [7]), ("n_outputs", 4), ("color", 1)):
        with pytest.raises(ValueError, match=f"alone, got '{key}'"):
            aside.fork(None, 0, {key: value})
    with pytest.raises(ValueError, match=r"dropout must be in \[0, 1\), got 2"):
        aside.fork(None, 0, {"dropout": 2})


def test_only_forks_are_absorbed() -> None:
    spec = make_spec("bags", optimizer="adagrad")
    net = build(spec)
    before = {name: p.copy() for name, p in net.parameters().items()}
    others = [
        {"hidden": [7]},
        {"hidden": [6, 6]},
        {"dim": 6},
        {"rows": 30},
        {"n_outputs": 4},
        {"optimizer": "sgd"},
        {"optimizer": "adam"},
        {"embedding_optimizer": "same"},
        {"row_rates": True},
        {"layer_norm": True},
        {"residual": True},
        {"output": "vocabulary"},
    ]
    for other in others:
        with pytest.raises(ValueError, match="absorb: this is no fork of the network"):
            net.absorb(build(spec | other))
    for kind in ("dense", "concat", "sparse", "windows"):
        with pytest.raises(ValueError, match="absorb: this is no fork of the network"):
            net.absorb(build(make_spec(kind)))
    with pytest.raises(ValueError, match="fork must be another network"):
        net.absorb(net)
    for wrong in (build(spec, np.float32), None, 3):
        with pytest.raises(TypeError):
            net.absorb(wrong)
    early = net.fork()
    net.absorb(net.fork(rows=40))
    with pytest.raises(ValueError, match="absorb: this is no fork of the network"):
        net.absorb(early)
    for name, p in net.parameters().items():
        np.testing.assert_array_equal(p[: len(before[name])], before[name])
    windows = build(make_spec("windows", n_outputs=3))
    with pytest.raises(ValueError, match="absorb: this is no fork of the network"):
        windows.absorb(build(make_spec("windows", n_outputs=3, rows=40)))


def test_bad_arguments() -> None:
    net = build(make_spec("bags"))
    for rows, error, text in [
        (-1, ValueError, "rows must not be negative, got -1"),
        (2**31, ValueError, "rows must be"),
        (2**63, ValueError, "rows must lie within 64 bits"),
        (1.5, TypeError, "rows must be an integer, got 1.5"),
    ]:
        with pytest.raises(error, match=text):
            net.fork(None, rows)
    with pytest.raises(MemoryError):
        build(make_spec("bags", dim=1 << 20)).fork(None, 2**31 - 10)
    for kind in ("dense", "sparse", "windows"):
        with pytest.raises(ValueError, match="rows must be 0 for a network without a table that g"):
            build(make_spec(kind)).fork(None, 5000)
    with pytest.raises(TypeError, match="examples must have dtype float64, got float32"):
        build(make_spec("dense")).fork(_pyffnn.Examples.dense(np.zeros((1, 7), np.float32)))
    other = _pyffnn.Examples.dense(np.zeros((1, 7)))
    assert len(net.fork(other).parameters()["embedding"]) == 31  # of no use, so all rows


# Readers.


def test_readers_see_before_or_after() -> None:
    """Every prediction in a thread is that of one of the states between which the network moves."""
    spec = make_spec("bags", rows=400, dim=16, hidden=[32], optimizer="adagrad")
    data = Data(spec, 300, max_len=20)
    examples, targets = data.examples, data.targets()
    net = build(spec)
    states = {net.predict(examples).tobytes()}
    found: list[bytes] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            found.append(net.predict(examples, n_threads=1).tobytes())

    threads = [threading.Thread(target=read) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for i in range(2000):
            fork = net.fork(examples, rows=400 + i)
            fork.train(examples, targets, None, 50, 0.1, 1)
            states.add(fork.predict(examples).tobytes())
            net.absorb(fork)
            if i > 30 and len(set(found)) > 3:
                break
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert len(states) > 31 and len(set(found)) > 3
    assert set(found) <= states


def test_two_readings_are_of_one_state() -> None:
    spec = make_spec("bags", rows=200, optimizer="sgd")
    data = Data(spec, 100)
    examples, targets = data.examples, data.targets()
    net = build(spec)
    stop, torn, seen = threading.Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            with net.reading():
                rows, a = net.spec["rows"], net.predict(examples, n_threads=1)
                with net.reading():
                    b, again = net.predict(examples, n_threads=1), net.spec["rows"]
            seen.add(rows)
            if rows != again or not np.array_equal(a, b):
                torn.append(rows)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for i in range(2000):
            fork = net.fork(examples, rows=200 + i)
            fork.train(examples, targets, None, 20, 0.1, 1)
            net.absorb(fork)
            if i > 40 and len(seen) > 3:
                break
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not torn and len(seen) > 3


def test_changes_within_ones_own_reading_are_errors() -> None:
    spec = make_spec("bags")
    net, data = build(spec), Data(spec, 20)
    fork = net.fork()
    changes = {
        "absorb": lambda: net.absorb(fork),
        "train": lambda: net.train(data.examples, data.targets(), None, 8, 0.1),
        "initialise": lambda: net.initialise(3),
        "set_rows": lambda: net.set_rows([1], np.zeros((1, 5))),
        "gradients": lambda: net.gradients(data.examples, data.targets()),
    }
    want = net.predict(data.examples)
    for name, change in changes.items():
        with net.reading():
            with pytest.raises(RuntimeError, match="cannot change while the same thread"):
                change()
            np.testing.assert_array_equal(net.predict(data.examples), want, err_msg=name)
    for change in changes.values():
        change()


def test_what_comes_with_a_change_is_one_piece_with_it() -> None:
    """then() is called before any reader may look, and may itself read."""
    spec = make_spec("bags", optimizer="sgd")
    net, data = build(spec), Data(spec, 20)
    told: dict[str, Any] = {"version": 0}
    torn, stop = [], threading.Event()
    states = {net.predict(data.examples).tobytes(): 0}

    def read() -> None:
        while not stop.is_set():
            with net.reading():
                version, p = told["version"], net.predict(data.examples, n_threads=1).tobytes()
            if states.get(p) != version:
                torn.append(version)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for i in range(1, 60):
            fork = net.fork()
            fork.train(data.examples, data.targets(), None, 8, 0.1, 1)
            states[fork.predict(data.examples).tobytes()] = i

            def then(i: int = i) -> None:
                assert states[net.predict(data.examples).tobytes()] == i
                told["version"] = i

            net.absorb(fork, then)
    finally:
        stop.set()
        thread.join()
    assert not torn and told["version"] == 59


def test_a_change_within_a_change_is_an_error() -> None:
    net = build(make_spec("bags"))
    fork = net.fork()
    with pytest.raises(RuntimeError, match="cannot change while the same thread is changing it"):
        net.absorb(fork, lambda: net.initialise(3))
    with pytest.raises(KeyError):
        net.absorb(fork, lambda: {}["x"])
    net.absorb(fork)


def test_a_reading_left_by_an_exception_is_over() -> None:
    net = build(make_spec("bags"))
    with pytest.raises(KeyError), net.reading():
        raise KeyError
    net.absorb(net.fork())
    reading = net.reading()
    del net
    with reading:
        pass
