"""Progress of training on standard error: what is told of a run, and how often."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from pyffnn.training.display import Display, Parts, display_of
from pyffnn.training.records import Record

__all__ = ["Progress"]

_VALIDATION = (("val_loss", ".4f"), ("val_accuracy", ".4f"), ("val_perplexity", ".2f"))


class Progress:
    """Reports an epoch's record when it is over, and within epochs how far training is.

    Between two reports within an epoch lie 0.2 seconds on a terminal, 0.5 in a notebook, else 30.
    ``file`` is standard error if None; any object that can be written to will do. A file that
    cannot be written to any more ends the reports, not the training. ``unit``: what an example is.
    """

    def __init__(self, verbose: int, file: Any = None, *, unit: str = "examples") -> None:
        self._display = display_of(file) if verbose else Display(None)
        self._unit = unit
        self._validation: Parts = []

    def say(self, text: str) -> None:
        """A line before the epochs."""
        self._display.show([("", text)], stays=True)

    def start(self, epochs: int, examples: int, done: int = 0) -> None:
        """A run of ``epochs`` epochs of ``examples`` examples begins, ``done`` of them all done before."""
        self._epochs = epochs
        self._total = epochs * examples
        self._first = done
        self._begin = self._last = time.monotonic()

    def advance(
        self, epoch: int, step: int, steps: int, done: int, loss: float, rate: float
    ) -> None:
        """``step`` of ``steps`` of an epoch is over, ``done`` examples in all; mean loss of the epoch so far."""
        if not self._display.open:
            return
        now = time.monotonic()
        if now - self._last < self._display.every:
            return
        self._last = now
        speed = (done - self._first) / max(now - self._begin, 1e-9)
        left = (self._total - done) / speed if speed > 0 else float("inf")
        share = 100 * done / max(self._total, 1)
        parts = [
            ("name", f"epoch {f'{epoch}/{self._epochs}':>5}"),
            ("", f"  step {step:,}/{steps:,}  {share:.0f} %  {_clock(left)} left"),
            ("loss", f"  loss {loss:.4f}"),
            *self._validation[-1:],  # a line has no room for more
            ("quiet", f"  lr {rate:.2g}"),
            ("", f"  {speed:,.0f} {self._unit}/s"),
        ]
        self._display.show(parts, stays=False)

    def epoch(self, record: Record) -> None:
        """An epoch is over."""
        if not self._display.open:
            return
        self._validation = _validation(record)
        number = f"{record['epoch']}/{self._epochs}"
        parts = [
            ("name", f"epoch {number:>5}"),
            ("loss", f"  loss {record['loss']:.4f}"),
            *self._validation,
            ("quiet", f"  lr {record['learning_rate']:.2g}"),
            ("", f"  {_speed(record)}"),
        ]
        self._display.show(parts, stays=False)

    def close(self) -> None:
        """Training is over."""
        self._display.close()


def _validation(record: Record) -> Parts:
    values: Mapping[str, Any] = record
    return [
        ("good", f"  {name} {values[name]:{form}}")
        for name, form in _VALIDATION
        if values.get(name) is not None
    ]


def _speed(record: Record) -> str:
    unit = "tokens" if "tokens_per_second" in record else "examples"
    return f"{record['examples_per_second']:,.0f} {unit}/s"


def _clock(seconds: float) -> str:
    if seconds == float("inf"):
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
