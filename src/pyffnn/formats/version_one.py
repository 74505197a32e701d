"""Model files of version 1 (pyffnn 0.1): their names of settings and arrays as those of today."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

__all__ = [
    "checkpoint_tensors",
    "classifier_spec",
    "classifier_tensors",
    "history_from_one",
    "language_model_tensors",
]

Tensors = dict[str, NDArray[Any]]

_LAYER = re.compile(r"(state\.)?(weight|bias)(\d+)(\..*)?")


def classifier_spec(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of a classifier's network."""
    new = dict(spec)
    if new["input"] == "mean":
        new["input"] = "bags"
    if new["input"] in ("bags", "concat"):
        new["embedding_dropout"] = new.get("dropout", 0.0)
    new["output"] = "classes"
    return new


def classifier_tensors(tensors: Mapping[str, NDArray[Any]], layers: int) -> Tensors:
    """The arrays of a classifier with so many layers in all."""
    out: Tensors = {}
    for name, array in tensors.items():
        match = _LAYER.fullmatch(name)
        if match:
            state, kind, number, rest = match.groups(default="")
            layer = "output" if int(number) == layers - 1 else f"hidden{number}"
            name = f"{state}{layer}.{kind}{rest}"
        out[name] = array
    return out


def language_model_tensors(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """The arrays of a language model: vectors were matrices of one row."""
    ends = (".bias", ".gain", ".shift")
    return {name: a[0] if name.endswith(ends) and a.ndim == 2 else a for name, a in tensors.items()}


def checkpoint_tensors(tensors: Mapping[str, NDArray[Any]], *, best: bool) -> Tensors:
    """The parameters in a checkpoint of a language model, those of its best epoch where they are asked for."""
    which = "best:" if best and any(name.startswith("best:") for name in tensors) else "w:"
    out = {n.removeprefix(which): a for n, a in tensors.items() if n.startswith(which)}
    if "by_frequency" in tensors:
        out["by_frequency"] = tensors["by_frequency"]
    return out


def history_from_one(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Language models counted epochs from 0."""
    return [{**record, "epoch": record["epoch"] + 1} for record in history]
