"""The node of a computation graph, its arithmetic, and backward differentiation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from operator import attrgetter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import ops

Array: TypeAlias = NDArray[Any]
Backward: TypeAlias = Callable[[Array], tuple[Array | None, ...]]
Operand: TypeAlias = "Variable | ArrayLike"

_ids = count()
_ITSELF, _DATA = -1, -2
_fingerprint = ops.fingerprint
_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_evaluation_order = attrgetter("_order")


class GraphError(ValueError, RuntimeError):
    """A graph that cannot be differentiated: a root that is no scalar, a cycle, a value changed since the forward pass."""


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
    # (array, its fingerprint in the forward pass, whose it is: a number in `inputs`, _ITSELF or _DATA)
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
        self._order = next(_ids)

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
        return transpose(self)

    def reshape(self, *shape: int | tuple[int, ...]) -> Variable:
        """The same entries in another shape, as `numpy.reshape`."""
        return reshape(self, *shape)

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
                raise GraphError(
                    f"backward of {describe(self)}, which is no scalar, needs gradient= of that shape"
                )
            seed = np.ones_like(self._value)
        else:
            seed = np.array(gradient, dtype=self._value.dtype)
            if seed.shape != self._value.shape:
                raise ValueError(
                    f"gradient must have shape {self._value.shape}, that of {describe(self)}, got {seed.shape}"
                )
        differentiate(self, seed, accumulate)

    def __add__(self, other: Operand) -> Variable:
        return add(self, operand(other, self))

    def __radd__(self, other: Operand) -> Variable:
        return add(operand(other, self), self)

    def __sub__(self, other: Operand) -> Variable:
        return subtract(self, operand(other, self))

    def __rsub__(self, other: Operand) -> Variable:
        return subtract(operand(other, self), self)

    def __mul__(self, other: Operand) -> Variable:
        return multiply(self, operand(other, self))

    def __rmul__(self, other: Operand) -> Variable:
        return multiply(operand(other, self), self)

    def __truediv__(self, other: Operand) -> Variable:
        return divide(self, operand(other, self))

    def __rtruediv__(self, other: Operand) -> Variable:
        return divide(operand(other, self), self)

    def __pow__(self, other: Operand) -> Variable:
        return power(self, operand(other, self))

    def __rpow__(self, other: Operand) -> Variable:
        return power(operand(other, self), self)

    def __matmul__(self, other: Operand) -> Variable:
        return matmul(self, operand(other, self))

    def __rmatmul__(self, other: Operand) -> Variable:
        return matmul(operand(other, self), self)

    def __neg__(self) -> Variable:
        return node(np.negative(self._value), "neg", (self,), lambda g: (-g,))

    def __getitem__(self, index: Any) -> Variable:
        x = self._value
        value = np.array(x[index])

        def backward(g: Array) -> tuple[Array]:
            dx = np.zeros_like(x)
            np.add.at(dx, index, g)
            return (dx,)

        return node(value, "index", (self,), backward)


def as_value(value: Any) -> Array:
    """A float32 or float64 array of `value`: itself where it is one, numbers and integer arrays as float64."""
    if isinstance(value, np.ndarray) and value.dtype in _FLOATS:
        return value
    if isinstance(value, Variable):
        raise TypeError("value must be an array or a number, got a Variable")
    array = np.asarray(value)
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


def describe(v: Variable) -> str:
    """How errors name a node: its name or operation, and its shape."""
    return f"{label(v)} of shape {v.shape}"


def label(v: Variable) -> str:
    if v.name is not None:
        return repr(v.name)
    if v.operation is not None:
        return f"the result of {v.operation}"
    return "a constant" if not v.needs_grad else "a variable"


def node(
    value: Any,
    operation: str,
    inputs: tuple[Variable, ...],
    backward: Backward,
    reads: Iterable[Array] = (),
) -> Variable:
    """The result of an operation. `backward(g)` gives dL/d input for each input (None where it needs none) from g = dL/d value.

    `reads`: arrays beside the inputs' values that backward uses.
    """
    v = Variable.__new__(Variable)
    value = v._value = np.asarray(value)
    v.grad = v.name = None
    v.operation = operation
    v.inputs = inputs
    v._backward = backward
    v._order = next(_ids)
    v._marks = ()
    v.needs_grad = any(i.needs_grad for i in inputs)
    if v.needs_grad:
        marks = [(value, _fingerprint(value), _ITSELF)]
        if operation not in _BLIND:
            for k, i in enumerate(inputs):
                if i._backward is None:
                    marks.append((i._value, _fingerprint(i._value), k))
        marks.extend([(a, _fingerprint(a), _DATA) for a in reads])
        v._marks = tuple(marks)
    return v


# Their derivative does not depend on the table, which may be too large to hash at every step.
_BLIND = frozenset(("embedding", "mean_pool"))


def evaluation_order(root: Variable) -> list[Variable]:
    """Every node that root depends on, and root, inputs first. Raises GraphError for a cycle."""
    seen = {root}
    nodes = [root]
    for v in nodes:
        for i in v.inputs:
            if i._order >= v._order:
                raise GraphError(
                    f"the graph has a cycle: {describe(v)} depends on {describe(i)}, which was computed after it"
                )
            if i not in seen:
                seen.add(i)
                nodes.append(i)
    nodes.sort(key=_evaluation_order)
    return nodes


def differentiate(root: Variable, seed: Array, accumulate: bool) -> None:
    order = evaluation_order(root)
    for v in order:
        for array, mark, k in v._marks:
            holder = v.inputs[k] if k >= 0 else v
            if _fingerprint(array) != mark or (k != _DATA and holder._value is not array):
                what = "data" if k == _DATA else "the value"
                raise GraphError(
                    f"{what} of {describe(holder)} was changed between forward and backward"
                    f" ({v.operation} of {', '.join([label(i) for i in v.inputs])} used it)"
                )
    before = (
        [(v, v.grad) for v in order if v._backward is None and v.grad is not None]
        if accumulate
        else []
    )
    for v in order:
        v.grad = None
    root.grad = seed
    for v in reversed(order):
        g = v.grad
        if g is None or v._backward is None:
            continue
        for i, d in zip(v.inputs, v._backward(g), strict=True):
            if d is None or not i.needs_grad:
                continue
            if i.grad is not None:
                i.grad = np.asarray(i.grad + d)
            elif i._backward is None and (d is g or d.base is not None):
                i.grad = d.copy()  # a variable's gradient is the user's to write into
            else:
                i.grad = d
    for v, old in before:
        v.grad = old if v.grad is None else np.asarray(old + v.grad)


def unbroadcast(g: Array, like: Array) -> Array:
    """The derivative for an operand that was broadcast: g summed over the axes it was repeated along."""
    shape = like.shape
    if g.shape != shape:
        extra = g.ndim - len(shape)
        axes = (
            *range(extra),
            *[extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1],
        )
        g = np.asarray(g.sum(axis=axes)).reshape(shape)
    return np.asarray(g, dtype=like.dtype)


def _elementwise(ufunc: np.ufunc, symbol: str, a: Variable, b: Variable) -> Any:
    try:
        return ufunc(a._value, b._value)
    except ValueError:
        raise ValueError(f"{describe(a)} and {describe(b)} do not broadcast in {symbol}") from None


def add(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    return node(
        _elementwise(np.add, "+", a, b),
        "+",
        (a, b),
        lambda g: (unbroadcast(g, x), unbroadcast(g, y)),
    )


def subtract(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    return node(
        _elementwise(np.subtract, "-", a, b),
        "-",
        (a, b),
        lambda g: (unbroadcast(g, x), unbroadcast(-g, y) if b.needs_grad else None),
    )


def multiply(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    return node(
        _elementwise(np.multiply, "*", a, b),
        "*",
        (a, b),
        lambda g: (
            unbroadcast(np.asarray(g * y), x) if a.needs_grad else None,
            unbroadcast(np.asarray(g * x), y) if b.needs_grad else None,
        ),
    )


def divide(a: Variable, b: Variable) -> Variable:
    x, y = a._value, b._value
    value = np.asarray(_elementwise(np.true_divide, "/", a, b))
    return node(
        value,
        "/",
        (a, b),
        lambda g: (
            unbroadcast(np.asarray(g / y), x) if a.needs_grad else None,
            unbroadcast(np.asarray(-g * value / y), y) if b.needs_grad else None,
        ),
    )


def power(a: Variable, b: Variable) -> Variable:
    x, p = a._value, b._value
    value = np.asarray(_elementwise(np.power, "**", a, b))

    def backward(g: Array) -> tuple[Array | None, Array | None]:
        da = db = None
        if a.needs_grad:
            # p = 0 is a constant function; x ** -1 would make 0 * inf of it at x = 0.
            slope = np.where(p == 0, 0, p * np.power(x, np.where(p == 0, 1, p - 1)))
            da = unbroadcast(np.asarray(g * slope), x)
        if b.needs_grad:
            db = unbroadcast(np.asarray(g * value * ops.log(x)), p)
        return da, db

    return node(value, "**", (a, b), backward)


def matmul(a: Variable, b: Variable) -> Variable:
    """a @ b; a [..., m, k] or [k], b [k, n] or [k]."""
    x, w = a._value, b._value
    if x.ndim == 0 or w.ndim not in (1, 2) or x.shape[-1] != w.shape[0]:
        raise ValueError(
            f"{describe(a)} and {describe(b)} do not fit in @: the last axis of the left must be the first of the right"
        )
    x2 = x.reshape(-1, x.shape[-1])
    w2 = w if w.ndim == 2 else w.reshape(-1, 1)
    shape = x.shape[:-1] + w.shape[1:]

    def backward(g: Array) -> tuple[Array | None, Array | None]:
        g2 = g.reshape(x2.shape[0], w2.shape[1])
        return (
            ops.matmul(g2, w2, transpose_b=True).reshape(x.shape).astype(x.dtype, copy=False)
            if a.needs_grad
            else None,
            ops.matmul(x2, g2, transpose_a=True).reshape(w.shape).astype(w.dtype, copy=False)
            if b.needs_grad
            else None,
        )

    return node(ops.matmul(x2, w2).reshape(shape), "@", (a, b), backward)


def transpose(x: Operand) -> Variable:
    """The value with its axes reversed: [m, n] -> [n, m]."""
    v = operand(x)
    return node(v._value.T.copy(), "transpose", (v,), lambda g: (g.T,))


def reshape(x: Operand, *shape: int | tuple[int, ...]) -> Variable:
    """The same entries in another shape, as `numpy.reshape`. Raises ValueError, naming both shapes, when the sizes differ."""
    v = operand(x)
    old = v.shape
    try:
        value = v._value.reshape(*shape).copy()  # type: ignore[arg-type]
    except ValueError:
        raise ValueError(
            f"{describe(v)} cannot take shape {shape[0] if len(shape) == 1 else shape}"
        ) from None
    return node(value, "reshape", (v,), lambda g: (g.reshape(old),))
