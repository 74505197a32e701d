"""Custom operators of PyTorch on our kernels, with gradients and with the shapes that compilers ask for.

``torch.ops.pyffnn.linear``, ``linear_cross_entropy`` and ``embedding_bag`` are also the names of this module. They read CPU tensors
where they lie and copy none of their arguments.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import torch

from pyffnn import ops
from pyffnn.integrations.torch.tensors import (
    FLOATS,
    IDS,
    check_contiguous,
    check_floats,
    check_ids,
    check_matrices,
    check_rank,
    view,
)

__all__ = ["embedding_bag", "linear", "linear_cross_entropy"]

Tensor: TypeAlias = torch.Tensor
Grads = tuple[Tensor | None, ...]

_PLAIN = (torch.Tensor, torch.nn.Parameter)

MODES = ("mean", "sum")
_BLOCK = 1 << 20  # numbers of the logits that a loss without gradients holds at a time

_library = torch.library.Library("pyffnn", "DEF")
_TAGS = tuple(
    getattr(torch.Tag, name)
    for name in ("pt2_compliant_tag", "needs_fixed_stride_order")
    if hasattr(torch.Tag, name)
)


def _define(name: str, schema: str, run: Any, fake: Any) -> Any:
    """An operator with its body and what it gives where there are no numbers; without gradients."""
    _library.define(name + schema, tags=_TAGS)
    # for every device, so that our own words refuse the others
    _library.impl(name, run, "CompositeExplicitAutograd")
    torch.library.register_fake(f"pyffnn::{name}", fake, lib=_library)
    return getattr(torch.ops.pyffnn, name).default


def _is_plain(tensor: Tensor) -> bool:
    """Whether it has numbers, and nobody looks on who must see the operator itself: no compiler, no check, no mode."""
    return (
        type(tensor) in _PLAIN
        and tensor.device.type == "cpu"
        and torch._C._len_torch_dispatch_stack() == 0
    )


def _from_numpy(array: Any) -> Tensor:
    return torch.from_numpy(array)


# linear ---------------------------------------------------------------------------------------------


def _check_linear(
    x: Tensor, w: Tensor, b: Tensor | None, activation: ops.Activation | None
) -> None:
    ops.activation_code(activation)
    check_floats(x=x, w=w, b=b)
    check_rank(2, x=x, w=w)
    check_matrices(x=x, w=w)
    _check_layer(x, w, b)


def _check_layer(x: Tensor, w: Tensor, b: Tensor | None) -> None:
    if x.shape[1] != w.shape[0]:
        raise ValueError(
            f"x and w do not fit: x has shape {tuple(x.shape)}, w has shape {tuple(w.shape)}"
        )
    if b is not None:
        check_rank(1, b=b)
        check_contiguous(b=b)
        if b.shape[0] != w.shape[1]:
            raise ValueError(
                f"b must have one number a column of w, got shape {tuple(b.shape)} for w of shape "
                f"{tuple(w.shape)}"
            )


def _linear(
    x: Tensor, w: Tensor, b: Tensor | None = None, activation: ops.Activation | None = None
) -> Tensor:
    _check_linear(x, w, b, activation)
    bias = None if b is None else view(b)
    return _from_numpy(ops.linear(view(x), view(w), bias, activation=activation))


def _linear_fake(
    x: Tensor, w: Tensor, b: Tensor | None = None, activation: ops.Activation | None = None
) -> Tensor:
    _check_linear(x, w, b, activation)
    return x.new_empty((x.shape[0], w.shape[1]))


def _linear_backward(
    dy: Tensor,
    x: Tensor,
    w: Tensor,
    y: Tensor | None,
    activation: ops.Activation | None,
    need_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    dx, dw, db = ops.linear_backward(
        view(dy),
        view(x),
        view(w),
        None if y is None else view(y),
        activation=activation,
        need_dx=need_dx,
    )
    return x.new_empty(0) if dx is None else _from_numpy(dx), _from_numpy(dw), _from_numpy(db)


def _linear_backward_fake(
    dy: Tensor,
    x: Tensor,
    w: Tensor,
    y: Tensor | None,
    activation: ops.Activation | None,
    need_dx: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    dx = x.new_empty(x.shape if need_dx else (0,))
    return dx, w.new_empty(w.shape), w.new_empty(w.shape[1])


def _linear_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, w, _, ctx.activation = inputs
    ctx.save_for_backward(x, w, output if ctx.activation not in (None, "identity") else None)


def _linear_gradient(ctx: Any, dy: Tensor) -> Grads:
    x, w, y = ctx.saved_tensors
    need_x, need_w, *rest = ctx.needs_input_grad  # arguments left out are not in it
    need_b = bool(rest and rest[0])
    if torch.is_grad_enabled():  # a second derivative is wanted
        dz = dy if y is None else dy * _slope(y, ctx.activation)
        return (
            dz @ w.t() if need_x else None,
            x.t() @ dz if need_w else None,
            dz.sum(0) if need_b else None,
            None,
        )
    dx, dw, db = _backward_of_linear(dy, x, w, y, ctx.activation, need_x)
    return dx if need_x else None, dw if need_w else None, db if need_b else None, None


def _slope(y: Tensor, activation: str) -> Tensor:
    """Of an activation, from its value."""
    if activation == "sigmoid":
        return y * (1 - y)
    return 1 - y * y if activation == "tanh" else (y > 0).to(y.dtype)


linear = _define(
    "linear",
    "(Tensor x, Tensor w, Tensor? b=None, str? activation=None) -> Tensor",
    _linear,
    _linear_fake,
)
_backward_of_linear = _define(
    "linear_backward",
    "(Tensor dy, Tensor x, Tensor w, Tensor? y, str? activation, bool need_dx) -> (Tensor, Tensor, Tensor)",
    _linear_backward,
    _linear_backward_fake,
)
torch.library.register_autograd(
    "pyffnn::linear", _linear_gradient, setup_context=_linear_context, lib=_library
)


# linear_cross_entropy -------------------------------------------------------------------------------


def _check_xent(x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor) -> None:
    check_floats(x=x, w=w, b=b)
    check_ids(x, targets=targets)
    check_rank(2, x=x, w=w)
    check_rank(1, targets=targets)
    check_contiguous(x=x, w=w)
    _check_layer(x, w, b)
    if targets.shape[0] != x.shape[0]:
        raise ValueError(
            f"targets must have one class a row of x ({x.shape[0]}), got shape "
            f"{tuple(targets.shape)}"
        )


def _xent(x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor) -> Tensor:
    """The loss alone: blocks of rows of the logits, so that all of them are never there."""
    _check_xent(x, w, b, targets)
    m, n = x.shape[0], w.shape[1]
    if m == 0 or n == 0 or x.shape[1] == 0:
        return _gradients(x, w, b, targets)[0]
    rows = max(8, _BLOCK // n)
    bias = None if b is None else view(b)
    total = 0.0
    for begin in range(0, m, rows):
        block = slice(begin, begin + rows)
        logits = ops.linear(view(x)[block], view(w), bias)
        loss, _ = ops.cross_entropy(logits, view(targets)[block])
        total += loss * len(logits)
    return x.new_full((), total / m)


def _xent_fake(x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor) -> Tensor:
    _check_xent(x, w, b, targets)
    return x.new_empty(())


def _gradients(
    x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    _check_xent(x, w, b, targets)
    bias = None if b is None else view(b)
    loss, dx, dw, db = ops.linear_cross_entropy(view(x), view(w), bias, view(targets))
    return x.new_full((), loss), _from_numpy(dx), _from_numpy(dw), _from_numpy(db)


def _gradients_fake(
    x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    _check_xent(x, w, b, targets)
    return x.new_empty(()), x.new_empty(x.shape), w.new_empty(w.shape), w.new_empty(w.shape[1])


linear_cross_entropy = _define(
    "linear_cross_entropy",
    "(Tensor x, Tensor w, Tensor? b, Tensor targets) -> Tensor",
    _xent,
    _xent_fake,
)
_loss_and_gradients = _define(
    "linear_cross_entropy_gradients",
    "(Tensor x, Tensor w, Tensor? b, Tensor targets) -> (Tensor, Tensor, Tensor, Tensor)",
    _gradients,
    _gradients_fake,
)


class _LinearCrossEntropy(torch.autograd.Function):  # type: ignore[misc]
    """One pass forward finds loss and gradients; backward hands them out, scaled where they lie."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor) -> Tensor:
        run = _gradients if _is_plain(x) else _loss_and_gradients
        loss, *ctx.found = run(x, w, b, targets)
        ctx.save_for_backward(x, w, b, targets)
        return loss

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> Grads:
        x, w, b, targets = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted: the logits are formed
            return _differentiable(d, x, w, b, targets, ctx.needs_input_grad)
        # They are given away, so that nobody holds them twice; who goes back again has them computed again.
        found, ctx.found = ctx.found, None
        if found is None:
            found = _loss_and_gradients(x, w, b, targets)[1:]
        unscaled = _is_plain(d) and d.item() == 1
        return (
            *(
                (grad if unscaled else grad.mul_(d)) if need else None
                for grad, need in zip(found, ctx.needs_input_grad[:3], strict=True)
            ),
            None,
        )


