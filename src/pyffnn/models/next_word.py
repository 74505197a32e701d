"""What every model of the next word offers, neural or n-gram."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import (
    Evaluation,
    StreamSource,
    Tokens,
    Vocabulary,
    encode_corpus,
    encode_tokens,
    evaluate,
)
from pyffnn.models.arguments import check_integer
from pyffnn.models.estimator import Estimator, not_fitted

__all__ = ["NextWordModel"]


class NextWordModel(Estimator, ABC):
    """A model of each token given those before it; ``fit`` sets ``vocabulary_``.

    A subclass gives ``_log_prob_of_ids`` and ``_next_of_ids``.
    """

    vocabulary_: Vocabulary

    @abstractmethod
    def _log_prob_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Natural log-probability of each id after those before it, shape (number,)."""

    @abstractmethod
    def _next_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Probability of every vocabulary entry after ``ids``, shape (V,)."""

    def _one_state(self) -> AbstractContextManager[None]:
        """Meanwhile this thread sees one state of the model, whatever another thread does."""
        return nullcontext()

    def log_prob(self, tokens: Tokens) -> NDArray[np.float64]:
        """Natural log-probability of each token after those before it in ``tokens``.

        ``tokens``: words, a string of words parted by white space, or ids. Nothing is added to
        them. Returns shape (number of tokens,).
        """
        self._check_fitted()
        with self._one_state():
            return self._log_prob_of_ids(encode_tokens(tokens, self.vocabulary_))

    def evaluate(self, corpus: StreamSource) -> Evaluation:
        """Perplexity of a corpus, with the numbers of tokens, unknown words and sentence ends."""
        self._check_fitted()
        with self._one_state():
            ids = encode_corpus(corpus, self.vocabulary_)
            return evaluate(self._log_prob_of_ids(ids), ids, self.vocabulary_)

    def perplexity(self, corpus: StreamSource) -> float:
        """``exp`` of the mean negative log-probability of all tokens of a corpus.

        Every token counts: unknown words as ``unk_token``, and, if the model has an
        ``eos_token``, one end of sentence after each sentence of a text corpus. The corpus is one
        stream; its first token is predicted without context.
        """
        return self.evaluate(corpus).perplexity

    def next_distribution(self, context: Tokens) -> NDArray[np.float64]:
        """Probability of every vocabulary entry after ``context``, shape (V,); sums to one."""
        self._check_fitted()
        with self._one_state():
            return self._next_of_ids(encode_tokens(context, self.vocabulary_, name="context"))

    def next_words(self, context: Tokens, k: int = 10) -> list[tuple[str | int, float]]:
        """The ``k`` likeliest next tokens with their probabilities, likeliest first.

        Ties go to the smaller id. Words from a text corpus, ids from a corpus of ids.
        """
        k = check_integer("k", k, 1)
        self._check_fitted()
        with self._one_state():
            p = self.next_distribution(context)
            best = best_ids(p, k)
            return list(zip(self.vocabulary_.decode(best), p[best].tolist(), strict=True))

    def _check_fitted(self) -> None:
        if not hasattr(self, "vocabulary_"):
            raise not_fitted(self)


def best_ids(p: NDArray[np.floating[Any]], k: int) -> NDArray[np.int64]:
    """Ids of the ``k`` greatest numbers, falling; ties go to the smaller id."""
    # the k-th greatest of the blocks' maxima has k numbers at or above it
    block = 64
    tops = p[: p.size // block * block].reshape(-1, block).max(axis=1)
    if k > tops.size:
        tops = p
    if k < p.size:
        border = np.partition(tops, tops.size - k)[tops.size - k]
        few = np.flatnonzero(p >= border)
        return few[np.argsort(-p[few], kind="stable")][:k]
    return np.argsort(-p, kind="stable")[:k]
