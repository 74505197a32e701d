"""Thinc's operations on pyffnn's kernels: `get_ops("pyffnn")`, `use_ops("pyffnn")`, without an import.

Thinc finds `PyffnnOps` by its entry point; spaCy runs on it after the callback `pyffnn.use_ops.v1`, or inside ``use_ops("pyffnn")``.
Arrays of float32 and float64 go to the kernels; whatever else comes (another dtype, a layout that no kernel takes, a subclass of ndarray) is
left to Thinc's own `NumpyOps`, so nothing that worked there fails here.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np

from pyffnn import _pyffnn, ops

try:
    from thinc.backends.numpy_ops import NumpyOps
    from thinc.model import Model
    from thinc.optimizers import ADAM_DEFAULTS, Optimizer
except ImportError as error:
    raise ImportError(
        f"pyffnn.integrations.thinc needs Thinc 8.3 or newer: pip install 'pyffnn[thinc]' ({error})"
    ) from error

__all__ = ["Adam", "LayerNorm", "PyffnnOps"]

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_INTS = frozenset("iIlLqQ")

_CLIPPED, _SWISH, _HARD_SWISH, _HARD_SWISH_MOBILENET, _DISH, _GELU, _MISH, _GELU_TANH = range(8)


def _ours(*arrays: Any) -> bool:
    """Plain ndarrays of one native float type."""
    first = arrays[0]
    if type(first) is not np.ndarray:
        return False
    dtype = first.dtype
    if dtype is not _F32 and dtype is not _F64:
        return False
    return all(type(a) is np.ndarray and a.dtype is dtype for a in arrays[1:])


def _writable(*arrays: Any) -> bool:
    return all(a.flags.carray for a in arrays)


def _lengths(lengths: Any) -> bool:
    return type(lengths) is np.ndarray and lengths.ndim == 1 and lengths.dtype.char in _INTS


def _curve(
    code: int,
    x: Any,
    inplace: bool,
    slope: float = 1.0,
    offset: float = 0.0,
    low: float = 0.0,
    high: float = 0.0,
) -> Any:
    return _pyffnn.curve(code, slope, offset, low, high, x, x if inplace else None)


def _curve_backward(
    code: int,
    dy: Any,
    x: Any,
    inplace: bool,
    slope: float = 1.0,
    offset: float = 0.0,
    low: float = 0.0,
    high: float = 0.0,
) -> Any:
    return _pyffnn.curve_backward(code, slope, offset, low, high, dy, x, dy if inplace else None)


def _pair(name: str, code: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The operation `name` without numbers of its own, and its gradient, from the kernel of that code or from Thinc."""
    theirs, theirs_backward = getattr(NumpyOps, name), getattr(NumpyOps, f"backprop_{name}")

    def forward(self: Any, X: Any, inplace: bool = False) -> Any:
        if _ours(X) and (not inplace or _writable(X)):
            return _curve(code, X, inplace)
        return theirs(self, X, inplace=inplace)

    def backward(self: Any, dY: Any, X: Any, inplace: bool = False) -> Any:
        if _ours(dY, X) and (not inplace or _writable(dY)):
            return _curve_backward(code, dY, X, inplace)
        return theirs_backward(self, dY, X, inplace=inplace)

    return forward, backward


