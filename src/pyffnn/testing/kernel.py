"""What the registry says of one operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = Mapping[str, int]
Inputs = dict[str, Any]
Outputs = tuple[Any, ...]


def shape_name(shape: Shape) -> str:
    """`{"m": 3, "n": 4}` -> "m3-n4", as it stands in test and benchmark names."""
    return "-".join(f"{key}{value}" for key, value in shape.items())


def floats_in(inputs: Inputs) -> dict[str, Array]:
    """The floating-point arrays among the inputs."""
    return {
        name: value
        for name, value in inputs.items()
        if isinstance(value, np.ndarray) and value.dtype.kind == "f"
    }


@dataclass(frozen=True)
class Kernel:
    """One operation: how to call it, what is right, how far off it may be, what it costs.

    `draw(shape, rng)` makes the inputs in float64 (ids in int64), as keyword arguments of both `run` and
    `oracle`. `oracle` computes in the precision of its inputs, `bound(inputs, outputs, eps)` the
    largest absolute error allowed for each output, with eps the machine epsilon of the dtype run.
    """

    name: str
    family: str
    run: Callable[..., Outputs]
    oracle: Callable[..., Outputs]
    draw: Callable[[Shape, np.random.Generator], Inputs]
    bound: Callable[[Inputs, Outputs, float], Outputs]
    shapes: tuple[Shape, ...]
    """Shapes tested: empty, around lanes, tiles and blocks, prime."""
    large: Shape
    """A shape with enough work for five threads."""
    bench: tuple[Shape, ...]
    """Shapes benchmarked."""
    flops: Callable[[Shape], float]
    bytes: Callable[[Shape, int], float]
    """Bytes that must move for a shape and an item size: each input read once, each output written once."""
    gradient: Callable[[Inputs, Array], dict[str, Array]] | None = None
    """(inputs, dL/d first output) -> dL/d input, for each differentiable input; None: not differentiable."""
    away_from_kinks: Callable[[Inputs], Inputs] = field(default=lambda inputs: inputs)
    """Moves the inputs of a gradient check off the points where the derivative jumps."""
    same_bits: bool = True
    """float32 and float64 results are the same bits on every ISA with FMA."""
    precision: str = "float32"
    """Anything else needs an instruction set with tiles."""
    into: bool = False
    """`run` takes `out=`."""

    def inputs(self, shape: Shape, dtype: Any = np.float64, seed: int = 0) -> Inputs:
        """Inputs for `shape` with their floats rounded to `dtype`; the same ones for the same seed."""
        drawn = self.draw(shape, np.random.default_rng(seed))
        return {
            name: value.astype(dtype)
            if isinstance(value, np.ndarray) and value.dtype.kind == "f"
            else value
            for name, value in drawn.items()
        }

    def exact(self, inputs: Inputs) -> Outputs:
        """The oracle's outputs: in float64 for float32 inputs, in longdouble for float64."""
        wide = {4: np.float64, 8: np.longdouble}
        return self.oracle(
            **{
                name: value.astype(wide[value.dtype.itemsize])
                if isinstance(value, np.ndarray) and value.dtype.kind == "f"
                else value
                for name, value in inputs.items()
            }
        )

    def excess(self, inputs: Inputs, outputs: Outputs, dtype: Any) -> float:
        """Largest error of `outputs` as a share of its bound: at most 1 is right. NaN or a wrong shape is inf."""
        exact = self.exact(inputs)
        with np.errstate(all="ignore"):
            bounds = self.bound(inputs, exact, float(np.finfo(dtype).eps))
        worst = 0.0
        for got, want, bound in zip(outputs, exact, bounds, strict=True):
            got = np.asarray(got)
            if got.shape != np.shape(want):
                return np.inf
            error = np.abs(got.astype(np.longdouble) - want)
            if error.size:
                share = np.where(error == 0, 0.0, error / np.maximum(bound, np.finfo(dtype).tiny))
                worst = max(worst, float(np.where(np.isnan(share), np.inf, share).max()))
        return worst
