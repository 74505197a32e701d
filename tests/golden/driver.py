"""The one file of the golden tests that knows the compiled classes and the insides of the models.

Cases speak in the keys of a network's spec and in the names of parameters below. What the classes of the day call
otherwise is translated here, so that a change of their face changes this file and no fingerprint.

Parameters: ``embedding``, ``distant``, ``input.*``, ``hidden{i}.*``, ``projection.weight``, ``output.*``; states end in ``.s1``, ``.s2``,
and ``embedding.rate`` holds the rates of rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from golden.numbers import reals
from numpy.typing import NDArray

from pyffnn import _pyffnn

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Labelled:
    """Examples of one kind with their targets.

    ``kind``: "dense" (x), "sparse" (indptr, indices, data), "bags" or "concat" (ids, offsets).
    ``targets``: "classes" (y [n]), "sets" (indptr, indices) or "rows" (p [n, n_outputs]).
    """

    kind: str
    arrays: tuple[NDArray[Any], ...]
    targets: str
    target_arrays: tuple[NDArray[Any], ...]
    weight: NDArray[Any] | None
    size: int


def make(spec: Mapping[str, Any], dtype: str, by_frequency: NDArray[Any] | None = None) -> Any:
    """A network of ``spec`` in "float32" or "float64"."""
    if spec["input"] == "windows":
        return _Windows(spec, dtype, by_frequency)
    return _Classes(spec, dtype)


def fill(net: Any) -> None:
    """Give every parameter, and the rates of rows, numbers that depend on their names alone."""
    for name, view in net.parameters().items():
        scale = 0.0625 if name.endswith((".bias", ".shift")) else 0.25
        view[...] = reals(name, view.size).reshape(view.shape) * scale
        if name.endswith(".gain"):
            view[...] += 1
    rates = net.state().get("embedding.rate")
    if rates is not None:
        rates[...] = reals("embedding.rate", rates.size) / 2 + 0.75


class _Classes:
    """The network of the classifiers."""

    def __init__(self, spec: Mapping[str, Any], dtype: str) -> None:
        self.layers = len(spec["hidden"]) + 1
        self.outputs = spec["n_outputs"]
        self.dtype = np.dtype(dtype)
        compiled = _pyffnn.Network if dtype == "float32" else _pyffnn.Network64
        self.net = compiled(self._old(spec))

    @staticmethod
    def _old(spec: Mapping[str, Any]) -> dict[str, Any]:
        old = dict(spec)
        old["input"] = {"bags": "mean"}.get(spec["input"], spec["input"])
        # one rate for both here
        embedding = old.pop("embedding_dropout", 0.0)
        if spec["input"] in ("bags", "concat"):
            if spec["hidden"] and embedding != old.get("dropout", 0.0):
                raise ValueError("embedding_dropout must be dropout")
            old["dropout"] = embedding
        return old

    def _name(self, name: str) -> str:
        return canonical(name, self.layers)

    def parameters(self) -> Arrays:
        return {self._name(name): view for name, view in self.net.parameters().items()}

    def state(self) -> Arrays:
        return {self._name(name): s for name, s in self.net.state().items() if name != "step"}

    def initialise(self, seed: int) -> None:
        self.net.initialise(seed)

    def grow(self, rows: int, n_outputs: int) -> None:
        self.net.grow(rows, n_outputs)
        self.outputs = max(self.outputs, n_outputs)

    def _call(self, method: str, data: Labelled, *args: Any, **kwargs: Any) -> Any:
        kind = {"concat": "bags"}.get(data.kind, data.kind)
        arrays = tuple(a.astype(self.dtype) if a.dtype.kind == "f" else a for a in data.arrays)
        return getattr(self.net, f"{method}_{kind}")(*arrays, *args, **kwargs)

    def _targets(self, data: Labelled) -> tuple[Any, Any]:
        weight = None if data.weight is None else data.weight.astype(self.dtype)
        if data.targets == "classes":
            return data.target_arrays[0], weight
        if data.targets == "rows":
            return data.target_arrays[0].astype(self.dtype), weight
        indptr, indices = data.target_arrays
        y = np.zeros((data.size, self.outputs), self.dtype)
        y[np.repeat(np.arange(data.size), np.diff(indptr)), indices] = 1
        return y, weight

    def train(
        self, data: Labelled, order: Any, batch_size: int, rates: Any, n_threads: int
    ) -> list[float]:
        """Mean loss of each batch."""
        y, weight = self._targets(data)
        losses = []
        for step, rate in enumerate(rates):
            part = order[step * batch_size : (step + 1) * batch_size]
            done = self._call(
                "train", data, y, weight, part, batch_size, float(rate), n_threads=n_threads
            )
            if not done["finite"]:
                raise ValueError(f"the loss of step {step} is not finite")
            losses.append(done["loss"] / done["weight"] if done["weight"] else 0.0)
        return losses

    def evaluate(self, data: Labelled, n_threads: int) -> tuple[float, float, float]:
        """Sum of losses, of weights, and of the weights of what is right."""
        done = self._call("evaluate", data, *self._targets(data), n_threads=n_threads)
        return done["loss"], done["weight"], done["correct"]

    def predict(self, data: Labelled, n_threads: int) -> NDArray[Any]:
        p: NDArray[Any] = self._call("predict", data, n_threads=n_threads)
        return p


class _Windows:
    """The network of the language model."""

    _NAMES = {  # noqa: RUF012
        "rows": "vocab",
        "embedding_dropout": "drop_embedding",
        "dropout": "drop_hidden",
        "output_dropout": "drop_output",
        "word_dropout": "drop_word",
        "weight_decay": "decay",
    }
    _OUTPUTS = {"vocabulary": "softmax", "adaptive": "adaptive", "sampled": "sampled"}  # noqa: RUF012

    def __init__(self, spec: Mapping[str, Any], dtype: str, by_frequency: Any) -> None:
        old = {
            "distant_kernels": 0,
            "distant_window": 0,
            "residual": False,
            "layer_norm": False,
            "direct": False,
            "tied": False,
            "drop_embedding": 0.0,
            "drop_hidden": 0.0,
            "drop_output": 0.0,
            "drop_word": 0.0,
            "cutoffs": [],
            "samples": 0,
            "beta1": 0.9,
            "beta2": 0.999,
            "eps": 1e-8,
            "l2": 0.0,
            "decay": 0.0,
            "clip": 0.0,
            "seed": 0,
        }
        old |= {self._NAMES.get(key, key): value for key, value in spec.items()}
        old["output"] = self._OUTPUTS[spec["output"]]
        for key in ("input", "n_outputs", "loss", "embedding_optimizer"):
            old.pop(key, None)
        name = "LanguageModelFloat32" if dtype == "float32" else "LanguageModelFloat64"
        self.net = getattr(_pyffnn, name)(old, by_frequency)

    def parameters(self) -> Arrays:
        arrays: Arrays = self.net.arrays("weights")
        return arrays

    def state(self) -> Arrays:
        return {
            f"{name}.{which}": view
            for which in ("s1", "s2")
            for name, view in self.net.arrays(which).items()
        }

    def train(
        self, ids: Any, starts: Any, lengths: Any, offsets: Any, rates: Any, n_threads: int
    ) -> list[float]:
        """Mean loss of each batch; batch b is the runs offsets[b] .. offsets[b + 1] of the stream."""
        losses = self.net.train(ids, starts, lengths, offsets, rates, n_threads)
        if len(losses) != len(rates) or not np.isfinite(losses).all():
            raise ValueError("a loss is not finite")
        return [float(loss) for loss in losses]

    def log_prob(self, ids: Any, begin: int, end: int, n_threads: int) -> NDArray[np.float64]:
        p: NDArray[np.float64] = self.net.log_prob(ids, begin, end, n_threads)
        return p

    def distribution(self, ids: Any, n_threads: int) -> NDArray[np.float64]:
        p: NDArray[np.float64] = self.net.next_distribution(ids, n_threads)
        return p


def canonical(name: str, layers: int) -> str:
    """The name above for a classifier's "weight1", "bias0.s1", ..."""
    found = re.fullmatch(r"(weight|bias)(\d+)(\..*)?", name)
    if found is None:
        return name
    layer = "output" if int(found[2]) == layers - 1 else f"hidden{found[2]}"
    return f"{layer}.{found[1]}{found[3] or ''}"


def model_weights(model: Any) -> Arrays:
    """The parameters of a fitted model."""
    network = model._network
    if hasattr(network, "weights"):
        return dict(network.weights())
    layers = len(model._spec["hidden"]) + 1
    return {canonical(name, layers): view for name, view in network.parameters().items()}
