"""Backward differentiation: the order of evaluation, and the chain rule from its end to its beginning."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from ..ops import fingerprint
from .node import DATA, Array, describe, label

if TYPE_CHECKING:
    from .variable import Variable

_order = attrgetter("_order")


class GraphError(ValueError, RuntimeError):
    """A graph that cannot be differentiated: a root that is no scalar, a cycle, a value changed since the forward pass."""


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
    nodes.sort(key=_order)
    return nodes


def differentiate(root: Variable, seed: Array, accumulate: bool) -> None:
    order = evaluation_order(root)
    for v in order:
        for array, mark, k in v._marks:
            holder = v.inputs[k] if k >= 0 else v
            if fingerprint(array) != mark or (k != DATA and holder._value is not array):
                what = "data" if k == DATA else "the value"
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
