"""The command line ``pyffnn``: finds the command, and turns what goes wrong into an exit code.

Exit codes: 0, 1 (failed, with one line on standard error), 2 (usage), 130 (interrupted).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from pyffnn import __version__
from pyffnn.commands import COMMANDS
from pyffnn.commands.arguments import Parser, say
from pyffnn.commands.completion import SHELLS, completion

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``pyffnn`` with the arguments ``argv`` (None: those of the process); returns the exit code."""
    traced = False
    _open_missing_streams()
    try:
        args = _parser().parse_args(argv)
        traced = args.traceback
        args.run(args)
        sys.stdout.flush()
    except SystemExit as end:  # a usage error, --help or --version: argparse has written it
        return _code(end)
    except BrokenPipeError:
        # `pyffnn ... | head`: nobody reads on, and Python would complain of it once more at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as stop:
        _fail(_one_line(stop) if str(stop) else "interrupted")
        return 130
    except Exception as error:
        if traced:
            traceback.print_exc()
        return _fail(_one_line(error))
    return 0


def _open_missing_streams() -> None:
    """Nothing to read and nobody to write to where the program was started without (``<&-``, ``>&-``)."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115 (as long as the process)
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115


class _PrintCompletion(argparse.Action):
    """Writes the script and ends, as --version does."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        sys.stdout.write(completion(parser, values))
        parser.exit()


def _parser() -> Parser:
    parser = Parser(
        prog="pyffnn",
        description="Feedforward networks over text, trained and run on the CPU by SIMD kernels.",
        epilog="Exit codes: 0, 1 (failed), 2 (usage), 130 (interrupted).",
    )
    parser.add_argument("--version", action="version", version=f"pyffnn {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show where in the code a failure happened"
    )
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=SHELLS,
        help="write what completes commands and options in a shell, for its eval or its start file",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = f"pyffnn.commands.{name}"
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module).add_parser(commands)
    return parser


def _code(end: SystemExit) -> int:
    return end.code if isinstance(end.code, int) else int(end.code is not None)


def _fail(message: str) -> int:
    say(message)
    return 1


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fspath(error.filename)}: {error.strerror}"
    text = " ".join(str(error).split())
    expected = (
        ValueError,
        TypeError,
        OSError,
        ImportError,
        ArithmeticError,
        MemoryError,
        KeyboardInterrupt,
    )
    if text and isinstance(error, expected):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
