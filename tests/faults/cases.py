"""All of them."""

from __future__ import annotations

from faults import model_cases, network_cases

CASES = [*network_cases.CASES, *model_cases.CASES]
