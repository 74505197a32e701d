"""Writes the generated parts of RESULTS.md, GROWTH.md and the README from the files in benches/results: a column a CPU.

    python benches/render.py [--check]

A generated part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. With --check nothing is written; the exit code is 1 where a
file would change.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Row = dict[str, Any]
ISAS = ("reference", "sse2", "neon", "avx2", "avx512", "amx")
NOTHING = ""


def files(folder: Path) -> list[Row]:
    """The results, one a CPU and instruction set; those with nothing old first."""
    found = [json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.json"))]
    return sorted(found, key=lambda f: all(g["old"] for g in groups_of(f)))


def groups_of(file: Row) -> Iterator[Row]:
    for run in file["runs"]:
        yield from run["groups"]


def short(file: Row) -> str:
    """Zen 1"""
    inside = re.search(r"\(([^()]*)\)$", file["cpu"]["name"])
    return inside[1] if inside else file["cpu"]["name"]


def column(file: Row) -> str:
    return f"{short(file)}, {file['isa']}"


def runs_of(file: Row, bench: str) -> dict[int, Row]:
    """A bench's runs by number of threads."""
    return {run["threads"]: run for run in file["runs"] if run["bench"] == bench}


def find(run: Row | None, group: str) -> Row | None:
    if run is None:
        return None
    return next((g for g in run["groups"] if g["group"] == group), None)


def mean_of(group: Row) -> float | None:
    """The geometric mean of a group's ratios."""
    verdict = group["verdict"] or {}
    if "geometric_mean" in verdict:
        return float(verdict["geometric_mean"])
    ratios = [c["ratio"] for c in group["cases"] if c.get("ratio")]
    return math.exp(statistics.fmean(map(math.log, ratios))) if ratios else None


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def by_threads(values: dict[int, str]) -> str:
    """The figures of 1 and 2 threads: `1.24 / 1.38`; one that is not there is a dash."""
    if not any(values.values()):
        return NOTHING
    return " / ".join(value or "-" for value in values.values())


def mark(group: Row | None) -> str:
    return "°" if group is not None and group["old"] else ""


def machines(all_files: list[Row]) -> str:
    rows = []
    for file in all_files:
        for run in file["runs"]:
            kept = thrown = noisy = 0
            probed = False
            for group in run["groups"]:
                if probe := group["probe"]:
                    probed = True
                    kept += probe["kept"]
                    thrown += probe["thrown_away"]
                    noisy += probe["noisy"]
            rounds = f"{kept} / {thrown}" + (f", {noisy} noisy" if noisy else "")
            old = [bool(g["old"]) for g in run["groups"]]
            dates = sorted({g["date"] for g in run["groups"]})
            versions = {k: v for g in run["groups"] for k, v in g["versions"].items()}
            rows.append(
                [
                    file["cpu"]["name"], file["isa"], run["bench"], str(run["threads"]),
                    dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}",
                    ", ".join(f"{k} {v}" for k, v in versions.items()),
                    rounds if probed else "no probe", "all" if all(old) else "in part" if any(old) else "",
                ]
            )  # fmt: skip
    head = ["CPU", "ISA", "bench", "threads", "measured", "versions", "rounds kept / thrown away", "old (°)"]  # fmt: skip
    return table(head, rows)


def peaks(all_files: list[Row]) -> str:
    rows = []
    names = {
        "fma_f32": ("float32 multiply-adds, GFLOP/s", 1e9), "read_l1": ("read from L1, GB/s", 1e9), "read_l2": ("from L2", 1e9),
        "read_l3": ("from L3", 1e9), "read_memory": ("from memory", 1e9), "copy_memory": ("copied in memory", 1e9),
    }  # fmt: skip
    for key, (label, unit) in names.items():
        row = [label]
        for file in all_files:
            cells = {}
            for threads, run in runs_of(file, "pyffnn bench").items():
                found = [g["peaks"][key] for g in run["groups"] if g["peaks"] and key in g["peaks"]]
                cells[threads] = f"{max(found) / unit:.0f}" if found else ""
            row.append(by_threads(cells))
        rows.append(row)
    return table(["limit, 1 / 2 threads", *map(column, all_files)], rows)


