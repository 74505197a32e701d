"""Optimizer settings and schedules as JSON, for model files and checkpoints."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from pyffnn.optimizers import SGD, Adagrad, Adam, Optimizer, Schedule

_KINDS: dict[str, type[Optimizer]] = {kind.__name__: kind for kind in (SGD, Adagrad, Adam)}


def to_json(value: Any) -> Any:
    """Optimizers and schedules become dicts that name their kind; tuples become lists."""
    if isinstance(value, Schedule):
        return {"kind": "Schedule"} | asdict(value)
    if isinstance(value, Optimizer):
        own = {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
        return {"kind": type(value).__name__} | own
    if isinstance(value, (tuple, list)):
        return [to_json(v) for v in value]
    return value


def from_json(value: Any) -> Any:
    """The inverse of `to_json`, but for tuples, which stay lists."""
    if not isinstance(value, dict) or "kind" not in value:
        return value
    given = {name: from_json(v) for name, v in value.items() if name != "kind"}
    if value["kind"] == "Schedule":
        return Schedule(**given)
    kind = _KINDS.get(value["kind"])
    if kind is None:
        raise ValueError(f"unknown optimizer {value['kind']!r}")
    return kind(**given)
