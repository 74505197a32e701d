"""Run-time choices: the instruction set whose kernels run, the number of threads, and the default precision."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from . import _pyffnn
from .precision import Precision, get_default_precision, set_default_precision

__all__ = [
    "available_isas",
    "config",
    "get_default_precision",
    "get_include",
    "get_kept_memory",
    "get_num_threads",
    "isa",
    "num_threads",
    "release_memory",
    "set_default_precision",
    "set_isa",
    "set_kept_memory",
    "set_num_threads",
    "show_config",
    "use_isa",
]

_OPTIONAL = (
    "fasttext",
    "graphviz",
    "matplotlib",
    "pandas",
    "scipy",
    "sklearn",
    "thinc",
    "threadpoolctl",
    "tokenizers",
    "torch",
    "tqdm",
)


def get_include() -> str:
    """The directory of ``pyffnn.h`` and ``capi.pxd``: the kernels for C, C++ and Cython (docs/how-to/c-and-cython.md).

    For a compiler's ``include_dirs`` and for Cython's ``include_path``.
    """
    return str(Path(__file__).parent / "include")


def isa() -> str:
    """Name of the active instruction set: "reference", "sse2", "avx2", "avx512", "amx" or "neon"."""
    return _pyffnn.isa()


def available_isas() -> list[str]:
    """Names of the instruction sets that this machine can run, worst first."""
    return _pyffnn.available_isas()


def set_isa(name: str) -> None:
    """Make `name` the active instruction set of the process.

    Raises ValueError, naming the usable ones, when it is unknown or this machine cannot run it, TypeError for anything but a str.
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, got {name!r}")
    _pyffnn.set_isa(name)


@contextmanager
def use_isa(name: str) -> Iterator[None]:
    """Context manager: `set_isa(name)` inside, the previous one after. The choice is process-wide, not per thread."""
    before = isa()
    set_isa(name)
    try:
        yield
    finally:
        set_isa(before)


def get_num_threads() -> int:
    """Number of threads that an operation may use.

    The default is PYFFNN_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs of the affinity mask capped by the cgroup quota.
    """
    return _pyffnn.get_num_threads()


def set_num_threads(n: int) -> None:
    """Set the pool size of the process, from 1 to 1024. Raises ValueError outside, TypeError for anything but an integer."""
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n must be an integer, got {n!r}")
    n = int(n)
    if not 1 <= n <= 1024:
        raise ValueError(f"n must be from 1 to 1024, got {n}")
    _pyffnn.set_num_threads(n)


@contextmanager
def num_threads(n: int) -> Iterator[None]:
    """Context manager: `set_num_threads(n)` inside, the previous count after."""
    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)


def get_kept_memory() -> int:
    """The most bytes of memory that pyffnn keeps for its next large results and workspaces.

    The default is PYFFNN_KEPT_MEMORY, else 256 MB. The system may take back what is kept when it is short of memory.
    """
    return _pyffnn.kept_memory()[1]


def set_kept_memory(n: int) -> None:
    """Keep at most `n` bytes of memory from now on; 0 keeps nothing, and results have their memory from NumPy.

    Raises ValueError for a negative number, TypeError for anything but an integer.
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"n must be an integer, got {n!r}")
    if not 0 <= int(n) < 2**60:
        raise ValueError(f"n must be from 0 to 2**60 - 1 bytes, got {n}")
    _pyffnn.set_kept_memory(int(n))


def release_memory() -> int:
    """Give all memory that is kept back to the system; returns how many bytes that was. Arrays in use are not touched."""
    return _pyffnn.release_memory()


class Kept(TypedDict):
    """Memory that is kept for the next large result, in bytes."""

    now: int
    limit: int


class Products(TypedDict):
    """How dense products are walked on this core."""

    core: str
    rows_us: float
    columns_us: float
    way: str


class Config(TypedDict):
    """What `config` says."""

    version: str
    isa: str
    available_isas: list[str]
    default_precision: Precision
    amx: str
    amx_idle: bool
    cpu: str
    cpu_features: list[str]
    caches: dict[str, int]
    products: Products
    threads: int
    kept_memory: Kept
    compiler: str
    optional: dict[str, bool]


def config() -> Config:
    """Version, ISA, CPU features and caches (bytes), threads, precision, compiler, and which optional packages are installed.

    "amx" is "usable", or says why the matrix unit of this machine cannot be used. "amx_idle" is true where it could be, but neither the
    active ISA nor the default precision makes use of it. "products" is how dense products are walked (docs/kernels.md): "core", the faster
    of two ways, with the time of each on one small product in microseconds, measured once a process and ISA; and the "way" that
    PYFFNN_GEMM prescribes, "auto" where it does not.
    """
    amx = _pyffnn.amx_status()
    kept, limit = _pyffnn.kept_memory()
    idle = amx == "usable" and (not _pyffnn.isa_has_tiles() or get_default_precision() == "float32")
    return {
        "version": _pyffnn.version,
        "isa": isa(),
        "available_isas": available_isas(),
        "default_precision": get_default_precision(),
        "amx": amx,
        "amx_idle": idle,
        "cpu": _pyffnn.cpu_model(),
        "cpu_features": _pyffnn.cpu_features(),
        "caches": _pyffnn.cpu_caches(),
        "products": _products(),
        "threads": get_num_threads(),
        "kept_memory": {"now": kept, "limit": limit},
        "compiler": _pyffnn.compiler,
        "optional": {name: importlib.util.find_spec(name) is not None for name in _OPTIONAL},
    }


def _products() -> Products:
    core, rows, columns = _pyffnn.core_trait()
    return {
        "core": core,
        "rows_us": round(rows, 1),
        "columns_us": round(columns, 1),
        "way": _pyffnn.product_way(),
    }


def show_config() -> None:
    """Print `config()`, a line an entry."""
    for key, value in config().items():
        if isinstance(value, dict):
            value = ", ".join(f"{k}: {v}" for k, v in value.items())
        elif isinstance(value, list):
            value = " ".join(value)
        elif key == "amx_idle":
            value = _idle(bool(value))
        print(f"{key:18} {value}")


def _idle(idle: bool) -> str:
    if not idle:
        return "no"
    if not _pyffnn.isa_has_tiles():
        return f"yes: ISA {isa()} is active; pyffnn.set_isa('amx') changes it"
    return "yes: products are float32; pyffnn.set_default_precision('auto'), PYFFNN_PRECISION or precision= change it"
