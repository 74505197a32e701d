"""Fingerprints of trained networks: what test_golden.py compares with.

``PYTHONPATH=tests python -m golden.make [text ...]`` computes the cases whose names hold one of the texts (all without), says which of
them differ from fingerprints.json, and writes them there. To be run when bits change on purpose, which docs/decisions.md then explains.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from golden import model_cases, network_cases, window_cases

FILE = Path(__file__).with_name("fingerprints.json")

Fingerprint = dict[str, Any]


def names() -> list[str]:
    """Of all cases; those of the compiled networks end in their dtype."""
    networks = [*network_cases.cases(), *window_cases.cases()]
    return [f"{name} {dtype}" for name in networks for dtype in ("float32", "float64")] + [
        *model_cases.cases()
    ]


def marks(name: str) -> dict[str, bool]:
    """What else than arithmetic the result of a case hangs on."""
    case = _find(name)[0]
    keys, starts = case.keys, getattr(case, "initialiser", True)
    return {mark: True for mark, on in (("keys", keys), ("initialiser", starts)) if on}


def threads(name: str) -> int:
    """Threads that the case is large enough for; 0: one is as good as any number."""
    return int(_find(name)[0].n_threads)


def needs(name: str) -> str | None:
    return getattr(_find(name)[0], "needs", None)


def fingerprint(name: str, n_threads: int = 0) -> Fingerprint:
    """Digests of each weight, of all states, and of each output; numbers as they are."""
    case, dtype = _find(name)
    if dtype is None:
        with tempfile.TemporaryDirectory() as folder:
            result = model_cases.run(case, Path(folder))
    else:
        run = network_cases.run if isinstance(case, network_cases.Case) else window_cases.run
        result = run(case, dtype, n_threads)
    weights, states = result["weights"], result.get("states", {})
    digits = 15 if dtype == "float64" else 7
    return {
        "weights": {name: digest(weights[name]) for name in sorted(weights)},
        "states": digest(*(states[name] for name in sorted(states))),
        "outputs": {name: digest(a) for name, a in result["outputs"].items()},
        "numbers": [float(f"{x:.{digits}g}") for x in result["numbers"]],
        **marks(name),
    }


def digest(*arrays: Any) -> str:
    """Of the bytes of arrays in C order; their shapes do not count."""
    sha = hashlib.sha256()
    for a in arrays:
        sha.update(np.ascontiguousarray(a).tobytes())
    return sha.hexdigest()[:16]


def read() -> dict[str, Fingerprint]:
    if not FILE.exists():
        return {}
    known: dict[str, Fingerprint] = json.loads(FILE.read_text())
    return known


def _find(name: str) -> tuple[Any, str | None]:
    if name in _MODELS:
        return _MODELS[name], None
    short, _, dtype = name.rpartition(" ")
    return _NETWORKS[short], dtype


_MODELS = model_cases.cases()
_NETWORKS: dict[str, Any] = {**network_cases.cases(), **window_cases.cases()}


def main(wanted: list[str]) -> None:
    known, every = read(), names()
    for name in every:
        if not wanted or any(text in name for text in wanted):
            new = fingerprint(name)
            if known.get(name) != new:
                print(("changed: " if name in known else "new: ") + name)
            known[name] = new
    lines = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in every if name in known]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
