"""What the scripts in benches/ share: their options, contenders in turn under the probe, a line a case, and the file of results."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pyffnn.bench import peers, results
from pyffnn.bench.probe import Watch
from pyffnn.bench.run import SETTLE, machine
from pyffnn.bench.timing import Call, in_turn

Contenders = Callable[[], Mapping[str, Call]]


def parser(doc: str | None, seconds: float = 3.0) -> argparse.ArgumentParser:
    """The options that every script has: --threads, --seconds, --only, --json."""
    made = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    made.add_argument("--seconds", type=float, default=seconds, help="time a case")
    made.add_argument("--only", help="the cases whose group or name holds this")
    made.add_argument("--json", type=Path, help="a file of results, or the directory of them (benches/results)")  # fmt: skip
    return made


class Session:
    """One bench at one number of threads: every library is pinned to it, groups are timed, reported and written as they are done."""

    def __init__(self, bench: str, threads: int, args: argparse.Namespace) -> None:
        self.bench, self.threads, self.args = bench, threads, args
        self.watch = Watch()
        if args.json is not None:
            results.opened(results.target(args.json))
        where = machine()
        versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
        print(f"{where['kind']}, {where['isa']}, {threads} threads; {versions}", flush=True)

    def wanted(self, group: str, case: str) -> bool:
        return self.args.only is None or self.args.only in group or self.args.only in case

    def time(
        self, case: str, contenders: Contenders, per: float = 1, flops: float = 0, **given: Any
    ) -> results.Row:
        """A row of the contenders, "pyffnn" among them, each of whose calls does `per` units of work of `flops`: seconds are those of one.

        `given` goes into the row but for what `in_turn` takes.
        """
        options = {key: given.pop(key) for key in ("sample", "settle", "back", "kin") if key in given}  # fmt: skip
        options.setdefault("settle", 0.0 if self.threads == 1 else SETTLE)
        with peers.pinned(self.threads):
            rounds = in_turn(
                contenders(), self.args.seconds, threads=self.threads, watch=self.watch, **options
            )
        row = results.row_of(case, rounds, **given)
        for key in ("seconds", "best_seconds"):
            row[key] = {name: value / per for name, value in row[key].items()}
        row["ratio"] = min(row["ratios"].values(), default=None)
        if flops:
            row["gflops"] = flops / row["seconds"]["pyffnn"] / 1e9
        return row

    def report(self, row: results.Row) -> None:
        seconds = "  ".join(f"{name} {value * 1e3:.4g} ms" for name, value in row["seconds"].items())  # fmt: skip
        ratios = "  ".join(f"{name} {ratio:.2f}x" for name, ratio in row["ratios"].items())
        rounds = f"{row['kept']} of {row['kept'] + row['thrown_away']} rounds"
        noisy = "" if row["calm"] else ", NOISY"
        print(f"{row['case']:44} {seconds}   {ratios}   ({rounds}{noisy})", flush=True)

    def group(self, name: str, cases: Mapping[str, Contenders], **given: Any) -> list[results.Row]:
        """Times the cases that --only asks for, and writes them; the rows."""
        rows = []
        for case, contenders in cases.items():
            if self.wanted(name, case):
                row = self.time(case, contenders, **given)
                self.report(row)
                rows.append(row)
        self.write(name, rows)
        return rows

    def write(self, name: str, rows: list[results.Row]) -> None:
        """Puts a group into the file of --json, where there is one; with --only, its other cases stay there."""
        if self.args.json is None or not rows:
            return
        given = command_of(sys.argv)
        made = results.group_of(name, rows, command=given, watch=self.watch, threads=self.threads)
        partial = self.args.only is not None
        results.write(self.args.json, self.bench, self.threads, [made], partial=partial)


def command_of(argv: list[str]) -> str:
    """How a bench was called, without where things are on this machine: a folder is DIR, a file its name."""

    def shown(given: str) -> str:
        path = Path(given)
        return given if not path.is_absolute() else "DIR" if path.is_dir() else path.name

    return " ".join(["python", f"benches/{Path(argv[0]).name}", *map(shown, argv[1:])])


def sessions(bench: str, args: argparse.Namespace) -> list[Session]:
    """One a number of threads of --threads."""
    return [Session(bench, threads, args) for threads in args.threads]