def union(all_files: list[Row], bench: str, names: Callable[[Row], list[str]]) -> list[str]:
    """Names in the order of the run that has most of them; others follow."""
    lists = [names(run) for file in all_files for run in runs_of(file, bench).values()]
    lists.sort(key=len, reverse=True)
    return list(dict.fromkeys(name for each in lists for name in each))


def group_names(all_files: list[Row], bench: str) -> list[str]:
    return union(all_files, bench, lambda run: [g["group"] for g in run["groups"]])


def with_bench(all_files: list[Row], bench: str) -> list[Row]:
    return [file for file in all_files if runs_of(file, bench)]


def wanted(want: Row) -> str:
    parts = []
    if want["geometric_mean"] is not None:
        parts.append(f"mean {want['geometric_mean']}")
    if want["every"] is not None:
        parts.append(f"each {want['every']}")
    if want["every_large"] is not None:
        parts.append(f"large {want['every_large']}")
    if want["peak_share"] is not None:
        parts.append(f"{want['peak_share']:.0%} of the peak")
    return ", ".join(parts)


def bench_groups(all_files: list[Row]) -> str:
    """The groups of `pyffnn bench`: geometric means, and what was missed."""
    bench, rows, missed = "pyffnn bench", [], []
    for name in group_names(all_files, bench):
        row, want, against, cells = [name], "", "", []
        for file in all_files:
            values = {}
            for threads, run in runs_of(file, bench).items():
                group = find(run, name)
                values[threads] = ""
                if group is None or not (verdict := group["verdict"]):
                    continue
                # the wants of the newest figures
                if not want or not group["old"]:
                    want, against = wanted(verdict["want"]), verdict["against"]
                if (mean := mean_of(group)) is None:
                    continue
                bad = verdict["verdict"].startswith("missed")
                values[threads] = f"{mean:.2f}{' missed' if bad else ''}{mark(group)}"
                if bad:
                    words = verdict["verdict"].removeprefix("missed: ")
                    line = f"- {name}, {column(file)}, {threads} {'thread' if threads == 1 else 'threads'}{mark(group)}: {words}"
                    missed.append(line)
            cells.append(by_threads(values))
        rows.append([*row, against, want, *cells])
    head = ["group", "against", "want", *(f"{column(f)}, 1 / 2 threads" for f in all_files)]
    return table(head, rows) + "\n\nWhat the missed rows miss:\n\n" + "\n".join(missed)


