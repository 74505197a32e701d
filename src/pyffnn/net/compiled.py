"""The two compiled engines behind one face; names of parameters and settings are those of `Network`."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn
from pyffnn.net.examples import Examples, Targets

__all__ = ["Engine", "Losses", "Views", "make_engine"]

Views = dict[str, NDArray[Any]]
Losses = tuple[NDArray[np.float64], NDArray[np.float64], bool]


class Engine(Protocol):
    """What is asked of a compiled network."""

    step: int

    def parameters(self) -> Views: ...
    def state(self) -> Views: ...
    def initialise(self, seed: int, counts: NDArray[np.int64] | None) -> None: ...
    def grow(self, rows: int, n_outputs: int) -> None: ...
    def train(
        self,
        examples: Examples,
        targets: Targets,
        order: Any,
        batch_size: int,
        lr: NDArray[np.float64],
        n_threads: int,
    ) -> Losses: ...
    def evaluate(
        self, examples: Examples, targets: Targets, order: Any, n_threads: int
    ) -> tuple[float, float, float]: ...
    def kept_bytes(self) -> int: ...


def make_engine(spec: Mapping[str, Any], by_frequency: NDArray[np.int64] | None) -> Engine:
    if spec["input"] == "windows":
        return Windows(spec, by_frequency)
    return Layers(spec)


_LAYER_KEYS = (
    "n_inputs", "rows", "dim", "max_tokens", "pool", "hidden", "activation", "n_outputs", "loss", "precision", "optimizer",
    "beta1", "beta2", "eps", "l2", "weight_decay", "embedding_optimizer", "row_rates", "embedding_lr", "embedding_scale",
    "freeze_embeddings", "dropout", "input_dropout", "word_dropout", "seed",
)  # fmt: skip
# what the engine of the classifiers lacks, and what it takes for granted
_LACKING = {
    "residual": False,
    "layer_norm": False,
    "direct": False,
    "tied": False,
    "clip": 0,
    "output_dropout": 0,
}


class Layers:
    """Dense, sparse, bag and concatenated inputs, with all outputs at once."""

    def __init__(self, spec: Mapping[str, Any]) -> None:
        for name, usual in _LACKING.items():
            if spec.get(name, usual) != usual:
                raise ValueError(
                    f"{name}={spec[name]!r} is not among what a classifier can have yet"
                )
        if spec.get("output", "classes") != "classes":
            raise ValueError(
                f"output={spec['output']!r} is not among what a classifier can have yet"
            )
        if spec.get("activation") == "gelu":
            raise ValueError("activation='gelu' is not among what a classifier can have yet")
        own = {name: spec[name] for name in _LAYER_KEYS if name in spec}
        own["input"] = "mean" if spec["input"] == "bags" else spec["input"]
        self._compiled = _pyffnn.Network(own)
        layers = len(spec.get("hidden", ()))
        self._names = {
            f"{kind}{i}": f"hidden{i}.{kind}" for i in range(layers) for kind in ("weight", "bias")
        }
        self._names |= {f"{kind}{layers}": f"output.{kind}" for kind in ("weight", "bias")}

    def _renamed(self, views: Mapping[str, Any]) -> Views:
        out: Views = {}
        for name, view in views.items():
            matrix, dot, rest = name.partition(".")
            out[self._names.get(matrix, matrix) + dot + rest] = view
        return out

    def parameters(self) -> Views:
        return self._renamed(self._compiled.parameters())

    def state(self) -> Views:
        state = self._compiled.state()
        del state["step"]
        return self._renamed(state)

    @property
    def step(self) -> int:
        return int(self._compiled.state()["step"])

    @step.setter
    def step(self, step: int) -> None:
        self._compiled.set_step(step)

    def initialise(self, seed: int, counts: NDArray[np.int64] | None) -> None:
        self._compiled.initialise(seed)

    def grow(self, rows: int, n_outputs: int) -> None:
        self._compiled.grow(rows=rows, n_outputs=n_outputs)

    def train(
        self,
        examples: Examples,
        targets: Targets,
        order: Any,
        batch_size: int,
        lr: NDArray[np.float64],
        n_threads: int,
    ) -> Losses:
        call = getattr(self._compiled, f"train_{examples.source}")
        result = call(
            *examples.arrays, targets.array, targets.weight, order, batch_size, lr, n_threads
        )
        steps = result["steps"]
        return result["losses"][:steps], result["weights"][:steps], result["finite"]

    def evaluate(
        self, examples: Examples, targets: Targets, order: Any, n_threads: int
    ) -> tuple[float, float, float]:
        call = getattr(self._compiled, f"evaluate_{examples.source}")
        result = call(*examples.arrays, targets.array, targets.weight, order, n_threads)
        return result["loss"], result["weight"], result["correct"]

    def predict(self, examples: Examples, order: Any, n_threads: int) -> NDArray[np.float32]:
        call = getattr(self._compiled, f"predict_{examples.source}")
        p: NDArray[np.float32] = call(*examples.arrays, order, n_threads)
        return p

    def kept_bytes(self) -> int:
        return self._compiled.kept_bytes()


class Windows:
    """Windows of a stream of tokens, with the outputs of a language model."""

    def __init__(self, spec: Mapping[str, Any], by_frequency: NDArray[np.int64] | None) -> None:
        self._spec = spec
        output = {"vocabulary": "softmax"}.get(spec["output"], spec["output"])
        if output == "softmax":
            by_frequency = None
        self._by_frequency = by_frequency
        kernels = int(spec.get("distant_kernels", 0))
        config = {
            "vocab": spec["n_outputs"],
            "context": spec["context"],
            "dim": spec["dim"],
            "distant_kernels": kernels,
            "distant_window": spec.get("distant_window", 0) if kernels else 0,
            "hidden": list(spec["hidden"]),
            "activation": spec["activation"],
            "residual": spec.get("residual", False),
            "layer_norm": spec.get("layer_norm", False),
            "direct": spec.get("direct", False),
            "tied": spec.get("tied", False),
            "output": output,
            "cutoffs": list(spec.get("cutoffs", ())),
            "samples": spec.get("samples", 0),
            "drop_embedding": spec.get("embedding_dropout", 0.0),
            "drop_hidden": spec.get("dropout", 0.0),
            "drop_output": spec.get("output_dropout", 0.0),
            "drop_word": spec.get("word_dropout", 0.0),
            "optimizer": spec["optimizer"],
            "beta1": spec.get("beta1", 0.0),
            "beta2": spec.get("beta2", 0.0),
            "eps": spec.get("eps", 0.0),
            "l2": spec.get("l2", 0.0),
            "decay": spec.get("weight_decay", 0.0),
            "clip": spec.get("clip", 0.0),
            "seed": spec["seed"],
            "precision": spec.get("precision", "float32"),
        }  # fmt: skip
        numbers = config["dim"] * (config["context"] + kernels) + kernels * config["distant_window"]
        if numbers > 1 << 40 or config["vocab"] * config["dim"] > 1 << 40:
            raise MemoryError(f"cannot allocate a network with {numbers} inputs")
        self._compiled = _pyffnn.LanguageModelFloat32(config, by_frequency)

    def parameters(self) -> Views:
        return _flat(self._compiled.arrays("weights"))

    def state(self) -> Views:
        return {
            f"{name}.{which}": view
            for which in ("s1", "s2")
            for name, view in _flat(self._compiled.arrays(which)).items()
        }

    @property
    def step(self) -> int:
        return self._compiled.step

    @step.setter
    def step(self, step: int) -> None:
        self._compiled.step = step

    def initialise(self, seed: int, counts: NDArray[np.int64] | None) -> None:
        """First weights.

        Matrices are normal with variance 1 / (number of inputs), embeddings with variance 1 / d,
        gains 1, other biases 0. Output biases are the log of the words' relative frequencies, so
        that training starts from the unigram model. The position weights of distant mean k decay
        with a half-life of window / 2^(k+1) words, each of unit norm.
        """
        rng = np.random.default_rng([seed, 0x1A])
        spec = self._spec
        if counts is None:
            counts = np.zeros(spec["n_outputs"], np.int64)
        for name, w in self._compiled.arrays("weights").items():
            if name.startswith("output.") and name.endswith(".bias"):
                w[...] = self._log_frequencies(name, counts.astype(np.float64) + 1)
            elif name.endswith(".gain"):
                w[...] = 1
            elif name == "distant":
                j = np.arange(spec["distant_window"])
                for k in range(spec["distant_kernels"]):
                    a = 0.5 ** (j / max(spec["distant_window"] / 2.0 ** (k + 1), 1.0))
                    w[k] = a / np.linalg.norm(a)
            elif w.shape[0] > 1:
                by_word = name == "embedding" or (name[:7] == "output." and name[-7:] == ".weight")
                fan_in = w.shape[1 if by_word else 0]
                _fill_normal(rng, w, fan_in**-0.5)
            else:
                w[...] = 0
        for view in self.state().values():
            view[...] = 0
        self.step = 0

    def _log_frequencies(self, name: str, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        spec = self._spec
        if spec["output"] == "adaptive":
            counts = counts[self._by_frequency]
            ends = [*spec["cutoffs"], spec["n_outputs"]]
            if name == "output.head.bias":
                tails = [counts[a:b].sum() for a, b in itertools.pairwise(ends)]
                counts = np.append(counts[: ends[0]], tails)
            else:
                tail = int(name.removeprefix("output.tail").removesuffix(".bias"))
                counts = counts[ends[tail] : ends[tail + 1]]
        return np.asarray(np.log(counts / counts.sum()))

    def grow(self, rows: int, n_outputs: int) -> None:
        raise ValueError("the vocabulary of a language model does not grow")

    def train(
        self,
        examples: Examples,
        targets: Targets,
        order: Any,
        batch_size: int,
        lr: NDArray[np.float64],
        n_threads: int,
    ) -> Losses:
        starts, lengths, offsets = order
        (ids,) = examples.arrays
        losses = self._compiled.train(ids, starts, lengths, offsets, lr, n_threads)
        finite = bool(np.isfinite(losses[-1])) if losses.size else True
        if not finite:
            losses = losses[:-1]
        weights = np.add.reduceat(lengths, offsets[:-1]).astype(np.float64)
        return losses, weights[: losses.size], finite

    def evaluate(
        self, examples: Examples, targets: Targets, order: Any, n_threads: int
    ) -> tuple[float, float, float]:
        (ids,) = examples.arrays
        if order is None:
            log_p = self._compiled.log_prob(ids, 0, ids.size, n_threads)
        else:
            parts = [
                self._compiled.log_prob(ids, start, start + length, n_threads)
                for start, length in zip(order[0].tolist(), order[1].tolist(), strict=True)
            ]
            log_p = np.concatenate(parts)
        return float(-np.sum(log_p)), float(log_p.size), float("nan")

    def log_prob(
        self, examples: Examples, begin: int, end: int, n_threads: int
    ) -> NDArray[np.float64]:
        (ids,) = examples.arrays
        return self._compiled.log_prob(ids, begin, end, n_threads)

    def distribution(self, ids: NDArray[np.int32], n_threads: int) -> NDArray[np.float64]:
        return self._compiled.next_distribution(ids, n_threads)

    def kept_bytes(self) -> int:
        return self._compiled.kept_bytes()


def _flat(views: Mapping[str, NDArray[Any]]) -> Views:
    """Vectors as such, not as matrices of one row."""
    ends = (".bias", ".gain", ".shift")
    return {name: view[0] if name.endswith(ends) else view for name, view in views.items()}


def _fill_normal(rng: np.random.Generator, w: NDArray[Any], std: float) -> None:
    block = 1 << 16
    for start in range(0, w.shape[0], block):
        rows = w[start : start + block]
        rows[...] = rng.normal(0, std, rows.shape)
