"""A network described in neutral terms, from its input to its output: what exporters to other hosts read.

`blueprint` reads a spec and the parameters that belong to it (src/cpp/net/spec.h has the equations) and gives the steps in
the order in which they are taken. Parts have the names of the parameters they hold, so that a host's weights find the way back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Activation",
    "Bags",
    "Blueprint",
    "Clusters",
    "JoinInput",
    "LayerNorm",
    "Linear",
    "Numbers",
    "Outputs",
    "Residual",
    "Sequence_",
    "Step",
    "Windows",
    "blueprint",
]

Array: TypeAlias = NDArray[np.float32]

NORM_EPS = 1e-5
SPREAD_EPS = 1e-6


# inputs


@dataclass(frozen=True, eq=False)
class Numbers:
    """x [n, width] as it is."""

    width: int


@dataclass(frozen=True, eq=False)
class Bags:
    """The sum of the rows of a bag of ids, divided by their number ("mean"), its root ("sqrtn"), or nothing ("sum"); none gives zeros.

    "weighted": the sum of ``v_r`` times row r over the different ids r of the bag, divided by the Euclidean norm of v (zeros where that
    is 0); ``v_r = (1 + ln c_r) weights[r]``, c_r being how often r is in the bag.
    """

    table: Array
    pool: str
    weights: Array | None = None


@dataclass(frozen=True, eq=False)
class Sequence_:  # noqa: N801 - not a `Sequence` of Python
    """The rows of the first ``length`` ids, end to end; zeros for missing ones (-1)."""

    table: Array
    length: int


@dataclass(frozen=True, eq=False)
class Windows:
    """Of the ids before a token: the rows of the last ``context``, the farthest first, then for each row a of ``distant`` [kernels, window]
    the sum over j = 1 .. window of a[j - 1] times the row of the id ``context + j`` before. Zeros for missing ids (-1)."""

    table: Array
    context: int
    distant: Array | None

    @property
    def reach(self) -> int:
        """Ids that are looked back on."""
        return self.context + (0 if self.distant is None else self.distant.shape[1])


Input: TypeAlias = Numbers | Bags | Sequence_ | Windows


# layers


@dataclass(frozen=True, eq=False)
class Linear:
    """``h weight + bias``: weight [n_in, n_out], bias [n_out] or None.

    ``of_words``: the network's own array is the transpose, a row a word.
    """

    name: str
    weight: Array
    bias: Array | None
    of_words: bool = False


@dataclass(frozen=True, eq=False)
class LayerNorm:
    """``(h - mean) / sqrt(variance + eps) * gain + shift`` of each row, the variance being that of all its numbers."""

    name: str
    gain: Array
    shift: Array
    eps: float = NORM_EPS


@dataclass(frozen=True, eq=False)
class Activation:
    """ "relu", "tanh", "sigmoid" or "gelu", its tanh form."""

    kind: str


@dataclass(frozen=True, eq=False)
class Residual:
    """``h + steps(h)``."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class JoinInput:
    """``[h, x]``, x being what the input gave."""


Step: TypeAlias = Linear | LayerNorm | Activation | Residual | JoinInput


# outputs


@dataclass(frozen=True, eq=False)
class Outputs:
    """One number an output: their "softmax", the "sigmoid" of each, or themselves ("identity").

    ``spread_power``, where it is not 0: the numbers z are first multiplied by ``(mean of (z - mean z)^2 + SPREAD_EPS) ** (spread_power / 2)``.
    """

    linear: Linear
    kind: str
    spread_power: float = 0.0


@dataclass(frozen=True, eq=False)
class Clusters:
    """Adaptive softmax: the head's first outputs are the likeliest words, each of its last ones stands for a cluster.

    log p of the i-th word of cluster c is the head's log-softmax at ``cutoffs[0] + c`` plus the log-softmax at i of
    ``tails[c]``, a projection and a linear map. Outputs are ranks; ``by_frequency[rank]`` is the word.
    """

    head: Linear
    tails: tuple[tuple[Linear, Linear], ...]
    cutoffs: tuple[int, ...]
    by_frequency: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Blueprint:
    """``tied``: the input's table is the first columns of the output's matrix of words."""

    input: Input
    steps: tuple[Step, ...]
    output: Outputs | Clusters
    tied: bool = False


