"""What networks train on: examples, and what they are to be taken for. Immutable; threads may share them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn import _pyffnn

__all__ = ["Examples", "Targets"]


class Examples:
    """Examples in a form that a network reads; made by one of the class methods.

    Attributes
    ----------
    kind
        "dense", "sparse", "bags", "sequences" or "stream".
    dtype
        Of their numbers; float32.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, kind: str, source: str, arrays: tuple[Any, ...], size: int) -> None:
        self.kind = kind
        self.source = source
        self.arrays = arrays
        self._size = size

    def __len__(self) -> int:
        return self._size

    @classmethod
    def dense(cls, X: NDArray[np.float32]) -> Examples:
        """Rows of numbers, float32 [n, width]."""
        return cls("dense", "dense", (X,), int(X.shape[0]))

    @classmethod
    def sparse(
        cls,
        indptr: NDArray[np.int64],
        indices: NDArray[np.int32],
        data: NDArray[np.float32],
        width: int,
    ) -> Examples:
        """Rows of numbers, most of them 0, as compressed sparse rows of ``width`` columns."""
        return cls("sparse", "sparse", (indptr, indices, data), int(indptr.shape[0]) - 1)

    @classmethod
    def bags(cls, ids: ArrayLike, offsets: NDArray[np.int64], rows: int) -> Examples:
        """Bag i is the table rows ``ids[offsets[i]:offsets[i + 1]]``, each below ``rows``."""
        return cls("bags", "bags", (ids, offsets), int(offsets.shape[0]) - 1)

    @classmethod
    def sequences(
        cls, ids: ArrayLike, offsets: NDArray[np.int64], rows: int, length: int
    ) -> Examples:
        """The same in order, each cut or padded to ``length``; an id of -1 is padding."""
        return cls("sequences", "bags", (ids, offsets), int(offsets.shape[0]) - 1)

    @classmethod
    def text(cls, corpus: _pyffnn.TextCorpus) -> Examples:
        """The rows of each document of a corpus as bags."""
        return cls("bags", "text", (corpus,), len(corpus))

    @classmethod
    def text_sequences(cls, corpus: _pyffnn.TextCorpus, length: int) -> Examples:
        """The first ``length`` words of each document of a corpus."""
        return cls("sequences", "text", (corpus,), len(corpus))

    @classmethod
    def stream(cls, ids: NDArray[np.int32], vocab: int) -> Examples:
        """Token ids below ``vocab``, used where they lie: example i is token i after those before it."""
        return cls("stream", "stream", (ids,), int(ids.shape[0]))


class Targets:
    """What examples are to be taken for; made by one of the class methods.

    Attributes
    ----------
    kind
        "classes", "sets", "rows" or "values".
    n_outputs
    """

    def __init__(
        self,
        kind: str,
        array: NDArray[Any],
        n_outputs: int,
        weight: NDArray[np.float32] | None,
    ) -> None:
        self.kind = kind
        self.array = array
        self.n_outputs = n_outputs
        self.weight = weight

    def __len__(self) -> int:
        return int(self.array.shape[0])

    @classmethod
    def classes(
        cls, y: NDArray[Any], n_outputs: int, weight: NDArray[np.float32] | None = None
    ) -> Targets:
        """A class number each, int32 or int64 [n]; ``weight`` float32 [n]."""
        return cls("classes", y, n_outputs, weight)

    @classmethod
    def sets(
        cls,
        indptr: NDArray[np.int64],
        indices: NDArray[Any],
        n_outputs: int,
        weight: NDArray[np.float32] | None = None,
        output_weight: NDArray[np.float32] | None = None,
    ) -> Targets:
        """Any number of classes each: example i has ``indices[indptr[i]:indptr[i + 1]]``."""
        if output_weight is not None:
            raise ValueError("class_weight must be None with sets of labels")
        matrix = np.zeros((indptr.size - 1, n_outputs), np.float32)
        matrix[np.repeat(np.arange(indptr.size - 1), np.diff(indptr)), indices] = 1
        return cls("sets", matrix, n_outputs, weight)

    @classmethod
    def rows(cls, p: NDArray[np.float32], weight: NDArray[np.float32] | None = None) -> Targets:
        """Rows of numbers in [0, 1], float32 [n, n_outputs]."""
        return cls("rows", p, int(p.shape[1]), weight)
