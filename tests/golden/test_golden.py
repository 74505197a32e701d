"""Trained weights and predictions have the bits that fingerprints.json says (make.py writes it)."""

from __future__ import annotations

import pytest
from golden import make

import pyffnn

KNOWN = make.read()
NAMES = make.names()
# SSE2 has no FMA and differs in the last bit.
ISAS = [name for name in ("reference", "avx2", "avx512", "neon") if name in pyffnn.available_isas()]


def test_every_case_is_known() -> None:
    assert list(KNOWN) == NAMES


@pytest.mark.parametrize("isa", ISAS[-1:])
@pytest.mark.parametrize("name", NAMES)
def test_fingerprint(name: str, isa: str) -> None:
    check(name, isa, 0)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("name", [name for name in NAMES if make.threads(name)])
def test_any_number_of_threads(name: str, n_threads: int) -> None:
    check(name, ISAS[-1], n_threads)


@pytest.mark.parametrize("isa", ISAS[:-1])
@pytest.mark.parametrize("name", [name for name in NAMES if not make.threads(name)][::5])
def test_any_instruction_set(name: str, isa: str) -> None:
    check(name, isa, 0)


def check(name: str, isa: str, n_threads: int) -> None:
    package = make.needs(name)
    if package is not None:
        pytest.importorskip(package)
    with pyffnn.num_threads(n_threads or pyffnn.get_num_threads()), pyffnn.use_isa(isa):
        got = make.fingerprint(name, n_threads)
    want = KNOWN[name]
    tolerance = 1e-12 if name.endswith("float64") else 1e-5
    assert got.pop("numbers") == pytest.approx(want["numbers"], rel=tolerance, abs=1e-12)
    assert got == {key: value for key, value in want.items() if key != "numbers"}
