"""Timing of several contenders in turn, on a machine that others use too."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyffnn.bench.probe import Stretch, Watch

Call = Callable[[], object]


class Spent(float):
    """What a contender returns that measures itself: the seconds of the part that counts."""


# A round that is thrown away is made up for, within this many times the seconds given.
PATIENCE = 3.0
ENOUGH, MOST = 3, 200
# A first call of so many samples is timed alone however much of it was warming up.
LONG = 50.0


@dataclass(frozen=True)
class Rounds:
    """What was timed: an entry a round that was kept.

    Attributes
    ----------
    seconds
        Seconds a call of each contender.
    kept, thrown_away
        Rounds in which this process had its cores to itself, and those in which it had not.
    calm
        False where fewer than three rounds were kept, so that all stand in `seconds`, disturbed as they are.
    """

    seconds: dict[str, list[float]]
    kept: int
    thrown_away: int
    calm: bool

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, peer: str, ours: str) -> float:
        """How many times faster than the peer: the median of the rounds' ratios."""
        return median_ratio(self.seconds[peer], self.seconds[ours])


def timed(call: Call, count: int) -> float:
    """Seconds of `count` calls together."""
    start = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - start


def own_time(call: Call, count: int) -> float:
    """The same of calls that return `Spent`."""
    return sum(spent for _ in range(count) if isinstance(spent := call(), Spent))


def calibrate(call: Call, sample: float) -> tuple[int, Callable[[Call, int], float]]:
    """Calls that take about `sample` seconds together (at least 1), and how to time them; the call is warm afterwards."""
    start = time.perf_counter()
    clock = own_time if isinstance(call(), Spent) else timed
    if time.perf_counter() - start > LONG * sample:
        return 1, clock
    repeats = 1
    while True:
        taken = clock(call, repeats)
        if taken >= sample / 2 or repeats >= 1 << 20:
            return max(1, min(1 << 20, round(repeats * sample / max(taken, 1e-9)))), clock
        repeats *= 4 if taken < sample / 8 else 2


def in_turn(
    calls: Mapping[str, Call],
    seconds: float,
    sample: float = 2e-3,
    settle: float = 0.0,
    *,
    threads: int = 1,
    watch: Watch | None = None,
    kin: Mapping[str, str] | None = None,
    back: bool = True,
) -> Rounds:
    """Times the contenders for about `seconds`, at least three rounds and at most 200.

    A round goes through the contenders there and back, so that none always follows the same neighbour, and what changes slowly falls on
    all of them alike; the time of each is the mean of its two samples. The caller's core is probed before and after every sample, all
    `threads` cores before and after every round.

    Each sample follows `settle` seconds of the same calls that do not count: the threads of another library that poll for work keep
    a core busy for milliseconds after its last call. `kin` names contenders that use the threads of another one: no need to settle.
    Without `back` every other round goes back: for calls that take seconds.
    """
    watch = Watch() if watch is None else watch
    kin = kin or {}
    repeats = {name: calibrate(call, sample) for name, call in calls.items()}
    for count in {1, threads}:
        watch.best(count)
    there = list(calls)
    rounds: list[tuple[dict[str, float], Stretch]] = []
    begin = time.perf_counter()
    before = ""
    time.sleep(settle)
    while len(rounds) < MOST:
        stretch = Stretch([watch.look(threads)])
        taken = dict.fromkeys(calls, 0.0)
        path = [*there, *there[::-1]] if back else there if len(rounds) % 2 == 0 else there[::-1]
        for name in path:
            call, (count, clock) = calls[name], repeats[name]
            if settle and kin.get(name, name) != kin.get(before, before):
                settled = time.perf_counter() + settle
                while time.perf_counter() < settled:
                    call()
            before = name
            stretch.looks.append(watch.look())
            waits = watch.waits()
            spent = clock(call, count)
            stretch.wait += watch.waits() - waits
            stretch.timed += spent
            taken[name] += spent / count * len(there) / len(path)
            stretch.looks.append(watch.look())
        if threads > 1:
            # whoever polls goes to sleep
            time.sleep(settle)
            stretch.looks.append(watch.look(threads))
            before = ""
        rounds.append((taken, stretch))
        spent = time.perf_counter() - begin
        kept = sum(watch.calm(stretch) for _, stretch in rounds)
        if spent >= seconds and (kept >= ENOUGH or (len(rounds) >= ENOUGH and spent >= PATIENCE * seconds)):  # fmt: skip
            break
    calm = [taken for taken, stretch in rounds if watch.calm(stretch)]
    enough = len(calm) >= ENOUGH
    used = calm if enough else [taken for taken, _ in rounds]
    return Rounds(
        {name: [taken[name] for taken in used] for name in calls},
        len(calm),
        len(rounds) - len(calm),
        enough,
    )


def median_ratio(peer: list[float], ours: list[float]) -> float:
    """How many times faster than the peer: the median of the rounds' ratios."""
    return statistics.median(p / o for p, o in zip(peer, ours, strict=True))
