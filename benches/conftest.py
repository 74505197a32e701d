"""Benchmarks run at one thread unless PYFFNN_NUM_THREADS says otherwise; the header says where."""

from __future__ import annotations

import os

import pyffnn
from pyffnn.bench import run

if "PYFFNN_NUM_THREADS" not in os.environ:
    pyffnn.set_num_threads(1)


def pytest_report_header() -> str:
    machine = run.machine()
    return f"{machine['cpu']}, {machine['isa']}, {pyffnn.get_num_threads()} threads, {machine['versions']}"


def pytest_benchmark_update_machine_info(config: object, machine_info: dict[str, object]) -> None:
    machine_info["pyffnn"] = {**run.machine(), "threads": pyffnn.get_num_threads()}
