"""pyffnn: feedforward networks over text, trained and run on the CPU by SIMD kernels."""

from __future__ import annotations

try:
    from . import _pyffnn
    from .precision import get_default_precision, set_default_precision
except ValueError as _error:  # an unusable PYFFNN_ISA, PYFFNN_NUM_THREADS or PYFFNN_PRECISION
    raise ImportError(str(_error)) from None

from typing import TYPE_CHECKING, Any

from . import autograd, nn, ops, thread_control
from .runtime import (
    available_isas,
    config,
    get_include,
    get_num_threads,
    isa,
    num_threads,
    set_isa,
    set_num_threads,
    show_config,
    use_isa,
)

__version__: str = _pyffnn.version

thread_control.watch()

__all__ = [
    "FFNNClassifier",
    "FFNNRegressor",
    "LanguageModel",
    "TextClassifier",
    "TextRegressor",
    "__version__",
    "autograd",
    "available_isas",
    "config",
    "get_default_precision",
    "get_include",
    "get_num_threads",
    "isa",
    "nn",
    "num_threads",
    "ops",
    "set_default_precision",
    "set_isa",
    "set_num_threads",
    "show_config",
    "use_isa",
]

if TYPE_CHECKING:
    from .models.feedforward import FFNNClassifier
    from .models.feedforward_regressor import FFNNRegressor
    from .models.language_model import LanguageModel
    from .models.text_classifier import TextClassifier, TextRegressor

# models are imported when first asked for: `import pyffnn` stays fast
_MODELS = {
    "FFNNClassifier": ".models.feedforward",
    "FFNNRegressor": ".models.feedforward_regressor",
    "LanguageModel": ".models.language_model",
    "TextClassifier": ".models.text_classifier",
    "TextRegressor": ".models.text_classifier.regressor",
}


def __getattr__(name: str) -> Any:
    if name not in _MODELS:
        raise AttributeError(f"module 'pyffnn' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODELS[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
