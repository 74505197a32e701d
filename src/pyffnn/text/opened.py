"""Bytes wherever they come from: a path, standard input, a pipe, an open file; plain, or packed by gzip or Zstandard."""

from __future__ import annotations

import errno
import gzip
import importlib
import io
import os
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import PurePath
from typing import IO, Any, TypeAlias

__all__ = ["Opened", "Source", "is_packed", "name_of", "not_opened", "suffix_of"]

Source: TypeAlias = "str | os.PathLike[str] | IO[bytes]"

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PARQUET = b"PAR1"
_PACKED = (".gz", ".zst")
_NO_FILE = (errno.ENOENT, errno.ENAMETOOLONG)


class Opened(io.BufferedReader):
    """A file for reading bytes, unpacked, without a byte order mark. What packs it is told by its first bytes, not by its name.

    Raises OSError for a file that cannot be opened, ImportError for Zstandard without its package; reading raises
    ValueError, naming the file, where packed data are damaged or break off.
    """

    def __init__(self, source: Source) -> None:
        self.source_name = name_of(source)
        self._owned = isinstance(source, (str, os.PathLike)) and os.fspath(source) != "-"
        file: Any = source
        if self._owned:
            file = _opened(source)  # type: ignore[arg-type]
        elif isinstance(source, (str, os.PathLike)):
            file = sys.stdin.buffer
        self._file = file
        try:
            self._unpacked = _unpacked(file, self.source_name)
        except BaseException:
            self._let_go()
            raise
        self._content = _Raw(self._unpacked, self.source_name)
        super().__init__(self._content, 1 << 16)

    def is_parquet(self) -> bool:
        """Whether it begins as Parquet's files do; to be asked before anything is read."""
        self.peek(1)
        return self._content.head == _PARQUET

    def close(self) -> None:
        super().close()
        self._let_go()

    def _let_go(self) -> None:
        if self._owned:
            self._file.close()


class _Raw(io.RawIOBase):
    """Bytes of ``read(size)``, without a byte order mark before them."""

    def __init__(self, read: Callable[[int], bytes], name: str) -> None:
        self._read = read
        self._name = name
        self._ahead: bytes | None = None
        self.head = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = len(buffer)
        if self._ahead is None:
            self.head = _head(self._next, (_BYTE_ORDER_MARK, _PARQUET))
            self._ahead = self.head.removeprefix(_BYTE_ORDER_MARK)
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        if not data:
            data = self._next(size)
        buffer[: len(data)] = data
        return len(data)

    def _next(self, size: int) -> bytes:
        try:
            return self._read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{self._name!r}: the packed data are damaged: {error}") from None
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            raise ValueError(f"{self._name!r}: the packed data are damaged: {error}") from None


def _unpacked(file: Any, name: str) -> Callable[[int], bytes]:
    head = _head(_reader(file), (_GZIP, _ZSTD))
    whole = _Chained(head, file)
    if head.startswith(_GZIP):
        packed: Any = whole
        return gzip.GzipFile(fileobj=packed).read1
    if head == _ZSTD:
        return _zstd(whole, name)
    return whole.read


def _head(read: Callable[[int], bytes], marks: tuple[bytes, ...]) -> bytes:
    """As many of the next bytes as tell which of the marks is there: whoever types a short line waits for nothing."""
    data = read(0)
    if not isinstance(data, bytes):
        raise TypeError(
            f"a file must be opened for reading bytes, its read gave {type(data).__name__}"
        )
    while any(mark.startswith(data) and mark != data for mark in marks):
        more = read(min(len(mark) - len(data) for mark in marks if len(mark) > len(data)))
        if not more:
            break
        data += more
    return data


def _reader(file: Any) -> Callable[[int], bytes]:
    # `read` waits for all it is asked for, which would keep who types waiting
    return getattr(file, "read1", file.read)  # type: ignore[no-any-return]


class _Chained:
    """Bytes that were read ahead, and those of the file after them."""

    def __init__(self, head: bytes, file: Any) -> None:
        self._head, self._file = head, file
        self._read = _reader(file)

    def read(self, size: int = -1) -> bytes:
        if self._head:
            data, self._head = (
                (self._head, b"") if size < 0 else (self._head[:size], self._head[size:])
            )
            return data
        return self._read(size)


def _zstd(file: _Chained, name: str) -> Callable[[int], bytes]:
    try:  # of Python 3.14
        standard: Any = importlib.import_module("compression.zstd")
    except ImportError:
        pass
    else:
        return standard.ZstdFile(file).read1  # type: ignore[no-any-return]
    try:
        package: Any = importlib.import_module("zstandard")
    except ImportError:
        raise ImportError(
            f"{name!r} is packed by Zstandard: pip install zstandard (or 'pyffnn[zstd]')"
        ) from None
    reader = package.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return reader.read  # type: ignore[no-any-return]


def _opened(path: str | os.PathLike[str]) -> IO[bytes]:
    try:
        return open(path, "rb")
    except OSError as error:
        raise not_opened(error, path) from None


def not_opened(error: OSError, path: str | os.PathLike[str]) -> OSError:
    """The error, or one that says more: who gave a text where a file is wanted does not read that a name is too long."""
    if not (isinstance(path, str) and error.errno in _NO_FILE and _is_prose(path)):
        return error
    said = f"{os.strerror(error.errno)}; a string names a file here, texts go in as a list"
    return type(error)(error.errno, said, textwrap.shorten(path, 60))


def _is_prose(name: str) -> bool:
    ending = os.path.splitext(name)[1]
    return len(name.split()) > 1 and (len(ending) < 2 or " " in ending)


def is_packed(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins as gzip's or Zstandard's do."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        head = file.read(4)
    return head.startswith(_GZIP) or head == _ZSTD


def name_of(source: Any) -> str:
    """A path, or the name of a file that stands for one, as errors show it."""
    if hasattr(source, "read"):
        return str(getattr(source, "source_name", getattr(source, "name", "the file")))
    name = os.fspath(source)
    return "standard input" if name == "-" else str(name)


def suffix_of(source: Any) -> str:
    """The ending of a name, in lower case, without that of what packs the file: ".csv" of "a.CSV.gz"."""
    path = PurePath(name_of(source).lower())
    if path.suffix in _PACKED:
        path = path.with_suffix("")
    return path.suffix
