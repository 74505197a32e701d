"""The parts of a described network as modules of PyTorch, and the numbers in them on their way back."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from pyffnn.net.blueprint import (
    SPREAD_EPS,
    Activation,
    Bags,
    Blueprint,
    Clusters,
    Input,
    JoinInput,
    LayerNorm,
    Linear,
    Numbers,
    Outputs,
    Residual,
    Sequence_,
    Step,
    Windows,
)

__all__ = ["BagInput", "Net", "SequenceInput", "WeightedBagInput", "WindowInput", "arrays_of"]

Tensor: TypeAlias = torch.Tensor
functional = torch.nn.functional
Module: TypeAlias = torch.nn.Module

_ACTIVATIONS = {
    "relu": torch.nn.ReLU,
    "tanh": torch.nn.Tanh,
    "sigmoid": torch.nn.Sigmoid,
    "gelu": lambda: torch.nn.GELU(approximate="tanh"),
}


class NumberInput(Module):  # type: ignore[misc]
    """x [n, width]."""

    def forward(self, x: Tensor, table: Tensor | None) -> Tensor:
        return x


class BagInput(Module):  # type: ignore[misc]
    """Bags of rows: ids [n] with the offsets of the bags, or ids [bags, length]."""

    def __init__(self, pool: str) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, ids: Tensor, table: Tensor, offsets: Tensor | None = None) -> Tensor:
        mode = "mean" if self.pool == "mean" else "sum"
        pooled = functional.embedding_bag(ids, table, offsets, mode=mode)
        if self.pool != "sqrtn":
            return pooled
        if offsets is None:
            return pooled / max(ids.shape[1], 1) ** 0.5
        ends = torch.cat([offsets, offsets.new_full((1,), ids.shape[0])])
        return pooled / (ends[1:] - ends[:-1]).clamp(min=1).to(pooled.dtype).sqrt()[:, None]

    def extra_repr(self) -> str:
        return f"pool={self.pool!r}"


class WeightedBagInput(Module):  # type: ignore[misc]
    """Bags as those of `BagInput`, each of their rows once, times ``(1 + ln count) weights[row]``, these numbers divided by their norm."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def forward(self, ids: Tensor, table: Tensor, offsets: Tensor | None = None) -> Tensor:
        if offsets is None:
            bags, length = ids.shape
            bag = torch.arange(bags, device=ids.device).repeat_interleave(length)
        else:
            bags = offsets.shape[0]
            ends = torch.cat([offsets, offsets.new_full((1,), ids.shape[0])])
            bag = torch.arange(bags, device=ids.device).repeat_interleave(ends[1:] - ends[:-1])
        # in the order of the bags
        found, counts = torch.unique(bag * table.shape[0] + ids.flatten(), return_counts=True)
        bag, ids = found // table.shape[0], found % table.shape[0]
        v = (1 + counts.to(table.dtype).log()) * self.weights.to(table.dtype)[ids]
        square = v.new_zeros(bags).index_add(0, bag, v * v)
        v = v / torch.where(square > 0, square.sqrt(), 1)[bag]
        begins = torch.searchsorted(bag, torch.arange(bags, device=bag.device))
        return functional.embedding_bag(ids, table, begins, mode="sum", per_sample_weights=v)

    def extra_repr(self) -> str:
        return "pool='weighted'"


