"""Examples in the plane: what a model says of every point, and where a hidden layer puts them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..nn import FeedForward, Unit
from .style import COLORS, MARKERS, Array, Path, new_figure, on_axes, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def decision_boundary(
    model: Any,
    X: ArrayLike,
    y: ArrayLike,
    path: Path | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    labels: tuple[str, str] = ("$x_1$", "$x_2$"),
) -> Figure:
    """Examples in the plane, over what the model says of every point.

    model: a `Unit` (its boundary is drawn as the line it is), a `FeedForward`, anything with `predict_proba` or `predict`, or a function
    of points [m, 2]; outputs are a number a point (the boundary at 0.5, or at 0 where the values are not within 0 to 1) or a row of
    class values (the largest wins). X [m, 2]; y [m]: classes, any values that compare. `ax`: axes to draw into (then `path` is not used).
    Raises ValueError when X has no two columns or y another length, ImportError without matplotlib.
    """
    points, classes = _plane(X, y)
    with style():
        figure, axes = on_axes(ax, (4.2, 3.8))
        low, high = points.min(axis=0), points.max(axis=0)
        margin = 0.35 * np.maximum(high - low, 1e-9).max()
        (x0, y0), (x1, y1) = low - margin, high + margin
        grid = np.stack(np.meshgrid(np.linspace(x0, x1, 241), np.linspace(y0, y1, 241)), axis=-1)
        values = _evaluate(model, grid.reshape(-1, 2))
        names = np.unique(classes)
        if values.ndim == 1:
            _regions(axes, grid, values.reshape(241, 241))
        else:
            won = values.argmax(axis=1).reshape(241, 241)
            k = values.shape[1]
            colors = [COLORS[i % len(COLORS)] for i in range(k)]
            axes.contourf(
                grid[..., 0], grid[..., 1], won, np.arange(k + 1) - 0.5, colors=colors, alpha=0.18
            )
        if isinstance(model, Unit) and model.w[1] != 0:
            slope, intercept = model.decision_boundary()
            ends = np.array([x0, x1])
            axes.plot(ends, slope * ends + intercept, color="#333333", linewidth=1.5)
        for i, name in enumerate(names):
            chosen = points[classes == name]
            axes.scatter(
                chosen[:, 0],
                chosen[:, 1],
                s=55 if len(points) < 50 else 14,
                color=COLORS[i % len(COLORS)],
                marker=MARKERS[i % len(MARKERS)],
                edgecolor="white",
                linewidth=0.6,
                label=str(name),
                zorder=3,
            )
        axes.set(
            xlim=(x0, x1), ylim=(y0, y1), xlabel=labels[0], ylabel=labels[1], title=title or ""
        )
        axes.legend(title="class", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return figure if ax is not None else save(figure, path)


def hidden_space(
    network: FeedForward, X: ArrayLike, y: ArrayLike, path: Path | None = None
) -> Figure:
    """Two pictures side by side: the examples in the plane of the inputs, and where a network's hidden layer of two units puts them.

    `network` has 2 inputs, 2 units in its last hidden layer, and one output; in the h plane the output unit's boundary is a line.
    X [m, 2], y [m]. Source: Jurafsky & Martin, "The solution: neural networks", the hidden layer forms a new representation.
    Raises ValueError for other sizes.
    """
    if (
        network.sizes[0] != 2
        or len(network.sizes) < 3
        or network.sizes[-2] != 2
        or network.sizes[-1] != 1
    ):
        raise ValueError(
            f"a hidden space is drawn for 2 inputs, 2 hidden units and 1 output, got sizes {list(network.sizes)}"
        )
    points, classes = _plane(X, y)
    with style():
        figure = new_figure((8.4, 3.8))
        left, right = figure.subplots(1, 2)
        decision_boundary(network, points, classes, ax=left, title="input space $x$")
        left.get_legend().remove()
        h = network.activations(points)[-2]
        last = np.asarray(network.weights[-1])
        weights, bias = (last[1:], last[0]) if network.bias_folded else (last, network.biases[-1])
        output = FeedForward.from_layers([weights], [bias], output=network.output)
        decision_boundary(
            output,
            h,
            classes,
            ax=right,
            title="hidden space $h$",
            labels=("$h_1$", "$h_2$"),
        )
        for position in np.unique(h.round(6), axis=0):
            same = (abs(h - position) < 1e-6).all(axis=1)
            if len(points) <= 8:
                text = ", ".join(f"({a:g}, {b:g})" for a, b in points[same])
                right.annotate(
                    text,
                    position,
                    xytext=(0, -13),
                    textcoords="offset points",
                    fontsize=8,
                    ha="center",
                )
        return save(figure, path)


def _plane(X: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    points, classes = np.asarray(X, dtype=np.float64), np.asarray(y)
    if points.ndim != 2 or points.shape[1] != 2 or points.shape[0] == 0:
        raise ValueError(f"X must have shape (m, 2), m >= 1, to be drawn, got {points.shape}")
    if classes.shape != points.shape[:1]:
        raise ValueError(
            f"y must have shape {points.shape[:1]}, one class a point, got {classes.shape}"
        )
    return points, classes


def _evaluate(model: Any, points: Array) -> Array:
    if hasattr(model, "forward"):
        values = model.forward(points)
    elif hasattr(model, "predict_proba"):
        values = model.predict_proba(points)
    elif hasattr(model, "predict"):
        classes, values = np.unique(model.predict(points), return_inverse=True)
        values = np.eye(max(len(classes), 2))[values]
    elif callable(model):
        values = model(points)
    else:
        raise TypeError(f"model must be a network, an estimator or a function, got {model!r}")
    values = np.asarray(values, dtype=np.float64).reshape(len(points), -1)
    if values.shape[1] == 2 and np.allclose(values.sum(axis=1), 1):
        return values[:, 1]
    return values[:, 0] if values.shape[1] == 1 else values


def _regions(axes: Axes, grid: Array, values: Array) -> None:
    cut = 0.5 if values.min() >= 0 else 0.0
    two = [COLORS[0], COLORS[1]]
    low, high = min(float(values.min()), cut) - 1, max(float(values.max()), cut) + 1
    axes.contourf(grid[..., 0], grid[..., 1], values, [low, cut, high], colors=two, alpha=0.18)
    if values.min() < cut < values.max() and len(np.unique(values)) > 2:
        axes.contour(grid[..., 0], grid[..., 1], values, [cut], colors="#333333", linewidths=1.2)
