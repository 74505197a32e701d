"""What tests and benchmarks share, and what a user can check a machine with.

* `KERNELS`: the case registry. One `Kernel` an operation: inputs for a shape, the operation, its oracle in
  float64, the bound of its error, flops and bytes. One entry there is tested on every instruction set,
  gradient-checked and benchmarked.
* `ulp_error`, `spread_patterns`: error in units in the last place, and floats spread over all bit patterns.
* `gradient_error`: analytic gradients against central differences.
* `product_way`: dense products of one of `WAYS`, all of which give the same bits.
* `fma_chain`: a matrix product as one correctly rounded multiply-add after another, in scalar order.
"""

from __future__ import annotations

from pyffnn.testing.differences import gradient_error
from pyffnn.testing.kernel import Inputs, Kernel, Shape
from pyffnn.testing.oracles import fma_chain
from pyffnn.testing.registry import KERNELS, kernel
from pyffnn.testing.rounding import bf16
from pyffnn.testing.tiles import TILE_KERNELS
from pyffnn.testing.ulp import spread_patterns, ulp_error
from pyffnn.testing.ways import WAYS, product_way

__all__ = [
    "KERNELS",
    "TILE_KERNELS",
    "WAYS",
    "Inputs",
    "Kernel",
    "Shape",
    "bf16",
    "fma_chain",
    "gradient_error",
    "kernel",
    "product_way",
    "spread_patterns",
    "ulp_error",
]
