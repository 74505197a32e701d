"""pyffnn: feedforward networks over text, trained and run on the CPU by SIMD kernels."""

from __future__ import annotations

try:
    from . import _pyffnn
    from .precision import get_default_precision, set_default_precision
except (
    ImportError,
    ValueError,
) as _error:  # an unusable PYFFNN_ISA, PYFFNN_NUM_THREADS or PYFFNN_PRECISION
    import sys

    # the command, which has no code before this; `python -m` has not yet found what it is to run
    if sys.argv[0].rpartition("/")[2] == "pyffnn" or (
        sys.argv[0] == "-m" and "pyffnn" in sys.orig_argv
    ):
        sys.exit(f"pyffnn: {_error}")
    raise ImportError(str(_error)) from None

from typing import TYPE_CHECKING

from . import thread_control as _thread_control
from .runtime import (
    available_isas,
    config,
    get_include,
    get_kept_memory,
    get_num_threads,
    isa,
    num_threads,
    release_memory,
    set_isa,
    set_kept_memory,
    set_num_threads,
    show_config,
    use_isa,
)

__version__: str = _pyffnn.version

_thread_control.watch()

__all__ = [
    "FFNNClassifier",
    "FFNNRegressor",
    "LanguageModel",
    "TextClassifier",
    "TextRegressor",
    "__version__",
    "audit",
    "autograd",
    "available_isas",
    "config",
    "corpus",
    "data",
    "features",
    "get_default_precision",
    "get_include",
    "get_kept_memory",
    "get_num_threads",
    "integrations",
    "io",
    "isa",
    "metrics",
    "nn",
    "num_threads",
    "ops",
    "optimizers",
    "plot",
    "release_memory",
    "set_default_precision",
    "set_isa",
    "set_kept_memory",
    "set_num_threads",
    "show_config",
    "testing",
    "use_isa",
]

if TYPE_CHECKING:
    from typing import Any

    from . import (
        autograd,
        corpus,
        data,
        features,
        integrations,
        io,
        metrics,
        nn,
        ops,
        optimizers,
        plot,
        testing,
    )
    from .auditing import audit
    from .models.feedforward import FFNNClassifier
    from .models.feedforward_regressor import FFNNRegressor
    from .models.language_model import LanguageModel
    from .models.text_classifier import TextClassifier, TextRegressor

# Imported when first asked for: `import pyffnn` stays fast.
_ELSEWHERE = {
    "FFNNClassifier": ".models.feedforward",
    "FFNNRegressor": ".models.feedforward_regressor",
    "LanguageModel": ".models.language_model",
    "TextClassifier": ".models.text_classifier",
    "TextRegressor": ".models.text_classifier.regressor",
    "audit": ".auditing",
}
_MODULES = set(__all__) & {
    "autograd",
    "corpus",
    "data",
    "features",
    "integrations",
    "io",
    "metrics",
    "nn",
    "ops",
    "optimizers",
    "plot",
    "release_memory",
    "testing",
}


if not TYPE_CHECKING:  # a type checker knows all names from above, and refuses others

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _MODULES:
            return import_module(f".{name}", __name__)
        if name not in _ELSEWHERE:
            raise AttributeError(f"module 'pyffnn' has no attribute {name!r}")
        value = getattr(import_module(_ELSEWHERE[name], __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
