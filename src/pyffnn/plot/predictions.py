"""Pictures of predictions: what stands behind one, and how far probabilities can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from .style import COLORS, Path, on_axes, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def shares(
    pairs: Sequence[tuple[str, float]],
    path: Path | None = None,
    *,
    k: int = 12,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """The ``k`` largest shares in a logit as bars, those for the class to the right.

    pairs: names and shares, as `Explanation.of` gives them. `ax`: axes to draw into (then `path` is
    not used). Raises ValueError for no pairs, ImportError without matplotlib.
    """
    if not pairs:
        raise ValueError("pairs must hold at least one name and share, got none")
    shown = sorted(pairs, key=lambda pair: -abs(pair[1]))[:k]
    with style():
        figure, axes = on_axes(ax, (5.0, 0.9 + 0.28 * len(shown)))
        at = np.arange(len(shown))[::-1]
        values = np.array([share for _, share in shown])
        axes.barh(at, values, color=np.where(values > 0, COLORS[2], COLORS[1]))
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_yticks(at, [name for name, _ in shown])
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("share in the logit")
        if title:
            axes.set_title(title)
        return figure if ax is not None else save(figure, path)


def reliability(
    confidence: ArrayLike,
    accuracy: ArrayLike,
    counts: ArrayLike,
    path: Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
) -> Figure:
    """How often predictions of each confidence are right: on the diagonal, as often as they say.

    confidence, accuracy, counts [bins]: mean probability of the predicted class, share that is right,
    and how many, as `pyffnn.metrics.reliability` gives them; bins of none are left out. `ax`: axes to
    draw into (then `path` is not used).
    Raises ValueError for different shapes, ImportError without matplotlib.
    """
    p, right, n = (np.asarray(x, np.float64) for x in (confidence, accuracy, counts))
    if not p.shape == right.shape == n.shape or p.ndim != 1:
        raise ValueError(
            "confidence, accuracy and counts must have one shape (bins,), got "
            f"{p.shape}, {right.shape} and {n.shape}"
        )
    some = n > 0
    with style():
        figure, axes = on_axes(ax, (4.2, 4.0))
        axes.plot([0, 1], [0, 1], color=COLORS[5], linewidth=1, linestyle="--")
        size = 20 + 180 * n[some] / max(n.max(initial=0), 1)
        axes.plot(p[some], right[some], color=COLORS[0], linewidth=1)
        axes.scatter(p[some], right[some], s=size, color=COLORS[0], alpha=0.7)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability", ylabel="share that is right")
        axes.set_aspect("equal")
        if title:
            axes.set_title(title)
        return figure if ax is not None else save(figure, path)
