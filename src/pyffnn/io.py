"""Model files: one safetensors file of arrays and settings, written atomically, checked on reading.

The layout is that of safetensors (https://github.com/huggingface/safetensors): eight bytes with the
length of a JSON header, the header, the arrays end to end. Its ``__metadata__`` holds

- ``format``: "pyffnn", and ``version``: the version of this layout (an integer);
- ``model``: the class that wrote the file, and ``library``: the version of pyffnn that did;
- ``config``: the settings of the model as JSON;
- ``crc32``: a checksum of the whole file, taken with its own eight digits as zeros.

Any safetensors reader can read the arrays. Nothing in a file is ever run: there is no pickle.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

__all__ = ["FORMAT", "VERSION", "ModelFile", "PathLike", "load_model", "save_model", "write_atomic"]

FORMAT = "pyffnn"
VERSION = 1

PathLike: TypeAlias = str | os.PathLike[str]

_ALIGNMENT = 64
_MAX_HEADER = 100_000_000  # the limit of safetensors itself
_CRC_KEY = b'"crc32":"'
_NO_CRC = b"00000000"
_DTYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "F16": "<f2",
    "U32": "<u4",
    "I32": "<i4",
    "F32": "<f4",
    "U64": "<u8",
    "I64": "<i8",
    "F64": "<f8",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}


class ModelFile(NamedTuple):
    """What `load_model` read: the class name, its settings and its arrays (writable, owned by the caller)."""

    model: str
    config: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


def save_model(
    path: PathLike, model: str, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Write a model file: a reader sees the old file or the whole new one, never a part.

    Parameters
    ----------
    path
        Where to; an existing file is replaced.
    model
        Name of the class.
    config
        Settings, anything that JSON can hold.
    tensors
        Arrays of numbers or bools by name.

    Raises OSError (path not writable, disk full: an older file stays as it was), TypeError (an
    array of another dtype, or a setting that JSON cannot hold).
    """
    arrays = {name: _to_storable(name, array) for name, array in tensors.items()}
    # the widest first, so that each begins at a multiple of its element size
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].itemsize))
    header = _header(model, config, arrays)
    body = [array.reshape(-1).view(np.uint8).data for array in arrays.values() if array.size]
    crc = zlib.crc32(header)
    for part in body:
        crc = zlib.crc32(part, crc)
    at = header.index(_CRC_KEY + _NO_CRC) + len(_CRC_KEY)
    header = header[:at] + b"%08x" % crc + header[at + len(_NO_CRC) :]
    write_atomic(path, [len(header).to_bytes(8, "little"), header, *body])


def load_model(path: PathLike, models: str | Iterable[str]) -> ModelFile:
    """Read a file written by `save_model` for one of the classes ``models``.

    Raises OSError (no such file, ...), ValueError (not a pyffnn model file, damaged, written by a
    newer layout version, or of another class), naming the path.
    """
    where = os.fspath(path)
    data = bytearray(Path(path).read_bytes())
    header, start = _read_header(where, data)
    metadata = header.pop("__metadata__", None)
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise ValueError(
            f"{where!r} is not a pyffnn model file (a safetensors file of another origin)"
        )
    _check_version(where, metadata)
    _check_crc(where, data, start)
    wanted = [models] if isinstance(models, str) else list(models)
    model = metadata.get("model")
    if model not in wanted:
        raise ValueError(f"{where!r} holds a {model}, not a {' or '.join(wanted)}")
    try:
        config = json.loads(metadata["config"])
        if not isinstance(config, dict):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise _damaged(where, "its settings are unreadable") from None
    return ModelFile(model, config, _read_tensors(where, header, data, start))


