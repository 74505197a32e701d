"""Mixtures of a neural and an n-gram language model, weighted by EM."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import (
    Given,
    IdVocabulary,
    StreamSource,
    WordVocabulary,
    encode_corpus,
    given_is_ids,
)
from pyffnn.formats.model_file import PathLike, load_model, save_model
from pyffnn.models.next_word import NextWord, NextWordModel
from pyffnn.models.ngram import mixture_file
from pyffnn.models.ngram.cache import UnigramCache
from pyffnn.models.one_state import OneState

__all__ = ["LanguageModelLike", "Mixture", "fit_weights"]


class LanguageModelLike(Protocol):
    """What `KneserNeyLM.mix` asks of a neural model."""

    def log_prob(self, tokens: Any, /) -> NDArray[np.floating[Any]]:
        """Natural log-probability of each token after those before it, shape (number,)."""
        ...


class Mixture(NextWord):
    """Linear mixture ``p = sum of weight * p_member``; made by `KneserNeyLM.mix`.

    Attributes
    ----------
    weights_ : dict
        Share of each member: "neural", "ngram" and, with a cache, "cache"; they sum to one.
    log_likelihoods_ : list of float
        Mean natural log-likelihood a validation token after each EM step, never falling; empty if
        nothing was fitted.
    vocabulary_ : the n-gram model's
    neural, ngram, cache : the members
        A fit of the n-gram model or of a `LanguageModel` after `mix` leaves the mixture as it is.
    """

    def __init__(
        self,
        ngram: NextWordModel,
        neural: LanguageModelLike,
        weights: dict[str, float],
        cache: UnigramCache | None = None,
        log_likelihoods: list[float] | None = None,
    ) -> None:
        self.ngram = ngram
        self.neural = neural
        self.cache = cache
        self.vocabulary_ = ngram.vocabulary_
        self.weights_ = weights
        self.log_likelihoods_ = [] if log_likelihoods is None else log_likelihoods

    def __repr__(self) -> str:
        shares = ", ".join(f"{name} {share:.3f}" for name, share in self.weights_.items())
        return f"<Mixture of {shares}>"

    @classmethod
    def _fitted(
        cls,
        ngram: NextWordModel,
        neural: LanguageModelLike,
        weight: float | None,
        cache: bool | UnigramCache,
        valid: StreamSource | None,
        default_valid: NDArray[np.int32] | None,
    ) -> Mixture:
        if isinstance(neural, OneState):
            neural = neural._with(neural._state())
        _check_neural(neural, ngram)
        if weight is not None:
            weight = _check_weight(weight)
        if isinstance(cache, (bool, np.bool_)):
            member = UnigramCache() if cache else None
        elif isinstance(cache, UnigramCache):
            member = cache
        else:
            raise TypeError(f"cache must be a bool or a UnigramCache, got {type(cache).__name__}")
        names = ["neural", "ngram"] + (["cache"] if member else [])
        start = np.full(len(names), 1 / len(names))
        if weight is not None:
            start[0] = weight
            start[1:] = (1 - weight) / (len(names) - 1)
        mixture = cls(ngram, neural, dict(zip(names, start.tolist(), strict=True)), member)
        if weight is not None and member is None:
            return mixture
        if valid is not None:
            ids = encode_corpus(valid, ngram.vocabulary_, name="valid")
        elif default_valid is not None:
            ids = default_valid
        else:
            raise ValueError(
                "valid is needed to fit the weights by EM: pass it here or to fit"
                + ("" if weight is None else " (the cache's share is fitted beside weight)")
            )
        if ids.size == 0:
            raise ValueError("valid is empty: it holds no token")
        fitted, trace = fit_weights(
            mixture._members(ids, mixture._for_neural(valid, ids)),
            start,
            fixed_first=weight is not None,
        )
        return cls(ngram, neural, dict(zip(names, fitted.tolist(), strict=True)), member, trace)

    def save(self, path: PathLike) -> None:
        """Write weights, cache and both models to one safetensors file, atomically; `load` reads it.

        Raises TypeError where the neural member is no model of this package.
        """
        save_model(path, "Mixture", *mixture_file.to_file(self))

    @classmethod
    def load(cls, path: PathLike) -> Mixture:
        """Read what `save` wrote. Raises OSError, and ValueError for a file that is damaged, of another model, or newer."""
        return cls(*mixture_file.from_file(load_model(path, "Mixture"), path))

    def _log_prob_of_given(self, ids: NDArray[np.int32], given: Given) -> NDArray[np.float64]:
        return self._mixed(ids, self._for_neural(given, ids))

    def _next_of_ids(self, ids: NDArray[np.int32]) -> NDArray[np.float64]:
        ours = self.vocabulary_
        ask = getattr(self.neural, "next_distribution", None)
        if not callable(ask):
            raise TypeError(
                f"neural must have a next_distribution method for this, got {type(self.neural).__name__}"
            )
        neural = np.asarray(ask(self._for_neural(ids, ids)), np.float64)
        if neural.shape != (len(ours),):
            raise ValueError(
                f"neural.next_distribution must give one number a word, shape ({len(ours)},), "
                f"got shape {neural.shape}"
            )
        theirs = getattr(self.neural, "vocabulary_", None)
        if (
            isinstance(theirs, WordVocabulary)
            and isinstance(ours, WordVocabulary)
            and theirs != ours
        ):
            neural = neural[theirs.encode(ours.words)]
        members = [neural, self.ngram._next_of_ids(ids)]
        if self.cache is not None:
            members.append(self.cache.next(ids, len(ours)))
        mixed: NDArray[np.float64] = np.array(list(self.weights_.values())) @ np.stack(members)
        return mixed

    def _for_neural(self, given: Any, ids: NDArray[np.int32]) -> Any:
        """The tokens in a form that the neural model understands."""
        ours: Any = self.vocabulary_
        theirs = getattr(self.neural, "vocabulary_", None)
        if isinstance(ours, IdVocabulary) or isinstance(theirs, IdVocabulary) or theirs == ours:
            return ids
        if not isinstance(theirs, WordVocabulary) and given_is_ids(given):
            return ids
        return ours.decode(ids)

    def _members(self, ids: NDArray[np.int32], tokens: Any) -> NDArray[np.float64]:
        """Log-probabilities of the members, shape (members, tokens)."""
        neural = np.asarray(self.neural.log_prob(tokens), np.float64)
        if neural.shape != ids.shape:
            raise ValueError(
                f"neural.log_prob must give one number a token, shape {ids.shape}, "
                f"got shape {neural.shape}"
            )
        if np.isnan(neural).any():
            raise ValueError("neural.log_prob gave NaN")
        if ids.size and neural.max() > 1e-5:
            raise ValueError(
                f"neural.log_prob must give log-probabilities, at most 0, got {neural.max()}"
            )
        rows = [neural, self.ngram._log_prob_of_ids(ids)]
        if self.cache is not None:
            with np.errstate(divide="ignore"):
                rows.append(np.log(self.cache.prob(ids, len(self.vocabulary_))))
        return np.stack(rows)

    def _mixed(self, ids: NDArray[np.int32], tokens: Any) -> NDArray[np.float64]:
        members = self._members(ids, tokens)
        with np.errstate(divide="ignore"):
            shares = np.log(np.array(list(self.weights_.values())))
        mixed: NDArray[np.float64] = np.logaddexp.reduce(members + shares[:, None], axis=0)
        return mixed


def _check_neural(neural: Any, ngram: NextWordModel) -> None:
    if not callable(getattr(neural, "log_prob", None)):
        raise TypeError(f"neural must have a log_prob method, got {type(neural).__name__}")
    theirs, ours = getattr(neural, "vocabulary_", None), ngram.vocabulary_
    if isinstance(theirs, (WordVocabulary, IdVocabulary)):
        if isinstance(theirs, IdVocabulary) or isinstance(ours, IdVocabulary):
            same = len(theirs) == len(ours)
        else:
            same = sorted(theirs.words) == sorted(ours.words)
        if not same:
            raise ValueError(
                f"both models must have the same vocabulary: neural has {theirs!r}, "
                f"the n-gram model {ours!r}; fit both with one vocabulary="
            )


def _check_weight(weight: Any) -> float:
    if isinstance(weight, bool) or not isinstance(weight, (int, float, np.number)):
        raise TypeError(f"weight must be a number or None, got {type(weight).__name__}")
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be in 0 .. 1, got {weight}")
    return float(weight)


def fit_weights(
    members: NDArray[np.float64],
    start: NDArray[np.float64],
    *,
    fixed_first: bool = False,
    tolerance: float = 1e-10,
    max_steps: int = 2000,
) -> tuple[NDArray[np.float64], list[float]]:
    """Mixture weights of greatest likelihood, by EM (Jelinek & Mercer 1980).

    Parameters
    ----------
    members
        Log-probabilities, shape (members, tokens).
    start
        First weights, shape (members,), sum one; above 0, but for a fixed first one.
    fixed_first
        Keep the first weight and share the rest out.
    tolerance
        Stop when the mean log-likelihood gains less than this in a step.

    Returns
    -------
    weights, mean log-likelihoods (natural log) of the weights after each step
    """
    if fixed_first and start[0] == 1:
        return start, []
    peak = members.max(axis=0)
    if np.isneginf(peak).any():
        where = int(np.argmin(peak))
        raise ValueError(f"valid: token {where} has probability zero under every model")
    p = np.exp(members - peak)
    base = float(peak.mean())

    def share_out(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        joint = weights[:, None] * p
        total = joint.sum(axis=0)
        return (joint / total).mean(axis=1), float(np.log(total).mean()) + base

    weights = start
    trace: list[float] = []
    posterior, before = share_out(weights)
    for _ in range(max_steps):
        if fixed_first:
            free = (1 - weights[0]) * posterior[1:] / posterior[1:].sum()
            weights = np.append(weights[0], free)
        else:
            weights = posterior / posterior.sum()
        posterior, mean = share_out(weights)
        trace.append(mean)
        if mean - before < tolerance:
            break
        before = mean
    return weights, trace
