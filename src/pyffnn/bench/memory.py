"""Memory that a call needs at its peak (Linux)."""

from __future__ import annotations

import ctypes

from pyffnn.bench.timing import Call


def peak() -> int:
    """Bytes of memory that this process has held at most since `held`."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) * 1024


def held() -> int:
    """Bytes that the process holds now; from now on `peak` counts anew. What the allocator keeps of earlier calls goes back first (glibc)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # musl has none, and keeps little
        trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return peak()


def peak_of(call: Call) -> int:
    """Bytes that `call` needs at its peak beyond what the process holds before it.

    To be asked in a process of its own: what glibc keeps at the top of a second arena, which threads make, does not
    go back, and a call that is served from there needs nothing.
    """
    before = held()
    call()
    return peak() - before
