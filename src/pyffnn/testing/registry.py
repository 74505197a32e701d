"""The case registry: one entry an operation of `pyffnn.ops`. A new operation needs one here, and is then tested on every
instruction set, gradient-checked and benchmarked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import ops
from pyffnn.testing import bounds, draw, oracles
from pyffnn.testing.kernel import Inputs, Kernel, Outputs, Shape

Array = NDArray[Any]

# Around lanes (4, 8, 16), packs (16), register tiles (6, 8, 14 rows; 8 to 32 columns) and primes.
_LENGTHS = (0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 127, 257, 1009)
_PRODUCTS = (
    (0, 3, 4), (3, 0, 4), (3, 4, 0), (1, 1, 1), (1, 2, 33), (1, 100, 50), (2, 7, 33), (5, 16, 15),
    (6, 9, 16), (7, 8, 17), (8, 64, 12), (9, 3, 31), (13, 5, 32), (14, 16, 32), (15, 9, 63),
    (16, 16, 16), (29, 40, 70), (31, 1, 65), (57, 17, 129), (64, 6, 16), (61, 513, 37), (19, 800, 11),
)  # fmt: skip
_ROWS = ((0, 3), (1, 1), (3, 1), (1, 2), (2, 3), (5, 4), (3, 7), (4, 8), (3, 15), (2, 16), (3, 17), (2, 31), (1, 33),
         (3, 64), (2, 127), (5, 257), (2, 1009))  # fmt: skip
# Shapes of feedforward networks: one row, tall and thin, small, hidden layers, vocabularies, square.
PRODUCT_BENCH = (
    (1, 100, 50), (1, 300, 100), (16, 16, 16), (64, 6, 16), (1000, 6, 64), (32, 100, 50), (32, 300, 100),
    (32, 300, 500), (64, 64, 64), (128, 300, 100), (128, 300, 500), (256, 400, 500), (128, 100, 10000),
    (256, 500, 10000), (512, 512, 512), (1024, 1024, 1024),
)  # fmt: skip
ROWS_BENCH = ((256, 500), (64, 10000), (2048, 64), (32, 4))


def _mkn(triples: tuple[tuple[int, int, int], ...]) -> tuple[Shape, ...]:
    return tuple({"m": m, "k": k, "n": n} for m, k, n in triples)


def _mn(pairs: tuple[tuple[int, int], ...]) -> tuple[Shape, ...]:
    return tuple({"m": m, "n": n} for m, n in pairs)


def _first(call: Callable[..., Any]) -> Callable[..., Outputs]:
    """An operation with one result, as one with a tuple of them."""
    return lambda **inputs: (call(**inputs),)


def _product(name: str, transpose_a: bool, transpose_b: bool, packed: bool = False) -> Kernel:
    def run(a: Array, b: Array, out: Array | None = None) -> Outputs:
        if packed:
            b_packed = ops.pack(np.asarray(b, np.result_type(a, b)), transpose=transpose_b)
            return (ops.matmul(a, b_packed, transpose_a=transpose_a, out=out),)
        return (ops.matmul(a, b, transpose_a=transpose_a, transpose_b=transpose_b, out=out),)

    def as_factors(a: Array, b: Array) -> tuple[Array, Array]:
        return a.T if transpose_a else a, b.T if transpose_b else b

    def oracle(a: Array, b: Array) -> Outputs:
        a, b = as_factors(a, b)
        return (a @ b,)

    def gradient(inputs: Inputs, dy: Array) -> dict[str, Array]:
        a, b = as_factors(inputs["a"], inputs["b"])
        da, db = ops.matmul(dy, b.T), ops.matmul(a.T, dy)
        return {"a": da.T if transpose_a else da, "b": db.T if transpose_b else db}

    return Kernel(
        name=name,
        family="gemm",
        run=run,
        oracle=oracle,
        draw=lambda shape, rng: draw.product(shape, rng, transpose_a, transpose_b),
        bound=lambda inputs, outputs, eps: bounds.product(
            *as_factors(inputs["a"], inputs["b"]), eps
        ),
        shapes=_mkn(_PRODUCTS),
        large={"m": 150, "k": 130, "n": 110},
        bench=()
        if packed
        else _mkn(PRODUCT_BENCH),  # benches/bench_packed.py leaves the packing out
        flops=lambda s: 2.0 * s["m"] * s["k"] * s["n"],
        bytes=lambda s, item: item * float(s["m"] * s["k"] + s["k"] * s["n"] + s["m"] * s["n"]),
        gradient=gradient,
        into=True,
    )


def _linear(activation: ops.Activation | None) -> Kernel:
    def gradient(inputs: Inputs, dy: Array) -> dict[str, Array]:
        y = ops.linear(**inputs, activation=activation) if activation else None
        dx, dw, db = ops.linear_backward(dy, inputs["x"], inputs["w"], y, activation=activation)
        return {"x": dx, "w": dw, "b": db}

    return Kernel(
        name="linear" if activation is None else f"linear_{activation}",
        family="gemm",
        run=lambda **a: (ops.linear(**a, activation=activation),),
        oracle=lambda x, w, b: (oracles.activate(x @ w + b, activation),),
        draw=draw.linear,
        bound=lambda a, outputs, eps: bounds.linear(a["x"], a["w"], a["b"], outputs[0], eps),
        shapes=_mkn(_PRODUCTS),
        large={"m": 150, "k": 130, "n": 110},
        bench=_mkn(((32, 300, 100), (128, 300, 500), (256, 400, 500))),
        flops=lambda s: 2.0 * s["m"] * s["k"] * s["n"],
        bytes=lambda s, item: item * float(s["m"] * s["k"] + s["k"] * s["n"] + s["m"] * s["n"]),
        gradient=gradient,
        away_from_kinks=draw.linear_on_grid if activation == "relu" else lambda inputs: inputs,
        into=True,
    )


def _linear_backward(activation: ops.Activation | None) -> Kernel:
    def inputs(shape: Shape, rng: np.random.Generator) -> Inputs:
        drawn = draw.linear(shape, rng)
        y = oracles.activate(drawn["x"] @ drawn["w"] + drawn.pop("b"), activation)
        dy = rng.standard_normal(y.shape)
        return {"dy": dy, **drawn} if activation is None else {"dy": dy, **drawn, "y": y}

    return Kernel(
        name="linear_backward" if activation is None else f"linear_{activation}_backward",
        family="gemm",
        run=lambda **a: ops.linear_backward(**a, activation=activation),
        oracle=lambda dy, x, w, y=None: oracles.linear_backward(dy, x, w, y, activation),
        draw=inputs,
        bound=lambda a, outputs, eps: bounds.linear_backward(a["dy"], a["x"], a["w"], eps),
        shapes=_mkn(_PRODUCTS),
        large={"m": 150, "k": 130, "n": 110},
        bench=_mkn(((32, 300, 100), (128, 300, 500), (256, 400, 500))),
        flops=lambda s: 4.0 * s["m"] * s["k"] * s["n"],
        bytes=lambda s, item: (
            item * float(2 * s["m"] * s["k"] + 2 * s["k"] * s["n"] + s["m"] * s["n"])
        ),
    )


def _elementwise(
    name: str,
    oracle: Callable[[Array], Array],
    ulps: float,
    *,
    backward: Callable[..., Array] | None = None,
    positive: bool = False,
    kink: bool = False,
    bench: bool = True,
) -> Kernel:
    call = getattr(ops, name)

    def gradient(inputs: Inputs, dy: Array) -> dict[str, Array]:
        assert backward is not None
        return {"x": backward(dy, call(**inputs))}

    return Kernel(
        name=name,
        family="activations",
        run=_first(call),
        oracle=lambda x: (oracle(x),),
        draw=lambda shape, rng: draw.flat(shape, rng, positive),
        bound=lambda inputs, outputs, eps: (ulps * eps * np.abs(outputs[0]),),
        shapes=tuple({"m": 1, "n": n} for n in _LENGTHS) + _mn(((3, 5), (0, 4))),
        large={"m": 100, "n": 10007},
        bench=_mn(ROWS_BENCH) if bench else (),
        flops=lambda s: float(s["m"] * s["n"]),
        bytes=lambda s, item: 2.0 * item * s["m"] * s["n"],
        gradient=gradient if backward else None,
        away_from_kinks=draw.off_zero if kink else lambda inputs: inputs,
        into=True,
    )


def _elementwise_backward(name: str, activation: str) -> Kernel:
    return Kernel(
        name=f"{name}_backward",
        family="activations",
        run=_first(getattr(ops, f"{name}_backward")),
        oracle=lambda dy, y: (dy * oracles.activation_slope(y, activation),),
        draw=lambda shape, rng: draw.slope(shape, rng, activation),
        bound=lambda a, outputs, eps: (4 * eps * np.abs(a["dy"]),),
        shapes=tuple({"m": 1, "n": n} for n in _LENGTHS),
        large={"m": 100, "n": 10007},
        bench=_mn(ROWS_BENCH),
        flops=lambda s: 3.0 * s["m"] * s["n"],
        bytes=lambda s, item: 3.0 * item * s["m"] * s["n"],
        into=True,
    )


def _rowwise(name: str, **given: Any) -> Kernel:
    return Kernel(
        name=name,
        family="softmax",
        run=_first(getattr(ops, name)),
        shapes=_mn(_ROWS),
        large={"m": 300, "n": 1009},
        bench=_mn(ROWS_BENCH),
        bytes=lambda s, item: (3.0 if name.endswith("backward") else 2.0) * item * s["m"] * s["n"],
        flops=lambda s: 4.0 * s["m"] * s["n"],
        into=True,
        **given,
    )


def _loss(name: str, **given: Any) -> Kernel:
    return Kernel(
        name=name,
        family="softmax",
        run=getattr(ops, name),
        oracle=getattr(oracles, name),
        shapes=_mn(_ROWS),
        large={"m": 300, "n": 1009},
        bench=_mn(ROWS_BENCH),
        bytes=lambda s, item: 2.0 * item * s["m"] * s["n"],
        flops=lambda s: 5.0 * s["m"] * s["n"],
        gradient=lambda inputs, dy: {"logits": getattr(ops, name)(**inputs)[1]},
        **given,
    )


def _bags(*rows: tuple[int, int, int, int]) -> tuple[Shape, ...]:
    return tuple({"bags": b, "length": n, "rows": v, "d": d} for b, n, v, d in rows)


_BAG_SHAPES = _bags(
    *((3, 4, 7, d) for d in (0, 1, 3, 4, 8, 9, 16, 17, 33, 64, 100, 129, 300)),
    (0, 3, 5, 4), (1, 0, 5, 4), (4, 2, 1, 5), (2, 40, 500, 50), (9, 17, 31, 13),
)  # fmt: skip
_BAG_LARGE = _bags((128, 60, 700, 96))[0]
_BAG_BENCH = _bags((256, 40, 50000, 100), (32, 20, 10000, 16), (256, 200, 50000, 100))


def _gathered(s: Shape) -> float:
    return float(s["bags"] * s["length"] * s["d"])


def _extreme_pool(name: str, largest: bool) -> tuple[Kernel, Kernel]:
    forward, backward = getattr(ops, name), getattr(ops, f"{name}_backward")
    forward_kernel = Kernel(
        name=name,
        family="embedding",
        run=_first(forward),
        oracle=lambda **a: (oracles.extreme_pool(**a, largest=largest),),
        draw=draw.bags,
        bound=lambda a, outputs, eps: (np.zeros_like(outputs[0]),),
        shapes=_BAG_SHAPES,
        large=_BAG_LARGE,
        bench=_BAG_BENCH,
        flops=_gathered,
        bytes=lambda s, item: (
            item * (_gathered(s) + s["bags"] * s["d"]) + 8.0 * s["bags"] * s["length"]
        ),
        gradient=lambda a, dy: {"table": backward(dy, a["table"], a["ids"], a["offsets"])},
        into=True,
    )
    backward_kernel = Kernel(
        name=f"{name}_backward",
        family="embedding",
        run=_first(backward),
        oracle=lambda **a: (oracles.extreme_pool_backward(**a, largest=largest),),
        draw=draw.extremes_backward,
        bound=lambda a, outputs, eps: (
            eps
            * (len(a["dy"]) + 2)
            * oracles.extreme_pool_backward(**{**a, "dy": np.abs(a["dy"])}, largest=largest),
        ),
        shapes=_BAG_SHAPES,
        large=_BAG_LARGE,
        bench=_BAG_BENCH,
        flops=_gathered,
        bytes=lambda s, item: (
            item * (_gathered(s) + float(s["bags"] + s["rows"]) * s["d"])
            + 8.0 * s["bags"] * s["length"]
        ),
        into=True,
    )
    return forward_kernel, backward_kernel


KERNELS: tuple[Kernel, ...] = (
    _product("matmul", False, False),
    _product("matmul_ta", True, False),
    _product("matmul_tb", False, True),
    _product("matmul_tab", True, True),
    _product("matmul_packed", False, False, packed=True),
    _product("matmul_packed_tb", False, True, packed=True),
    *(_linear(activation) for activation in (None, "sigmoid", "tanh", "relu")),
    *(_linear_backward(activation) for activation in (None, "sigmoid", "tanh", "relu")),
    _elementwise("exp", np.exp, 2, bench=False),
    _elementwise("log", np.log, 2, positive=True, bench=False),
    _elementwise("sigmoid", oracles.sigmoid, 2, backward=ops.sigmoid_backward),
    _elementwise("tanh", np.tanh, 2, backward=ops.tanh_backward),
    _elementwise("relu", lambda x: np.maximum(x, 0), 0, backward=ops.relu_backward, kink=True),
    *(_elementwise_backward(name, name) for name in ("sigmoid", "tanh", "relu")),
    _rowwise(
        "softmax",
        oracle=lambda x: (oracles.softmax(x),),
        draw=draw.rows,
        bound=lambda a, outputs, eps: (bounds.softmax(a["x"], eps),),
        gradient=lambda inputs, dy: {"x": ops.softmax_backward(dy, ops.softmax(**inputs))},
    ),
    _rowwise(
        "log_softmax",
        oracle=lambda x: (oracles.log_softmax(x),),
        draw=draw.rows,
        bound=lambda a, outputs, eps: (bounds.log_softmax(a["x"], eps),),
    ),
    _rowwise(
        "softmax_backward",
        oracle=lambda dy, y: (y * (dy - (dy * y).sum(axis=-1, keepdims=True)),),
        draw=lambda shape, rng: {
            "dy": rng.standard_normal((shape["m"], shape["n"])),
            "y": oracles.softmax(draw.rows(shape, rng)["x"]),
        },
        bound=lambda a, outputs, eps: (bounds.softmax_backward(a["dy"], a["y"], eps),),
    ),
    _loss(
        "cross_entropy",
        draw=draw.classes,
        bound=lambda a, outputs, eps: bounds.cross_entropy(a["logits"], a["sample_weight"], eps),
    ),
    _loss(
        "binary_cross_entropy",
        draw=draw.labels,
        bound=lambda a, outputs, eps: bounds.binary_cross_entropy(a["logits"], a["sample_weight"], eps),
    ),
    Kernel(
        name="linear_cross_entropy",
        family="linear_xent",
        run=ops.linear_cross_entropy,
        oracle=oracles.linear_cross_entropy,
        draw=draw.linear_classes,
        bound=lambda a, outputs, eps: bounds.linear_cross_entropy(
            a["x"], a["w"], a["b"], a["targets"], eps
        ),
        shapes=_mkn(((1, 1, 1), (1, 3, 2), (2, 5, 17), (3, 0, 4), (7, 8, 33), (13, 40, 129), (30, 9, 1000))),
        large={"m": 70, "k": 40, "n": 3001},
        bench=_mkn(((256, 500, 10000), (256, 128, 50000))),
        # forward, and the two products of the backward pass; recomputing the logits is not counted
        flops=lambda s: 6.0 * s["m"] * s["k"] * s["n"],
        bytes=lambda s, item: item * float(2 * s["m"] * s["k"] + 2 * s["k"] * s["n"] + 2 * s["n"]),
        gradient=lambda inputs, dy: dict(
            zip(("x", "w", "b"), ops.linear_cross_entropy(**inputs)[1:], strict=True)
        ),
    ),
    Kernel(
        name="embedding",
        family="embedding",
        run=_first(ops.embedding),
        oracle=lambda table, ids: (table[ids],),
        draw=draw.lookup,
        bound=lambda a, outputs, eps: (np.zeros_like(outputs[0]),),
        shapes=_BAG_SHAPES,
        large=_BAG_LARGE,
        bench=_BAG_BENCH,
        flops=lambda s: 0.0,
        bytes=lambda s, item: 2.0 * item * _gathered(s) + 8.0 * s["bags"] * s["length"],
        gradient=lambda a, dy: {"table": ops.embedding_backward(dy, a["ids"], len(a["table"]))},
        into=True,
    ),
    Kernel(
        name="embedding_backward",
        family="embedding",
        run=_first(ops.embedding_backward),
        oracle=lambda dy, ids, num_rows: (oracles.embedding_backward(dy, ids, num_rows),),
        draw=draw.lookup_backward,
        bound=lambda a, outputs, eps: (
            bounds.scatter(a["dy"].reshape(a["ids"].size, a["dy"].shape[-1]), a["ids"], a["num_rows"], eps),
        ),
        shapes=_BAG_SHAPES,
        large=_BAG_LARGE,
        bench=_BAG_BENCH,
        flops=_gathered,
        bytes=lambda s, item: item * (_gathered(s) + s["rows"] * s["d"]) + 8.0 * s["bags"] * s["length"],
        into=True,
    ),
    Kernel(
        name="mean_pool",
        family="embedding",
        run=_first(ops.mean_pool),
        oracle=lambda **a: (oracles.mean_pool(**a),),
        draw=draw.bags,
        bound=lambda a, outputs, eps: (
            eps * (len(a["ids"]) + 4) * oracles.mean_pool(np.abs(a["table"]), a["ids"], a["offsets"]),
        ),
        shapes=_BAG_SHAPES,
        large=_BAG_LARGE,
        bench=_BAG_BENCH,
        flops=_gathered,
        bytes=lambda s, item: item * (_gathered(s) + s["bags"] * s["d"]) + 8.0 * s["bags"] * s["length"],
        gradient=lambda a, dy: {
            "table": ops.mean_pool_backward(dy, a["ids"], a["offsets"], len(a["table"]))
        },
        into=True,
    ),
    *_extreme_pool("max_pool", True),
    *_extreme_pool("min_pool", False),
    Kernel(
        name="weighted_mean_pool",
        family="embedding",
        run=_first(ops.mean_pool),
        oracle=lambda **a: (oracles.mean_pool(**a),),
        draw=lambda shape, rng: draw.weighted(draw.bags(shape, rng), rng),
        bound=lambda a, outputs, eps: (
            eps * (len(a["ids"]) + 6)
            * oracles.mean_pool(np.abs(a["table"]), a["ids"], a["offsets"], a["weights"]),
        ),
        shapes=_BAG_SHAPES,
        large=_BAG_LARGE,
        bench=(),
        flops=lambda s: 2 * _gathered(s),
        bytes=lambda s, item: item * (_gathered(s) + s["bags"] * s["d"]) + 8.0 * s["bags"] * s["length"],
        gradient=lambda a, dy: {
            "table": ops.mean_pool_backward(
                dy, a["ids"], a["offsets"], len(a["table"]), weights=a["weights"]
            )
        },
        into=True,
    ),
    Kernel(
        name="mean_pool_backward",
        family="embedding",
        run=_first(ops.mean_pool_backward),
        oracle=lambda **a: (oracles.mean_pool_backward(**a),),
        draw=draw.bags_backward,
        bound=lambda a, outputs, eps: (
            # a bag's gradient is at most |dy| an id
            eps * (len(a["ids"]) + 4) * oracles.mean_pool_backward(**{**a, "dy": np.abs(a["dy"])}),
        ),
        shapes=_BAG_SHAPES,
        large=_BAG_LARGE,
        bench=_BAG_BENCH,
        flops=_gathered,
        bytes=lambda s, item: item * float(s["bags"] + s["rows"]) * s["d"] + 8.0 * s["bags"] * s["length"],
        into=True,
    ),
)  # fmt: skip


def kernel(name: str) -> Kernel:
    """The entry called `name`. Raises KeyError with the known names."""
    for entry in KERNELS:
        if entry.name == name:
            return entry
    raise KeyError(f"no kernel {name!r}; known: {', '.join(entry.name for entry in KERNELS)}")
