"""The compiled network of a language model: its configuration, first weights, and arrays in and out."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

Arrays = dict[str, NDArray[Any]]

BY_FREQUENCY = "by_frequency"
"""Name of the ids in order of frequency among the tensors of a file."""


@dataclass(frozen=True)
class NetworkConfig:
    """What `_pyffnn.LanguageModelFloat32` is built from; names as in src/cpp/train/lm_config.h."""

    vocab: int
    context: int
    dim: int
    distant_kernels: int
    distant_window: int
    hidden: tuple[int, ...]
    activation: str
    residual: bool
    layer_norm: bool
    direct: bool
    tied: bool
    output: str
    cutoffs: tuple[int, ...]
    samples: int
    drop_embedding: float
    drop_hidden: float
    drop_output: float
    drop_word: float
    optimizer: str
    beta1: float
    beta2: float
    eps: float
    l2: float
    decay: float
    clip: float
    seed: int
    precision: str = "float32"

    @property
    def reach(self) -> int:
        """Words before the predicted one that the network sees."""
        return self.context + (self.distant_window if self.distant_kernels else 0)


class Network:
    """A network with its optimizer; thin over the compiled object.

    ``by_frequency``: all ids, the most frequent first; wanted by every output but "softmax".
    ``dtype`` is float32 in training; float64 serves gradient checks.
    """

    def __init__(
        self,
        config: NetworkConfig,
        by_frequency: NDArray[np.integer[Any]] | None = None,
        dtype: Any = np.float32,
    ) -> None:
        self.config = config
        self.by_frequency = by_frequency
        self.dtype = np.dtype(dtype)
        self.compiled: _pyffnn.LanguageModelFloat32 | _pyffnn.LanguageModelFloat64
        if self.dtype == np.float32:
            self.compiled = _pyffnn.LanguageModelFloat32(asdict(config), by_frequency)
        else:
            self.compiled = _pyffnn.LanguageModelFloat64(asdict(config), by_frequency)

    def weights(self) -> Arrays:
        """Live views: writing into them changes the network."""
        return self.compiled.arrays("weights")

    def state(self) -> Arrays:
        """Live views of the optimizer's state: "s1:" and "s2:" before the names of the weights."""
        return {
            f"{which}:{name}": view
            for which in ("s1", "s2")
            for name, view in self.compiled.arrays(which).items()
        }

    def tensors(self) -> Arrays:
        """What a model file holds."""
        if self.by_frequency is None:
            return self.weights()
        return self.weights() | {BY_FREQUENCY: np.asarray(self.by_frequency, np.int64)}

    def __getstate__(self) -> dict[str, Any]:
        arrays = {name: view.copy() for name, view in (self.weights() | self.state()).items()}
        return {
            "config": self.config,
            "by_frequency": self.by_frequency,
            "dtype": self.dtype,
            "arrays": arrays,
            "step": self.compiled.step,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["config"], state["by_frequency"], state["dtype"])  # type: ignore[misc]
        write_into(self.weights() | self.state(), state["arrays"])
        self.compiled.step = state["step"]

    def snapshot(self) -> Arrays:
        """Copies of the weights."""
        return {name: view.copy() for name, view in self.weights().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write back what `snapshot` gave; ValueError where names or shapes do not fit."""
        write_into(self.weights(), arrays)

    @property
    def embeddings(self) -> NDArray[Any]:
        """Live view, shape (V, d)."""
        weights = self.weights()
        if self.config.tied:
            return weights["output.weight"][:, : self.config.dim]
        return weights["embedding"]

    def initialise(self, seed: int, counts: NDArray[np.int64]) -> None:
        """First weights.

        Matrices are normal with variance 1 / (number of inputs), embeddings with variance 1 / d,
        gains 1, other biases 0. Output biases are the log of the words' relative frequencies, so
        that training starts from the unigram model. The position weights of distant mean k decay
        with a half-life of window / 2^(k+1) words, each of unit norm.
        """
        rng = np.random.default_rng([seed, 0x1A])
        c = self.config
        for name, w in self.weights().items():
            if name.startswith("output.") and name.endswith(".bias"):
                w[...] = self._log_frequencies(name, counts.astype(np.float64) + 1)
            elif name.endswith(".gain"):
                w[...] = 1
            elif name == "distant":
                j = np.arange(c.distant_window)
                for k in range(c.distant_kernels):
                    a = 0.5 ** (j / max(c.distant_window / 2.0 ** (k + 1), 1.0))
                    w[k] = a / np.linalg.norm(a)
            elif w.shape[0] > 1:
                by_word = name == "embedding" or (name[:7] == "output." and name[-7:] == ".weight")
                fan_in = w.shape[1 if by_word else 0]
                _fill_normal(rng, w, fan_in**-0.5)
            else:
                w[...] = 0

    def _log_frequencies(self, name: str, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        c = self.config
        if c.output == "adaptive":
            counts = counts[self.by_frequency]
            ends = [*c.cutoffs, c.vocab]
            if name == "output.head.bias":
                tails = [counts[a:b].sum() for a, b in itertools.pairwise(ends)]
                counts = np.append(counts[: ends[0]], tails)
            else:
                tail = int(name.removeprefix("output.tail").removesuffix(".bias"))
                counts = counts[ends[tail] : ends[tail + 1]]
        return np.asarray(np.log(counts / counts.sum()))


def write_into(views: Mapping[str, NDArray[Any]], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Copy arrays into views of the same names and shapes; ValueError where they do not fit."""
    if views.keys() != arrays.keys():
        missing = sorted(views.keys() ^ arrays.keys())
        raise ValueError(f"the arrays do not fit this network: {', '.join(missing)}")
    for name, view in views.items():
        if view.shape != arrays[name].shape:
            raise ValueError(f"{name} must have shape {view.shape}, got shape {arrays[name].shape}")
        view[...] = arrays[name]


def _fill_normal(rng: np.random.Generator, w: NDArray[Any], std: float) -> None:
    block = 1 << 16
    for start in range(0, w.shape[0], block):
        rows = w[start : start + block]
        rows[...] = rng.normal(0, std, rows.shape)
