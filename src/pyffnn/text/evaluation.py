"""Perplexity, with what it counts."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyffnn.text.vocabulary import Vocabulary


class Evaluation(NamedTuple):
    """A perplexity and what it counts."""

    perplexity: float
    """``exp`` of the mean negative log-probability of all tokens."""
    tokens: int
    """Tokens predicted: every token of the corpus, the two kinds below among them."""
    unknown: int
    """Tokens that were outside the vocabulary, predicted as the unknown token."""
    end_of_sentence: int
    """End-of-sentence tokens (0 without ``eos_token``)."""

    def __str__(self) -> str:
        return (
            f"perplexity {self.perplexity:.2f} over {self.tokens} tokens, "
            f"{self.unknown} of them unknown words, {self.end_of_sentence} ends of sentence"
        )


def evaluate(
    log_probs: NDArray[np.floating[Any]], ids: NDArray[np.integer[Any]], vocabulary: Vocabulary
) -> Evaluation:
    """Perplexity ``exp(-mean(log_probs))`` of the tokens ``ids``; both arrays 1-D, one a token."""
    if ids.size == 0:
        raise ValueError("corpus is empty: a perplexity needs one token at least")

    def count(token: int | None) -> int:
        return 0 if token is None else int(np.count_nonzero(ids == token))

    with np.errstate(over="ignore"):
        perplexity = float(np.exp(-np.mean(log_probs, dtype=np.float64)))
    return Evaluation(perplexity, int(ids.size), count(vocabulary.unk_id), count(vocabulary.eos_id))
