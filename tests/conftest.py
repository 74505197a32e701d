"""Fixtures for every test: the instruction set, and a header line that says which ones run here."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator

import pytest

import pyffnn
from pyffnn import _pyffnn

KNOWN_ISAS = ("reference", "sse2", "avx2", "avx512", "amx", "neon")

# A shell ignores SIGINT for what it starts in the background, and so would the tests' child processes.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Built with what only tests use (PYFFNN_HOOKS); a wheel is not.
HOOKS = hasattr(_pyffnn, "kernel_optim_step")


def _skipped_in_a_wheel() -> Generator[None, object, object]:
    """A test that asks a wheel for the emulated tiles or a kernel alone is skipped, and says so."""
    try:
        return (yield)
    except (ValueError, AttributeError) as error:
        if not HOOKS and ("'amx-emulated'" in str(error) or "'kernel_" in str(error)):
            pytest.skip("this build has no PYFFNN_HOOKS")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _skipped_in_a_wheel())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    return (yield from _skipped_in_a_wheel())


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
