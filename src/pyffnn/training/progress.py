"""Progress of training on standard error: one live line on a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import Any

from pyffnn.training.records import Record

__all__ = ["Progress", "describe"]


class Progress:
    """Reports an epoch's record when it is over, and within epochs how far training is.

    Between two reports within an epoch lie 0.2 seconds on a terminal, else 30. ``file`` is
    standard error if None; any object that can be written to will do. A file that cannot be
    written to any more ends the reports, not the training.
    """

    def __init__(self, verbose: int, file: Any = None) -> None:
        self._file = (sys.stderr if file is None else file) if verbose else None
        self._live = _is_terminal(self._file)
        self._every = 0.2 if self._live else 30.0
        self._width = 0

    def say(self, text: str) -> None:
        """A line before the epochs."""
        self._write(text, stays=True)

    def start(self, epochs: int, examples: int, done: int = 0) -> None:
        """A run of ``epochs`` epochs of ``examples`` examples begins, ``done`` of them all done before."""
        self._epochs = epochs
        self._total = epochs * examples
        self._first = done
        self._begin = self._last = time.monotonic()

    def advance(self, epoch: int, done: int, loss: float, rate: float) -> None:
        """``done`` examples in all; mean loss of the present epoch so far."""
        if self._file is None:
            return
        now = time.monotonic()
        if now - self._last < self._every:
            return
        self._last = now
        speed = (done - self._first) / max(now - self._begin, 1e-9)
        left = (self._total - done) / speed if speed > 0 else float("inf")
        share = 100 * done / max(self._total, 1)
        self._write(
            f"epoch {f'{epoch}/{self._epochs}':>7}  {share:5.1f} %  loss {loss:.4f}  "
            f"lr {rate:.2e}  {speed:,.0f}/s  {_clock(left)} left",
            stays=False,
        )

    def epoch(self, record: Record) -> None:
        """An epoch is over."""
        number = f"{record['epoch']}/{self._epochs}"
        self._write(f"epoch {number:>7}  {describe(record)}", stays=True)

    def close(self) -> None:
        """Training is over."""
        if self._live and self._width:
            self._write("", stays=True)

    def _write(self, text: str, *, stays: bool) -> None:
        if self._file is None:
            return
        if self._live:
            line = "\r" + text.ljust(self._width) + ("\n" if stays else "")
            self._width = 0 if stays else len(text)
        else:
            line = text + "\n"
        try:
            self._file.write(line)
        except (OSError, ValueError):
            self._file = None
            return
        flush = getattr(self._file, "flush", None)
        if callable(flush):
            with contextlib.suppress(OSError, ValueError):
                flush()


def describe(record: Record) -> str:
    """Losses, results on validation data, and speed of a record."""
    parts = [f"loss {record['loss']:.4f}"]
    parts += [
        f"{name} {record[name]:{form}}"
        for name, form in (("val_loss", ".4f"), ("val_accuracy", ".4f"), ("val_perplexity", ".2f"))
        if record.get(name) is not None
    ]
    unit = "tokens" if "tokens_per_second" in record else "examples"
    return "  ".join([*parts, f"{record['examples_per_second']:,.0f} {unit}/s"])


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _is_terminal(file: Any) -> bool:
    ask = getattr(file, "isatty", None)
    try:
        return bool(callable(ask) and ask())
    except (OSError, ValueError):  # a closed file does not say
        return False
