"""Arguments at the door: every kind of array that is taken, every kind that is refused, and nothing that crashes."""

from __future__ import annotations

import array
import inspect

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyffnn import ops, testing
from pyffnn.testing.kernel import floats_in

# matmul_packed calls two functions, ops.pack and ops.matmul: what pack takes and refuses stands below.
KERNELS = [
    pytest.param(k, id=k.name) for k in testing.KERNELS if not k.name.startswith("matmul_packed")
]
INTO = [p for p in KERNELS if p.values[0].into]
ERRORS = (ValueError, TypeError, IndexError, MemoryError, OverflowError)


def small(kernel, dtype=np.float32):
    shape = next(s for s in kernel.shapes if min(s.values()) > 0 and max(s.values()) > 2)
    return kernel.inputs(shape, dtype)


def equal(a, b):
    return all(np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=True))


class WithArray:
    def __init__(self, x):
        self.x = x

    def __array__(self, dtype=None, copy=None):
        return self.x


class WithDLPack:
    """A tensor of another library: nothing but the DLPack protocol."""

    def __init__(self, x):
        self.x = x

    def __dlpack__(self, **asked):
        return self.x.__dlpack__(**asked)

    def __dlpack_device__(self):
        return self.x.__dlpack_device__()


@pytest.mark.parametrize(
    "wrap", [WithArray, WithDLPack, memoryview], ids=["array", "dlpack", "buffer"]
)
@pytest.mark.parametrize("kernel", KERNELS)
def test_array_likes_are_taken(kernel, wrap):
    inputs = small(kernel)
    expected = kernel.run(**inputs)
    wrapped = {k: wrap(v) if isinstance(v, np.ndarray) else v for k, v in inputs.items()}
    assert equal(kernel.run(**wrapped), expected)


@pytest.mark.parametrize("wrap", [WithArray, WithDLPack, memoryview])
def test_pack_takes_array_likes(wrap):
    a, w = np.ones((2, 3), np.float32), np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(ops.matmul(wrap(a), ops.pack(wrap(w))), a @ w)


def test_pack_refuses_what_is_no_matrix_of_floats():
    for bad in (np.int32, np.complex64, np.float16, object, "U3", bool):
        with pytest.raises(TypeError, match=r"w\b"):
            ops.pack(np.zeros((3, 4), bad))
        with pytest.raises(TypeError, match=r"a\b"):
            ops.matmul(np.zeros((2, 3), bad), ops.pack(np.zeros((3, 4), np.float32)))
    for shape in ((3,), (1, 3, 4), ()):
        with pytest.raises(ValueError, match=r"w\b"):
            ops.pack(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match=r"a\b"):
        ops.matmul(np.zeros((2, 4), np.float32), ops.pack(np.zeros((3, 4), np.float32)))


def test_sequences_of_numbers_are_float64():
    assert ops.relu([1, -2, 3]).dtype == np.float64
    np.testing.assert_array_equal(ops.relu([[1, -2], (3.5, -4)]), [[1, 0], [3.5, 0]])
    assert ops.relu(3.0) == 3
    np.testing.assert_array_equal(ops.relu(array.array("f", [1, -1])), [1, 0])
    np.testing.assert_array_equal(ops.matmul([[1, 2]], [[3], [4]]), [[11]])


def test_a_dlpack_view_is_read_without_a_copy():
    """Writing into the tensor is seen by the next call: the same memory."""
    x = np.ones((3, 4), np.float32)
    tensor = WithDLPack(x)
    assert ops.relu(tensor).sum() == 12
    x[:] = 2
    assert ops.relu(tensor).sum() == 24