def time_of(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def case_cell(found: dict[int, tuple[Row, Row] | None]) -> str:
    """Time (share of a limit), then the ratio to each peer; 1 / 2 threads."""
    rows = {threads: pair[1] for threads, pair in found.items() if pair}
    if not rows:
        return NOTHING
    text = []
    ours = {t: r["seconds"].get("pyffnn") for t, r in rows.items()}
    if any(ours.values()):
        text.append(by_threads({t: time_of(s) if s else "" for t, s in ours.items()}))
        share = next(iter(rows.values())).get("share_of_fma_peak")
        if share and share >= 0.005:
            text[-1] += f" ({share:.0%} of FMA)"
    for peer in dict.fromkeys(peer for r in rows.values() for peer in r["ratios"]):
        values = {
            t: f"{rows[t]['ratios'][peer]:.2f}" if t in rows and peer in rows[t]["ratios"] else ""
            for t in found
        }
        text.append(f"{peer} {by_threads(values)}")
    if any(r.get("calm") is False for r in rows.values()):
        text.append("noisy")
    old = any(pair and pair[0]["old"] for pair in found.values())
    return ", ".join(text) + ("°" if old else "")


def cases(all_files: list[Row], bench: str) -> str:
    """Every case of a bench, a column a CPU."""
    some, rows = with_bench(all_files, bench), []
    for name in group_names(some, bench):
        seen = union(
            some, bench, lambda run, name=name: [c["case"] for c in (find(run, name) or {"cases": []})["cases"]]
        )  # fmt: skip
        for case in seen:
            cells = []
            for file in some:
                found: dict[int, tuple[Row, Row] | None] = {}
                for threads, run in runs_of(file, bench).items():
                    group = find(run, name)
                    match = [c for c in group["cases"] if c["case"] == case] if group else []
                    found[threads] = (group, match[0]) if group and match else None
                cells.append(case_cell(found))
            rows.append([name, case, *cells])
    return table(["group", "case", *map(column, some)], rows)


def growth_cell(group: dict[int, Row | None], value: int) -> str:
    """Time a unit at 1 / 2 threads, the slope from the point before, memory, and where the weights lie; of the fewest threads."""
    times, found = {}, None
    for threads, each in group.items():
        rows = sorted(each["cases"], key=lambda c: c["value"]) if each else []
        at = next((i for i, row in enumerate(rows) if row["value"] == value), None)
        times[threads] = "" if at is None else time_of(rows[at]["seconds"]["pyffnn"])
        if at is not None and found is None:
            found = (each, rows[at], rows[at - 1] if at else None)
    if found is None:
        return NOTHING
    each, row, before = found
    text = by_threads(times)
    if before is not None:
        grown = math.log(row["seconds"]["pyffnn"] / before["seconds"]["pyffnn"])
        text += f", slope {grown / math.log(value / before['value']):.2f}"
    text += f", {max(row['bytes'], 0) / 2**20:.3g} MB, weights {row['weights'] / 2**20:.3g} MB: {row['lies_in']}"
    return text + ("" if row["calm"] else ", noisy") + mark(each)


def growth(all_files: list[Row]) -> str:
    """A table an axis, a column a CPU."""
    some, tables = with_bench(all_files, "growth"), []
    for name in group_names(some, "growth"):
        columns = [{t: find(run, name) for t, run in runs_of(f, "growth").items()} for f in some]
        rows = [row for c in columns for group in c.values() if group for row in group["cases"]]
        values = sorted({row["value"] for row in rows})
        unit = rows[0]["unit"]
        body = [[f"{value:,}", *(growth_cell(c, value) for c in columns)] for value in values]
        tables.append(table([name, *(f"{column(f)}: time a {unit}, 1 / 2 threads" for f in some)], body))  # fmt: skip
    return "\n\n".join(tables)


# The README's rows: what, against whom, and (bench, group, case or None for the group's mean) of each figure.
FIGURES: list[tuple[str, str, tuple[str, str, str | None]]] = [
    ("text classifier with bigrams, file to model, AG News", "fastText", ("bench_text", "file to model against fastText", "AGNews")),
    ("the same, IMDB", "fastText", ("bench_text", "file to model against fastText", "IMDB")),
    ("text classifier, dim 100, hidden layer of 64, at equal accuracy", "PyTorch", ("bench_text", "EmbeddingBag network against PyTorch", "AGNews, training")),
    ("language-model step, 10,000 words, SGD", "PyTorch", ("bench_lm", "language-model step against PyTorch eager", "base, SGD, float32")),
    ("language model's default recipe on Brown, a step", "PyTorch", ("bench_lm_recipe", "default recipe's step against PyTorch", None)),
    ("matrix products of 16 shapes, tiny to large (mean)", "best of NumPy, SciPy, PyTorch", ("pyffnn bench", "gemm f32", None)),
    *((f"{name} (mean of four shapes)", "PyTorch", ("pyffnn bench", name, None)) for name in ("sigmoid", "tanh", "relu", "softmax")),
    ("Adam steps of a dense network, 100-100-10", "scikit-learn", ("pyffnn bench", "dense network, Adam (sklearn)", "100-100-10, batch 200, 20 steps")),
    ("the same, 784-512-512-10", "scikit-learn", ("pyffnn bench", "dense network, Adam (sklearn)", "784-512-512-10, batch 128, 4 steps")),
]  # fmt: skip


def best_isa(all_files: list[Row]) -> list[Row]:
    """The file of each CPU kind's widest instruction set, which it runs unless told otherwise."""
    found: dict[str, Row] = {}
    for file in sorted(all_files, key=lambda f: ISAS.index(f["isa"])):
        found[file["cpu"]["kind"]] = file
    return list(found.values())


def ratio_of(
    file: Row, threads: int, bench: str, group: str, case: str | None
) -> tuple[float, str] | None:
    """A ratio, and the CPU that it was measured on."""
    found = find(runs_of(file, bench).get(threads), group)
    if found is None:
        return None
    ratio = mean_of(found)
    if case is not None:
        ratio = next((c["ratio"] for c in found["cases"] if c["case"] == case), None)
    return None if ratio is None else (ratio, f"{short(file)}{mark(found)}")


def readme(all_files: list[Row]) -> str:
    rows = []
    for label, against, place in FIGURES:
        cells = []
        for threads in (1, 2):
            each = [ratio_of(file, threads, *place) for file in best_isa(all_files)]
            found = sorted(x for x in each if x)
            cells += [f"{r:.2f} ({where})" for r, where in (found[0], found[-1])] if found else ["", ""]  # fmt: skip
        if any(cells):
            rows.append([label, against, *cells])
    head = ["", "against", "times faster, 1 thread: worst CPU", "best CPU", "2 threads: worst CPU", "best CPU"]  # fmt: skip
    return table(head, rows)


def old_columns(all_files: list[Row]) -> str:
    """One sentence a file whose figures are old."""
    lines = []
    for file in all_files:
        reasons = list(dict.fromkeys(g["old"] for g in groups_of(file) if g["old"]))
        if reasons:
            whole = all(g["old"] for g in groups_of(file))
            lines.append(
                f"- {column(file)}: {'all' if whole else 'in part'} old ({'; '.join(reasons)})."
            )
        else:
            lines.append(f"- {column(file)}: of this version.")
    return "\n".join(lines)


def parts(all_files: list[Row]) -> dict[str, Callable[[], str]]:
    """What can stand between markers, by name."""
    made: dict[str, Callable[[], str]] = {
        "machines": lambda: machines(all_files),
        "columns": lambda: old_columns(all_files),
        "peaks": lambda: peaks(with_bench(all_files, "pyffnn bench")),
        "groups": lambda: bench_groups(with_bench(all_files, "pyffnn bench")),
        "figures": lambda: readme(all_files),
    }
    for bench in {run["bench"] for file in all_files for run in file["runs"]}:
        made[f"cases {bench}"] = lambda bench=bench: cases(all_files, bench)
    made["cases growth"] = lambda: growth(all_files)
    return made


def filled(text: str, made: dict[str, Callable[[], str]]) -> str:
    """`text` with its generated parts made anew. Raises KeyError for a part that there is not."""

    def part(match: re.Match[str]) -> str:
        return f"<!-- begin {match[1]} -->\n{made[match[1]]()}\n<!-- end {match[1]} -->"

    return re.sub(r"<!-- begin ([^>]+) -->\n.*?<!-- end \1 -->", part, text, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    made = parts(files(HERE / "results"))
    stale = []
    for path in (HERE / "RESULTS.md", HERE / "GROWTH.md", HERE.parent / "README.md"):
        text = path.read_text(encoding="utf-8")
        new = filled(text, made)
        if new != text:
            stale.append(path.name)
            if not args.check:
                path.write_text(new, encoding="utf-8")
    if args.check and stale:
        sys.exit(f"not what the files in benches/results say: {', '.join(stale)}")


if __name__ == "__main__":
    main()
