"""One fault in this process, for a debugger: ``PYTHONPATH=tests python -m faults.once CASE N [TIMES]``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from faults import walk
from faults.cases import CASES

if __name__ == "__main__":
    name, n, *times = sys.argv[1:]
    (case,) = (c for c in CASES if c.name == name)
    with tempfile.TemporaryDirectory() as folder:
        case.prepare(Path(folder))
        x = case.make(Path(folder))
        raised, result = walk.armed(case, x, int(n), int(*times or [1]))
        print("MemoryError" if raised else result)
