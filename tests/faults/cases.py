"""All of them."""

from __future__ import annotations

from faults import fasttext_cases, model_cases, network_cases, step_cases

CASES = [*network_cases.CASES, *model_cases.CASES, *step_cases.CASES, *fasttext_cases.CASES]
