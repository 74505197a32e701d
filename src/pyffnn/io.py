"""Files: models and word vectors.

Model files are one safetensors file of arrays and settings, written atomically, checked on reading.
"""

from pyffnn.formats.model_file import (
    VERSION,
    ModelFile,
    PathLike,
    load_model,
    save_model,
    write_atomic,
)
from pyffnn.text.vector_files import save_vectors
from pyffnn.text.vectors import load_vectors

__all__ = [
    "VERSION",
    "ModelFile",
    "PathLike",
    "load_model",
    "load_vectors",
    "save_model",
    "save_vectors",
    "write_atomic",
]
