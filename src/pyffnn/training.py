"""The training loop of the classifiers: epochs, validation, early stopping, callbacks, divergence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.network import (
    Examples,
    Network,
    Weights,
    copy_weights,
    network_arrays,
    set_arrays,
    set_weights,
)
from pyffnn.optimizers import Schedule
from pyffnn.progress import Progress

__all__ = ["Callback", "Labelled", "Plan", "Record", "epoch_order", "seed_of", "split", "train"]

Record: TypeAlias = dict[str, Any]
Callback: TypeAlias = Callable[[Any, Record], Any]

# a call into the compiled loop lasts about so long: Ctrl-C is heard, a progress bar moves
_CALL_SECONDS = 0.2


@dataclass(frozen=True)
class Plan:
    """What a training run is to do.

    Attributes
    ----------
    epochs, batch_size
        Passes over the examples; examples a step.
    schedule
        Learning rate over all steps of the run.
    patience
        None, or the number of epochs without a better validation score after which training ends;
        the weights of the best epoch come back then, and also when all epochs were done.
    tol
        None, or the fall of the training loss that counts as progress: training ends after
        ``no_change`` epochs in a row without it.
    seed
        Of the order of the examples.
    n_threads
        0: the pool's own number.
    """

    epochs: int
    batch_size: int
    schedule: Schedule
    patience: int | None = None
    tol: float | None = None
    no_change: int = 10
    seed: int = 0
    n_threads: int = 0


class Labelled(NamedTuple):
    """Examples with targets (class numbers int64 [N], or float32 [N, outputs]) and weights [N] or None.

    ``order`` numbers those that take part; None: all.
    """

    examples: Examples
    targets: NDArray[Any]
    sample_weight: NDArray[np.float32] | None = None
    order: NDArray[np.int64] | None = None


def seed_of(random_state: Any) -> int:
    """A seed in [0, 2^63) from None (fresh entropy), an integer, a RandomState or a Generator.

    Raises ValueError for anything else.
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1))
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if random_state >= 0:
            return int(random_state) % (1 << 63)
    elif isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(0, 1 << 62, dtype=np.int64))
    elif isinstance(random_state, np.random.Generator):
        return int(random_state.integers(0, 1 << 62))
    raise ValueError(
        "random_state must be None, an integer of at least 0, a numpy RandomState or Generator, "
        f"got {random_state!r}"
    )