def write_atomic(path: PathLike, parts: Iterable[bytes | memoryview]) -> None:
    """Write ``parts`` to a temporary file beside ``path``, to the disk, then under its name.

    A symbolic link is followed. The temporary file is removed when writing fails.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except OSError as error:  # name the file that was asked for, not the temporary one
        raise type(error)(error.errno, error.strerror, os.fspath(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    # the rename itself must reach the disk; not every file system lets a directory be opened
    with contextlib.suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _to_storable(name: str, array: NDArray[Any]) -> NDArray[Any]:
    array = np.ascontiguousarray(array).reshape(np.shape(array))  # the former makes 0-d arrays 1-d
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _NAMES:
        raise TypeError(
            f"tensors[{name!r}] has dtype {array.dtype}, which a model file cannot hold"
        )
    return array.astype(dtype, copy=False)


def _header(model: str, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    metadata = {
        # the checksum first: _check_crc looks for its first occurrence
        "crc32": _NO_CRC.decode(),
        "format": FORMAT,
        "version": str(VERSION),
        "model": model,
        "library": f"pyffnn {_pyffnn.version}",
        "config": json.dumps(config, allow_nan=False, ensure_ascii=False),
    }
    entries: dict[str, Any] = {"__metadata__": metadata}
    offset = 0
    for name, array in arrays.items():
        entries[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    return header + b" " * (-(8 + len(header)) % _ALIGNMENT)


def _damaged(where: str, why: str) -> ValueError:
    return ValueError(f"{where!r} is damaged: {why}")


def _read_header(where: str, data: bytearray) -> tuple[dict[str, Any], int]:
    foreign = ValueError(f"{where!r} is not a pyffnn model file (no safetensors header)")
    if len(data) < 10:
        raise foreign
    length = int.from_bytes(data[:8], "little")
    if length > _MAX_HEADER or data[8:9] != b"{":
        raise foreign
    if 8 + length > len(data):
        raise _damaged(where, f"it ends after {len(data)} bytes, within its header")
    try:
        header = json.loads(bytes(data[8 : 8 + length]))
    except ValueError:
        raise _damaged(where, "its header is not JSON") from None
    if not isinstance(header, dict):
        raise _damaged(where, "its header is not a JSON object")
    return header, 8 + length


def _check_version(where: str, metadata: dict[str, Any]) -> None:
    try:
        version = int(metadata["version"])
    except (KeyError, TypeError, ValueError):
        raise _damaged(where, "it has no format version") from None
    if version > VERSION:
        raise ValueError(
            f"{where!r} has format version {version}, written by {metadata.get('library')}; "
            f"this pyffnn {_pyffnn.version} reads up to version {VERSION}: install a newer one"
        )
    if version < 1:
        raise _damaged(where, f"its format version is {version}")


def _check_crc(where: str, data: bytearray, start: int) -> None:
    at = data.find(_CRC_KEY, 8, start) + len(_CRC_KEY)
    stored = bytes(data[at : at + len(_NO_CRC)])
    data[at : at + len(_NO_CRC)] = _NO_CRC
    if b"%08x" % zlib.crc32(memoryview(data)[8:]) != stored:
        raise _damaged(where, "its content does not match its checksum (cut off or changed)")


def _read_tensors(
    where: str, header: dict[str, Any], data: bytearray, start: int
) -> dict[str, NDArray[Any]]:
    tensors: dict[str, NDArray[Any]] = {}
    for name, entry in header.items():
        try:
            dtype = np.dtype(_DTYPES[entry["dtype"]])
            shape = tuple(int(n) for n in entry["shape"])
            begin, end = (start + int(at) for at in entry["data_offsets"])
        except (KeyError, TypeError, ValueError):
            raise _damaged(where, f"the entry of {name!r} is unreadable") from None
        size = math.prod(shape) * dtype.itemsize
        if (
            min(shape, default=0) < 0
            or not start <= begin <= end <= len(data)
            or end - begin != size
        ):
            raise _damaged(where, f"shape and place of {name!r} do not fit")
        array = np.frombuffer(data, dtype, math.prod(shape), begin) if size else np.zeros(0, dtype)
        tensors[name] = np.require(array.reshape(shape), requirements="A")
    return tensors
