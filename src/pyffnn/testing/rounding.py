"""bf16 by integers: the upper half of a float32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def bf16(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """x rounded to bf16 (8 significant bits, to the nearest, ties to even), as float32 of the same shape. Finite numbers only."""
    u = np.asarray(x, np.float32).view(np.uint32)
    return ((u + np.uint32(0x7FFF) + ((u >> 16) & 1)) & np.uint32(0xFFFF0000)).view(np.float32)
