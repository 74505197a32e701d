"""Arrays of other libraries are read where they lie, and what cannot be is refused by the argument's name."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest

from pyffnn import ops


class OnDevice:
    """A tensor that says where it is, and must not be asked for more."""

    def __init__(self, kind: int) -> None:
        self.kind = kind
        self.dtype, self.device = "float32", f"device:{kind}"

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, 0

    def __dlpack__(self, **asked: Any) -> Any:
        raise AssertionError("must not be exported")

    def __array__(self, *asked: Any, **more: Any) -> Any:
        raise AssertionError("must not be copied from the device")


@pytest.mark.parametrize(
    ("kind", "name"), [(2, "CUDA"), (8, "Metal"), (10, "ROCm"), (99, "another device")]
)
def test_memory_of_another_device_is_refused(kind: int, name: str) -> None:
    w = np.ones((2, 2), np.float32)
    with pytest.raises(
        TypeError, match=rf"x must be in the CPU's memory, .*{name} .*device:{kind}"
    ):
        ops.linear(OnDevice(kind), w)
    with pytest.raises(TypeError, match="w must be in the CPU's memory"):
        ops.linear(w, OnDevice(kind))
    with pytest.raises(TypeError, match="ids must be in the CPU's memory"):
        ops.embedding(w, OnDevice(kind))


def test_dlpack_out() -> None:
    y = ops.softmax(np.ones((2, 3), np.float32))
    assert np.shares_memory(np.from_dlpack(y), y)
    assert memoryview(y).format == "f"


def test_buffers() -> None:
    x = array.array("d", [1.0, -2.0, 3.0])
    assert np.array_equal(ops.relu(x), [1, 0, 3])
    ids = array.array("q", [1, 0])
    assert np.array_equal(ops.embedding(np.eye(2), ids), [[0, 1], [1, 0]])
    with pytest.raises(TypeError, match=r"x must have dtype float32 or float64, got (uint8|\|S3)"):
        ops.relu(b"abc")


class TestArrow:
    def arrow(self) -> Any:
        return pytest.importorskip("pyarrow")

    def test_no_copy(self) -> None:
        pa = self.arrow()
        x = np.ones(5, np.float32)
        column = pa.array(x)  # over the same memory
        first = ops.relu(column)
        x[:] = 3
        assert first.tolist() == [1] * 5 and ops.relu(column).tolist() == [3] * 5

    @pytest.mark.parametrize("type_name", ["float32", "float64"])
    def test_floats_and_slices(self, type_name: str) -> None:
        pa = self.arrow()
        whole = pa.array(np.arange(-4, 6), getattr(pa, type_name)())
        for part in (whole, whole[3:], whole[2:5], whole[4:4]):
            got = ops.relu(part)
            assert got.dtype == type_name
            assert np.array_equal(got, np.maximum(part.to_numpy(), 0))

    def test_matrices_are_lists_of_a_fixed_size(self) -> None:
        pa = self.arrow()
        flat = pa.array(np.arange(24, dtype=np.float32))
        for rows in (pa.FixedSizeListArray.from_arrays(flat, 4), pa.FixedSizeListArray.from_arrays(flat[4:], 4)[1:4]):  # fmt: skip
            want = np.array(rows.to_pylist(), np.float32)
            assert np.array_equal(ops.matmul(rows, np.eye(4, dtype=np.float32)), want)

    @pytest.mark.parametrize(
        "name", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32"]
    )
    def test_ids(self, name: str) -> None:
        pa = self.arrow()
        ids = pa.array([2, 0, 1], getattr(pa, name)())
        assert np.array_equal(ops.embedding(np.eye(3), ids[1:]), np.eye(3)[[0, 1]])

    def test_what_is_refused(self) -> None:
        pa = self.arrow()
        x = r"x\b"
        for bad, words in [
            (pa.array([1.0, None, 2.0]), "no nulls, got one at 1"),
            (pa.array([None, 1.0, None, 2.0])[1:], "no nulls, got one at 1"),
            (pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2)), "no nulls, got one at 1"),
            (pa.array([[1.0, None]], pa.list_(pa.float64(), 2)), "no nulls, got one at 1"),
            (pa.array(["a"]), "numbers, got string"),
            (pa.array([True]), "numbers, got bool"),
            (pa.array([[1.0]]), "numbers, got list"),
            (pa.array([1.0]).dictionary_encode(), "numbers, got dictionary"),
            (pa.array([1, 2]), "float32 or float64, got int64"),
            (pa.array(np.zeros(2, np.float16)), "float32 or float64, got float16"),
        ]:
            with pytest.raises(TypeError, match=f"{x}.*{words}"):
                ops.relu(bad)
        valid = pa.array([1.0, None, 2.0])[2:]
        assert ops.relu(valid).tolist() == [2]

    def test_the_memory_outlives_the_column(self) -> None:
        pa = self.arrow()
        packed = ops.pack(pa.FixedSizeListArray.from_arrays(pa.array(np.arange(6.0)), 3))
        got = ops.matmul(np.eye(2), packed)
        assert np.array_equal(got, np.arange(6.0).reshape(2, 3))


class TestTorch:
    def torch(self) -> Any:
        return pytest.importorskip("torch")

    def test_no_copy_in_and_out(self) -> None:
        torch = self.torch()
        x = torch.ones(3, 4)
        first = ops.relu(x)
        x.mul_(2)
        assert first.sum() == 12 and ops.relu(x).sum() == 24
        y = ops.softmax(x)
        view = torch.from_dlpack(y)
        view[0, 0] = 7
        assert y[0, 0] == 7
        out = torch.zeros(3, 4)
        ops.relu(x, out=out.numpy())
        assert torch.equal(out, x)

    def test_layouts_and_ids(self) -> None:
        torch = self.torch()
        a, b = torch.randn(5, 6), torch.randn(7, 6)
        want = a.double() @ b.T.double()
        np.testing.assert_allclose(ops.matmul(a, b.T), want, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(ops.matmul(a[::2], b.T[:, ::3]), want[::2, ::3], rtol=1e-4, atol=1e-5)  # fmt: skip
        ids = torch.tensor([[4, 0], [2, 2]])
        assert np.array_equal(ops.embedding(a, ids), a[ids].numpy())
        np.testing.assert_allclose(ops.matmul(torch._neg_view(a), b.T), -want, rtol=1e-4, atol=1e-5)

    def test_what_is_refused(self) -> None:
        torch = self.torch()
        for bad in (
            torch.ones(3, requires_grad=True),
            torch.ones(3, dtype=torch.bfloat16),
            torch.ones(3, dtype=torch.float16),
            torch.ones(3, dtype=torch.int32),
            torch.ones(3, device="meta"),
            torch.ones(3).to_sparse(),
            torch.ones(3, dtype=torch.complex64).conj(),
        ):
            with pytest.raises(TypeError, match=r"^x\b"):
                ops.relu(bad)
        with pytest.raises(TypeError, match="out must be a NumPy array"):
            ops.relu(torch.ones(3), out=torch.ones(3))


def test_jax() -> None:
    jax = pytest.importorskip("jax")
    x = jax.numpy.arange(-3, 3, dtype="float32")
    assert ops.relu(x).tolist() == [0, 0, 0, 0, 1, 2]


def test_array_api_strict() -> None:
    xp = pytest.importorskip("array_api_strict")
    x = xp.asarray([[-1.0, 2.0]])
    assert ops.relu(x).tolist() == [[0, 2]]
