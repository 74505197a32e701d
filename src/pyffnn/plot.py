"""Pictures of networks, training and computation graphs (extra "plot": matplotlib, graphviz).

Each function gives a matplotlib `Figure`, and writes it where `path` is given; the ending says the format (.svg, .png, .pdf).
No window is opened and no global state of pyplot is touched.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .autograd.graph import Graph, short
from .nn import FeedForward, Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .autograd import Variable

__all__ = [
    "computation_graph",
    "decision_boundary",
    "embedding_map",
    "hidden_space",
    "learning_curve",
]

Array: TypeAlias = NDArray[Any]
Path: TypeAlias = str | os.PathLike[str]

_COLORS = ("#3b6fb6", "#d1495b", "#4b9b6e", "#b58900", "#7a5195", "#666666")
_MARKERS = "osD^vP"
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "pyffnn",
    "svg.fonttype": "path",
}


def _figure(size: tuple[float, float]) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'pyffnn[plot]'") from None
    return Figure(figsize=size, layout="constrained")


def _save(figure: Figure, path: Path | None) -> Figure:
    if path is not None:
        # Without a date two runs write the same file.
        metadata = {"Date": None} if os.fspath(path).lower().endswith(".svg") else None
        figure.savefig(path, dpi=150, metadata=metadata)
    return figure


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
    with _style():
        figure, axes = _axes(ax, (4.2, 3.8))
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
            colors = [_COLORS[i % len(_COLORS)] for i in range(k)]
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
                color=_COLORS[i % len(_COLORS)],
                marker=_MARKERS[i % len(_MARKERS)],
                edgecolor="white",
                linewidth=0.6,
                label=str(name),
                zorder=3,
            )
        axes.set(
            xlim=(x0, x1), ylim=(y0, y1), xlabel=labels[0], ylabel=labels[1], title=title or ""
        )
        axes.legend(title="class", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return figure if ax is not None else _save(figure, path)


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
    with _style():
        figure = _figure((8.4, 3.8))
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
        return _save(figure, path)


def learning_curve(
    history: Any,
    path: Path | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Loss (and accuracy, where it was measured) by epoch.

    history: an estimator with `history_`, its list of dicts, a mapping from names to such histories (one line each), or a plain
    sequence of losses. Keys drawn: loss, val_loss, val_accuracy. Raises ValueError for an empty history.
    """
    named = history if isinstance(history, Mapping) else {"": history}
    curves = {name: _records(h) for name, h in named.items()}
    accuracy = any(
        r.get("val_accuracy") is not None for records in curves.values() for r in records
    )
    with _style():
        figure = _figure((8.4 if accuracy else 5.0, 3.4))
        axes = figure.subplots(1, 2 if accuracy else 1, squeeze=False)[0]
        for i, (name, records) in enumerate(curves.items()):
            color = _COLORS[i % len(_COLORS)]
            for key, style in (("loss", "-"), ("val_loss", "--")):
                epochs, values = _series(records, key)
                if values:
                    kind = "training" if key == "loss" else "validation"
                    axes[0].plot(
                        epochs,
                        values,
                        style,
                        color=color,
                        label=f"{name}, {kind}" if name else kind,
                    )
            epochs, values = _series(records, "val_accuracy")
            if accuracy and values:
                axes[1].plot(epochs, values, color=color, label=name)
        axes[0].set(xlabel="epoch", ylabel="loss (nats)", title=title or "")
        axes[0].legend(frameon=False)
        if accuracy:
            axes[1].set(xlabel="epoch", ylabel="validation accuracy")
            if len(curves) > 1:
                axes[1].legend(frameon=False)
        return _save(figure, path)


