"""Every operation of the registry: right on every ISA, the same bits everywhere, at home in its memory."""

from __future__ import annotations

import numpy as np
import pytest
from memory import guarded

import pyffnn
from pyffnn import ops, testing
from pyffnn.testing.kernel import floats_in, shape_name

KERNELS = [pytest.param(k, id=k.name) for k in testing.KERNELS]
TILE_ISAS = ["amx-emulated", *(name for name in pyffnn.available_isas() if name == "amx")]
TILES = [pytest.param(k, i, id=f"{k.name}-{i}") for k in testing.TILE_KERNELS for i in TILE_ISAS]


def everywhere(kernels):
    """Each kernel on each instruction set that has it."""
    isas = pyffnn.available_isas()
    plain = [pytest.param(*p.values, i, id=f"{p.id}-{i}") for p in kernels for i in isas]
    tiles = [p for p in TILES if kernels is KERNELS or p.values[0].into]
    return pytest.mark.parametrize(("kernel", "isa"), [*plain, *tiles], indirect=["isa"])


INTO = [p for p in KERNELS if p.values[0].into]
DTYPES = [np.float32, np.float64]
DTYPE = pytest.mark.parametrize("dtype", DTYPES, ids=["f32", "f64"])
# SSE2 has no FMA: it multiplies, then adds, and differs in the last bit.
FMA_ISAS = [name for name in pyffnn.available_isas() if name not in ("sse2", "reference")]


def equal_bits(a, b) -> bool:
    return all(
        np.asarray(x).tobytes() == np.asarray(y).tobytes() for x, y in zip(a, b, strict=True)
    )


def copies(inputs):
    return {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in inputs.items()}


# What is no arithmetic on floats, or a part or another form of what is (matmul_packed, mean_pool, mean_pool_backward).
NO_KERNELS = {
    "embedding_bag",
    "embedding_bag_backward",
    "fingerprint",
    "pack",
    "PackedMatrix",
    "pool_backward_rows",
}


def test_every_operation_is_in_the_registry():
    covered = {name for k in testing.KERNELS for name in (k.name, k.name.replace("weighted_", ""))}
    assert set(ops.__all__) - covered == NO_KERNELS


@DTYPE
@everywhere(KERNELS)
def test_within_its_bound_and_inputs_unchanged(kernel, dtype, isa):
    for shape in kernel.shapes:
        inputs = kernel.inputs(shape, dtype)
        before = copies(inputs)
        outputs = kernel.run(**inputs)
        assert kernel.excess(inputs, outputs, dtype) <= 1, shape_name(shape)
        assert all(o.dtype == dtype for o in outputs if isinstance(o, np.ndarray))
        assert equal_bits(before.values(), inputs.values()), shape_name(shape)


@DTYPE
@pytest.mark.parametrize("kernel", [p for p in KERNELS if p.values[0].same_bits])
def test_same_bits_on_every_isa_with_fma(kernel, dtype):
    for shape in (*kernel.shapes, kernel.large):
        inputs = kernel.inputs(shape, dtype)
        with pyffnn.use_isa("reference"):
            reference = kernel.run(**inputs)
        for name in FMA_ISAS:
            with pyffnn.use_isa(name):
                assert equal_bits(kernel.run(**inputs), reference), (name, shape_name(shape))


@DTYPE
@everywhere(KERNELS)
def test_same_bits_at_any_number_of_threads(kernel, dtype, isa):
    inputs = kernel.inputs(kernel.large, dtype)
    with pyffnn.num_threads(1):
        one = kernel.run(**inputs)
    assert kernel.excess(inputs, one, dtype) <= 1
    for n in (2, 5):
        with pyffnn.num_threads(n):
            assert equal_bits(kernel.run(**inputs), one), n


