"""Code run in a fresh interpreter: what happens at import is tested there."""

from __future__ import annotations

import os
import subprocess
import sys

OWN = (
    "PYFFNN_ISA",
    "PYFFNN_PRECISION",
    "PYFFNN_NUM_THREADS",
    "OMP_NUM_THREADS",
    "PYFFNN_KEPT_MEMORY",
)


def run_python(
    code: str, *prefix: str, timeout: float = 120, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`python -c code` with a clean environment (plus `environment`), behind `prefix` if one is given (an emulator)."""
    env = {k: v for k, v in os.environ.items() if k not in OWN}
    return subprocess.run(
        [*prefix, sys.executable, "-c", code],
        env={**env, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def output_of(code: str, **environment: str) -> str:
    """What the code prints, stripped; a failure of it is an assertion with its error."""
    done = run_python(code, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
