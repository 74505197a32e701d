"""Model files: one safetensors file of arrays and settings, written atomically, checked on reading."""

from pyffnn.formats.model_file import (
    VERSION,
    ModelFile,
    PathLike,
    load_model,
    save_model,
    write_atomic,
)

__all__ = ["VERSION", "ModelFile", "PathLike", "load_model", "save_model", "write_atomic"]
