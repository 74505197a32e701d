"""The n-gram baseline of the language models."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import (
    CorpusIds,
    StreamSource,
    Vocabulary,
    VocabularyLike,
    read_corpus,
)
from pyffnn.models.next_word import NextWordModel
from pyffnn.models.ngram.smoothing import Level, counts_of_counts, discounts, interpolate
from pyffnn.models.ngram.trie import NgramTrie
from pyffnn.models.one_state import OneState
from pyffnn.models.parameters import check

if TYPE_CHECKING:
    from pyffnn.models.ngram.cache import UnigramCache
    from pyffnn.models.ngram.mixture import LanguageModelLike, Mixture

__all__ = ["KneserNeyLM"]

_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Counted:
    """The state of a `KneserNeyLM`; its attributes of the same names document it."""

    trie: NgramTrie
    levels: tuple[Level, ...]
    discounts: NDArray[np.float64]
    counts_of_counts: NDArray[np.int64]
    num_tokens: int
    vocabulary: Vocabulary
    valid: NDArray[np.int32] | None
    valid_perplexity: float | None


class KneserNeyLM(OneState[Counted], NextWordModel):
    """Interpolated modified Kneser-Ney n-gram model (Chen & Goodman 1998, section 3).

    For a context h and the context h' one word shorter,

        p(w | h) = (c(hw) - D(c(hw))) / c(h) + gamma(h) p(w | h'),

    down to the unigrams, which are interpolated with the uniform distribution over the
    vocabulary. c counts occurrences at the highest order and distinct words before the n-gram
    (continuation counts) below it; gamma(h) is the mass that the discounts of h set free, so that
    the probabilities of all words sum to one in every context.

    The text is one stream: sentences stand end to end, and a context reaches across a sentence
    end, with or without an ``eos_token``. The first tokens of a stream have shorter contexts.

    Parameters
    ----------
    order
        Longest n-gram, 1 to 5: ``order - 1`` words of context.
    discounts
        None: D_1, D_2, D_3+ of each order from its counts of counts; one whose formula meets a
        count of counts of zero, or is not positive, becomes 0.5, 1.0 or 1.5. Else fixed
        values, 0 <= D_i <= i: a number (interpolated Kneser-Ney with one discount), three
        numbers, or an array of shape (order, 3), unigrams first.
    vocabulary
        A fixed vocabulary: a `WordVocabulary`, a sequence of words, or a number of ids. None: the
        words of the training corpus, or ids up to the largest of training and validation data.
    min_count
        Words seen less often than this become ``unk_token``. None: 4 (words seen more than 3
        times stay, as in Bengio et al. 2003) for a corpus of 100,000 tokens and more, else 1.
    max_vocab
        At most so many vocabulary entries, special tokens included; None: all.
    unk_token
        Stands for all words outside the vocabulary, and is predicted and counted like a word.
    eos_token
        An end-of-sentence token that follows every sentence of a text corpus; None: sentence ends leave
        no mark.
    lowercase
        Lower-case all words.

    Attributes
    ----------
    vocabulary_ : WordVocabulary or IdVocabulary
    discounts_ : float64 array, shape (order, 3)
    counts_of_counts_ : int64 array, shape (order, 4)
        n_1 .. n_4 of each order.
    num_ngrams_ : tuple of int
        Distinct n-grams of each order; for unigrams the vocabulary size.
    num_tokens_ : int
        Tokens of the training stream.
    valid_perplexity_ : float or None
    """

    def __init__(
        self,
        order: int = 3,
        *,
        discounts: float | Sequence[float] | NDArray[np.floating[Any]] | None = None,
        vocabulary: VocabularyLike | None = None,
        min_count: int | None = None,
        max_vocab: int | None = None,
        unk_token: str = "<unk>",
        eos_token: str | None = None,
        lowercase: bool = False,
    ) -> None:
        self.order = order
        self.discounts = discounts
        self.vocabulary = vocabulary
        self.min_count = min_count
        self.max_vocab = max_vocab
        self.unk_token = unk_token
        self.eos_token = eos_token
        self.lowercase = lowercase

    def fit(self, corpus: StreamSource, *, valid: StreamSource | None = None) -> KneserNeyLM:
        """Count the n-grams of a corpus: a path, an iterable of token lists, or a 1-D id array.

        ``valid`` changes nothing in the model; its perplexity becomes ``valid_perplexity_``, and
        `mix` fits its weights on it.

        Raises ValueError (order outside 1 .. 5, empty corpus, negative ids, discounts out of
        range, ...), TypeError (what is no corpus) and IndexError (an id outside ``vocabulary``).
        """
        check(self)
        order = int(self.order)
        fixed = None if self.discounts is None else _check_discounts(self.discounts, order)
        data = read_corpus(
            corpus,
            valid=valid,
            vocabulary=self.vocabulary,
            min_count=self.min_count,
            max_vocab=self.max_vocab,
            unk_token=self.unk_token,
            eos_token=self.eos_token,
            lowercase=self.lowercase,
        )
        trie, counts = NgramTrie.count(data.ids, len(data.vocabulary), order)
        counted = _counted(trie, counts, fixed, data)
        if data.valid is not None:
            with self._showing(counted):
                perplexity = self.perplexity(data.valid)
            counted = replace(counted, valid_perplexity=perplexity)
        self._keep(counted)
        return self

    def mix(
        self,
        neural: LanguageModelLike,
        weight: float | None = None,
        *,
        cache: bool | UnigramCache = False,
        valid: StreamSource | None = None,
    ) -> Mixture:
        """Mixture of a neural model with this one (Bengio et al. 2003, section 4).

        Parameters
        ----------
        neural
            Any model over the same vocabulary with ``log_prob(tokens)``.
        weight
            Share of the neural model, 0 to 1; None: fitted by EM on ``valid``.
        cache
            Add a decayed unigram cache as a third member: True, or a `UnigramCache` with settings
            of its own. Its share is fitted on ``valid`` even where ``weight`` is given.
        valid
            Data for EM; None: the validation data of `fit`.
        """
        from pyffnn.models.ngram.mixture import Mixture

        counted = self._state()
        return Mixture._fitted(self._with(counted), neural, weight, cache, valid, counted.valid)

    @property
    def vocabulary_(self) -> Vocabulary:  # type: ignore[override]
        return self._state().vocabulary

    @property
    def discounts_(self) -> NDArray[np.float64]:
        return self._state().discounts

    @property
    def counts_of_counts_(self) -> NDArray[np.int64]:
        return self._state().counts_of_counts

    @property
    def num_ngrams_(self) -> tuple[int, ...]:
        return _num_ngrams(self._state().trie)

    @property
    def num_tokens_(self) -> int:
        return self._state().num_tokens

    @property
    def valid_perplexity_(self) -> float | None:
        return self._state().valid_perplexity

    def _one_state(self) -> AbstractContextManager[None]:
        return self._showing(self._state())

    def _log_prob_of_ids(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        counted = self._state()
        out = np.empty(ids.size)
        before = counted.trie.order - 1
        for start in range(0, ids.size, _BLOCK):
            context = min(start, before)
            block = ids[start - context : start + _BLOCK].astype(np.int64)
            with np.errstate(divide="ignore"):  # a discount fixed at 0 may leave a word none
                out[start : start + _BLOCK] = np.log(_prob(counted, block)[context:])
        return out

    def _next_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        counted = self._state()
        trie, levels = counted.trie, counted.levels
        words = ids.astype(np.int64)
        size = trie.size
        p: NDArray[np.float64] = levels[0].alpha[:-1] + levels[0].gamma[0] / size
        for k in range(2, min(trie.order, words.size + 1) + 1):
            node = _node(trie, words[words.size - k + 1 :])
            if node < 0:
                break
            level = levels[k - 1]
            span = trie.continuations(k, node)
            p *= level.gamma[node]
            p[trie.keys[k - 1][span] % size] += level.alpha[span]
        return p


def _counted(
    trie: NgramTrie,
    counts: list[NDArray[np.int64]],
    fixed: NDArray[np.float64] | None,
    data: CorpusIds,
) -> Counted:
    of_counts = np.stack([counts_of_counts(c) for c in counts])
    used = np.stack([discounts(n) for n in of_counts]) if fixed is None else fixed
    num_contexts = (1, *_num_ngrams(trie))
    return Counted(
        trie=trie,
        levels=tuple(
            interpolate(counts[k - 1], trie.contexts(k), num_contexts[k - 1], discount)
            for k, discount in enumerate(used, 1)
        ),
        discounts=used,
        counts_of_counts=of_counts,
        num_tokens=int(data.ids.size),
        vocabulary=data.vocabulary,
        valid=data.valid,
        valid_perplexity=None,
    )


def _num_ngrams(trie: NgramTrie) -> tuple[int, ...]:
    return tuple(keys.size for keys in trie.keys)


def _prob(counted: Counted, words: NDArray[np.int64]) -> NDArray[np.float64]:
    trie, levels = counted.trie, counted.levels
    p: NDArray[np.float64] = levels[0].alpha[words] + levels[0].gamma[0] / trie.size
    contexts = words[:-1]
    for k in range(2, min(trie.order, words.size) + 1):
        level = levels[k - 1]
        nodes = trie.find(k, contexts, words[k - 1 :])
        p[k - 1 :] = level.alpha[nodes] + level.gamma[contexts] * p[k - 1 :]
        contexts = nodes[:-1]
    return p


def _node(trie: NgramTrie, words: NDArray[np.int64]) -> int:
    node = words[:1]
    for k in range(2, words.size + 1):
        node = trie.find(k, node, words[k - 1 : k])
    return int(node[0])


def _check_discounts(given: Any, order: int) -> NDArray[np.float64]:
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "iuf":  # numbers written as text are not taken for numbers
            raise TypeError
        out = np.broadcast_to(array.astype(np.float64), (order, 3)).copy()
    except (TypeError, ValueError):
        raise ValueError(
            f"discounts must be a number, three numbers or an array of shape ({order}, 3), "
            f"got {given!r}"
        ) from None
    # written so that NaN is refused
    if not ((out >= 0) & (out <= [1, 2, 3])).all():
        raise ValueError(f"discounts must satisfy 0 <= D_i <= i for i = 1, 2, 3+, got {given!r}")
    return out
