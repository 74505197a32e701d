"""Where progress is shown: one live line on a terminal or in a notebook, plain lines anywhere else.

A display takes lines that stay and lines that the next one replaces. One that cannot be written to any
more takes nothing more, and says so by ``open``.
"""

from __future__ import annotations

import contextlib
import html
import os
import shutil
import sys
from typing import Any

__all__ = ["Display", "Notebook", "Terminal", "display_of"]

_COLOURS = {"name": "\033[1m", "loss": "\033[36m", "good": "\033[32m", "quiet": "\033[2m"}
_PLAIN = "\033[0m"

Parts = list[tuple[str, str]]
"""Pieces of a line: a kind ("name", "loss", "good", "quiet", or "" for none), and a text."""


class Display:
    """Plain lines, as in a pipe or a logger. ``file`` None: nothing is shown."""

    every = 30.0
    """Least seconds between two lines that do not stay."""

    def __init__(self, file: Any) -> None:
        self._file = file

    @property
    def open(self) -> bool:
        return self._file is not None

    def show(self, parts: Parts, *, stays: bool) -> None:
        self._write(_text(parts) + "\n")

    def close(self) -> None:
        """Nothing more is to come."""

    def _write(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.write(text)
        except (OSError, ValueError):
            self._file = None
            return
        flush = getattr(self._file, "flush", None)
        if callable(flush):
            with contextlib.suppress(OSError, ValueError):
                flush()


class Terminal(Display):
    """One line that is written over, never longer than the terminal is wide, in colours unless NO_COLOR is set."""

    every = 0.2

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._width = 0
        self._coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def show(self, parts: Parts, *, stays: bool) -> None:
        if not stays:
            parts = _cut(parts, shutil.get_terminal_size().columns - 1)
        width = len(_text(parts))
        blank = " " * (self._width - width)
        text = "".join(map(self._paint, parts)) if self._coloured else _text(parts)
        self._write(f"\r{text}{blank}" + ("\n" if stays else ""))
        self._width = 0 if stays else width

    def close(self) -> None:
        if self._width:
            self._write("\n")
            self._width = 0

    @staticmethod
    def _paint(part: tuple[str, str]) -> str:
        kind, text = part
        return f"{_COLOURS[kind]}{text}{_PLAIN}" if kind else text


class Notebook(Display):
    """One line of a cell's output, which each line takes the place of."""

    every = 0.5

    def __init__(self, display: Any) -> None:
        super().__init__(display)
        self._handle: Any = None

    def show(self, parts: Parts, *, stays: bool) -> None:
        if self._file is None:
            return
        text = _text(parts)
        page = f"<pre style='margin:0'>{html.escape(text)}</pre>"
        data = {"text/plain": text, "text/html": page}
        try:
            if self._handle is None:
                self._handle = self._file(data, raw=True, display_id=True)
            else:
                self._handle.update(data, raw=True)
        except (OSError, ValueError, AttributeError):
            self._file = None


def display_of(file: Any = None) -> Display:
    """The display for a file; None: for standard error, which in a notebook is the cell."""
    if file is None:
        file = sys.stderr
        if type(file).__module__ == "ipykernel.iostream":
            return Notebook(sys.modules["IPython.display"].display)
    return Terminal(file) if _is_terminal(file) else Display(file)


def _text(parts: Parts) -> str:
    return "".join(text for _, text in parts)


def _cut(parts: Parts, width: int) -> Parts:
    kept: Parts = []
    for kind, text in parts:
        kept.append((kind, text[: max(width, 0)]))
        width -= len(text)
    return kept


def _is_terminal(file: Any) -> bool:
    ask = getattr(file, "isatty", None)
    try:
        return bool(callable(ask) and ask())
    except (OSError, ValueError):  # a closed file does not say
        return False
