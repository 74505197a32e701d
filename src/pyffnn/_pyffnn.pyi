"""The compiled core. Written by hand; tests/test_stub.py compares it with the module."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Array: TypeAlias = NDArray[Any]

version: str
compiler: str

# runtime
def isa() -> str: ...
def available_isas() -> list[str]: ...
def set_isa(name: str) -> None: ...
def isa_has_fma() -> bool: ...
def isa_has_tiles() -> bool: ...
def amx_status() -> str: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def cpu_features() -> list[str]: ...
def cpu_model() -> str: ...
def cpu_caches() -> dict[str, int]: ...
def scratch_bytes() -> tuple[int, int]: ...  # held now, and at most so far

# ops
class PackedMatrix:
    """The right operand of many products, as `pyffnn.ops.pack` makes it; it never changes."""

    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def precision(self) -> str: ...
    @property
    def isa(self) -> str: ...
    @property
    def nbytes(self) -> int: ...

def pack(w: ArrayLike, transpose: bool, precision: int, /) -> PackedMatrix: ...
def matmul(
    a: ArrayLike,
    b: ArrayLike | PackedMatrix,
    transpose_a: bool,
    transpose_b: bool,
    out: _Array | None,
    precision: int,
    /,
) -> _Array: ...
def linear(
    x: ArrayLike,
    w: ArrayLike | PackedMatrix,
    b: ArrayLike | None,
    activation: int,
    out: _Array | None,
    precision: int,
    /,
) -> _Array: ...
def linear_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    y: ArrayLike | None,
    activation: int,
    need_dx: bool,
    precision: int,
    /,
) -> tuple[Any, _Array, _Array]: ...
def activation(activation: int, x: ArrayLike, out: _Array | None, /) -> _Array: ...
def activation_backward(
    activation: int, dy: ArrayLike, y: ArrayLike, out: _Array | None, /
) -> _Array: ...
def exp(x: ArrayLike, out: _Array | None, /) -> _Array: ...
def log(x: ArrayLike, out: _Array | None, /) -> _Array: ...
def softmax(x: ArrayLike, out: _Array | None, /) -> _Array: ...
def log_softmax(x: ArrayLike, out: _Array | None, /) -> _Array: ...
def softmax_backward(dy: ArrayLike, y: ArrayLike, out: _Array | None, /) -> _Array: ...
def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    class_weight: ArrayLike | None,
    sample_weight: ArrayLike | None,
    /,
) -> tuple[float, _Array]: ...
def binary_cross_entropy(
    logits: ArrayLike, targets: ArrayLike, sample_weight: ArrayLike | None, /
) -> tuple[float, _Array]: ...
def linear_cross_entropy(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None,
    targets: ArrayLike,
    sample_weight: ArrayLike | None,
    precision: int,
    /,
) -> tuple[float, _Array, _Array, _Array]: ...
def linear_cross_entropy_bytes(m: int, n: int, k: int, split: bool) -> int: ...
def embedding(table: ArrayLike, ids: ArrayLike, out: _Array | None, /) -> _Array: ...
def embedding_backward(
    dy: ArrayLike, ids: ArrayLike, num_rows: int, out: _Array | None, /
) -> _Array: ...
def mean_pool(
    table: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    weights: ArrayLike | None,
    out: _Array | None,
    /,
) -> _Array: ...
def mean_pool_backward(
    dy: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    num_rows: int,
    weights: ArrayLike | None,
    out: _Array | None,
    /,
) -> _Array: ...
def fingerprint(x: _Array, /) -> int: ...

# language models
class LanguageModelFloat32:
    step: int
    def __init__(self, config: dict[str, Any], by_frequency: ArrayLike | None = None) -> None: ...
    def arrays(self, which: str) -> dict[str, _Array]: ...
    def train(
        self,
        ids: NDArray[np.int32],
        starts: ArrayLike,
        lengths: ArrayLike,
        offsets: ArrayLike,
        learning_rates: ArrayLike,
        n_threads: int = 0,
    ) -> NDArray[np.float64]: ...
    def gradients(
        self,
        ids: NDArray[np.int32],
        starts: ArrayLike,
        lengths: ArrayLike,
        dropout: bool = False,
        n_threads: int = 0,
    ) -> float: ...
    def log_prob(
        self, ids: NDArray[np.int32], begin: int, end: int, n_threads: int = 0
    ) -> NDArray[np.float64]: ...
    def next_distribution(
        self, ids: NDArray[np.int32], n_threads: int = 0
    ) -> NDArray[np.float64]: ...
    def workspace_bytes(self) -> int: ...
    def kept_bytes(self) -> int: ...

class LanguageModelFloat64:
    step: int
    def __init__(self, config: dict[str, Any], by_frequency: ArrayLike | None = None) -> None: ...
    def arrays(self, which: str) -> dict[str, _Array]: ...
    def train(
        self,
        ids: NDArray[np.int32],
        starts: ArrayLike,
        lengths: ArrayLike,
        offsets: ArrayLike,
        learning_rates: ArrayLike,
        n_threads: int = 0,
    ) -> NDArray[np.float64]: ...
    def gradients(
        self,
        ids: NDArray[np.int32],
        starts: ArrayLike,
        lengths: ArrayLike,
        dropout: bool = False,
        n_threads: int = 0,
    ) -> float: ...
    def log_prob(
        self, ids: NDArray[np.int32], begin: int, end: int, n_threads: int = 0
    ) -> NDArray[np.float64]: ...
    def next_distribution(
        self, ids: NDArray[np.int32], n_threads: int = 0
    ) -> NDArray[np.float64]: ...
    def workspace_bytes(self) -> int: ...
    def kept_bytes(self) -> int: ...

class Network:
    """A feedforward network trained in fused steps, in float32; parameters are zero until `initialise`."""

    def __init__(self, spec: dict[str, Any]) -> None: ...
    def parameters(self) -> dict[str, _Array]: ...
    def state(self) -> dict[str, Any]: ...
    def kept_bytes(self) -> int: ...
    def set_step(self, step: int) -> None: ...
    def initialise(self, seed: int) -> None: ...
    def grow(self, rows: int = ..., n_outputs: int = ...) -> None: ...
    def train_dense(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_dense(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_dense(
        self, X: ArrayLike, order: ArrayLike | None = ..., n_threads: int = ...
    ) -> _Array: ...
    def gradients_dense(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...
    def train_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> _Array: ...
    def gradients_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...
    def train_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> _Array: ...
    def gradients_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...
    def train_text(
        self,
        corpus: TextCorpus,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_text(
        self,
        corpus: TextCorpus,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_text(
        self, corpus: TextCorpus, order: ArrayLike | None = ..., n_threads: int = ...
    ) -> _Array: ...
    def gradients_text(
        self,
        corpus: TextCorpus,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...

class Network64:
    """The same in float64."""

    def __init__(self, spec: dict[str, Any]) -> None: ...
    def parameters(self) -> dict[str, _Array]: ...
    def state(self) -> dict[str, Any]: ...
    def kept_bytes(self) -> int: ...
    def set_step(self, step: int) -> None: ...
    def initialise(self, seed: int) -> None: ...
    def grow(self, rows: int = ..., n_outputs: int = ...) -> None: ...
    def train_dense(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_dense(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_dense(
        self, X: ArrayLike, order: ArrayLike | None = ..., n_threads: int = ...
    ) -> _Array: ...
    def gradients_dense(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...
    def train_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> _Array: ...
    def gradients_sparse(
        self,
        indptr: ArrayLike,
        indices: ArrayLike,
        data: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...
    def train_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> _Array: ...
    def gradients_bags(
        self,
        ids: ArrayLike,
        offsets: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...
    def train_text(
        self,
        corpus: TextCorpus,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        order: ArrayLike | None,
        batch_size: int,
        lr: ArrayLike,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def evaluate_text(
        self,
        corpus: TextCorpus,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
        n_threads: int = ...,
    ) -> dict[str, Any]: ...
    def predict_text(
        self, corpus: TextCorpus, order: ArrayLike | None = ..., n_threads: int = ...
    ) -> _Array: ...
    def gradients_text(
        self,
        corpus: TextCorpus,
        y: ArrayLike,
        sample_weight: ArrayLike | None = ...,
        order: ArrayLike | None = ...,
    ) -> tuple[float, dict[str, _Array]]: ...

# text
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
    def has_short_texts(self) -> bool: ...
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
    def sequences(self, length: int, documents: ArrayLike | None = None) -> NDArray[np.int32]: ...

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

# kernels alone, for tests and for measuring the machine
def kernel_optim_step(
    kind: int, g: _Array, w: _Array, s1: _Array, s2: _Array, settings: dict[str, float], /
) -> None: ...
def kernel_adagrad_row(g: _Array, w: _Array, s: _Array, settings: dict[str, float], /) -> None: ...
def kernel_dropout(x: _Array, rate: float, key: int, counter0: int, /) -> _Array: ...
def kernel_uniform(n: int, scale: float, key: int, counter0: int, f64: bool, /) -> _Array: ...
def kernel_fma_loop(rounds: int, threads: int, f64: bool, /) -> float: ...
def kernel_tile_loop(rounds: int, threads: int, /) -> float: ...
def kernel_read_loop(x: _Array, threads: int, rounds: int, /) -> None: ...
