"""One network for all models: its parameters, its steps, private copies to train on, and the lock of its readers."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.net.compiled import Engine, Views, make_engine
from pyffnn.net.examples import Examples, Targets
from pyffnn.net.locks import SharedLock

__all__ = [
    "Network",
    "Order",
    "Runs",
    "TrainResult",
    "arrays_of",
    "copy_arrays",
    "set_arrays",
]

STATE = "state."
BY_FREQUENCY = "by_frequency"
TRAINING_KEYS = frozenset(
    ("precision", "beta1", "beta2", "eps", "l2", "weight_decay", "clip", "embedding_lr", "freeze_embeddings", "dropout",
     "input_dropout", "embedding_dropout", "output_dropout", "word_dropout", "samples", "seed")
)  # fmt: skip
"""Settings that concern training alone: a fork may have others."""


_call: Callable[[Callable[[], Any]], Any] = operator.call


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

    ``spec`` says what it is made of; unknown keys are a ValueError. ``by_frequency``: all outputs,
    the most frequent first, which the outputs "adaptive" and "sampled" need.
    """

    def __init__(
        self, spec: Mapping[str, Any], by_frequency: NDArray[np.int64] | None = None
    ) -> None:
        self._spec = dict(spec)
        self._by_frequency = by_frequency
        self._engine: Any = make_engine(self._spec, by_frequency)
        self._lock = SharedLock()
        self._turn = SharedLock()

    @property
    def spec(self) -> dict[str, Any]:
        return dict(self._spec)

    @property
    def by_frequency(self) -> NDArray[np.int64] | None:
        return self._by_frequency

    @property
    def step(self) -> int:
        """Training steps done."""
        return int(self._engine.step)

    @step.setter
    def step(self, step: int) -> None:
        self._engine.step = step

    def parameters(self) -> Views:
        """Live views by name: writing into them changes the network."""
        engine: Engine = self._engine
        return engine.parameters()

    def state(self) -> Views:
        """Live views of the optimizer's state by name."""
        engine: Engine = self._engine
        return engine.state()

    def initialise(self, seed: int, counts: NDArray[np.int64] | None = None) -> None:
        """First weights. ``counts`` of the outputs: their biases start at the log of relative frequencies."""
        self._engine.initialise(seed, counts)

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
        return TrainResult(*self._engine.train(examples, targets, order, batch_size, lr, n_threads))

    def evaluate(
        self,
        examples: Examples,
        targets: Targets,
        order: Order | None = None,
        n_threads: int = 0,
    ) -> tuple[float, float, float]:
        """Sums of weighted losses, of weights, and of the weights of what is right; without an update."""
        result: tuple[float, float, float] = self._engine.evaluate(
            examples, targets, order, n_threads
        )
        return result

    def predict(
        self, examples: Examples, order: NDArray[np.int64] | None = None, n_threads: int = 0
    ) -> NDArray[np.float32]:
        """Probabilities, shape (examples, n_outputs)."""
        p: NDArray[np.float32] = self._engine.predict(examples, order, n_threads)
        return p

    def log_prob(
        self, examples: Examples, targets: Targets, begin: int, end: int, n_threads: int = 0
    ) -> NDArray[np.float64]:
        """Log-probability of the targets of examples ``begin .. end - 1``."""
        p: NDArray[np.float64] = self._engine.log_prob(examples, begin, end, n_threads)
        return p

    def distribution(self, ids: NDArray[np.int32], n_threads: int = 0) -> NDArray[np.float64]:
        """Probability of each token after ``ids``."""
        p: NDArray[np.float64] = self._engine.distribution(ids, n_threads)
        return p

    def kept_bytes(self) -> int:
        """Memory of what is kept between predictions."""
        return int(self._engine.kept_bytes())

    # private copies, and the way back

    def fork(
        self,
        examples: Examples | None = None,
        rows: int = 0,
        n_outputs: int = 0,
        **training: Any,
    ) -> Network:
        """A private copy to train on ``examples`` aside, with at least so many rows and outputs.

        ``training``: settings that concern training alone and are to be others than here.
        """
        unknown = training.keys() - TRAINING_KEYS
        if unknown:
            raise ValueError(f"a fork cannot change {', '.join(sorted(unknown))}")
        fork = Network({**self._spec, **training}, self._by_frequency)
        set_arrays(fork, arrays_of(self))
        larger = {"rows": rows, "n_outputs": n_outputs}
        if any(value > self._spec.get(key, 0) for key, value in larger.items()):
            fork._engine.grow(rows, n_outputs)
            for key, value in larger.items():
                if value:
                    fork._spec[key] = max(value, self._spec.get(key, 0))
        return fork

    def absorb(self, fork: Network, *also: Callable[[], Any]) -> None:
        """Become what ``fork`` has learned, at once, when nobody reads; the fork must not be used after this.

        ``also``: compiled functions (or `functools.partial` of such) that are called with it in one
        breath. No byte code runs between them, so no signal handler can part them.
        """
        own: Callable[[], Any] = partial(
            self.__dict__.update, _spec=fork._spec, _engine=fork._engine
        )
        with self._lock.writing:
            deque(map(_call, (own, *also)), maxlen=0)

    def reading(self) -> Any:
        """Context manager of those who use the network: meanwhile nobody else changes it."""
        return self._lock.reading

    def turn(self) -> Any:
        """Context manager from `fork` to `absorb`: one after the other, so that nothing learned is lost."""
        return self._turn.writing

    def copy(self) -> Network:
        """An independent network of the same content."""
        return self.fork()

    def __deepcopy__(self, memo: dict[int, Any]) -> Network:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        with self.reading():
            return _restored, (self._spec, self._by_frequency, copy_arrays(self))


def _restored(
    spec: dict[str, Any], by_frequency: NDArray[np.int64] | None, arrays: Views
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
