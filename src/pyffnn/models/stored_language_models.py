"""Language models of every kind from their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pyffnn.formats.model_file import PathLike, load_model
from pyffnn.models.next_word import NextWord

__all__ = ["load_language_model"]


def load_language_model(path: PathLike) -> NextWord:
    """A `LanguageModel`, `KneserNeyLM` or `Mixture` from its file; also an n-gram model in ARPA's form (.arpa, .arpa.gz).

    Raises OSError, and ValueError for a file that is damaged, of another model, or newer.
    """
    from pyffnn.models.language_model import LanguageModel
    from pyffnn.models.ngram import KneserNeyLM, Mixture
    from pyffnn.training import checkpoint_kind

    if ".arpa" in Path(path).suffixes[-2:]:
        return KneserNeyLM.from_arpa(path)
    kinds: dict[str, Any] = {
        "LanguageModel": LanguageModel,
        checkpoint_kind("LanguageModel"): LanguageModel,
        "KneserNeyLM": KneserNeyLM,
        "Mixture": Mixture,
    }
    model: NextWord = kinds[load_model(path, list(kinds)).model].load(path)
    return model
