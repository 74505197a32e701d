"""Models as modules of PyTorch, and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from pyffnn.corpus import Tokens, encode_tokens
from pyffnn.integrations.torch.layers import Net, arrays_of
from pyffnn.integrations.torch.sequential import classifier_from_sequential
from pyffnn.models.portable import Portable, portable, restored
from pyffnn.text.featurizer import Featurizer

__all__ = ["ExportedModel", "export_to_torch", "from_torch"]

Tensor: TypeAlias = torch.Tensor
functional = torch.nn.functional

_BLOCK = 1 << 22  # numbers of the answers that `log_prob` holds at a time


class ExportedModel(torch.nn.Module):  # type: ignore[misc]
    """A fitted model as a module of PyTorch; made by `export_to_torch`.

    Calling it gives what the model's ``predict_proba`` (``predict`` of a regressor, ``next_distribution``
    of a language model) gives, in the parameters' element type. Arguments:

    - of a model of feature vectors: x [n, features];
    - of a model of texts: what `encode` gives, or a list of texts itself. Pooled rows take ids [n] and
      the offset of each text, as `torch.nn.EmbeddingBag`; a concatenation takes ids [texts, length], -1
      being a word that is missing;
    - of a language model: ids [n, length] of the tokens before the one to tell, of any length, -1 being one
      that is missing.

    The parameters are copies and can be trained; `from_torch` makes a model of them again.

    Attributes
    ----------
    classes_ : array, or None
        Labels of a classifier, in the order of the columns.
    net : Net
        The network: `torch.nn` layers between an input and an output.
    """

    def __init__(self, origin: Portable) -> None:
        super().__init__()
        self.net = Net(origin.blueprint)
        self.classes_ = origin.classes
        self.model = origin.file.model
        self._one_unit = origin.one_unit
        self._flat = origin.scale is not None and origin.scale.flat
        # from the network's numbers to those of a regressor's targets
        for name in ("mean", "spread"):
            number = None if origin.scale is None else torch.tensor(getattr(origin.scale, name))
            kept = None if number is None else number.to(torch.float32)
            self.register_buffer(name, kept, persistent=False)
        self._featurizer = origin.featurizer
        self._vocabulary = origin.vocabulary
        own = arrays_of(self.net)
        rest = {n: array for n, array in origin.file.tensors.items() if n not in own}
        self._file = type(origin.file)(origin.file.model, origin.file.config, rest)

    def forward(self, x: Any, *more: Tensor) -> Tensor:
        kind = self.net.kind
        if kind == "clusters":
            return self.log_probabilities(x, *more).exp()
        z = self.logits(x, *more)
        if kind == "softmax":
            return functional.softmax(z, 1)
        p = torch.sigmoid(z) if kind == "sigmoid" else z
        if self.spread is not None:
            p = p * self.spread + self.mean
            return p[:, 0] if self._flat else p
        return torch.cat([1 - p, p], 1) if self._one_unit else p

    def logits(self, x: Any, *more: Tensor) -> Tensor:
        """What the softmax or sigmoid is taken of, to train with (one column for two classes of one unit)."""
        if self.net.kind == "clusters":
            raise ValueError("an adaptive softmax has no logits: use log_probabilities")
        return self.net(*self._inputs(x, more))

    def log_probabilities(self, x: Any, *more: Tensor) -> Tensor:
        """The logarithm of what calling the module gives, without loss of precision."""
        kind = self.net.kind
        if kind == "clusters":
            return self.net(*self._inputs(x, more))
        if self.spread is not None:
            raise ValueError("numbers have no log-probabilities: call the module")
        z = self.logits(x, *more)
        if kind == "softmax":
            return functional.log_softmax(z, 1)
        log_p = functional.logsigmoid(z)
        return torch.cat([functional.logsigmoid(-z), log_p], 1) if self._one_unit else log_p

    def log_prob(self, ids: Tensor) -> Tensor:
        """Of a language model: the log-probability of each of the tokens ``ids`` [n] after those before it, [n]."""
        if self._vocabulary is None:
            raise ValueError(f"log_prob belongs to language models, this was a {self.model}")
        reach = self.net.input.reach
        before = functional.pad(ids, (reach, 0), value=-1).unfold(0, reach, 1)
        rows = max(1, _BLOCK // len(self._vocabulary))
        parts = [
            self.log_probabilities(before[i : i + rows]).gather(1, ids[i : i + rows, None])
            for i in range(0, len(ids), rows)
        ]
        return torch.cat(parts)[:, 0] if parts else ids.new_empty(0, dtype=torch.float32)

    def encode(self, texts: Iterable[str] | Tokens) -> tuple[Tensor, ...]:
        """The arguments of a call: of texts (models of texts), or of one run of tokens, [1, n] (language models)."""
        if self._vocabulary is not None:
            ids = encode_tokens(texts, self._vocabulary)  # type: ignore[arg-type]
            return (torch.from_numpy(ids.astype(np.int64))[None],)
        if self._featurizer is None:
            raise ValueError(f"encode belongs to models of texts, this was a {self.model}")
        corpus = self._featurizer.encode(texts)  # type: ignore[arg-type]
        length = getattr(self.net.input, "length", None)
        if length is not None:
            return (torch.from_numpy(corpus.sequences(length).astype(np.int64)),)
        ids, offsets = corpus.bags()
        return torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(offsets[:-1].copy())

    def to_pyffnn(self) -> Any:
        """The model with the module's present parameters."""
        tokenizer = None if self._featurizer is None else self._featurizer.tokenizer
        return restored(self._file, arrays_of(self.net), tokenizer)

    def _inputs(self, x: Any, more: Sequence[Tensor]) -> tuple[Tensor, ...]:
        if isinstance(x, torch.Tensor):
            return (x, *more)
        if self._featurizer is None:
            raise TypeError(f"the argument must be a tensor, got {type(x).__name__}")
        device = next(self.parameters()).device
        return tuple(t.to(device) for t in self.encode(x))

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        if (featurizer := self._featurizer) is not None:
            state["_featurizer"] = (featurizer.state(), featurizer.tokenizer)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if (kept := state["_featurizer"]) is not None:
            state = {**state, "_featurizer": Featurizer.from_state(kept[0], tokenizer=kept[1])}
        super().__setstate__(state)

    def extra_repr(self) -> str:
        return f"of a {self.model}, output={self.net.kind!r}"


