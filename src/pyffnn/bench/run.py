"""Runs the table and judges it."""

from __future__ import annotations

import math
import platform
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import pyffnn
from pyffnn import _pyffnn
from pyffnn.bench import cpu, peaks, peers, results, table
from pyffnn.bench.probe import Watch
from pyffnn.bench.timing import in_turn

# Threads of other libraries poll for work after a call: PyTorch's OpenMP for about 5 ms, OpenBLAS for some 100.
SETTLE, SETTLE_QUICK = 0.12, 0.02
# Contenders that are no peers, or call a library whose threads another contender has settled.
_PEAK = "fma peak"
_KIN = {_PEAK: "pyffnn", "torch compiled": "torch"}


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    config = pyffnn.config()
    return {
        "cpu": config["cpu"],
        "kind": cpu.kind()[1],
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
    *,
    threads: int = 1,
    watch: Watch | None = None,
) -> dict[str, Any]:
    """The figures of one case; the ratio is that to the best of the peers it is judged against (None: none is installed).

    The multiply-adds that a share of the peak is a share of are timed in the same rounds. With `compile_torch` PyTorch's call is
    compiled too, which takes seconds.
    """
    calls = case.calls()
    if compile_torch and "torch" in calls and (made := peers.compiled(calls["torch"])):
        calls["torch compiled"] = made
    loops = 10_000 if pyffnn.isa() != "reference" else 500
    if case.flops:
        ours, others = calls.pop("pyffnn"), calls
        fma = case.dtype == "float64"
        calls = {"pyffnn": ours, _PEAK: lambda: _pyffnn.kernel_fma_loop(loops, threads, fma)}
        calls |= others
    rounds = in_turn(calls, seconds, settle=settle, threads=threads, watch=watch, kin=_KIN)
    row = results.row_of(case.name, rounds)
    taken = rounds.median("pyffnn")
    share = None
    if case.flops:
        flops = _pyffnn.kernel_fma_loop(1, threads, fma) * loops
        share = case.flops / flops * row["ratios"].pop(_PEAK)
        row["peak_gflops"] = flops / row["seconds"].pop(_PEAK) / 1e9
        row["best_seconds"].pop(_PEAK)
    judged = [row["ratios"][name] for name in case.against if name in row["ratios"]]
    level, read = peak.read_limit(case.bytes)
    return {
        **row,
        "group": case.group,
        "large": case.large,
        "want": case.want,
        "ratio": min(judged) if judged else None,
        "flops": case.flops,
        "bytes": case.bytes,
        "gflops": case.flops / taken / 1e9,
        "gigabytes_per_second": case.bytes / taken / 1e9,
        "share_of_fma_peak": share if share is not None else 0.0,
        "share_of_amx_peak": case.flops / taken / peak.amx_bf16 if peak.amx_bf16 else None,
        "read_level": level,
        "share_of_read_peak": case.bytes / taken / read,
    }


def judge(group: table.Group, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The verdict on a group: "reached", "missed" with what is missing, or why it was not judged."""
    ratios = [row["ratio"] for row in rows if row["ratio"] is not None]
    want = group.want
    verdict: dict[str, Any] = {
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
    if want.geometric_mean is not None and mean < want.geometric_mean:
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
    missed += [
        f"{row['case']} {row['ratio']:.2f} < {row['want']}"
        for row in rows
        if row.get("want") and row["ratio"] is not None and row["ratio"] < row["want"]
    ]
    return {
        **verdict,
        "geometric_mean": mean,
        "least": min(ratios),
        "verdict": "missed: " + "; ".join(missed) if missed else "reached",
    }


def chosen(only: Sequence[str] | None) -> list[table.Group]:
    """The groups whose names hold one of `only`. Raises ValueError, naming all, for one that no group's name holds."""
    groups = list(table.groups())
    if only is None:
        return groups
    for name in only:
        if not any(name in group.name for group in groups):
            raise ValueError(
                f"no group is called {name!r}: {', '.join(group.name for group in groups)}"
            )
    return [group for group in groups if any(name in group.name for name in only)]


def run(
    threads: int,
    *,
    quick: bool = False,
    compile_torch: bool = False,
    only: Sequence[str] | None = None,
    report: Callable[[str], None] = lambda line: None,
    finished: Callable[[results.Row], None] = lambda group: None,
) -> dict[str, Any]:
    """Everything at one number of threads, or the groups whose names hold one of `only`.

    `report` gets a line a case and `finished` a group's results as they are done.
    With `compile_torch` PyTorch's calls stand there compiled too, where its compiler works: minutes more.
    """
    seconds = 0.25 if quick else 1.5
    settle = 0.0 if threads == 1 else SETTLE_QUICK if quick else SETTLE
    command = f"pyffnn bench --threads {threads}" + (" --quick" if quick else "")
    watch, made = Watch(), []
    with peers.pinned(threads):
        peak = peaks.measure(threads, 0.1 if quick else 0.3, watch)
        for group in chosen(only):
            rows = []
            for case in group.cases:
                compiled = compile_torch and group.compile_torch
                row = run_case(case, peak, seconds, settle, compiled, threads=threads, watch=watch)
                report(line_of(row))
                rows.append(row)
            made.append(
                results.group_of(
                    group.name, rows, command=command, watch=watch, threads=threads,
                    peaks=peak.as_dict(), verdict=judge(group, rows),
                )
            )  # fmt: skip
            finished(made[-1])
    return {
        "machine": machine(),
        "threads": threads,
        "missing": peers.missing(),
        "peaks": peak.as_dict(),
        "probe": results.probe_of([row for g in made for row in g["cases"]], watch, threads),
        "groups": made,
    }


def line_of(row: dict[str, Any]) -> str:
    """One case on one line."""
    ratios = "  ".join(f"{name} {ratio:5.2f}x" for name, ratio in row["ratios"].items())
    # the limit that is nearer is the one that binds
    fma, read = row["share_of_fma_peak"], row["share_of_read_peak"]
    share = f"{fma:4.0%} of FMA peak" if fma >= read else f"{read:4.0%} of {row['read_level']} read"
    micro = row["seconds"]["pyffnn"] * 1e6
    rounds = f"{row['kept']} of {row['kept'] + row['thrown_away']} rounds"
    if not row["calm"]:
        rounds += ", NOISY"
    return f"{row['group'][:28]:28} {row['case'][:34]:34} {micro:11.1f} us  {share:19}  {ratios}  ({rounds})"
