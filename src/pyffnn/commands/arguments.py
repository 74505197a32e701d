"""Arguments that commands share, and a parser that takes a model's settings as options."""

from __future__ import annotations

import argparse
import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    from pyffnn.models.parameters import Setting

__all__ = [
    "Commands",
    "Parser",
    "add_checkpoint",
    "add_model",
    "add_quiet",
    "check_can_write",
    "checkpoint_of",
    "flag_of",
    "options_of",
    "say",
]

# where the option has another name than the argument
_FLAGS = {"random_state": "--seed", "n_threads": "--threads"}
# what a person may look for among the commands
_ELSEWHERE = {
    "explain": "predict --explain",
    "fit": "train",
    "evaluate": "test",
    "perplexity": "lm perplexity",
    "generate": "lm generate",
}


class Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviated flags, and may take the settings of a model as options.

    ``model="module:Class"`` is that model, and ``without`` names those of its settings that are no
    options. Kinds, choices, help and defaults come from `pyffnn.models.parameters` and the
    constructor, which are imported when this parser is the one that is used.
    """

    def __init__(
        self, *, model: str | None = None, without: Collection[str] = (), **settings: Any
    ) -> None:
        super().__init__(**settings, allow_abbrev=False)
        self._model = model
        self._without = without
        self._options: list[str] = []
        self.set_defaults(options=self._options)

    def parse_known_args(self, *args: Any, **settings: Any) -> Any:
        self._add_settings()
        known, others = super().parse_known_args(*args, **settings)
        if others:  # said here, where the command's own usage and flags are known
            self.error(f"unrecognized arguments: {' '.join(others)}")
        return known, others

    def error(self, message: str) -> NoReturn:
        """Write the usage and the message, with what may have been meant, and exit with code 2."""
        if sys.stderr is None:  # argparse would write to standard output
            self.exit(2)
        super().error(message + self._meant(message))

    def _meant(self, message: str) -> str:
        if message.startswith("unrecognized arguments: "):
            wrong = [word.split("=")[0] for word in message.split()[2:] if word.startswith("-")]
            known = [flag for action in self._actions for flag in action.option_strings]
        elif found := re.search(r"invalid choice: '(.*?)' \(choose from (.*)\)", message):
            wrong, known = [found[1]], re.findall(r"[^\s,']+", found[2])
        elif found := re.search(r"invalid value '(.*?)': (.*) expected", message):
            wrong, known = [found[1]], re.split(r"/| or ", found[2])
        else:
            return ""
        if "predict" in known and wrong[0] in _ELSEWHERE:
            return f"; did you mean {_ELSEWHERE[wrong[0]]}?"
        close = [difflib.get_close_matches(word, known, 1, 0.6) for word in wrong]
        meant = [near[0] for near in close if near]
        return f"; did you mean {', '.join(meant)}?" if meant else ""

    def format_help(self) -> str:
        self._add_settings()
        return super().format_help()

    def _add_settings(self) -> None:
        if self._model is None or self._options:
            return
        from pyffnn.models.parameters import SETTINGS

        module, name = self._model.split(":")
        constructor = getattr(importlib.import_module(module), name)
        group = self.add_argument_group("settings of the model")
        for parameter in inspect.signature(constructor).parameters.values():
            if parameter.name not in self._without:
                setting = SETTINGS[name][parameter.name]
                self._options.append(parameter.name)
                group.add_argument(
                    _flag(parameter.name),
                    dest=parameter.name,
                    # the constructor's default holds, so that it stands in one place
                    default=argparse.SUPPRESS,
                    help=f"{setting.doc} (default: {_shown(parameter.default)})".replace("%", "%%"),
                    **_how(parameter.name, setting),
                )


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # generic in the stubs alone


def options_of(args: argparse.Namespace) -> dict[str, Any]:
    """The model's options that are on the command line, as arguments of its constructor."""
    return {name: getattr(args, name) for name in args.options if hasattr(args, name)}


def flag_of(name: str, value: Any) -> str:
    """The option that gives a setting this value."""
    if isinstance(value, bool) and name not in (
        "early_stopping",
        "direct_ngrams",
        "freeze_embeddings",
    ):
        return _flag(name) if value else _flag(name).replace("--", "--no-", 1)
    return f"{_flag(name)} {_shown(value)}"


