"""Timing of several contenders in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]


def calibrate(call: Call, sample: float) -> int:
    """Calls that take about `sample` seconds together (at least 1); the call is warm afterwards."""
    call()
    repeats = 1
    while True:
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        taken = time.perf_counter() - start
        if taken >= sample / 2 or repeats >= 1 << 20:
            return max(1, min(1 << 20, round(repeats * sample / max(taken, 1e-9))))
        repeats *= 4 if taken < sample / 8 else 2


def in_turn(
    calls: Mapping[str, Call], seconds: float, sample: float = 2e-3, settle: float = 0.0
) -> dict[str, list[float]]:
    """Seconds a call of each contender, one entry a round, for about `seconds` (at least 3 rounds, at most 200).

    Each sample follows `settle` seconds of the same calls that do not count: the threads of another library that poll for work keep
    a core busy for milliseconds after its last call.
    """
    repeats = {name: calibrate(call, sample) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    rounds = 0
    while rounds < 3 or (time.perf_counter() < end and rounds < 200):
        # every other round backwards: no one always follows the same neighbour
        order = list(calls) if rounds % 2 == 0 else list(calls)[::-1]
        for name in order:
            call, count = calls[name], repeats[name]
            settled = time.perf_counter() + settle
            while time.perf_counter() < settled:
                call()
            start = time.perf_counter()
            for _ in range(count):
                call()
            times[name].append((time.perf_counter() - start) / count)
        rounds += 1
    return times


def median_ratio(peer: list[float], ours: list[float]) -> float:
    """How many times faster than the peer: the median of the rounds' ratios."""
    return statistics.median(p / o for p, o in zip(peer, ours, strict=True))
