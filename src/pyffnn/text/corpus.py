"""Documents cut into words once, from which the bags of a batch are made when they are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn import _pyffnn

if TYPE_CHECKING:
    from pyffnn.text.featurizer import Featurizer

__all__ = ["Bags", "Corpus"]


class Bags(NamedTuple):
    """Documents as bags of rows: bag ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.

    ids : int32 (total,), offsets : int64 (documents + 1,).
    """

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]


class Corpus:
    """Documents cut into words once, for any number of epochs. Made by `Featurizer`, not directly."""

    def __init__(self, core: _pyffnn.TextCorpus, featurizer: Featurizer) -> None:
        self._core = core
        self._featurizer = featurizer

    @property
    def core(self) -> _pyffnn.TextCorpus:
        """The compiled object, which the training loop takes."""
        return self._core

    @property
    def featurizer(self) -> Featurizer:
        return self._featurizer

    def __len__(self) -> int:
        return len(self._core)

    def __repr__(self) -> str:
        return f"<Corpus of {len(self)} documents, {self.num_tokens} words>"

    @property
    def num_tokens(self) -> int:
        """Words in all, those outside the vocabulary included."""
        return self._core.num_tokens

    @property
    def suits_char_ngrams(self) -> bool:
        """Whether character n-grams are worth their time: fewer than 500,000 words, or than 25 a text."""
        return self._core.suits_char_ngrams

    @property
    def label_names(self) -> list[str]:
        """Labels of a labelled file, prefix and all, in order of first appearance."""
        return self._core.labels

    @property
    def labels(self) -> Bags:
        """Numbers into `label_names`, a bag a document: a line may have several labels or none."""
        return Bags(self._core.label_ids, self._core.label_offsets)

    def bags(self, documents: ArrayLike | None = None) -> Bags:
        """The rows of these documents (all of them for None), words first, then n-grams.

        IndexError for a document that is not there.
        """
        return Bags(*self._core.expand(documents))

    def sequences(self, max_tokens: int, documents: ArrayLike | None = None) -> NDArray[np.int32]:
        """The first `max_tokens` word ids of each document, int32 (documents, max_tokens).

        A word outside the vocabulary keeps its place as -1, and -1 fills the rest.
        """
        return self._core.sequences(max_tokens, documents)

    def batches(
        self, batch_size: int, order: ArrayLike | None = None
    ) -> Iterator[tuple[NDArray[np.int64], Bags]]:
        """(document numbers, their bags) for `batch_size` documents at a time; the last may be smaller.

        order : int64 (n,), the documents to go through; None: all as they are.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if order is None:
            chosen = np.arange(len(self), dtype=np.int64)
        else:
            chosen = np.asarray(order)
            if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
                raise ValueError(
                    f"order must be a 1-D array of integers, got {chosen.dtype} of shape {chosen.shape}"
                )
            chosen = chosen.astype(np.int64)
        for start in range(0, len(chosen), batch_size):
            part = chosen[start : start + batch_size]
            yield part, self.bags(part)
