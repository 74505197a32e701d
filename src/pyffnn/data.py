"""From raw text to bags of table rows; what `pyffnn.text.featurizer` and `pyffnn.text.corpus` hold."""

from __future__ import annotations

from pyffnn.text.corpus import Bags, Corpus
from pyffnn.text.featurizer import Featurizer, TokenizerLike, hashed_row

__all__ = ["Bags", "Corpus", "Featurizer", "TokenizerLike", "hashed_row"]
