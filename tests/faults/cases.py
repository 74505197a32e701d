"""All of them."""

from __future__ import annotations

from faults import network_cases

CASES = [*network_cases.CASES]
