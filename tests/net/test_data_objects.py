"""Examples and Targets: checked once when they are made, each wrong argument an error that names it; and again as they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from net.test_gradients import INPUTS, spec_of
from oracles.examples import OUTPUTS, Data, build, make_spec
from strategies import views
from subprocesses import output_of

from pyffnn import _pyffnn

TESTS = str(Path(__file__).parents[1])
Examples, Targets = _pyffnn.Examples, _pyffnn.Targets

# A call that is right, by its arguments' names.
RIGHT: dict[str, tuple[Any, dict[str, Any]]] = {
    "dense": (Examples.dense, {"X": np.ones((4, 3), np.float32)}),
    "sparse": (
        Examples.sparse,
        {
            "indptr": np.array([0, 2, 2, 3, 5]),
            "indices": np.array([0, 4, 2, 1, 6], np.int32),
            "data": np.ones(5, np.float32),
            "width": 7,
        },
    ),
    "bags": (
        Examples.bags,
        {
            "ids": np.array([0, 4, 2, 1, 6], np.int32),
            "offsets": np.array([0, 2, 2, 3, 5]),
            "rows": 7,
        },
    ),
    "sequences": (
        Examples.sequences,
        {
            "ids": np.array([0, -1, 2, 1, 6], np.int32),
            "offsets": np.array([0, 2, 2, 3, 5]),
            "rows": 7,
            "length": 3,
        },
    ),
    "stream": (Examples.stream, {"ids": np.array([0, 4, 2, 6], np.int32), "vocab": 7}),
    "classes": (
        Targets.classes,
        {"y": np.array([0, 4, 2, 6]), "n_outputs": 7, "weight": np.ones(4, np.float32)},
    ),
    "sets": (
        Targets.sets,
        {
            "indptr": np.array([0, 2, 2, 3, 5]),
            "indices": np.array([0, 4, 2, 1, 6], np.int32),
            "n_outputs": 7,
            "weight": np.ones(4),
            "output_weight": np.ones(7, np.float32),
        },
    ),
    "rows": (Targets.rows, {"p": np.full((4, 3), 0.5, np.float32), "weight": np.ones(4)}),
    "values": (Targets.values, {"y": np.full((4, 3), -7.5, np.float32), "weight": np.ones(4)}),
}

Changed = Any
OFFSETS: list[tuple[Changed, Any, str]] = [
    (lambda x: x[::-1], ValueError, "{} must not fall, got 3 after 5"),
    (lambda x: x + 1, ValueError, "{} must end at 5 at most, got 6"),
    (lambda x: x - 1, ValueError, "{} must begin at 0 or above, got -1"),
    (lambda x: x[:0], ValueError, "{} must have at least one element, got none"),
    (lambda x: x.astype(float), TypeError, "{} must have dtype int32 or int64, got float64"),
    (lambda x: x[None], ValueError, r"{} must have 1 dimensions, got shape \(1, 5\)"),
    (lambda x: np.array([0, 2**62, 5]), ValueError, "{} must not fall"),
    (lambda x: np.array([0, 2**63 - 1]), ValueError, "{} must end at 5"),
    (lambda x: np.array([-(2**63), 5]), ValueError, "{} must begin at 0"),
    (lambda x: x.astype(np.uint64), TypeError, "{} must have dtype int32 or int64, got uint64"),
    (lambda x: None, TypeError, "{} must be an array, got None"),
    (lambda x: ["a"], TypeError, "{} must have dtype"),
]
IDS: list[tuple[Changed, Any, str]] = [
    (lambda x: x + 6, IndexError, r"{} holds \d+ at position \d, outside \[(-1|0), 7\)"),
    (lambda x: x - 3, IndexError, r"{} holds -\d at position \d, outside"),
    (lambda x: x.astype(np.int64) + 2**32, IndexError, "{} holds 429496729"),
    (lambda x: x.astype(np.int64) - 2**32, IndexError, "{} holds -42949672"),
    (lambda x: np.full(5, 2**63 - 1), IndexError, "{} holds 9223372036854775807 at position 0"),
    (lambda x: np.full(5, -(2**63)), IndexError, "{} holds -9223372036854775808 at position 0"),
    (lambda x: np.full(5, 2**31 - 1, np.int32), IndexError, "{} holds 2147483647"),
    (lambda x: np.full(5, -(2**31), np.int32), IndexError, "{} holds -2147483648"),
    (lambda x: x.astype(float), TypeError, "{} must have dtype int32 or int64, got float64"),
    (lambda x: x.astype(np.uint64), TypeError, "{} must have dtype int32 or int64, got uint64"),
    (lambda x: x.astype(bool), TypeError, "{} must have dtype int32 or int64, got bool"),
    (lambda x: x[None], ValueError, r"{} must have 1 dimensions, got shape \(1, \d\)"),
    (lambda x: None, TypeError, "{} must be an array, got None"),
]
SIZE: list[tuple[Changed, Any, str]] = [
    *((lambda _, v=v: v, ValueError, f"{{}} must be from 1 to 2.31 - 2, got {v}")
      for v in (0, -1, 2**31 - 1, 2**31, 2**60, 2**63 - 1, -(2**63))),
    *((lambda _, v=v: v, ValueError, f"{{}} must lie within 64 bits, got {v}")
      for v in (2**63, 2**64, -(2**63) - 1, 10**40)),
    *((lambda _, v=v: v, TypeError, "{} must be an integer, got")
      for v in (1.5, 7.0, True, "7", None, np.nan)),
]  # fmt: skip
WEIGHT: list[tuple[Changed, Any, str]] = [
    (lambda x: x * -1, ValueError, "{} must be finite and not negative, got -1.0"),
    (lambda x: x * np.nan, ValueError, "{} must be finite and not negative, got nan"),
    (lambda x: x * np.inf, ValueError, "{} must be finite and not negative, got inf"),
    (lambda x: np.where(np.arange(len(x)) == 3, -np.inf, x), ValueError, "{} must be finite"),
    (lambda x: x[:-1], ValueError, r"{} must have shape \(\d,\), got \(\d,\)"),
    (lambda x: x[:, None], ValueError, r"{} must have shape \(\d,\), got \(\d, 1\)"),
    (lambda x: x.astype(int), TypeError, "{} must have dtype float32 or float64, got int64"),
    (lambda x: 1.0, ValueError, "{} must have shape"),
    (lambda x: "heavy", TypeError, "{} must have dtype"),
]
NUMBERS: list[tuple[Changed, Any, str]] = [
    (lambda x: x.astype(np.float16), TypeError, "{} must have dtype float32 or float64"),
    (lambda x: x.astype(int), TypeError, "{} must have dtype float32 or float64, got int64"),
    (lambda x: x.astype(complex), TypeError, "{} must have dtype float32 or float64"),
    (lambda x: x.astype(">f4"), TypeError, "{} must have dtype float32 or float64, got >f4"),
    (lambda x: None, TypeError, "{} must be an array, got None"),
    (lambda x: x[..., None], ValueError, "{} must have . dimensions, got shape"),
]
P: list[tuple[Changed, Any, str]] = [
    (lambda x: x * 2.1, ValueError, r"{} must lie in \[0, 1\], got 1.0499"),
    (lambda x: x * -1, ValueError, r"{} must lie in \[0, 1\], got -0.5"),
    (lambda x: x * np.nan, ValueError, r"{} must lie in \[0, 1\], got nan"),
    (lambda x: x * np.inf, ValueError, r"{} must lie in \[0, 1\], got inf"),
]
VALUES: list[tuple[Changed, Any, str]] = [
    (lambda x: x * np.nan, ValueError, "{} must be finite, got nan"),
    (lambda x: x * np.inf, ValueError, "{} must be finite, got -inf"),
]

WRONG = [
    (what, name, change, error, text.format(name))
    for what, arguments in {
        "dense": {"X": [*NUMBERS, (lambda x: x[:, :0], ValueError, "{} must have at least one")]},
        "sparse": {
            "indptr": OFFSETS,
            "indices": [*IDS, (lambda x: x[:3], ValueError, r"data must be as long as indices \(3\)")],
            "data": [*NUMBERS, (lambda x: x[:3], ValueError, r"{} must be as long as .* \(5\), got 3")],
            "width": SIZE,
        },
        "bags": {"ids": IDS, "offsets": OFFSETS, "rows": SIZE},
        "sequences": {"ids": IDS, "offsets": OFFSETS, "rows": SIZE, "length": SIZE},
        "stream": {
            "ids": [w for w in IDS if "429" not in w[2] and "92233" not in w[2]]
            + [(lambda x: x.astype(np.int64), TypeError, "{} must have dtype int32, got int64")],
            "vocab": SIZE,
        },
        "classes": {"y": IDS, "n_outputs": SIZE, "weight": WEIGHT},
        "sets": {
            "indptr": OFFSETS,
            "indices": IDS,
            "n_outputs": SIZE,
            "weight": WEIGHT,
            "output_weight": WEIGHT,
        },
        "rows": {"p": [*NUMBERS, *P], "weight": WEIGHT},
        "values": {"y": [*NUMBERS, *VALUES], "weight": WEIGHT},
    }.items()
    for name, wrongs in arguments.items()
    for change, error, text in wrongs
]  # fmt: skip


@pytest.mark.parametrize(
    ("what", "name", "change", "error", "text"),
    WRONG,
    ids=[f"{w[0]}-{w[1]}-{i}" for i, w in enumerate(WRONG)],
)
def test_wrong_arguments(what: str, name: str, change: Any, error: Any, text: str) -> None:
    make, right = RIGHT[what]
    make(**right)
    wrong = change(right[name])
    if what == "stream" and isinstance(wrong, np.ndarray) and wrong.dtype == np.int32:
        wrong = wrong.astype(np.int32)
    with pytest.raises(error, match=text):
        make(**right | {name: wrong})


@pytest.mark.parametrize("what", RIGHT)
def test_what_they_say_of_themselves(what: str) -> None:
    make, right = RIGHT[what]
    made = make(**right)
    assert len(made) == 4 and made.kind == what
    if what in ("classes", "sets"):
        assert made.n_outputs == 7
    elif what in ("rows", "values"):
        assert made.n_outputs == 3
    else:
        assert made.width == {"dense": 3}.get(what, 7)


@pytest.mark.parametrize("what", RIGHT)
def test_integers_of_every_kind_and_lists(what: str) -> None:
    make, right = RIGHT[what]
    for dtype in (np.int8, np.uint8, np.int16, np.uint16, np.uint32, np.int32, np.int64, ">i4"):
        given = {
            k: v.astype(dtype)
            if isinstance(v, np.ndarray)
            and v.dtype.kind == "i"
            and not (np.dtype(dtype).kind == "u" and v.min() < 0)
            and what != "stream"
            else v
            for k, v in right.items()
        }
        assert len(make(**given)) == 4
    if what != "stream":
        lists = {k: v.tolist() if getattr(v, "dtype", None) == np.int64 else v for k, v in right.items()}  # fmt: skip
        assert len(make(**lists)) == 4
    assert len(make(**{k: np.int64(v) if isinstance(v, int) else v for k, v in right.items()})) == 4


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("output", ["classes", "sets", "soft", "values"])
def test_views_of_every_layout_are_taken(kind: str, output: str) -> None:
    """And none of them is written to."""
    spec = spec_of(kind, "plain", output, dropout=0.3)
    data = Data(spec, 20, targets=OUTPUTS[output][1])
    plain = build(spec)
    want = plain.train(data.examples, data.targets(), np.arange(20), 5, 0.1)

    @settings(max_examples=15, deadline=None)
    @given(st.data())
    def check(draw: st.DataObject) -> None:
        same = Data(spec, 20, targets=OUTPUTS[output][1])

        def view(a: Any) -> Any:
            seen = draw.draw(views(a))
            strict = a is not same.w and (a.dtype.kind == "f" or kind == "windows")
            return a if strict and seen.dtype.byteorder == ">" else seen

        before = [a.copy() for a in (*same.arrays, same.y, same.w)]
        same.arrays = tuple(view(a) for a in same.arrays)
        same.y, same.w = view(same.y), view(same.w)
        net = build(spec)
        got = net.train(same.examples, same.targets(), np.arange(20), 5, 0.1)
        np.testing.assert_array_equal(got[0], want[0])
        for name, p in net.parameters().items():
            np.testing.assert_array_equal(p, plain.parameters()[name])
        for a, b in zip((*same.arrays, same.y, same.w), before, strict=True):
            np.testing.assert_array_equal(a, b)

    check()


def test_arrays_stay_alive_with_what_was_made_of_them() -> None:
    spec = make_spec("dense")
    net = build(spec)
    data = Data(spec, 2000)
    examples, targets = data.examples, data.targets()
    want = net.evaluate(examples, targets)
    del data
    junk = [np.full((2000, 7), np.nan) for _ in range(20)]
    assert net.evaluate(examples, targets) == want and junk


# Arrays that are changed after their check.

READS: dict[str, Any] = {
    "train": lambda net, e, t: net.train(e, t, None, 8, 0.1, 2),
    "evaluate": lambda net, e, t: net.evaluate(e, t),
    "predict": lambda net, e, t: net.predict(e),
    "top_k": lambda net, e, t: net.top_k(e, 2),
    "gradients": lambda net, e, t: net.gradients(e, t),
    "log_prob": lambda net, e, t: net.log_prob(e, t, 0, len(e)),
    "fork": lambda net, e, t: net.fork(e),
}


@pytest.mark.parametrize("bad", [31, 2**31 - 1, -2, -(2**31)])
@pytest.mark.parametrize("call", READS)
@pytest.mark.parametrize("kind", ["sparse", "bags", "concat", "windows"])
def test_ids_that_went_wrong_after_the_check(kind: str, call: str, bad: int) -> None:
    if kind == "windows" and call == "fork":
        pytest.skip("copies its table whole")
    spec = make_spec(kind)
    net, data = build(spec), Data(spec, 40)
    examples, targets = data.examples, data.targets()
    ids = data.arrays[1 if kind == "sparse" else 0]
    before = READS[call](build(spec), examples, targets)
    keep = ids[0]
    if kind == "concat" and bad == 31:
        bad = 32  # the row behind the last stands for missing words, and is there
    ids[0] = bad
    start = {name: np.array(p) for name, p in net.parameters().items()}
    with pytest.raises(IndexError, match=f"ids: id {bad} is outside .* changed after its check"):
        READS[call](net, examples, targets)
    ids[0] = keep
    for name, p in net.parameters().items():
        if call != "train":
            np.testing.assert_array_equal(p, start[name])
    if call not in ("fork", "train"):
        np.testing.assert_equal(READS[call](net, examples, targets), before)
    np.testing.assert_array_equal(build(spec).predict(examples).shape, (40, 3))


@pytest.mark.parametrize("bad", [3, 2**31 - 1, -1, -(2**31)])
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@pytest.mark.parametrize("output", ["classes", "vocabulary", "adaptive", "sampled", "sets"])
def test_targets_that_went_wrong_after_the_check(output: str, dtype: Any, bad: int) -> None:
    more = {"adaptive": {"cutoffs": [1]}, "sampled": {"samples": 2}}.get(output, {})
    keys = {k: v for k, v in OUTPUTS[output][0].items() if k not in ("cutoffs", "samples")}
    spec = make_spec("dense", **keys, **more)
    net, data = build(spec), Data(spec, 40, classes=dtype)
    if output == "sets":
        labels = np.zeros(40, np.int32)
        targets, array = Targets.sets(np.arange(41), labels, 3), labels
    else:
        targets, array = data.targets(), data.y
    start = {name: np.array(p) for name, p in net.parameters().items()}
    array[5] = bad
    for call in ("train", "evaluate", "gradients", "log_prob"):
        if call == "log_prob" and output == "sets":
            continue
        with pytest.raises(IndexError, match=rf"y holds {bad}, outside \[0, 3\).*after its check"):
            READS[call](net, data.examples, targets)
    array[5] = 0
    for name, p in net.parameters().items():
        np.testing.assert_array_equal(p, start[name])
    losses, _, finite = net.train(data.examples, targets, None, 8, 0.1)
    assert finite and len(losses) == 5


WRITERS = """
import threading, time
import numpy as np
from net.test_data_objects import READS
from oracles.examples import Data, build, make_spec
import pyffnn
raised = calm = 0
for kind in ("sparse", "bags", "concat", "windows"):
    spec = make_spec(kind, hidden=[])
    net, data = build(spec), Data(spec, 3000)
    examples, targets = data.examples, data.targets()
    ids, y = data.arrays[1 if kind == "sparse" else 0], data.y
    good_ids, good_y = ids.copy(), y.copy()
    stop = threading.Event()
    def write():
        rng = np.random.default_rng(0)
        while not stop.is_set():
            for bad in (2**31 - 1, -(2**31), 10**6, -7):
                ids[rng.integers(0, len(ids), 3)] = bad
                y[rng.integers(0, len(y), 3)] = bad
            ids[:], y[:] = good_ids, good_y
            time.sleep(0.0005)
    threads = [threading.Thread(target=write) for _ in range(2)]
    for t in threads: t.start()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        for name, call in READS.items():
            try:
                call(net, examples, targets)
                calm += 1
            except IndexError as e:
                assert "changed after its check" in str(e), e
                raised += 1
    stop.set()
    for t in threads: t.join()
    ids[:], y[:] = good_ids, good_y
    assert np.isfinite(net.predict(examples)).all()
