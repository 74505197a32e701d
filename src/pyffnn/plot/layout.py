"""Places for the nodes of a layered drawing: columns by depth, rows by the neighbours' average (Sugiyama, Tagawa & Toda 1981)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

__all__ = ["Layout", "layout"]

_SWEEPS = 8


class Layout(NamedTuple):
    """(column, row) of each node, and of the points each edge passes between its ends."""

    nodes: list[tuple[float, float]]
    bends: list[list[tuple[float, float]]]


def layout(count: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """Places of nodes 0 .. count - 1 for edges (from, to) with from < to: an edge always leads to the right.

    A node without incoming edges stands one column before the first node that uses it.
    """
    column = [0] * count
    users: list[list[int]] = [[] for _ in range(count)]
    fed = [False] * count
    for a, b in edges:
        users[a].append(b)
        fed[b] = True
    for b in range(count):
        column[b] = max((column[a] + 1 for a, t in edges if t == b), default=0)
    for a in range(count):
        if not fed[a] and users[a]:
            column[a] = min(column[b] for b in users[a]) - 1

    # Edges over several columns get a point in each column between, which takes part in the ordering.
    columns: list[list[int]] = [[] for _ in range(max(column, default=0) + 1)]
    for v in range(count):
        columns[column[v]].append(v)
    chains: list[list[int]] = []
    links: list[tuple[int, int]] = []
    points = count
    for a, b in edges:
        chain = []
        for c in range(column[a] + 1, column[b]):
            columns[c].append(points)
            chain.append(points)
            points += 1
        chains.append(chain)
        path = [a, *chain, b]
        links += list(pairwise(path))

    row = [0.0] * points
    before: list[list[int]] = [[] for _ in range(points)]
    after: list[list[int]] = [[] for _ in range(points)]
    for a, b in links:
        after[a].append(b)
        before[b].append(a)
    for members in columns:
        _spread(members, row)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        for members in columns if forward else columns[::-1]:
            for v in members:
                beside = before[v] if forward else after[v]
                if beside:
                    row[v] = sum(row[u] for u in beside) / len(beside)
            members.sort(key=lambda v: row[v])
            _spread(members, row)
    where = {v: float(c) for c, members in enumerate(columns) for v in members}
    spots = [(where[v], row[v]) for v in range(points)]
    return Layout(spots[:count], [[spots[p] for p in chain] for chain in chains])


def _spread(members: Sequence[int], row: list[float]) -> None:
    """Rows at least 1 apart, in the order given, as near as may be to those they have."""
    if not members:
        return
    wanted = sum(row[v] for v in members) / len(members)
    for above, v in pairwise(members):
        row[v] = max(row[v], row[above] + 1)
    moved = sum(row[v] for v in members) / len(members) - wanted
    for v in members:
        row[v] -= moved
