"""pytest's side: puts this library in the peer's place, leaves the named exclusions out, counts."""

from __future__ import annotations

import fnmatch
import json
import os
from pathlib import Path
from typing import Any

import pytest

from peer_suites.suite import suite

SUITE = suite(os.environ["PEER_SUITE"])
SUITE.swap()

counts = {"passed": 0, "failed": 0, "skipped": 0}
left_out: dict[str, int] = dict.fromkeys(SUITE.excluded, 0)


def pytest_collection() -> None:
    """On a busy machine Hypothesis takes a slow machine for a slow test; the peers' conftests are loaded by now."""
    try:
        from hypothesis import HealthCheck, settings
    except ImportError:
        return
    settings.register_profile("peer", deadline=None, suppress_health_check=list(HealthCheck))
    settings.load_profile("peer")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, dropped = [], []
    for item in items:
        name = item.nodeid.rsplit("::", 1)[-1]
        for pattern in SUITE.excluded:
            if fnmatch.fnmatchcase(name, pattern):
                left_out[pattern] += 1
                dropped.append(item)
                break
        else:
            kept.append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if SUITE.each is not None:
        SUITE.each()


def pytest_runtest_logreport(report: Any) -> None:
    if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
        counts[report.outcome] += 1


def pytest_sessionfinish() -> None:
    text = json.dumps({**counts, "excluded": left_out})
    Path(os.environ["PEER_SUITE_RESULT"]).write_text(text)
