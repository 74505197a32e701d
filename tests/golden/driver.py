"""The one file of the golden tests that knows the compiled classes and the insides of the models.

Cases speak in the keys of a network's spec and in the names of parameters below. What the classes of the day call
otherwise is translated here, so that a change of their face changes this file and no fingerprint.

Parameters: ``embedding``, ``distant``, ``input.*``, ``hidden{i}.*``, ``projection.weight``, ``output.*``; states end in ``.s1``, ``.s2``,
and ``embedding.rate`` holds the rates of rows.
"""

from __future__ import annotations

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


class _Network:
    """A compiled network in either dtype."""

    def __init__(
        self, spec: Mapping[str, Any], dtype: str, by_frequency: NDArray[Any] | None = None
    ) -> None:
        self.dtype = np.dtype(dtype)
        self.spec = dict(spec)
        compiled = _pyffnn.Network if dtype == "float32" else _pyffnn.Network64
        self.net = compiled(self.spec, by_frequency)

    def parameters(self) -> Arrays:
        arrays: Arrays = self.net.parameters()
        return arrays

    def state(self) -> Arrays:
        arrays: Arrays = self.net.state()
        return arrays


class _Classes(_Network):
    """Of the classifiers."""

    def initialise(self, seed: int) -> None:
        self.net.initialise(seed)

    def grow(self, rows: int) -> None:
        self.net.absorb(self.net.fork(None, rows))
        self.spec["rows"] = rows

    def _floats(self, a: NDArray[Any]) -> NDArray[Any]:
        return np.ascontiguousarray(a, self.dtype)

    def _examples(self, data: Labelled) -> Any:
        spec, arrays = self.spec, data.arrays
        if data.kind == "dense":
            return _pyffnn.Examples.dense(self._floats(arrays[0]))
        if data.kind == "sparse":
            indptr, indices, values = arrays
            floats = self._floats(values)
            return _pyffnn.Examples.sparse(indptr, indices, floats, spec["n_inputs"])
        if data.kind == "bags":
            return _pyffnn.Examples.bags(*arrays, spec["rows"])
        return _pyffnn.Examples.sequences(*arrays, spec["rows"], spec["max_tokens"])

    def _targets(self, data: Labelled) -> Any:
        weight = None if data.weight is None else self._floats(data.weight)
        outputs = self.spec["n_outputs"]
        if data.targets == "classes":
            return _pyffnn.Targets.classes(data.target_arrays[0], outputs, weight)
        if data.targets == "rows":
            return _pyffnn.Targets.rows(self._floats(data.target_arrays[0]), weight)
        return _pyffnn.Targets.sets(*data.target_arrays, outputs, weight)

    def train(
        self, data: Labelled, order: Any, batch_size: int, rates: Any, n_threads: int
    ) -> list[float]:
        """Mean loss of each batch."""
        examples, targets = self._examples(data), self._targets(data)
        rates = np.asarray(rates, np.float64)
        losses, _, finite = self.net.train(examples, targets, order, batch_size, rates, n_threads)
        if not finite:
            raise ValueError(f"the loss of step {len(losses)} is not finite")
        return [float(loss) for loss in losses]

    def evaluate(self, data: Labelled, n_threads: int) -> tuple[float, float, float]:
        """Sum of losses, of weights, and of the weights of what is right."""
        done: tuple[float, float, float] = self.net.evaluate(
            self._examples(data), self._targets(data), n_threads=n_threads
        )
        return done

    def predict(self, data: Labelled, n_threads: int) -> NDArray[Any]:
        p: NDArray[Any] = self.net.predict(self._examples(data), n_threads=n_threads)
        return p


class _Windows(_Network):
    """Of the language model."""

    def _data(self, ids: Any) -> tuple[Any, Any]:
        words = self.spec["rows"]
        return _pyffnn.Examples.stream(ids, words), _pyffnn.Targets.classes(ids, words)

    def train(
        self, ids: Any, starts: Any, lengths: Any, offsets: Any, rates: Any, n_threads: int
    ) -> list[float]:
        """Mean loss of each batch; batch b is the runs offsets[b] .. offsets[b + 1] of the stream."""
        order = (starts, lengths, offsets)
        rates = np.asarray(rates, np.float64)
        losses, _, finite = self.net.train(*self._data(ids), order, 0, rates, n_threads)
        if not finite:
            raise ValueError("a loss is not finite")
        return [float(loss) for loss in losses]

    def log_prob(self, ids: Any, begin: int, end: int, n_threads: int) -> NDArray[np.float64]:
        p: NDArray[np.float64] = self.net.log_prob(*self._data(ids), begin, end, n_threads)
        return p

    def distribution(self, ids: Any, n_threads: int) -> NDArray[np.float64]:
        p: NDArray[np.float64] = self.net.distribution(ids, n_threads)
        return p


def model_weights(model: Any) -> Arrays:
    """The parameters of a fitted model."""
    return dict(model._state().network.parameters())
