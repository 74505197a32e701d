"""pyffnn: feedforward networks over text, trained and run on the CPU by SIMD kernels."""

from __future__ import annotations

try:
    from . import _pyffnn
except ValueError as _error:  # an unusable PYFFNN_ISA or PYFFNN_NUM_THREADS
    raise ImportError(str(_error)) from None

from typing import TYPE_CHECKING, Any

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
    "LanguageModel",
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

if TYPE_CHECKING:
    from .models.language_model import LanguageModel


def __getattr__(name: str) -> Any:
    # models are imported when first asked for: `import pyffnn` stays fast
    if name == "LanguageModel":
        from .models.language_model import LanguageModel

        return LanguageModel
    raise AttributeError(f"module 'pyffnn' has no attribute {name!r}")
