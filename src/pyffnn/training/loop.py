"""The one training loop: epochs of steps, validation, early stopping, checkpoints, and the way back when a run diverges.

A run is a function of its start: the order of the examples, dropout and the rates come from seeds and
numbers of epochs and steps. So calls into the engine may be cut anywhere, and steps may be done again.
The way back uses this: a copy of the state is made when fifty times what the copy costs has passed, and
a run whose loss is not finite goes back to the last copy and repeats the steps to just before the one
that led there. A run that is over before the first copy is due starts anew instead, and pays nothing.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from pyffnn.net import Examples, Network, Targets, copy_arrays, set_arrays
from pyffnn.optimizers import Schedule
from pyffnn.training.batches import Batches, BatchGroup
from pyffnn.training.checkpoint import Checkpoints
from pyffnn.training.errors import DivergedError
from pyffnn.training.progress import Progress
from pyffnn.training.records import Record, State, Validated
from pyffnn.training.validation import Score, by_loss

__all__ = ["Data", "Plan", "Run"]

# a call into the engine lasts about so long: callbacks and checkpoints come in time, a progress bar moves
_CALL_SECONDS = 0.2
_COPY_SHARE = 50
_COPY_SECONDS = 1.0
_LOST = 5.0  # nats above guessing: no result

Arrays = dict[str, NDArray[Any]]


class Data(NamedTuple):
    """Examples, and what they are to be taken for, with weights."""

    examples: Examples
    targets: Targets


@dataclass(frozen=True)
class Plan:
    """What a run is to do.

    Attributes
    ----------
    epochs
        Passes over the examples.
    batches
        Which examples make up each step.
    schedule
        Learning rate over all steps of the run.
    settle
        None, or what changes the network at the end of each epoch, before it is looked at.
    validate
        None, or what gives a record its results on validation data.
    complete
        None, or what adds a model's own entries to a record.
    score
        Which record is better.
    keep_best
        Bring back the parameters of the epoch with the best score at the end.
    patience
        None, or the number of epochs without a better score after which training ends.
    tol
        None, or the fall of the training loss that counts as progress: training ends after
        ``no_change`` epochs in a row without it.
    guess
        None, or the loss of guessing: a warning says that a run ended far above it, by
        5 nats an output of ``outputs``.
    first_epoch
        Epochs of earlier runs, for the numbers in the history.
    n_threads
        0: the pool's own number.
    """

    epochs: int
    batches: Batches
    schedule: Schedule
    settle: Callable[[Network], None] | None = None
    validate: Callable[[Network], Validated] | None = None
    complete: Callable[[Record], None] | None = None
    score: Score = by_loss
    keep_best: bool = False
    patience: int | None = None
    tol: float | None = None
    no_change: int = 10
    guess: float | None = None
    outputs: int = 1
    first_epoch: int = 0
    n_threads: int = 0


class _Place(NamedTuple):
    epoch: int
    batch: int
    updates: int


class Run:
    """Trains ``network`` in place, from ``state`` on.

    ``restart`` brings the network to where ``state`` says it is; None where the caller throws the
    network away when the run fails. ``best``: parameters of the best epoch so far.
    """

    def __init__(
        self,
        network: Network,
        data: Data,
        plan: Plan,
        *,
        restart: Callable[[], None] | None = None,
        state: State | None = None,
        best: Mapping[str, NDArray[Any]] | None = None,
        progress: Progress | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> None:
        self.network = network
        self.state = State() if state is None else state
        self.best = best
        self._data = data
        self._plan = plan
        self._progress = Progress(0) if progress is None else progress
        self._checkpoints = checkpoints
        self._restart = restart
        self._start = self._copy_place = self._here()
        self._copy: Arrays | None = None  # of the state at _copy_place
        self._copied = time.monotonic()
        self._copy_cost = 0.0
        self._speed = 0.0  # examples a second
        self._step_before = network.step - self.state.updates

    def train(self, after_epoch: Callable[[Record], bool] = lambda record: False) -> None:
        """All epochs left; ``after_epoch(record)`` returns True to end training.

        Raises `DivergedError`, naming epoch, step and learning rate, when a loss is not finite. The
        network then has the parameters of before the update that led there, whose loss was finite.
        Any other exception leaves the network between two steps.
        """
        plan, state = self._plan, self.state
        first = plan.first_epoch
        self._progress.start(first + plan.epochs, plan.batches.examples, state.examples)
        if self._checkpoints is not None:
            self._checkpoints.begin(state)
        try:
            while state.epoch < plan.epochs and not state.finished:
                record = self._epoch()
                state.history.append(record)
                state.epoch += 1
                state.batch, state.loss, state.weight, state.seconds = 0, 0.0, 0.0, 0.0
                over = self._judge(record)
                self._progress.epoch(record)
                stop = after_epoch(record)
                state.finished = stop or over or state.epoch == plan.epochs
                self._write()
        finally:
            self._progress.close()
        self.bring_back_best()
        self._say_if_lost()

    @property
    def epoch(self) -> int:
        """Number of the present epoch, from 1."""
        return self._plan.first_epoch + min(self.state.epoch + 1, self._plan.epochs)

    @property
    def epochs(self) -> int:
        """Number of the last epoch that is to be done."""
        return self._plan.first_epoch + self._plan.epochs

    @property
    def checkpoint(self) -> str | None:
        """File of the run's checkpoints."""
        return None if self._checkpoints is None else self._checkpoints.path

    @property
    def has_begun(self) -> bool:
        """Whether steps were done."""
        return self.state.updates > 0 or self.network.step != self._step_before

    def bring_back_best(self) -> int | None:
        """Give the network the parameters of the best epoch so far, where those are kept; its number."""
        if self.best is None or not self._plan.keep_best:
            return None
        set_arrays(self.network, self.best)
        return self.state.best_epoch

    def save(self) -> bool:
        """Write a checkpoint, if the run has one and is between two calls; whether it did."""
        if self._checkpoints is None:
            return False
        if self.network.step != self.state.updates + self._step_before:
            return False  # a call was cut short: what its steps added to the loss is lost
        self._write()
        return True

    # an epoch

    def _epoch(self) -> Record:
        plan, state = self._plan, self.state
        begin = time.perf_counter() - state.seconds
        last: BatchGroup | None = None
        rate = 0.0
        for group, at in self._groups(state.epoch, state.batch):
            while at < len(group):
                end = min(at + self._call_steps(group), len(group))
                self._steps(group, at, end)
                at = end
                state.seconds = time.perf_counter() - begin
                self._progress.advance(
                    plan.first_epoch + state.epoch + 1,
                    state.batch,
                    -(-plan.batches.examples // plan.batches.batch_size),
                    state.examples,
                    state.loss / state.weight if state.weight else 0.0,
                    float(group.rates[end - 1]),
                )
                self._keep_copy()
                if self._checkpoints is not None and self._checkpoints.due(state):
                    self._write()
            last, rate = group, float(group.rates[-1])
        if last is not None:
            self._check_last_update(last)
        record: Record = {
            "epoch": plan.first_epoch + state.epoch + 1,
            "loss": state.loss / state.weight if state.weight else 0.0,
            "val_loss": None,
            "val_accuracy": None,
            "seconds": state.seconds,
            "examples_per_second": plan.batches.examples / max(state.seconds, 1e-9),
            "learning_rate": rate,
        }
        if plan.complete is not None:
            plan.complete(record)
        if plan.settle is not None:
            plan.settle(self.network)
        if plan.validate is not None:
            found = plan.validate(self.network)
            record.update(cast(Record, found))
            if not math.isfinite(found["val_loss"]):
                self._diverged("validation loss", rate)
        return record

    def _here(self) -> _Place:
        return _Place(self.state.epoch, self.state.batch, self.state.updates)

    def _groups(self, epoch: int, batch: int) -> Iterator[tuple[BatchGroup, int]]:
        """The groups of batches of an epoch, with the first batch to do of each, where it goes on at ``batch``."""
        plan, skip = self._plan, batch
        for group in plan.batches.epoch(epoch, plan.epochs, plan.schedule):
            at = min(skip, len(group))
            yield group, at
            skip -= at

    def _call_steps(self, group: BatchGroup) -> int:
        # the first call finds out how fast this network is
        examples = self._speed * _CALL_SECONDS if self._speed else 4096
        steps = max(int(examples) // self._plan.batches.batch_size, 1)
        if self._checkpoints is not None:
            most = self._checkpoints.most_steps(self.state)
            steps = steps if most is None else min(steps, most)
        return steps

    def _call(self, group: BatchGroup, begin: int, end: int) -> Any:
        plan = self._plan
        return self.network.train(
            self._data.examples,
            self._data.targets,
            group.order(begin, end),
            plan.batches.batch_size,
            group.rates[begin:end],
            plan.n_threads,
        )

    def _steps(self, group: BatchGroup, begin: int, end: int) -> None:
        state = self.state
        start = time.perf_counter()
        losses, weights, finite = self._call(group, begin, end)
        elapsed = time.perf_counter() - start
        done = losses.size
        if done:
            # one addition a batch, in order: the sums must not depend on how many batches a call has
            state.loss = float(np.cumsum(np.append(state.loss, losses * weights))[-1])
            state.weight = float(np.cumsum(np.append(state.weight, weights))[-1])
        count = int(group.sizes[begin : begin + done].sum())
        state.examples += count
        state.batch += done
        state.updates += done
        if not finite:
            self._diverged("loss", float(group.rates[begin + done]))
        if elapsed > 0:
            self._speed = count / elapsed

    # results

    def _judge(self, record: Record) -> bool:
        """Keep what is best; True when training is to end."""
        plan, state, over = self._plan, self.state, False
        if plan.validate is not None:
            score = plan.score(record)
            if state.best_score is None or score > state.best_score:
                state.best_score, state.best_epoch, state.waited = score, record["epoch"], 0
                if plan.keep_best:
                    self.best = copy_arrays(self.network, state=False)
            else:
                state.waited += 1
                over = plan.patience is not None and state.waited >= plan.patience
        if plan.tol is not None:
            lowest = math.inf if state.lowest is None else state.lowest
            state.since_lowest = 0 if record["loss"] < lowest - plan.tol else state.since_lowest + 1
            state.lowest = min(lowest, record["loss"])
            over = over or state.since_lowest >= plan.no_change
        return over

    def _say_if_lost(self) -> None:
        guess, history = self._plan.guess, self.state.history
        if guess is None or not history:
            return
        if history[-1]["loss"] > guess + _LOST * self._plan.outputs:
            warnings.warn(
                f"training has diverged: the loss of the last epoch is {history[-1]['loss']:.3g}, "
                f"that of guessing {guess:.3g}; try a lower learning_rate",
                RuntimeWarning,
                stacklevel=5,
            )

    def _write(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.write(self.network, self.state, self.best)

    # divergence

    def _check_last_update(self, group: BatchGroup) -> None:
        # What the last update of an epoch broke must not be kept until the next epoch finds it. Rows of a table belong to some examples;
        # all weights of dense ones are everybody's.
        shared = self._data.examples.kind == "dense"
        loss, _, _ = self.network.evaluate(
            self._data.examples,
            self._data.targets,
            group.last_few() if shared else group.order(len(group) - 1, len(group)),
            self._plan.n_threads,
            accuracy=False,
        )
        if not math.isfinite(loss):
            self._diverged("loss", float(group.rates[-1]))

    def _keep_copy(self) -> None:
        """Copy the state, if that costs little beside the time since the last copy."""
        if self._restart is None:
            return
        now = time.monotonic()
        if now - self._copied < max(_COPY_SECONDS, _COPY_SHARE * self._copy_cost):
            return
        self._copy = copy_arrays(self.network)
        self._copy_place = self._here()
        self._copied = time.monotonic()
        self._copy_cost = self._copied - now

    def _diverged(self, what: str, rate: float) -> None:
        """A loss is not finite after the present number of updates: go back before the last of them."""
        state = self.state
        text = (
            f"the {what} became non-finite in epoch {self._plan.first_epoch + state.epoch + 1}, "
            f"step {state.batch + 1}, at learning rate {rate:g}: try a lower learning_rate"
        )
        if self._restart is not None:
            self._go_back(state.updates - 1)
        raise DivergedError(text)

    def _go_back(self, updates: int) -> None:
        """To the state after so many updates."""
        assert self._restart is not None
        if self._copy is not None and self._copy_place.updates <= updates:
            set_arrays(self.network, self._copy)
            place = self._copy_place
        else:
            self._restart()
            place = self._start
        left, epoch, batch = updates - place.updates, place.epoch, place.batch
        while left > 0:
            for group, at in self._groups(epoch, batch):
                while left > 0 and at < len(group):
                    end = min(at + self._call_steps(group), at + left, len(group))
                    self._call(group, at, end)
                    at, left = end, left - (end - at)
            if left > 0 and self._plan.settle is not None:
                self._plan.settle(self.network)
            epoch, batch = epoch + 1, 0