class PyffnnOps(NumpyOps):  # type: ignore[misc]
    """Thinc's CPU operations with pyffnn's kernels under them, by the name "pyffnn".

    Products, `affine`, softmax, the activations and maxout with their gradients, `gather_add`, the reductions of ragged rows and their gradients,
    `adam` and `clip_gradient` are pyffnn's; everything else is inherited. The bits do not depend on the number of
    threads.
    """

    name = "pyffnn"

    # products

    def gemm(
        self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False
    ) -> Any:
        if (
            _ours(x, y)
            and x.ndim == 2
            and y.ndim == 2
            and (out is None or (_ours(out, x) and _writable(out)))
        ):
            return ops.matmul(x, y, transpose_a=bool(trans1), transpose_b=bool(trans2), out=out)
        return super().gemm(x, y, out=out, trans1=trans1, trans2=trans2)

    def affine(self, X: Any, W: Any, b: Any) -> Any:
        if _ours(X, W, b) and X.ndim == 2 and W.ndim == 2 and b.ndim == 1:
            return ops.linear(X, W.T, b)
        return super().affine(X, W, b)

    # softmax

    def softmax(
        self, x: Any, *, inplace: bool = False, axis: int = -1, temperature: float = 1.0
    ) -> Any:
        if not (_ours(x) and x.ndim > 0 and axis in (-1, x.ndim - 1)):
            return super().softmax(x, inplace=inplace, axis=axis, temperature=temperature)
        if inplace and not _writable(x):  # a slice of columns, say
            x[...] = self.softmax(x, temperature=temperature)
            return x
        if temperature != 1.0:
            x = np.divide(x, x.dtype.type(temperature), out=x if inplace else None)
            inplace = True
        return ops.softmax(x, x if inplace else None)

    def backprop_softmax(self, Y: Any, dY: Any, *, axis: int = -1, temperature: float = 1.0) -> Any:
        if not (_ours(Y, dY) and Y.ndim > 0 and axis in (-1, Y.ndim - 1)):
            return super().backprop_softmax(Y, dY, axis=axis, temperature=temperature)
        dx = ops.softmax_backward(dY, Y)
        if temperature != 1.0:
            dx /= dx.dtype.type(temperature)
        return dx

    # activations

    def sigmoid(self, X: Any, *, inplace: bool = False) -> Any:
        if _ours(X) and (not inplace or _writable(X)):
            return ops.sigmoid(X, X if inplace else None)
        return super().sigmoid(X, inplace=inplace)

    def backprop_sigmoid(self, dY: Any, Y: Any, *, inplace: bool = False) -> Any:
        if not (_ours(dY, Y) and dY.shape == Y.shape):
            return super().backprop_sigmoid(dY, Y, inplace=inplace)
        dx = ops.sigmoid_backward(dY, Y)
        if inplace:  # Thinc writes this one over Y
            Y[...] = dx
            return Y
        return dx

    def relu(self, X: Any, inplace: bool = False) -> Any:
        if _ours(X) and (not inplace or _writable(X)):
            return ops.relu(X, X if inplace else None)
        return super().relu(X, inplace=inplace)

    def backprop_relu(self, dY: Any, Y: Any, inplace: bool = False) -> Any:
        if not (_ours(dY, Y) and dY.shape == Y.shape):
            return super().backprop_relu(dY, Y, inplace=inplace)
        dx = ops.relu_backward(dY, Y)
        if inplace:
            dY[...] = dx
            return dY
        return dx

    def clipped_linear(
        self,
        X: Any,
        slope: float = 1.0,
        offset: float = 0.0,
        min_val: float = 0.0,
        max_val: float = 1.0,
        inplace: bool = False,
    ) -> Any:
        if _ours(X) and (not inplace or _writable(X)):
            return _curve(_CLIPPED, X, inplace, slope, offset, min_val, max_val)
        return super().clipped_linear(X, slope, offset, min_val, max_val, inplace)

    def backprop_clipped_linear(
        self,
        dY: Any,
        X: Any,
        slope: float = 1.0,
        offset: float = 0.0,
        min_val: float = 0.0,
        max_val: float = 1.0,
        inplace: bool = False,
    ) -> Any:
        if _ours(dY, X) and (not inplace or _writable(dY)):
            return _curve_backward(_CLIPPED, dY, X, inplace, slope, offset, min_val, max_val)
        return super().backprop_clipped_linear(dY, X, slope, offset, min_val, max_val, inplace)

    swish = _pair("swish", _SWISH)[0]
    hard_swish, backprop_hard_swish = _pair("hard_swish", _HARD_SWISH)
    hard_swish_mobilenet, backprop_hard_swish_mobilenet = _pair(
        "hard_swish_mobilenet", _HARD_SWISH_MOBILENET
    )
    dish, backprop_dish = _pair("dish", _DISH)
    gelu, backprop_gelu = _pair("gelu", _GELU)
    gelu_approx, backprop_gelu_approx = _pair("gelu_approx", _GELU_TANH)

    def backprop_swish(self, dY: Any, X: Any, Y: Any, inplace: bool = False) -> Any:
        if _ours(dY, X, Y) and X.shape == Y.shape and (not inplace or _writable(dY)):
            return _curve_backward(_SWISH, dY, X, inplace)
        return super().backprop_swish(dY, X, Y, inplace=inplace)

    def mish(self, X: Any, threshold: float = 20.0, inplace: bool = False) -> Any:
        if _ours(X) and (not inplace or _writable(X)):
            return _curve(_MISH, X, inplace, high=threshold)
        return super().mish(X, threshold, inplace)

    def backprop_mish(self, dY: Any, X: Any, threshold: float = 20.0, inplace: bool = False) -> Any:
        if _ours(dY, X) and (not inplace or _writable(dY)):
            return _curve_backward(_MISH, dY, X, inplace, high=threshold)
        return super().backprop_mish(dY, X, threshold, inplace)

    def maxout(self, X: Any) -> Any:
        if _ours(X) and X.ndim == 3 and X.shape[2] > 0:
            return _pyffnn.cell_max(X)
        return super().maxout(X)

    def backprop_maxout(self, dY: Any, which: Any, P: int) -> Any:
        if _ours(dY) and dY.ndim == 2 and type(which) is np.ndarray and which.dtype.char in _INTS:
            return _pyffnn.cell_max_backward(dY, which, P)
        return super().backprop_maxout(dY, which, P)

    # rows by number, and runs of rows

    def gather_add(self, table: Any, indices: Any) -> Any:
        if (
            _ours(table)
            and table.ndim == 2
            and type(indices) is np.ndarray
            and indices.ndim == 2
            and indices.dtype.char in "iIlq"
        ):
            return _pyffnn.gather_sum(table, indices)
        return super().gather_add(table, indices)

    def reduce_sum(self, X: Any, lengths: Any) -> Any:
        if _ours(X) and X.ndim == 2 and _lengths(lengths):
            return _pyffnn.run_sums(X, lengths, False)
        return super().reduce_sum(X, lengths)

    def reduce_mean(self, X: Any, lengths: Any) -> Any:
        if _ours(X) and X.ndim == 2 and _lengths(lengths):
            return _pyffnn.run_sums(X, lengths, True)
        return super().reduce_mean(X, lengths)

    def reduce_max(self, X: Any, lengths: Any) -> Any:
        if _ours(X) and X.ndim == 2 and _lengths(lengths):
            return _pyffnn.run_max(X, lengths)
        return super().reduce_max(X, lengths)

    def backprop_reduce_sum(self, d_sums: Any, lengths: Any) -> Any:
        if _ours(d_sums) and d_sums.ndim == 2 and _lengths(lengths):
            return _pyffnn.run_sums_backward(d_sums, lengths, False)
        return super().backprop_reduce_sum(d_sums, lengths)

    def backprop_reduce_mean(self, d_means: Any, lengths: Any) -> Any:
        if _ours(d_means) and d_means.ndim == 2 and _lengths(lengths):
            return _pyffnn.run_sums_backward(d_means, lengths, True)
        return super().backprop_reduce_mean(d_means, lengths)

    def backprop_reduce_max(self, d_maxes: Any, which: Any, lengths: Any) -> Any:
        if _ours(d_maxes) and d_maxes.ndim == 2 and _lengths(lengths):
            return _pyffnn.run_max_backward(d_maxes, which, lengths)
        return super().backprop_reduce_max(d_maxes, which, lengths)

    # the optimizer's steps

    def adam(
        self,
        weights: Any,
        gradient: Any,
        mom1: Any,
        mom2: Any,
        beta1: float,
        beta2: float,
        eps: float,
        learn_rate: float,
        mod_rate: float = 1.0,
    ) -> Any:
        four = (weights, gradient, mom1, mom2)
        if (
            _ours(*four)
            and _writable(*four)
            and all(a.shape == weights.shape for a in four)
            and not any(np.may_share_memory(a, b) for a, b in combinations(four, 2))
        ):
            _pyffnn.adam_step(*four, beta1, beta2, eps, learn_rate)
            return four
        return super().adam(*four, beta1, beta2, eps, learn_rate, mod_rate)

    def clip_gradient(self, gradient: Any, threshold: float) -> Any:
        if _ours(gradient) and _writable(gradient):
            _pyffnn.clip_norm(gradient, threshold)
            return gradient
        return super().clip_gradient(gradient, threshold)


