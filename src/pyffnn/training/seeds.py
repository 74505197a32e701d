"""One seed for everything random in a model."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["seed_of"]


def seed_of(random_state: Any) -> int:
    """A seed in [0, 2^63) from None (fresh entropy), an integer, a RandomState or a Generator.

    Raises ValueError for anything else.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1))
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if random_state >= 0:
            return int(random_state) % (1 << 63)
    elif isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 1 << 62, dtype=np.int64))
    elif isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 1 << 62))
    raise ValueError(
        "random_state must be None, an integer of at least 0, a numpy RandomState or Generator, "
        f"got {random_state!r}"
    )
