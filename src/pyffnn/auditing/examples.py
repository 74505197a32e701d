"""Texts and their labels as an audit takes them: from memory or from a file, faults and all.

What a model refuses is here a finding: missing texts are empty ones, missing labels are no labels,
and bytes of a file that are not UTF-8 become replacement characters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.checks import check_same_length, check_texts
from pyffnn.models.label_sets import is_matrix, matrix_targets, set_targets
from pyffnn.models.labels import Targets, find_classes, is_missing, to_labels
from pyffnn.models.text_classifier.reading import is_path
from pyffnn.text.labelled import LabelledFile
from pyffnn.text.opened import Opened, Source

__all__ = ["Labelled", "Repaired", "read_examples"]


class Labelled(NamedTuple):
    """Texts with the labels of each.

    Attributes
    ----------
    texts
        "" where one is missing.
    labels
        Those of each text, in a fixed order; None where none were given at all.
    classes
        All labels, sorted.
    lines
        The number of each text's line, where they come from a file.
    """

    texts: list[str]
    labels: list[tuple[Any, ...]] | None
    classes: list[Any]
    lines: list[int] | None = None


class Repaired:
    """The bytes of a text file, unpacked, with replacement characters in place of what is not UTF-8.

    Context manager. Parquet files come as they are.
    """

    def __init__(self, source: Source) -> None:
        self._file = Opened(source)
        self.source_name = self._file.source_name
        self._binary = self._file.is_parquet()
        self._ahead = b""

    def __enter__(self) -> Repaired:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def as_file(self) -> IO[bytes]:
        """Itself, as a file opened for reading bytes."""
        return cast("IO[bytes]", self)

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most ``size`` of them; below 0: all."""
        if self._binary:
            return self._file.read(size)
        if size < 0:
            lines, self._ahead = [self._ahead], b""
            return b"".join([*lines, *map(_sound, self._file)])
        if size and not self._ahead:
            self._ahead = _sound(self._file.readline())
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return data


def _sound(line: bytes) -> bytes:
    return line if line.isascii() else line.decode("utf-8", "replace").encode()


def read_examples(
    X: Any,
    y: Any,
    suffix: str = "",
    *,
    label_prefix: str,
    multilabel: bool = False,
    note: Callable[[str], None] | None = None,
) -> Labelled:
    """Of texts with labels or without, or of a file's path; ``suffix`` is that of the arguments' names.

    Raises TypeError for what is no text, ValueError for what are no labels.
    """
    if is_path(X):
        if y is not None:
            raise ValueError(f"y{suffix} must be None where X{suffix} is a file, got both")
        if isinstance(X, LabelledFile):
            return _of_file(X, label_prefix, multilabel, note)
        with Repaired(X) as source, LabelledFile(source.as_file) as file:
            return _of_file(file, label_prefix, multilabel, note)
    check_texts(X, f"X{suffix}")
    if not isinstance(X, Iterable) or isinstance(X, (bytes, bytearray)):
        raise TypeError(f"X{suffix} must be a list or a column of texts, got {type(X).__name__}")
    texts = [_text(text, f"X{suffix}[{i}]") for i, text in enumerate(X)]
    if y is None:
        return Labelled(texts, None, [])
    labels, classes = _labels(y, f"y{suffix}")
    check_same_length(**{f"X{suffix}": len(texts), f"y{suffix}": len(labels)})
    return Labelled(texts, labels, classes)


def _of_file(
    file: LabelledFile, prefix: str, multilabel: bool, note: Callable[[str], None] | None
) -> Labelled:
    rows = list(file.rows(prefix, several=multilabel, note=note))
    labels = [tuple(sorted(set(row.labels))) for row in rows]
    classes = sorted({label for some in labels for label in some})
    return Labelled(
        [row.text for row in rows],
        labels if classes else None,
        classes,
        [row.number for row in rows],
    )


def _text(text: Any, name: str) -> str:
    if isinstance(text, str):
        return text
    if not isinstance(text, (list, tuple, dict)) and is_missing(text):
        return ""
    raise TypeError(f"{name} must be a text, got {type(text).__name__}")


def _labels(y: Any, name: str) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """The labels of each example, and all classes."""
    if is_matrix(y):
        if tuple(getattr(y, "shape", ()))[1:] != (1,) or hasattr(y, "tocsr"):
            return _of_sets(matrix_targets(y, name=name))
        y = np.asarray(y)[:, 0]
    if isinstance(y, (str, bytes, dict)) or not isinstance(y, Iterable):
        raise ValueError(f"{name} must be an array of labels, got {type(y).__name__}")
    values = list(y)
    if any(isinstance(value, (list, tuple, set, frozenset, dict, np.ndarray)) for value in values):
        if not any(len(value) for value in values if value is not None):
            return [() for _ in values], []
        return _of_sets(set_targets([() if v is None else v for v in values], name=name))
    there = [i for i, value in enumerate(values) if not is_missing(value)]
    labels: list[tuple[Any, ...]] = [() for _ in values]
    if not there:
        return labels, []
    classes, codes = find_classes(to_labels(_picked(y, values, there), "audit", name))
    names = classes.tolist()
    for i, code in zip(there, codes.tolist(), strict=True):
        labels[i] = (names[code],)
    return labels, names


def _picked(y: Any, values: list[Any], there: list[int]) -> NDArray[Any] | list[Any]:
    """The labels that are there: of a whole array as it is, so that its type stays."""
    if len(there) == len(values) and isinstance(y, np.ndarray):
        return y
    return [values[i] for i in there]


def _of_sets(targets: Targets) -> tuple[list[tuple[Any, ...]], list[Any]]:
    names = targets.classes.tolist()
    return [tuple(names[code] for code in row.tolist()) for row in targets.rows()], names
