"""fastText's `util`: what its users and its own tests take from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .model import _FastText

__all__ = ["find_nearest_neighbor", "reduce_model", "test"]


def test(
    predictions: Iterable[Iterable[str]], labels: Iterable[Collection[str]], k: int = 1
) -> tuple[float, float]:
    """(precision, recall) at `k` of lists of predicted labels against lists of true ones."""
    hits = examples = true = 0
    for predicted, gold in zip(predictions, labels, strict=False):
        hits += sum(label in gold for label in predicted)
        examples += 1
        true += len(gold)
    return hits / (k * examples), hits / true


def find_nearest_neighbor(
    query: NDArray[Any],
    vectors: NDArray[Any],
    ban_set: Collection[int],
    cossims: NDArray[Any] | None = None,
) -> int:
    """The row of `vectors` with the largest product with `query` that is not in `ban_set`."""
    cossims = np.matmul(vectors, query, out=cossims)
    return next(int(i) for i in np.argsort(-cossims, kind="stable") if int(i) not in ban_set)


def reduce_model(ft_model: _FastText, target_dim: int) -> _FastText:
    """The model with vectors of `target_dim` numbers, by the principal components of its input vectors; changed in place and returned.

    Raises ValueError for a dimension that is not smaller than the model's.
    """
    if not 0 < target_dim < ft_model.get_dimension():
        raise ValueError(
            f"target_dim must be from 1 to {ft_model.get_dimension() - 1}, got {target_dim}"
        )
    inputs, outputs = ft_model.get_input_matrix(), ft_model.get_output_matrix()
    values, axes = np.linalg.eigh(np.cov(inputs[:100_000].astype(np.float64), rowvar=False))
    kept = axes[:, np.argsort(-values)[:target_dim]].astype(np.float32)
    ft_model.set_matrices(inputs @ kept, outputs @ kept)
    return ft_model
