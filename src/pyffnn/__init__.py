"""pyffnn: feedforward networks over text, trained and run on the CPU by SIMD kernels."""

from __future__ import annotations

try:
    from . import _pyffnn
except ValueError as _error:  # an unusable PYFFNN_ISA or PYFFNN_NUM_THREADS
    raise ImportError(str(_error)) from None

from . import autograd, nn, ops
from .runtime import (
    available_isas,
    config,
    get_num_threads,
    isa,
    num_threads,
    set_isa,
    set_num_threads,
    show_config,
    use_isa,
)

__version__: str = _pyffnn.version

__all__ = [
    "__version__",
    "autograd",
    "available_isas",
    "config",
    "get_num_threads",
    "isa",
    "nn",
    "num_threads",
    "ops",
    "set_isa",
    "set_num_threads",
    "show_config",
    "use_isa",
]
