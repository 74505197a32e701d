"""Real numbers as targets: checked, brought to a common scale, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.models.checks import column_or_1d, refuse_masked

__all__ = ["Scale", "Values", "check_spread", "check_values"]


@dataclass(frozen=True, eq=False)
class Scale:
    """What a network's outputs are multiplied by, and what is added then; float64 [outputs] each.

    ``flat``: targets were one number an example, so predictions have one dimension.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    flat: bool

    @classmethod
    def of(cls, y: NDArray[np.float64], weight: Any, flat: bool, *, same: bool) -> Scale:
        """The weighted mean and standard deviation of columns; ``same``: 0 and 1, targets stay as they are."""
        if same:
            return cls(np.zeros(y.shape[1]), np.ones(y.shape[1]), flat)
        mean = np.average(y, axis=0, weights=weight)
        variance = np.average((y - mean) ** 2, axis=0, weights=weight)
        return cls(mean, np.where(variance > 0, np.sqrt(variance), 1.0), flat)

    def to_network(self, y: NDArray[np.float64]) -> Values:
        return Values(((y - self.mean) / self.spread).astype(np.float32), self)

    def from_network(self, z: NDArray[Any]) -> NDArray[np.float64]:
        y = z.astype(np.float64) * self.spread + self.mean
        return y[:, 0] if self.flat else y


@dataclass(frozen=True, eq=False)
class Values:
    """Targets [N, outputs] as the network has them, and the scale that they are in."""

    numbers: NDArray[np.float32]
    scale: Scale

    # a held-out part is drawn from all alike
    strata = None

    @property
    def size(self) -> int:
        return len(self.numbers)

    @property
    def each(self) -> NDArray[np.float32]:
        """What each example is to be, one entry an example."""
        return self.numbers

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of it, to tell it from others."""
        return (self.numbers, self.scale.mean, self.scale.spread)

    def take(self, order: NDArray[np.int64]) -> Values:
        """The targets of the examples numbered ``order``."""
        return Values(self.numbers[order], self.scale)


def check_values(
    y: Any, owner: str, name: str = "y", *, outputs: int | None = None, shares: bool = False
) -> tuple[NDArray[np.float64], bool]:
    """Targets as float64 [n, outputs], and whether they were one number an example.

    ``outputs``: how many there must be; None: any number. ``shares``: they must lie in [0, 1].
    Raises ValueError in scikit-learn's words, naming the argument.
    """
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target {name} is None."
        )
    if hasattr(y, "tocsr"):
        raise ValueError(f"{name} must be an array of numbers, got a sparse matrix")
    refuse_masked(y, name)
    if not hasattr(y, "__array__") and not hasattr(y, "__len__"):
        if not isinstance(y, Iterable):
            raise ValueError(f"{name} must be an array of numbers, got {type(y).__name__}")
        y = list(y)
    try:
        values = np.asarray(y)
        if values.dtype.kind in "OUSTbiu":
            values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers: {error}") from None
    if values.dtype.kind != "f":
        raise ValueError(f"{name} must be an array of numbers, got dtype {values.dtype}")
    if values.ndim not in (1, 2):
        raise ValueError(f"{name} must have one or two dimensions, got shape {values.shape}")
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values)
    flat = values.ndim == 1
    rows = (values[:, None] if flat else values).astype(np.float64)
    _check_numbers(rows, name, shares)
    if outputs is not None and rows.shape[1] != outputs:
        raise ValueError(f"{name} must have {outputs} numbers an example, got shape {values.shape}")
    if rows.shape[1] == 0:
        raise ValueError(f"{name} must have at least one column, got shape {values.shape}")
    return rows, flat


def _check_numbers(rows: NDArray[np.float64], name: str, shares: bool) -> None:
    if np.isnan(rows).any():
        raise ValueError(f"Input {name} contains NaN.")
    if np.isinf(rows).any():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for dtype('float64')."
        )
    if shares and ((rows < 0) | (rows > 1)).any():
        bad = rows[(rows < 0) | (rows > 1)][0]
        raise ValueError(f"{name} must lie in [0, 1] with loss='logistic', got {bad:g}")
    if (np.abs(rows) > 1e37).any():
        raise ValueError(f"{name} must be at most 1e37, got {np.abs(rows).max():g}")


def check_spread(rows: NDArray[np.float64], name: str, weight: ArrayLike | None) -> None:
    """ValueError where a column has one value for all examples of a weight above 0: there is nothing to learn."""
    used = rows if weight is None else rows[np.asarray(weight) > 0]
    if len(used) == 1:
        raise ValueError(f"{name} has 1 sample (n_samples = 1): a regressor needs at least 2")
    same = (used == used[0]).all(axis=0)
    if same.any():
        j = int(same.argmax())
        which = name if rows.shape[1] == 1 else f"{name}[:, {j}]"
        raise ValueError(
            f"{which} has one value for all examples, {used[0, j]:g}: there is nothing to learn"
        )
