"""Ends of training that leave something good behind."""

from __future__ import annotations

from typing import Any

__all__ = ["DivergedError", "Interrupted"]


class Interrupted(KeyboardInterrupt):
    """Training was interrupted. ``model`` is a usable model in the best state so far."""

    model: Any = None


class DivergedError(FloatingPointError):
    """The loss became non-finite. ``model`` is a usable model in its last good state, where there is one."""

    model: Any = None