assert raised and calm, (raised, calm)
print("alive")
"""


def test_arrays_that_other_threads_write_to_meanwhile() -> None:
    assert output_of(WRITERS, PYTHONPATH=TESTS) == "alive"


# Memory that does not suffice.

MEMORY = """
import resource
import numpy as np
from net.test_gradients import spec_of
from oracles.examples import OUTPUTS, Data, build

def used():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()

def same(a, b):
    for name, p in a.items():
        np.testing.assert_array_equal(p, b[name], err_msg=name)

failures, small, huge = 0, np.arange(50), np.full(80_000, 3)
for output in ("classes", "sets", "vocabulary", "adaptive", "sampled"):
    spec = spec_of("KIND", "layer norm", output, clip=1.0)
    data = Data(spec, 50, dtype=np.float32, targets=OUTPUTS[output][1])
    examples, targets = data.examples, data.targets()
    net, calm = build(spec, np.float32), build(spec, np.float32)
    for extra in (2, 6, 11, 17, 25, 40):
        before, step = {name: p.copy() for name, p in net.parameters().items()}, net.step
        resource.setrlimit(resource.RLIMIT_AS, (used() + (extra << 20), resource.RLIM_INFINITY))
        for call in ("gradients", "train"):
            try:
                if call == "gradients":
                    net.gradients(examples, targets, huge)
                else:
                    net.train(examples, targets, huge, len(huge), 0.1, 1)
                    for name, p in net.parameters().items():
                        p[...] = before[name]
                    net.step = step
            except MemoryError:
                failures += 1
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
        same(net.parameters(), before)
        assert net.step == step
        for n in (net, calm):
            losses, _, finite = n.train(examples, targets, small, 16, 0.01, 1)
            assert finite
        same(net.parameters(), calm.parameters())
        a, b = (n.predict(examples, n_threads=1) for n in (net, calm))
        np.testing.assert_array_equal(a, b)
