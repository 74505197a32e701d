"""The fitted states of the models of texts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.classifier import ClassifierFitted
from pyffnn.models.fitted import Fitted
from pyffnn.models.regressor import RegressorFitted
from pyffnn.models.text_classifier import recipe
from pyffnn.net import Examples, Network
from pyffnn.text.corpus import Corpus
from pyffnn.text.featurizer import Featurizer

__all__ = ["TextFitted", "TextRegressorFitted", "TextState", "is_sums", "set_row_rates"]


@dataclass(frozen=True, eq=False)
class TextState(Fitted):
    """What the state of a model of texts holds of them."""

    features: Featurizer
    length: int | None
    """Words of a text that a concatenation has places for; None: rows are pooled."""
    recipe: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """What the settings left open came to."""

    @property
    def sums(self) -> bool:
        """Whether the network is a linear model of sums."""
        return is_sums(self.network)

    def examples(self, corpus: Corpus) -> Examples:
        core, length = corpus.core, self.length
        return Examples.text(core) if length is None else Examples.text_sequences(core, length)

    def encoded(self, texts: Any) -> Examples:
        """Texts as the network reads them."""
        return self.examples(self.features.encode(texts))

    def outputs(self, texts: Any, n_threads: int) -> NDArray[np.float32]:
        """Of the network for each text."""
        return self.network.predict(self.encoded(texts), None, n_threads)

    def c_model(self) -> Any:
        """A capsule for C functions. ValueError where a tokenizer object stands between text and words."""
        if self.features.tokenizer is not None:
            raise ValueError("the model has a tokenizer object, which C functions cannot call")
        return self.network.c_model(self.features.core, self.length or 0, **self.c_answers)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("of_list", None)
        state["features"] = (self.features.state(), self.features.tokenizer)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays, tokenizer = state["features"]
        self.__dict__.update(state, features=Featurizer.from_state(arrays, tokenizer=tokenizer))


@dataclass(frozen=True, eq=False)
class TextFitted(TextState, ClassifierFitted):
    """The state of a `TextClassifier`."""

    as_sets: bool
    """Multi-label predictions are lists of labels, not a matrix."""

    @functools.cached_property
    def of_list(self) -> Callable[[list[str], int], NDArray[np.float32]]:
        """``f(texts, n_threads)``: `probabilities` of a list, in one call where no tokenizer stands between."""
        if self.features.tokenizer is not None or self.one_unit:
            return self.probabilities
        return self.network.of_texts(self.features.core, self.length or 0)

    def probabilities(self, texts: Any, n_threads: int) -> NDArray[np.float32]:
        """Of each class for each text."""
        p = self.outputs(texts, n_threads)
        return p if not self.one_unit else np.concatenate([1 - p, p], axis=1)


@dataclass(frozen=True, eq=False)
class TextRegressorFitted(TextState, RegressorFitted):
    """The state of a `TextRegressor`."""


def is_sums(network: Network) -> bool:
    """Whether it is a linear model of sums of rows."""
    spec = network.spec
    return spec.get("pool") == "sum" and not spec["window"] and not spec["hidden"]


def set_row_rates(network: Network, features: Featurizer) -> None:
    """Pieces of words learn at a rate of their own, where rows have rates."""
    if network.spec.get("row_rates"):
        rates = network.state()["embedding.rate"]
        rates[:] = 1
        rates[features.char_rows] = recipe.CHAR_RATE
