"""The commands of ``pyffnn``, a module each.

A module has ``add_parser(commands)``, which adds its parser and sets ``run``, a function of the
parsed arguments, as its default. Everything beyond argparse is imported inside ``run``: the help
of one command must not pay for, or fail with, what another needs.
"""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS = (
    "demo",
    "train",
    "tune",
    "test",
    "predict",
    "audit",
    "vectors",
    "to_c",
    "lm",
    "info",
    "bench",
    "score",
    "fasttext",
)