def LayerNorm(nI: int | None = None) -> Model[Any, Any]:  # noqa: N802 (a layer, named as Thinc names them)
    """Thinc's `LayerNorm`, forward and back by one kernel each; "pyffnn.LayerNorm.v1" in a config.

    The same name, dimensions and parameters (G, b), so weights go from one to the other. nI: width of the rows; None: taken from the data.
    On arrays that are no float matrices it is Thinc's own.
    """
    from thinc.layers import layernorm

    plain = layernorm.LayerNorm(nI)
    return Model(
        "layernorm",
        _layer_norm_forward,
        init=layernorm.init,
        dims={name: plain.maybe_get_dim(name) for name in plain.dim_names},
        params={"G": None, "b": None},
    )


def _layer_norm_forward(model: Any, X: Any, is_train: bool) -> tuple[Any, Callable[[Any], Any]]:
    from thinc.layers import layernorm

    G, b = model.get_param("G"), model.get_param("b")
    if not (_ours(X, G, b) and X.ndim == 2):
        forward: tuple[Any, Callable[[Any], Any]] = layernorm.forward(model, X, is_train)
        return forward
    Y, mean, rstd = _pyffnn.layer_norm(X, G, b, 1e-8)

    def backprop(dY: Any) -> Any:
        dX, dG, db = _pyffnn.layer_norm_backward(dY, X, G, mean, rstd)
        model.inc_grad("G", dG)
        model.inc_grad("b", db)
        return dX

    return Y, backprop


