"""Memory that a call needs at its peak (Linux)."""

from __future__ import annotations

from pyffnn.bench.timing import Call


def peak() -> int:
    """Bytes of memory that this process has held at most since `held`."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024


def held() -> int:
    """Bytes that the process holds now; from now on `peak` counts anew."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return peak()


def peak_of(call: Call) -> int:
    """Bytes that `call` needs at its peak beyond what the process holds before it. What earlier calls gave back may serve it unseen."""
    before = held()
    call()
    return peak() - before
