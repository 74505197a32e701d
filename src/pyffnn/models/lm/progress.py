"""Progress of a training run on standard error: one live line on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from pyffnn.progress import is_terminal, say


class Progress:
    """Reports tokens a second and time left.

    ``every`` seconds lie between two reports within an epoch: 0.2 on a terminal, else 30.
    """

    def __init__(self, verbose: int, total: int, done: int = 0, file: TextIO | None = None) -> None:
        self.file = file if file is not None else sys.stderr
        self.on = bool(verbose)
        self.live = self.on and is_terminal(self.file)
        self.every = 0.2 if self.live else 30.0
        self.total = total
        self.first = done
        self.begin = self.last = time.monotonic()
        self.width = 0

    def update(self, epoch: int, epochs: int, done: int, loss: float, rate: float) -> None:
        """``done`` of ``total`` tokens, over all epochs; mean loss of the epoch so far."""
        now = time.monotonic()
        if not self.on or now - self.last < self.every:
            return
        self.last = now
        speed = (done - self.first) / max(now - self.begin, 1e-9)
        left = (self.total - done) / speed if speed > 0 else float("inf")
        share = 100 * done / self.total
        self._write(
            f"epoch {epoch + 1}/{epochs}  {share:5.1f} %  loss {loss:.4f}  lr {rate:.2e}  "
            f"{speed:,.0f} tokens/s  {_clock(left)} left"
        )

    def epoch(self, text: str) -> None:
        """A line that stays, at the end of an epoch."""
        if self.on:
            self._write(text)
            if self.live:
                say(self.file, "\n")
                self.width = 0

    def _write(self, text: str) -> None:
        if self.live:
            say(self.file, "\r" + text.ljust(self.width))
            self.width = len(text)
        else:
            say(self.file, text + "\n")


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
