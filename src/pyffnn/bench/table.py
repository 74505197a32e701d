"""The table: which kernels on which shapes, against whom, and what is wanted of each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import pyffnn
from pyffnn import _pyffnn, ops, testing
from pyffnn.bench import peers
from pyffnn.bench.timing import Call
from pyffnn.precision import Precision
from pyffnn.testing.kernel import Shape


@dataclass(frozen=True)
class Want:
    """What a group is to reach: a ratio in every case and in its large ones, the geometric mean of the ratios, a share of the peak (of FMA, or
    of AMX in bf16) in its large cases."""

    geometric_mean: float | None = None
    every: float | None = None
    peak_share: float | None = None
    every_large: float | None = None
    peak: str = "FMA"


@dataclass(frozen=True)
class Case:
    """One comparison. `calls()` makes the contenders, "pyffnn" among them; `against` are the peers of the verdict, the best of whom counts."""

    group: str
    name: str
    calls: Callable[[], dict[str, Call]]
    against: tuple[str, ...]
    flops: float = 0.0
    bytes: float = 0.0
    large: bool = False
    """Held to the group's share of the peak."""
    want: float | None = None
    """A ratio of this case's own."""
    dtype: str = "float32"


@dataclass(frozen=True)
class Group:
    """Cases that are judged together."""

    name: str
    against: str
    want: Want
    cases: tuple[Case, ...] = field(default=())
    without: str = ""
    """Why the group has no cases here."""
    compile_torch: bool = True
    """PyTorch's call may be compiled: not one that is a single product by its own library."""


def _mkn(shape: Shape) -> str:
    return f"{shape['m']}x{shape['k']}x{shape['n']}"


def _registry_case(
    group: str,
    kernel: str,
    shape: Shape,
    name: str,
    against: tuple[str, ...],
    dtype: str = "float32",
    **given: Any,
) -> Case:
    entry = testing.kernel(kernel)

    def calls() -> dict[str, Call]:
        inputs = entry.inputs(shape, dtype)
        if entry.into:
            out = np.empty_like(entry.run(**inputs)[0])
            run = getattr(ops, kernel)
            return {"pyffnn": lambda: run(**inputs, out=out), **peers.PEERS[kernel](inputs)}
        return {"pyffnn": lambda: entry.run(**inputs), **peers.PEERS[kernel](inputs)}

    size = np.dtype(dtype).itemsize
    return Case(
        group,
        name,
        calls,
        against,
        entry.flops(shape),
        entry.bytes(shape, size),
        dtype=dtype,
        **given,
    )


def _products(name: str, want: Want, dtype: str = "float32", sides: str = "nn") -> Group:
    """Products of the registry's shapes; `sides` says which operand is given transposed ("tn": the left one)."""
    entry = testing.kernel("matmul")

    def calls_of(shape: Shape) -> Callable[[], dict[str, Call]]:
        def calls() -> dict[str, Call]:
            inputs = entry.inputs(shape, dtype)
            for side, key in zip(sides, ("a", "b"), strict=True):
                if side == "t":
                    inputs[key] = np.ascontiguousarray(inputs[key].T).T
            out = np.empty((shape["m"], shape["n"]), dtype)
            return {"pyffnn": lambda: ops.matmul(**inputs, out=out), **peers.matmul(inputs)}

        return calls

    size = np.dtype(dtype).itemsize
    cases = tuple(
        Case(
            name,
            _mkn(shape),
            calls_of(shape),
            ("numpy", "scipy", "torch"),
            entry.flops(shape),
            entry.bytes(shape, size),
            large=min(shape.values()) >= 512,
            dtype=dtype,
        )
        for shape in entry.bench
    )
    return Group(name, "best of NumPy, SciPy and PyTorch", want, cases, compile_torch=False)


def _no_tiles() -> str:
    """Why the bf16 modes have no figures here; empty where they have."""
    return "" if "amx" in pyffnn.available_isas() else f"needs AMX: {pyffnn.config()['amx']}"


_SPLIT_WANTS = {"bfloat16x3": Want(1.8, every_large=3.0), "bfloat16x6": Want(1.2, every_large=1.5)}


def _half_products(precision: Precision) -> Group:
    """bf16 modes: only where the machine has AMX, since elsewhere they run in float32."""
    name = precision.replace("bfloat16", "gemm bf16")
    plain = precision == "bfloat16"
    against = "PyTorch: cast, bf16 mm, cast back" if plain else "better of NumPy and PyTorch, f32"
    want = Want(2.0, peak_share=0.5, peak="AMX") if plain else _SPLIT_WANTS[precision]
    if without := _no_tiles():
        return Group(name, against, want, without=without)
    entry = testing.kernel("matmul")

    def calls_of(shape: Shape) -> Callable[[], dict[str, Call]]:
        def calls() -> dict[str, Call]:
            inputs = entry.inputs(shape, np.float32)
            out = np.empty((shape["m"], shape["n"]), np.float32)
            others = peers.matmul_bf16(inputs) if plain else peers.matmul(inputs)
            return {"pyffnn": lambda: ops.matmul(**inputs, out=out, precision=precision), **others}

        return calls

    cases = tuple(
        Case(
            name,
            _mkn(s),
            calls_of(s),
            ("torch",) if plain else ("numpy", "torch"),
            entry.flops(s),
            entry.bytes(s, 4),
            large=min(s.values()) >= 512,
        )
        for s in entry.bench
        if s["m"] >= 32
    )
    return Group(name, against, want, cases)


