"""Progress of training: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
from typing import Any, TextIO

__all__ = ["Progress", "is_terminal", "make_progress", "say"]


def is_terminal(file: Any) -> bool:
    """Whether a stream is a terminal; what stands in for one (a logger, a closed file) is none."""
    try:
        return bool(file.isatty())
    except (AttributeError, ValueError):
        return False


def say(file: Any, text: str) -> None:
    """Write to a stream at once. A report that nobody can get (no stream, closed, a broken pipe) ends no training."""
    try:
        file.write(text)
        file.flush()
    except (AttributeError, OSError, ValueError):
        pass


class Progress:
    """Silent progress, and what its kinds have in common."""

    def start(self, epochs: int, examples: int) -> None:
        """Training of ``epochs`` epochs of ``examples`` examples begins."""

    def advance(self, examples: int) -> None:
        """So many more examples are done."""

    def epoch(self, record: dict[str, Any]) -> None:
        """An epoch is over; ``record`` is its entry of the history."""

    def close(self) -> None:
        """Training is over."""


class Lines(Progress):
    """A line an epoch."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._epochs = 0

    def start(self, epochs: int, examples: int) -> None:
        self._epochs = epochs

    def epoch(self, record: dict[str, Any]) -> None:
        number = f"{record['epoch']}/{self._epochs}"
        say(self._file, f"epoch {number:>7}  {_describe(record)}\n")


class Bar(Progress):
    """A tqdm bar over all examples of all epochs."""

    def __init__(self, tqdm: Any, file: TextIO) -> None:
        self._tqdm = tqdm
        self._file = file
        self._bar: Any = None

    def start(self, epochs: int, examples: int) -> None:
        self._bar = self._tqdm(
            total=epochs * examples, unit=" examples", unit_scale=True, file=self._file, leave=True
        )

    def advance(self, examples: int) -> None:
        self._bar.update(examples)

    def epoch(self, record: dict[str, Any]) -> None:
        self._bar.set_description(f"epoch {record['epoch']}", refresh=False)
        self._bar.set_postfix_str(_describe(record, speed=False))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def make_progress(verbose: int, file: TextIO | None = None) -> Progress:
    """Silent for ``verbose`` 0; else a bar if ``file`` is a terminal and tqdm is installed, else lines.

    ``file`` is standard error if None, and there may be none.
    """
    if not verbose:
        return Progress()
    file = sys.stderr if file is None else file
    if is_terminal(file):
        try:
            from tqdm import tqdm
        except ImportError:
            pass
        else:
            return Bar(tqdm, file)
    return Lines(file)


def _describe(record: dict[str, Any], *, speed: bool = True) -> str:
    parts = [f"loss {record['loss']:.4f}"]
    if record["val_loss"] is not None:
        parts.append(f"val_loss {record['val_loss']:.4f}")
        parts.append(f"val_accuracy {record['val_accuracy']:.4f}")
    if speed:
        parts.append(f"{record['examples_per_second']:,.0f} examples/s")
    return "  ".join(parts)