@pytest.mark.parametrize("kernel", [p for p in KERNELS if p.values[0].gradient])
def test_gradient_agrees_with_central_differences(kernel, isa):
    shapes = [s for s in kernel.shapes if 0 < max(s.values()) <= 40][:8]
    for shape in shapes:
        inputs = kernel.away_from_kinks(kernel.inputs(shape))
        first = np.asarray(kernel.run(**inputs)[0])
        upstream = (
            np.random.default_rng(1).standard_normal(first.shape) if first.ndim else np.ones(())
        )

        def loss(at, inputs=inputs, upstream=upstream):
            return float(np.sum(kernel.run(**{**inputs, **at})[0] * upstream))

        gradients = kernel.gradient(inputs, upstream)
        at = {name: inputs[name] for name in gradients}
        assert testing.gradient_error(loss, gradients, at) < 1e-6, shape_name(shape)


@DTYPE
@everywhere(KERNELS)
def test_touches_nothing_outside_its_arrays(kernel, dtype, isa):
    """Inputs end, then begin, at a page that must not be read: a stray access kills the process."""
    for shape in kernel.shapes:
        inputs = kernel.inputs(shape, dtype)
        expected = kernel.run(**inputs)
        for at_end in (True, False):
            placed = {
                name: guarded(value, at_end) if isinstance(value, np.ndarray) else value
                for name, value in inputs.items()
            }
            assert equal_bits(kernel.run(**placed), expected), shape_name(shape)
            if kernel.into:
                out = guarded(np.full_like(expected[0], np.nan), at_end)
                assert kernel.run(**placed, out=out)[0] is out
                assert equal_bits([out], expected), shape_name(shape)


@DTYPE
@pytest.mark.parametrize(
    ("kernel", "isa"),
    [*(pytest.param(*p.values, pyffnn.isa(), id=p.id) for p in KERNELS), *TILES],
    indirect=["isa"],
)
def test_strided_reversed_and_misaligned_inputs_give_the_same_bits(kernel, dtype, isa):
    for shape in kernel.shapes:
        inputs = kernel.inputs(shape, dtype)
        expected = kernel.run(**inputs)
        for view in (wide_rows, every_other, reversed_view, misaligned, swapped_bytes):
            seen = {
                name: view(value) if isinstance(value, np.ndarray) else value
                for name, value in inputs.items()
            }
            assert equal_bits(kernel.run(**seen), expected), (view.__name__, shape_name(shape))


def wide_rows(x):
    if x.ndim < 2:
        return x
    buffer = np.full((*x.shape[:-1], x.shape[-1] + 3), 77 if x.dtype.kind == "f" else 0, x.dtype)
    buffer[..., : x.shape[-1]] = x
    return buffer[..., : x.shape[-1]]


def every_other(x):
    buffer = np.zeros(tuple(2 * s for s in x.shape), x.dtype)
    view = buffer[tuple(slice(None, None, 2) for _ in x.shape)]
    view[...] = x
    return view


def reversed_view(x):
    back = tuple(slice(None, None, -1) for _ in x.shape)
    return x[back].copy()[back]


def misaligned(x):
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
    raw[:] = np.frombuffer(x.tobytes(), np.uint8)
    return raw.view(x.dtype).reshape(x.shape)


def swapped_bytes(x):
    return x.astype(x.dtype.newbyteorder())


@everywhere(INTO)
def test_out_is_written_whole_and_returned(kernel, isa):
    for shape in kernel.shapes:
        inputs = kernel.inputs(shape, np.float32)
        expected = kernel.run(**inputs)
        out = np.full_like(expected[0], np.nan)
        assert kernel.run(**inputs, out=out)[0] is out
        assert equal_bits([out], expected)


def test_a_mixed_call_takes_the_wider_dtype():
    for kernel in testing.KERNELS:
        inputs = kernel.inputs(kernel.shapes[5], np.float32)
        names = list(floats_in(inputs))
        wide = names[0]
        outputs = kernel.run(**{**inputs, wide: inputs[wide].astype(np.float64)})
        exact = kernel.run(
            **{k: v.astype(np.float64) if k in names else v for k, v in inputs.items()}
        )
        assert equal_bits(outputs, exact), kernel.name
