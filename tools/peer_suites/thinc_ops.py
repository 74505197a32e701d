"""Thinc's tests of its operations, with `PyffnnOps` wherever they say `NumpyOps`."""

from __future__ import annotations

import sys
from typing import Any

from peer_suites.suite import Suite


def swap() -> None:
    import thinc.api
    import thinc.backends

    from pyffnn.integrations.thinc import PyffnnOps

    thinc.api.NumpyOps = thinc.backends.NumpyOps = PyffnnOps


def _float(x: Any) -> float:
    return x.item() if hasattr(x, "item") else float(x)


def each() -> None:
    # The tests call float() on arrays of one number, which NumPy 2.4 no longer takes.
    sys.modules["thinc.tests.backends.test_ops"].__dict__["float"] = _float


SUITE = Suite(
    host="thinc",
    modules=["thinc.tests.backends.test_ops"],
    swap=swap,
    each=each,
    excluded={
        "test_get_ops": 'asks that get_ops("numpy") be an instance of the swapped class; it is Thinc\'s own, as it should be',
    },
)
