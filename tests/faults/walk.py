"""An allocation fails in the middle of a call, the first, the second, ...: MemoryError, nothing has changed, and the next call works.

Each number has objects and a thread of its own, for what an earlier call keeps, in the network or for its thread, need not be allocated
again. All are walked through in a forked process, so that a crash or a hang is told by its number, and the next process goes on behind it.

A loop allocates a thousand times in one place, and calls share most of theirs. So the places that no case has met come first, however
long they take: an allocation of each, told apart by the callers above it. The rest of a call's goes as far as the time does.
"""

from __future__ import annotations

import faulthandler
import gc
import hashlib
import mmap
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pyffnn import _pyffnn

HANG = 60
WHOLE = 600  # seconds that are enough for every allocation of a case
ROOM = 1 << 20  # allocations whose places are seen
FOR_EVER = 1 << 60


def _nothing(folder: Path) -> None: ...


@dataclass(frozen=True)
class Case:
    """A call to walk through. ``x`` below is what ``make`` gives, anew for each number.

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

    allocations: int  # of the undisturbed call
    places: int  # that they come from
    new: int  # places that no case before has met
    faults: int  # to try in all
    tried: int = 0
    raised: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass
class _Expected:
    before: str
    result: str
    after: str
    places: list[int]  # of each allocation


def walk(case: Case, seconds: float, met: set[int]) -> Walk:
    """Walk through a call: each place that is not in `met`, which takes them up; then `seconds` of the rest."""
    with (
        tempfile.TemporaryDirectory() as name,
        mmap.mmap(-1, 16) as shared,
        memoryview(shared).cast("q") as place,  # faults begun, errors raised: known after a crash
    ):
        folder = Path(name)
        _in_child(lambda: case.prepare(folder))
        before = _in_child(lambda: bits(case.look(case.make(folder))))
        expected = _Expected(before, *_in_child(lambda: _undisturbed(case, folder)))
        first = {place: n for n, place in reversed([*enumerate(expected.places, 1)])}
        last = {place: n for n, place in enumerate(expected.places, 1)}
        new = [n for place, n in first.items() if place not in met]
        met.update(first)
        order = [*new, *spread(first.values()), *spread(last.values())]
        order += spread(range(1, len(expected.places) + 1))
        # Alone, and with all that would come after it: memory that is short stays short while errors are handled.
        faults = [(n, t) for n in dict.fromkeys(order) for t in (1, FOR_EVER)]
        must = 2 * len(new)
        done = Walk(len(expected.places), len(first), len(new), len(faults))

        def go_on(first: int) -> None:
            end = None
            for i in range(first, len(faults)):
                if i >= must:
                    end = end or time.monotonic() + seconds
                    if time.monotonic() > end:
                        break
                place[0] = i + 1
                faulthandler.dump_traceback_later(HANG, exit=True, file=2)
                signal.alarm(HANG + 5)  # of this fault: all of them together may take longer
                place[1] += _disturbed(case, folder, expected, *faults[i])

        finished = False
        while not finished and len(done.problems) < 5:
            try:
                _in_child(lambda: go_on(place[0]))
                finished = True
            except _ChildError as error:
                n, times = faults[place[0] - 1]
                done.problems.append(
                    f"allocation {n}{'' if times == 1 else ' and all after it'}: {error}"
                )
        try:
            _in_child(
                lambda: _again_and_again(case, folder, expected, time.monotonic() + seconds / 2)
            )
        except _ChildError as error:
            done.problems.append(f"one after the other on one object: {error}")
        done.tried, done.raised = place[0], place[1]
    return done


def spread(numbers: Iterable[int]) -> list[int]:
    """Each once, in strides that fall: when the time is up, what has been tried lies all over them."""
    ordered = sorted(numbers)
    return list(dict.fromkeys(n for stride in (256, 16, 4, 1) for n in ordered[::stride]))


def _undisturbed(case: Case, folder: Path) -> tuple[str, str, list[int]]:
    """Of the call that nothing disturbs: its result, the state after it, the places of its allocations."""
    x = case.make(folder)
    places = np.zeros(ROOM, np.uint64)
    _pyffnn._trace_faults(places)
    _pyffnn._arm_faults(0)  # counts from here on, as for a fault
    result = case.call(x)
    count = _pyffnn._faults_passed()
    _pyffnn._trace_faults(None)
    assert count <= ROOM, count
    return bits(result), bits(case.look(x)), places[:count].tolist()


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
    raised, result = False, None

    def disturbed() -> None:
        nonlocal raised, result
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

    # A lock that the call has left behind is felt by another thread.
    _on_a_thread(disturbed)
    _on_a_thread(afterwards)
    return raised


def _again_and_again(case: Case, folder: Path, expected: _Expected, end: float) -> None:
    """Failures on one object, until the call goes through: nothing piles up."""
    x = case.make(folder)
    case.look(x)
    gc.collect()
    before = _pyffnn.scratch_bytes()[0]
    n, raised = 1, True
    while raised:
        # When the time is up the call is left alone.
        signal.alarm(HANG + 5)
        raised, _ = armed(case, x, n if time.monotonic() < end else 0, 1)
        if raised and case.restore is not None:
            case.restore(x)
        elif raised and n % 50 == 1:
            assert bits(case.look(x)) == expected.before, n
        n += 1
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
