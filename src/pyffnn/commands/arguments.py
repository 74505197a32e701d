"""Arguments that commands share, and a parser whose help knows the defaults of the models."""

from __future__ import annotations

import argparse
import errno
import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

__all__ = [
    "Commands",
    "Parser",
    "add_model",
    "add_training_options",
    "check_can_write",
    "none_or",
    "options_of",
    "size_range",
    "sizes",
]


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviated flags, with options that belong to a model.

    ``model="module:Class"`` is where the help finds the defaults of its options; the module is
    imported for the help alone.
    """

    def __init__(self, *, model: str | None = None, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)
        self._constructor = model
        self._options: list[str] = []
        self.set_defaults(options=self._options)

    def option(self, flag: str, **settings: Any) -> None:
        """Add an option that is an argument of the model's constructor; see `options_of`.

        It has no default of its own: the constructor's holds, so that it stands in one place.
        """
        action = self.add_argument(flag, default=argparse.SUPPRESS, **settings)
        self._options.append(action.dest)

    def format_help(self) -> str:
        if self._constructor is not None:
            module, name = self._constructor.split(":")
            constructor = getattr(importlib.import_module(module), name)
            arguments = inspect.signature(constructor).parameters
            for action in self._actions:
                if action.dest in self._options and "default" not in (action.help or ""):
                    default = _shown(arguments[action.dest].default)
                    action.help = f"{action.help} (default: {default})"
        return super().format_help()


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # generic in the stubs alone


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "none"
    if isinstance(default, bool):
        return "yes" if default else "no"
    if default is None:
        return "by the size of the data"
    return str(default).replace("%", "%%")


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """The model's options that are on the command line, as arguments of its constructor."""
    return {name: getattr(args, name) for name in args.options if hasattr(args, name)}


def sizes(text: str) -> tuple[int, ...]:
    """``"64,32"``: (64, 32); ``"none"``: ()."""
    return () if text == "none" else tuple(int(size) for size in text.split(","))


def size_range(text: str) -> tuple[int, int]:
    """``"3,6"``: (3, 6)."""
    low, high = text.split(",")
    return int(low), int(high)


def none_or(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Type of an option that may be ``none``."""

    def convert(text: str) -> Any:
        return None if text == "none" else kind(text)

    convert.__name__ = kind.__name__
    return convert


# argparse says "invalid ... value" with these names
sizes.__name__ = "sizes"
size_range.__name__ = "range"


def add_model(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--model", "-m", required=True, metavar="M", help=text)


def add_training_options(parser: Parser) -> None:
    """The options that all models have."""
    option = parser.option
    option("--embedding-dim", type=int, metavar="D", help="numbers a word")
    option(
        "--hidden-layer-sizes",
        type=sizes,
        metavar="N,N",
        help="units of the hidden layers, parted by commas, or none",
    )
    option("--activation", metavar="NAME", help="of the hidden layers")
    option(
        "--optimizer",
        choices=("sgd", "momentum", "adagrad", "adam"),
        help="how weights are updated (default: the model's own)",
    )
    option(
        "--learning-rate",
        type=float,
        metavar="RATE",
        help="of the first steps (default: the optimizer's own)",
    )
    option("--epochs", type=int, metavar="N", help="passes over the data")
    option("--batch-size", type=int, metavar="N", help="examples a step")
    option("--dropout", type=float, metavar="P", help="share of hidden units dropped")
    option("--word-dropout", type=float, metavar="P", help="share of words dropped")
    option("--l2", type=float, metavar="X", help="weight of the sum of squared weights")
    option("--min-count", type=int, metavar="N", help="words seen less often are unknown")
    option("--lowercase", action=argparse.BooleanOptionalAction, help="lower-case all words")
    option(
        "--early-stopping",
        type=int,
        metavar="N",
        help="end after N epochs without a better validation loss, and keep the best weights",
    )
    option(
        "--validation-fraction",
        type=float,
        metavar="P",
        help="share of FILE held out for early stopping where --valid is not given",
    )
    option(
        "--precision",
        choices=("auto", "float32", "bfloat16x3", "bfloat16"),
        help="of matrix products; the bf16 modes need AMX (default: auto)",
    )
    option("--seed", dest="random_state", type=int, metavar="N", help="of everything random")
    option("--threads", dest="n_threads", type=int, metavar="N", help="(default: one a CPU)")
    parser.add_argument("--quiet", "-q", action="store_true", help="show no progress")


def check_can_write(path: str) -> None:
    """Raise OSError, before long work, for a path that a file cannot be written to."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
