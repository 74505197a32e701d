"""One neural unit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .. import ops
from .functions import FUNCTIONS, Activation, Array, named


class Line(NamedTuple):
    """x2 = slope * x1 + intercept."""

    slope: float
    intercept: float


def _numbers(name: str, given: ArrayLike) -> Array:
    """A copy of the argument as float64 numbers; ValueError, naming it, for what are none."""
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "biuf":
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, got {given!r:.80}") from None
    return np.array(array, np.float64)


class Unit:
    """One neural unit: y = f(z), z = w . x + b.

    `w`: weights [n], held as a float64 array that may be written into. `b`: bias. `activation`: "sigmoid" (the default), "tanh", "relu",
    "step" (the perceptron: 1 where z > 0, else 0) or "identity".
    Raises ValueError for weights that are no vector of numbers, a bias that is no number or an unknown activation.
    Source: the equations of a single unit and of the perceptron in Jurafsky & Martin, "Units" and "The XOR problem".

        >>> round(Unit([.2, .3, .9], .5)([.5, .6, .1]), 2)
        0.7
    """

    def __init__(self, w: ArrayLike, b: float = 0.0, activation: Activation = "sigmoid") -> None:
        self.w: Array = _numbers("w", w)
        if self.w.ndim != 1 or self.w.size == 0:
            raise ValueError(f"w must be a vector, got shape {self.w.shape}")
        bias = _numbers("b", b)
        if bias.ndim != 0:
            raise ValueError(f"b must be one number, got shape {bias.shape}")
        self.b = float(bias)
        self.activation = named(activation, FUNCTIONS, "activation")

    def z(self, x: ArrayLike) -> Any:
        """The weighted sum w . x + b: a float for x [n], an array [m] for a batch [m, n]. Raises ValueError when x does not fit w."""
        x_ = _numbers("x", x)
        if x_.ndim not in (1, 2) or x_.shape[-1] != self.w.size:
            raise ValueError(
                f"x must have {self.w.size} features, as w of shape {self.w.shape} has weights, got shape {x_.shape}"
            )
        z = ops.linear(x_.reshape(-1, self.w.size), self.w.reshape(-1, 1), np.array([self.b]))[:, 0]
        return float(z[0]) if x_.ndim == 1 else z

    def __call__(self, x: ArrayLike) -> Any:
        """The output y = f(z): a float for x [n], an array [m] for a batch [m, n]. Raises ValueError when x does not fit w."""
        y = FUNCTIONS[self.activation](np.asarray(self.z(x)))
        return float(y) if y.ndim == 0 else y

    def decision_boundary(self) -> Line:
        """The line w1 x1 + w2 x2 + b = 0 between the two decisions, for two inputs: x2 = slope * x1 + intercept.

        Raises ValueError for another number of inputs, and where w2 is 0 (a vertical line, or none).
        """
        if self.w.size != 2:
            raise ValueError(
                f"a decision boundary is a line for 2 inputs, this unit has {self.w.size}"
            )
        w1, w2 = map(float, self.w)
        if w2 == 0:
            where = (
                f"the vertical line x1 = {-self.b / w1:g}"
                if w1 != 0
                else "nowhere: both weights are 0"
            )
            raise ValueError(
                f"the boundary has no slope and intercept, since w2 is 0; it is {where}"
            )
        return Line(0.0 - w1 / w2, 0.0 - self.b / w2)

    def __repr__(self) -> str:
        return f"Unit(w={self.w.tolist()}, b={self.b}, activation={self.activation!r})"
