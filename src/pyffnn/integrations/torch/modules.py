"""Layers of `torch.nn` on the operators."""

from __future__ import annotations

import math
from typing import Any, Self, TypeAlias

import torch

from pyffnn.integrations.torch.operators import MODES, embedding_bag, linear_cross_entropy

__all__ = ["EmbeddingBag", "FusedLinearCrossEntropy"]

Tensor: TypeAlias = torch.Tensor


class FusedLinearCrossEntropy(torch.nn.Module):  # type: ignore[misc]
    """A linear layer and the mean cross-entropy of its logits, which are never held all at once.

    ``module(x, targets)`` is ``cross_entropy(x @ weight + bias, targets)``: x [..., in_features] of
    float32 or float64, classes [...] of int32 or int64; a number in nats. Loss and gradients are found
    in one pass over the classes, so that forward and backward need no more memory than the gradients.

    Parameters
    ----------
    in_features, out_features
        Numbers of an example, and classes.
    bias
        Whether there is one.
    device, dtype
        As in `torch.nn.Linear`.

    Attributes
    ----------
    weight : parameter of shape (in_features, out_features)
        The transpose of that of `torch.nn.Linear`; both start in the same way.
    bias : parameter of shape (out_features,), or None
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        at = {"device": device, "dtype": dtype}
        self.weight = torch.nn.Parameter(torch.empty((in_features, out_features), **at))
        self.bias = torch.nn.Parameter(torch.empty(out_features, **at)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in ±1 / sqrt(in_features)."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features else 0.0
        for parameter in self.parameters():
            torch.nn.init.uniform_(parameter, -bound, bound)

    @classmethod
    def from_linear(cls, layer: Any) -> Self:
        """One with copies of the weights of a `torch.nn.Linear`."""
        module = cls(
            layer.in_features,
            layer.out_features,
            layer.bias is not None,
            device=layer.weight.device,
            dtype=layer.weight.dtype,
        )
        with torch.no_grad():
            module.weight.copy_(layer.weight.t())
            if module.bias is not None:
                module.bias.copy_(layer.bias)
        return module

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        if x.dim() != 2:
            x, targets = x.reshape(-1, x.shape[-1]), targets.reshape(-1)
        return linear_cross_entropy(x, self.weight, self.bias, targets)

    def logits(self, x: Tensor) -> Tensor:
        """``x @ weight + bias``, [..., out_features]."""
        z = x @ self.weight
        return z if self.bias is None else z + self.bias

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class EmbeddingBag(torch.nn.Module):  # type: ignore[misc]
    """Means or sums of rows of a table, as `torch.nn.EmbeddingBag` without weights and padding.

    ``module(ids, offsets)``: ids [n] of int32 or int64, bag i being those from ``offsets[i]`` on up to
    the next one; or ``module(ids)`` with ids [bags, length]. An empty bag gives zeros.

    Parameters
    ----------
    num_embeddings, embedding_dim
        Rows of the table, and numbers of a row.
    mode
        "mean" or "sum".
    sparse
        Whether the table's gradient is a sparse tensor, for `torch.optim.SGD`, `SparseAdam` and
        `Adagrad`.
    include_last_offset
        Whether ``offsets`` ends with the number of ids, which belongs to no bag.
    device, dtype
        As in `torch.nn.EmbeddingBag`.

    Attributes
    ----------
    weight : parameter of shape (num_embeddings, embedding_dim)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"mode must be 'mean' or 'sum', got {mode!r}")
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        table = torch.empty((num_embeddings, embedding_dim), device=device, dtype=dtype)
        self.weight = torch.nn.Parameter(table)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Standard normal numbers."""
        torch.nn.init.normal_(self.weight)

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, **settings: Any) -> Self:
        """One whose table is the tensor ``embeddings``; with ``freeze`` it is not trained."""
        if embeddings.dim() != 2:
            raise ValueError(f"embeddings must be 2-D, got shape {tuple(embeddings.shape)}")
        module = cls(*embeddings.shape, **settings, device="meta", dtype=embeddings.dtype)
        module.weight = torch.nn.Parameter(embeddings, requires_grad=not freeze)
        return module

    def forward(self, ids: Tensor, offsets: Tensor | None = None) -> Tensor:
        last = self.include_last_offset
        if ids.dim() == 2:
            if offsets is not None:
                raise ValueError("offsets must be None where ids are 2-D: each row is a bag")
            count, length = ids.shape
            offsets = torch.arange(count + 1, device=ids.device) * length
            ids, last = ids.reshape(-1), True
        elif offsets is None:
            raise ValueError("offsets must be given where ids are 1-D, got None")
        return embedding_bag(self.weight, ids, offsets, self.mode, self.sparse, last)

    def extra_repr(self) -> str:
        return (
            f"{self.num_embeddings}, {self.embedding_dim}, mode={self.mode!r}, sparse={self.sparse}"
        )
