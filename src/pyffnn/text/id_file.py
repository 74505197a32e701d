"""Ids in a file: written in blocks, used as a memory map."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO

import numpy as np

from pyffnn.text.vocabulary import IdArray

BLOCK = 1 << 20
"""Ids handled at a time."""


def replace_ids(ids: IdArray, table: IdArray) -> None:
    """Each id ``i`` becomes ``table[i]``, in place."""
    for start in range(0, ids.size, BLOCK):
        ids[start : start + BLOCK] = table[ids[start : start + BLOCK]]


class IdFile:
    """Sink that writes raw int32 ids beside ``path`` and moves the file there when complete."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.size = 0

    def __enter__(self) -> IdFile:
        handle, name = tempfile.mkstemp(prefix=self.path.name, dir=self.path.parent)
        self._file: IO[bytes] = os.fdopen(handle, "w+b")
        self._temporary = name
        return self

    def __call__(self, ids: IdArray) -> None:
        self._file.write(ids.data)
        self.size += ids.size

    def replace(self, table: IdArray) -> None:
        """Each id ``i`` written so far becomes ``table[i]``."""
        self._file.flush()
        if self.size:
            mapped = np.memmap(self._file, np.int32, "r+", shape=(self.size,))
            replace_ids(mapped, table)
            mapped.flush()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._temporary, self.path)
        else:
            os.unlink(self._temporary)

    def open(self) -> IdArray:
        if self.size == 0:
            return np.zeros(0, np.int32)
        return np.memmap(self.path, np.int32, "r", shape=(self.size,))
