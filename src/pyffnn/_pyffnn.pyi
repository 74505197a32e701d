"""The compiled core. Written by hand; tests/test_stub.py compares it with the module. Two rooms of it have files of their own."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, Self, SupportsFloat, SupportsIndex, SupportsInt, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ._pyffnn_fasttext import *
from ._pyffnn_text import *

_Array: TypeAlias = NDArray[Any]
_Float = TypeVar("_Float", np.float32, np.float64)

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

# What suits the core; microseconds by rows, by columns.
def core_trait() -> tuple[str, float, float]: ...
def product_way() -> str: ...
def set_product_way(name: str) -> None: ...
def scratch_bytes() -> tuple[int, int]: ...  # held now, and at most so far
def kept_memory() -> tuple[int, int]: ...  # bytes: now, and the limit
def set_kept_memory(limit: SupportsInt | SupportsIndex) -> None: ...
def release_memory() -> int: ...

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
def linear_cross_entropy_bytes(m: int, n: int, k: int, parts: int) -> int: ...
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
def max_pool(
    table: ArrayLike, ids: ArrayLike, offsets: ArrayLike, out: _Array | None, /
) -> _Array: ...
def max_pool_backward(
    dy: ArrayLike,
    table: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    out: _Array | None,
    /,
) -> _Array: ...
def min_pool(
    table: ArrayLike, ids: ArrayLike, offsets: ArrayLike, out: _Array | None, /
) -> _Array: ...
def min_pool_backward(
    dy: ArrayLike,
    table: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
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

# bags as PyTorch has them; `closed`: offsets hold the end of the last bag, too
def embedding_bag(
    table: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    mean: bool,
    closed: bool,
    out: _Array | None,
    /,
) -> _Array: ...
def embedding_bag_backward(
    dy: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    num_rows: int,
    mean: bool,
    closed: bool,
    out: _Array | None,
    /,
) -> _Array: ...
def quantise_rows(
    rows: ArrayLike, dsub: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]: ...
def embedding_bag_rows(
    dy: ArrayLike,
    ids: ArrayLike,
    offsets: ArrayLike,
    num_rows: int,
    mean: bool,
    closed: bool,
    /,
) -> tuple[NDArray[np.int64], _Array]: ...
def fingerprint(x: _Array, /) -> int: ...

# what networks of other libraries need beside these; a curve is 0 clipped line, 1 swish, 2 hard swish, 3 MobileNet's hard swish, 4 dish,
# 5 GELU, 6 mish, 7 the tanh form of GELU
def curve(
    curve: int,
    slope: float,
    offset: float,
    low: float,
    high: float,
    x: ArrayLike,
    out: _Array | None,
    /,
) -> _Array: ...
def curve_backward(
    curve: int,
    slope: float,
    offset: float,
    low: float,
    high: float,
    dy: ArrayLike,
    x: ArrayLike,
    out: _Array | None,
    /,
) -> _Array: ...
def layer_norm(
    x: ArrayLike, gamma: ArrayLike, beta: ArrayLike, eps: float, /
) -> tuple[_Array, _Array, _Array]:
    """(y, mean, rstd) of each row."""

def layer_norm_backward(
    dy: ArrayLike, x: ArrayLike, gamma: ArrayLike, mean: ArrayLike, rstd: ArrayLike, /
) -> tuple[_Array, _Array, _Array]:
    """(dx, dgamma, dbeta)."""

def adam_step(
    weights: _Array,
    gradient: _Array,
    mom1: _Array,
    mom2: _Array,
    beta1: float,
    beta2: float,
    eps: float,
    rate: float,
    /,
) -> None:
    """In place; the gradient becomes 0."""

def clip_norm(x: _Array, limit: float, /) -> None: ...
def run_sums(x: ArrayLike, lengths: ArrayLike, mean: bool, /) -> _Array: ...
def run_sums_backward(dy: ArrayLike, lengths: ArrayLike, mean: bool, /) -> _Array: ...
def run_max(x: ArrayLike, lengths: ArrayLike, /) -> tuple[_Array, NDArray[np.int32]]: ...
def run_max_backward(dy: ArrayLike, which: ArrayLike, lengths: ArrayLike, /) -> _Array: ...
def cell_max(x: ArrayLike, /) -> tuple[_Array, NDArray[np.int32]]: ...
def cell_max_backward(dy: ArrayLike, which: ArrayLike, pieces: int, /) -> _Array: ...
def gather_sum(table: ArrayLike, ids: ArrayLike, /) -> _Array: ...

# data of networks: checked when made, then unchanging; they use the arrays where they lie if dtype and layout allow
class Examples:
    """Examples of one kind: dense, sparse, bags, sequences or stream."""

    @property
    def kind(self) -> str: ...
    @property
    def width(self) -> int:
        """Numbers of an example, rows of the table that ids are for, or words of a vocabulary."""
    def __len__(self) -> int: ...
    @staticmethod
    def dense(X: ArrayLike) -> Examples: ...
    @staticmethod
    def sparse(
        indptr: ArrayLike, indices: ArrayLike, data: ArrayLike, width: SupportsIndex
    ) -> Examples: ...
    @staticmethod
    def bags(ids: ArrayLike, offsets: ArrayLike, rows: SupportsIndex) -> Examples: ...
    @staticmethod
    def sequences(
        ids: ArrayLike, offsets: ArrayLike, rows: SupportsIndex, length: SupportsIndex
    ) -> Examples:
        """Each cut or padded to `length` ids; -1 is one that is missing."""
    @staticmethod
    def text(corpus: TextCorpus) -> Examples: ...
    @staticmethod
    def text_sequences(corpus: TextCorpus, length: SupportsIndex) -> Examples: ...
    @staticmethod
    def stream(ids: NDArray[np.int32], vocab: SupportsIndex) -> Examples:
        """Example i is to predict token i from those before it."""

class Targets:
    """What examples are to be: classes, sets, rows or values, each with a weight; or slopes."""

    @property
    def kind(self) -> str: ...
    @property
    def n_outputs(self) -> int: ...
    def __len__(self) -> int: ...
    @staticmethod
    def classes(
        y: ArrayLike, n_outputs: SupportsIndex, weight: ArrayLike | None = None
    ) -> Targets: ...
    @staticmethod
    def sets(
        indptr: ArrayLike,
        indices: ArrayLike,
        n_outputs: SupportsIndex,
        weight: ArrayLike | None = None,
        output_weight: ArrayLike | None = None,
    ) -> Targets: ...
    @staticmethod
    def rows(p: ArrayLike, weight: ArrayLike | None = None) -> Targets: ...
    @staticmethod
    def values(y: ArrayLike, weight: ArrayLike | None = None) -> Targets: ...
    @staticmethod
    def slopes(y: ArrayLike, weight: ArrayLike | None = None) -> Targets:
        """In place of a loss the sum of these times the outputs' values, for the outputs' own gradients."""

# Example numbers; of a stream also runs (starts, lengths, offsets): batch b is the runs [offsets[b], offsets[b + 1]).
_Order: TypeAlias = ArrayLike | tuple[ArrayLike, ArrayLike, ArrayLike]

class NetworkReading:
    """While it is entered no other thread changes the network; of the thread that entered it, changes are refused."""

    def __enter__(self) -> None: ...
    def __exit__(self, *args: object) -> None: ...

class _Network(Generic[_Float]):
    """A network of `spec`; parameters are zero until `initialise`."""

    step: int
    def __init__(self, spec: dict[str, Any], by_frequency: ArrayLike | None = None) -> None: ...
    @property
    def spec(self) -> dict[str, Any]: ...
    def parameters(self) -> dict[str, NDArray[_Float]]:
        """Live views by name."""
    def state(self) -> dict[str, NDArray[_Float]]:
        """Live views of the optimizer's state: name.s1, name.s2, and embedding.rate."""
    def initialise(self, seed: int, counts: ArrayLike | None = None) -> None: ...
    def train(
        self,
        examples: Examples,
        targets: Targets,
        order: _Order | None,
        batch_size: SupportsIndex,
        lr: ArrayLike,
        n_threads: SupportsInt = 0,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
        """Mean loss and sum of weights of each batch done; False where the next loss or norm is not finite."""
    def evaluate(
        self,
        examples: Examples,
        targets: Targets,
        order: _Order | None = None,
        accuracy: bool = True,
        n_threads: SupportsInt = 0,
    ) -> tuple[float, float, float]:
        """Sums of losses, of weights, and of the weights of what is right."""
    def predict(
        self, examples: Examples, order: _Order | None = None, n_threads: SupportsInt = 0
    ) -> NDArray[_Float]: ...
    def values(
        self,
        examples: Examples,
        stage: str = "output",
        order: _Order | None = None,
        n_threads: SupportsInt = 0,
    ) -> NDArray[_Float]:
        """What the input gives ("input"), what the output reads ("hidden"), or its values before softmax or sigmoid ("output")."""
    def predict_texts(
        self,
        features: TextFeatures,
        length: SupportsIndex,
        texts: Iterable[str],
        n_threads: SupportsInt = 0,
    ) -> NDArray[_Float]:
        """predict() of the corpus that `features` makes of texts; with `length` above 0, of that many first words of each."""
    def top_k(
        self,
        examples: Examples,
        k: SupportsIndex,
        threshold: SupportsFloat = 0.0,
        order: _Order | None = None,
        n_threads: SupportsInt = 0,
    ) -> tuple[NDArray[np.int32], NDArray[_Float]]:
        """Ids of the k greatest of at least `threshold`, falling, and their numbers; -1 and 0 where there are fewer."""
    def log_prob(
        self,
        examples: Examples,
        targets: Targets,
        begin: SupportsIndex,
        end: SupportsIndex,
        n_threads: SupportsInt = 0,
    ) -> NDArray[np.float64]: ...
    def distribution(self, ids: ArrayLike, n_threads: SupportsInt = 0) -> NDArray[np.float64]:
        """Of the token after `ids`."""
    def gradients(
        self,
        examples: Examples,
        targets: Targets,
        order: _Order | None = None,
        dropout: bool = False,
    ) -> tuple[float, dict[str, NDArray[_Float]]]: ...
    def fork(
        self,
        examples: Examples | None = None,
        rows: SupportsIndex = 0,
        training: dict[str, Any] = {},
    ) -> Self:
        """A copy to train aside: of a large table only the rows that `examples` touch, and new ones up to `rows`."""
    def absorb(self, fork: Self, then: Callable[[], object] | None = None) -> None:
        """Take over what the fork learned; then() is called before any reader looks."""
    def reading(self) -> NetworkReading: ...
    def set_rows(self, ids: ArrayLike, values: ArrayLike) -> None: ...
    def set_row_rates(self, ids: ArrayLike, rate: SupportsFloat) -> None: ...
    def set_row_weights(self, ids: ArrayLike, values: ArrayLike) -> None: ...
    def kept_bytes(self) -> int: ...
    def workspace_bytes(self) -> int: ...

class Network(_Network[np.float32]):
    """In float32."""

    def c_model(
        self,
        features: TextFeatures | None,
        length: SupportsIndex,
        one_unit: bool,
        labels: list[str],
        mean: list[float],
        spread: list[float],
    ) -> Any: ...

class Network64Reading:
    """While it is entered no other thread changes the network; of the thread that entered it, changes are refused."""

    def __enter__(self) -> None: ...
    def __exit__(self, *args: object) -> None: ...

class Network64(_Network[np.float64]):
    """In float64."""

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
def kernel_core_probe(threads: int, /) -> list[tuple[float, float]]: ...