@pytest.mark.parametrize("kernel", KERNELS)
def test_read_only_inputs_are_taken(kernel):
    inputs = small(kernel)
    expected = kernel.run(**inputs)
    for value in inputs.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    assert equal(kernel.run(**inputs), expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_wrong_dtype_is_a_type_error_that_names_the_argument(kernel):
    inputs = small(kernel)
    for name in floats_in(inputs):
        for bad in (np.int32, np.complex64, np.float16, object, "U3", bool, "M8[s]"):
            wrong = np.zeros(inputs[name].shape, bad)
            with pytest.raises(TypeError, match=rf"{name}\b"):
                kernel.run(**{**inputs, name: wrong})
        for bad in (None, "text", {}, object(), [["a"]]):
            if bad is None and name in ("b", "y", "sample_weight", "weights"):
                continue
            with pytest.raises(TypeError, match=rf"{name}\b"):
                kernel.run(**{**inputs, name: bad})


@pytest.mark.parametrize("kernel", [p for p in KERNELS if p.values[0].family != "activations"])
def test_a_wrong_rank_is_a_value_error_that_names_an_argument(kernel):
    inputs = small(kernel)
    for name, value in floats_in(inputs).items():
        if kernel.name in ("softmax", "log_softmax", "binary_cross_entropy"):
            continue
        for wrong in (value[None], value.ravel()[0]):
            with pytest.raises(ValueError) as error:
                kernel.run(**{**inputs, name: wrong})
            assert any(f"{n} " in f"{error.value} " for n in inputs), str(error.value)


# The axes whose length is free: another one is another problem, not an error.
FREE = {
    "matmul": {"a": 0, "b": 1},
    "matmul_ta": {"a": 1, "b": 1},
    "matmul_tb": {"a": 0, "b": 0},
    "matmul_tab": {"a": 1, "b": 0},
    "linear": {"x": 0},
    "cross_entropy": {"logits": 1},
}


@pytest.mark.parametrize("kernel", [p for p in KERNELS if len(floats_in(small(p.values[0]))) > 1])
def test_shapes_that_do_not_fit_are_value_errors(kernel):
    inputs = small(kernel)
    free = FREE.get(
        "linear"
        if kernel.name in ("linear_relu", "linear_tanh", "linear_sigmoid")
        else kernel.name,
        {},
    )
    for name, value in floats_in(inputs).items():
        if name == "table":
            continue
        for axis in range(value.ndim):
            wrong = {**inputs, name: np.concatenate([value, value.take([0], axis)], axis)}
            if free.get(name) == axis:
                kernel.run(**wrong)
                continue
            with pytest.raises(ValueError):
                kernel.run(**wrong)


@pytest.mark.parametrize("kernel", INTO)
def test_out_must_fit_exactly(kernel):
    inputs = small(kernel)
    expected = kernel.run(**inputs)[0]
    shape = expected.shape
    read_only = np.empty(shape, np.float32)
    read_only.flags.writeable = False
    wrong = {
        TypeError: [np.empty(shape), np.empty(shape, np.int32), np.empty(shape, ">f4"), [[0.0]], memoryview(expected)],
        ValueError: [
            np.empty((*shape, 1), np.float32), np.empty((shape[0] + 1, *shape[1:]), np.float32), read_only,
            np.empty((*shape[:-1], shape[-1] * 2), np.float32)[..., ::2],
            np.zeros(expected.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(shape),
        ],
    }  # fmt: skip
    if expected.ndim > 1 and min(shape) > 1:
        wrong[ValueError].append(np.empty(shape[::-1], np.float32).T)
    for error, outs in wrong.items():
        for out in outs:
            before = np.asarray(out).copy()
            with pytest.raises(error, match="out"):
                kernel.run(**inputs, out=out)
            np.testing.assert_array_equal(np.asarray(out), before)


@pytest.mark.parametrize("kernel", INTO)
def test_out_must_not_overlap_an_input(kernel):
    """In full only where the operation says so; shifted, never."""
    inputs = small(kernel)
    size = kernel.run(**inputs)[0].size
    shape = kernel.run(**inputs)[0].shape
    for name, value in floats_in(inputs).items():
        memory = np.zeros(size + value.size + 1, np.float32)
        shifted = memory[1 : 1 + value.size].reshape(value.shape)
        shifted[...] = value
        with pytest.raises(ValueError, match="out"):
            kernel.run(**{**inputs, name: shifted}, out=memory[:size].reshape(shape))
        beside = memory[:size].reshape(shape)
        apart = memory[size : size + value.size].reshape(value.shape)
        apart[...] = value
        assert kernel.run(**{**inputs, name: apart}, out=beside)[0] is beside


@pytest.mark.parametrize("kernel", [p for p in INTO if p.values[0].family == "gemm"])
def test_a_product_cannot_write_into_a_factor(kernel):
    square = np.eye(4, dtype=np.float32)
    names = [n for n in kernel.inputs(kernel.shapes[3]) if n != "b" or "linear" not in kernel.name]
    inputs = dict.fromkeys(names, square)
    if "linear" in kernel.name:
        inputs["b"] = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="out"):
        kernel.run(**inputs, out=square)


def test_absurd_sizes_are_memory_errors_at_once():
    ones = np.ones((1, 2), np.float32)
    for call in (
        lambda: ops.embedding_backward(ones, [0], 2**60),
        lambda: ops.embedding_backward(ones, [0], 2**44),
        lambda: ops.mean_pool_backward(ones, [0], [0, 1], 2**50),
        lambda: ops.matmul(np.zeros((2**31, 0), np.float32), np.zeros((0, 2**31), np.float32)),
        lambda: ops.matmul(np.zeros((2**20, 0), np.float32), np.zeros((0, 2**42), np.float32)),
    ):
        with pytest.raises(MemoryError, match="shape"):
            call()
    for rows in (-1, -(2**62)):
        with pytest.raises(ValueError, match="num_rows"):
            ops.embedding_backward(ones, [0], rows)
    with pytest.raises((TypeError, OverflowError)):
        ops.embedding_backward(ones, [0], 2**70)
    with pytest.raises(TypeError):
        ops.embedding_backward(ones, [0], 2.5)


BAG = {"ids": [0, 1], "offsets": [0, 2]}
SCALARS = [
    (ops.embedding_backward, {"dy": np.ones((2, 3)), "ids": [0, 1]}, "num_rows"),
    (ops.mean_pool_backward, {"dy": np.ones((1, 3)), **BAG}, "num_rows"),
    (ops.embedding_bag_backward, {"dy": np.ones((1, 3)), "include_last_offset": True, **BAG}, "num_rows"),
    (ops.pool_backward_rows, {"dy": np.ones((1, 3)), **BAG}, "num_rows"),
    (ops.matmul, {"a": np.ones((2, 2)), "b": np.ones((2, 2))}, "transpose_a"),
    (ops.matmul, {"a": np.ones((2, 2)), "b": np.ones((2, 2))}, "transpose_b"),
    (ops.pack, {"w": np.ones((2, 2))}, "transpose"),
    (ops.linear_backward, {"dy": np.ones((2, 2)), "x": np.ones((2, 2)), "w": np.ones((2, 2))}, "need_dx"),
    (ops.embedding_bag, {"table": np.ones((2, 2)), **BAG}, "include_last_offset"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "others", "name"), SCALARS)
def test_numbers_and_flags_are_refused_by_name(call, others, name):
    whole = name == "num_rows"
    wanted = "an integer" if whole else "True or False"
    for wrong in (
        "x",
        b"x",
        object(),
        [],
        {},
        np.zeros(2),
        *((1.5, None, True, np.nan) if whole else ()),
    ):
        with pytest.raises(TypeError, match=f"^{name} must be {wanted}, got "):
            call(**others, **{name: wrong})
    if whole:
        for beyond in (2**63, 2**70, -(2**70)):
            with pytest.raises(
                OverflowError, match=r"^num_rows must be an integer of 64 bits, got "
            ):
                call(**others, num_rows=beyond)
        for good in (2, np.int64(2), np.array(2)):
            call(**others, num_rows=good)
    else:
        for good in (True, False, np.True_, 1, 0):
            call(**others, **{name: good})


def test_unknown_and_missing_arguments_are_type_errors():
    with pytest.raises(TypeError):
        ops.matmul(np.eye(2))
    with pytest.raises(TypeError):
        ops.matmul(np.eye(2), np.eye(2), alpha=2)
    with pytest.raises(ValueError, match="activation"):
        ops.linear(np.eye(2), np.eye(2), activation="gelu")
    with pytest.raises(ValueError, match="precision"):
        ops.matmul(np.eye(2), np.eye(2), precision="float16")
    with pytest.raises(ValueError, match="y"):
        ops.linear_backward(np.eye(2), np.eye(2), np.eye(2), activation="relu")


# Anything that a caller might pass, right or wrong.
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=3),
    st.binary(max_size=5),
    st.lists(st.integers(-3, 9), max_size=4),
    st.lists(st.lists(st.floats(), max_size=3), max_size=3),
    st.just(object()),
)
DTYPES = ("f4", "f8", ">f4", "f2", "i4", "i8", "u8", "b1", "c8", "O", "U2")


