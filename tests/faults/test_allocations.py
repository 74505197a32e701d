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
# For what a case shares with cases before it; all that is new in it is tried however long it takes.
SECONDS = float(os.environ.get("PYFFNN_FAULT_SECONDS", "5"))


@pytest.fixture(scope="module")
def met() -> set[int]:
    """Places of allocations that cases have met."""
    return set()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_allocation_fails(case: Case, met: set[int]) -> None:
    done = walk(case, SECONDS, met)
    print(
        f"{case.name}: {done.allocations} allocations in {done.places} places, {done.new} of them new; "
        f"{done.tried} of {done.faults} faults, {done.raised} errors"
    )
    assert not done.problems, "\n\n".join(done.problems)
    assert done.tried >= 2 * done.new
    assert done.tried == done.faults or SECONDS < WHOLE
    # what can be done without, such as room to sort in, raises nothing
    assert done.raised or done.tried < done.faults or not done.allocations
