"""PyTorch on our kernels (extra "torch", PyTorch 2.4 or newer): operators with gradients, layers, and models in and out.

- `linear`, `linear_cross_entropy`, `embedding_bag`: custom operators, which are also ``torch.ops.pyffnn.linear`` and so on. They have
  gradients, second ones among them, take float32 and float64, and work under `torch.compile`.
- `FusedLinearCrossEntropy`, `EmbeddingBag`: modules on them.
- `export_to_torch`, `from_torch`: a fitted model as a module of PyTorch with the same outputs, and back.

Tensors are read where they lie, and no argument is copied: one on another device, of another element type, or whose strides no kernel
reads is refused by name (gradients that PyTorch hands back may be copied). ids, offsets and targets are int32 or int64.
"""

from pyffnn.integrations.torch.host import version as _version  # noqa: F401 - before all others: it says what to install
from pyffnn.integrations.torch.modules import EmbeddingBag, FusedLinearCrossEntropy
from pyffnn.integrations.torch.networks import ExportedModel, export_to_torch, from_torch
from pyffnn.integrations.torch.operators import embedding_bag, linear, linear_cross_entropy

__all__ = [
    "EmbeddingBag",
    "ExportedModel",
    "FusedLinearCrossEntropy",
    "embedding_bag",
    "export_to_torch",
    "from_torch",
    "linear",
    "linear_cross_entropy",
]