def embedding_map(
    vectors: ArrayLike,
    words: Sequence[str],
    path: Path | None = None,
    *,
    groups: Sequence[Any] | None = None,
    title: str | None = None,
) -> Figure:
    """Word vectors in the plane of their two principal components, each with its word.

    vectors [words, d], d >= 2; `groups`: one value a word, drawn as colours. The axes say what share of the variance they hold.
    Raises ValueError when the numbers of vectors, words and groups differ.
    """
    v = np.asarray(vectors, dtype=np.float64)
    if v.ndim != 2 or v.shape[1] < 2 or v.shape[0] != len(words):
        raise ValueError(
            f"vectors must have shape ({len(words)}, d), a row a word and d >= 2, got {v.shape}"
        )
    if groups is not None and len(groups) != len(words):
        raise ValueError(f"groups must have one value a word, {len(words)}, got {len(groups)}")
    centred = v - v.mean(axis=0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    if s.size < 2:
        raise ValueError(f"a map needs at least 2 words, got {len(words)}")
    # A component's sign is arbitrary: fixed, so that two runs agree.
    signs = np.sign(vt[range(len(vt)), abs(vt).argmax(axis=1)])
    xy = (u * s * np.where(signs == 0, 1, signs))[:, :2]
    share = s**2 / max(float((s**2).sum()), 1e-300)
    with _style():
        figure = _figure((6.4, 5.2))
        ax = figure.subplots()
        kinds = list(dict.fromkeys(groups)) if groups is not None else [None]
        for i, kind in enumerate(kinds):
            chosen = [groups is None or g == kind for g in (groups or words)]
            color = _COLORS[i % len(_COLORS)]
            ax.scatter(
                xy[chosen, 0],
                xy[chosen, 1],
                s=10,
                color=color,
                label=None if kind is None else str(kind),
            )
        ax.set(
            xlabel=f"1st principal component ({share[0]:.0%} of the variance)",
            ylabel=f"2nd principal component ({share[1]:.0%})",
            title=title or "",
        )
        ax.margins(0.12)
        if groups is not None:
            figure.legend(loc="outside lower center", ncols=3, frameon=False)
        colors = [_COLORS[kinds.index(k) % len(_COLORS)] for k in (groups or [None] * len(words))]
        _label_points(figure, ax, xy, words, colors)
        return _save(figure, path)


def _label_points(
    figure: Figure, ax: Axes, xy: Array, words: Sequence[str], colors: Sequence[str]
) -> None:
    """Each word beside its point, where it covers neither a point nor a word already written, if such a place is near."""
    size = 8.0  # points; letters are taken as 0.6 of that wide
    figure.draw_without_rendering()
    spots = ax.transData.transform(xy) * 72 / figure.dpi
    taken = [(x - 2, y - 2, x + 2, y + 2) for x, y in spots]
    places = [(4, 2), (4, -8), (None, 2), (None, -8), (0, 6), (0, -13), (8, 8), (None, 10)]
    for word, (x, y), color in zip(words, spots, colors, strict=True):
        width = 0.6 * size * len(word)
        boxes = [(x + (-width - 4 if dx is None else dx), y + dy) for dx, dy in places]
        free = [
            (u, v)
            for u, v in boxes
            if not any(
                u < right and left < u + width and v < t and b < v + size
                for left, b, right, t in taken
            )
        ]
        u, v = (free or boxes)[0]
        taken.append((u, v, u + width, v + size))
        ax.annotate(
            word,
            (x, y),
            xytext=(u - x, v - y),
            xycoords="figure points",
            textcoords="offset points",
            fontsize=size,
            color=color,
        )


def computation_graph(graph: Graph | Variable, path: Path, *, engine: str | None = None) -> None:
    """Draw a computation graph into a file: operations on the nodes, forward values in black, gradients in red.

    `graph`: a `pyffnn.autograd.Graph`, or its root. `path`: ends in .svg, .png, .pdf, or .dot / .gv for Graphviz text.
    `engine`: "graphviz" (the package and its `dot` program), "matplotlib", or None: the first of them that is installed.
    Raises ValueError for another engine, ImportError, naming the extra, when it is not installed.
    """
    g = graph if isinstance(graph, Graph) else Graph(graph)
    target = os.fspath(path)
    if target.endswith((".dot", ".gv")):
        with open(target, "w", encoding="utf-8") as file:
            file.write(g.to_dot())
        return
    if engine not in (None, "graphviz", "matplotlib"):
        raise ValueError(f"engine must be 'graphviz', 'matplotlib' or None, got {engine!r}")
    if engine is None:
        engine = "graphviz" if shutil.which("dot") and _graphviz() else "matplotlib"
    if engine == "graphviz":
        _render_graphviz(g, target)
    else:
        _draw_graph(g, target)


def _graphviz() -> Any:
    try:
        import graphviz  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    return graphviz


def _render_graphviz(graph: Graph, target: str) -> None:
    package = _graphviz()
    if package is None or not shutil.which("dot"):
        raise ImportError(
            "engine='graphviz' needs the package graphviz (pip install 'pyffnn[plot]') and Graphviz's program dot"
        )
    source = package.Source(graph.to_dot())
    kind = os.path.splitext(target)[1].lstrip(".").lower() or "png"
    with open(target, "wb") as file:
        file.write(source.pipe(format=kind))


def _draw_graph(graph: Graph, target: str) -> None:
    from .graph_layout import layout

    gradients = graph.gradients()
    number = {v: i for i, v in enumerate(graph.nodes)}
    edges = [(number[i], number[v]) for i, v in graph.edges()]
    place = layout(len(graph.nodes), edges)
    texts = []
    for v in graph.nodes:
        name, operation = graph.names[v], graph.operation(v)
        head = f"{name} = {operation}" if v.operation is not None else name
        texts.append((head, short(v.value), short(gradients[v]) if v in gradients else ""))
    height, gap_x, gap_y = 0.72, 0.45, 0.3
    columns = int(max(x for x, _ in place.nodes)) + 1
    rows = max(y for _, y in place.nodes) - min(y for _, y in place.nodes) + 1
    widths = [0.0] * columns  # inches
    for (x, _), (head, value, grad) in zip(place.nodes, texts, strict=True):
        needed = 0.085 * max(len(head), len(value), len(grad) + 5) + 0.2
        widths[int(x)] = max(widths[int(x)], needed)
    centres = [sum(widths[:c]) + gap_x * c + widths[c] / 2 for c in range(columns)]

    def spot(x: float, y: float) -> tuple[float, float]:
        return centres[int(x)], -y * (height + gap_y)

    with _style():
        figure = _figure((sum(widths) + gap_x * columns, rows * (height + gap_y) + 0.1))
        ax = figure.subplots()
        ax.set_axis_off()
        ax.set_aspect("equal")
        for (start, end), bends in zip(edges, place.bends, strict=True):
            x0, y0 = spot(*place.nodes[start])
            x1, y1 = spot(*place.nodes[end])
            x0 += widths[int(place.nodes[start][0])] / 2
            x1 -= widths[int(place.nodes[end][0])] / 2
            points = [(x0, y0), *[spot(*b) for b in bends], (x1, y1)]
            xs, ys = zip(*points, strict=True)
            ax.plot(xs, ys, color="#888888", linewidth=1, zorder=1)
            ax.annotate(
                "",
                points[-1],
                points[-2],
                arrowprops={"arrowstyle": "-|>", "color": "#888888", "shrinkA": 0, "shrinkB": 0},
                zorder=1,
            )
        for v, (head, value, grad), at in zip(graph.nodes, texts, place.nodes, strict=True):
            _draw_node(ax, spot(*at), (widths[int(at[0])], height), head, value, grad, v)
        ax.autoscale_view()
        _save(figure, target)


def _draw_node(
    ax: Axes,
    at: tuple[float, float],
    size: tuple[float, float],
    head: str,
    value: str,
    grad: str,
    v: Variable,
) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y = at
    w, h = size
    leaf = "#e8f0fe" if v.needs_grad else "#eeeeee"
    ax.add_patch(
        FancyBboxPatch(
            (x - w / 2, y - h / 2),
            w,
            h,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=leaf if v.operation is None else "white",
            edgecolor="#444444",
            linewidth=1,
            zorder=2,
        )
    )
    lines = [(head, "#000000", "bold"), (value, "#222222", "normal")]
    if grad:
        lines.append((f"grad {grad}", "#c1272d", "normal"))
    for i, (text, color, weight) in enumerate(lines):
        ax.text(
            x,
            y + h * ((len(lines) - 1) / 2 - i) * 0.29,
            text,
            ha="center",
            va="center",
            fontsize=9,
            color=color,
            weight=weight,
            zorder=3,
            parse_math=False,
        )


def _style() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'pyffnn[plot]'") from None
    return matplotlib.rc_context(_STYLE)


def _axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Any, Axes]:
    if ax is not None:
        return ax.figure, ax
    figure = _figure(size)
    return figure, figure.subplots()


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
    two = [_COLORS[0], _COLORS[1]]
    low, high = min(float(values.min()), cut) - 1, max(float(values.max()), cut) + 1
    axes.contourf(grid[..., 0], grid[..., 1], values, [low, cut, high], colors=two, alpha=0.18)
    if values.min() < cut < values.max() and len(np.unique(values)) > 2:
        axes.contour(grid[..., 0], grid[..., 1], values, [cut], colors="#333333", linewidths=1.2)


def _records(history: Any) -> list[Mapping[str, Any]]:
    records = list(getattr(history, "history_", history))
    if not records:
        raise ValueError("history must have at least one epoch, got none")
    return [
        r if isinstance(r, Mapping) else {"epoch": i, "loss": float(r)}
        for i, r in enumerate(records, start=1)
    ]


def _series(records: Iterable[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    pairs = [
        (int(r.get("epoch", i)), float(r[key]))
        for i, r in enumerate(records, start=1)
        if r.get(key) is not None
    ]
    return [e for e, _ in pairs], [v for _, v in pairs]
