"""Packed matrices: the bits of the product with the matrix itself, on every instruction set, and errors that say what does not go together."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import dtypes, floats, sizes, views

import pyffnn
from pyffnn import ops
from pyffnn.precision import PRECISIONS

ISAS = [*pyffnn.available_isas(), "amx-emulated"]


def pack(w, **arguments):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*needs AMX.*")
        return ops.pack(w, **arguments)


def product(a, b, **arguments):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*needs AMX.*")
        return ops.matmul(a, b, **arguments)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ISAS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_same_bits_as_the_matrix_itself(name, precision, data):
    m, k, n = data.draw(sizes(0, 40)), data.draw(sizes()), data.draw(sizes(0, 140))
    dtype = data.draw(dtypes())
    a, b = data.draw(floats((m, k), dtype, special=True)), data.draw(floats((k, n), dtype))
    bias = data.draw(floats((n,), dtype))
    transpose = data.draw(st.booleans())
    with pyffnn.use_isa(name):
        given_b = data.draw(views(np.ascontiguousarray(b.T) if transpose else b))
        packed = pack(given_b, transpose=transpose, precision=precision)
        assert packed.shape == (k, n)
        assert packed.dtype == dtype
        assert packed.isa == name
        plain = product(a, b, precision=precision)
        np.testing.assert_array_equal(ops.matmul(data.draw(views(a)), packed), plain)
        np.testing.assert_array_equal(
            ops.matmul(np.ascontiguousarray(a.T), packed, transpose_a=True), plain
        )
        for activation in (None, "tanh", "relu"):
            with_bias = data.draw(st.booleans())
            layer = ops.linear(a, packed, bias if with_bias else None, activation=activation)
            want = plain + bias if with_bias else plain
            want = getattr(ops, activation)(want) if activation else want
            np.testing.assert_array_equal(layer, want)


# Several strips, blocks of k, blocks of rows that fill half of L2, and columns of A that fall on few cache sets.
@pytest.mark.parametrize("precision", ["float32", "bfloat16x3", "bfloat16", "auto"])
@pytest.mark.parametrize(
    "shape", [(5, 1024, 300), (33, 1600, 129), (700, 1024, 100), (2000, 300, 70)], ids=str
)
@pytest.mark.parametrize("name", ISAS)
def test_same_bits_across_blocks_and_threads(name, shape, precision):
    if name in ("reference", "amx-emulated"):  # slow, and of no other blocking
        shape = (min(shape[0], 40), *shape[1:])
    m, k, n = shape
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((m, k)).astype("f4"), rng.standard_normal((k, n)).astype("f4")
    with pyffnn.use_isa(name):
        plain = product(a, b, precision=precision)
        packed = [
            pack(b, precision=precision),
            pack(np.ascontiguousarray(b.T), transpose=True, precision=precision),
        ]
        for threads in (1, 2, 5):
            with pyffnn.num_threads(threads):
                for p in packed:
                    np.testing.assert_array_equal(ops.matmul(a, p), plain)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_strips_serve_every_instruction_set(dtype):
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((9, 70)).astype(dtype), rng.standard_normal((70, 130)).astype(dtype)
    for made_for in ISAS:
        with pyffnn.use_isa(made_for):
            packed = ops.pack(b)
        for name in ISAS:
            with pyffnn.use_isa(name):
                np.testing.assert_array_equal(ops.matmul(a, packed), ops.matmul(a, b))


def test_tiles_need_an_instruction_set_that_has_them():
    a, b = np.ones((3, 40), "f4"), np.ones((40, 20), "f4")
    with pyffnn.use_isa("amx-emulated"):
        tiles, both = ops.pack(b, precision="bfloat16x3"), ops.pack(b, precision="auto")
    with pyffnn.use_isa("reference"):
        message = "b was packed in bfloat16x3 on ISA 'amx-emulated', and ISA 'reference' has no tiles: pack it again"
        with pytest.raises(ValueError, match=message):
            ops.matmul(a, tiles)
        with pytest.raises(ValueError, match="w was packed in bfloat16x3"):
            ops.linear(a, tiles)
        np.testing.assert_array_equal(ops.matmul(a, both), ops.matmul(a, b))
    with pyffnn.use_isa("amx-emulated"):
        np.testing.assert_array_equal(ops.matmul(a, tiles), np.full((3, 20), 40, "f4"))


def test_it_is_a_copy():
    a, b = np.ones((3, 40), "f4"), np.ones((40, 20), "f4")
    packed = ops.pack(b)
    b[...] = 2
    np.testing.assert_array_equal(ops.matmul(a, packed), np.full((3, 20), 40, "f4"))
    assert not hasattr(packed, "__dict__")
    with pytest.raises(AttributeError):
        packed.shape = (1, 1)
    for duplicate in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            duplicate(packed)


def test_what_it_says_of_itself():
    packed = ops.pack(np.ones((300, 100), "f4"))
    assert isinstance(packed, ops.PackedMatrix)
    assert packed.precision == "float32"
    assert 300 * 100 * 4 <= packed.nbytes <= 300 * 160 * 4
    assert repr(packed) == (
        f"PackedMatrix(shape=(300, 100), dtype=float32, precision='float32', isa='{pyffnn.isa()}', nbytes={packed.nbytes})"
    )
    with pyffnn.use_isa("amx-emulated"):
        sizes_by_precision = [
            ops.pack(np.ones((320, 192), "f4"), precision=p).nbytes for p in PRECISIONS
        ]
    assert [size / (320 * 192) for size in sizes_by_precision] == [4, 6, 4, 2, 10]
    with pyffnn.use_isa("reference"):
        assert pack(np.ones((2, 2), "f4"), precision="bfloat16").precision == "float32"


def test_errors_name_the_argument():
    a, b = np.ones((3, 4), "f4"), np.ones((4, 5), "f4")
    packed = ops.pack(b)
    with pytest.raises(ValueError, match="transpose_b must be False with a packed b, got True"):
        ops.matmul(a, packed, transpose_b=True)
    with pytest.raises(
        ValueError, match=r"a and b do not fit: a has shape \(3, 5\), b has shape \(4, 5\)"
    ):
        ops.matmul(np.ones((3, 5), "f4"), packed)
    with pytest.raises(ValueError, match="x and w do not fit"):
        ops.linear(np.ones((3, 5), "f4"), packed)
    with pytest.raises(
        TypeError, match="a must have dtype float32 beside a packed b of float32, got float64"
    ):
        ops.matmul(a.astype("f8"), packed)
    with pytest.raises(TypeError, match="b must have dtype float32 beside a packed w"):
        ops.linear(a, packed, np.ones(5))
    with pytest.raises(ValueError, match=r"b must have shape \(5,\)"):
        ops.linear(a, packed, np.ones(4, "f4"))
    with pytest.raises(ValueError, match=r"out must have shape \(3, 5\)"):
        ops.matmul(a, packed, out=np.empty((3, 4), "f4"))
    with pytest.raises(ValueError, match="out must not overlap an input"):
        square = np.ones((4, 4), "f4")
        ops.matmul(square, ops.pack(square), out=square)
    with pytest.raises(ValueError, match="precision must be one of"):
        ops.matmul(a, packed, precision="half")
    for call in (
        lambda: ops.matmul(packed, b),
        lambda: ops.linear_backward(np.ones((3, 5), "f4"), a, packed),
        lambda: ops.linear_cross_entropy(a, packed, None, [0, 1, 2]),
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(ValueError, match="w must have 2 dimensions"):
        ops.pack(np.ones(3))
    with pytest.raises(TypeError, match="w must have dtype float32 or float64, got int64"):
        ops.pack(np.ones((2, 2), np.int64))


def test_another_precision_is_an_error():
    a, b = np.ones((3, 40), "f4"), np.ones((40, 20), "f4")
    with pyffnn.use_isa("amx-emulated"):
        for precision in PRECISIONS:
            packed = ops.pack(b, precision=precision)
            for other in PRECISIONS:
                if other == precision:
                    ops.matmul(a, packed, precision=other)
                    continue
                message = f"precision must be left out or that of the packed b, '{precision}', got '{other}'"
                with pytest.raises(ValueError, match=message):
                    ops.matmul(a, packed, precision=other)
        # float64 products take no notice of it
        ops.matmul(a.astype("f8"), ops.pack(b.astype("f8")), precision="bfloat16")
    with pyffnn.use_isa("reference"):  # where all of them are float32
        ops.matmul(a, ops.pack(b), precision="auto")


def test_float32_rows_meet_a_packed_float64():
    a, b = np.full((2, 3), 0.1, "f4"), np.ones((3, 2))
    got = ops.matmul(a, ops.pack(b))
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got, ops.matmul(a, b))


def test_threads_share_one():
    rng = np.random.default_rng(2)
    b = rng.standard_normal((200, 300)).astype("f4")
    packed = ops.pack(b)
    wrong = []

    def work(seed):
        a = np.random.default_rng(seed).standard_normal((4, 200)).astype("f4")
        want = ops.matmul(a, b)
        for _ in range(50):
            if not np.array_equal(ops.matmul(a, packed), want):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong
