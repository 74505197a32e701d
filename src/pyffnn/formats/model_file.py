"""Model files: one safetensors file of arrays and settings, written atomically, checked on reading.

Arrays are kept by the safetensors library (https://github.com/huggingface/safetensors), and any reader of it can read them. The file's
metadata has one entry, ``pyffnn``: a checksum (crc32, eight hexadecimal digits) of all that follows and of the arrays, a space, and JSON with

- ``version``: the version of this layout (an integer), and ``library``: the version of pyffnn that wrote the file;
- ``model``: the class that did, and ``config``: its settings.

One entry, because safetensors does not promise an order of several: the same content gives the same bytes. There is no pickle.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

__all__ = [
    "VERSION",
    "ModelFile",
    "PathLike",
    "check_can_write",
    "load_model",
    "save_model",
    "write_atomic",
]

VERSION = 2
"""Of the names of arrays and settings; `formats.version_one` reads those of version 1."""

PathLike: TypeAlias = str | os.PathLike[str]

_KEY = "pyffnn"
_DTYPES = {
    np.dtype(code)
    for code in ("?", "u1", "i1", "u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8")
}


class _Content(NamedTuple):
    model: str
    config: dict[str, Any]
    tensors: dict[str, NDArray[Any]]


class ModelFile(_Content):
    """What `load_model` read: the class name, its settings and its arrays (writable, owned by the caller).

    ``version`` is that of the file's layout, ``library`` the pyffnn that wrote it.
    """

    version: int = VERSION
    library: str = ""


def save_model(
    path: PathLike, model: str, config: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Write a model file: a reader sees the old file or the whole new one, never a part.

    Raises OSError (path not writable, disk full: an older file stays as it was), TypeError (an
    array of another dtype, or a setting that JSON cannot hold).

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
    """
    from safetensors.numpy import save  # with its first use: `import pyffnn` stays light

    arrays = {name: _to_storable(name, array) for name, array in tensors.items()}
    text = json.dumps(
        {
            "version": VERSION,
            "library": f"pyffnn {_pyffnn.version}",
            "model": model,
            "config": config,
        },
        allow_nan=False,
        ensure_ascii=False,
    )
    data = save(arrays, {_KEY: f"{_checksum(text, arrays):08x} {text}"})
    write_atomic(path, [data])


def load_model(path: PathLike, models: str | Iterable[str] | None) -> ModelFile:
    """Read a file written by `save_model` for one of the classes ``models``; None: for any.

    Raises OSError (no such file, ...), ValueError (not a pyffnn model file, damaged, written by a
    newer layout version, or of another class), naming the path.
    """
    from safetensors import SafetensorError, safe_open

    where = os.fspath(path)
    with open(path, "rb"):  # a missing or unreadable file is an OSError in Python's words
        pass
    try:
        with safe_open(where, framework="np") as file:
            entry = (file.metadata() or {}).get(_KEY)
            tensors = {
                name: np.require(file.get_tensor(name), requirements=["A", "W"])
                for name in (file.keys() if entry is not None else ())
            }
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, OSError) as error:
        raise ValueError(f"{where!r} is not a pyffnn model file, or damaged: {error}") from None
    if entry is None:
        raise ValueError(
            f"{where!r} is not a pyffnn model file (a safetensors file of another origin)"
        )
    header = _read_entry(where, entry, tensors)
    wanted = [models] if isinstance(models, str) else list(models or ())
    if models is not None and header["model"] not in wanted:
        raise ValueError(f"{where!r} holds a {header['model']}, not a {' or '.join(wanted)}")
    file = ModelFile(header["model"], header["config"], tensors)
    file.version, file.library = header["version"], str(header.get("library", "pyffnn"))
    return file


def check_can_write(path: PathLike) -> None:
    """Raise OSError, naming the path, where no file can be written: before long work, not after it."""
    name = os.fspath(path)
    target = Path(os.path.realpath(name))
    if not name or not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)


def write_atomic(path: PathLike, parts: Iterable[bytes | memoryview]) -> None:
    """Write ``parts`` to a temporary file beside ``path``, to the disk, then under its name.

    A symbolic link is followed. The temporary file is removed when writing fails.
    """
    check_can_write(path)
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
    dtype = array.dtype.newbyteorder("=")
    if dtype not in _DTYPES:
        raise TypeError(
            f"tensors[{name!r}] has dtype {array.dtype}, which a model file cannot hold"
        )
    return array.astype(dtype, copy=False)


def _checksum(text: str, arrays: Mapping[str, NDArray[Any]]) -> int:
    crc = zlib.crc32(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        crc = zlib.crc32(f"{name}:{array.dtype.str}:{array.shape}".encode(), crc)
        if array.size:
            crc = zlib.crc32(array.reshape(-1).view(np.uint8).data, crc)
    return crc


def _read_entry(where: str, entry: str, tensors: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The JSON of the metadata entry, after its checks."""
    crc, _, text = entry.partition(" ")
    if crc != f"{_checksum(text, tensors):08x}":
        raise ValueError(f"{where!r} is damaged: its content does not match its checksum")
    try:
        header: dict[str, Any] = json.loads(text)
        version, model, config = header["version"], header["model"], header["config"]
        if not (isinstance(version, int) and isinstance(model, str) and isinstance(config, dict)):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{where!r} is damaged: its settings are unreadable") from None
    if version > VERSION:
        raise ValueError(
            f"{where!r} has format version {version}, written by {header.get('library')}; "
            f"this pyffnn {_pyffnn.version} reads up to version {VERSION}: install a newer one"
        )
    if version < 1:
        raise ValueError(f"{where!r} is damaged: its format version is {version}")
    return header
