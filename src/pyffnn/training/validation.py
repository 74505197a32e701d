"""Validation data: how they are held out, looked at, and what counts as better."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.training.groups import split_groups
from pyffnn.training.records import Record

__all__ = ["Score", "by_accuracy", "by_loss", "perplexity", "split"]

Score: TypeAlias = Callable[[Record], list[float]]
"""What is to grow: lists are compared number by number."""


def by_accuracy(record: Record) -> list[float]:
    """Accuracy first, then loss."""
    return [record["val_accuracy"] or 0.0, *by_loss(record)]


def by_loss(record: Record) -> list[float]:
    assert record["val_loss"] is not None
    return [-record["val_loss"]]


def perplexity(loss: float) -> float:
    """``exp(loss)``, kept finite."""
    return math.exp(min(loss, 700.0))


def split(
    strata: NDArray[np.int64] | None,
    size: int,
    fraction: float,
    seed: int,
    weight: NDArray[Any] | None = None,
    groups: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the examples to train on and to validate on, a ``fraction`` of them, both rising.

    With class numbers as ``strata`` each class gives its share, and keeps an example to train on; with
    ``groups`` those are held out whole, about a ``fraction`` of the examples.
    Raises ValueError when a side would be empty, or all its examples of ``weight`` 0.
    """
    rng = np.random.Generator(np.random.SFC64([seed, 1 << 32]))
    held = np.zeros(size, bool)
    shuffled = rng.permutation(size)
    if groups is not None:
        held = split_groups(groups, strata, fraction, rng)
    elif strata is None:
        held[shuffled[: round(fraction * size)]] = True
    else:
        shuffled = shuffled[np.argsort(strata[shuffled], kind="stable")]
        counts = np.bincount(strata)
        starts = np.cumsum(counts) - counts
        # cumulative rounding: small classes give their share in the sum
        quota = np.diff(np.round(np.cumsum(counts) * fraction), prepend=0.0).astype(np.int64)
        quota = np.minimum(quota, np.maximum(counts - 1, 0))
        for start, n in zip(starts, quota, strict=True):
            held[shuffled[start : start + n]] = True
    for side, purpose in ((held, "to validate on"), (~held, "to train on")):
        if not side.any():
            raise ValueError(
                f"validation_fraction={fraction} of {size} examples leaves none {purpose}"
            )
        if weight is not None and not weight[side].any():
            raise ValueError(
                f"validation_fraction={fraction} leaves no example of a weight above 0 {purpose}"
            )
    return np.flatnonzero(~held), np.flatnonzero(held)
