"""Arrays that end, or begin, at memory which must not be touched."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_PROT_NONE = 0


def guarded(x: NDArray[Any], at_end: bool) -> NDArray[Any]:
    """A copy of x whose last byte is followed, or first byte preceded, by a page without access."""
    pages = max(1, -(-x.nbytes // PAGE))
    memory = mmap.mmap(-1, (pages + 2) * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    for guard in (0, pages + 1):
        if _libc.mprotect(ctypes.c_void_p(start + guard * PAGE), PAGE, _PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    offset = (pages + 1) * PAGE - x.nbytes if at_end else PAGE
    view = np.frombuffer(memory, np.uint8, x.nbytes, offset).view(x.dtype).reshape(x.shape)
    view[...] = x
    return view
