"""Kernels on NumPy arrays.

`precision` concerns float32 products (float64 ones take no notice). None is `pyffnn.get_default_precision()`, "float32" unless told otherwise:
FMA kernels. On AMX, with float32 inputs, sums and results:

- "bfloat16x6": each number is the sum of three bf16 parts, which hold all of its 24 bits, and six products are taken. The error of an entry
  is at most (3 k / 16 + 64) 2^-24 sum |a_ip| |b_pj|, and smaller than that of "float32" (docs/kernels.md has a table).
- "bfloat16x3": two parts, which hold 17 bits, x = x0 + x1 + rest with |rest| <= 2^-17 |x|, and three products. At most
  (2^-15 + (k / 8 + 64) 2^-24) sum |a_ip| |b_pj|.
- "bfloat16": inputs are rounded to bf16, 8 bits (relative error 2^-8). At most (2^-7 + 2^-16 + (k / 8 + 64) 2^-24) sum |a_ip| |b_pj|.
- "auto": the fastest mode whose measured error is no larger than float32's own, for this product on this machine: "float32" or "bfloat16x6".

In all bf16 modes numbers and parts that are subnormal count as zero, and numbers from 2^127 (2 - 2^-8) on (3.39e38) as infinite. NaN reaches
its row or column alone. An infinity does so as an infinity or NaN: with "bfloat16" as in float32, with the others often as NaN (infinity
times a part of 0). The bits do not depend on the number of threads. On a machine without AMX they all run in float32 and warn once.

Arguments are array-likes (NumPy arrays, Arrow's C interface, DLPack, `__array__`, buffers, sequences of numbers; docs/how-to/arrays.md);
results are NumPy arrays, which give themselves away by DLPack and as buffers. Element types are float32 and float64 (mixed: the wider); ids
are int32 or int64. Inputs are never written and are copied only when their layout cannot be read as it is (a stride that no kernel takes,
another byte order). Results are C-contiguous. `out` must be a writable, C-contiguous array of exactly the result's shape and dtype; only
the elementwise operations and the softmaxes accept the input itself as `out`. The GIL is released while a kernel runs, except for work of a
few microseconds at most.

Errors, each naming the argument and what it got: ValueError (shape, layout, value), TypeError (dtype, or not an array),
IndexError (an id outside its table), MemoryError (a result that the machine cannot hold).
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _pyffnn
from . import precision as _precision
from ._pyffnn import PackedMatrix
from .precision import Precision, precision_code

__all__ = [
    "PackedMatrix",
    "binary_cross_entropy",
    "cross_entropy",
    "embedding",
    "embedding_backward",
    "embedding_bag",
    "embedding_bag_backward",
    "exp",
    "fingerprint",
    "linear",
    "linear_backward",
    "linear_cross_entropy",
    "log",
    "log_softmax",
    "matmul",
    "max_pool",
    "max_pool_backward",
    "mean_pool",
    "mean_pool_backward",
    "min_pool",
    "min_pool_backward",
    "pack",
    "pool_backward_rows",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax",
    "softmax_backward",
    "tanh",
    "tanh_backward",
]

Array = NDArray[Any]
Activation: TypeAlias = Literal["identity", "sigmoid", "tanh", "relu"]

ACTIVATIONS: dict[str | None, int] = {None: 0, "identity": 0, "sigmoid": 1, "tanh": 2, "relu": 3}
_UNSAID = len(_precision.PRECISIONS)  # float32, or the precision that an operand was packed in
# Names of this module: a small product takes no longer than ten look-ups in another one.
_matmul, _linear = _pyffnn.matmul, _pyffnn.linear


def _product_code(precision: Precision | None, operand: Any) -> int:
    """Of a product in another precision than the ordinary one, which small products tell without a call."""
    if precision is None and type(operand) is PackedMatrix:
        return _UNSAID
    return precision_code(precision)


def activation_code(activation: str | None) -> int:
    """The kernels' number of an activation name. Raises ValueError for an unknown one."""
    try:
        return ACTIVATIONS[activation]
    except (KeyError, TypeError):
        raise ValueError(
            f"activation must be None, 'sigmoid', 'tanh' or 'relu', got {activation!r}"
        ) from None


