"""The node of a computation graph."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from . import arithmetic, backward
from .node import Array, Backward, describe, ids

Operand: TypeAlias = "Variable | ArrayLike"

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


class Variable:
    """An array in a computation graph; `variable(value, name)` makes one.

    `value`: float32 or float64 array of any shape. `grad`: None, or the derivative of the last `backward()`'s root with respect to this
    node, an array of the same shape and dtype. `name`: shown in tables, drawings and errors. `operation` and `inputs`: what made it
    (None and () for a variable of the user's). `needs_grad`: False for constants.

    Operators `+ - * / ** @`, unary minus and indexing make new nodes; the other operand may be an array or a number.
    """

    __slots__ = (
        "__weakref__",
        "_backward",
        "_marks",
        "_order",
        "_value",
        "grad",
        "inputs",
        "name",
        "needs_grad",
        "operation",
    )

    # NumPy arrays on the left give way to __radd__ and its kin.
    __array_ufunc__ = None

    _value: Array
    grad: Array | None
    name: str | None
    operation: str | None
    inputs: tuple[Variable, ...]
    needs_grad: bool
    _backward: Backward | None
    # (array, its fingerprint in the forward pass, whose it is: a number in `inputs`, ITSELF or DATA)
    _marks: tuple[tuple[Array, int, int], ...]

    def __init__(
        self, value: ArrayLike, name: str | None = None, *, needs_grad: bool = True
    ) -> None:
        self._value = as_value(value)
        self.grad = None
        self.name = name
        self.operation = None
        self.inputs = ()
        self.needs_grad = needs_grad
        self._backward = None
        self._marks = ()
        self._order = next(ids)

    @property
    def value(self) -> Array:
        """The array itself, live. After a change of it, graphs that were built before cannot go backward any more."""
        return self._value

    @value.setter
    def value(self, value: ArrayLike) -> None:
        self._value = as_value(value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return self._value.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions of the value."""
        return self._value.ndim

    @property
    def size(self) -> int:
        """Number of entries of the value."""
        return self._value.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """float32 or float64."""
        return self._value.dtype

    @property
    def T(self) -> Variable:  # noqa: N802
        """The value with its axes reversed."""
        return arithmetic.transpose(self)

    def reshape(self, *shape: int | tuple[int, ...]) -> Variable:
        """The same entries in another shape, as `numpy.reshape`."""
        return arithmetic.reshape(self, *shape)

    def item(self) -> float:
        """The one entry as a float. Raises ValueError when there are more."""
        return float(self._value.item())

    def __float__(self) -> float:
        return self.item()

    def __len__(self) -> int:
        return len(self._value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name is not None else ""
        made = f", operation={self.operation!r}" if self.operation is not None else ""
        return f"Variable({self._value!r}{name}{made})"

    def backward(self, gradient: ArrayLike | None = None, *, accumulate: bool = False) -> None:
        """Differentiate: `.grad` of every node x that this one depends on becomes d self / dx.

        `gradient`: dL/d self, of this node's shape, where this node is not itself the loss; needed for more than one entry (default 1).
        `accumulate`: add to the `.grad` that the user's variables already hold instead of replacing it.

        Raises GraphError (a ValueError and a RuntimeError) for more than one entry without `gradient`, for a cycle, and when a value
        was changed since the forward pass; ValueError when `gradient` does not fit. `.grad`s are then as they were.
        Source: Jurafsky & Martin, "Backward differentiation on computation graphs".
        """
        if gradient is None:
            if self._value.size != 1:
                raise backward.GraphError(
                    f"backward of {describe(self)}, which is no scalar, needs gradient= of that shape"
                )
            seed = np.ones_like(self._value)
        else:
            seed = np.array(gradient, dtype=self._value.dtype)
            if seed.shape != self._value.shape:
                raise ValueError(
                    f"gradient must have shape {self._value.shape}, that of {describe(self)}, got {seed.shape}"
                )
        backward.differentiate(self, seed, accumulate)

    def __add__(self, other: Operand) -> Variable:
        return arithmetic.add(self, operand(other, self))

    def __radd__(self, other: Operand) -> Variable:
        return arithmetic.add(operand(other, self), self)

    def __sub__(self, other: Operand) -> Variable:
        return arithmetic.subtract(self, operand(other, self))

    def __rsub__(self, other: Operand) -> Variable:
        return arithmetic.subtract(operand(other, self), self)

    def __mul__(self, other: Operand) -> Variable:
        return arithmetic.multiply(self, operand(other, self))

    def __rmul__(self, other: Operand) -> Variable:
        return arithmetic.multiply(operand(other, self), self)

    def __truediv__(self, other: Operand) -> Variable:
        return arithmetic.divide(self, operand(other, self))

    def __rtruediv__(self, other: Operand) -> Variable:
        return arithmetic.divide(operand(other, self), self)

    def __pow__(self, other: Operand) -> Variable:
        return arithmetic.power(self, operand(other, self))

    def __rpow__(self, other: Operand) -> Variable:
        return arithmetic.power(operand(other, self), self)

    def __matmul__(self, other: Operand) -> Variable:
        return arithmetic.matmul(self, operand(other, self))

    def __rmatmul__(self, other: Operand) -> Variable:
        return arithmetic.matmul(operand(other, self), self)

    def __neg__(self) -> Variable:
        return arithmetic.negative(self)

    def __getitem__(self, index: Any) -> Variable:
        return arithmetic.take(self, index)


def as_value(value: Any) -> Array:
    """A float32 or float64 array of `value`: itself where it is one, numbers and integer arrays as float64."""
    if isinstance(value, np.ndarray) and value.dtype in _FLOATS:
        return value
    if isinstance(value, Variable):
        raise TypeError("value must be an array or a number, got a Variable")
    array = np.asarray(value)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype in _FLOATS:
        return array
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    raise TypeError(
        f"value must be numbers (float32, float64 or integers), got dtype {array.dtype}"
    )


def variable(value: ArrayLike, name: str | None = None) -> Variable:
    """A node that derivatives are taken with respect to.

    `value`: a number or an array; a float32 or float64 array is held, not copied; numbers and integers become float64.
    Raises TypeError for anything that is not numeric.
    """
    return Variable(value, name)


def constant(value: ArrayLike, name: str | None = None) -> Variable:
    """A node that no derivative is taken for: data. Arrays and numbers among the arguments of an operation become constants."""
    return Variable(value, name, needs_grad=False)


def operand(x: Operand, beside: Variable | None = None) -> Variable:
    """x as a node; a Python number takes the dtype of the node beside it."""
    if isinstance(x, Variable):
        return x
    if beside is not None and isinstance(x, (int, float)):
        x = np.array(x, beside._value.dtype)
    return Variable(x, needs_grad=False)
