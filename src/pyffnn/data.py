"""From files and raw text to bags of table rows; what `pyffnn.text.labelled`, `.featurizer` and `.corpus` hold."""

from __future__ import annotations

from pyffnn.text.corpus import Bags, Corpus
from pyffnn.text.featurizer import Featurizer, TokenizerLike, hashed_row
from pyffnn.text.labelled import LabelledFile, LabelledTexts, read_labelled, read_texts

__all__ = [
    "Bags",
    "Corpus",
    "Featurizer",
    "LabelledFile",
    "LabelledTexts",
    "TokenizerLike",
    "hashed_row",
    "read_labelled",
    "read_texts",
]
