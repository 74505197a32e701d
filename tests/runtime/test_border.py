"""The compiled functions behind `ops`, called as nobody should call them: numbers without a meaning, arrays that change under the work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from subprocesses import output_of

from pyffnn import _pyffnn, ops

SQUARE = np.eye(3, dtype=np.float32)
STRIDED = np.zeros((3, 6), np.float32)[:, ::2]  # no case for the short ways in
VECTOR = np.ones(3, np.float32)
IDS = np.arange(3)
STEP = dict.fromkeys(
    ("lr", "beta1", "beta2", "eps", "lr_over_c1", "rsqrt_c2", "scale", "l2", "decay"), 0.5
)


def packed():
    return ops.pack(SQUARE)


# The name that an error must bear -> a call with a code for it.
ACTIVATION_CALLS = [
    lambda code: _pyffnn.linear(SQUARE, SQUARE, VECTOR, code, None, 0),
    lambda code: _pyffnn.linear(STRIDED, SQUARE, None, code, None, 0),
    lambda code: _pyffnn.linear(SQUARE, packed(), VECTOR, code, None, 4),
    lambda code: _pyffnn.linear_backward(SQUARE, SQUARE, SQUARE, SQUARE, code, True, 0),
    lambda code: _pyffnn.activation(code, SQUARE, None),
    lambda code: _pyffnn.activation(code, STRIDED, None),
    lambda code: _pyffnn.activation_backward(code, SQUARE, SQUARE, None),
]
PRECISION_CALLS = [
    lambda code: _pyffnn.matmul(SQUARE, SQUARE, False, False, None, code),
    lambda code: _pyffnn.matmul(STRIDED, SQUARE, False, True, None, code),
    lambda code: _pyffnn.matmul(SQUARE.astype("f8"), SQUARE, False, False, None, code),
    lambda code: _pyffnn.matmul(SQUARE, packed(), False, False, None, code),
    lambda code: _pyffnn.linear(SQUARE, SQUARE, None, 0, None, code),
    lambda code: _pyffnn.linear(SQUARE, packed(), None, 0, None, code),
    lambda code: _pyffnn.linear_backward(SQUARE, SQUARE, SQUARE, None, 0, True, code),
    lambda code: _pyffnn.linear_cross_entropy(SQUARE, SQUARE, None, IDS, None, code),
    lambda code: _pyffnn.pack(SQUARE, False, code),
]
KIND_CALLS = [
    lambda code: _pyffnn.kernel_optim_step(
        code, VECTOR, *(np.zeros(3, np.float32) for _ in range(3)), STEP
    ),
]
# The name in the error, the highest code that means something, the calls that take it.
CODES = [
    ("activation", 3, ACTIVATION_CALLS),
    ("precision", 5, PRECISION_CALLS),
    ("kind", 3, KIND_CALLS),
]


@pytest.mark.parametrize(("name", "most", "calls"), CODES, ids=[name for name, _, _ in CODES])
def test_a_number_without_a_meaning_is_refused_by_name(name, most, calls):
    for call in calls:
        for bad in (-1, most + 1, 16, 255, 2**31 - 1, -(2**31)):
            with pytest.raises(ValueError, match=rf"{name} .*{bad}"):
                call(bad)
        for bad in (2**31, -(2**63), 2**70, 1.5, "relu", None):
            with pytest.raises(TypeError):
                call(bad)
        for code in range(3):
            call(code)


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_number_without_a_meaning_is_refused(data):
    name, most, calls = data.draw(st.sampled_from(CODES))
    call = data.draw(st.sampled_from(calls))
    code = data.draw(st.one_of(st.integers(-(2**31), -1), st.integers(most + 1, 2**31 - 1)))
    with pytest.raises(ValueError, match=f"{name} must be a number from 0 to {most}"):
        call(code)


def test_kernels_alone_check_what_they_get():
    floats = np.ones(64, np.float32)
    for bad in (np.ones(64), np.ones(64, np.int32), np.ones(64, "U1"), [["a"]]):
        with pytest.raises(TypeError, match="x"):
            _pyffnn.kernel_read_loop(bad, 1, 1)
    _pyffnn.kernel_read_loop(floats[::-3], 2, 2)
    for loop in (
        lambda rounds, threads: _pyffnn.kernel_read_loop(floats, threads, rounds),
        lambda rounds, threads: _pyffnn.kernel_fma_loop(rounds, threads, False),
        _pyffnn.kernel_tile_loop,
    ):
        loop(0, 1)
        with pytest.raises(ValueError, match="rounds"):
            loop(-1, 1)
        for threads in (0, -3, 1025):
            with pytest.raises(ValueError, match="threads"):
                loop(1, threads)
    for rate in (-0.1, 1.1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="rate"):
            _pyffnn.kernel_dropout(floats, rate, 1, 0)
    with pytest.raises(ValueError, match="size"):
        _pyffnn.kernel_uniform(-1, 1.0, 1, 0, False)
    for sizes in ((-1, 2, 3), (2, 2**40, 3), (2, 3, -(2**62))):
        with pytest.raises(ValueError, match="m, n and k"):
            _pyffnn.linear_cross_entropy_bytes(*sizes, True)


# Ids are checked, then used while other threads run. One of them makes the ids worthless and whole again, and gives the table another
# shape, as often as it can: each call must give the right rows, or refuse an id, and never read beside the table.
MEANWHILE = """
import itertools, sys, threading
import numpy as np
from pyffnn import ops
sys.setswitchinterval(1e-5)
rng = np.random.default_rng(0)
V, d, n = 500, 64, 4000
table = np.repeat(np.arange(V, dtype="f4")[:, None], d, 1)
good = rng.integers(0, V, n)
logits = np.zeros((n, 8), "f4")
dy = np.ones((n, d), "f4")
bounds = np.arange(0, n + 1, 40)
done = False
def spoil(ids, other):
    while not done:
        ids[...] = other
        table.shape = (d, V)
        table.shape = (V, d)
        ids[...] = np.clip(other, 0, 7) if len(ids) == n else bounds
