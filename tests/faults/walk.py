"""An allocation fails in the middle of a call, the first, the second, ...: MemoryError, nothing has changed, and the next call works.

Each number has a process of its own. It is forked from one that has never made the call, for what an earlier call keeps need not be
allocated again; and a crash or a hang is told by its number.
"""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyffnn import _pyffnn

HANG = 60  # seconds
FOR_EVER = 1 << 60


def _nothing(folder: Path) -> None: ...


@dataclass(frozen=True)
class Case:
    """A call to walk through. ``x`` below is what ``make`` gives, anew in each process.

    Attributes
    ----------
    make
        ``make(folder)``: the objects of the call.
    call
        ``call(x)``: the call, and its result.
    look
        ``look(x)``: all that the call may change, as far as a user can see it.
    prepare
        ``prepare(folder)``: writes the files that ``make`` reads, in a process of its own.
    restore
        ``restore(x)``: brings back the state before the call, where a failing call does not keep it; None: it does.
    """

    name: str
    make: Callable[[Path], Any]
    call: Callable[[Any], Any]
    look: Callable[[Any], Any]
    prepare: Callable[[Path], None] = _nothing
    restore: Callable[[Any], None] | None = None


def bits(value: Any) -> str:
    """A fingerprint of arrays, numbers, texts, bytes, and containers of them."""
    digest = hashlib.sha256()

    def take(v: Any) -> None:
        if isinstance(v, np.ndarray):
            digest.update(f"{v.dtype}{v.shape}".encode())
            digest.update(pickle.dumps(v.tolist()) if v.dtype == object else v.tobytes())
        elif isinstance(v, dict):
            for key in sorted(v):
                take(key)
                take(v[key])
        elif isinstance(v, list | tuple):
            digest.update(b"[")
            for item in v:
                take(item)
            digest.update(b"]")
        else:
            assert v is None or isinstance(v, bytes | str | int | float | np.generic), type(v)
            digest.update(repr(v).encode())

    take(value)
    return digest.hexdigest()


@dataclass
class Walk:
    """What came of it."""

    allocations: int = 0  # of the undisturbed call
    tried: list[int] = field(default_factory=list)
    raised: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class _Expected:
    before: str
    result: str
    after: str
    allocations: int


def walk(case: Case, seconds: float) -> Walk:
    """Walk through a call; after so many seconds what has been tried is enough."""
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _in_child(lambda: case.prepare(folder))
        before = _in_child(lambda: bits(case.look(case.make(folder))))
        expected = _Expected(before, *_in_child(lambda: _undisturbed(case, folder)))
        done = Walk(expected.allocations)
        for n in numbers(expected.allocations):
            # Alone, and with all that would come after it: memory that is short stays short while errors are handled.
            for times in (1, FOR_EVER):
                try:
                    done.raised += _in_child(
                        lambda n=n, times=times: _disturbed(case, folder, expected, n, times)
                    )
                except _ChildError as error:
                    done.problems.append(
                        f"allocation {n}{'' if times == 1 else ' and all after it'}: {error}"
                    )
            done.tried.append(n)
            if time.monotonic() > end or len(done.problems) > 5:
                break
        try:
            _in_child(lambda: _again_and_again(case, folder, expected))
        except _ChildError as error:
            done.problems.append(f"one after the other in one process: {error}")
    return done


def numbers(most: int, head: int = 300) -> Iterator[int]:
    """Numbers from 1 to ``most``: those in growing steps behind the head first, then all of the head, its ends before its middle."""
    n = head + 1
    while n <= most:
        yield n
        n += max(1, n // 20)
    first = range(1, min(most, head) + 1)
    # Strides that fall: when the time is up, what has been tried lies all over the head.
    seen = set()
    for stride in (16, 4, 1):
        for n in first[::stride]:
            if n not in seen:
                seen.add(n)
                yield n


def _undisturbed(case: Case, folder: Path) -> tuple[str, str, int]:
    """Of the call that nothing disturbs: its result, the state after it, its allocations."""
    x = case.make(folder)
    _pyffnn._arm_faults(0)
    result = case.call(x)
    allocations = _pyffnn._faults_passed()
    return bits(result), bits(case.look(x)), allocations


def armed(case: Case, x: Any, n: int, times: int) -> tuple[bool, Any]:
    _pyffnn._arm_faults(n, times)
    try:
        result = case.call(x)
    except MemoryError:
        return True, None
    finally:
        _pyffnn._arm_faults(0)
    return False, result


def _disturbed(case: Case, folder: Path, expected: _Expected, n: int, times: int) -> bool:
    x = case.make(folder)
    raised, result = armed(case, x, n, times)

    def afterwards() -> None:
        nonlocal result
        if raised:
            if case.restore is not None:
                case.restore(x)
            assert bits(case.look(x)) == expected.before, "the state is another"
            result = case.call(x)
        # A fault that raised nothing was of something that can be done without.
        assert bits(result) == expected.result, "the next result is another"
        assert bits(case.look(x)) == expected.after, "the state after it is another"

    # A lock that the call has left behind is felt by other threads.
    _on_a_thread(afterwards)
    return raised


def _again_and_again(case: Case, folder: Path, expected: _Expected) -> None:
    """Failures on one object, until the call goes through: nothing piles up."""
    x = case.make(folder)
    case.look(x)
    gc.collect()
    before = _pyffnn.scratch_bytes()[0]
    n, raised, step = 1, True, 1 + expected.allocations // 200
    while raised:
        raised, _ = armed(case, x, n, 1)
        if raised and case.restore is not None:
            case.restore(x)
        elif raised and n % 50 == 1:
            assert bits(case.look(x)) == expected.before, n
        n += step
        if n > 2 * expected.allocations + 100:
            raise AssertionError("the call never goes through")
    assert bits(case.look(x)) == expected.after, "the state after it is another"
    gc.collect()
    taken = _pyffnn.scratch_bytes()[0] - before
    y = case.make(folder)
    case.look(y)
    gc.collect()
    before = _pyffnn.scratch_bytes()[0]
    case.call(y)
    case.look(y)
    gc.collect()
    ordinary = _pyffnn.scratch_bytes()[0] - before
    # Memory that threads keep for themselves is within the room; what a failure leaks would come a hundred times.
    assert taken <= ordinary + (16 << 20), f"{taken} bytes are kept, {ordinary} by one call"


def _on_a_thread(f: Callable[[], None]) -> None:
    errors = []

    def run() -> None:
        try:
            f()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for error in errors:
        raise error


class _ChildError(Exception):
    pass


def _in_child(f: Callable[[], Any]) -> Any:
    """The result of f in a forked process; _ChildError says how that ended otherwise."""
    read, write = os.pipe()
    with tempfile.TemporaryFile() as said:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            os.dup2(said.fileno(), 2)
            faulthandler.enable(said)
            faulthandler.dump_traceback_later(HANG, exit=True, file=said)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(HANG + 5)
            status = 1
            try:
                answer = pickle.dumps(f())
                status = 0
            except BaseException:
                answer = pickle.dumps(traceback.format_exc())
            with os.fdopen(write, "wb") as out:
                out.write(answer)
            os._exit(status)
        os.close(write)
        with os.fdopen(read, "rb") as source:
            answer = source.read()
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status == 0:
            return pickle.loads(answer)
        said.seek(0)
        tail = said.read().decode(errors="replace")[:900]
    text = pickle.loads(answer) if answer else ""
    if status < 0:
        text = f"{signal.Signals(-status).name} {text}"
    raise _ChildError(f"{text}\n{tail}".strip())
