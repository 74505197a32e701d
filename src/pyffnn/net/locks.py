"""A lock that a forked child finds open, whoever held it in its parent."""

from __future__ import annotations

import os
import threading
import weakref

__all__ = ["TurnLock"]


class TurnLock:
    """Holds ``lock``, a context manager: one thread at a time, which may take it again.

    It is given out itself, since an interrupt may come between taking a lock and saying so in Python.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        _locks.add(self)

    def reset(self) -> None:
        """Open, as it was made: a forked child's other threads are gone, and what they held with them."""
        self.lock = threading.RLock()


_locks: weakref.WeakSet[TurnLock] = weakref.WeakSet()


def _reset_all() -> None:
    for lock in list(_locks):
        lock.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
