"""The case registry's entries on bf16 tiles: operations that take `precision`, in each bf16 mode. They need an instruction set with tiles:
"amx", or "amx-emulated" for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import ops
from pyffnn.testing import bounds
from pyffnn.testing.kernel import Inputs, Kernel, Outputs
from pyffnn.testing.registry import kernel

Array = NDArray[Any]

ROUNDING = {"bfloat16x6": 2.0**-24, "bfloat16x3": 2.0**-15, "bfloat16": 2.0**-7 + 2.0**-16}
"""Largest relative error of a product of two numbers: what rounding, or splitting, them leaves out."""


def product_bound(a: Array, b: Array, precision: str) -> Array:
    """Largest absolute errors of a float32 product a [m, k] @ b [k, n] -> [m, n], as `pyffnn.ops` states them: the roundings of the
    numbers, and of two chains of 16 and one addition to the sum for each 32 of k (three of two parts, six of three)."""
    size = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
    sums = (3 * a.shape[1] / 16 if precision == "bfloat16x6" else a.shape[1] / 8) + 64
    return np.asarray(size * (ROUNDING[precision] + sums * 2.0**-24))


def _matmul(a: Inputs, outputs: Outputs, precision: str) -> Outputs:
    return (product_bound(a["a"], a["b"], precision),)


def _matmul_tb(a: Inputs, outputs: Outputs, precision: str) -> Outputs:
    return (product_bound(a["a"], a["b"].T, precision),)


def _matmul_ta(a: Inputs, outputs: Outputs, precision: str) -> Outputs:
    return (product_bound(a["a"].T, a["b"], precision),)


def _linear(a: Inputs, outputs: Outputs, precision: str) -> Outputs:
    return (
        product_bound(a["x"], a["w"], precision) + 2.0**-21 * (np.abs(a["b"]) + np.abs(outputs[0])),
    )


def _linear_backward(a: Inputs, outputs: Outputs, precision: str) -> Outputs:
    dy, x, w = a["dy"], a["x"], a["w"]
    return (
        2 * product_bound(dy, w.T, precision),
        2 * product_bound(x.T, dy, precision),
        bounds.linear_backward(dy, x, w, 2.0**-23)[2],
    )


def _linear_cross_entropy(a: Inputs, outputs: Outputs, precision: str) -> Outputs:
    return bounds.linear_cross_entropy(a["x"], a["w"], a["b"], a["targets"], ROUNDING[precision])


def _on_tiles(
    name: str,
    call: Callable[..., Any],
    bound: Callable[[Inputs, Outputs, str], Outputs],
    precision: str,
    **fixed: Any,
) -> Kernel:
    entry = kernel(name)

    def run(**inputs: Any) -> Outputs:
        result = call(**inputs, **fixed, precision=precision)
        return result if isinstance(result, tuple) else (result,)

    def bound_of(inputs: Inputs, outputs: Outputs, eps: float) -> Outputs:
        # float64 takes no notice of the precision
        return (
            entry.bound(inputs, outputs, eps) if eps < 1e-10 else bound(inputs, outputs, precision)
        )

    return replace(
        entry,
        name=f"{name}_{precision}",
        family="tiles",
        run=run,
        bound=bound_of,
        bench=tuple(s for s in entry.bench if s["m"] >= 32),
        gradient=None,
        same_bits=False,
        precision=precision,
    )


TILE_KERNELS: tuple[Kernel, ...] = tuple(
    _on_tiles(name, call, bound, precision, **fixed)
    for precision in ROUNDING
    for name, call, bound, fixed in (
        ("matmul", ops.matmul, _matmul, {}),
        ("matmul_tb", ops.matmul, _matmul_tb, {"transpose_b": True}),
        ("matmul_ta", ops.matmul, _matmul_ta, {"transpose_a": True}),
        ("linear", ops.linear, _linear, {}),
        ("linear_tanh", ops.linear, _linear, {"activation": "tanh"}),
        ("linear_backward", ops.linear_backward, _linear_backward, {}),
        (
            "linear_tanh_backward",
            ops.linear_backward,
            _linear_backward,
            {"activation": "tanh"},
        ),
        ("linear_cross_entropy", ops.linear_cross_entropy, _linear_cross_entropy, {}),
    )
)
"""Like `KERNELS`: tested, and benchmarked where there is AMX."""