def matmul(
    a: ArrayLike,
    b: ArrayLike | PackedMatrix,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
    out: Array | None = None,
    precision: Precision | None = None,
) -> Array:
    """Matrix product of a [m, k] and b [k, n] -> [m, n]; with `transpose_a` a is [k, m], with `transpose_b` b is [n, k].

    float32 sums are one FMA chain an output in the order of k, so the bits depend neither on the thread count nor on the ISA (SSE2,
    which has no FMA, excepted). Transposed views are read without a copy. Other precisions: see the module. b may come from `pack`, and
    the product is then taken in the precision that it was packed in.

    Raises ValueError (not 2-D, shapes that do not fit, an `out` of another shape, dtype or layout, an unknown precision; with a packed b:
    another precision, `transpose_b`, an ISA that lacks the tiles it was packed for) and TypeError (neither float32 nor float64; float64
    beside a packed b of float32).
    """
    if precision is None and _precision.ordinary:
        return _matmul(a, b, transpose_a, transpose_b, out, _UNSAID)
    return _matmul(a, b, transpose_a, transpose_b, out, _product_code(precision, b))


def linear(
    x: ArrayLike,
    w: ArrayLike | PackedMatrix,
    b: ArrayLike | None = None,
    *,
    activation: Activation | None = None,
    out: Array | None = None,
    precision: Precision | None = None,
) -> Array:
    """A layer, `activation(x @ w + b)`, in one pass: x [m, k], w [k, n], b [n] or None -> [m, n].

    float32 or float64. The chapter's h = sigma(W x + b) for a batch of rows (Jurafsky & Martin, "Feedforward Neural Networks"), with `w`
    stored as inputs by outputs; w may come from `pack`, as b of `matmul` may. Raises ValueError (shapes, an unknown activation or
    precision, an unusable `out`; with a packed w as `matmul`) and TypeError (dtype).
    """
    act = activation_code(activation)
    if precision is None and _precision.ordinary:
        return _linear(x, w, b, act, out, _UNSAID)
    return _linear(x, w, b, act, out, _product_code(precision, w))


def pack(
    w: ArrayLike, *, transpose: bool = False, precision: Precision | None = None
) -> PackedMatrix:
    """A copy of w [k, n] (with `transpose` w is [n, k]) that `matmul` and `linear` take as their right operand, for many products.

    It lies as the kernels of the active ISA read it: float32 and float64 in strips of a few columns, with the bf16 modes in bf16
    tiles, in parts and padded; with "auto" in both. Products have the same bits as with w, and later writing into w does not concern
    them. Packing costs about as much as a product of one row, on tiles of some hundred rows.

    It pays for 2 to 32 rows on AVX2 (1.1 to 1.8 times as fast) and for a few on AVX-512 (up to 1.4 times, more with a matrix beyond the
    second-level cache); one row of a small matrix is slower (docs/kernels.md has a table). On tiles it pays always: unpacked, few rows spend
    most of their time on packing w.

    Memory: 4 bytes a number in float32 and "bfloat16x3", 2 in "bfloat16", 6 in "bfloat16x6", 8 in float64, 10 in "auto"; edges are padded, and half a megabyte
    or more is a whole number of 2 MB pages. The result has `shape`
    (k, n), `dtype`, `precision` ("float32" where the machine has no tiles), `isa` and `nbytes`. It never changes, so threads may share
    it. After `set_isa` it goes on to work, strips with another ISA's kernels; tiles need an ISA that has them.

    Raises ValueError (not 2-D, an unknown precision) and TypeError (neither float32 nor float64).
    """
    return _pyffnn.pack(w, transpose, precision_code(precision))


def linear_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    y: ArrayLike | None = None,
    *,
    activation: Activation | None = None,
    need_dx: bool = True,
    precision: Precision | None = None,
) -> tuple[Array, Array, Array]:
    """Gradients (dx [m, k], dw [k, n], db [n]) of `linear`, from dy [m, n], its inputs, and its saved output y when `activation` is given.

    With `need_dx=False` the product for dx is not computed and None stands in its place: a first layer needs none. With
    dz = dy * activation'(z): dx = dz w^T, dw = x^T dz, db = the sum of dz's rows (backward differentiation, Rumelhart et al. 1986).

    Raises ValueError (shapes, `activation` without y, an unknown precision) and TypeError (dtype).
    """
    code = precision_code(precision)
    return _pyffnn.linear_backward(dy, x, w, y, activation_code(activation), need_dx, code)


