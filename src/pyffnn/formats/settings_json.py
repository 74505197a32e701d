"""Constructor arguments of a model as JSON, for the model file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from pyffnn.optimizers import SGD, Adagrad, Adam, Optimizer, Schedule

__all__ = ["params_from_json", "params_to_json"]

_CLASSES = {cls.__name__: cls for cls in (SGD, Adagrad, Adam, Schedule)}


def params_to_json(params: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments that JSON can express; others (functions, arrays, generators) are left out."""
    out = {}
    for name, value in params.items():
        try:
            out[name] = _to_json(value)
        except TypeError:
            continue
    return out


def params_from_json(params: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments again; lists come back as tuples."""
    return {name: _from_json(value) for name, value in params.items()}


def _to_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not np.isfinite(value):
            raise TypeError
        return value
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {"items": [[_to_json(k), _to_json(v)] for k, v in value.items()]}
    if isinstance(value, (Optimizer, Schedule)):
        fields = {k: _to_json(getattr(value, k)) for k in asdict(value)}
        return {"class": type(value).__name__, **fields}
    raise TypeError


def _from_json(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    if "items" in value:
        return {_from_json(k): _from_json(v) for k, v in value["items"]}
    fields = {k: _from_json(v) for k, v in value.items() if k != "class"}
    return _CLASSES[value["class"]](**fields)