def _differentiable(
    d: Tensor, x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor, needs: tuple[bool, ...]
) -> Grads:
    z = x @ w if b is None else x @ w + b
    one = torch.nn.functional.one_hot(targets.long(), w.shape[1]).to(z.dtype)
    dz = (torch.softmax(z, 1) - one) * (d / max(x.shape[0], 1))
    return (
        dz @ w.t() if needs[0] else None,
        x.t() @ dz if needs[1] else None,
        dz.sum(0) if needs[2] else None,
        None,
    )


def _xent_autograd(x: Tensor, w: Tensor, b: Tensor | None, targets: Tensor) -> Tensor:
    if torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in (x, w, b)):
        return _LinearCrossEntropy.apply(x, w, b, targets)
    if _is_plain(x):
        return _xent(x, w, b, targets)
    with torch._C._AutoDispatchBelowAutograd():
        return linear_cross_entropy(x, w, b, targets)


_library.impl("linear_cross_entropy", _xent_autograd, "Autograd")


# embedding_bag --------------------------------------------------------------------------------------


def _check_bags(
    table: Tensor, ids: Tensor, offsets: Tensor, mode: str, include_last_offset: bool
) -> None:
    """What the kernels can't see of tensors; they check the numbers, and what is left of shapes."""
    if (  # one look at what is nearly always so
        mode in MODES
        and ids is not None
        and offsets is not None
        and table.dtype in FLOATS
        and ids.dtype in IDS
        and offsets.dtype in IDS
        and table.is_cpu
        and ids.is_cpu
        and offsets.is_cpu
        and table.layout is ids.layout is offsets.layout is torch.strided
        and table.ndim == 2
        and ids.ndim == offsets.ndim == 1
        and table.is_contiguous()
        and ids.is_contiguous()
        and offsets.is_contiguous()
        and (not include_last_offset or offsets.shape[0])
    ):
        return
    if mode not in MODES:
        raise ValueError(f"mode must be 'mean' or 'sum', got {mode!r}")
    check_floats(table=table)
    check_ids(table, ids=ids, offsets=offsets)
    check_rank(2, table=table)
    check_rank(1, ids=ids, offsets=offsets)
    check_contiguous(table=table)
    if include_last_offset and offsets.shape[0] == 0:
        raise ValueError("offsets must hold the end of the last bag, got none")