def sigmoid(x: ArrayLike, out: Array | None = None) -> Array:
    """1 / (1 + exp(-x)), elementwise, any shape, float32 or float64; within 1.75 units in the last place (1.95 without FMA). `out` may be x.

    Never overflows; sigmoid(-inf) is 0. Raises TypeError (dtype) and ValueError (an unusable `out`).
    """
    return _pyffnn.activation(1, x, out)


def tanh(x: ArrayLike, out: Array | None = None) -> Array:
    """Hyperbolic tangent, elementwise, any shape, float32 or float64; within 1.95 units in the last place (2.25 without FMA). `out` may be x.

    Keeps the sign of zero. Raises TypeError (dtype) and ValueError (an unusable `out`).
    """
    return _pyffnn.activation(2, x, out)


def relu(x: ArrayLike, out: Array | None = None) -> Array:
    """max(x, 0), elementwise, any shape, float32 or float64; NaN stays NaN. `out` may be x.

    The rectified linear unit (Nair & Hinton 2010). Raises TypeError (dtype) and ValueError (an unusable `out`).
    """
    return _pyffnn.activation(3, x, out)


def exp(x: ArrayLike, out: Array | None = None) -> Array:
    """e ** x, elementwise, any shape, float32 or float64; within 1.05 units in the last place. `out` may be x.

    Overflows to inf and underflows through the subnormals to 0. Raises TypeError (dtype) and ValueError (an unusable `out`).
    """
    return _pyffnn.exp(x, out)


def log(x: ArrayLike, out: Array | None = None) -> Array:
    """Natural logarithm, elementwise, any shape, float32 or float64: -inf at 0, NaN below; within 0.85 units in the last place.

    `out` may be x. Raises TypeError (dtype) and ValueError (an unusable `out`).
    """
    return _pyffnn.log(x, out)


