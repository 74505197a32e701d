"""Computation graphs, by Graphviz or by a layout of our own."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

from ..autograd.graph import Graph, short
from .layout import layout
from .style import Path, new_figure, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..autograd import Variable


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

    with style():
        figure = new_figure((sum(widths) + gap_x * columns, rows * (height + gap_y) + 0.1))
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
        save(figure, target)


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
