"""The benchmark's arithmetic and its report; no figure is judged here."""

from __future__ import annotations

import json

import pytest

import pyffnn
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
        values = peak.as_dict()
        assert (values.pop("amx_bf16") > 0) == pyffnn._pyffnn.isa_has_tiles()
        assert all(value > 0 for value in values.values())
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


def test_peers_are_named_whether_installed_or_not():
    assert "numpy" in peers.versions()
    assert set(peers.missing()).isdisjoint(peers.versions())
    if peers.find("fasttext") is None:
        assert "fasttext" in peers.missing()
        texts = next(g for g in table.groups() if g.name.startswith("text classifier"))
        found = run.run_case(texts.cases[0], peaks.measure(1, 0.001), 0.0)
        assert found["ratio"] is None
        assert run.judge(texts, [found])["verdict"] == "not judged: no peer is installed"


def test_what_does_not_compile_has_no_row(monkeypatch):
    class Broken:
        def compile(self, call):
            raise RuntimeError("no compiler")

    monkeypatch.setattr(peers, "find", lambda name: Broken())
    assert peers.compiled(lambda: None) is None
    monkeypatch.setattr(peers, "find", lambda name: None)
    assert peers.compiled(lambda: None) is None


def test_bf16_is_not_judged_without_amx(monkeypatch):
    monkeypatch.setattr("pyffnn.available_isas", lambda: ["reference", "sse2"])
    groups = {g.name: g for g in table.groups()}
    for name in ("gemm bf16", "gemm bf16x3", "gemm bf16x6", "linear_cross_entropy bfloat16x3"):
        assert not groups[name].cases
        assert "needs AMX" in run.judge(groups[name], [])["verdict"]


def test_bf16_cases_run_on_tiles(monkeypatch):
    """On emulated ones, the smallest case of each group."""
    monkeypatch.setattr("pyffnn.available_isas", lambda: ["reference", "amx"])
    with pyffnn.use_isa("amx-emulated"):
        peak = peaks.measure(1, 0.001)
        assert peak.amx_bf16 > 0
        for group in table.groups():
            if group.name.startswith("gemm bf16"):
                case = min(group.cases, key=lambda c: c.flops)
                found = run.run_case(case, peak, 0.0)
                assert found["share_of_amx_peak"] > 0


def test_large_cases_have_wants_of_their_own():
    def tiles_row(ratio, share):
        return {**row(ratio, large=True), "share_of_amx_peak": share}

    bf16 = table.Group("g", "peer", table.Want(2.0, peak_share=0.5, peak="AMX"))
    assert run.judge(bf16, [tiles_row(3.0, 0.6)])["verdict"] == "reached"
    assert "40% of the AMX peak" in run.judge(bf16, [tiles_row(3.0, 0.4)])["verdict"]
    split = table.Group("g", "peer", table.Want(1.8, every_large=3.0))
    assert "large cases 2.00 < 3.0" in run.judge(split, [tiles_row(2.0, 0.4)])["verdict"]
