"""Makes threadpoolctl know pyffnn's thread pool, so that `threadpool_limits` and `threadpool_info` cover it.

threadpoolctl is optional and is never imported here: when it is loaded already, the pool is registered at
once, else at the moment somebody imports it. Nothing of it is called at import.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from . import _pyffnn

__all__ = ["watch"]

_NAME = "threadpoolctl"


def _register(threadpoolctl: Any) -> None:
    base: Any = threadpoolctl.LibController

    class PyffnnController(base):  # type: ignore[misc]
        user_api = "pyffnn"
        internal_api = "pyffnn"
        filename_prefixes = ("_pyffnn",)
        check_symbols = ("pyffnn_get_num_threads", "pyffnn_set_num_threads")

        def get_num_threads(self) -> int:
            return int(self.dynlib.pyffnn_get_num_threads())

        def set_num_threads(self, num_threads: int) -> None:
            self.dynlib.pyffnn_set_num_threads(num_threads)

        def get_version(self) -> str:
            return _pyffnn.version

        def set_additional_attributes(self) -> None:
            self.isa = _pyffnn.isa()

    threadpoolctl.register(PyffnnController)


class _Watcher:
    """A finder that finds nothing itself: it lets the others find threadpoolctl and adds the registration to its loading."""

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _NAME:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                _register_after_loading(spec.loader)
                return spec
        return None


def _register_after_loading(loader: Any) -> None:
    load = loader.exec_module

    def load_and_register(module: ModuleType) -> None:
        load(module)
        _register(module)

    loader.exec_module = load_and_register


def watch() -> None:
    """Register with threadpoolctl: now if it is loaded, else when it will be."""
    loaded = sys.modules.get(_NAME)
    if loaded is not None:
        _register(loaded)
    else:
        sys.meta_path.insert(0, _Watcher())
