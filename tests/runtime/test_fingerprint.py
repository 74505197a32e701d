"""`ops.fingerprint` sees every change that is tried: whole patterns of bits, not single entries alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyffnn
from pyffnn import autograd, ops

# Bytes around pairs of words, stripes of 1 kB and blocks of 64 kB.
SIZES = [1, 7, 8, 9, 15, 16, 17, 63, 64, 1023, 1024, 1025, 1031, 2048, 65535, 65536, 65537, 70_000]
DTYPES = ["f4", "f8"]


def numbers(count, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(count).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "count", [1, 2, 3, 4, 7, 8, 16, 17, 128, 129, 1000, 16384, 20_001, 200_000]
)
def test_negated_entries_are_seen(count, dtype):
    a = numbers(count, dtype)
    mark = ops.fingerprint(a)
    assert ops.fingerprint(-a) != mark
    for step in (1, 2, 3, 4, 8, 16, 32, 64, 128, 256):
        for first in (0, 1, 5):
            b = a.copy()
            b[first::step] *= -1
            assert first >= count or ops.fingerprint(b) != mark, (first, step)


@pytest.mark.parametrize("value", [0.0, 1.0, -2.5, np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_constant_arrays_are_no_exception(dtype, value):
    a = np.full(4096, value, dtype)
    mark = ops.fingerprint(a)
    assert ops.fingerprint(-a) != mark
    for distance in (1, 2, 3, 4, 7, 8, 16, 32, 128, 256, 512):
        b = a.copy()
        b[[100, 100 + distance]] *= -1
        assert ops.fingerprint(b) != mark, distance


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SIZES), st.integers(0, 3), st.data())
def test_any_bit_and_any_two_bits(size, fill, data):
    if fill == 0:
        a = np.zeros(size, np.uint8)
    elif fill == 1:
        a = np.full(size, 0xFF, np.uint8)
    else:
        a = np.random.default_rng(fill).integers(0, 256, size, np.uint8)
    bits = st.integers(0, 8 * size - 1)
    # near each other, at the distance of a word, pair, stripe or block, or anywhere
    first = data.draw(bits)
    distance = data.draw(
        st.sampled_from([1, 8, 31, 32, 63, 64, 128, 256, 512, 8192, 65536, 524288])
    )
    second = data.draw(st.one_of(st.just((first + distance) % (8 * size)), bits))
    marks = {ops.fingerprint(a)}
    for flipped in {(first,), (second,), tuple(sorted({first, second}))}:
        b = a.copy()
        for bit in flipped:
            b[bit // 8] ^= 1 << bit % 8
        marks.add(ops.fingerprint(b))
    assert len(marks) == (2 if first == second else 4)


@settings(max_examples=200, deadline=None)
@given(st.integers(2, 9000), st.sampled_from(DTYPES), st.data())
def test_swapped_and_negated_pairs(count, dtype, data):
    a = numbers(count, dtype, seed=count)
    i = data.draw(st.integers(0, count - 2))
    j = data.draw(st.integers(i + 1, count - 1))
    swapped, negated = a.copy(), a.copy()
    swapped[[i, j]] = a[[j, i]]
    negated[[i, j]] *= -1
    assert len({ops.fingerprint(x) for x in (a, swapped, negated)}) == 3


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40_000), st.integers(0, 15))
def test_bytes_alone_count(size, at):
    """Neither the address nor the number of threads; a byte more does, even one of zeros."""
    memory = np.random.default_rng(size).integers(0, 256, size + 32, np.uint8)
    a = memory[at : at + size]
    with pyffnn.num_threads(1):
        one = ops.fingerprint(a)
    with pyffnn.num_threads(3):
        assert ops.fingerprint(a.copy()) == one
    assert ops.fingerprint(np.append(a, np.uint8(0))) != one


def test_blocks_and_stripes_in_another_order():
    a = numbers(1 << 16, "f4")
    marks = {ops.fingerprint(a)}
    for width in (4, 256, 512, 16384, 32768):
        marks.add(ops.fingerprint(np.roll(a, width)))
        marks.add(ops.fingerprint(a.reshape(-1, 2, width // 2)[:, ::-1].copy()))
    assert len(marks) == 11
    assert ops.fingerprint(np.empty(0)) == ops.fingerprint(np.empty((3, 0), np.int8))


@pytest.mark.parametrize(
    "change", [np.negative, np.flip, np.sort, lambda x: x[[1, 0, *range(2, len(x))]]]
)
def test_the_backward_pass_refuses_a_changed_weight(change):
    rng = np.random.default_rng(0)
    x = autograd.variable(rng.standard_normal((5, 16)))
    w = autograd.variable(rng.standard_normal((16, 8)))
    loss = autograd.cross_entropy(autograd.tanh(x @ w), [0, 1, 2, 3, 0])
    w.value[...] = change(w.value).copy()
    with pytest.raises(autograd.GraphError):
        loss.backward()
