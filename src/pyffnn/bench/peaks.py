"""What this machine reaches at best, measured now: the limits that figures are set against."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from pyffnn import _pyffnn
from pyffnn.bench.probe import Stretch, Watch


@dataclass(frozen=True)
class Peaks:
    """Limits at one number of threads, with the active instruction set.

    Attributes
    ----------
    fma_f32
        float32 flops a second of multiply-adds on registers.
    amx_bf16
        bf16 flops a second of products on tiles alone; 0 where the instruction set has none.
    read_l1, read_l2, read_l3, read_memory
        Bytes a second read from each level of cache, by all threads together, and from memory.
    copy_memory
        Bytes a second moved by a copy that fits no cache, read and written.
    """

    fma_f32: float
    amx_bf16: float
    read_l1: float
    read_l2: float
    read_l3: float
    read_memory: float
    copy_memory: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)

    def read_limit(self, size: float) -> tuple[str, float]:
        """The level that holds `size` bytes, and the bytes a second that can be read from it."""
        caches = _pyffnn.cpu_caches()
        for name, level, rate in (
            ("L1", "l1d", self.read_l1),
            ("L2", "l2", self.read_l2),
            ("L3", "l3", self.read_l3),
        ):
            if size <= caches[level]:
                return name, rate
        return "memory", self.read_memory


def _best_rate(
    call: Callable[[], object], amount: float, seconds: float, threads: int, watch: Watch
) -> float:
    """The best of the calls between which the cores were this process's own; of all where none was."""
    call()
    tries: list[tuple[float, Stretch]] = []
    end = time.perf_counter() + seconds
    look = watch.look(threads)
    while not tries or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        taken = time.perf_counter() - start
        before, look = look, watch.look(threads)
        tries.append((taken, Stretch([before, look])))
    calm = [taken for taken, stretch in tries if watch.calm(stretch)]
    return amount / min(calm or [taken for taken, _ in tries])


def measure(threads: int, seconds: float = 0.2, watch: Watch | None = None) -> Peaks:
    """The peaks at `threads` threads; about 6 * `seconds`."""
    watch = Watch() if watch is None else watch
    watch.best(threads)

    def best(call: Callable[[], object], amount: float) -> float:
        return _best_rate(call, amount, seconds, threads, watch)

    rounds = 100_000 if _pyffnn.isa() != "reference" else 5_000
    flops = _pyffnn.kernel_fma_loop(1, threads, False) * rounds
    # the emulated tiles are a thousand times slower
    tile_rounds = 20_000 if _pyffnn.isa() == "amx" else 5
    tile_flops = _pyffnn.kernel_tile_loop(tile_rounds, threads)
    caches = _pyffnn.cpu_caches()
    far = np.ones(max(4 * caches["l3"], 64 << 20) // 4 + 16, np.float32)
    far = far[-far.ctypes.data % 64 // 4 :]  # a vector that crosses a line counts twice
    source = far[: far.size // 2]
    target = np.empty_like(source)

    def read(size: int) -> float:
        x = far[: size // 4]
        rounds = max(1, (1 << 20) // x.nbytes)
        return best(lambda: _pyffnn.kernel_read_loop(x, threads, rounds), rounds * x.nbytes)

    tiles = 0.0
    if tile_flops:
        tiles = best(lambda: _pyffnn.kernel_tile_loop(tile_rounds, threads), tile_flops)
    return Peaks(
        fma_f32=best(lambda: _pyffnn.kernel_fma_loop(rounds, threads, False), flops),
        amx_bf16=tiles,
        read_l1=read(threads * caches["l1d"] // 2),
        read_l2=read(threads * caches["l2"] // 2),
        read_l3=read(caches["l3"] // 2),
        read_memory=read(far.nbytes),
        copy_memory=best(lambda: np.copyto(target, source), 2 * source.nbytes),
    )
