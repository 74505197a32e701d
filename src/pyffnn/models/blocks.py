"""Predictions of many examples, block by block: memory is that of a block, not of all probabilities."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.labels import Targets

__all__ = ["blocks", "likely_sets", "top_classes", "top_probabilities"]

_BYTES = 32 << 20

Predict: TypeAlias = Callable[[NDArray[np.int64] | None], NDArray[Any]]
"""From numbers of examples (None: all of them) to their probabilities [examples, outputs]."""


def blocks(size: int, n_outputs: int) -> Iterator[NDArray[np.int64]]:
    """The numbers 0 .. size - 1 in parts whose float32 outputs take 32 MB at most, or one example."""
    step = _examples_of_a_block(n_outputs)
    for start in range(0, size, step):
        yield np.arange(start, min(start + step, size))


def top_classes(
    predict: Predict, size: int, n_outputs: int, floor: float | None = None
) -> NDArray[np.int64]:
    """The number of the most probable class of each example, int64 [size]; the first of equal ones.

    -1 where its probability is below ``floor``.
    """
    if size <= _examples_of_a_block(n_outputs):
        return _top_of(predict(None), floor)
    parts = blocks(size, n_outputs)
    return np.concatenate([_top_of(predict(part), floor) for part in parts])


def top_probabilities(
    predict: Predict, order: NDArray[np.int64], n_outputs: int
) -> NDArray[np.float32]:
    """The greatest probability of each of the examples ``order``."""
    parts = blocks(order.size, n_outputs)
    found = [predict(order[part]).max(axis=1) for part in parts]
    return np.concatenate([np.zeros(0, np.float32), *found])


def likely_sets(
    predict: Predict, size: int, classes: NDArray[Any], threshold: float | NDArray[Any] = 0.5
) -> Targets:
    """The classes of each example whose probability is above ``threshold``, one or one a class, as sets."""
    rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for part in blocks(size, classes.size):
        row, column = np.nonzero(predict(_unless_all(part, size)) > threshold)
        rows.append(part[row])
        columns.append(column)
    return Targets.of_sets(classes, np.concatenate(rows), np.concatenate(columns), size)


def _top_of(p: NDArray[Any], floor: float | None) -> NDArray[np.int64]:
    top: NDArray[np.int64] = p.argmax(axis=1)
    if floor is not None:
        top[p.max(axis=1) < floor] = -1
    return top


def _examples_of_a_block(n_outputs: int) -> int:
    return max(1, _BYTES // (4 * max(n_outputs, 1)))


def _unless_all(part: NDArray[np.int64], size: int) -> NDArray[np.int64] | None:
    return None if part.size == size else part
