"""What a fitted model is made of, to be printed: layers, parameters, memory."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import prod

from pyffnn.net import Network

__all__ = ["Layer", "Summary", "summarise"]


@dataclass(frozen=True)
class Layer:
    """A layer: the shapes of its arrays by name, its parameters, and their bytes."""

    name: str
    shapes: dict[str, tuple[int, ...]]
    parameters: int
    nbytes: int
    trainable: bool = True

    @property
    def shape(self) -> str:
        """Of the arrays, the largest first."""
        return ", ".join("x".join(map(str, shape)) for shape in self.shapes.values())


@dataclass(frozen=True)
class Summary:
    """Layers, parameters and memory of a fitted model; ``print`` shows a table, a notebook draws one.

    Attributes
    ----------
    model
        Name of its class.
    layers
        From the input to the output.
    parameters, trainable
        Numbers in all, and those that training changes.
    weight_bytes, state_bytes, kept_bytes
        Memory of the parameters, of the optimizer's state, and of copies kept for prediction.
    notes
        Further lines: what they are called, and their values.
    """

    model: str
    layers: tuple[Layer, ...]
    weight_bytes: int
    state_bytes: int
    kept_bytes: int
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable(self) -> int:
        return sum(layer.parameters for layer in self.layers if layer.trainable)

    @property
    def memory(self) -> int:
        """Bytes in all."""
        return self.weight_bytes + self.state_bytes + self.kept_bytes

    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                layer.name + ("" if layer.trainable else " (frozen)"),
                layer.shape,
                f"{layer.parameters:,}",
                size_text(layer.nbytes),
            )
            for layer in self.layers
        ]

    def _foot(self) -> list[tuple[str, str]]:
        sizes = {
            "weights": self.weight_bytes,
            "optimizer": self.state_bytes,
            "kept copies": self.kept_bytes,
        }
        parts = ", ".join(f"{name} {size_text(size)}" for name, size in sizes.items())
        return [
            ("parameters", f"{self.parameters:,}, of which training changes {self.trainable:,}"),
            (
                "memory",
                f"{size_text(self.memory)}: {parts}",
            ),
            *self.notes,
        ]

    def __str__(self) -> str:
        head = ("layer", "shape", "parameters", "memory")
        rows = self._rows()
        width = [max(len(row[i]) for row in [head, *rows]) for i in range(4)]
        lines = [self.model]
        for row in [head, *rows]:
            left = f"{row[0]:<{width[0]}}  {row[1]:<{width[1]}}"
            lines.append(f"  {left}  {row[2]:>{width[2]}}  {row[3]:>{width[3]}}")
        names = max(len(name) for name, _ in self._foot())
        lines += [f"  {name:<{names}}  {value}" for name, value in self._foot()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("layer", "shape", "parameters", "memory"))
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        foot = "<br>".join(f"{escape(name)}: {escape(value)}" for name, value in self._foot())
        return f"<b>{escape(self.model)}</b><table><tr>{head}</tr>{body}</table>{foot}"


def size_text(size: int) -> str:
    """Bytes for people."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def summarise(
    model: str, network: Network, notes: tuple[tuple[str, str], ...], *, frozen: bool
) -> Summary:
    """Of a network, whose parameters are called ``layer.part``; ``frozen``: training leaves the embeddings alone."""
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    sizes: dict[str, int] = {}
    for name, array in network.parameters().items():
        layer = name.rpartition(".")[0] or name
        parts.setdefault(layer, {})[name] = array.shape
        sizes[layer] = sizes.get(layer, 0) + array.nbytes
    layers = tuple(
        Layer(
            layer,
            dict(sorted(shapes.items(), key=lambda item: -prod(item[1]))),
            sum(map(prod, shapes.values())),
            sizes[layer],
            not (frozen and layer == "embedding"),
        )
        for layer, shapes in parts.items()
    )
    state = sum(array.nbytes for array in network.state().values())
    weights = sum(sizes.values())
    return Summary(model, layers, weights, state, network.kept_bytes(), notes)
