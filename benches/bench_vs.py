"""The table of `pyffnn bench` under pytest-benchmark: every case, ours and each peer installed, one group a case.

    pytest benches/bench_vs.py [-k "gemm and 64x64"] [--benchmark-json FILE]

`pyffnn bench` takes the contenders in turn and is the one to trust for ratios; this one keeps pytest-benchmark's statistics.
"""

from __future__ import annotations

import pytest

import pyffnn
from pyffnn.bench import peers, table

CASES = [
    pytest.param(case, id=f"{case.group}-{case.name}".replace(" ", "_"))
    for group in table.groups()
    for case in group.cases
]


@pytest.mark.parametrize(
    "who", ["pyffnn", "numpy", "scipy", "torch", "sklearn", "thinc", "fasttext"]
)
@pytest.mark.parametrize("case", CASES)
def test_case(benchmark, case, who):
    with peers.pinned(pyffnn.get_num_threads()):
        calls = case.calls()
        if who not in calls:
            pytest.skip(f"no {who} here")
        benchmark.group = f"{case.group} {case.name}"
        benchmark(calls[who])
