"""How float32 products are taken: the names of the ways, and the one that holds where none is named."""

from __future__ import annotations

import os
import warnings
from typing import Literal, TypeAlias, get_args

from . import _pyffnn

__all__ = [
    "PRECISIONS",
    "Precision",
    "get_default_precision",
    "precision_code",
    "precision_name",
    "set_default_precision",
]

Precision: TypeAlias = Literal["float32", "bfloat16x6", "bfloat16x3", "bfloat16", "auto"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_warned = False


def _check(precision: str, name: str = "precision") -> Precision:
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise ValueError(f"{name} must be one of {', '.join(PRECISIONS)}, got {precision!r}")
    return PRECISIONS[PRECISIONS.index(precision)]


def get_default_precision() -> Precision:
    """The precision of all products, of `pyffnn.ops` and of models, that are not told another one.

    "float32" unless PYFFNN_PRECISION or `set_default_precision` says otherwise: the same bits on every machine with FMA.
    """
    return default


def set_default_precision(name: Precision) -> None:
    """Take products with `name` where no precision is given: "float32", "bfloat16x6", "bfloat16x3", "bfloat16" or
    "auto" (see `pyffnn.ops`).

    The choice is process-wide. A model reads it when it is fitted, and predicts in the precision that it was fitted in. Raises ValueError,
    naming the usable ones, for anything else.
    """
    global default, ordinary
    default = _check(name)
    ordinary = default == "float32"


def precision_name(precision: str | None) -> str:
    """`precision`, or the default for None. Raises ValueError for a name that is not in `PRECISIONS`."""
    return default if precision is None else _check(precision)


def precision_code(precision: str | None) -> int:
    """The kernels' number of a precision on the active instruction set; warns once when a bf16 mode must run in float32.

    Raises ValueError for a name that is not in `PRECISIONS`.
    """
    precision = precision_name(precision)
    if precision == "float32":
        return 0
    if precision.startswith("bfloat16") and not _pyffnn.isa_has_tiles():
        global _warned
        if not _warned:
            _warned = True
            warnings.warn(
                f"precision={precision!r} needs AMX, and ISA {_pyffnn.isa()!r} has none: float32 runs instead",
                RuntimeWarning,
                stacklevel=3,
            )
        return 0
    return PRECISIONS.index(precision)


default = _check(os.environ.get("PYFFNN_PRECISION") or "float32", "PYFFNN_PRECISION")
# Asked by each product, of which some take a tenth of a microsecond.
ordinary = default == "float32"
