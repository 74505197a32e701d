"""ONNX graphs, a node at a time, and described networks as such nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError as error:
    raise ImportError("to_onnx needs the onnx package: pip install 'pyffnn[onnx]'") from error

from pyffnn.net.blueprint import (
    SPREAD_EPS,
    Activation,
    Bags,
    Blueprint,
    Clusters,
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

__all__ = ["ML_OPSET", "OPSET", "Graph", "network"]

OPSET = 20
"""Of ai.onnx: the first with StringSplit, StringConcat and Gelu. onnxruntime has it from 1.17 on."""
ML_OPSET = 3
"""Of ai.onnx.ml, for LabelEncoder."""
IR_VERSION = 9

_ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid"}
_MOST = (1 << 31) - 1


class Graph:
    """Nodes and constants; values are named by what makes them."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []

    def input(self, name: str, dtype: str, shape: list[Any]) -> str:
        kind = getattr(onnx.TensorProto, dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, dtype: str, shape: list[Any]) -> None:
        """``value`` as an output of that name."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        kind = getattr(onnx.TensorProto, dtype)
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, array: Any, name: str | None = None) -> str:
        """A constant; one that is given a name is stored once."""
        if name is None:
            name = f"constant{len(self.constants)}"
        if name not in self.constants:
            values = np.asarray(array)
            if values.dtype.kind in "OU":
                flat = [str(v).encode() for v in values.ravel().tolist()]
                tensor = helper.make_tensor(name, onnx.TensorProto.STRING, values.shape, flat)
            else:
                tensor = numpy_helper.from_array(np.asarray(values, order="C"), name)
            self.constants[name] = tensor
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64), "i" + "_".join(map(str, values)))

    def number(self, value: float) -> str:
        return self.constant(np.float32(value), f"f{value}")

    def __call__(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; the name of that."""
        return self.several(operator, 1, *inputs, domain=domain, **attributes)[0]

    def several(
        self, operator: str, count: int, *inputs: str, domain: str = "", **attributes: Any
    ) -> list[str]:
        base = f"{operator}{len(self.nodes)}"
        names = [base] if count == 1 else [f"{base}.{i}" for i in range(count)]
        self.nodes.append(
            helper.make_node(operator, list(inputs), names, name=base, domain=domain, **attributes)
        )
        return names

    # what several places need

    def cast(self, value: str, dtype: str) -> str:
        return self("Cast", value, to=getattr(onnx.TensorProto, dtype))

    def cut(self, value: str, begin: int, end: int | None, axis: int = 1) -> str:
        """``value[:, begin:end]``."""
        stop = _MOST if end is None else end
        return self("Slice", value, self.integers(begin), self.integers(stop), self.integers(axis))

    def fill(self, ids: str, left: int, right: int) -> str:
        """So many missing ids before and behind those of each row."""
        return self(
            "Pad",
            ids,
            self.integers(0, left, 0, right),
            self.constant(np.array(-1, np.int64), "missing"),
        )

    def model(self, name: str, properties: dict[str, str], version: str) -> Any:
        graph = helper.make_graph(
            self.nodes, name, self.inputs, self.outputs, list(self.constants.values())
        )
        made = helper.make_model(
            graph,
            opset_imports=[
                helper.make_opsetid("", OPSET),
                helper.make_opsetid("ai.onnx.ml", ML_OPSET),
            ],
            producer_name="pyffnn",
            producer_version=version,
            ir_version=IR_VERSION,
        )
        helper.set_model_props(made, properties)
        return made


def network(g: Graph, plan: Blueprint, x: str) -> str:
    """The probabilities or numbers [n, n_outputs] of an input: features [n, width], or ids [n, any length] with -1 for none."""
    first = h = _Input(g, plan).value(x)
    for step in plan.steps:
        h = g("Concat", h, first, axis=1) if isinstance(step, JoinInput) else _step(g, step, h)
    if isinstance(plan.output, Clusters):
        return _clusters(g, plan.output, h)
    assert isinstance(plan.output, Outputs)
    z = _linear(g, plan.output.linear, h)
    if plan.output.spread_power:
        apart = g("Sub", z, g("ReduceMean", z, g.integers(1), keepdims=1))
        square = g("ReduceMean", g("Mul", apart, apart), g.integers(1), keepdims=1)
        square = g("Add", square, g.number(SPREAD_EPS))
        z = g("Mul", z, g("Pow", square, g.number(plan.output.spread_power / 2)))
    if plan.output.kind == "identity":
        return z
    return g("Softmax", z, axis=1) if plan.output.kind == "softmax" else g("Sigmoid", z)


