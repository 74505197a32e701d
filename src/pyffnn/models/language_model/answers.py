"""Vectors of a fitted language model's words, one by one and as a file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyffnn.formats.model_file import PathLike
from pyffnn.models.fitted import FittedModel
from pyffnn.models.language_model.state import LanguageModelFitted
from pyffnn.text.vector_files import save_vectors

__all__ = ["WordVectors"]


class WordVectors(FittedModel[LanguageModelFitted]):
    """Embeddings of words."""

    def word_vector(self, word: str | int) -> NDArray[np.float32]:
        """A copy of the embedding of a word, shape (embedding_dim,).

        Raises ValueError when not fitted, or for a word outside the vocabulary.
        """

        def ask(fitted: LanguageModelFitted) -> NDArray[np.float32]:
            vocabulary = fitted.vocabulary
            if word not in vocabulary:
                raise ValueError(f"{word!r} is not in the vocabulary")
            at = int(vocabulary.encode([word])[0])  # type: ignore[list-item]
            return np.array(fitted.embeddings[at])

        return self._consistently(ask)

    def save_vectors(self, path: PathLike) -> None:
        """Write the words and their embeddings to a file; see `pyffnn.io.save_vectors` for its forms.

        Raises ValueError when not fitted, OSError where the file cannot be written.
        """

        def ask(fitted: LanguageModelFitted) -> tuple[list[str], NDArray[np.float32]]:
            words = fitted.vocabulary.decode(range(len(fitted.vocabulary)))
            return [str(word) for word in words], np.array(fitted.embeddings)

        save_vectors(path, *self._consistently(ask))

    def _notes(self, fitted: LanguageModelFitted) -> tuple[tuple[str, str], ...]:
        return (("vocabulary", f"{len(fitted.vocabulary):,} words"),)
