"""Confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .style import Path, on_axes, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def confusion_matrix(
    counts: ArrayLike,
    labels: Sequence[Any],
    path: Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """How many examples of each class were taken for which, coloured by the share of the class.

    counts [k, k]: row i holds the examples of class i, column j those taken for class j;
    labels [k]: the classes. `ax`: axes to draw into (then `path` is not used).
    Raises ValueError for another shape, ImportError without matplotlib.
    """
    table = np.asarray(counts)
    k = len(labels)
    if table.shape != (k, k) or k == 0:
        raise ValueError(f"counts must have shape ({k}, {k}), a row a label, got {table.shape}")
    totals = table.sum(axis=1, keepdims=True)
    shares = np.divide(table, totals, out=np.zeros((k, k)), where=totals > 0)
    with style():
        figure, axes = on_axes(ax, (2.2 + 0.9 * k, 1.6 + 0.8 * k))
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.ndindex(k, k):
            axes.text(
                j,
                i,
                f"{table[i, j]:,}\n{shares[i, j]:.0%}",
                ha="center",
                va="center",
                color="white" if shares[i, j] > 0.5 else "black",
            )
        names = [str(label) for label in labels]
        axes.set_xticks(range(k), names)
        axes.set_yticks(range(k), names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("taken for")
        axes.set_ylabel("is")
        if title:
            axes.set_title(title)
        return figure if ax is not None else save(figure, path)