def sigmoid_backward(dy: ArrayLike, y: ArrayLike, out: Array | None = None) -> Array:
    """dy * y (1 - y): the gradient of `sigmoid`'s input from that of its output y.

    dy and y have one shape, float32 or float64. Raises ValueError (shapes differ, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.activation_backward(1, dy, y, out)


def tanh_backward(dy: ArrayLike, y: ArrayLike, out: Array | None = None) -> Array:
    """dy * (1 - y^2): the gradient of `tanh`'s input from that of its output y.

    dy and y have one shape, float32 or float64. Raises ValueError (shapes differ, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.activation_backward(2, dy, y, out)


def relu_backward(dy: ArrayLike, y: ArrayLike, out: Array | None = None) -> Array:
    """dy where y > 0, else 0: the gradient of `relu`'s input from that of its output y (or with its input in y's place).

    dy and y have one shape, float32 or float64. Raises ValueError (shapes differ, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.activation_backward(3, dy, y, out)


def softmax(x: ArrayLike, out: Array | None = None) -> Array:
    """exp(x) / sum(exp(x)) over the last axis; the maximum is subtracted first, so it never overflows. `out` may be x.

    float32 or float64, at least 1-D (Jurafsky & Martin, "Softmax"). A row of -inf alone, or with +inf or NaN in it, gives NaN. Raises
    ValueError (a scalar, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.softmax(x, out)


def log_softmax(x: ArrayLike, out: Array | None = None) -> Array:
    """x - log(sum(exp(x))) over the last axis, without overflow, in nats. `out` may be x.

    float32 or float64, at least 1-D. Raises ValueError (a scalar, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.log_softmax(x, out)


def softmax_backward(dy: ArrayLike, y: ArrayLike, out: Array | None = None) -> Array:
    """y * (dy - sum(dy * y)) over the last axis: the gradient of `softmax`'s input from that of its output y.

    dy and y have one shape, float32 or float64. Raises ValueError (shapes differ, a scalar, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.softmax_backward(dy, y, out)


def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> tuple[float, Array]:
    """Softmax cross-entropy of logits [m, n] and class ids [m]: (loss in nats, dlogits [m, n]).

    The loss is the weighted mean, sum(w_i L_i) / sum(w_i) with w_i = class_weight[targets_i] * sample_weight_i (weights [n] and [m],
    default 1), and dlogits the gradient of that mean: w_i / sum(w) * (softmax(z_i) - onehot_i). An empty batch, or weights that are all 0,
    give 0 (Jurafsky & Martin, "Cross-Entropy Loss"). logits are float32 or float64, targets int32 or int64. Raises IndexError (a target
    outside [0, n)), ValueError (shapes, weights that are negative or not finite) and TypeError (dtype).
    """
    return _pyffnn.cross_entropy(logits, targets, class_weight, sample_weight)


def binary_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> tuple[float, Array]:
    """Sigmoid cross-entropy, the mean over every entry: (loss in nats, dlogits).

    logits and targets have one shape, [m] or [m, n] (multi-label), float32 or float64; targets lie in [0, 1]. sample_weight [m] weights
    the rows. dlogits is the gradient of the mean, (sigmoid(z) - y) / number of entries where all weights are 1. Raises ValueError (shapes,
    a target outside [0, 1], weights that are negative or not finite) and TypeError (dtype).
    """
    return _pyffnn.binary_cross_entropy(logits, targets, sample_weight)


def linear_cross_entropy(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None,
    targets: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    precision: Precision | None = None,
) -> tuple[float, Array, Array, Array]:
    """`cross_entropy(x @ w + b, targets)` without ever holding the m x n logits: (loss in nats, dx [m, k], dw [k, n], db [n]).

    x [m, k], w [k, n], b [n] or None (float32 or float64), class ids [m], sample_weight [m]. The n columns of w are walked in tiles, once
    forward and once backward; between them as many exponentials as fit wait in dw's own memory, and the rest are computed again.

    Raises IndexError (a target outside [0, n)), ValueError (shapes, weights that are negative or not finite, an unknown precision) and
    TypeError (dtype).
    """
    code = precision_code(precision)
    return _pyffnn.linear_cross_entropy(x, w, b, targets, sample_weight, code)


def embedding(table: ArrayLike, ids: ArrayLike, out: Array | None = None) -> Array:
    """Rows of table [V, d] for ids of any shape -> ids.shape + (d,); equals the product of one-hot rows with the table.

    float32 or float64, ids int32 or int64 (Jurafsky & Martin, "Embeddings as the input"). Raises IndexError (an id outside [0, V)),
    ValueError (a table that is not 2-D, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.embedding(table, ids, out)


def embedding_backward(
    dy: ArrayLike, ids: ArrayLike, num_rows: int, out: Array | None = None
) -> Array:
    """Gradient [num_rows, d] of the table from dy, ids.shape + (d,): rows of dy added in the order of ids, whatever the thread count.

    Raises IndexError (an id outside [0, num_rows)), ValueError (shapes, an unusable `out`) and TypeError (dtype).
    """
    return _pyffnn.embedding_backward(dy, ids, num_rows, out)


def mean_pool(
    table: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    out: Array | None = None,
) -> Array:
    """Mean of table rows over bags of ids -> [bags, d]; bag i is `ids[offsets[i]:offsets[i + 1]]`, so offsets has bags + 1 entries.

    With weights (one an id, not negative) the mean is sum(w_j row_j) / sum(w_j). An empty bag, or one whose weights are all 0, gives zeros.
    table [V, d] is float32 or float64, ids and offsets int32 or int64 (the pooling of Iyyer et al. 2015, and of Jurafsky & Martin's
    classifier over embeddings).

    Raises IndexError (an id outside [0, V)), ValueError (offsets that fall or end beyond ids, weights that are negative or not finite,
    shapes) and TypeError (dtype).
    """
    return _pyffnn.mean_pool(table, ids, offsets, weights, out)


def mean_pool_backward(
    dy: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    num_rows: int,
    *,
    weights: ArrayLike | None = None,
    out: Array | None = None,
) -> Array:
    """Gradient [num_rows, d] of `mean_pool`'s table from dy [bags, d]; deterministic at any thread count.

    Arguments and errors as in `mean_pool`; ids lie in [0, num_rows).
    """
    return _pyffnn.mean_pool_backward(dy, ids, offsets, num_rows, weights, out)


def max_pool(
    table: ArrayLike, ids: ArrayLike, offsets: ArrayLike, *, out: Array | None = None
) -> Array:
    """The largest number of each column over bags of table rows -> [bags, d]; bags as in `mean_pool`.

    An empty bag gives zeros, a NaN in a column gives NaN. table [V, d] is float32 or float64, ids and offsets int32 or int64 (max-over-time
    pooling, Collobert & Weston 2008). Raises IndexError (an id outside [0, V)), ValueError (offsets that fall or end beyond ids, shapes)
    and TypeError (dtype).
    """
    return _pyffnn.max_pool(table, ids, offsets, out)


def max_pool_backward(
    dy: ArrayLike, table: ArrayLike, ids: ArrayLike, offsets: ArrayLike, *, out: Array | None = None
) -> Array:
    """Gradient [V, d] of `max_pool`'s table [V, d] from dy [bags, d]: each number goes to the row that its maximum comes from.

    Of equal numbers that is the row of the first id, at any thread count. Other arguments and errors as in `max_pool`.
    """
    return _pyffnn.max_pool_backward(dy, table, ids, offsets, out)


def min_pool(
    table: ArrayLike, ids: ArrayLike, offsets: ArrayLike, *, out: Array | None = None
) -> Array:
    """The smallest number of each column over bags of table rows -> [bags, d]; all else as in `max_pool`."""
    return _pyffnn.min_pool(table, ids, offsets, out)


def min_pool_backward(
    dy: ArrayLike, table: ArrayLike, ids: ArrayLike, offsets: ArrayLike, *, out: Array | None = None
) -> Array:
    """Gradient [V, d] of `min_pool`'s table from dy [bags, d]; all else as in `max_pool_backward`."""
    return _pyffnn.min_pool_backward(dy, table, ids, offsets, out)


def embedding_bag(
    table: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    mode: str = "mean",
    include_last_offset: bool = False,
    *,
    out: Array | None = None,
) -> Array:
    """Means (or sums, with `mode="sum"`) of table rows over bags of ids -> [bags, d], with offsets as PyTorch has them.

    Offsets name where each bag begins, the first of them 0; with `include_last_offset` the number of ids stands behind them, as
    `mean_pool` wants it. An empty bag gives zeros. Errors as in `mean_pool`, and ValueError for another `mode`.
    """
    return _pyffnn.embedding_bag(table, ids, offsets, _is_mean(mode), include_last_offset, out)


def embedding_bag_backward(
    dy: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    num_rows: int,
    mode: str = "mean",
    include_last_offset: bool = False,
    *,
    out: Array | None = None,
) -> Array:
    """Gradient [num_rows, d] of `embedding_bag`'s table from dy [bags, d]; all else as there and in `mean_pool_backward`."""
    mean = _is_mean(mode)
    return _pyffnn.embedding_bag_backward(
        dy, ids, offsets, num_rows, mean, include_last_offset, out
    )


def pool_backward_rows(
    dy: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    num_rows: int,
    *,
    mode: str = "mean",
    include_last_offset: bool = True,
) -> tuple[NDArray[np.int64], Array]:
    """The gradient of a pooled table [num_rows, d], of the rows that occur alone: (rows int64 [u], values [u, d]).

    From dy [bags, d], the gradient of the bags' means (or sums, with `mode="sum"`). Rows are distinct and stand in the order in which they
    appear first; each value is summed in the order of the ids, at any thread count. With "mean" the values have the bits of
    `mean_pool_backward`'s rows. `offsets` go from 0 to the number of ids, which is left out without `include_last_offset`.

    Errors as in `mean_pool_backward`, and ValueError for another `mode`.
    """
    return _pyffnn.embedding_bag_rows(
        dy, ids, offsets, num_rows, _is_mean(mode), include_last_offset
    )


def _is_mean(mode: str) -> bool:
    if mode not in ("mean", "sum"):
        raise ValueError(f"mode must be 'mean' or 'sum', got {mode!r}")
    return mode == "mean"


def fingerprint(x: Array) -> int:
    """A 64-bit hash of an array's entries, at memory speed: tells whether somebody has written into it since. Not cryptographic.

    Depends on the bits of the entries in index order and on neither shape, strides nor thread count. Takes arrays of any fixed-size dtype.
    """
    return _pyffnn.fingerprint(x)