def epoch_order(order: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """The examples of ``order`` shuffled for an epoch; depends on nothing but the arguments."""
    rng = np.random.Generator(np.random.SFC64([seed, epoch]))
    return order[rng.permutation(order.size)]


def split(
    strata: NDArray[np.int64] | None, size: int, fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the examples to train on and to validate on, a ``fraction`` of them, both rising.

    With class numbers as ``strata`` each class gives its share, and keeps an example to train on.
    Raises ValueError when a side would be empty.
    """
    rng = np.random.Generator(np.random.SFC64([seed, 1 << 32]))
    held = np.zeros(size, bool)
    shuffled = rng.permutation(size)
    if strata is None:
        held[shuffled[: round(fraction * size)]] = True
    else:
        shuffled = shuffled[np.argsort(strata[shuffled], kind="stable")]
        counts = np.bincount(strata)
        starts = np.cumsum(counts) - counts
        # cumulative rounding: small classes give their share in the sum
        quota = np.diff(np.round(np.cumsum(counts) * fraction), prepend=0.0).astype(np.int64)
        quota = np.minimum(quota, np.maximum(counts - 1, 0))
        for start, n in zip(starts, quota, strict=True):
            held[shuffled[start : start + n]] = True
    if not held.any() or held.all():
        raise ValueError(
            f"validation_fraction={fraction} of {size} examples leaves "
            f"{'none to validate on' if not held.any() else 'none to train on'}"
        )
    return np.flatnonzero(~held), np.flatnonzero(held)


def train(
    model: Any,
    network: Network,
    data: Labelled,
    plan: Plan,
    *,
    validation: Labelled | None = None,
    callbacks: Sequence[Callback] = (),
    progress: Progress | None = None,
    history: list[Record] | None = None,
    fresh_seed: int | None = None,
) -> list[Record]:
    """Train ``network`` and return the history: a record an epoch.

    A record has ``epoch`` (from 1), ``loss`` (weighted mean while training), ``val_loss`` and
    ``val_accuracy`` (None without validation data), ``seconds`` and ``examples_per_second`` (of
    the training alone), and ``learning_rate`` (of the last step).

    Each callback is called as ``callback(model, record)`` after an epoch; training ends when one
    returns True. Records are appended to ``history`` as they come, so that ``model`` may show it.

    ``fresh_seed``: the network was just initialised with this seed, and can be so again.

    Raises FloatingPointError naming epoch, step and learning rate when a loss is not finite. The
    network then has the weights from before the update that led there, whose loss was finite.
    """
    history = [] if history is None else history
    progress = Progress() if progress is None else progress
    order = np.arange(data.examples.size) if data.order is None else data.order
    loop = _Loop(network, data, plan, order, len(history), progress, fresh_seed)
    best: tuple[tuple[float, float], int, Weights] | None = None
    lowest, since_lowest = math.inf, 0
    progress.start(plan.epochs, int(order.size))
    try:
        for epoch in range(plan.epochs):
            record = loop.epoch(epoch)
            if validation is not None:
                record["val_loss"], record["val_accuracy"] = _validate(
                    network, validation, plan.n_threads
                )
            history.append(record)
            progress.epoch(record)
            if plan.patience is not None and validation is not None:
                score = (record["val_accuracy"], -record["val_loss"])
                if best is None or score > best[0]:
                    best = (score, epoch, copy_weights(network))
            stop = [callback(model, record) for callback in callbacks]
            if any(answer is True for answer in stop):
                break
            if best is not None and plan.patience is not None and epoch - best[1] >= plan.patience:
                break
            if plan.tol is not None:
                since_lowest = 0 if record["loss"] < lowest - plan.tol else since_lowest + 1
                lowest = min(lowest, record["loss"])
                if since_lowest >= plan.no_change:
                    break
    finally:
        progress.close()
        if best is not None:
            set_weights(network, best[2])
    return history


class _Loop:
    """The epochs of a run, cut into calls of bounded length, and the way back when it diverges."""

    def __init__(
        self,
        network: Network,
        data: Labelled,
        plan: Plan,
        order: NDArray[np.int64],
        offset: int,
        progress: Progress,
        fresh_seed: int | None,
    ) -> None:
        self._network = network
        self._data = data
        self._plan = plan
        self._order = order
        self._offset = offset  # epochs before this run
        self._progress = progress
        self._steps = max(-(-order.size // plan.batch_size), 1)  # of an epoch
        self._speed = 0.0  # examples a second
        self._fresh_seed = fresh_seed
        self._start: Weights | None = None
        if fresh_seed is None:
            self._start = {k: np.array(v) for k, v in network_arrays(network).items()}

    def epoch(self, epoch: int) -> Record:
        """Epoch number ``epoch`` of the run, from 0; its record."""
        size, steps = self._plan.batch_size, self._steps
        order, rates = self._visits(epoch)
        loss = weight = seconds = 0.0
        done = 0  # steps
        while done < steps:
            stop = min(done + self._call_steps(), steps)
            part = order[done * size : stop * size]
            start = time.perf_counter()
            result = self._call(part, rates[done:stop])
            elapsed = time.perf_counter() - start
            seconds += elapsed
            if not result["finite"]:
                self._diverged(epoch, done + result["steps"], rates)
            loss += result["loss"]
            weight += result["weight"]
            done = stop
            if elapsed > 0:
                self._speed = part.size / elapsed
            self._progress.advance(int(part.size))
        if not self._is_good(order[(steps - 1) * size :]):
            self._diverged(epoch, steps, rates)
        return {
            "epoch": self._offset + epoch + 1,
            "loss": loss / weight if weight else 0.0,
            "val_loss": None,
            "val_accuracy": None,
            "seconds": seconds,
            "examples_per_second": order.size / seconds if seconds else 0.0,
            "learning_rate": float(rates[-1]),
        }

    def _visits(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Order of the examples and rate of each step of an epoch."""
        plan, steps = self._plan, self._steps
        order = epoch_order(self._order, plan.seed, self._offset + epoch)
        return order, plan.schedule.values(steps * plan.epochs, epoch * steps, (epoch + 1) * steps)

    def _call(self, part: NDArray[np.int64], rates: NDArray[np.float64]) -> dict[str, Any]:
        data, plan = self._data, self._plan
        return data.examples.train(
            self._network,
            data.targets,
            data.sample_weight,
            part,
            plan.batch_size,
            rates,
            plan.n_threads,
        )

    def _call_steps(self) -> int:
        # the first call finds out how fast this network is
        examples = self._speed * _CALL_SECONDS if self._speed else 4096
        return max(int(examples) // self._plan.batch_size, 1)

    def _is_good(self, part: NDArray[np.int64]) -> bool:
        # what the last update of an epoch broke must not be kept until the next epoch finds it
        data = self._data
        result = data.examples.evaluate(
            self._network, data.targets, data.sample_weight, part, self._plan.n_threads
        )
        return bool(result["finite"])

    def _diverged(self, epoch: int, step: int, rates: NDArray[np.float64]) -> None:
        """The loss was not finite after ``step`` updates in ``epoch``: go back before the last of them."""
        self._replay(epoch * self._steps + step - 1)
        rate = rates[min(step, rates.size - 1)]
        raise FloatingPointError(
            f"the loss became non-finite in epoch {self._offset + epoch + 1}, step {step + 1}, at "
            f"learning rate {rate:g}: try a lower learning_rate; the model is at its last good state"
        )

    def _replay(self, updates: int) -> None:
        # a run is a function of its start, so no copies of its states need be kept
        if self._start is not None:
            set_arrays(self._network, self._start)
        else:
            assert self._fresh_seed is not None
            self._network.initialise(self._fresh_seed)
        for epoch in range(-(-max(updates, 0) // self._steps)):
            order, rates = self._visits(epoch)
            part = min(self._steps, updates - epoch * self._steps)
            self._call(order[: part * self._plan.batch_size], rates[:part])


def _validate(network: Network, validation: Labelled, n_threads: int) -> tuple[float, float]:
    result = validation.examples.evaluate(
        network, validation.targets, validation.sample_weight, validation.order, n_threads
    )
    weight = result["weight"]
    if not weight:
        return 0.0, 0.0
    return result["loss"] / weight, result["correct"] / weight
