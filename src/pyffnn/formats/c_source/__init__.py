"""C code that predicts without Python: the templates, and the file of numbers beside them.

The parts of `SOURCES`, one after the other, and ``predict.h`` are C with names in ``@`` signs; what they need beyond that are constants,
which `Constants` collects. The numbers lie in one file, parts of it at multiples of eight bytes; the code knows where, and a checksum of all of it, so that a file of
another model is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SOURCES", "Constants", "Parts", "checksum", "filled", "string_table"]

SOURCES = ("model_file.c", "utf8.c", "rows.c", "numbers.c", "predict.c")


class Parts:
    """Arrays end to end, each at a multiple of eight bytes; ``at`` of each in bytes."""

    def __init__(self) -> None:
        self._arrays: list[NDArray[Any]] = []
        self._size = 0

    def add(self, array: NDArray[Any]) -> int:
        """Where it begins."""
        at, data = self._size, np.ascontiguousarray(array)
        data = data.astype(data.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8)
        self._arrays.append(data)
        self._size += data.size
        if self._size % 8:
            self._arrays.append(np.zeros(-self._size % 8, np.uint8))
            self._size += -self._size % 8
        return at

    def data(self) -> NDArray[np.uint64]:
        """All of it as numbers of 64 bits."""
        parts = np.concatenate(self._arrays) if self._arrays else np.zeros(0, np.uint8)
        return parts.view("<u8")


def checksum(data: NDArray[np.uint64]) -> int:
    """The sum of the numbers times odd factors, mod 2^64: any one that differs changes it."""
    factors = 2 * np.arange(data.size, dtype=np.uint64) + 1
    factors *= np.uint64(0x9E3779B97F4A7C15)
    return int(np.sum(data * factors, dtype=np.uint64))


class Constants:
    """``#define`` lines, in order."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def __setitem__(self, name: str, value: int | str) -> None:
        self._values[name] = str(int(value)) if isinstance(value, bool | int) else value

    def __str__(self) -> str:
        return "".join(f"#define {name} {value}\n" for name, value in self._values.items())


def filled(template: str, names: Mapping[str, str]) -> str:
    """A template of this room with its ``@names@`` filled in."""
    text = files(__package__).joinpath(template).read_text(encoding="utf-8")
    for name, value in names.items():
        text = text.replace(f"@{name}@", value)
    return text


def string_table(
    parts: Parts, constants: Constants, name: str, strings: list[bytes]
) -> NDArray[np.int64]:
    """A table of strings that `find_string` looks into; the order in which it has them.

    Sets ``AT_<name>_INDEX``, ``_STARTS``, ``_BYTES`` and ``<name>_MASK``.
    """
    import zlib

    sizes = np.array([len(s) for s in strings], np.int64)
    if int(sizes.sum()) >= 1 << 32:
        raise ValueError("to_c: the words are longer than 4 GB in all")
    buckets = 1 << max(len(strings) - 1, 1).bit_length()
    hashes = np.array([zlib.crc32(s) for s in strings], np.int64) & (buckets - 1)
    order = np.argsort(hashes, kind="stable")
    index = np.concatenate([[0], np.cumsum(np.bincount(hashes, minlength=buckets))])
    starts = np.concatenate([[0], np.cumsum(sizes[order])])
    joined = b"".join([strings[i] for i in order.tolist()])
    constants[f"AT_{name}_INDEX"] = parts.add(index.astype(np.uint32))
    constants[f"AT_{name}_STARTS"] = parts.add(starts.astype(np.uint32))
    constants[f"AT_{name}_BYTES"] = parts.add(np.frombuffer(joined, np.uint8))
    constants[f"{name}_MASK"] = f"{buckets - 1}u"
    return order
