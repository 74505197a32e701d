"""A computation graph to look at: table, Graphviz text, drawing."""

from __future__ import annotations

import html
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .backward import evaluation_order
from .node import Array
from .variable import Variable

__all__ = ["Graph", "Row", "Table", "graph"]


class Row(NamedTuple):
    """One node: its name, its operation written out, its forward value, and d root / d node (None where there is none)."""

    name: str
    operation: str
    value: Array
    grad: Array | None


class Table(list[Row]):
    """Rows in evaluation order; prints as an aligned table."""

    def __str__(self) -> str:
        head = ("node", "operation", "value", "d/dnode")
        cells = [
            head,
            *[
                (r.name, r.operation, short(r.value), "" if r.grad is None else short(r.grad))
                for r in self
            ],
        ]
        widths = [max(len(row[i]) for row in cells) for i in range(4)]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in cells
        ]
        return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = [
            (r.name, r.operation, short(r.value), "" if r.grad is None else short(r.grad))
            for r in self
        ]
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in cells
        )
        head = "".join(f"<th>{name}</th>" for name in ("node", "operation", "value", "d/dnode"))
        return f"<table><tr>{head}</tr>{body}</table>"


def short(a: Array) -> str:
    """An array in a few characters: its numbers when there are at most six, else its shape."""
    if a.size > 6:
        return f"array{a.shape}".replace(",)", ")")
    return (
        np.array2string(a, precision=4, separator=", ", suppress_small=True).replace("\n", "")
        if a.ndim
        else f"{a.item():.4g}"
    )


class Graph:
    """The graph that computed `root`: `nodes` in evaluation order, inputs first."""

    def __init__(self, root: Variable) -> None:
        if not isinstance(root, Variable):
            raise TypeError(f"graph needs a Variable, got {type(root).__name__}")
        self.root = root
        self.nodes = tuple([v for v in evaluation_order(root) if not _inline(v) or v is root])
        self.names: dict[Variable, str] = {}
        taken = {v.name for v in self.nodes}
        letters = (name for name in _automatic_names() if name not in taken)
        for v in self.nodes:
            self.names[v] = v.name if v.name is not None else next(letters)

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Variable]:
        return iter(self.nodes)

    def operation(self, v: Variable) -> str:
        """What made v, written with its inputs' names: "a + d"; "variable" or "constant" for a leaf."""
        if v.operation is None:
            return "variable" if v.needs_grad else "constant"
        inputs = [self.names[i] if i in self.names else short(i.value) for i in v.inputs]
        if len(inputs) == 2 and not v.operation[0].isalpha():
            return f"{inputs[0]} {v.operation} {inputs[1]}"
        if v.operation == "neg":
            return f"-{inputs[0]}"
        return f"{v.operation}({', '.join(inputs)})"

    def gradients(self) -> dict[Variable, Array]:
        """d root / d node for each node that has one: from the last `root.backward()`, run here when the root is a scalar without one."""
        if self.root.grad is None and self.root.size == 1 and self.root.needs_grad:
            before = [(v, v.grad) for v in self.nodes]
            try:
                self.root.backward()
                return {v: v.grad for v in self.nodes if v.grad is not None}
            finally:
                for v, grad in before:
                    v.grad = grad
        return (
            {v: v.grad for v in self.nodes if v.grad is not None}
            if self.root.grad is not None
            else {}
        )

    def table(self) -> Table:
        """Each node's name, operation, forward value and d root / d node, in evaluation order (scalar constants stand in the operations)."""
        gradients = self.gradients()
        return Table(
            Row(self.names[v], self.operation(v), v.value, gradients.get(v)) for v in self.nodes
        )

    def edges(self) -> list[tuple[Variable, Variable]]:
        """(input, node) for each use of a node, in evaluation order."""
        return [(i, v) for v in self.nodes for i in v.inputs if i in self.names]

    def to_dot(self) -> str:
        """The graph in Graphviz's language: names, operations, forward values and gradients on the nodes."""
        gradients = self.gradients()
        number = {v: i for i, v in enumerate(self.nodes)}
        lines = [
            "digraph computation {",
            "  rankdir=LR;",
            '  node [shape=record, fontname="Helvetica"];',
        ]
        for v in self.nodes:
            fields = [
                self.names[v] if v.operation is None else f"{self.names[v]} = {self.operation(v)}",
                f"value {short(v.value)}",
            ]
            if v in gradients:
                fields.append(f"grad {short(gradients[v])}")
            style = (
                ""
                if v.operation is not None
                else ", style=filled, fillcolor=" + ('"#e8f0fe"' if v.needs_grad else '"#eeeeee"')
            )
            lines.append(f'  n{number[v]} [label="{"|".join(_escape(f) for f in fields)}"{style}];')
        lines += [f"  n{number[i]} -> n{number[v]};" for i, v in self.edges()]
        return "\n".join([*lines, "}"]) + "\n"

    def _repr_svg_(self) -> str:
        from ..plot import svg

        return svg.graph(self)

    def plot(self, path: str | os.PathLike[str], *, engine: str | None = None) -> None:
        """Draw the graph into a file (the ending says the format: .svg, .png, .pdf, or .dot for the text).

        `engine`: "graphviz" (package and `dot` program), "matplotlib", or None for the first of them that is installed.
        Raises ImportError, naming the extra, when none is.
        """
        from .. import plot

        plot.computation_graph(self, path, engine=engine)


def graph(v: Variable) -> Graph:
    """The graph that computed v, to print (`.table()`) or draw (`.plot(path)`, `.to_dot()`). Raises GraphError for a cycle."""
    return Graph(v)


def _inline(v: Variable) -> bool:
    return v.operation is None and not v.needs_grad and v.name is None and v.size == 1


def _automatic_names() -> Iterator[str]:
    i = 1
    while True:
        yield f"v{i}"
        i += 1


def _escape(text: str) -> str:
    return "".join("\\" + c if c in '{}|<>"\\' else c for c in text)