# What a network computes depends on these; other keys concern training, and what is in neither list is not understood here.
_COMPUTES = {
    "input",
    "n_inputs",
    "rows",
    "dim",
    "pool",
    "max_tokens",
    "context",
    "distant_kernels",
    "distant_window",
    "hidden",
    "activation",
    "residual",
    "layer_norm",
    "direct",
    "tied",
    "n_outputs",
    "output",
    "loss",
    "cutoffs",
    "spread_power",
}
_TRAINS = {
    "samples",
    # of no meaning without ngram_rows
    "ngram_words",
    "ngram_heads",
    "ngram_dim",
    "ngram_dropout",
    "precision",
    "optimizer",
    "momentum",
    "beta1",
    "beta2",
    "eps",
    "l2",
    "weight_decay",
    "clip",
    "embedding_optimizer",
    "embedding_by_row",
    "row_rates",
    "embedding_lr",
    "embedding_scale",
    "freeze_embeddings",
    "frozen_steps",
    "dropout",
    "input_dropout",
    "embedding_dropout",
    "output_dropout",
    "word_dropout",
    "seed",
}
_LOSSES = {"softmax": "softmax", "sigmoid": "sigmoid", "squared": "identity"}
_POOLS = ("mean", "sqrtn", "sum", "weighted")


def blueprint(
    spec: Mapping[str, Any],
    parameters: Mapping[str, NDArray[Any]],
    by_frequency: NDArray[np.int64] | None = None,
) -> Blueprint:
    """What a network of ``spec`` with these parameters computes; the arrays are used where they lie.

    Raises ValueError for a setting that is not understood here, naming it.
    """
    for key, value in spec.items():
        if key not in _COMPUTES | _TRAINS and value:
            raise ValueError(f"a network with {key}={value!r} cannot be described")
    return _Reader(spec, parameters).read(by_frequency)


class _Reader:
    def __init__(self, spec: Mapping[str, Any], parameters: Mapping[str, NDArray[Any]]) -> None:
        self.spec, self.p = spec, parameters

    def read(self, by_frequency: NDArray[np.int64] | None) -> Blueprint:
        return Blueprint(
            input=self.input(),
            steps=tuple(self.steps()),
            output=self.output(by_frequency),
            tied=bool(self.spec.get("tied")),
        )

    def input(self) -> Input:
        spec, kind = self.spec, self.spec["input"]
        if kind in ("dense", "sparse"):
            return Numbers(int(spec["n_inputs"]))
        if kind == "bags":
            pool = spec.get("pool", "mean")
            if pool not in _POOLS:
                raise ValueError(f"a network with pool={pool!r} cannot be described")
            weights = self.p["embedding.weights"] if pool == "weighted" else None
            return Bags(self.p["embedding"], pool, weights)
        if kind == "concat":
            return Sequence_(self.p["embedding"], int(spec["max_tokens"]))
        if kind != "windows":
            raise ValueError(f"a network with input={kind!r} cannot be described")
        table = self.p["output.weight"] if spec.get("tied") else self.p["embedding"]
        distant = self.p["distant"] if spec.get("distant_kernels") else None
        return Windows(table[:, : spec["dim"]], int(spec["context"]), distant)

    def steps(self) -> list[Step]:
        spec = self.spec
        steps: list[Step] = []
        if spec.get("residual"):
            steps.append(self.linear("input"))
            for i in range(len(spec["hidden"])):
                name = f"hidden{i}"
                inner = (
                    *self.norm(f"{name}.norm"),
                    self.linear(name),
                    *self.activation(),
                    self.linear(f"{name}.out"),
                )
                steps.append(Residual(inner))
            steps += self.norm("output.norm")
        else:
            for i in range(len(spec["hidden"])):
                name = f"hidden{i}"
                steps += [self.linear(name), *self.norm(f"{name}.norm"), *self.activation()]
            if spec.get("tied"):
                steps.append(self.linear("projection"))
        return [*steps, JoinInput()] if spec.get("direct") else steps

    def output(self, by_frequency: NDArray[np.int64] | None) -> Outputs | Clusters:
        spec = self.spec
        kind = spec["output"]
        if kind == "adaptive":
            assert by_frequency is not None
            tails = tuple(
                (
                    Linear(
                        f"output.tail{i}.projection", self.p[f"output.tail{i}.projection"], None
                    ),
                    self.linear(f"output.tail{i}", of_words=True),
                )
                for i in range(len(spec["cutoffs"]))
            )
            head = self.linear("output.head", of_words=True)
            return Clusters(head, tails, tuple(spec["cutoffs"]), by_frequency)
        linear = self.linear("output", of_words=kind != "classes")
        if spec.get("loss") == "ordinal":
            raise ValueError("a model with output='ordinal' cannot be exported")
        power = float(spec.get("spread_power", 0.0))
        return Outputs(linear, _LOSSES[spec.get("loss", "softmax")], power)

    def linear(self, name: str, *, of_words: bool = False) -> Linear:
        weight = self.p[f"{name}.weight"]
        return Linear(
            name, weight.T if of_words else weight, self.p.get(f"{name}.bias"), of_words=of_words
        )

    def norm(self, name: str) -> Sequence[Step]:
        if not self.spec.get("layer_norm"):
            return ()
        return (LayerNorm(name, self.p[f"{name}.gain"], self.p[f"{name}.shift"]),)

    def activation(self) -> Sequence[Step]:
        kind = self.spec["activation"]
        return () if kind == "identity" else (Activation(kind),)
