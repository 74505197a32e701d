"""What a classifier's network says of the classes before it makes probabilities of it."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyffnn.net import Examples, Network

__all__ = ["ClassState", "as_softmax", "log_probabilities", "logits"]


class ClassState(Protocol):
    """The fitted state of a classifier, as far as it is looked at here."""

    @property
    def network(self) -> Network: ...
    @property
    def classes(self) -> NDArray[Any]: ...
    @property
    def multilabel(self) -> bool: ...
    @property
    def one_unit(self) -> bool: ...


def as_softmax(network: Network) -> Network:
    """One of the same answers that forms the logits of all classes, where training formed those of a sample alone."""
    if network.spec["output"] != "sampled":
        return network
    spec = {key: value for key, value in network.spec.items() if key != "samples"}
    own = Network({**spec, "output": "classes"})
    views = own.parameters()
    for name, array in network.parameters().items():
        # a sample's weights are gathered, so they are rows
        views[name][...] = array.T if name == "output.weight" else array
    return own


def logits(
    fitted: ClassState,
    examples: Examples,
    order: NDArray[np.int64] | None = None,
    n_threads: int = 0,
) -> NDArray[np.float64]:
    """Of each class, [n, classes]: the output's values before softmax or sigmoid.

    One unit for two classes gives half its value to the second, and its negative to the first.
    Outputs that are not formed for all classes at once give log-probabilities.
    """
    network = fitted.network
    if network.spec["output"] != "classes":
        p = network.predict(examples, order, n_threads).astype(np.float64)
        with np.errstate(divide="ignore"):
            return np.log(p)
    z = network.values(examples, "output", order, n_threads).astype(np.float64)
    return np.concatenate([-z / 2, z / 2], axis=1) if fitted.one_unit else z


def log_probabilities(z: NDArray[np.float64], *, multilabel: bool) -> NDArray[np.float64]:
    """Of logits [n, classes]; with label sets of each label by itself."""
    if multilabel:
        return np.minimum(z, 0) - np.log1p(np.exp(-np.abs(z)))
    top = z.max(axis=1, keepdims=True)
    z = z - np.where(np.isfinite(top), top, 0)
    return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
