"""Fixtures for every test: the instruction set, and a header line that says which ones run here."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

import pyffnn

KNOWN_ISAS = ("reference", "sse2", "avx2", "avx512", "amx", "neon")

# A shell ignores SIGINT for what it starts in the background, and so would the tests' child processes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> str:
    usable = pyffnn.available_isas()
    missing = [name for name in KNOWN_ISAS if name not in usable]
    return (
        f"pyffnn {pyffnn.__version__}: active {pyffnn.isa()}; tested {', '.join(usable)}; "
        f"not on this machine {', '.join(missing)}; {pyffnn.get_num_threads()} threads"
    )


@pytest.fixture(params=pyffnn.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each instruction set of this machine, active during the test."""
    with pyffnn.use_isa(request.param):
        assert pyffnn.isa() == request.param
        yield request.param
