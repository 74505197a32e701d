"""The text path of the compiled core: a part of the stub _pyffnn.pyi, no module of its own."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Array: TypeAlias = NDArray[Any]

_Rows: TypeAlias = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]  # indptr, columns, values

def count_terms(
    documents: list[str],
    prepare: Callable[[str], str] | None,
    analyzer: str,
    lowercase: bool,
    min_length: int,
    min_n: int,
    max_n: int,
    stop: Iterable[str],
    floats: bool,
    /,
) -> tuple[dict[str, int], _Rows]:
    """From each term to its column, and counts (float64 if `floats`, else int64); `prepare` makes of documents beyond ASCII what is to be cut."""

def count_known_terms(
    documents: list[str],
    prepare: Callable[[str], str] | None,
    analyzer: str,
    lowercase: bool,
    min_length: int,
    min_n: int,
    max_n: int,
    stop: Iterable[str],
    known: dict[str, int],
    /,
) -> _Rows: ...
def hash_terms(
    documents: list[str],
    prepare: Callable[[str], str] | None,
    analyzer: str,
    lowercase: bool,
    min_length: int,
    min_n: int,
    max_n: int,
    stop: Iterable[str],
    n_features: int,
    signs: bool,
    /,
) -> _Rows: ...

class TextFeatures:
    @property
    def num_words(self) -> int: ...
    @property
    def num_rows(self) -> int: ...
    @property
    def options(self) -> dict[str, int]: ...
    @property
    def counts(self) -> NDArray[np.int64]: ...
    def words(self, begin: int = 0) -> list[str]: ...
    def word_rows(self, begin: int = 0) -> NDArray[np.int64]: ...
    def char_rows(self, begin: int = 0) -> NDArray[np.int64]: ...
    def word(self, row: int, /) -> str: ...
    def find(self, word: str, /) -> int: ...
    def state(self) -> dict[str, _Array]: ...
    @staticmethod
    def from_state(state: dict[str, _Array], /) -> TextFeatures: ...
    def encode_texts(self, texts: Iterable[str], /) -> TextCorpus: ...
    def encode_words(self, documents: Iterable[Iterable[str]], /) -> TextCorpus: ...
    def encode_file(
        self, file: Any, name: str, label_prefix: str, replace: bool, /
    ) -> TextCorpus: ...
    def extend_texts(
        self, texts: Iterable[str], min_count: int, ngram_min_count: int, /
    ) -> TextCorpus: ...
    def extend_words(
        self, documents: Iterable[Iterable[str]], min_count: int, ngram_min_count: int, /
    ) -> TextCorpus: ...
    def extend_file(
        self,
        file: Any,
        name: str,
        label_prefix: str,
        replace: bool,
        min_count: int,
        ngram_min_count: int,
        /,
    ) -> TextCorpus: ...

class TextCorpus:
    def __len__(self) -> int: ...
    @property
    def features(self) -> TextFeatures: ...
    @property
    def suits_char_ngrams(self) -> bool: ...
    @property
    def num_tokens(self) -> int: ...
    @property
    def ids(self) -> NDArray[np.int32]: ...
    @property
    def offsets(self) -> NDArray[np.int64]: ...
    @property
    def label_ids(self) -> NDArray[np.int32]: ...
    @property
    def label_offsets(self) -> NDArray[np.int64]: ...
    @property
    def labels(self) -> list[str]: ...
    def expand(
        self, documents: ArrayLike | None = None
    ) -> tuple[NDArray[np.int32], NDArray[np.int64]]: ...
    def count_rows(
        self, groups: ArrayLike, group_offsets: ArrayLike, n_groups: int
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Documents that have each row (rows,), and of them those of each group (rows, n_groups)."""
    def sequences(self, length: int, documents: ArrayLike | None = None) -> NDArray[np.int32]: ...

def unicode_tables() -> dict[str, NDArray[np.int64]]: ...
def fit_texts(texts: Iterable[str], options: dict[str, Any], /) -> TextCorpus: ...
def fit_words(documents: Iterable[Iterable[str]], options: dict[str, Any], /) -> TextCorpus: ...
def fit_file(
    file: Any, name: str, label_prefix: str, replace: bool, options: dict[str, Any], /
) -> TextCorpus: ...

class TextStream:
    @property
    def tokens(self) -> int: ...
    def __init__(self, unk_token: str, eos_token: str | None, lowercase: bool, /) -> None: ...
    def add_words(self, words: Iterable[str], /) -> None: ...
    def close(self) -> None: ...
    def read_file(
        self, file: Any, name: str, block: int, sink: Callable[[NDArray[np.int32]], object], /
    ) -> None: ...
    def read_sentences(
        self, corpus: Any, name: str, block: int, sink: Callable[[NDArray[np.int32]], object], /
    ) -> None: ...
    def encode(self, tokens: Iterable[str], name: str, /) -> NDArray[np.int32]: ...
    def choose(
        self, min_count: int, max_vocab: int, /
    ) -> tuple[list[str], NDArray[np.int64], NDArray[np.int32]]: ...
