"""scikit-learn's text vectorizers on pyffnn's text path: the same constructors, attributes and matrices, in a fraction of the time.

Each is a subclass of scikit-learn's class of that name. Words of the default pattern (or of single characters too, ``r"(?u)\\b\\w+\\b"``)
and their n-grams, and n-grams of characters (``analyzer="char"`` and ``"char_wb"``), are cut, counted or hashed without the GIL on all
threads, and stop words with them. With another pattern, a `preprocessor`, `tokenizer` or `analyzer` of your own, scikit-learn's code runs as it is.
Results are the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from pyffnn import _pyffnn
from pyffnn.integrations.sklearn import host as _host

try:
    import scipy.sparse as sp
    from sklearn.feature_extraction import text as theirs
    from sklearn.preprocessing import normalize
except ImportError as error:
    raise ImportError(
        "pyffnn.integrations.sklearn.vectorizers needs scikit-learn and SciPy: "
        f"pip install 'pyffnn[sklearn]' ({error})"
    ) from error

__all__ = ["CountVectorizer", "HashingVectorizer", "TfidfVectorizer"]

assert _host.BaseEstimator  # an older scikit-learn has been refused by now

# Fewest characters of a word under the patterns that the text path knows.
_PATTERNS = {r"(?u)\b\w\w+\b": 2, r"\b\w\w+\b": 2, r"(?u)\b\w+\b": 1, r"\b\w+\b": 1}
_CHARACTERS = ("char", "char_wb")
_HOOKS = (
    "build_analyzer",
    "build_tokenizer",
    "build_preprocessor",
    "decode",
    "_word_ngrams",
    "_char_ngrams",
    "_char_wb_ngrams",
)

try:
    from sklearn.utils._sparse import _align_api_if_sparse as _as_configured
except ImportError:  # before 1.9 all matrices are of one kind

    def _as_configured(X: Any) -> Any:
        return X


def _matrix(data: Any, shape: tuple[int, int], dtype: Any) -> Any:
    """CSR of the kind that this version of scikit-learn gives: its rows' columns rise."""
    indptr, columns, values = data
    made = sp.csr_array if _as_configured.__module__ != __name__ else sp.csr_matrix
    X = made((values.astype(dtype, copy=False), columns, indptr), shape=shape)
    X.has_sorted_indices = True
    X.has_canonical_format = True
    return _as_configured(X)


_Options: TypeAlias = tuple[Callable[[str], str] | None, str, bool, int, int, int, list[str]]


class _Fast:
    """What the vectorizers share: whether the text path cuts as theirs would, and the documents for it."""

    _theirs: type[Any]

    def _cuts_alike(self: Any) -> bool:
        return (
            (self._cuts_words() if self.analyzer == "word" else self.analyzer in _CHARACTERS)
            and self.preprocessor is None
            and self.strip_accents in (None, "ascii", "unicode")
            and all(
                getattr(type(self), name) is getattr(theirs.CountVectorizer, name)
                for name in _HOOKS
            )
            and not any(name in self.__dict__ for name in _HOOKS)
            and 1 <= self.ngram_range[0] <= self.ngram_range[1]
        )

    def _cuts_words(self: Any) -> bool:
        return (
            self.tokenizer is None
            and isinstance(self.token_pattern, str)
            and self.token_pattern in _PATTERNS
        )

    def _options(self: Any) -> _Options:
        """Arguments of the compiled functions after the documents."""
        self.build_analyzer()  # for its checks and warnings of stop words
        lowercase = bool(self.lowercase)
        prepare: Callable[[str], str] | None = None
        if lowercase or self.strip_accents is not None:
            prepare = self.build_preprocessor()
        least, most = (int(n) for n in self.ngram_range)
        if self.analyzer in _CHARACTERS:
            return prepare, self.analyzer, lowercase, 1, least, most, []
        stop, length = self.get_stop_words(), _PATTERNS[self.token_pattern]
        return prepare, "word", lowercase, length, least, most, sorted(stop or ())

    def _strings(self: Any, documents: Iterable[Any]) -> list[str]:
        documents = list(documents)
        if self.input != "content" or not set(map(type, documents)) <= {str}:
            return [self.decode(d) for d in documents]
        return documents


class _Counts(_Fast):
    def _count_vocab(self: Any, raw_documents: Iterable[Any], fixed_vocab: bool) -> tuple[Any, Any]:
        if not self._cuts_alike():
            found: tuple[Any, Any] = super()._count_vocab(raw_documents, fixed_vocab)  # type: ignore[misc]
            return found
        options: _Options = self._options()
        documents = self._strings(raw_documents)
        if fixed_vocab:
            vocabulary = self.vocabulary_
            rows = _pyffnn.count_known_terms(documents, *options, dict(vocabulary))
        else:
            vocabulary, rows = _pyffnn.count_terms(
                documents, *options, np.dtype(self.dtype) == np.float64
            )
            if not vocabulary:
                raise ValueError("empty vocabulary; perhaps the documents only contain stop words")
        return vocabulary, _matrix(rows, (len(rows[0]) - 1, len(vocabulary)), self.dtype)

    def _sort_features(self: Any, X: Any, vocabulary: dict[str, int]) -> Any:
        if self._cuts_alike():  # they come in order
            return X
        return super()._sort_features(X, vocabulary)  # type: ignore[misc]

    def _limit_features(
        self: Any,
        X: Any,
        vocabulary: dict[str, int],
        high: Any = None,
        low: Any = None,
        limit: Any = None,
    ) -> Any:
        if (
            limit is None
            and low is not None
            and low <= 1
            and high is not None
            and high >= X.shape[0]
        ):
            return X  # every term is in a document
        return super()._limit_features(X, vocabulary, high, low, limit)  # type: ignore[misc]


class CountVectorizer(_Counts, theirs.CountVectorizer):  # type: ignore[misc]
    __doc__ = theirs.CountVectorizer.__doc__


class TfidfVectorizer(_Counts, theirs.TfidfVectorizer):  # type: ignore[misc]
    __doc__ = theirs.TfidfVectorizer.__doc__


class HashingVectorizer(_Fast, theirs.HashingVectorizer):  # type: ignore[misc]
    __doc__ = theirs.HashingVectorizer.__doc__

    def transform(self, X: Iterable[Any]) -> Any:
        """A document-term matrix of the documents, CSR [n, n_features]; arguments and errors as scikit-learn's."""
        if isinstance(X, str) or not self._cuts_alike():
            return super().transform(X)
        self._validate_ngram_range()
        self._get_hasher()  # for its checks of n_features and dtype
        options: _Options = self._options()
        documents = self._strings(X)
        if not documents:
            raise ValueError("Cannot vectorize empty sequence.")
        rows = _pyffnn.hash_terms(
            documents, *options, int(self.n_features), bool(self.alternate_sign)
        )
        found = _matrix(rows, (len(documents), int(self.n_features)), self.dtype)
        if self.binary:
            found.data.fill(1)
        if self.norm is not None:
            found = normalize(found, norm=self.norm, copy=False)
        return found
