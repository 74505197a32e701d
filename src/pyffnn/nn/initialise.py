"""Initial weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from .functions import Array


def generator_of(random_state: Any) -> np.random.Generator:
    """A NumPy generator from a seed, None (another one each time), or a generator. Raises ValueError or TypeError, naming it."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "random_state must be None, an integer of at least 0 or a NumPy Generator, got "
            f"{random_state!r:.80}"
        ) from None


def glorot_uniform(rng: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Weights (n_in, n_out), float64, uniform in ±sqrt(6 / (n_in + n_out)): for sigmoid, tanh, softmax (Glorot & Bengio 2010)."""
    limit = np.sqrt(6.0 / (n_in + n_out))
    return rng.uniform(-limit, limit, (n_in, n_out))


def he_uniform(rng: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Weights (n_in, n_out), float64, uniform in ±sqrt(6 / n_in): for ReLU (He et al. 2015)."""
    limit = np.sqrt(6.0 / n_in)
    return rng.uniform(-limit, limit, (n_in, n_out))
