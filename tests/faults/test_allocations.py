"""Every allocation of the core may fail (tests/faults/walk.py); only where it is built with PYFFNN_FAULTS."""

from __future__ import annotations

import os

import pytest
from faults.cases import CASES
from faults.walk import WHOLE, Case, walk

from pyffnn import _pyffnn

pytestmark = pytest.mark.skipif(
    not hasattr(_pyffnn, "_arm_faults"),
    reason="this build cannot make allocations fail: it wants -DPYFFNN_FAULTS=ON (.ci/checked)",
)
SECONDS = float(os.environ.get("PYFFNN_FAULT_SECONDS", "5"))  # a case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_allocation_fails(case: Case) -> None:
    done = walk(case, SECONDS)
    print(
        f"{case.name}: {done.allocations} allocations in {done.places} places, {done.places_tried} tried; "
        f"{done.tried} of {done.faults} faults, {done.raised} errors"
    )
    assert not done.problems, "\n\n".join(done.problems)
    assert done.tried == done.faults or SECONDS < WHOLE
    # what can be done without, such as room to sort in, raises nothing
    assert done.raised or done.tried < done.faults or not done.allocations
