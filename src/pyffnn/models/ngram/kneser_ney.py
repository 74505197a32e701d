"""The n-gram baseline of the language models."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import (
    CorpusIds,
    IdVocabulary,
    StreamSource,
    Tokens,
    Vocabulary,
    VocabularyLike,
    WordVocabulary,
    read_corpus,
)
from pyffnn.formats.model_file import ModelFile, PathLike, load_model, save_model
from pyffnn.formats.settings_json import params_from_json, params_to_json
from pyffnn.models.next_word import NextWordModel
from pyffnn.models.ngram import arpa, storage
from pyffnn.models.ngram.counted import Counted
from pyffnn.models.ngram.smoothing import counts_of_counts, discounts, interpolate
from pyffnn.models.ngram.trie import NgramTrie
from pyffnn.models.one_state import OneState
from pyffnn.models.parameters import check

if TYPE_CHECKING:
    from pyffnn.models.ngram.cache import UnigramCache
    from pyffnn.models.ngram.mixture import LanguageModelLike, Mixture

__all__ = ["KneserNeyLM", "TokenScore"]

_LN10 = math.log(10)


class TokenScore(NamedTuple):
    """What `KneserNeyLM.full_scores` says of a token."""

    log10_prob: float
    """Its log-probability to base 10."""
    ngram_length: int
    """Words of the longest n-gram known that ends with it, itself included."""
    oov: bool
    """Whether it is outside the vocabulary (or ``unk_token`` itself)."""


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
        Longest n-gram, 1 to 7: ``order - 1`` words of context.
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

        Raises ValueError (order outside 1 .. 7, empty corpus, negative ids, discounts out of
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

    def full_scores(self, sentence: Tokens, bos: bool = True, eos: bool = True) -> list[TokenScore]:
        """What `score` sums up, a `TokenScore` a token: log10 probability, length of the longest n-gram known, whether it is
        an unknown word; with the end of the sentence, where it counts, as the last one.

        Arguments as in `score`.
        """
        counted = self._state()
        with self._showing(counted):
            ids, first = self._sentence(sentence, bos, eos)
        log_p, length = counted.follow(ids)
        unk = counted.vocabulary.unk_id
        return [
            TokenScore(float(p) / _LN10, int(n), unk is not None and int(i) == unk)
            for p, n, i in zip(log_p[first:], length[first:], ids[first:], strict=True)
        ]

    def save(self, path: PathLike) -> None:
        """Write the model to one safetensors file, atomically; `load` reads it.

        The validation data of `fit` are kept in it, since `mix` fits its weights on them.
        """
        config, tensors = self._to_file()
        save_model(path, "KneserNeyLM", config, tensors)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `save` wrote. Raises OSError, and ValueError for a file that is damaged, of another model, or newer."""
        return cls._from_file(load_model(path, "KneserNeyLM"), path)

    def to_arpa(self, path: PathLike) -> None:
        """Write the model in the ARPA form of n-gram models, which KenLM, SRILM and others read; ``.gz`` through gzip.

        Every n-gram has its interpolated probability and, as a context, the weight of what is shorter, both as log10, so
        that a reader that backs off finds the same probabilities. ``unk_token`` is written as ``<unk>``. ``eos_token`` is
        written as ``</s>``, and where it is the first word of an n-gram also as ``<s>``, the sentence's beginning that other
        readers ask for; KenLM reads no model without these, so give `fit` an ``eos_token`` for it. Ids are written as numbers.

        Raises ValueError for a word that the form cannot hold, OSError.
        """
        arpa.write(self._state(), path)

    @classmethod
    def from_arpa(cls, path: PathLike) -> Self:
        """Read a back-off model of any origin in ARPA's form, order 1 to 7; ``.gz`` through gzip.

        ``<s>`` and ``</s>``, where the former is never predicted, become one ``eos_token`` ("</s>"): `score` gives what KenLM
        gives, and in a stream each sentence begins after it. Without ``<unk>`` unknown words get a probability of 1e-100. The
        model has no counts: ``discounts_`` are NaN, ``counts_of_counts_`` and ``num_tokens_`` 0.

        Raises OSError, and ValueError, naming the line, for what is no ARPA file, or damaged.
        """
        counted = arpa.read(path)
        vocabulary = counted.vocabulary
        model = cls(
            counted.trie.order,
            eos_token=None if isinstance(vocabulary, IdVocabulary) else vocabulary.eos_token,
        )
        model._keep(counted)
        return model

    def _to_file(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings and arrays of the model file."""
        config, tensors = storage.to_file(self._state())
        params = self.get_params()
        if isinstance(self.vocabulary, (WordVocabulary, IdVocabulary)):
            params["vocabulary"] = None  # the fitted one is written beside
        elif self.vocabulary is not None and not isinstance(self.vocabulary, int):
            params["vocabulary"] = [str(word) for word in self.vocabulary]
        if self.discounts is not None:
            params["discounts"] = np.asarray(self.discounts, np.float64).tolist()
        return {"params": params_to_json(params), **config}, tensors

    @classmethod
    def _from_file(cls, file: ModelFile, path: PathLike) -> Self:
        try:
            model = cls(**params_from_json(file.config["params"]))
            check(model)
            model._keep(storage.from_file(file))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ValueError(
                f"{os.fspath(path)!r} is damaged or of another version: {error}"
            ) from None
        return model

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
        return self._state().num_ngrams

    @property
    def num_tokens_(self) -> int:
        return self._state().num_tokens

    @property
    def valid_perplexity_(self) -> float | None:
        return self._state().valid_perplexity

    def _one_state(self) -> AbstractContextManager[None]:
        return self._showing(self._state())

    def _reach(self) -> int:
        return self._state().trie.order - 1

    def _log_prob_of_ids(self, ids: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        return self._state().log_prob(ids)

    def _next_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        return self._state().next(ids)


def _counted(
    trie: NgramTrie,
    counts: list[NDArray[np.int64]],
    fixed: NDArray[np.float64] | None,
    data: CorpusIds,
) -> Counted:
    of_counts = np.stack([counts_of_counts(c) for c in counts])
    used = np.stack([discounts(n) for n in of_counts]) if fixed is None else fixed
    num_contexts = (1, *(keys.size for keys in trie.keys))
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
