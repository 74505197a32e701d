"""The operators of `pyffnn.integrations.torch` against PyTorch's own functions, and its checks of operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pt = pytest.importorskip("pyffnn.integrations.torch")
functional = torch.nn.functional

ACTIVATIONS: dict[str | None, Callable[[Any], Any]] = {
    None: lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}
IDS = [0, 3, 3, 6, 1, 2]


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def layer(dtype: Any = None, m: int = 5, k: int = 4, n: int = 3) -> tuple[Any, Any, Any]:
    dtype = torch.float64 if dtype is None else dtype
    shapes = ((m, k), (k, n), (n,))
    x, w, b = (torch.randn(s, dtype=dtype, requires_grad=True) for s in shapes)
    return x, w, b


def bags(last: bool = False, dtype: Any = None) -> tuple[Any, Any, Any]:
    table = torch.randn(7, 4, dtype=dtype or torch.float64, requires_grad=True)
    return table, torch.tensor(IDS), torch.tensor([0, 2, 2, 5, 6] if last else [0, 2, 2, 5])


def same_gradients(found: Any, wanted: Any, of: tuple[Any, ...], tolerance: float) -> None:
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)
    if found.dim():
        found, wanted = (found * found.detach()).sum(), (wanted * wanted.detach()).sum()
    ours, theirs = torch.autograd.grad(found, of), torch.autograd.grad(wanted, of)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


# -- the same as PyTorch


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_linear(activation: str | None, dtype: Any) -> None:
    x, w, b = layer(dtype, 9, 17, 12)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    found = pt.linear(x, w, b, activation)
    assert found.dtype == dtype
    same_gradients(found, ACTIVATIONS[activation](x @ w + b), (x, w, b), tolerance)
    same_gradients(pt.linear(x, w), x @ w, (x, w), tolerance)
    # the weight of a torch.nn.Linear is read where it lies
    weight = torch.randn(12, 17, dtype=dtype, requires_grad=True)
    same_gradients(pt.linear(x, weight.t(), b), functional.linear(x, weight, b), (x, weight, b), tolerance)  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("ids", [torch.int32, torch.int64])
def test_linear_cross_entropy(ids: Any, dtype: Any) -> None:
    x, w, b = layer(dtype, 33, 8, 70)
    targets = torch.randint(0, 70, (33,))
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    wanted = functional.cross_entropy(x @ w + b, targets) * 3
    same_gradients(pt.linear_cross_entropy(x, w, b, targets.to(ids)) * 3, wanted, (x, w, b), tolerance)  # fmt: skip
    wanted = functional.cross_entropy(x @ w, targets)
    same_gradients(pt.linear_cross_entropy(x, w, None, targets), wanted, (x, w), tolerance)
    with torch.no_grad():
        got = pt.linear_cross_entropy(x, w, None, targets)
    torch.testing.assert_close(got, wanted.detach(), rtol=tolerance, atol=tolerance)
    assert not got.requires_grad


def test_a_loss_alone_never_holds_all_logits(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyffnn.integrations.torch import operators

    x, w, b = layer(torch.float64, 33, 8, 70)
    targets = torch.randint(0, 70, (33,))
    whole = pt.linear_cross_entropy(x.detach(), w.detach(), b.detach(), targets)
    monkeypatch.setattr(operators, "_BLOCK", 70)
    sizes = []
    linear = operators.ops.linear
    monkeypatch.setattr(
        operators.ops, "linear", lambda x, *rest: sizes.append(len(x)) or linear(x, *rest)
    )
    parts = pt.linear_cross_entropy(x.detach(), w.detach(), b.detach(), targets)
    assert sizes == [8, 8, 8, 8, 1]
    torch.testing.assert_close(parts, whole)


@pytest.mark.parametrize("mode", ["mean", "sum"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_embedding_bag(mode: str, sparse: bool, last: bool) -> None:
    table, ids, offsets = bags(last)
    found = pt.embedding_bag(table, ids, offsets, mode, sparse, last)
    wanted = functional.embedding_bag(ids, table, offsets, mode=mode, include_last_offset=last)
    torch.testing.assert_close(found, wanted)
    (a,) = torch.autograd.grad((found * found.detach()).sum(), table)
    (b,) = torch.autograd.grad((wanted * wanted.detach()).sum(), table)
    assert a.is_sparse == sparse
    torch.testing.assert_close(a.to_dense(), b)


def test_a_sparse_gradient_does_not_change_with_the_ids() -> None:
    table, ids, offsets = bags()
    pt.embedding_bag(table, ids, offsets, "sum", True).sum().backward()
    before = table.grad.to_dense()
    ids.zero_()
    torch.testing.assert_close(table.grad.to_dense(), before)


@pytest.mark.parametrize("shape", [(0, 4, 3), (5, 4, 1), (1, 1, 1), (5, 0, 3)])
def test_empty_and_small_shapes(shape: tuple[int, int, int]) -> None:
    x, w, b = layer(None, *shape)
    same_gradients(pt.linear(x, w, b, "tanh"), torch.tanh(x @ w + b), (x, w, b), 1e-12)
    targets = torch.zeros(shape[0], dtype=torch.int64)
    loss = pt.linear_cross_entropy(x, w, b, targets)
    loss.backward()
    if shape[0]:
        torch.testing.assert_close(loss, functional.cross_entropy(x @ w + b, targets))
    else:
        assert loss == 0 and not w.grad.any()


def test_empty_bags() -> None:
    table = torch.randn(3, 2, requires_grad=True)
    none = torch.zeros(0, dtype=torch.int64)
    assert pt.embedding_bag(table, none, none).shape == (0, 2)
    found = pt.embedding_bag(table, none, torch.tensor([0, 0]), "mean", True)
    assert not found.any()
    found.sum().backward()
    assert not table.grad.to_dense().any()


# -- gradients


def test_gradients_of_linear() -> None:
    for activation in ACTIVATIONS:
        operands = layer()
        check = lambda *a, f=activation: pt.linear(*a, f)  # noqa: E731
        assert torch.autograd.gradcheck(check, operands)
        assert torch.autograd.gradgradcheck(check, operands)


def test_gradients_of_linear_cross_entropy() -> None:
    targets = torch.tensor([0, 2, 1, 1, 0])
    check = lambda *a: pt.linear_cross_entropy(*a, targets)  # noqa: E731
    assert torch.autograd.gradcheck(check, layer())
    assert torch.autograd.gradgradcheck(check, layer())


@pytest.mark.parametrize("mode", ["mean", "sum"])
def test_gradients_of_embedding_bag(mode: str) -> None:
    table, ids, offsets = bags()
    assert torch.autograd.gradcheck(lambda t: pt.embedding_bag(t, ids, offsets, mode), (table,))
    assert torch.autograd.gradgradcheck(lambda t: pt.embedding_bag(t, ids, offsets, mode), (table,))


def test_going_back_twice_adds_the_same() -> None:
    x, w, b = layer()
    loss = pt.linear_cross_entropy(x, w, b, torch.tensor([0, 2, 1, 1, 0]))
    loss.backward(retain_graph=True)
    once = w.grad.clone()
    w.grad += 1  # what was handed out is the caller's
    (loss * 2).backward()
    torch.testing.assert_close(w.grad, 3 * once + 1)


def test_only_what_is_wanted_has_a_gradient() -> None:
    x, w, b = layer()
    targets = torch.tensor([0, 2, 1, 1, 0])
    for f in (pt.linear, lambda *a: pt.linear_cross_entropy(*a, targets)):
        f(x.detach(), w, b.detach()).sum().backward()
        assert x.grad is None and b.grad is None and w.grad is not None


# -- what compilers and their checks see

OPERATORS: dict[str, Callable[[], tuple[Any, tuple[Any, ...]]]] = {
    "linear": lambda: (pt.linear, (*layer(), "tanh")),
    "linear without bias": lambda: (torch.ops.pyffnn.linear, layer()[:2]),
    "linear of a transpose": lambda: (
        pt.linear,
        (layer()[0], torch.randn(3, 4, dtype=torch.float64, requires_grad=True).t()),
    ),
    "linear_cross_entropy": lambda: (
        pt.linear_cross_entropy,
        (*layer(), torch.tensor([0, 2, 1, 1, 0])),
    ),
    "embedding_bag": lambda: (pt.embedding_bag, bags()),
    "embedding_bag, sparse": lambda: (pt.embedding_bag, (*bags(True), "sum", True, True)),
}


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.filterwarnings("ignore")
def test_opcheck(name: str) -> None:
    operator, arguments = OPERATORS[name]()
    found = torch.library.opcheck(operator, arguments)
    assert set(found.values()) == {"SUCCESS"}


def test_shapes_without_numbers() -> None:
    x, w, b = (t.to("meta") for t in layer(torch.float32))
    assert pt.linear(x, w, b).shape == (5, 3) and pt.linear(x, w, b).device.type == "meta"
    ids = torch.zeros(5, dtype=torch.int64, device="meta")
    assert pt.linear_cross_entropy(x, w, b, ids).shape == ()
    assert pt.embedding_bag(w, ids, ids[:2]).shape == (2, 3)


@pytest.mark.parametrize("backend", ["aot_eager", "inductor"])
@pytest.mark.filterwarnings("ignore")
def test_compiled(backend: str) -> None:
    table, ids, offsets = bags()
    x, w, b = layer()
    targets = torch.tensor([0, 2, 1, 1, 0])

    def f(x: Any, w: Any, b: Any, table: Any) -> Any:
        h = pt.linear(x, w, b, "relu")
        bag = pt.embedding_bag(table, ids, offsets, "mean")
        return pt.linear_cross_entropy(x, w, b, targets) * 3 + h.sum() + bag.sum()

    if backend == "inductor":
        from torch._inductor.cpp_builder import get_cpp_compiler

        try:
            get_cpp_compiler()
        except Exception:
            pytest.skip("inductor has no compiler here")
    torch._dynamo.reset()
    same_gradients(
        torch.compile(f, fullgraph=True, backend=backend)(x, w, b, table),
        f(x, w, b, table),
        (x, w, b, table),
        1e-12,
    )


# -- bad input


def no_copy() -> tuple[Any, Any, Any]:
    return torch.randn(5, 4), torch.randn(4, 3), torch.randn(3)


T = torch.zeros(5, dtype=torch.int64)
BAD: dict[str, tuple[type[Exception], str, Callable[[Any, Any, Any], Any]]] = {
    "device x": (ValueError, "x must be on the cpu device, got device 'meta'", lambda x, w, b: pt.linear(x.to("meta"), w, b)),
    "device w": (ValueError, "w must be on the cpu device, got device 'meta'", lambda x, w, b: pt.linear(x, w.to("meta"), b)),
    "device targets": (ValueError, "targets must be on the cpu", lambda x, w, b: pt.linear_cross_entropy(x, w, b, T.to("meta"))),
    "device table": (ValueError, "ids must be on the meta device, as", lambda x, w, b: pt.embedding_bag(w.to("meta"), T, T)),
    "half": (TypeError, "x must be float32 or float64, got torch.float16", lambda x, w, b: pt.linear(x.half(), w, b)),
    "integers": (TypeError, "x must be float32 or float64, got torch.int64", lambda x, w, b: pt.linear(x.long(), w, b)),
    "mixed": (TypeError, "w must be torch.float32 as x is, got torch.float64", lambda x, w, b: pt.linear(x, w.double(), b)),
    "strides of x": (ValueError, r"x must be contiguous or the transpose .* got strides \(4, 2\)", lambda x, w, b: pt.linear(x[:, ::2], w[:2], b)),
    "expanded b": (ValueError, r"b must be contiguous, got strides \(0,\)", lambda x, w, b: pt.linear(x, w, b[:1].expand(3))),
    "transposed w": (ValueError, "w must be contiguous, got strides", lambda x, w, b: pt.linear_cross_entropy(x, torch.randn(3, 4).t(), b, T)),
    "strides of ids": (ValueError, "ids must be contiguous", lambda x, w, b: pt.embedding_bag(w, torch.arange(6)[::2], T[:1])),
    "strides of table": (ValueError, "table must be contiguous", lambda x, w, b: pt.embedding_bag(w.t(), T, T[:1])),
    "sparse x": (ValueError, "x must be a dense tensor", lambda x, w, b: pt.linear(x.to_sparse(), w, b)),
    "rank": (ValueError, r"x must be 2-D, got shape \(5,\)", lambda x, w, b: pt.linear(x[:, 0].contiguous(), w, b)),
    "shapes": (ValueError, "x and w do not fit", lambda x, w, b: pt.linear(x, torch.randn(5, 3), b)),
    "bias": (ValueError, "b must have one number a column of w", lambda x, w, b: pt.linear(x, w, b[:2])),
    "activation": (ValueError, "activation must be None.*'swish'", lambda x, w, b: pt.linear(x, w, b, "swish")),
    "targets": (IndexError, "targets entry 0 = 3", lambda x, w, b: pt.linear_cross_entropy(x, w, b, T + 3)),
    "number of targets": (ValueError, "targets must have one class a row", lambda x, w, b: pt.linear_cross_entropy(x, w, b, T[:4])),
    "float targets": (TypeError, "targets must be int32 or int64, got torch.float32", lambda x, w, b: pt.linear_cross_entropy(x, w, b, T.float())),
    "ids": (IndexError, "ids entry 0 = 4", lambda x, w, b: pt.embedding_bag(w, T + 4, T[:1])),
    "mode": (ValueError, "mode must be 'mean' or 'sum', got 'max'", lambda x, w, b: pt.embedding_bag(w, T, T[:1], "max")),
    "no bag": (ValueError, "offsets must name a bag", lambda x, w, b: pt.embedding_bag(w, T, T[:0])),
    "first offset": (ValueError, "offsets must begin with 0, got 1", lambda x, w, b: pt.embedding_bag(w, T, T[:1] + 1)),
    "last offset": (ValueError, "offsets must not lie beyond the 5 ids", lambda x, w, b: pt.embedding_bag(w, T, torch.tensor([0, 6]))),
    "wrong end": (ValueError, "offsets must end with the number of ids, 5, got 4", lambda x, w, b: pt.embedding_bag(w, T, torch.tensor([0, 4]), "mean", False, True)),
    "no x": (TypeError, "x must be a tensor, got NoneType", lambda x, w, b: pt.linear(None, w, b)),
    "no w": (TypeError, "w must be a tensor, got NoneType", lambda x, w, b: pt.linear_cross_entropy(x, None, b, T)),
    "no targets": (TypeError, "targets must be a tensor, got NoneType", lambda x, w, b: pt.linear_cross_entropy(x, w, b, None)),
    "no ids": (TypeError, "ids must be a tensor, got NoneType", lambda x, w, b: pt.embedding_bag(w, None, T[:1])),
    "no offsets": (TypeError, "offsets must be a tensor, got NoneType", lambda x, w, b: pt.embedding_bag(w, T, None)),
    "falling": (ValueError, "offsets must not decrease", lambda x, w, b: pt.embedding_bag(w, T, torch.tensor([0, 3, 2]))),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    error, words, call = BAD[name]
    with pytest.raises(error, match=words):
        call(*no_copy())


def test_views_are_read_where_they_lie() -> None:
    from pyffnn.integrations.torch.tensors import view

    x = torch.randn(4, 3, requires_grad=True)
    assert view(x).ctypes.data == x.data_ptr()
    assert np.shares_memory(view(x.t()), x.detach().numpy())


# -- modules


def test_fused_linear_cross_entropy() -> None:
    plain = torch.nn.Linear(4, 7, dtype=torch.float64)
    module = pt.FusedLinearCrossEntropy.from_linear(plain)
    x, targets = torch.randn(2, 3, 4, dtype=torch.float64), torch.randint(0, 7, (2, 3))
    wanted = functional.cross_entropy(plain(x).reshape(-1, 7), targets.reshape(-1))
    torch.testing.assert_close(module(x, targets), wanted)
    torch.testing.assert_close(module.logits(x), plain(x))
    module(x, targets).backward()
    wanted.backward()
    torch.testing.assert_close(module.weight.grad, plain.weight.grad.t())
    torch.testing.assert_close(module.bias.grad, plain.bias.grad)
    again = pt.FusedLinearCrossEntropy(4, 7, bias=False)
    assert list(again.state_dict()) == ["weight"] and again.weight.abs().max() <= 0.5
    assert "out_features=7" in repr(again)


def test_embedding_bag_module() -> None:
    ours = pt.EmbeddingBag(9, 4, mode="sum", sparse=True)
    theirs = torch.nn.EmbeddingBag(9, 4, mode="sum")
    theirs.load_state_dict(ours.state_dict())
    ids = torch.randint(0, 9, (3, 5))
    torch.testing.assert_close(ours(ids), theirs(ids))
    flat, offsets = ids.reshape(-1), torch.tensor([0, 1, 9])
    torch.testing.assert_close(ours(flat, offsets), theirs(flat, offsets))
    ours(ids).sum().backward()
    before = ours.weight.detach().clone()
    torch.optim.SGD(ours.parameters(), lr=1.0).step()
    counts = torch.bincount(flat, minlength=9)[:, None]
    torch.testing.assert_close(ours.weight.detach(), before - counts)
    frozen = pt.EmbeddingBag.from_pretrained(before, mode="sum")
    assert not frozen.weight.requires_grad and frozen.weight.data_ptr() == before.data_ptr()
    with pytest.raises(ValueError, match="offsets must be None"):
        ours(ids, offsets)
    with pytest.raises(ValueError, match="offsets must be given"):
        ours(flat)
    with pytest.raises(ValueError, match="mode must be"):
        pt.EmbeddingBag(9, 4, mode="max")


def test_a_small_network_learns() -> None:
    words = torch.randint(0, 50, (200, 6))
    labels = (words < 25).sum(1).gt(3).long()
    bag, loss = pt.EmbeddingBag(50, 8), pt.FusedLinearCrossEntropy(8, 2)
    optimizer = torch.optim.Adam([*bag.parameters(), *loss.parameters()], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss(bag(words), labels).backward()
        optimizer.step()
    assert loss.logits(bag(words)).argmax(1).eq(labels).float().mean() > 0.95


def test_without_torch_it_says_what_to_install() -> None:
    from subprocesses import output_of

    code = """
import sys
sys.modules["torch"] = None
try:
    import pyffnn.integrations.torch
except ImportError as error:
    print(error)
"""
    assert "pip install 'pyffnn[torch]'" in output_of(code)
