"""Groups of examples that are held out together: pieces of a document, sentences of an author, pictures of a patient.

A model knows an example better when it was trained on another of its group. Where groups are parted,
what is measured on held-out examples is too good: probabilities fitted to it are too sure, and
candidates that learn by heart win.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_groups", "group_parts", "split_groups"]

Codes = NDArray[np.int64]


def check_groups(groups: Any, size: int) -> Codes | None:
    """The number of each example's group, int64 (n,); None: each is a group of its own.

    Raises ValueError for other than ``size`` values, or for a single group; TypeError for values that
    cannot be compared.
    """
    if groups is None:
        return None
    found = np.asarray(groups)
    if found.ndim != 1 or found.size != size:
        raise ValueError(f"groups must have a value for each of {size} examples, got {found.shape}")
    if found.dtype.kind in "fc" and np.isnan(found).any():
        raise ValueError("groups must not have NaN")
    try:
        names, codes = np.unique(found, return_inverse=True)
    except TypeError:
        raise TypeError("groups must be values of one kind, numbers or strings") from None
    if names.size < 2:
        raise ValueError(f"groups must have at least 2 different values, got {names.size}")
    return codes.reshape(-1).astype(np.int64)


def _in_order(
    groups: Codes, strata: NDArray[np.int64] | None, rng: np.random.Generator
) -> tuple[Codes, Codes]:
    """Each example's group, by number from 0, and these numbers shuffled within the class of their first example."""
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    order = rng.permutation(first.size)
    if strata is not None:
        order = order[np.argsort(strata[first[order]], kind="stable")]
    return group.reshape(-1), order


def group_parts(
    groups: Codes, strata: NDArray[np.int64] | None, parts: int, rng: np.random.Generator
) -> Codes:
    """The part, from 0, of each example: that of its group. The groups of a class are dealt out in turn."""
    group, order = _in_order(groups, strata, rng)
    part = np.empty(order.size, np.int64)
    part[order] = np.arange(order.size) % parts
    return np.asarray(part[group])


def split_groups(
    groups: Codes, strata: NDArray[np.int64] | None, fraction: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Which examples are held out: about a ``fraction`` of them, groups whole, spread over the classes."""
    group, order = _in_order(groups, strata, rng)
    ends = np.cumsum(np.bincount(group)[order])
    steps = np.round(ends * (fraction * order.size / ends[-1]))
    taken = np.diff(steps, prepend=0) > 0
    if order.size > 1 and taken.all() == taken.any():  # groups are few: one at least on each side
        taken[-1] = not taken[-1]
    held = np.zeros(order.size, np.bool_)
    held[order] = taken
    return np.asarray(held[group])
