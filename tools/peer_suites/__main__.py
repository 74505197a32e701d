"""Peers' own tests, from their wheels, run against this library: ``python tools/peer_suites [NAME ...]``.

For each suite: how many of its tests passed, of how many, and each exclusion with its reason. A suite whose host is not installed says so.
Exit code 1 where a test failed, or where an exclusion names no test any more.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1]
sys.path[0] = str(TOOLS)  # not this folder: its modules are named after their hosts

from peer_suites.suite import NAMES, Suite, suite  # noqa: E402


def run(name: str, this: Suite, extra: list[str]) -> bool:
    files = []
    for module in this.modules:
        spec = importlib.util.find_spec(module)
        assert spec is not None and spec.origin is not None, module
        files.append(spec.origin)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "result.json")
        environment = {
            **os.environ,
            "PEER_SUITE": name,
            "PEER_SUITE_RESULT": str(result),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(TOOLS), os.environ.get("PYTHONPATH")])),
        }
        # ruff's S603 does not apply: the command is made of our own names
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "peer_suites.plugin",
                "-p",
                "no:cacheprovider",
                "-c",
                os.devnull,
                "--rootdir",
                folder,
                "-q",
                "--no-header",
                "--tb=short",
                "-W",
                "ignore",
                *extra,
                *files,
            ],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        if not result.exists():
            print(f"{name}: did not run\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
            return False
        found = json.loads(result.read_text())
    total = found["passed"] + found["failed"]
    print(
        f"{name}: {found['passed']} / {total} passed, {sum(found['excluded'].values())} excluded, {found['skipped']} skipped by the peer"
    )
    good = found["failed"] == 0 and found["passed"] > 0
    for pattern, count in found["excluded"].items():
        print(f"  excluded: {pattern} ({count}): {this.excluded[pattern]}")
        if count == 0 and not extra:
            print("  names no test")
            good = False
    if found["failed"] or not total:
        print(done.stdout[-8000:])
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none: all"
    )
    parser.add_argument("-k", help="only tests that match, as pytest takes it")
    given = parser.parse_args()
    good = True
    for name in given.names or NAMES:
        if name not in NAMES:
            parser.error(f"there is no suite {name!r}: {', '.join(NAMES)}")
        try:
            this = suite(name)
        except ImportError as error:
            print(f"{name}: not run, its host is missing ({error})")
            continue
        if importlib.util.find_spec(this.host) is None:
            print(f"{name}: not run, {this.host} is not installed")
            continue
        good = run(name, this, ["-k", given.k] if given.k else []) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
