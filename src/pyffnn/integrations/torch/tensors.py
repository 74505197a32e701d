"""What is asked of tensors before a kernel sees them, and how it sees them: as NumPy views of their memory."""

from __future__ import annotations

from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray

__all__ = ["FLOATS", "IDS", "check_floats", "check_ids", "check_rank", "is_readable", "view"]

Tensor: TypeAlias = torch.Tensor
FLOATS = (torch.float32, torch.float64)
IDS = (torch.int32, torch.int64)
# PyTorch hands None on for any tensor of an operator
_OPTIONAL = ("b",)


def check_floats(**tensors: Tensor | None) -> None:
    """Tensors of one element type, float32 or float64, on the CPU (or all of them on "meta"), that need no copy.

    Raises ValueError (device, layout) and TypeError (dtype), naming the argument and what it got.
    """
    first: tuple[str, Tensor] | None = None
    for name, given in tensors.items():
        if given is None and name in _OPTIONAL:
            continue
        tensor = _tensor(name, given)
        if first is None:
            first = name, tensor
            if tensor.dtype not in FLOATS:
                raise TypeError(f"{name} must be float32 or float64, got {tensor.dtype}")
        elif tensor.dtype != first[1].dtype:
            raise TypeError(f"{name} must be {first[1].dtype} as {first[0]} is, got {tensor.dtype}")
    _check_places(tensors)


def check_ids(like: Tensor, **tensors: Tensor) -> None:
    """Tensors of int32 or int64 numbers, contiguous, where ``like`` is. Errors as in `check_floats`."""
    for name, tensor in tensors.items():
        _tensor(name, tensor)
        if tensor.dtype not in IDS:
            raise TypeError(f"{name} must be int32 or int64, got {tensor.dtype}")
    _check_places(tensors, meta=like.device.type == "meta")
    for name, tensor in tensors.items():
        if not tensor.is_contiguous():
            _refuse_strides(name, tensor, "contiguous")


def _tensor(name: str, given: Any) -> Tensor:
    if not isinstance(given, torch.Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(given).__name__}")
    return given


def check_rank(rank: int, **tensors: Tensor) -> None:
    """Raises ValueError, naming the argument, for a tensor of another number of dimensions."""
    for name, tensor in tensors.items():
        if tensor.dim() != rank:
            raise ValueError(f"{name} must be {rank}-D, got shape {tuple(tensor.shape)}")


def check_contiguous(**tensors: Tensor | None) -> None:
    for name, tensor in tensors.items():
        if tensor is not None and not tensor.is_contiguous():
            _refuse_strides(name, tensor, "contiguous")


def check_matrices(**tensors: Tensor) -> None:
    """Contiguous ones, or transposes of such, which the products read where they lie."""
    for name, tensor in tensors.items():
        if not is_readable(tensor):
            _refuse_strides(name, tensor, "contiguous or the transpose of a contiguous matrix")


def is_readable(tensor: Tensor) -> bool:
    return bool(tensor.is_contiguous() or (tensor.dim() == 2 and tensor.t().is_contiguous()))


def view(tensor: Tensor) -> NDArray[Any]:
    """Its memory as a NumPy array."""
    array: NDArray[Any] = (tensor.detach() if tensor.requires_grad else tensor).numpy()
    return array


def _check_places(tensors: dict[str, Tensor | None], meta: bool | None = None) -> None:
    if not meta and all(
        tensor is None or (tensor.is_cpu and tensor.layout is torch.strided)
        for tensor in tensors.values()
    ):
        return
    given = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    if meta is None:
        meta = all(tensor.device.type == "meta" for tensor in given.values())
    wanted = "meta" if meta else "cpu"
    for name, tensor in given.items():
        if tensor.device.type != wanted:
            beside = ", as the others are on 'meta'" if meta else ""
            raise ValueError(
                f"{name} must be on the {wanted} device{beside}, got device {str(tensor.device)!r}: "
                f"move it with .to({wanted!r})"
            )
        if tensor.layout != torch.strided:
            raise ValueError(f"{name} must be a dense tensor, got layout {tensor.layout}")


def _refuse_strides(name: str, tensor: Tensor, wanted: str) -> None:
    raise ValueError(
        f"{name} must be {wanted}, got strides {tuple(tensor.stride())} for shape "
        f"{tuple(tensor.shape)}: copy it with .contiguous()"
    )