def export_to_torch(model: Any) -> ExportedModel:
    """A fitted model as a module of PyTorch with the same outputs.

    Parameters
    ----------
    model
        A fitted classifier, regressor or `LanguageModel`.

    Returns
    -------
    ExportedModel
        In evaluation mode, float32, on the CPU, with copies of the weights. Probabilities differ from the
        model's in the last digits.

    Raises
    ------
    TypeError
        Something else than such a model.
    ValueError
        A model that is not fitted, or whose network has no counterpart.
    """
    module = ExportedModel(portable(model, "PyTorch"))
    module.eval()
    return module


def from_torch(module: Any, *, classes: ArrayLike | None = None) -> Any:
    """A model with the weights of a module.

    Parameters
    ----------
    module
        What `export_to_torch` gave, perhaps trained further: a model of the same class. Or a
        `torch.nn.Sequential` of `Linear` layers with an activation (`ReLU`, `Tanh`, `Sigmoid`, `GELU`
        in its tanh form, `Identity`), perhaps a `LayerNorm` before it and a `Dropout` behind it, and a
        last `Linear` perhaps with a `Softmax` or `LogSoftmax`: an `FFNNClassifier`.
    classes
        Of a `Sequential`: the label of each output, in rising order; None: 0, 1, ... One output is a
        sigmoid unit for the second of two classes.

    Raises
    ------
    TypeError
        No module.
    ValueError
        A module of another structure, naming the layer.
    """
    if isinstance(module, ExportedModel):
        if classes is not None:
            raise ValueError("classes must be None for a module that was exported: it has its own")
        return module.to_pyffnn()
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    labels: NDArray[Any] | None = None if classes is None else np.asarray(classes)
    return classifier_from_sequential(module, labels)
