"""Types of the settings that are names, for the constructors' signatures; the table of settings takes its choices from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from pyffnn.optimizers import Optimizer, OptimizerName
from pyffnn.precision import Precision

__all__ = [
    "Activation",
    "ClassOutput",
    "OptimizerLike",
    "Pool",
    "Pooling",
    "Precision",
    "RandomState",
    "Reduce",
    "RegressionLoss",
    "TextOptimizer",
    "TextOutput",
    "WordOutput",
]

Activation: TypeAlias = Literal["relu", "tanh", "sigmoid", "gelu", "identity"]
ClassOutput: TypeAlias = Literal["softmax", "ordinal", "adaptive", "sampled"]
TextOutput: TypeAlias = Literal["auto", ClassOutput]
WordOutput: TypeAlias = Literal["softmax", "adaptive", "sampled"]
RegressionLoss: TypeAlias = Literal["squared", "logistic"]
Pool: TypeAlias = Literal["mean", "sqrtn", "sum", "max", "min"]
"""Poolings that may stand side by side."""
Pooling: TypeAlias = Literal["auto", Pool, "weighted", "concat"] | Sequence[Pool]
OptimizerLike: TypeAlias = OptimizerName | Optimizer
TextOptimizer: TypeAlias = Literal["auto"] | OptimizerLike
Reduce: TypeAlias = Literal["mean", "max", "min", "first"]
"""What becomes of the scores of a document's windows."""
RandomState: TypeAlias = int | np.random.RandomState | np.random.Generator | None
