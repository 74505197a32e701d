"""The neural language model."""

from pyffnn.models.language_model.model import LanguageModel

__all__ = ["LanguageModel"]
