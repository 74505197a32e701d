"""Tables: ids of every kind, empty bags, rows beyond 2^31 numbers, the order of sums."""

from __future__ import annotations

import itertools
import mmap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import dtypes, floats, sizes

import pyffnn
from pyffnn import ops
from pyffnn.testing import oracles

MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)  # named from Python 3.13 on
TABLE = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_rows_equal_the_one_hot_product(isa):
    ids = np.array([[3, 0], [1, 1]])
    one_hot = np.eye(4, dtype=np.float32)[ids.ravel()]
    np.testing.assert_array_equal(
        ops.embedding(TABLE, ids).reshape(4, 3), ops.matmul(one_hot, TABLE)
    )


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.int32, np.uint32, np.int64, ">i4", ">i8"]
)
def test_ids_of_every_integer_type(dtype):
    ids = np.array([3, 0, 2, 2], dtype)
    np.testing.assert_array_equal(ops.embedding(TABLE, ids), TABLE[[3, 0, 2, 2]])
    np.testing.assert_array_equal(ops.embedding(TABLE, ids[::-2]), TABLE[[2, 0]])


def test_ids_of_any_shape():
    for ids in (2, [], [[], []], [[[1]]], np.zeros((0, 5), np.int32)):
        got = ops.embedding(TABLE, ids)
        assert got.shape == (*np.shape(ids), 3)


@pytest.mark.parametrize("ids", [[4], [-1], [0, 1, 4], [2**31], [-(2**40)], [2**62]])
def test_an_id_outside_the_table_is_an_index_error(ids):
    offsets = [0, len(ids)]
    dy = np.zeros((len(ids), 3), np.float32)
    calls = [
        lambda: ops.embedding(TABLE, ids),
        lambda: ops.embedding_backward(dy, ids, 4),
        lambda: ops.mean_pool(TABLE, ids, offsets),
        lambda: ops.mean_pool_backward(dy[:1], ids, offsets, 4),
    ]
    for call in calls:
        with pytest.raises(IndexError, match=rf"ids.*{ids[-1]}.*4"):
            call()


@pytest.mark.parametrize("position", [0, 255, 256, 511, 600])
def test_a_bad_id_is_found_wherever_it_stands(position):
    for dtype in (np.int32, np.int64):
        ids = np.zeros(601, dtype)
        for bad in (-1, 4):
            ids[position] = bad
            with pytest.raises(IndexError, match=f"{position}"):
                ops.embedding(TABLE, ids)


@pytest.mark.parametrize(
    "ids", [[0.0], ["a"], [None], [True], np.array([1], np.uint64), np.array([1j])]
)
def test_ids_that_are_no_integers_are_a_type_error(ids):
    with pytest.raises(TypeError, match="ids"):
        ops.embedding(TABLE, ids)


def test_a_table_without_rows_or_columns():
    assert ops.embedding(np.zeros((0, 5)), []).shape == (0, 5)
    assert ops.embedding(np.zeros((3, 0)), [1, 2]).shape == (2, 0)
    with pytest.raises(IndexError):
        ops.embedding(np.zeros((0, 5)), [0])


def test_bags():
    ids, offsets = [0, 1, 3, 3], [0, 2, 2, 4]
    expected = [TABLE[:2].mean(axis=0), [0, 0, 0], TABLE[3]]
    np.testing.assert_array_equal(ops.mean_pool(TABLE, ids, offsets), expected)
    # ids before the first offset and after the last belong to no bag
    np.testing.assert_array_equal(ops.mean_pool(TABLE, ids, [1, 2]), TABLE[1:2])
    assert ops.mean_pool(TABLE, [], [0]).shape == (0, 3)
    np.testing.assert_array_equal(ops.mean_pool(TABLE, [], [0, 0]), np.zeros((1, 3)))


def test_weighted_bags():
    got = ops.mean_pool(TABLE, [0, 3, 1], [0, 2, 3], weights=np.array([1, 3, 0], np.float32))
    np.testing.assert_array_equal(got, [(TABLE[0] + 3 * TABLE[3]) / 4, [0, 0, 0]])
    for bad in ([1.0, -1, 1], [1.0, np.nan, 1], [1.0], [[1.0, 1, 1]]):
        with pytest.raises(ValueError, match="weights"):
            ops.mean_pool(TABLE, [0, 3, 1], [0, 2, 3], weights=bad)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_pooled_column_is_one_chain_whatever_the_width(isa, dtype):
    """Rows narrower than a vector, too, which are read in halves where a vector has sixteen numbers."""
    rng = np.random.default_rng(5)
    ids, offsets = rng.integers(0, 40, 60), [0, 21, 21, 22, 60]
    weights = rng.random(60).astype(dtype)
    for d in range(1, 35):
        table = rng.standard_normal((40, d)).astype(dtype)
        table[3] = -0.0
        sums = np.zeros((4, d), dtype)
        for bag in range(4):
            for i in ids[offsets[bag] : offsets[bag + 1]]:
                sums[bag] += table[i]
        counts = np.diff(offsets)[:, None]
        scale = np.where(counts == 0, 0, 1 / np.maximum(counts, 1)).astype(dtype)
        np.testing.assert_array_equal(ops.mean_pool(table, ids, offsets), sums * scale)
        expected = oracles.mean_pool(table.astype(float), ids, offsets, weights.astype(float))
        got = ops.mean_pool(table, ids, offsets, weights=weights)
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=60 * np.finfo(dtype).eps)


