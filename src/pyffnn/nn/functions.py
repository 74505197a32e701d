"""Activations by name: on arrays, and as nodes of a computation graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import ops
from ..autograd import Variable, relu, sigmoid, tanh

Array: TypeAlias = NDArray[Any]
Activation: TypeAlias = Literal["sigmoid", "tanh", "relu", "step", "identity"]
Output: TypeAlias = Literal["softmax", "sigmoid", "tanh", "relu", "step", "identity"]


def _step(z: Array) -> Array:
    return (z > 0).astype(z.dtype)


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": ops.sigmoid,
    "tanh": ops.tanh,
    "relu": ops.relu,
    "step": _step,
    "identity": np.array,
}
OUTPUTS: dict[str, Callable[[Array], Array]] = {"softmax": ops.softmax, **FUNCTIONS}
NODES: dict[str, Callable[[Variable], Variable]] = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu}


def named(given: Any, known: dict[str, Any], argument: str) -> Any:
    if isinstance(given, str) and given in known:
        return given
    raise ValueError(f"{argument} must be one of {', '.join(map(repr, known))}, got {given!r}")