class _Optimizer(Optimizer):  # type: ignore[misc]
    """Thinc's own takes `NumpyOps` for every array that is not on a GPU, whatever operations are current."""

    def _adam(self, ops: Any, *rest: Any) -> Any:
        return super()._adam(PyffnnOps() if type(ops) is NumpyOps else ops, *rest)


def Adam(  # noqa: N802 (named as Thinc names it)
    learn_rate: Any = ADAM_DEFAULTS["learn_rate"],
    *,
    L2: Any = ADAM_DEFAULTS["L2"],
    beta1: Any = ADAM_DEFAULTS["beta1"],
    beta2: Any = ADAM_DEFAULTS["beta2"],
    eps: Any = ADAM_DEFAULTS["eps"],
    grad_clip: Any = ADAM_DEFAULTS["grad_clip"],
    L2_is_weight_decay: bool = bool(ADAM_DEFAULTS["L2_is_weight_decay"]),
    use_averages: bool = True,
) -> Optimizer:
    """Thinc's optimizer `Adam.v1` whose steps are a kernel; "pyffnn.Adam.v1" in a config. Arguments as of Thinc's, numbers or schedules."""
    return _Optimizer(
        learn_rate,
        L2=L2,
        beta1=beta1,
        beta2=beta2,
        eps=eps,
        grad_clip=grad_clip,
        L2_is_weight_decay=L2_is_weight_decay,
        use_averages=use_averages,
        use_radam=False,
    )