class SequenceInput(Module):  # type: ignore[misc]
    """The rows of ids [n, any length], cut or filled up to ``length``, end to end; -1 is one that is missing."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def forward(self, ids: Tensor, table: Tensor) -> Tensor:
        ids = ids[:, : self.length]
        ids = functional.pad(ids, (0, self.length - ids.shape[1]), value=-1)
        return _rows(ids, table).flatten(1)

    def extra_repr(self) -> str:
        return f"length={self.length}"


class WindowInput(Module):  # type: ignore[misc]
    """The last rows of ids [n, any length], and means of those before; -1 is one that is missing."""

    def __init__(self, context: int, distant: Tensor | None) -> None:
        super().__init__()
        self.context = context
        self.distant = None if distant is None else torch.nn.Parameter(distant)
        self.reach = context + (0 if distant is None else distant.shape[1])

    def forward(self, ids: Tensor, table: Tensor) -> Tensor:
        ids = ids[:, max(ids.shape[1] - self.reach, 0) :]
        ids = functional.pad(ids, (self.reach - ids.shape[1], 0), value=-1)
        rows = _rows(ids, table)
        near = rows[:, self.reach - self.context :].flatten(1)
        if self.distant is None:
            return near
        far = rows[:, : self.reach - self.context].flip(1)  # the nearest of them first
        return torch.cat([near, torch.einsum("kj,njd->nkd", self.distant, far).flatten(1)], 1)

    def extra_repr(self) -> str:
        return f"context={self.context}, reach={self.reach}"


class ResidualStep(Module):  # type: ignore[misc]
    def __init__(self, steps: list[Module]) -> None:
        super().__init__()
        self.steps = torch.nn.Sequential(*steps)

    def forward(self, h: Tensor) -> Tensor:
        return h + self.steps(h)


class ClusterOutput(Module):  # type: ignore[misc]
    """Adaptive softmax."""

    def __init__(self, output: Clusters) -> None:
        super().__init__()
        self.head = _linear(output.head)
        self.tails = torch.nn.ModuleList(
            torch.nn.Sequential(_linear(projection), _linear(words))
            for projection, words in output.tails
        )
        self.first = output.cutoffs[0]
        rank = torch.from_numpy(np.argsort(output.by_frequency))
        self.register_buffer("rank", rank, persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        head = functional.log_softmax(self.head(h), 1)
        first = self.first
        parts = [head[:, :first]]
        for i, tail in enumerate(self.tails):
            parts.append(functional.log_softmax(tail(h), 1) + head[:, first + i : first + i + 1])
        return torch.cat(parts, 1)[:, self.rank]


class Net(Module):  # type: ignore[misc]
    """From what the input gives to what the output gives before its softmax or sigmoid (after it, for clusters)."""

    def __init__(self, plan: Blueprint) -> None:
        super().__init__()
        self.tied = plan.tied
        self.input = _input(plan.input)
        table = getattr(plan.input, "table", None)
        self.dim = 0 if table is None else table.shape[1]
        own = None if table is None or plan.tied else torch.nn.Parameter(_tensor(table))
        self.table = own
        self.steps = torch.nn.ModuleList(
            _step(step) for step in plan.steps if not isinstance(step, JoinInput)
        )
        self.joins = any(isinstance(step, JoinInput) for step in plan.steps)
        self.kind = plan.output.kind if isinstance(plan.output, Outputs) else "clusters"
        self.spread_power = plan.output.spread_power if isinstance(plan.output, Outputs) else 0.0
        if isinstance(plan.output, Outputs):
            self.output = _linear(plan.output.linear)
        else:
            self.output = ClusterOutput(plan.output)

    def forward(self, x: Tensor, *more: Tensor) -> Tensor:
        table = self.output.weight[:, : self.dim] if self.tied else self.table
        h = x = self.input(x, table, *more)
        for step in self.steps:
            h = step(h)
        z = self.output(torch.cat([h, x], 1) if self.joins else h)
        if not self.spread_power:
            return z
        apart = z - z.mean(1, keepdim=True)
        square = apart.square().mean(1, keepdim=True) + SPREAD_EPS
        return z * square ** (self.spread_power / 2)


def arrays_of(net: Net) -> dict[str, NDArray[np.float32]]:
    """The numbers by the names of the network's parameters."""
    found: dict[str, Tensor] = {}
    if net.table is not None:
        found["embedding"] = net.table
    if getattr(net.input, "distant", None) is not None:
        found["distant"] = net.input.distant
    if isinstance(net.input, WeightedBagInput):
        found["embedding.weights"] = net.input.weights
    for module in net.modules():
        name = getattr(module, "parameter", None)
        if isinstance(module, torch.nn.LayerNorm):
            found |= {f"{name}.gain": module.weight, f"{name}.shift": module.bias}
        elif isinstance(module, torch.nn.Linear) and name is not None:
            weight = module.weight if module.of_words else module.weight.t()
            # a projection of a cluster is a matrix without a name of its own
            found[name if name.endswith(".projection") else f"{name}.weight"] = weight
            if module.bias is not None:
                found[f"{name}.bias"] = module.bias
    return {
        name: np.ascontiguousarray(tensor.detach().to("cpu", torch.float32).numpy())
        for name, tensor in found.items()
    }


def _rows(ids: Tensor, table: Tensor) -> Tensor:
    return functional.embedding(ids.clamp(min=0), table) * (ids >= 0)[..., None]


def _input(part: Input) -> Module:
    if isinstance(part, Numbers):
        return NumberInput()
    if isinstance(part, Bags):
        return (
            BagInput(part.pool) if part.weights is None else WeightedBagInput(_tensor(part.weights))
        )
    if isinstance(part, Sequence_):
        return SequenceInput(part.length)
    assert isinstance(part, Windows)
    return WindowInput(part.context, None if part.distant is None else _tensor(part.distant))


def _step(step: Step) -> Module:
    if isinstance(step, Linear):
        return _linear(step)
    if isinstance(step, Activation):
        return _ACTIVATIONS[step.kind]()
    if isinstance(step, LayerNorm):
        norm = torch.nn.LayerNorm(step.gain.shape[0], eps=step.eps)
        norm.parameter = step.name
        norm.weight = torch.nn.Parameter(_tensor(step.gain))
        norm.bias = torch.nn.Parameter(_tensor(step.shift))
        return norm
    assert isinstance(step, Residual)
    return ResidualStep([_step(inner) for inner in step.steps])


def _linear(part: Linear) -> Module:
    layer = torch.nn.Linear(*part.weight.shape, bias=part.bias is not None, device="meta")
    layer.parameter, layer.of_words = part.name, part.of_words
    layer.weight = torch.nn.Parameter(_tensor(part.weight.T))
    if part.bias is not None:
        layer.bias = torch.nn.Parameter(_tensor(part.bias))
    return layer


def _tensor(array: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32, order="C"))
