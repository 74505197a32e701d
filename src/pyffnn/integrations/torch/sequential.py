"""Plain stacks of layers, as people write them in PyTorch, read as an `FFNNClassifier`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyffnn.models.feedforward import FFNNClassifier, FFNNFitted
from pyffnn.net import Network, set_arrays

__all__ = ["classifier_from_sequential"]

nn = torch.nn
_ACTIVATIONS = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid"}


def classifier_from_sequential(module: Any, classes: NDArray[Any] | None) -> FFNNClassifier:
    """Raises ValueError for another structure, naming the layer."""
    stack = _Stack(module)
    n_outputs = stack.linears[-1].out_features
    one_unit = n_outputs == 1
    n_classes = 2 if one_unit else n_outputs
    labels = np.arange(n_classes) if classes is None else classes
    if labels.shape != (n_classes,) or not np.array_equal(np.unique(labels), labels):
        raise ValueError(
            f"classes must be {n_classes} different labels in rising order, got {labels.tolist()}"
        )
    if one_unit and stack.end not in ("none", "sigmoid"):
        raise ValueError(f"module has a {stack.end} of one output")
    if not one_unit and stack.end == "sigmoid":
        raise ValueError(
            "module ends with a sigmoid of several outputs: a multi-label model; it must end with "
            "its last Linear, a Softmax or a LogSoftmax"
        )
    hidden = [layer.out_features for layer in stack.linears[:-1]]
    activation: Any = stack.activation or "relu"
    model = FFNNClassifier(
        tuple(hidden), activation=activation, layer_norm=bool(stack.norms), dropout=stack.dropout
    )
    spec: dict[str, Any] = {
        "input": "dense",
        "n_inputs": stack.linears[0].in_features,
        "hidden": hidden,
        "activation": activation,
        "layer_norm": bool(stack.norms),
        "n_outputs": n_outputs,
        "output": "classes",
        "loss": "sigmoid" if one_unit else "softmax",
        "optimizer": "adam",
        "seed": 0,
    }
    network = Network(spec)
    set_arrays(network, stack.arrays())
    fitted = FFNNFitted(
        network=network,
        seed=0,
        history=[],
        settings=model._structure_json(),
        classes=labels,
        multilabel=False,
        n_features=stack.linears[0].in_features,
        feature_names=None,
    )
    model._keep(fitted)
    return model


class _Stack:
    """The layers of a module in their order, and what they have in common."""

    def __init__(self, module: Any) -> None:
        self.linears: list[Any] = []
        self.norms: list[Any] = []
        self.activation: str | None = None
        self.dropout = 0.0
        self.end = "none"
        layers = list(_flat("", module))
        count = sum(isinstance(layer, nn.Linear) for _, layer in layers)
        if not count:
            raise ValueError(
                f"module must have a Linear layer, got {type(module).__name__} without"
            )
        # what has stood since the last Linear
        seen: list[str] = []
        for name, layer in layers:
            where = f"module{name} ({type(layer).__name__})"
            last = len(self.linears) == count
            if isinstance(layer, nn.Linear):
                if self.linears:
                    self._close(seen, where)
                    if self.linears[-1].out_features != layer.in_features:
                        raise ValueError(
                            f"{where} takes {layer.in_features} numbers, the layer before gives "
                            f"{self.linears[-1].out_features}"
                        )
                self.linears.append(layer)
                seen = []
            elif isinstance(layer, nn.Dropout):
                if last or "activation" not in seen:
                    raise ValueError(f"{where} must stand behind the activation of a hidden layer")
                self._same_dropout(layer.p, where)
                seen.append("dropout")
            elif isinstance(layer, nn.LayerNorm):
                self._norm(layer, seen, last, where)
                seen.append("norm")
            elif last and isinstance(layer, (nn.Softmax, nn.LogSoftmax, nn.Sigmoid)):
                if seen:
                    raise ValueError(f"{where} must be the last layer")
                self.end = type(layer).__name__.lower()
                seen.append("end")
            else:
                self._activation(layer, seen, last, where)
                seen.append("activation")
        if self.norms and len(self.norms) != count - 1:
            raise ValueError(
                f"module must have a LayerNorm in every hidden layer or in none, it has "
                f"{len(self.norms)} in {count - 1}"
            )

    def _close(self, seen: list[str], where: str) -> None:
        """A hidden layer without an activation has the identity's."""
        if "activation" not in seen:
            self._same_activation("identity", where)

    def _norm(self, layer: Any, seen: list[str], last: bool, where: str) -> None:
        if not self.linears or last or seen:
            raise ValueError(f"{where} must stand behind the Linear of a hidden layer")
        size = self.linears[-1].out_features
        if tuple(layer.normalized_shape) != (size,) or layer.weight is None or layer.bias is None:
            raise ValueError(f"{where} must have a weight and a bias for each of {size} numbers")
        if layer.eps != 1e-5:
            raise ValueError(f"{where} must have eps=1e-05, got {layer.eps}")
        self.norms.append(layer)

    def _activation(self, layer: Any, seen: list[str], last: bool, where: str) -> None:
        if isinstance(layer, nn.GELU) and layer.approximate != "tanh":
            raise ValueError(f"{where} must be of the tanh form, got {layer.approximate!r}")
        kind = "gelu" if isinstance(layer, nn.GELU) else _ACTIVATIONS.get(type(layer))
        if isinstance(layer, nn.Identity):
            kind = "identity"
        if kind is None:
            raise ValueError(
                f"{where} has no counterpart: a module must be a Sequential of Linear, LayerNorm, "
                "ReLU, Tanh, Sigmoid, GELU, Identity and Dropout, or one that export_to_torch gave"
            )
        if not self.linears or last or "activation" in seen or "dropout" in seen:
            raise ValueError(f"{where} must stand behind the Linear or LayerNorm of a hidden layer")
        self._same_activation(kind, where)

    def _same_activation(self, kind: str, where: str) -> None:
        if self.activation not in (None, kind):
            raise ValueError(f"{where}: hidden layers must have one activation, not two")
        self.activation = kind

    def _same_dropout(self, rate: float, where: str) -> None:
        if self.dropout not in (0.0, rate):
            raise ValueError(f"{where}: hidden layers must have one rate of dropout, not two")
        self.dropout = float(rate)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        found: dict[str, Any] = {}
        names = [f"hidden{i}" for i in range(len(self.linears) - 1)] + ["output"]
        for name, layer in zip(names, self.linears, strict=True):
            found[f"{name}.weight"] = layer.weight.t()
            bias = layer.bias
            found[f"{name}.bias"] = (
                layer.weight.new_zeros(layer.out_features) if bias is None else bias
            )
        for i, norm in enumerate(self.norms):
            found |= {f"hidden{i}.norm.gain": norm.weight, f"hidden{i}.norm.shift": norm.bias}
        return {
            name: np.ascontiguousarray(tensor.detach().to("cpu", torch.float32).numpy())
            for name, tensor in found.items()
        }


def _flat(name: str, module: Any) -> Any:
    """(place, layer) of each layer; sequences in sequences are one."""
    if isinstance(module, nn.Sequential):
        for i, layer in enumerate(module):
            yield from _flat(f"{name}[{i}]", layer)
    else:
        yield name, module