def pooled(t, ids): return ops.mean_pool(t, ids, bounds)
calls = {
    "embedding": lambda ids: ops.embedding(table, ids),
    "embedding_backward": lambda ids: ops.embedding_backward(dy, ids, V),
    "mean_pool": lambda ids: ops.mean_pool(table, ids, bounds),
    "offsets": lambda ids: ops.mean_pool(table, good, ids),
    "mean_pool_backward": lambda ids: ops.mean_pool_backward(dy[: len(bounds) - 1], ids, bounds, V),
    "offsets_backward": lambda ids: ops.mean_pool_backward(dy[: len(bounds) - 1], good, ids, V),
    "pool_backward_rows": lambda ids: ops.pool_backward_rows(dy[: len(bounds) - 1], ids, bounds, V)[1],
    "embedding_bag": lambda ids: ops.embedding_bag(table, ids, bounds[:1]),
    "cross_entropy": lambda ids: ops.cross_entropy(logits, ids, class_weight=np.ones(8, "f4")),
    "linear_cross_entropy": lambda ids: ops.linear_cross_entropy(dy, np.zeros((d, 8), "f4"), None, ids),
}
for (name, call), dtype in itertools.product(calls.items(), ("i4", "i8")):
    at = bounds if name.startswith("offsets") else np.clip(good, 0, 7)
    ids = at.astype(dtype)
    done = False
    worst = np.iinfo(dtype).max // 2 * rng.choice([-1, 1], len(ids))
    writer = threading.Thread(target=spoil, args=(ids, worst.astype(dtype)))
    writer.start()
    answers = refusals = 0
    for _ in range(60):
        try:
            r = call(ids)
            answers += 1
            for x in r if isinstance(r, tuple) else (r,):
                assert np.isfinite(x).all(), name
            if name == "embedding" and r.shape == (n, d):
                assert r.min() >= 0 and r.max() < V
        except (IndexError, ValueError):
            refusals += 1
    done = True
    writer.join()
print("done")
"""


def test_ids_written_meanwhile_never_lead_astray():
    assert output_of(MEANWHILE) == "done"


def test_ids_are_read_as_they_were_at_the_call():
    """The neighbours: each kind of ids gives the same rows, whether a copy of it is needed or made already."""
    table = np.arange(12, dtype=np.float32).reshape(6, 2)
    want = table[[4, 0, 5]]
    for ids in (
        [4, 0, 5],
        (4, 0, 5),
        np.array([4, 0, 5]),
        np.array([4, 0, 5], np.int32),
        np.array([4, 0, 5], np.uint8),
        np.array([4, 0, 5], ">i8"),
        np.array([5, 9, 0, 9, 4])[::-2],
        memoryview(np.array([4, 0, 5])),
    ):
        np.testing.assert_array_equal(ops.embedding(table, ids), want)
        np.testing.assert_array_equal(ops.mean_pool(table, ids, [0, 1, 2, 3]), want)
        np.testing.assert_array_equal(
            ops.embedding_backward(np.ones((3, 2), np.float32), ids, 6)[:, 0], [1, 0, 0, 0, 1, 1]
        )
    assert ops.embedding(table, []).shape == (0, 2)
    assert ops.embedding(table, np.zeros((2, 0, 3), int)).shape == (2, 0, 3, 2)
    with pytest.raises(TypeError, match="ids"):
        ops.embedding(table, np.zeros(0))


def test_out_that_shares_memory_with_ids_is_refused():
    memory = np.zeros(64, np.uint8)
    ids, out = memory[:16].view(np.int64), memory[8:24].view(np.float32).reshape(2, 2)
    with pytest.raises(ValueError, match="out"):
        ops.embedding(np.ones((3, 2), np.float32), ids, out=out)