@st.composite
def any_array(draw):
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    x = np.zeros(shape, draw(st.sampled_from(DTYPES)))
    if x.dtype.kind in "fiu":
        numbers = draw(st.lists(st.integers(0, 5), min_size=x.size, max_size=x.size))
        x[...] = np.array(numbers, np.int64).reshape(shape)
    if x.ndim and draw(st.booleans()):
        x = x[..., ::-1]
    return x.T if draw(st.booleans()) else x


@st.composite
def any_packed(draw):
    shape = draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    return ops.pack(np.ones(shape, draw(st.sampled_from(["f4", "f8"]))))


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_calls_never_crash(data):
    """Any function of ops with any arguments returns arrays or raises one of the errors promised."""
    name = data.draw(
        st.sampled_from([n for n in ops.__all__ if n not in ("fingerprint", "PackedMatrix")])
    )
    call = getattr(ops, name)
    names = list(inspect.signature(call).parameters)
    optional = {
        "out",
        "y",
        "activation",
        "transpose_a",
        "transpose_b",
        "class_weight",
        "sample_weight",
        "weights",
        "need_dx",
        "precision",
    }
    given_ = {}
    for n in names:
        if n in optional and data.draw(st.integers(0, 3)):
            continue
        given_[n] = data.draw(st.one_of(any_array(), any_array(), any_packed(), ANYTHING))
    try:
        results = call(**given_)
    except ERRORS:
        return
    for r in results if isinstance(results, tuple) else (results,):
        assert isinstance(r, np.ndarray | float | ops.PackedMatrix) or r is None
