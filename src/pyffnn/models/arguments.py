"""Checks of the models' scalar arguments; every error names the argument and what it got."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "ArgumentTypeError",
    "check_choice",
    "check_flag",
    "check_fraction",
    "check_integer",
    "check_non_negative",
    "check_share",
    "is_number",
    "patience_of",
    "sizes_of",
]

_PATIENCE = 5


class ArgumentTypeError(TypeError, ValueError):
    """An argument of the wrong type; a ValueError, too, as scikit-learn's error of that kind is."""


def check_integer(name: str, value: Any, low: int) -> int:
    """``value`` as an int of at least ``low``; TypeError or ValueError otherwise."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ArgumentTypeError(f"{name} must be an integer, got {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    return int(value)


def check_non_negative(name: str, value: Any) -> float:
    """``value`` as a finite float of at least 0; ValueError otherwise."""
    if not is_number(value) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")
    return float(value)


def check_fraction(name: str, value: Any, *, zero: bool) -> float:
    """``value`` as a float below 1, above 0 or (``zero``) not below it; ValueError otherwise."""
    if not is_number(value) or not (0 <= value < 1) or (value == 0 and not zero):
        raise ValueError(f"{name} must be in {'[' if zero else '('}0, 1), got {value!r}")
    return float(value)


def check_share(name: str, value: Any) -> float:
    """``value`` as a float from 0 to 1, both included; ValueError otherwise."""
    if not is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value!r}")
    return float(value)


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """ValueError for what is none of ``choices``."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def check_flag(name: str, value: Any) -> None:
    """TypeError for what is neither True nor False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ArgumentTypeError(f"{name} must be True or False, got {value!r}")


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def sizes_of(hidden_layer_sizes: int | Iterable[int]) -> list[int]:
    """The sizes that a checked ``hidden_layer_sizes`` means: one number is one layer."""
    if isinstance(hidden_layer_sizes, (int, np.integer)):
        return [int(hidden_layer_sizes)]
    return [int(size) for size in hidden_layer_sizes]


def patience_of(early_stopping: bool | int) -> int | None:
    """The number of epochs that a checked ``early_stopping`` means; None: it is off."""
    if isinstance(early_stopping, (bool, np.bool_)):
        return _PATIENCE if early_stopping else None
    return int(early_stopping)