@pytest.mark.parametrize("d", [8, 9, 10, 15])
def test_many_narrow_rows_of_a_large_table(isa, d):
    """They are fetched from far ahead."""
    rng = np.random.default_rng(d)
    table = rng.standard_normal((40000, d)).astype(np.float32)
    ids, offsets = rng.integers(0, 40000, 1000), np.array([5, 130, 130, 700, 990])
    sums = [
        np.add.accumulate(table[ids[a:b]])[-1] if b > a else table[0] * 0
        for a, b in itertools.pairwise(offsets)
    ]
    counts = np.diff(offsets)[:, None]
    scale = np.where(counts == 0, 0, 1 / np.maximum(counts, 1)).astype(np.float32)
    np.testing.assert_array_equal(ops.mean_pool(table, ids, offsets), np.array(sums) * scale)


@pytest.mark.parametrize("offsets", [[], [0, 5], [2, 1], [-1, 2], [[0, 1]], [0, 3, 2, 4]])
def test_offsets_that_are_none(offsets):
    for call in (
        lambda o: ops.mean_pool(TABLE, [0, 1, 2, 3], o),
        lambda o: ops.mean_pool_backward(np.zeros((1, 3)), [0, 1, 2, 3], o, 4),
    ):
        with pytest.raises(ValueError, match="offsets"):
            call(offsets)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_scatter_is_the_transpose_of_gather(data):
    """<embedding(E), dy> = <E, embedding_backward(dy)>, and likewise for bags, to rounding."""
    dtype = data.draw(dtypes())
    rows, d, count = data.draw(sizes(1, 20)), data.draw(sizes(0, 40)), data.draw(sizes(0, 60))
    table = data.draw(floats((rows, d), dtype))
    ids = np.array(
        data.draw(st.lists(st.integers(0, rows - 1), min_size=count, max_size=count)), np.int64
    )
    dy = data.draw(floats((count, d), dtype))
    left = np.vdot(ops.embedding(table, ids).astype(float), dy.astype(float))
    right = np.vdot(table.astype(float), ops.embedding_backward(dy, ids, rows).astype(float))
    assert abs(left - right) <= 1e-4 * (1 + np.abs(dy).sum())
    offsets = np.sort([0, *data.draw(st.lists(st.integers(0, count), max_size=6)), count])
    dy = data.draw(floats((len(offsets) - 1, d), dtype))
    pooled = ops.mean_pool(table, ids, offsets)
    np.testing.assert_allclose(pooled, oracles.mean_pool(table, ids, offsets), rtol=1e-4, atol=1e-5)
    right = np.vdot(
        table.astype(float), ops.mean_pool_backward(dy, ids, offsets, rows).astype(float)
    )
    assert abs(np.vdot(pooled.astype(float), dy.astype(float)) - right) <= 1e-4 * (
        1 + np.abs(dy).sum()
    )


def test_rows_are_added_in_the_order_of_ids(isa):
    """Adding 1 after 2^24 is lost, before it is kept: the order is the ids', whoever adds."""
    big = np.float32(2**24)
    dy = np.repeat(np.array([1, 1, big, 1, 1], np.float32)[:, None], 20, axis=1)
    expected = np.float32(2) + big + np.float32(1) + np.float32(1)
    for threads in (1, 2, 5):
        with pyffnn.num_threads(threads):
            grad = ops.embedding_backward(dy, [3, 3, 3, 3, 3], 5)
            np.testing.assert_array_equal(grad[3], expected)
            assert not np.delete(grad, 3, 0).any()


def test_infinities_and_nan_are_copied(isa):
    table = np.array([[np.nan, np.inf, -0.0, 1e-45]] * 5, np.float32)
    got = ops.embedding(table, [4, 0])
    assert got.tobytes() == table[:2].tobytes()


