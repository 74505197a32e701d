"""The compiled network as Python holds it: its examples, copies of its weights, and its arrays for a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

__all__ = [
    "Examples",
    "Network",
    "Weights",
    "copy_weights",
    "network_arrays",
    "network_from_arrays",
    "set_arrays",
    "set_weights",
]

Network = _pyffnn.Network
"""float32 network of train/ffnn.h, made from a spec (a dict)."""

Weights: TypeAlias = dict[str, NDArray[np.float32]]

_STATE = "state."


@dataclass(frozen=True)
class Examples:
    """Examples in a form that the network reads.

    Attributes
    ----------
    kind
        "dense" (X [n, features] float32), "sparse" (CSR: indptr, indices, data), "bags" (ids,
        offsets) or "text" (a corpus).
    arrays
        What the network takes for that kind, in its order.
    size
        Number of examples.
    """

    kind: str
    arrays: tuple[Any, ...]
    size: int

    def train(
        self,
        network: Network,
        targets: NDArray[Any],
        sample_weight: NDArray[np.float32] | None,
        order: NDArray[np.int64],
        batch_size: int,
        rates: NDArray[np.float64],
        n_threads: int = 0,
    ) -> dict[str, Any]:
        """Training steps over the examples numbered ``order``; stops before a step of non-finite loss.

        ``rates`` has one learning rate a step. Returns ``loss`` and ``weight`` (sums), ``steps``
        and ``finite``.
        """
        call = getattr(network, f"train_{self.kind}")
        result: dict[str, Any] = call(
            *self.arrays, targets, sample_weight, order, batch_size, rates, n_threads
        )
        return result

    def evaluate(
        self,
        network: Network,
        targets: NDArray[Any],
        sample_weight: NDArray[np.float32] | None,
        order: NDArray[np.int64] | None = None,
        n_threads: int = 0,
    ) -> dict[str, Any]:
        """``loss``, ``weight`` and ``correct`` (weighted sums) of the examples, without an update."""
        call = getattr(network, f"evaluate_{self.kind}")
        result: dict[str, Any] = call(*self.arrays, targets, sample_weight, order, n_threads)
        return result

    def predict(
        self, network: Network, n_threads: int = 0, order: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Probabilities of the examples numbered ``order`` (None: all), shape (examples, n_outputs)."""
        call = getattr(network, f"predict_{self.kind}")
        result: NDArray[np.float32] = call(*self.arrays, order, n_threads)
        return result


def copy_weights(network: Network) -> Weights:
    """Copies of all parameters by name."""
    return {name: array.copy() for name, array in network.parameters().items()}


def set_weights(network: Network, weights: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays into the parameters of the same names. Raises ValueError where they do not fit."""
    _fill(network.parameters(), weights)


def network_arrays(network: Network, *, state: bool = True) -> dict[str, NDArray[Any]]:
    """Parameters, and with ``state`` the optimizer's state, as arrays by name."""
    arrays: dict[str, NDArray[Any]] = dict(network.parameters())
    if state:
        for name, value in network.state().items():
            arrays[_STATE + name] = np.asarray(value)
    return arrays


def network_from_arrays(spec: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Network:
    """The network of ``spec`` with the arrays of `network_arrays`; without state it begins anew.

    Raises ValueError when arrays are missing or do not fit the spec.
    """
    network = Network(dict(spec))
    set_arrays(network, arrays)
    return network


def set_arrays(network: Network, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write the arrays of `network_arrays` into the network; those of its state may be missing.

    Raises ValueError when arrays are missing or do not fit.
    """
    _fill(network.parameters(), arrays)
    state = network.state()
    step = arrays.get(_STATE + "step")
    if step is not None:
        network.set_step(int(step))
        del state["step"]
        _fill(state, {name.removeprefix(_STATE): array for name, array in arrays.items()})


def _fill(targets: Mapping[str, NDArray[Any]], arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, target in targets.items():
        array = arrays.get(name)
        if array is None:
            raise ValueError(f"the network's array {name!r} is missing")
        if array.shape != target.shape or array.dtype != target.dtype:
            raise ValueError(
                f"the network's array {name!r} must be {target.dtype} of shape {target.shape}, "
                f"got {array.dtype} of shape {array.shape}"
            )
        target[...] = array
