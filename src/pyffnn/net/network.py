"""One network for all models: its parameters, its steps, and private copies to train on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn import _pyffnn
from pyffnn._pyffnn import Examples, Targets
from pyffnn.net.locks import TurnLock

__all__ = [
    "Network",
    "Order",
    "Runs",
    "TrainResult",
    "Views",
    "arrays_of",
    "copy_arrays",
    "set_arrays",
]

Views: TypeAlias = dict[str, NDArray[Any]]
STATE = "state."


class Runs(NamedTuple):
    """Batches of a stream: batch b is the runs ``offsets[b] .. offsets[b + 1]``, each of ``lengths`` tokens from ``starts`` on."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    offsets: NDArray[np.int64]


Order: TypeAlias = NDArray[np.int64] | Runs


class TrainResult(NamedTuple):
    """Mean loss and sum of weights of each batch done; ``finite`` is False where the next one's loss is not."""

    losses: NDArray[np.float64]
    weights: NDArray[np.float64]
    finite: bool


class Network:
    """A network with its optimizer's state, in float32; parameters are zero until `initialise`.

    ``spec`` says what it is made of (src/cpp/net/spec.h); unknown keys are a ValueError.
    ``by_frequency``: all outputs, the most frequent first, which the outputs "adaptive" and
    "sampled" need.

    ``owner`` says what the network is a part of, for its owner's use; copies have none. It may not hold the network.

    Threads may predict and evaluate at once; whoever changes it is alone (docs/sharing.md).
    """

    owner: Any

    def __init__(
        self, spec: Mapping[str, Any], by_frequency: NDArray[np.int64] | None = None
    ) -> None:
        self._by_frequency = by_frequency
        self._core = _pyffnn.Network(dict(spec), by_frequency)
        self._spec: Mapping[str, Any] | None = None
        self._reading = self._core.reading()
        self._turn = TurnLock()

    @property
    def spec(self) -> Mapping[str, Any]:
        """All keys, as understood; read-only."""
        # asked for at every prediction, and only `absorb` changes it
        spec = self._spec
        if spec is None:
            with self._reading:
                spec = self._spec = MappingProxyType(self._core.spec)
        return spec

    @property
    def by_frequency(self) -> NDArray[np.int64] | None:
        return self._by_frequency

    @property
    def step(self) -> int:
        """Training steps done."""
        return self._core.step

    @step.setter
    def step(self, step: int) -> None:
        self._core.step = step

    def parameters(self) -> Views:
        """Live views by name: writing into them changes the network."""
        return self._core.parameters()

    def state(self) -> Views:
        """Live views of the optimizer's state by name."""
        return self._core.state()

    def initialise(self, seed: int, counts: NDArray[np.int64] | None = None) -> None:
        """First weights. ``counts`` of the outputs: their biases start at the log of relative frequencies."""
        self._core.initialise(seed, counts)

    def train(
        self,
        examples: Examples,
        targets: Targets,
        order: Order,
        batch_size: int,
        lr: NDArray[np.float64],
        n_threads: int = 0,
    ) -> TrainResult:
        """A step a batch of ``order``, at the rates ``lr``; stops before that of the first loss that is not finite."""
        return TrainResult(*self._core.train(examples, targets, order, batch_size, lr, n_threads))

    def evaluate(
        self,
        examples: Examples,
        targets: Targets,
        order: Order | None = None,
        n_threads: int = 0,
        *,
        accuracy: bool = True,
    ) -> tuple[float, float, float]:
        """Sums of weighted losses, of weights, and of the weights of what is right; without an update."""
        return self._core.evaluate(examples, targets, order, accuracy, n_threads)

    def predict(
        self, examples: Examples, order: NDArray[np.int64] | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """Probabilities, shape (examples, n_outputs)."""
        return self._core.predict(examples, order, n_threads)

    def values(
        self,
        examples: Examples,
        stage: str = "output",
        order: NDArray[np.int64] | None = None,
        n_threads: int = 0,
    ) -> NDArray[np.float32]:
        """Numbers of each example: "input", what the input gives the layers; "hidden", what the output reads; "output", logits."""
        return self._core.values(examples, stage, order, n_threads)

    def gradients(
        self, examples: Examples, targets: Targets, order: NDArray[np.int64] | None = None
    ) -> tuple[float, Views]:
        """The loss of the examples as one batch, and its gradient by each parameter."""
        return self._core.gradients(examples, targets, order)

    def of_texts(
        self, features: _pyffnn.TextFeatures, length: int
    ) -> Callable[[list[str], int], NDArray[np.float32]]:
        """``f(texts, n_threads)``: `predict` of the corpus that ``features`` makes of texts, without what lies between.

        With ``length`` above 0, of that many first words of each.
        """
        return partial(self._core.predict_texts, features, length)

    def top_k(
        self,
        examples: Examples,
        k: int,
        threshold: float = 0.0,
        order: NDArray[np.int64] | None = None,
        n_threads: int = 0,
    ) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """The k likeliest outputs of each example and their probabilities, falling; -1 and 0 below ``threshold``."""
        return self._core.top_k(examples, k, threshold, order, n_threads)

    def log_prob(
        self, examples: Examples, targets: Targets, begin: int, end: int, n_threads: int = 0
    ) -> NDArray[np.float64]:
        """Log-probability of the targets of examples ``begin .. end - 1``."""
        return self._core.log_prob(examples, targets, begin, end, n_threads)

    def distribution(self, ids: NDArray[np.int32], n_threads: int = 0) -> NDArray[np.float64]:
        """Probability of each token after ``ids``."""
        return self._core.distribution(ids, n_threads)

    def c_model(
        self,
        features: _pyffnn.TextFeatures | None,
        length: int,
        *,
        one_unit: bool = False,
        labels: Sequence[str] = (),
        mean: Sequence[float] = (),
        spread: Sequence[float] = (),
    ) -> Any:
        """A capsule that lends the network, with what makes its rows of texts, to C (``pyffnn.h``).

        ``labels``: of a classifier. ``mean``, ``spread``: of a regressor, whose numbers are ``spread * output + mean``.
        """
        return self._core.c_model(
            features, length, one_unit, list(labels), list(mean), list(spread)
        )

    def kept_bytes(self) -> int:
        """Memory of what is kept between predictions."""
        return self._core.kept_bytes()

    # private copies, and the way back

    def fork(self, examples: Examples | None = None, rows: int = 0, **training: Any) -> Network:
        """A private copy to train on ``examples`` aside, its table grown to ``rows`` rows.

        Of a large table only the rows that the examples touch are copied, so `parameters` of the
        fork has those alone; `set_rows` and `set_row_rates` take the numbers of the whole.
        ``training``: settings that concern training alone and are to be others than here; also
        ``spread_power``, by which the logits are multiplied.
        """
        fork = Network.__new__(Network)
        fork._by_frequency = self._by_frequency
        fork._core = self._core.fork(examples, rows, training)
        fork._spec = None
        fork._reading = fork._core.reading()
        fork._turn = TurnLock()
        return fork

    def absorb(self, fork: Network, owner: Any = None) -> None:
        """Take over what ``fork`` has learned, at once, when nobody reads; ``owner`` becomes the owner with it."""
        # compiled all through, so that no signal handler comes between
        self._core.absorb(fork._core, partial(self.__dict__.update, owner=owner, _spec=None))

    def set_rows(self, ids: ArrayLike, values: ArrayLike) -> None:
        """Write rows of the embedding table."""
        self._core.set_rows(ids, values)

    def set_row_rates(self, ids: ArrayLike, rate: float) -> None:
        """Set the factor on the learning rate of rows of the table."""
        self._core.set_row_rates(ids, rate)

    def set_row_weights(self, ids: ArrayLike, values: ArrayLike) -> None:
        """Set what rows of the table count in a weighted bag."""
        self._core.set_row_weights(ids, values)

    def reading(self) -> Any:
        """Context manager of those who use the network: meanwhile nobody else changes it."""
        return self._reading

    def turn(self) -> AbstractContextManager[Any]:
        """Context manager from `fork` to `absorb`: one after the other, so that nothing learned is lost."""
        return self._turn.lock

    def copy(self) -> Network:
        """An independent network of the same content."""
        return self.fork()

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        with self.reading():
            return _restored, (dict(self.spec), self._by_frequency, copy_arrays(self))


def _restored(
    spec: Mapping[str, Any], by_frequency: NDArray[np.int64] | None, arrays: Views
) -> Network:
    network = Network(spec, by_frequency)
    set_arrays(network, arrays)
    return network


def arrays_of(network: Network, *, state: bool = True) -> Views:
    """Parameters by name, and with ``state`` the optimizer's under ``state.`` names; live views."""
    arrays = dict(network.parameters())
    if state:
        arrays |= {STATE + name: view for name, view in network.state().items()}
        arrays[STATE + "step"] = np.asarray(network.step, np.int64)
    return arrays


def copy_arrays(network: Network, *, state: bool = True) -> Views:
    """Copies of what `arrays_of` gives."""
    return {name: np.array(view) for name, view in arrays_of(network, state=state).items()}


def set_arrays(network: Network, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays of `arrays_of` into a network; those of its state may be missing, all of them.

    Raises ValueError, before anything is written, when arrays are missing or do not fit.
    """
    views = dict(network.parameters())
    step = arrays.get(STATE + "step")
    if step is not None:
        views |= {STATE + name: view for name, view in network.state().items()}
    for name, view in views.items():
        array = arrays.get(name)
        if array is None:
            raise ValueError(f"the network's array {name!r} is missing")
        if array.shape != view.shape or array.dtype != view.dtype:
            raise ValueError(
                f"the network's array {name!r} must be {view.dtype} of shape {view.shape}, "
                f"got {array.dtype} of shape {array.shape}"
            )
    for name, view in views.items():
        view[...] = arrays[name]
    if step is not None:
        network.step = int(step)
