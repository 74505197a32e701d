"""The ways in which a dense product can be walked, forced for tests and measurements."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyffnn import _pyffnn

WAYS = ("rows", "shallow", "down", "copy", "ahead", "turned")
"""As docs/kernels.md explains them. Which one a product takes without being told is `ops/products/dense_plan.h`'s to say."""


@contextmanager
def product_way(name: str) -> Iterator[None]:
    """Within the block every dense product takes the way `name` where its shape allows, "rows" where not; "auto": as it is without.

    For the whole process. No way changes a bit. Raises ValueError, naming the ways, for another name.
    """
    before = _pyffnn.product_way()
    _pyffnn.set_product_way(name)
    try:
        yield
    finally:
        _pyffnn.set_product_way(before)
