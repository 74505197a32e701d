"""Whether this process has its cores to itself: asked before and after everything that is timed.

Two signs say that it has not. A loop of independent integer adds, some 30 us, runs at fewer adds a cycle than it did at best: a sibling
hyperthread, perhaps of another guest of the machine, takes part of the core; or at far fewer cycles a nanosecond: another process has the
core. And Linux counts how long the process's threads waited for a core, which finds what came and went between two probes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from pyffnn import _pyffnn

Probe = Callable[[int], list[tuple[float, float]]]

# Undisturbed, adds a cycle vary by less than a hundredth; a clock may rise and fall with what the neighbours do.
LEAST_ADDS, LEAST_CLOCK = 0.95, 0.8
# Share of the time timed that threads may wait for a core: waking one takes a few microseconds.
MOST_WAIT, FREE_WAIT = 0.03, 100e-6


@dataclass(frozen=True)
class Look:
    """What a probe of `threads` cores at once found on the worst of them."""

    threads: int
    adds: float
    clock: float


def waited() -> float:
    """Seconds that the threads of this process have waited for a core so far; 0 where the system does not say."""
    total = 0
    with suppress(OSError):
        for task in os.listdir("/proc/self/task"):
            # a thread may end in between
            with suppress(OSError, ValueError, IndexError), open(f"/proc/self/task/{task}/schedstat") as file:  # fmt: skip
                total += int(file.read().split()[1])
    return total / 1e9


@dataclass
class Stretch:
    """Signs gathered while something was timed."""

    looks: list[Look] = field(default_factory=list)
    wait: float = 0.0
    timed: float = 0.0


class Watch:
    """Gathers the signs and judges them by the best that was ever seen.

    `probe` gives (adds a cycle, cycles a nanosecond) for each of the cores asked for.
    """

    def __init__(
        self, probe: Probe = _pyffnn.kernel_core_probe, waited: Callable[[], float] = waited
    ) -> None:
        self._probe, self._waited = probe, waited
        self._best: dict[int, Look] = {}
        self._warm: set[int] = set()

    def look(self, threads: int = 1) -> Look:
        """Probes the caller's core, or `threads` cores at once."""
        found = self._probe(threads)
        look = Look(threads, min(adds for adds, _ in found), min(clock for _, clock in found))
        best = self._best.get(threads, look)
        clock = max(best.clock, look.clock)
        # cycles come from one loop and adds from the other: what fell between them makes too few cycles of too many adds
        sound = look.clock >= 0.98 * clock
        self._best[threads] = Look(threads, max(best.adds, look.adds) if sound else best.adds, clock)  # fmt: skip
        return look

    def best(self, threads: int) -> Look:
        """The best seen with that many cores at once; for the first time it is looked for, 50 ms long."""
        if threads not in self._warm:
            self._warm.add(threads)
            end = time.perf_counter() + 0.05
            self.look(threads)
            while time.perf_counter() < end:
                self.look(threads)
        return self._best[threads]

    def waits(self) -> float:
        return self._waited()

    def calm(self, stretch: Stretch) -> bool:
        """Whether all signs say that the cores were this process's own."""
        for look in stretch.looks:
            best = self.best(look.threads)
            if look.adds < LEAST_ADDS * best.adds or look.clock < LEAST_CLOCK * best.clock:
                return False
        return stretch.wait <= FREE_WAIT + MOST_WAIT * stretch.timed