def _bag(
    table: Tensor,
    ids: Tensor,
    offsets: Tensor,
    mode: str = "mean",
    sparse: bool = False,
    include_last_offset: bool = False,
) -> Tensor:
    _check_bags(table, ids, offsets, mode, include_last_offset)
    rows = table.detach().numpy()
    return _from_numpy(
        ops.embedding_bag(rows, ids.numpy(), offsets.numpy(), mode, include_last_offset)
    )


def _bag_fake(
    table: Tensor,
    ids: Tensor,
    offsets: Tensor,
    mode: str = "mean",
    sparse: bool = False,
    include_last_offset: bool = False,
) -> Tensor:
    _check_bags(table, ids, offsets, mode, include_last_offset)
    return table.new_empty((offsets.shape[0] - int(include_last_offset), table.shape[1]))


def _second_derivative(
    dy: Tensor, ids: Tensor, offsets: Tensor, mode: str, rows: int, include_last_offset: bool
) -> Tensor:
    """The gradient by operations that have gradients of their own; forward has checked the bags."""
    begins = offsets[: offsets.shape[0] - int(include_last_offset)]
    lengths = torch.diff(begins, append=begins.new_full((1,), ids.shape[0]))
    shares = dy / lengths.clamp(min=1)[:, None] if mode == "mean" else dy
    bags = torch.repeat_interleave(torch.arange(len(lengths)), lengths, output_size=ids.shape[0])
    return dy.new_zeros((rows, dy.shape[1])).index_add(0, ids, shares[bags])


