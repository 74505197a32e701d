"""Pictures as SVG text, without any package: curves of a history, and computation graphs. Notebooks show them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from .layout import layout
from .style import COLORS

if TYPE_CHECKING:
    from ..autograd.graph import Graph

__all__ = ["curves", "graph"]

_OPEN = '<svg xmlns="http://www.w3.org/2000/svg" width="{0:.0f}" height="{1:.0f}" viewBox="0 0 {0:.0f} {1:.0f}">'
_FONT = 'font-family="Helvetica, Arial, sans-serif" font-size="11"'


def curves(lines: Mapping[str, Sequence[tuple[float, float]]], *, width: int = 420) -> str:
    """Lines by name, each of (x, y); points that are not finite are left out. "" where there is nothing to draw."""
    known = {n: [p for p in line if all(map(math.isfinite, p))] for n, line in lines.items()}
    known = {name: line for name, line in known.items() if line}
    points = [p for line in known.values() for p in line]
    if len({x for x, _ in points}) < 2:
        return ""
    height, left, right, top, bottom = 150, 52, 12, 10, 24
    x0, x1 = min(x for x, _ in points), max(x for x, _ in points)
    y0, y1 = min(y for _, y in points), max(y for _, y in points)
    spread = y1 - y0 or 1.0

    def at(p: tuple[float, float]) -> str:
        x = left + (p[0] - x0) / (x1 - x0) * (width - left - right)
        y = height - bottom - (p[1] - y0) / spread * (height - top - bottom)
        return f"{x:.1f},{y:.1f}"

    parts = [
        _OPEN.format(width, height),
        f'<g {_FONT} fill="#666">',
        f'<path d="M{left},{top}V{height - bottom}H{width - right}" fill="none" stroke="#999"/>',
        f'<text x="{left - 5}" y="{top + 5}" text-anchor="end">{y1:.4g}</text>',
        f'<text x="{left - 5}" y="{height - bottom}" text-anchor="end">{y0:.4g}</text>',
        f'<text x="{left}" y="{height - 8}">epoch {x0:g}</text>',
        f'<text x="{width - right}" y="{height - 8}" text-anchor="end">{x1:g}</text>',
    ]
    for i, (name, line) in enumerate(known.items()):
        color = COLORS[i % len(COLORS)]
        path = " ".join(map(at, line))
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"/>'
            f'<text x="{width - right}" y="{top + 5 + 14 * i}" text-anchor="end" fill="{color}">'
            f"{escape(name)}</text>"
        )
    return "".join([*parts, "</g></svg>"])


def graph(of: Graph) -> str:
    """A computation graph: operations on the nodes, forward values in black, gradients in red."""
    from ..autograd.graph import short

    gradients = of.gradients()
    number = {v: i for i, v in enumerate(of.nodes)}
    edges = [(number[i], number[v]) for i, v in of.edges()]
    place = layout(len(of.nodes), edges)
    boxes = []
    for v in of.nodes:
        name = of.names[v]
        lines = [name if v.operation is None else f"{name} = {of.operation(v)}", short(v.value)]
        boxes.append([*lines, f"grad {short(gradients[v])}"] if v in gradients else lines)
    height, gap_x, gap_y, margin = 52.0, 34.0, 20.0, 6.0
    widths: dict[int, float] = {}
    for (column, _), texts in zip(place.nodes, boxes, strict=True):
        widths[int(column)] = max(widths.get(int(column), 0), 6.4 * max(map(len, texts)) + 14)
    centres, x = {}, margin
    for column in sorted(widths):
        centres[column] = x + widths[column] / 2
        x += widths[column] + gap_x
    lowest = min(row for _, row in place.nodes)
    rows = max(row for _, row in place.nodes) - lowest + 1

    def spot(p: tuple[float, float]) -> tuple[float, float]:
        return centres[int(p[0])], margin + (p[1] - lowest) * (height + gap_y) + height / 2

    parts = [
        _OPEN.format(x - gap_x + margin, rows * (height + gap_y) - gap_y + 2 * margin),
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7"',
        ' markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z" fill="#888"/></marker></defs>',
        f"<g {_FONT}>",
    ]
    for (start, end), bends in zip(edges, place.bends, strict=True):
        (xa, ya), (xb, yb) = spot(place.nodes[start]), spot(place.nodes[end])
        xa += widths[int(place.nodes[start][0])] / 2
        xb -= widths[int(place.nodes[end][0])] / 2
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in [(xa, ya), *map(spot, bends), (xb, yb)])
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="#888" marker-end="url(#tip)"/>'
        )
    for v, where, texts in zip(of.nodes, place.nodes, boxes, strict=True):
        (cx, cy), width = spot(where), widths[int(where[0])]
        fill = "#ffffff" if v.operation is not None else "#e8f0fe" if v.needs_grad else "#eeeeee"
        parts.append(
            f'<rect x="{cx - width / 2:.1f}" y="{cy - height / 2:.1f}" width="{width:.1f}" height="{height:g}" '
            f'rx="6" fill="{fill}" stroke="#444"/>'
        )
        for i, text in enumerate(texts):
            y = cy + 4 + 15 * (i - (len(texts) - 1) / 2)
            look = ('fill="#000" font-weight="bold"', 'fill="#222"', 'fill="#c1272d"')[i]
            parts.append(
                f'<text x="{cx:.1f}" y="{y:.1f}" text-anchor="middle" {look}>{escape(text)}</text>'
            )
    return "".join([*parts, "</g></svg>"])
