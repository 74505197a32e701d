"""Gradient check: backward differentiation against central differences."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .variable import Variable


def gradient_check(
    f: Callable[..., Variable], variables: Variable | Sequence[Variable], *, step: float = 1e-6
) -> float:
    """Largest error of `backward()` against central differences, |g - g'| / max(1, |g|, |g'|) over every entry of every variable.

    `f` builds the graph anew and gives its scalar root: `f(*variables)`, or `f()` where it takes no argument. `variables`: one or more.
    `step`: relative size of the differences. Everything runs in float64 whatever the variables' dtype, and values and `.grad`s are put
    back afterwards. Away from kinks (ReLU at 0) a right gradient gives less than about 1e-8.
    Raises GraphError when f's result is no scalar, TypeError where it, or one of the variables, is no Variable.
    """
    given = [variables] if isinstance(variables, Variable) else list(variables)
    for v in given:
        if not isinstance(v, Variable):
            raise TypeError(f"variables must be Variables, got {type(v).__name__}")
    call = _caller(f, given)
    before = [(v, v._value, v.grad) for v in given]
    worst = 0.0
    try:
        for v in given:
            v._value = v._value.astype(np.float64)
        root = call()
        if not isinstance(root, Variable):
            raise TypeError(f"f must give a Variable, got {type(root).__name__}")
        root.backward()
        gradients = [np.zeros(v.shape) if v.grad is None else v.grad.copy() for v in given]
        for v, gradient in zip(given, gradients, strict=True):
            x = v._value
            for index in np.ndindex(x.shape):
                at = float(x[index])
                h = step * max(1.0, abs(at))
                x[index] = at + h
                above = call().item()
                x[index] = at - h
                below = call().item()
                x[index] = at
                numeric, exact = (above - below) / (2 * h), float(gradient[index])
                error = abs(numeric - exact) / max(1.0, abs(numeric), abs(exact))
                worst = max(worst, error) if error == error else float("nan")
                if worst != worst:
                    return worst
    finally:
        for v, value, grad in before:
            v._value, v.grad = value, grad
    return worst


def _caller(f: Callable[..., Variable], variables: list[Variable]) -> Callable[[], Variable]:
    try:
        parameters: Any = inspect.signature(f)
    except (TypeError, ValueError):  # some callables written in C
        return lambda: f(*variables)
    for arguments in (variables, [], [variables]):
        try:
            parameters.bind(*arguments)
        except TypeError:
            continue
        return lambda: f(*arguments)
    raise TypeError(f"f must take {len(variables)} variables or nothing, got {f!r}")
