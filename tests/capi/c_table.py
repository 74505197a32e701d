"""The table of C functions as ctypes sees it, read from ``pyffnn.h``: so the header is tested with the library."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import numpy as np

import pyffnn
from pyffnn import _pyffnn

HEADER = Path(pyffnn.get_include()) / "pyffnn.h"
CODES = ["OK", "BAD_ARGUMENT", "BAD_ID", "NO_MEMORY", "BAD_FILE", "FAILED"]


class Optimizer(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int32)] + [
        (name, ctypes.c_double) for name in ("lr", "beta1", "beta2", "eps", "l2", "weight_decay")
    ]


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


def declarations() -> list[str]:
    """Those of the table's members."""
    text = without_comments(HEADER.read_text())
    body = text[text.index("typedef struct pyffnn_api {") : text.index("} pyffnn_api;")]
    return [" ".join(d.split()) for d in body.partition("{")[2].split(";") if d.strip()]


_NUMBERS = {"int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64, "uint32_t": ctypes.c_uint32}


def _ctype(text: str) -> Any:
    text = text.replace("const ", "").strip()
    if text == "char*":
        return ctypes.c_char_p
    if text == "void":
        return None
    return ctypes.c_void_p if "*" in text else _NUMBERS[text]


def _member(declaration: str) -> tuple[str, Any]:
    function = re.fullmatch(r"(.*)\(\*(\w+)\)\((.*)\)", declaration)
    if function is None:
        kind, _, name = declaration.rpartition(" ")
        return name, _ctype(kind)
    result, name, arguments = function.groups()
    kinds = [] if arguments == "void" else [a.rpartition(" ")[0] for a in arguments.split(", ")]
    return name, ctypes.CFUNCTYPE(_ctype(result), *map(_ctype, kinds))


class Table(ctypes.Structure):
    _fields_ = [_member(d) for d in declarations()]


def address() -> int:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found: int = pointer(_pyffnn._C_API, b"pyffnn._pyffnn._C_API")
    return found


api = Table.from_address(address())


def capsule_pointer(capsule: object) -> int:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found: int = pointer(capsule, b"pyffnn.model")
    return found


class FailedError(Exception):
    """A status that is not NULL."""

    def __init__(self, status: int) -> None:
        self.code = CODES[api.status_code(status)]
        super().__init__(api.status_message(status).decode())


def call(name: str, *arguments: Any) -> None:
    """A function of the table, with arrays for pointers."""
    plain = [
        a.ctypes.data if isinstance(a, np.ndarray) else ctypes.addressof(a) if isinstance(a, ctypes.Structure | ctypes.Array | ctypes._SimpleCData) else a
        for a in arguments
    ]  # fmt: skip
    status = getattr(api, name)(*plain)
    if status:
        raise FailedError(status)
