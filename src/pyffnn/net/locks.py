"""A lock that a forked child finds open, whoever held it in its parent."""

from __future__ import annotations

import contextlib
import os
import threading
import weakref

__all__ = ["TurnLock"]


class TurnLock:
    """One thread at a time, which may take it again; a context manager."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        _locks.add(self)

    def reset(self) -> None:
        """Open, as it was made: a forked child's other threads are gone, and what they held with them."""
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(RuntimeError):  # taken before a fork, which opened it
            self._lock.release()


_locks: weakref.WeakSet[TurnLock] = weakref.WeakSet()


def _reset_all() -> None:
    for lock in list(_locks):
        lock.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
