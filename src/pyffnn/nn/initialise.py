"""Initial weights."""

from __future__ import annotations

import numpy as np

from .functions import Array


def glorot_uniform(rng: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Weights (n_in, n_out), float64, uniform in ±sqrt(6 / (n_in + n_out)): for sigmoid, tanh, softmax (Glorot & Bengio 2010)."""
    limit = np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def he_uniform(rng: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Weights (n_in, n_out), float64, uniform in ±sqrt(6 / n_in): for ReLU (He et al. 2015)."""
    limit = np.sqrt(6.0 / n_in)
    return rng.uniform(-limit, limit, (n_in, n_out))
