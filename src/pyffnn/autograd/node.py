"""Nodes as results of operations: how they are made, marked and named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .. import ops

if TYPE_CHECKING:
    from .variable import Variable

Array: TypeAlias = NDArray[Any]
Backward: TypeAlias = Callable[[Array], tuple[Array | None, ...]]

ids = count()
ITSELF, DATA = -1, -2
_fingerprint = ops.fingerprint


def describe(v: Variable) -> str:
    """How errors name a node: its name or operation, and its shape."""
    return f"{label(v)} of shape {v.shape}"


def label(v: Variable) -> str:
    """Its name, or the operation that made it."""
    if v.name is not None:
        return repr(v.name)
    if v.operation is not None:
        return f"the result of {v.operation}"
    return "a constant" if not v.needs_grad else "a variable"


# Their derivative does not depend on the table, which may be too large to hash at every step.
_BLIND = frozenset(("embedding", "mean_pool"))


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
    # arithmetic is Variable's own, so this module cannot name the class
    v: Variable = object.__new__(type(inputs[0]))
    value = v._value = np.asarray(value)
    v.grad = v.name = None
    v.operation = operation
    v.inputs = inputs
    v._backward = backward
    v._order = next(ids)
    v._marks = ()
    v.needs_grad = any(i.needs_grad for i in inputs)
    if v.needs_grad:
        marks = [(value, _fingerprint(value), ITSELF)]
        if operation not in _BLIND:
            for k, i in enumerate(inputs):
                if i._backward is None:
                    marks.append((i._value, _fingerprint(i._value), k))
        marks.extend([(a, _fingerprint(a), DATA) for a in reads])
        v._marks = tuple(marks)
    return v
