"""Locks that a forked child finds open, whoever held them in its parent."""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Any

__all__ = ["SharedLock"]


class SharedLock:
    """Any number of readers, or one writer; a thread that reads may read again.

    Readers wait for a writer that waits, so that a stream of readers does not keep it out.
    """

    def __init__(self) -> None:
        _locks.add(self)
        self.reset()

    def reset(self) -> None:
        """Open, as it was made: a forked child's other threads are gone, and what they held with them."""
        self._condition = threading.Condition(threading.Lock())
        self._readers: dict[int, int] = {}
        self._writer: int | None = None
        self._waiting = 0

    def acquire_read(self) -> None:
        me = threading.get_ident()
        with self._condition:
            if me not in self._readers and self._writer != me:
                while self._writer is not None or self._waiting:
                    self._condition.wait()
            self._readers[me] = self._readers.get(me, 0) + 1

    def release_read(self) -> None:
        me = threading.get_ident()
        with self._condition:
            held = self._readers.get(me, 0)  # 0 in the child of a fork that took place meanwhile
            if held > 1:
                self._readers[me] = held - 1
            elif held:
                del self._readers[me]
                if self._waiting:
                    self._condition.notify_all()

    def acquire_write(self) -> None:
        me = threading.get_ident()
        with self._condition:
            if self._writer == me:
                raise RuntimeError("a model cannot be trained from inside its own training")
            self._waiting += 1
            try:
                while self._writer is not None or any(k != me for k in self._readers):
                    self._condition.wait()
                self._writer = me
            finally:
                self._waiting -= 1
                if self._writer != me:
                    self._condition.notify_all()

    def release_write(self) -> None:
        with self._condition:
            self._writer = None
            self._condition.notify_all()

    @property
    def reading(self) -> Reading:
        return Reading(self)

    @property
    def writing(self) -> Writing:
        return Writing(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return SharedLock, ()


class Reading:
    """``with lock.reading:``"""

    def __init__(self, lock: SharedLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire_read()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release_read()


class Writing:
    """``with lock.writing:``"""

    def __init__(self, lock: SharedLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.acquire_write()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release_write()


_locks: weakref.WeakSet[SharedLock] = weakref.WeakSet()


def _reset_all() -> None:
    for lock in list(_locks):
        lock.reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
