"""Whether PyTorch is there, and new enough."""

from __future__ import annotations

try:
    import torch
except ImportError as error:
    raise ImportError(
        "pyffnn.integrations.torch needs PyTorch 2.4 or newer: pip install 'pyffnn[torch]'"
    ) from error

__all__ = ["version"]

version = str(torch.__version__)
if not hasattr(torch.library, "register_autograd"):
    raise ImportError(
        "pyffnn.integrations.torch needs PyTorch 2.4 or newer (pip install 'pyffnn[torch]'), "
        f"found {version}"
    )