def test_a_table_beyond_two_to_the_31_numbers(isa):
    """64-bit indices all the way. The table is never touched but for three rows, so it costs address space alone."""
    d = 64
    rows = (2**31) // d + 3
    try:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_NORESERVE
        memory = mmap.mmap(-1, rows * d * 4, flags=flags)
    except OSError as error:
        pytest.skip(f"no address space for the table: {error}")
    table = np.frombuffer(memory, np.float32).reshape(rows, d)
    for row in (0, rows // 2, rows - 1):
        table[row] = row % 1000 + 1
    ids = np.array([rows - 1, 0, rows // 2])
    np.testing.assert_array_equal(ops.embedding(table, ids)[:, 0], table[ids, 0])
    pooled = ops.mean_pool(table, ids, [0, 1, 3])
    np.testing.assert_array_equal(pooled[0], table[rows - 1])
    np.testing.assert_array_equal(pooled[1], (table[0] + table[rows // 2]) / 2)
    with pytest.raises(IndexError, match=str(rows)):
        ops.embedding(table, [rows])


@pytest.mark.parametrize("mode", ["mean", "sum"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(data=st.data())
def test_rows_of_bags_are_those_of_the_whole_gradient(data, dtype, mode):
    """The rows that occur, in the order in which they do; with "mean" to the bit, on any number of threads."""
    rows, d = data.draw(st.integers(1, 12)), data.draw(st.sampled_from([0, 1, 5, 16, 48]))
    bags = data.draw(st.lists(st.lists(st.integers(0, rows - 1), max_size=6), max_size=8))
    ids = np.array(
        [i for bag in bags for i in bag], data.draw(st.sampled_from([np.int32, np.int64]))
    )
    offsets = np.cumsum([0] + [len(bag) for bag in bags])
    dy = np.random.default_rng(len(ids)).normal(size=(len(bags), d)).astype(dtype)
    at, values = ops.pool_backward_rows(dy, ids, offsets, rows, mode=mode)
    assert at.tolist() == list(dict.fromkeys(ids.tolist())) and values.dtype == dtype
    whole = np.zeros((rows, d), dtype)
    whole[at] = values
    if mode == "mean":
        assert np.array_equal(whole, ops.mean_pool_backward(dy, ids, offsets, rows))
    wanted = np.zeros((rows, d))
    for row, bag in zip(dy.astype(float), bags, strict=True):
        for i in bag:
            wanted[i] += row / (len(bag) if mode == "mean" else 1)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(whole, wanted, rtol=20 * eps, atol=40 * eps)


def test_rows_of_many_bags_on_any_number_of_threads():
    rng = np.random.default_rng(0)
    ids, offsets = rng.integers(0, 3000, 20_000), np.arange(0, 20_001, 20)
    dy = rng.normal(size=(1000, 48)).astype(np.float32)
    uneven = np.sort(np.r_[0, rng.integers(0, 20_001, 999), 20_000])
    for bounds, d in itertools.product((offsets, uneven), (16, 48)):  # both ways to add them up
        found = []
        for n in (1, 2, 5):
            with pyffnn.num_threads(n):
                found.append(ops.pool_backward_rows(dy[:, :d], ids, bounds, 3000))
        whole = ops.mean_pool_backward(dy[:, :d], ids, bounds, 3000)
        for at, values in found:
            assert np.array_equal(at, found[0][0]) and np.array_equal(values, whole[at])
    # the memory of earlier calls is no part of later ones
    at, _ = ops.pool_backward_rows(dy[:2], [7, 7, 2999], [0, 1, 3], 3000)
    assert at.tolist() == [7, 2999]


def test_bad_arguments_of_rows_of_bags():
    dy = np.ones((1, 2))
    for arguments, error, words in [
        ((dy, [0, 4], [0, 2], 4), IndexError, "ids entry 1 = 4"),
        ((dy, [0, 1], [1, 2], 4), ValueError, "offsets must begin with 0, got 1"),
        ((dy, [0, 1], [0, 1], 4), ValueError, "offsets must end with the number of ids, 2, got 1"),
        ((dy, [0, 1], [0, 1, 2], 4), ValueError, "dy must have one row a bag"),
        ((dy, [0], [0, 1], -1), ValueError, "num_rows must not be negative"),
        ((np.ones((1, 2), int), [0], [0, 1], 1), TypeError, "dy"),
    ]:
        with pytest.raises(error, match=words):
            ops.pool_backward_rows(*arguments)
    with pytest.raises(MemoryError, match="cannot keep a number for each"):
        ops.pool_backward_rows(dy, [0, 1], [0, 2], 2**62)
    with pytest.raises(ValueError, match="mode must be 'mean' or 'sum', got 'max'"):
        ops.pool_backward_rows(dy, [0], [0, 1], 1, mode="max")


@pytest.mark.parametrize("mode", ["mean", "sum"])
@given(data=st.data())
def test_bags_as_pytorch_has_them(data, mode):
    """Against a loop in float64, with the end of the last bag and without, over more columns than registers hold."""
    rows, d = data.draw(st.integers(1, 9)), data.draw(st.sampled_from([1, 16, 130, 300]))
    bags = data.draw(
        st.lists(st.lists(st.integers(0, rows - 1), max_size=40), min_size=1, max_size=8)
    )
    flat = list(itertools.chain.from_iterable(bags))
    ids = np.array(flat, data.draw(st.sampled_from([np.int32, np.int64])))
    ends = np.cumsum([0] + [len(bag) for bag in bags])
    rng = np.random.default_rng(len(ids))
    table, dy = rng.normal(size=(rows, d)), rng.normal(size=(len(bags), d))
    wanted, gradient = np.zeros((len(bags), d)), np.zeros((rows, d))
    for b, bag in enumerate(bags):
        share = 1 / len(bag) if mode == "mean" and bag else 1
        for i in bag:
            wanted[b] += table[i] * share
            gradient[i] += dy[b] * share
    near = {"rtol": 1e-12, "atol": 1e-12}
    for offsets, closed in ((ends, True), (ends[:-1], False)):
        np.testing.assert_allclose(
            ops.embedding_bag(table, ids, offsets, mode, closed), wanted, **near
        )
        whole = ops.embedding_bag_backward(dy, ids, offsets, rows, mode, closed)
        np.testing.assert_allclose(whole, gradient, **near)
        at, values = ops.pool_backward_rows(
            dy, ids, offsets, rows, mode=mode, include_last_offset=closed
        )
        assert np.array_equal(values, whole[at]) and np.count_nonzero(gradient.any(1)) <= len(at)
    if mode == "mean":
        means = ops.mean_pool(table, ids, ends)
        assert np.array_equal(ops.embedding_bag(table, ids, ends, mode, True), means)


def test_bad_bags_as_pytorch_has_them():
    table = np.ones((4, 2))
    for ids, offsets, closed, error, words in [
        ([0, 4], [0], False, IndexError, r"ids entry 1 = 4 is outside \[0, 4\)"),
        ([0] * 600 + [-1], [0], False, IndexError, "ids entry 600 = -1"),
        ([0, 1], [], False, ValueError, "offsets must name a bag for the 2 ids, got none"),
        ([], [], True, ValueError, "offsets must hold the end of the last bag, got none"),
        ([0, 1], [1], False, ValueError, "offsets must begin with 0, got 1"),
        ([0, 1], [0, 1], True, ValueError, "offsets must end with the number of ids, 2, got 1"),
        ([0, 1], [0, 3], False, ValueError, "offsets must not lie beyond the 2 ids"),
        ([0, 1], [0, 2, 1], False, ValueError, "offsets must not decrease"),
        ([[0, 1]], [0], False, ValueError, "ids must have 1 dimensions"),
    ]:
        for run in (
            lambda *a: ops.embedding_bag(table, *a[:2], "mean", a[2]),
            lambda *a: ops.embedding_bag_backward(table[:1], *a[:2], 4, "mean", a[2]),
            lambda *a: ops.pool_backward_rows(table[:1], *a[:2], 4, include_last_offset=a[2]),
        ):
            with pytest.raises(error, match=words):
                run(np.array(ids, int), np.array(offsets, int), closed)
    for run in (ops.embedding_bag, lambda *a: ops.embedding_bag_backward(*a[:3], 4, a[3])):
        with pytest.raises(ValueError, match="mode must be 'mean' or 'sum', got 'max'"):
            run(table, [0], [0], "max")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_a_bag_matter_by_their_ratios_alone(dtype):
    """Bags of huge and of tiny weights side by side: their means were infinite."""
    rng = np.random.default_rng(2)
    table, dy = rng.standard_normal((5, 7)).astype(dtype), rng.standard_normal((4, 7)).astype(dtype)
    ids, offsets = rng.integers(0, 5, 11), np.array([0, 3, 6, 6, 11])
    near = rng.random(11) + 0.5
    for scales in ((3e38, 1e-44, 1), (1e-44, 1, 2e38), (1e300, 1e-300, 1), (1e30, 1e-30, 1e-30)):
        wide = near * np.repeat([scales[0] / 2, scales[1], scales[2] / 2], [3, 3, 5])
        given = wide.copy()
        np.testing.assert_allclose(
            ops.mean_pool(table, ids, offsets, weights=wide),
            ops.mean_pool(table, ids, offsets, weights=near), rtol=1e-4, atol=1e-5,
        )  # fmt: skip
        np.testing.assert_allclose(
            ops.mean_pool_backward(dy, ids, offsets, 5, weights=wide),
            ops.mean_pool_backward(dy, ids, offsets, 5, weights=near), rtol=1e-4, atol=1e-5,
        )  # fmt: skip
        assert np.array_equal(wide, given)
