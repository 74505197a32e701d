"""Runs the table and judges it."""

from __future__ import annotations

import math
import platform
import statistics
from collections.abc import Callable
from typing import Any

import pyffnn
from pyffnn.bench import peaks, peers, table
from pyffnn.bench.timing import in_turn, median_ratio

# Threads of other libraries poll for work after a call: PyTorch's OpenMP for about 5 ms, OpenBLAS for some 100.
SETTLE, SETTLE_QUICK = 0.12, 0.02


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    config = pyffnn.config()
    return {
        "cpu": config["cpu"],
        "isa": config["isa"],
        "caches": config["caches"],
        "compiler": config["compiler"],
        "python": platform.python_version(),
        "versions": {"pyffnn": pyffnn.__version__, **peers.versions()},
    }


def run_case(
    case: table.Case,
    peak: peaks.Peaks,
    seconds: float,
    settle: float = 0.0,
    compile_torch: bool = False,
) -> dict[str, Any]:
    """The figures of one case; the ratio is that to the best of the peers it is judged against (None: none is installed).

    With `compile_torch` PyTorch's call is compiled too, which takes seconds.
    """
    calls = case.calls()
    if compile_torch and "torch" in calls and (made := peers.compiled(calls["torch"])):
        calls["torch compiled"] = made
    times = in_turn(calls, seconds, settle=settle)
    ours = statistics.median(times["pyffnn"])
    ratios = {
        name: median_ratio(taken, times["pyffnn"])
        for name, taken in times.items()
        if name != "pyffnn"
    }
    judged = [ratios[name] for name in case.against if name in ratios]
    level, read = peak.read_limit(case.bytes)
    return {
        "group": case.group,
        "case": case.name,
        "large": case.large,
        "seconds": {name: statistics.median(taken) for name, taken in times.items()},
        "best_seconds": {name: min(taken) for name, taken in times.items()},
        "rounds": len(times["pyffnn"]),
        "ratios": ratios,
        "ratio": min(judged) if judged else None,
        "flops": case.flops,
        "bytes": case.bytes,
        "gflops": case.flops / ours / 1e9,
        "gigabytes_per_second": case.bytes / ours / 1e9,
        "share_of_fma_peak": case.flops / ours / peak.fma_f32,
        "share_of_amx_peak": case.flops / ours / peak.amx_bf16 if peak.amx_bf16 else None,
        "read_level": level,
        "share_of_read_peak": case.bytes / ours / read,
    }


def judge(group: table.Group, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The verdict on a group: "reached", "missed" with what is missing, or why it was not judged."""
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    want = group.want
    verdict: dict[str, Any] = {
        "group": group.name,
        "against": group.against,
        "want": {
            "geometric_mean": want.geometric_mean,
            "every": want.every,
            "peak_share": want.peak_share,
            "every_large": want.every_large,
        },
    }
    if not ratios:
        return {**verdict, "verdict": f"not judged: {group.without or 'no peer is installed'}"}
    mean = math.exp(statistics.fmean(math.log(r) for r in ratios))
    missed = []
    if mean < want.geometric_mean:
        missed.append(f"mean {mean:.2f} < {want.geometric_mean}")
    if want.every is not None and min(ratios) < want.every:
        below = sum(r < want.every for r in ratios)
        missed.append(f"{below} of {len(ratios)} below {want.every} (least {min(ratios):.2f})")
    if want.peak_share is not None:
        shares = [row[f"share_of_{want.peak.lower()}_peak"] for row in rows if row["large"]]
        if shares and min(shares) < want.peak_share:
            missed.append(f"{min(shares):.0%} of the {want.peak} peak < {want.peak_share:.0%}")
    if want.every_large is not None:
        large = [row["ratio"] for row in rows if row["large"] and row["ratio"] is not None]
        if large and min(large) < want.every_large:
            missed.append(f"large cases {min(large):.2f} < {want.every_large}")
    return {
        **verdict,
        "geometric_mean": mean,
        "least": min(ratios),
        "verdict": "missed: " + "; ".join(missed) if missed else "reached",
    }


def run(
    threads: int,
    *,
    quick: bool = False,
    compile_torch: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Everything at one number of threads; `report` gets a line a case as it is done.

    With `compile_torch` PyTorch's calls stand there compiled too, where its compiler works: minutes more.
    """
    seconds = 0.25 if quick else 1.5
    settle = 0.0 if threads == 1 else SETTLE_QUICK if quick else SETTLE
    with peers.pinned(threads):
        peak = peaks.measure(threads, 0.1 if quick else 0.3)
        rows: list[dict[str, Any]] = []
        verdicts = []
        for group in table.groups():
            own = []
            for case in group.cases:
                own.append(
                    run_case(case, peak, seconds, settle, compile_torch and group.compile_torch)
                )
                report(line_of(own[-1]))
            rows += own
            verdicts.append(judge(group, own))
    return {
        "machine": machine(),
        "threads": threads,
        "missing": peers.missing(),
        "peaks": peak.as_dict(),
        "cases": rows,
        "verdicts": verdicts,
    }


def line_of(row: dict[str, Any]) -> str:
    """One case on one line."""
    ratios = "  ".join(f"{name} {ratio:5.2f}x" for name, ratio in row["ratios"].items())
    # the limit that is nearer is the one that binds
    fma, read = row["share_of_fma_peak"], row["share_of_read_peak"]
    share = f"{fma:4.0%} of FMA peak" if fma >= read else f"{read:4.0%} of {row['read_level']} read"
    micro = row["seconds"]["pyffnn"] * 1e6
    return f"{row['group'][:28]:28} {row['case'][:34]:34} {micro:11.1f} us  {share:19}  {ratios}"
