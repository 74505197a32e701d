"""Linear classifiers whose rows hold a number a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pyffnn.models.logits import as_softmax
from pyffnn.net import Network

__all__ = ["folded", "for_scoring"]

_LINEAR = ("mean", "sum", "sqrtn", "weighted")


def _not_linear(spec: Mapping[str, Any]) -> str:
    """What is not linear about a network; "" where nothing is."""
    pool = spec.get("pool")
    pools = [pool] if isinstance(pool, str) else list(pool or [])
    return (
        "hidden layers" if spec["hidden"]
        else "layer normalisation" if spec.get("layer_norm")
        else "windows" if spec.get("window")
        else f"output {spec['output']!r}" if spec["output"] != "classes"
        else f"pooling {pool!r}" if len(pools) != 1 or pools[0] not in _LINEAR
        else ""
    )  # fmt: skip


def for_scoring(model: Any) -> Any:
    """The model, folded where that makes its rows shorter."""
    spec = model._state().network.spec
    shorter = not _not_linear(spec) and spec["n_outputs"] < spec["dim"]
    return folded(model) if shorter else model


def folded(model: Any) -> Any:
    """See `TextClassifier.fold`."""
    with (network := model._state().network).reading():
        fitted = model._of(network)
        sampled = network.spec["output"] == "sampled"
        whole = as_softmax(network)
        spec = dict(whole.spec)
        parameters = {name: np.array(array) for name, array in whole.parameters().items()}
    if wrong := _not_linear(spec):
        raise ValueError(f"only a linear model can be folded, not one with {wrong}")
    weight = parameters.pop("output.weight")
    table = parameters.pop("embedding")
    own = Network({**spec, "dim": weight.shape[1]})
    views = own.parameters()
    views["embedding"][...] = table @ weight
    views["output.weight"][...] = np.eye(weight.shape[1], dtype=np.float32)
    for name, array in parameters.items():
        views[name][...] = array
    state, mine = whole.state(), own.state()
    for name, array in state.items():
        if mine[name].shape == array.shape:
            mine[name][...] = array
    changed: dict[str, Any] = {"embedding_dim": weight.shape[1]}
    if sampled:
        changed["output"] = "softmax"
    found = type(model)(**{**model.get_params(), **changed})
    settings = {n: changed.get(n, value) for n, value in fitted.settings.items()}
    found._keep(replace(fitted, network=own, settings=settings))
    return found
