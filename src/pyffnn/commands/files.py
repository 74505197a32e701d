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
from typing import Any, overload

__all__ = ["Files", "load_any", "note"]


def note(text: str) -> None:
    """Something that the user should know, on standard error."""
    print(f"pyffnn: {text}", file=sys.stderr)


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
    }
    kinds = {checkpoint_kind(name): name for name in modules}
    kind = load_model(path, [*modules, *kinds]).model
    name = kinds.get(kind, kind)
    return getattr(import_module(f"pyffnn.models.{modules[name]}"), name).load(path)
