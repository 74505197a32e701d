"""The benchmark's arithmetic and its report; no figure is judged here."""

from __future__ import annotations

import json

import pytest

from pyffnn.bench import peaks, peers, picture, run, table, timing


def test_contenders_take_turns_and_the_ratio_is_the_median_of_rounds():
    calls = []
    times = timing.in_turn(
        {"pyffnn": lambda: calls.append("a"), "peer": lambda: calls.append("b")}, 0.0, 1e-6
    )
    assert len(times["pyffnn"]) == len(times["peer"]) == 3
    assert {"a", "b"} == set(calls)
    assert timing.median_ratio([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == 3.0


def row(ratio, share=1.0, large=False):
    return {"ratio": ratio, "share_of_fma_peak": share, "large": large}


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([row(1.0), row(4.0)], "reached"),
        ([row(1.0), row(1.0)], "missed: mean 1.00 < 1.5"),
        ([row(0.9), row(9.0)], "missed: 1 of 2 below 1.0 (least 0.90)"),
        ([row(2.0, 0.5, True)], "missed: 50% of the FMA peak < 90%"),
        ([row(None)], "not judged: no peer is installed"),
        ([], "not judged: no peer is installed"),
    ],
)
def test_verdicts(rows, verdict):
    group = table.Group("g", "peer", table.Want(1.5, 1.0, 0.9))
    assert run.judge(group, rows)["verdict"] == verdict


def test_every_case_runs_and_is_reported(tmp_path):
    """The smallest case of each group, briefly; the JSON can be written and the picture drawn."""
    with peers.pinned(1):
        peak = peaks.measure(1, 0.001)
        assert all(value > 0 for value in peak.as_dict().values())
        rows = []
        for group in table.groups():
            if not group.cases:
                assert group.without
                continue
            case = min(group.cases, key=lambda c: c.flops + c.bytes)
            if case.flops > 1e10:
                continue
            rows.append(run.run_case(case, peak, 0.0))
            assert case.name in run.line_of(rows[-1])
    assert {"gemm f32", "softmax", "mean_pool"} <= {r["group"] for r in rows}
    result = {"machine": run.machine(), "threads": 1, "peaks": peak.as_dict(), "cases": rows}
    assert json.loads(json.dumps(result))["machine"]["versions"]["numpy"]
    pytest.importorskip("matplotlib")
    picture.draw(result, str(tmp_path / "bench.png"))
    assert (tmp_path / "bench.png").stat().st_size > 10_000


def test_bf16_is_not_judged_without_amx(monkeypatch):
    monkeypatch.setattr("pyffnn.available_isas", lambda: ["reference", "sse2"])
    groups = {g.name: g for g in table.groups()}
    assert not groups["gemm bf16"].cases
    assert "AMX" in run.judge(groups["gemm bf16"], [])["verdict"]
