"""Results as files: one JSON file a kind of CPU and an instruction set, whatever bench they come from.

``{"schema": 1, "cpu": {"kind", "name", "model_name"}, "isa", "runs": [...]}``. A run is what one bench says at one number of threads:
``{"bench", "threads", "groups": [...]}``. A group is measured and renewed as a whole:

=================  ==================================================================================================
``group``          its name
``command``        what made it
``date``           the day, as 2026-11-26
``old``            null, or why these figures no longer speak of this version
``versions``       of pyffnn and of the peers
``peaks``          limits of the machine in the same run (`pyffnn.bench.peaks.Peaks`), null where they were not measured
``probe``          ``kept`` and ``thrown_away`` rounds, ``noisy`` cases (too few kept), ``adds_per_cycle`` and ``clock_ghz`` at best;
                   null for figures older than the probe
``verdict``        against whom, what is wanted, and whether that was reached; null where nothing is wanted
``cases``          rows: ``case``, and what the bench measured (``seconds`` and ``ratios`` by name, ``kept``, ``thrown_away``)
=================  ==================================================================================================
"""

from __future__ import annotations

import datetime
import json
import os
from pathlib import Path
from typing import Any

import pyffnn
from pyffnn.bench import cpu, peers
from pyffnn.bench.probe import Watch
from pyffnn.bench.timing import Rounds

SCHEMA = 1
Row = dict[str, Any]


def rounded(value: Any) -> Any:
    """With five digits, which is more than a timing is worth; nothing else changes."""
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return value


def row_of(case: str, rounds: Rounds, ours: str = "pyffnn", **more: Any) -> Row:
    """A case's figures: seconds and ratios by contender, and how many rounds stand behind them."""
    others = [name for name in rounds.seconds if name != ours]
    return {
        "case": case,
        "seconds": {name: rounds.median(name) for name in rounds.seconds},
        "best_seconds": {name: min(taken) for name, taken in rounds.seconds.items()},
        "ratios": {name: rounds.ratio(name, ours) for name in others},
        "kept": rounds.kept,
        "thrown_away": rounds.thrown_away,
        "calm": rounds.calm,
        **more,
    }


def rounds_of(rows: list[Row]) -> Row:
    """The rounds behind all rows together."""
    timed = [row for row in rows if "kept" in row]
    return {
        "kept": sum(row["kept"] for row in timed),
        "thrown_away": sum(row["thrown_away"] for row in timed),
        "noisy": sum(not row["calm"] for row in timed),
    }


def probe_of(rows: list[Row], watch: Watch, threads: int) -> Row:
    """What the probe said of a group's rounds together."""
    best = watch.best(threads)
    return {**rounds_of(rows), "adds_per_cycle": best.adds, "clock_ghz": best.clock}


def group_of(
    name: str,
    rows: list[Row],
    *,
    command: str,
    watch: Watch,
    threads: int,
    peaks: Row | None = None,
    verdict: Row | None = None,
) -> Row:
    """A group as it stands in a file, measured now."""
    return {
        "group": name,
        "command": command,
        "date": datetime.date.today().isoformat(),
        "old": None,
        "versions": {"pyffnn": pyffnn.__version__, **peers.versions()},
        "peaks": peaks,
        "probe": probe_of(rows, watch, threads),
        "verdict": verdict,
        "cases": rows,
    }


def empty() -> Row:
    """A file of this machine without a run."""
    kind, name = cpu.kind()
    model = pyffnn.config()["cpu"]
    return {
        "schema": SCHEMA,
        "cpu": {"kind": kind, "name": name, "model_name": model},
        "isa": pyffnn.isa(),
        "runs": [],
    }


def file_name(content: Row) -> str:
    """``zen1-avx2.json``"""
    return f"{content['cpu']['kind']}-{content['isa']}.json"


def read(path: str | Path) -> Row:
    """The content of a file. Raises ValueError, naming the file, where it is not one of results."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no file of results: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA or "runs" not in content:
        raise ValueError(f"{path} is no file of results (schema {SCHEMA})")
    return content


def with_cases_of(group: Row, before: Row) -> Row:
    """`group`, measured in part, with the cases of the one before it that it has not; those of old figures go."""
    if before["old"] or not before["probe"]:
        return group
    cases = {row["case"]: row for row in (*before["cases"], *group["cases"])}
    rows = list(cases.values())
    return {**group, "cases": rows, "probe": {**group["probe"], **rounds_of(rows)}}


def merge(
    content: Row, bench: str, threads: int, groups: list[Row], *, partial: bool = False
) -> None:
    """Puts groups into the run of `bench` at `threads` threads; those of the same name are replaced, where they stand.

    With `partial` the cases of a group that are not measured now stay.
    """
    runs: list[Row] = content["runs"]
    run = next((r for r in runs if (r["bench"], r["threads"]) == (bench, threads)), None)
    if run is None:
        run = {"bench": bench, "threads": threads, "groups": []}
        runs.append(run)
        runs.sort(key=lambda r: (r["bench"], r["threads"]))
    for group in groups:
        at = [i for i, old in enumerate(run["groups"]) if old["group"] == group["group"]]
        if at:
            before = run["groups"][at[0]]
            run["groups"][at[0]] = with_cases_of(group, before) if partial else group
        else:
            run["groups"].append(group)


def _text(value: Any, margin: str) -> str:
    inner = margin + " "
    nest = {"runs", "groups", "cases"} & value.keys() if isinstance(value, dict) else set()
    if nest:
        (key,) = nest
        head = ", ".join(f"{json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items() if k != key)  # fmt: skip
        if not value[key]:
            return f"{{{head}, {json.dumps(key)}: []}}"
        below = ",\n".join(inner + _text(item, inner) for item in value[key])
        return f"{{{head}, {json.dumps(key)}: [\n{below}\n{margin}]}}"
    return json.dumps(value, ensure_ascii=False)


def text_of(content: Row) -> str:
    """JSON with a line a case, so that a difference between two files can be read."""
    return _text(rounded(content), "") + "\n"


def target(path: str | Path) -> Path:
    """Where results of this machine go: `path` itself, or its own file in that directory."""
    path = Path(path)
    return path / file_name(empty()) if path.is_dir() else path


def opened(path: Path) -> Row:
    """What a file of this machine's results holds, or an empty one.

    Raises ValueError for a file of anything else, and for one of another CPU or instruction set: its figures and these are not one column.
    """
    content = empty()
    if not path.exists() or not path.stat().st_size:
        return content
    before = read(path)
    if file_name(before) != file_name(content):
        raise ValueError(
            f"{path} holds results of {before['cpu']['name']}, {before['isa']}; this is {content['cpu']['name']}, {content['isa']}"
        )
    return before


def write(
    path: str | Path, bench: str, threads: int, groups: list[Row], *, partial: bool = False
) -> Path:
    """Adds groups to a file of results, that of this machine where `path` is a directory, and returns it. Raises as `opened`.

    A file that is there keeps what it has of other benches, threads and groups. It is replaced as a whole.
    """
    path = target(path)
    content = opened(path)
    merge(content, bench, threads, groups, partial=partial)
    beside = path.with_name(path.name + ".new")
    beside.write_text(text_of(content), encoding="utf-8")
    os.replace(beside, path)
    return path
