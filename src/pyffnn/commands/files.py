"""Files that commands are given: pipes and standard input, which can be read once, become files that can be read again."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import TYPE_CHECKING, Any, overload

from .arguments import say

if TYPE_CHECKING:
    import argparse

    from pyffnn.text.labelled import LabelledFile
    from pyffnn.text.opened import Source

__all__ = [
    "FORMS",
    "Files",
    "add_columns",
    "kept_if_interrupted",
    "load_any",
    "load_text_model",
    "note",
    "opened",
]

FORMS = (
    "FILE: UTF-8, plain or packed (.gz, .zst): fastText's form (words that begin with __label__ are "
    "labels), label, tab, text, CSV or TSV with quotes, JSON lines, or Parquet (with pyarrow)"
)


def add_columns(parser: argparse.ArgumentParser, *, labelled: bool = True) -> None:
    """Options that say how texts, and labels, stand in a file; `opened` obeys them."""
    group = parser.add_argument_group("the file")
    group.add_argument(
        "--format",
        choices=("fasttext", "csv", "tsv", "jsonl", "parquet"),
        help="form of the file (default: told by its first line and its name)",
    )
    group.add_argument(
        "--text-column", metavar="C", help="name of the text's column, or its number from 1"
    )
    if labelled:
        group.add_argument(
            "--label-column", metavar="C", help="name of the label's column, or its number from 1"
        )
    header = group.add_mutually_exclusive_group()
    header.add_argument(
        "--header", action="store_true", default=None, help="the first row names the columns"
    )
    header.add_argument(
        "--no-header", dest="header", action="store_false", help="the first row is an example"
    )


@contextmanager
def kept_if_interrupted(args: argparse.Namespace) -> Iterator[None]:
    """Training under it that is interrupted leaves its best model so far in ``args.model``, and says so."""
    try:
        yield
    except KeyboardInterrupt as stop:
        model = getattr(stop, "model", None)
        if model is None:
            raise
        model.save(args.model)
        done = len(model.history_)
        raise KeyboardInterrupt(
            f"interrupted after {done} whole epoch{'' if done == 1 else 's'}: {args.model} has the best "
            f"state so far; {how_to_go_on(args)}"
        ) from None


def how_to_go_on(args: argparse.Namespace) -> str:
    """What to tell the person who interrupted a command that has ``--checkpoint``."""
    if args.checkpoint is not None:
        return "the same command with --resume goes on"
    return "with --checkpoint a run can go on later, by --resume"


def opened(args: argparse.Namespace, path: Source) -> LabelledFile:
    """A file, or what can be read as one, open for reading, as the options of `add_columns` say."""
    from pyffnn.text.labelled import LabelledFile

    return LabelledFile(
        path,
        text_column=args.text_column,
        label_column=getattr(args, "label_column", None),
        header=args.header,
        format=args.format,
    )


def note(text: str) -> None:
    """Something that the user should know, on standard error."""
    say(text)


class Files:
    """Context manager: paths to read from as often as one likes, in the place of those on the command line."""

    def __enter__(self) -> Files:
        self._stack = ExitStack()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @overload
    def readable(self, path: str) -> str: ...
    @overload
    def readable(self, path: None) -> None: ...
    def readable(self, path: str | None) -> str | None:
        """``path`` itself, or that of a copy where it is ``-`` (standard input), a pipe or the like."""
        if path is None or (path != "-" and not _is_stream(path)):
            return path
        return self._stack.enter_context(_copied(path))


def _is_stream(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False  # whoever opens it says what is wrong
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


@contextmanager
def _copied(path: str) -> Iterator[str]:
    with NamedTemporaryFile(prefix="pyffnn-") as copy:
        if path == "-":
            shutil.copyfileobj(sys.stdin.buffer, copy)
        else:
            with open(path, "rb") as file:
                shutil.copyfileobj(file, copy)
        copy.flush()
        try:
            yield copy.name
        except ValueError as error:  # it names the file
            name = "standard input" if path == "-" else path
            raise ValueError(str(error).replace(copy.name, name)) from error


def load_any(path: str) -> Any:
    """The model in a file, of whatever class."""
    from importlib import import_module

    from pyffnn.formats.model_file import load_model
    from pyffnn.training import checkpoint_kind

    modules = {
        "TextClassifier": "text_classifier",
        "TextRegressor": "text_classifier",
        "FFNNClassifier": "feedforward",
        "FFNNRegressor": "feedforward_regressor",
        "LanguageModel": "language_model",
        "KneserNeyLM": "ngram",
        "Mixture": "ngram",
    }
    kinds = {checkpoint_kind(name): name for name in modules}
    kind = load_model(path, [*modules, *kinds]).model
    name = kinds.get(kind, kind)
    return getattr(import_module(f"pyffnn.models.{modules[name]}"), name).load(path)


def load_text_model(path: str) -> Any:
    """The classifier or regressor of texts in a file; ValueError for another model."""
    from pyffnn.models.text_classifier import TextClassifier, TextRegressor

    model = load_any(path)
    if not isinstance(model, (TextClassifier, TextRegressor)):
        raise ValueError(f"{path!r} holds a {type(model).__name__}, not a model of texts")
    return model