class _Input:
    def __init__(self, g: Graph, plan: Blueprint) -> None:
        self.g, self.part, self.tied, self.output = g, plan.input, plan.tied, plan.output

    def value(self, x: str) -> str:
        g, part = self.g, self.part
        if isinstance(part, Numbers):
            return x
        if isinstance(part, Bags):
            return self.bags(part, x)
        if isinstance(part, Sequence_):
            # as many behind as there could be too few
            rows = self.rows(g.cut(g.fill(x, 0, part.length), 0, part.length), part.table)
            return g("Reshape", rows, g.integers(-1, part.length * part.table.shape[1]))
        assert isinstance(part, Windows)
        return self.windows(part, x)

    def bags(self, part: Bags, ids: str) -> str:
        if part.weights is not None:
            return self.weighted(part, ids)
        g = self.g
        rows = self.rows(ids, part.table)
        total = g("ReduceSum", rows, g.integers(1), keepdims=0)
        if part.pool == "sum":
            return total
        there = g.cast(g("GreaterOrEqual", ids, g.constant(np.int64(0), "zero")), "FLOAT")
        count = g("Max", g("ReduceSum", there, g.integers(1), keepdims=1), g.number(1.0))
        return g("Div", total, g("Sqrt", count) if part.pool == "sqrtn" else count)

    def weighted(self, part: Bags, ids: str) -> str:
        """The different ids of each row first, so that each is there once."""
        g, axis = self.g, self.g.integers(1)
        assert part.weights is not None
        zero = g.constant(np.int64(0), "zero")
        ids = g.fill(ids, 0, 1)  # at least one
        ids = g.several("TopK", 2, ids, g("Shape", ids, start=1), axis=1)[0]
        # the same ids now stand side by side: the number of the run that each is in
        new = g.cast(g("Not", g("Equal", g.cut(ids, 1, None), g.cut(ids, 0, -1))), "INT64")
        run = g("CumSum", g("Pad", new, g.integers(0, 1, 0, 0)), g.constant(np.int64(1), "one"))
        zeros = g("Mul", ids, zero)
        ones = g("Add", zeros, g.constant(np.int64(1), "one"))
        count = g("ScatterElements", zeros, run, ones, axis=1, reduction="add")
        nothing = g("Sub", zeros, ones)
        ids = g("ScatterElements", nothing, run, ids, axis=1, reduction="max")
        missing = g("Less", ids, zero)
        spare = g.constant(np.int64(len(part.table)), "spare")
        weights = g.constant(np.append(part.weights, np.float32(0)), "embedding.weights")
        weight = g("Gather", weights, g("Where", missing, spare, ids), axis=0)
        times = g("Log", g("Max", g.cast(count, "FLOAT"), g.number(1.0)))
        v = g("Mul", g("Add", times, g.number(1.0)), weight)
        square = g("ReduceSum", g("Mul", v, v), axis, keepdims=1)
        norm = g("Where", g("Greater", square, g.number(0.0)), g("Sqrt", square), g.number(1.0))
        total = g("MatMul", g("Unsqueeze", v, axis), self.rows(ids, part.table))
        return g("Div", g("Squeeze", total, axis), norm)

    def windows(self, part: Windows, ids: str) -> str:
        g, dim = self.g, part.table.shape[1]
        reach, far_size = part.reach, part.reach - part.context
        rows = self.rows(g.cut(g.fill(ids, reach, 0), -reach, None), part.table)
        near = g("Reshape", g.cut(rows, far_size, None), g.integers(-1, part.context * dim))
        if part.distant is None:
            return near
        weights = g.constant(part.distant[:, ::-1], "distant")  # the farthest first, as rows stand
        far = g("MatMul", weights, g.cut(rows, 0, far_size))
        far = g("Reshape", far, g.integers(-1, part.distant.shape[0] * dim))
        return g("Concat", near, far, axis=1)

    def rows(self, ids: str, table: NDArray[np.float32]) -> str:
        """[n, length, dim]; zeros for -1."""
        g = self.g
        missing = g("Less", ids, g.constant(np.int64(0), "zero"))
        if not self.tied:
            spare = g.constant(np.int64(len(table)), "spare")
            whole = np.concatenate([table, np.zeros((1, table.shape[1]), np.float32)])
            return g(
                "Gather", g.constant(whole, "embedding"), g("Where", missing, spare, ids), axis=0
            )
        assert isinstance(self.output, Outputs)
        linear = self.output.linear
        shared = g.constant(linear.weight.T, f"{linear.name}.weight")
        found = g(
            "Gather", shared, g("Where", missing, g.constant(np.int64(0), "zero"), ids), axis=0
        )
        if linear.weight.shape[0] > table.shape[1]:
            found = g.cut(found, 0, table.shape[1], axis=2)
        there = g.cast(g("Not", missing), "FLOAT")
        return g("Mul", found, g("Unsqueeze", there, g.integers(2)))


def _step(g: Graph, step: Step, h: str) -> str:
    if isinstance(step, Linear):
        return _linear(g, step, h)
    if isinstance(step, Activation):
        if step.kind == "gelu":
            return g("Gelu", h, approximate="tanh")
        return g(_ACTIVATIONS[step.kind], h)
    if isinstance(step, LayerNorm):
        gain = g.constant(step.gain, f"{step.name}.gain")
        shift = g.constant(step.shift, f"{step.name}.shift")
        return g("LayerNormalization", h, gain, shift, axis=-1, epsilon=step.eps)
    assert isinstance(step, Residual)
    inner = h
    for part in step.steps:
        inner = _step(g, part, inner)
    return g("Add", h, inner)


def _linear(g: Graph, part: Linear, h: str) -> str:
    weight = part.weight.T if part.of_words else part.weight
    operands = [g.constant(weight, f"{part.name}.weight")]
    if part.bias is not None:
        operands.append(g.constant(part.bias, f"{part.name}.bias"))
    return g("Gemm", h, *operands, transB=int(part.of_words))


def _clusters(g: Graph, part: Clusters, h: str) -> str:
    first = part.cutoffs[0]
    head = g("LogSoftmax", _linear(g, part.head, h), axis=1)
    parts = [g.cut(head, 0, first)]
    for i, (projection, words) in enumerate(part.tails):
        tail = g("LogSoftmax", _linear(g, words, _linear(g, projection, h)), axis=1)
        parts.append(g("Add", tail, g.cut(head, first + i, first + i + 1)))
    rank = g.constant(np.argsort(part.by_frequency).astype(np.int64), "rank")
    return g("Exp", g("Gather", g("Concat", *parts, axis=1), rank, axis=1))


def lookup(g: Graph, words: str, keys: Iterable[str], values: Iterable[int], other: int) -> str:
    """A number for each string."""
    return g(
        "LabelEncoder",
        words,
        domain="ai.onnx.ml",
        keys_strings=list(keys),
        values_int64s=[int(v) for v in values],
        default_int64=other,
    )