def _bag_backward(
    dy: Tensor, ids: Tensor, offsets: Tensor, mode: str, rows: int, include_last_offset: bool
) -> Tensor:
    return _from_numpy(
        ops.embedding_bag_backward(
            view(dy), view(ids), view(offsets), rows, mode, include_last_offset
        )
    )


def _bag_backward_fake(
    dy: Tensor, ids: Tensor, offsets: Tensor, mode: str, rows: int, include_last_offset: bool
) -> Tensor:
    return dy.new_empty((rows, dy.shape[1]))


def _bag_rows(
    dy: Tensor, ids: Tensor, offsets: Tensor, mode: str, rows: int, include_last_offset: bool
) -> tuple[Tensor, Tensor]:
    """The rows that occur, and their gradients."""
    at, values = ops.pool_backward_rows(
        view(dy),
        view(ids),
        view(offsets),
        rows,
        mode=mode,
        include_last_offset=include_last_offset,
    )
    return _from_numpy(at), _from_numpy(values)


def _bag_rows_fake(
    dy: Tensor, ids: Tensor, offsets: Tensor, mode: str, rows: int, include_last_offset: bool
) -> tuple[Tensor, Tensor]:
    distinct = torch.library.get_ctx().new_dynamic_size()
    return ids.new_empty(distinct, dtype=torch.int64), dy.new_empty((distinct, dy.shape[1]))


class _EmbeddingBag(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, table: Tensor, ids: Tensor, offsets: Tensor, mode: str, sparse: bool, last: bool
    ) -> Tensor:
        ctx.settings = mode, table.shape[0], last, sparse
        ctx.save_for_backward(ids, offsets)
        run = _bag if _is_plain(table) else embedding_bag
        return run(table, ids, offsets, mode, sparse, last)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Grads:
        ids, offsets = ctx.saved_tensors
        *settings, sparse = ctx.settings
        plain = _is_plain(dy)
        if torch.is_grad_enabled() and dy.requires_grad:  # a second derivative is wanted
            grad = _second_derivative(dy, ids, offsets, *settings)
        elif sparse:
            run = _bag_rows if plain else _rows_of_bags
            at, values = run(dy, ids, offsets, *settings)
            size = (settings[1], dy.shape[1])
            grad = torch.sparse_coo_tensor(at[None], values, size, check_invariants=False)
        else:
            run = _bag_backward if plain else _backward_of_bags
            grad = run(dy, ids, offsets, *settings)
        return grad, None, None, None, None, None


embedding_bag = _define(
    "embedding_bag",
    "(Tensor table, Tensor ids, Tensor offsets, str mode='mean', bool sparse=False, "
    "bool include_last_offset=False) -> Tensor",
    _bag,
    _bag_fake,
)
_backward_of_bags = _define(
    "embedding_bag_backward",
    "(Tensor dy, Tensor ids, Tensor offsets, str mode, SymInt rows, bool include_last_offset) -> Tensor",
    _bag_backward,
    _bag_backward_fake,
)
_rows_of_bags = _define(
    "embedding_bag_rows",
    "(Tensor dy, Tensor ids, Tensor offsets, str mode, SymInt rows, bool include_last_offset) -> (Tensor, Tensor)",
    _bag_rows,
    _bag_rows_fake,
)


def _bag_autograd(
    table: Tensor,
    ids: Tensor,
    offsets: Tensor,
    mode: str = "mean",
    sparse: bool = False,
    include_last_offset: bool = False,
) -> Tensor:
    if table.requires_grad and torch.is_grad_enabled():
        return _EmbeddingBag.apply(table, ids, offsets, mode, sparse, include_last_offset)
    if _is_plain(table):
        return _bag(table, ids, offsets, mode, sparse, include_last_offset)
    with torch._C._AutoDispatchBelowAutograd():
        return embedding_bag(table, ids, offsets, mode, sparse, include_last_offset)


_library.impl("embedding_bag", _bag_autograd, "Autograd")
