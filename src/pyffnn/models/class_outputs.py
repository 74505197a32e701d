"""Classes and label sets as a network has them: its output layer, its targets, and what guessing costs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.labels import Targets
from pyffnn.models.names import TextOutput
from pyffnn.net import Network
from pyffnn.net import Targets as NetTargets

__all__ = ["by_frequency", "cutpoints", "guess", "network_targets", "output_spec"]


_LOSSES = {"ordinal": "ordinal"}


class OutputSettings(Protocol):
    """Settings of the models that concern the output layer."""

    output: TextOutput
    cutoffs: Sequence[int] | None
    samples: int


def output_spec(model: OutputSettings, targets: Targets, *, one_unit: bool) -> dict[str, Any]:
    """Entries of the network's spec. ``one_unit``: two classes have one sigmoid unit.

    Raises ValueError where ``targets`` have too few classes or several where the output takes one.
    """
    n_classes = int(targets.classes.size)
    multilabel = targets.multilabel
    if n_classes < 2 and not multilabel:
        raise ValueError(
            f"y contains 1 class ({targets.classes.tolist()[0]!r}); {type(model).__name__} needs samples "
            "of at least 2 classes"
            if n_classes
            else "y contains no class"
        )
    if model.output != "softmax" and multilabel:
        raise ValueError(
            f"output={model.output!r} has one class an example: it must be 'softmax' with "
            "multi-label y"
        )
    every = model.output in ("softmax", "ordinal")  # each class in each step
    if not every and targets.probabilities is not None:
        raise ValueError(
            f"output={model.output!r} has one class an example: it must be 'softmax' with y as "
            "rows of probabilities"
        )
    one_unit = one_unit and n_classes == 2 and not multilabel and model.output == "softmax"
    spec: dict[str, Any] = {
        "n_outputs": 1 if one_unit else n_classes,
        "output": "classes" if every else model.output,
        "loss": "sigmoid" if one_unit or multilabel else _LOSSES.get(model.output, "softmax"),
    }
    if model.output == "sampled":
        spec["samples"] = int(model.samples)
    elif model.output == "adaptive":
        spec["cutoffs"] = _cutoffs(model, n_classes)
    return spec


def by_frequency(model: OutputSettings, targets: Targets, weights: Any) -> NDArray[np.int64] | None:
    """The classes, the most frequent first; None where the output needs no order."""
    if model.output in ("softmax", "ordinal"):
        return None
    assert targets.codes is not None
    counts = np.bincount(targets.codes, weights, minlength=targets.classes.size)
    return np.argsort(-counts, kind="stable")


def _cutoffs(model: OutputSettings, n_classes: int) -> list[int]:
    """Ranks at which a cluster of rarer classes begins: by default a 25th and a fifth of all."""
    given = [n_classes // 25, n_classes // 5] if model.cutoffs is None else list(model.cutoffs)
    if given[0] < 1 or given[-1] >= n_classes:
        raise ValueError(
            f"output='adaptive' needs cutoffs within the {n_classes} classes, got {given}"
        )
    return [int(cut) for cut in given]


def network_targets(
    targets: Targets, spec: Mapping[str, Any], weight: Any, by_class: Any
) -> NetTargets:
    """Targets for a network of a spec; ``by_class``: weight of each label's part of the loss, or None."""
    if targets.multilabel:
        assert targets.indptr is not None and targets.indices is not None
        outputs = None if by_class is None else by_class.astype(np.float32)
        return NetTargets.sets(
            targets.indptr,
            targets.indices,
            int(targets.classes.size),
            weight,
            output_weight=outputs,
        )
    if targets.probabilities is not None:
        p = _reweighted(targets.probabilities, by_class)
        if spec["output"] != "classes":
            raise ValueError("y must be one label an example, as in fit, got rows of probabilities")
        return NetTargets.rows(p[:, 1:] if spec["loss"] == "sigmoid" else p, weight)
    assert targets.codes is not None
    if spec["loss"] == "sigmoid":
        return NetTargets.rows(targets.codes.astype(np.float32)[:, None], weight)
    return NetTargets.classes(targets.codes, spec["n_outputs"], weight)


def _reweighted(p: NDArray[np.float32], by_class: Any) -> NDArray[np.float32]:
    """Rows in which a class counts by its weight, summing to 1 again: the example's weight has the rest."""
    if by_class is None:
        return p
    weighted = p * by_class
    total = weighted.sum(axis=1, keepdims=True)
    return np.where(total > 0, weighted / np.where(total > 0, total, 1), p).astype(np.float32)


def guess(spec: Mapping[str, Any]) -> float:
    """The loss of a network that knows nothing."""
    outputs: int = spec["n_outputs"]
    return outputs * math.log(2) if spec["loss"] == "sigmoid" else math.log(outputs)


def cutpoints(network: Network) -> NDArray[np.float64]:
    """The thresholds t of an ordinal output, rising: P(class <= k) = sigmoid(t_k - score); float64 [classes - 1].

    The bias of the score is in them: the score that they are compared with has none.
    """
    arrays = network.parameters()
    gaps = arrays.get("output.gaps", np.zeros(0)).astype(np.float64)
    t = np.concatenate([[0.0], np.cumsum(np.logaddexp(0, gaps))])
    t -= t.mean() + float(arrays["output.bias"][0])
    return np.asarray(t)