print(failures)
"""


@pytest.mark.parametrize("kind", INPUTS)
def test_a_batch_too_large_leaves_later_ones_right(kind: str) -> None:
    assert int(output_of(MEMORY.replace("KIND", kind), PYTHONPATH=TESTS)) > 20


@pytest.mark.parametrize("kind", ["bags", "concat", "windows", "sparse"])
def test_batches_beyond_any_memory(kind: str) -> None:
    """Counts that overflow 32 bits, and arrays that no machine holds."""
    spec = make_spec(kind)
    net, data = build(spec), Data(spec, 20)
    examples, targets = data.examples, data.targets()
    want = net.predict(examples)
    if kind == "windows":
        runs = (np.zeros(2**18, int), np.full(2**18, 2**14), [0, 2**18])
        wide = Examples.stream(np.zeros(2**14, np.int32), 31)
        y = Targets.classes(np.zeros(2**14, int), 3)
        with pytest.raises(ValueError, match=r"batch_size is too large"):
            net.train(wide, y, runs, 0, 0.1)
    elif kind != "concat":
        ids = np.zeros(2**16, np.int32)
        offsets = [0, 2**16]
        if kind == "bags":
            wide = Examples.bags(ids, offsets, 31)
        else:
            wide = Examples.sparse(offsets, ids, np.zeros(2**16), 23)
        y = Targets.classes([0], 3)
        with pytest.raises(ValueError, match="batch_size is too large: a batch has 4294967296 ids"):
            net.train(wide, y, np.zeros(2**16, int), 2**16, 0.1)
    with pytest.raises(MemoryError):
        net.top_k(examples, 2**60)
    with pytest.raises(MemoryError):
        net.top_k(examples, 2**63 - 1)
    np.testing.assert_array_equal(net.predict(examples), want)
    assert net.train(examples, targets, np.arange(20), 8, 0.1)[2]
