"""The chapter's hand-made features of a text, as a transformer that works in scikit-learn's pipelines and needs none of it.

Words of positive and negative feeling are the user's, or come from an installed package:
`vaderSentiment` (MIT licence; extra "lexicon"), whose 7,500 entries people rated from -4 to 4 for
Hutto & Gilbert (2014), "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
Media Text". Only its word list is read; the package itself is not imported.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from importlib import metadata
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from .models.estimator import Estimator, NotFittedError

__all__ = ["PRONOUNS", "HandFeatures", "Lexicon", "load_lexicon", "tokenize"]

PRONOUNS = frozenset(
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves".split()
)
"""First and second person pronouns."""

_TOKEN = re.compile(r"[\w'-]+|[^\w\s]")
_NAMES = ("positive", "negative", "no", "pronouns", "exclamation", "log_length")


class Lexicon(NamedTuple):
    """Lower-case words of positive and of negative feeling."""

    positive: frozenset[str]
    negative: frozenset[str]


def tokenize(text: str) -> list[str]:
    """Lower-case tokens: words with their apostrophes and hyphens, and every other sign by itself."""
    return _TOKEN.findall(text.lower().replace("’", "'"))


def load_lexicon() -> Lexicon:
    """The word list of the installed package `vaderSentiment`: positive where its mean rating is above 0, negative below.

    Raises ImportError, naming the extra to install, when the package is not there.
    """
    try:
        path = metadata.distribution("vaderSentiment").locate_file(
            "vaderSentiment/vader_lexicon.txt"
        )
    except metadata.PackageNotFoundError:
        raise ImportError(
            "a lexicon needs the package vaderSentiment: pip install 'pyffnn[lexicon]'; "
            "or give HandFeatures your own word lists as positive= and negative="
        ) from None
    positive: set[str] = set()
    negative: set[str] = set()
    with open(str(path), encoding="utf-8") as lines:
        for line in lines:
            word, rating, *_ = line.split("\t")
            word = word.strip().lower()
            if word[:1].isalpha() and tokenize(word) == [word]:
                (positive if float(rating) > 0 else negative).add(word)
    return Lexicon(frozenset(positive - negative), frozenset(negative - positive))


class HandFeatures(Estimator):
    """Six numbers a text: what a person would count to tell praise from complaint.

    | column | feature |
    |---|---|
    | 0 `positive` | number of tokens in the positive lexicon |
    | 1 `negative` | number of tokens in the negative lexicon |
    | 2 `no` | 1 if the word "no" occurs, else 0 |
    | 3 `pronouns` | number of 1st and 2nd person pronouns (contractions such as "I'm" included) |
    | 4 `exclamation` | 1 if "!" occurs, else 0 |
    | 5 `log_length` | natural logarithm of the number of tokens (0 for an empty text) |

    Source: Jurafsky & Martin, the table of sentiment features in "Logistic Regression", taken up
    by "Feedforward networks for NLP: Classification".

    Parameters
    ----------
    positive, negative
        Words, any iterable of strings, compared in lower case; None, both of them, takes
        `load_lexicon()`.

    Attributes
    ----------
    positive_, negative_
        The lexicons in use, sets of lower-case words; after `fit`.
    n_features_out_
        6.
    """

    def __init__(
        self, positive: Iterable[str] | None = None, negative: Iterable[str] | None = None
    ) -> None:
        self.positive = positive
        self.negative = negative

    def fit(self, X: Iterable[str], y: Any = None) -> Self:
        """Take up the lexicons; X and y are not looked at.

        Raises ImportError when they are to come from a package that is not installed, ValueError
        when only one of the two was given, TypeError for a lexicon that is no collection of words.
        """
        if self.positive is None and self.negative is None:
            self.positive_, self.negative_ = load_lexicon()
        elif self.positive is None or self.negative is None:
            missing = "positive" if self.positive is None else "negative"
            raise ValueError(f"{missing} must be given beside the other lexicon, got None")
        else:
            self.positive_ = _words(self.positive, "positive")
            self.negative_ = _words(self.negative, "negative")
        self.n_features_out_ = len(_NAMES)
        return self

    def transform(self, X: Iterable[str]) -> NDArray[np.float64]:
        """Features [texts, 6], float64. Raises TypeError for anything but strings among X, NotFittedError before `fit`."""
        if not hasattr(self, "positive_"):
            raise NotFittedError("this HandFeatures is not fitted yet: call fit first")
        if isinstance(X, (str, bytes)):
            raise TypeError(f"X must be a list of texts, got a single {type(X).__name__}")
        rows = [self._row(text, i) for i, text in enumerate(X)]
        return np.array(rows, dtype=np.float64).reshape(-1, len(_NAMES))

    def fit_transform(self, X: Iterable[str], y: Any = None) -> NDArray[np.float64]:
        """`fit(X).transform(X)`."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the six columns."""
        return np.array(_NAMES, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "positive_")

    def _row(self, text: str, i: int) -> tuple[float, ...]:
        if not isinstance(text, str):
            raise TypeError(f"X must be strings, got {type(text).__name__} at position {i}")
        tokens = tokenize(text)
        return (
            sum(t in self.positive_ for t in tokens),
            sum(t in self.negative_ for t in tokens),
            float("no" in tokens),
            sum(t.split("'", 1)[0] in PRONOUNS for t in tokens),
            float("!" in tokens),
            math.log(max(len(tokens), 1)),
        )


def _words(words: Iterable[str], argument: str) -> frozenset[str]:
    if isinstance(words, (str, bytes)):
        raise TypeError(f"{argument} must be a collection of words, got a single string")
    collected = list(words)
    for word in collected:
        if not isinstance(word, str):
            raise TypeError(f"{argument} must hold strings, got {type(word).__name__}")
    return frozenset(word.lower() for word in collected)
