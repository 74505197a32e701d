"""What every model of the next word offers, neural or n-gram."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import (
    Evaluation,
    Given,
    Tokens,
    Vocabulary,
    encode_given,
    encode_tokens,
    evaluate,
)
from pyffnn.models.arguments import check_flag, check_integer, check_non_negative
from pyffnn.models.decoding import best_ids, draw
from pyffnn.models.estimator import Estimator, not_fitted
from pyffnn.nn.initialise import generator_of

__all__ = ["NextWord", "NextWordModel", "best_ids"]


class NextWord(ABC):
    """A model of each token given those before it, over ``vocabulary_``.

    A subclass gives ``_log_prob_of_given``, ``_next_of_ids`` and ``_reach``.
    """

    vocabulary_: Vocabulary

    @abstractmethod
    def _log_prob_of_given(self, ids: NDArray[np.int32], given: Given) -> NDArray[np.float64]:
        """Natural log-probability of each id after those before it, shape (number,).

        ``given``: what the ids were made of.
        """

    @abstractmethod
    def _next_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Probability of every vocabulary entry after ``ids``, shape (V,)."""

    def _reach(self) -> int | None:
        """How many tokens before the next one matter; None: all."""
        return None

    def _one_state(self) -> AbstractContextManager[None]:
        """Meanwhile this thread sees one state of the model, whatever another thread does."""
        return nullcontext()

    def _check_fitted(self) -> None:
        """NotFittedError for a model that has no state."""
        if not hasattr(self, "vocabulary_"):
            raise not_fitted(self)

    def log_prob(self, tokens: Given) -> NDArray[np.float64]:
        """Natural log-probability of each token after those before it in ``tokens``.

        ``tokens`` is one of

        * a list of words, a string of words parted by white space, or ids (a 1-D integer array or a list): nothing is
          added to them;
        * a path (an `os.PathLike`, or a string that names a file) or an iterable of token lists: sentences, one stream,
          with the model's ``eos_token``, if it has one, after each.

        Returns shape (number of tokens,). Raises TypeError for what is none of these, FileNotFoundError for a string that
        looks like a file's name and is none, ValueError for words with white space, IndexError for an id outside the
        vocabulary.
        """
        self._check_fitted()
        with self._one_state():
            return self._log_prob_of_given(encode_given(tokens, self.vocabulary_), tokens)

    def score(self, sentence: Tokens, bos: bool = True, eos: bool = True) -> float:
        """log10 probability of a sentence, as KenLM's ``score``.

        In a model without ``eos_token`` sentence ends leave no mark, so that there is nothing before the sentence and none
        of its end to predict.

        Parameters
        ----------
        sentence
            Words, a string of words, or ids, without marks of its beginning and end.
        bos
            The sentence stands at the beginning: its first word is predicted after an end of sentence. False: without
            context.
        eos
            The end of the sentence is predicted, too.
        """
        self._check_fitted()
        with self._one_state():
            ids, first = self._sentence(sentence, bos, eos)
            log_p = self._log_prob_of_given(ids, sentence)[first:]
            return float(log_p.sum()) / math.log(10)

    def _sentence(self, sentence: Tokens, bos: bool, eos: bool) -> tuple[NDArray[np.int32], int]:
        """A sentence's ids with those around it, and where what is predicted begins."""
        check_flag("bos", bos)
        check_flag("eos", eos)
        ids = encode_tokens(sentence, self.vocabulary_, name="sentence")
        mark = self.vocabulary_.eos_id
        if mark is None:
            return ids, 0
        return np.concatenate([[mark] * bool(bos), ids, [mark] * bool(eos)]).astype(np.int32), int(
            bos
        )

    def evaluate(self, corpus: Given) -> Evaluation:
        """Perplexity of a corpus, with the numbers of tokens, unknown words and sentence ends."""
        self._check_fitted()
        with self._one_state():
            ids = encode_given(corpus, self.vocabulary_, name="corpus", corpus=True)
            return evaluate(self._log_prob_of_given(ids, corpus), ids, self.vocabulary_)

    def perplexity(self, corpus: Given) -> float:
        """``exp`` of the mean negative log-probability of all tokens of a corpus.

        ``corpus``: whatever `log_prob` takes. Every token counts: unknown words as ``unk_token``, and, if the model has an
        ``eos_token``, one end of sentence after each sentence of a file or of token lists. The corpus is one stream; its
        first token is predicted without context.
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

    def generate(
        self,
        prompt: Tokens,
        n: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        random_state: Any = 0,
        unknown: bool = False,
    ) -> list[str] | list[int]:
        """``n`` further tokens, drawn one after the other.

        Parameters
        ----------
        prompt
            Tokens before them: words, a string of words, or ids; may be empty.
        temperature
            Probabilities are taken to the power 1 / temperature; 0: always the likeliest token.
        top_k
            Draw among the so many likeliest only.
        random_state
            Same seed, same tokens.
        unknown
            Whether ``unk_token`` may be drawn.
        """
        self._check_fitted()
        n = check_integer("n", n, 0)
        if top_k is not None:
            top_k = check_integer("top_k", top_k, 1)
        temperature = check_non_negative("temperature", temperature)
        check_flag("unknown", unknown)
        rng = generator_of(random_state)
        with self._one_state():
            vocabulary, reach = self.vocabulary_, self._reach()
            ids = encode_tokens(prompt, vocabulary, name="prompt").tolist()
            unk, start = vocabulary.unk_id, len(ids)
            for _ in range(n):
                last = ids if reach is None else ids[max(len(ids) - reach, 0) :]
                p = self._next_of_ids(np.array(last, np.int32))
                if unk is not None and not unknown and len(p) > 1:
                    p[unk] = 0
                ids.append(draw(p, rng, temperature, top_k))
            return vocabulary.decode(ids[start:])


class NextWordModel(Estimator, NextWord):
    """An estimator of that kind: ``fit`` sets ``vocabulary_``. A subclass gives ``_log_prob_of_ids``."""

    @abstractmethod
    def _log_prob_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        """Natural log-probability of each id after those before it, shape (number,)."""

    def _log_prob_of_given(self, ids: NDArray[np.int32], given: Given) -> NDArray[np.float64]:
        return self._log_prob_of_ids(ids)
