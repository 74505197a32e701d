"""What the two halves of the demonstration print: headings, named values, tables."""

from __future__ import annotations

import time
from collections.abc import Sequence


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}", flush=True)


def value(name: str, text: object) -> None:
    print(f"{name:<18}{text}", flush=True)


def table(rows: Sequence[Sequence[object]]) -> None:
    """The first row is the head; all columns but the first stand at the right."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        first, *rest = (
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join([first, *rest]).rstrip(), flush=True)


def share(p: float) -> str:
    """A probability in per cent; nothing is sure."""
    return "> 99.9%" if p > 0.999 else f"{p:.1%}"


class Clock:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start