def _flag(name: str) -> str:
    return _FLAGS.get(name, "--" + name.replace("_", "-"))


def _shown(default: Any) -> str:
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or "none"
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "none" if default is None else str(default)


def _how(name: str, setting: Setting) -> dict[str, Any]:
    """How argparse takes a setting: its type and its metavar, or its action."""
    from pyffnn.models import kinds

    if all(isinstance(kind, kinds.Flag) for kind in setting.kinds):
        return {"action": argparse.BooleanOptionalAction}
    fixed: dict[str, Any] = {choice: choice for choice in setting.choices}
    if setting.kind(kinds.Nothing) is not None:
        fixed["none"] = None
    if setting.kind(kinds.Flag) is not None:
        fixed |= {"yes": True, "no": False}
    metavar, read = "/".join(fixed), None
    for kind, its_metavar, its_read in _READ:
        if setting.kind(getattr(kinds, kind)) is not None:
            metavar, read = its_metavar.format(metavar), its_read
            if read is _sizes:
                fixed.setdefault("none", ())
            break

    def value_of(text: str) -> Any:
        try:
            value = fixed[text] if text in fixed or read is None else read(text)
        except (KeyError, ValueError):
            raise argparse.ArgumentTypeError(
                f"invalid value {text!r}: {metavar}{_beside(fixed, metavar)} expected"
            ) from None
        try:
            setting.check(name, value)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        return value

    how: dict[str, Any] = {"type": value_of, "metavar": metavar}
    if setting.kind(kinds.Flag) is not None:  # alone it says yes
        how |= {"nargs": "?", "const": True}
    return how


def _beside(fixed: Mapping[str, Any], metavar: str) -> str:
    others = [name for name in fixed if name not in metavar.split("/")]
    return "".join(f" or {name}" for name in others)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def _names(text: str) -> tuple[str, ...]:
    if "," not in text:
        raise ValueError(text)
    return tuple(text.split(","))


# kind of value -> what it is called in the usage ({}: the fixed names), and how it is read
_READ: list[tuple[str, str, Callable[[str], Any]]] = [
    ("Integers", "N,N", _sizes),
    ("IntegerPair", "LO,HI", _sizes),
    ("Integer", "N", int),
    ("Number", "X", float),
    ("Text", "TEXT", str),
    ("Choices", "{}/NAME,NAME", _names),
]


def say(text: str) -> None:
    """A line on standard error, where there is one (a program without a console has none)."""
    if sys.stderr is not None:
        print(f"pyffnn: {text}", file=sys.stderr)


def add_model(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--model", "-m", required=True, metavar="M", help=text)


def add_quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", "-q", action="store_true", help="show no progress")


def add_checkpoint(parser: argparse.ArgumentParser, *, within_epochs: bool = True) -> None:
    """``--checkpoint`` and ``--resume``; and how often, where that is not after each whole piece of work."""
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="save the run here, so that it can go on after a stop"
    )
    if within_epochs:
        parser.add_argument(
            "--checkpoint-seconds",
            type=float,
            default=60.0,
            metavar="S",
            help="how often (default: 60)",
        )
        parser.add_argument(
            "--checkpoint-steps", type=int, metavar="N", help="also after so many steps"
        )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from --checkpoint if that file exists; the result has the same bits as an "
        "unbroken run",
    )


def checkpoint_of(args: argparse.Namespace) -> dict[str, Any]:
    """What `add_checkpoint` added, as arguments of ``fit``."""
    if args.resume and args.checkpoint is None:
        args.parser.error("--resume needs --checkpoint, the file to go on from")
    if args.checkpoint is not None:
        check_can_write(args.checkpoint)
    names = ("checkpoint", "checkpoint_steps", "checkpoint_seconds", "resume")
    return {name: getattr(args, name) for name in names if hasattr(args, name)}


def check_can_write(path: str) -> None:
    """Raise OSError, before long work, for a path that a file cannot be written to."""
    from pyffnn.formats import model_file  # with NumPy: no help text is to wait for it

    model_file.check_can_write(path)