def _rowwise(kernel: str) -> Group:
    cases = tuple(
        _registry_case(
            kernel, kernel, s, f"{s['m']}x{s['n']}", ("torch",), large=s["m"] * s["n"] >= 128_000
        )
        for s in testing.kernel("softmax").bench
    )
    return Group(kernel, "PyTorch", Want(every_large=1.4), cases)


def _gelu() -> Group:
    """The form by tanh, which models use."""
    entry = testing.kernel("tanh")

    def calls_of(shape: Shape) -> Callable[[], dict[str, Call]]:
        def calls() -> dict[str, Call]:
            x = entry.inputs(shape, np.float32)["x"]
            out = np.empty_like(x)
            made: dict[str, Call] = {"pyffnn": lambda: _pyffnn.curve(7, 1, 0, 0, 0, x, out)}
            return made | peers.gelu(x)

        return calls

    cases = tuple(
        Case(
            "gelu", f"{s['m']}x{s['n']}", calls_of(s), ("torch",), bytes=entry.bytes(s, 4),
            large=s["m"] * s["n"] >= 128_000,
        )
        for s in testing.kernel("softmax").bench
    )  # fmt: skip
    return Group("gelu", "PyTorch", Want(every_large=1.4), cases)


def _table(kernel: str, ratio: float) -> Group:
    shape = testing.kernel(kernel).bench[0]
    label = f"{shape['bags']} bags of {shape['length']}, {shape['rows']}x{shape['d']}"
    return Group(
        kernel, "PyTorch", Want(ratio), (_registry_case(kernel, kernel, shape, label, ("torch",)),)
    )


def _vocabulary(
    precision: Precision,
    ratio: float | None,
    wants: tuple[float | None, float | None] = (None, None),
) -> Group:
    kernel = "linear_cross_entropy"
    name = kernel if precision == "float32" else f"{kernel} {precision}"
    entry, against = testing.kernel(kernel), "PyTorch addmm + cross_entropy + backward, f32"
    if precision != "float32" and (without := _no_tiles()):
        return Group(name, against, Want(ratio), without=without)

    def calls_of(shape: Shape) -> Callable[[], dict[str, Call]]:
        def calls() -> dict[str, Call]:
            inputs = entry.inputs(shape, np.float32)
            return {
                "pyffnn": lambda: ops.linear_cross_entropy(**inputs, precision=precision),
                **peers.PEERS[kernel](inputs),
            }

        return calls

    cases = tuple(
        Case(name, _mkn(s), calls_of(s), ("torch",), entry.flops(s), entry.bytes(s, 4), want=want)
        for s, want in zip(entry.bench, wants, strict=True)
    )
    return Group(name, against, Want(ratio), cases)


def _networks(peer: str, wants: tuple[float | None, float | None]) -> Group:
    name = f"dense network, Adam ({peer})"
    shapes = (((100, 100, 10), 200, 20), ((784, 512, 512, 10), 128, 4))

    def case(sizes: tuple[int, ...], batch: int, steps: int, want: float | None) -> Case:
        def calls() -> dict[str, Call]:
            made = peers.network_steps(sizes, batch, steps)
            return {who: call for who, call in made.items() if who in ("pyffnn", peer)}

        # no gradient goes to the input
        weights = sum(a * b for a, b in itertools.pairwise(sizes)) - sizes[0] * sizes[1] / 3
        label = f"{'-'.join(map(str, sizes))}, batch {batch}, {steps} steps"
        return Case(name, label, calls, (peer,), flops=6.0 * weights * batch * steps, want=want)

    cases = tuple(case(*s, want) for s, want in zip(shapes, wants, strict=True))
    return Group(name, peer, Want(), cases)


def _texts() -> Group:
    name, count, length = "text classifier, file to model", 4000, 30
    case = Case(
        name,
        f"{count} texts of {length} words, bigrams",
        lambda: peers.text_training(count, length),
        ("fasttext",),
    )
    return Group(name, "fastText, dim 10, 5 epochs", Want(18.0), (case,))


def groups() -> Iterator[Group]:
    """Every row of the table, in its order."""
    yield _products("gemm f32", Want(1.35, 1.0, 0.85))
    yield _products("gemm f64", Want(1.2), "float64")
    yield _products("gemm f32, a @ b.T", Want(1.2), sides="nt")
    yield _products("gemm f32, a.T @ b", Want(1.2), sides="tn")
    yield _half_products("bfloat16")
    yield _half_products("bfloat16x3")
    yield _half_products("bfloat16x6")
    for kernel in ("sigmoid", "tanh", "relu", "softmax", "exp", "log"):
        yield _rowwise(kernel)
    yield _gelu()
    yield _table("mean_pool", 2.0)
    yield _table("embedding", 1.8)
    yield _vocabulary("float32", None, (1.25, 2.4))
    yield _vocabulary("bfloat16x3", 3.5)
    yield _vocabulary("bfloat16", 8.0)
    yield _networks("sklearn", (5.0, None))
    yield _networks("torch", (3.0, 2.0))
    yield _texts()
