"""The training run of a language model: epochs of steps, validation, early stopping, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.io import PathLike
from pyffnn.models.lm.batches import Batches, epoch_batches
from pyffnn.models.lm.checkpoint import RunState, write_checkpoint
from pyffnn.models.lm.network import Arrays, Network
from pyffnn.models.lm.progress import Progress
from pyffnn.optimizers import Schedule

SLICE = 0.25
"""Seconds of training between two looks at the clock; results do not depend on it."""


@dataclass(frozen=True)
class RunPlan:
    ids: NDArray[np.int32]
    valid: NDArray[np.int32] | None
    epochs: int
    batch_size: int
    segment: int
    schedule: Schedule
    patience: int | None
    """Epochs without a better validation loss before stopping; None: never stop."""
    seed: int
    n_threads: int
    verbose: int
    checkpoint: PathLike | None
    checkpoint_steps: int | None
    checkpoint_seconds: float
    settings: dict[str, Any]
    """Written into checkpoints, so that a resumed run can be compared."""


class Run:
    """Trains ``network`` in place from ``state`` on.

    ``best`` are the weights of the best validation loss so far, if there is validation data.
    """

    def __init__(
        self, network: Network, plan: RunPlan, state: RunState, best: Arrays | None = None
    ) -> None:
        self.network = network
        self.plan = plan
        self.state = state
        self.best = best
        self.last_good = network.snapshot()
        self.total = plan.epochs * plan.ids.size
        self._per_call = 1

    def train(self, after_epoch: Callable[[dict[str, Any]], bool]) -> None:
        """All epochs left; ``after_epoch(record)`` returns True to stop.

        Raises FloatingPointError when the loss becomes non-finite; the network then has the
        weights of the last epoch's end (or its first).
        """
        plan, state = self.plan, self.state
        self._progress = Progress(plan.verbose, self.total, state.tokens)
        self._written = time.monotonic()
        self._written_step = state.step
        while state.epoch < plan.epochs and not state.finished:
            record = self._epoch()
            state.history.append(record)
            state.epoch += 1
            state.batch, state.loss_sum, state.loss_tokens, state.seconds = 0, 0.0, 0, 0.0
            stop = self._judge(record)
            self._progress.epoch(_line(record, plan.epochs))
            self.last_good = self.network.snapshot()
            state.finished = after_epoch(record) or stop or state.epoch == plan.epochs
            self._write()
        if self.best is not None and plan.patience is not None:
            self.network.restore(self.best)

    def _epoch(self) -> dict[str, Any]:
        plan, state = self.plan, self.state
        begin = time.monotonic() - state.seconds
        rate = 0.0
        skip = state.batch
        for group in epoch_batches(
            plan.ids.size, plan.batch_size, plan.segment, plan.seed, state.epoch
        ):
            if skip >= len(group):
                skip -= len(group)
                continue
            at, skip = skip, 0
            while at < len(group):
                part = group.part(at, min(at + self._per_call, len(group)))
                rate = self._steps(part)
                at += len(part)
                state.seconds = time.monotonic() - begin
                self._progress.update(
                    state.epoch,
                    plan.epochs,
                    state.tokens,
                    state.loss_sum / max(state.loss_tokens, 1),
                    rate,
                )
                if self._due():
                    self._write()
        loss = state.loss_sum / max(state.loss_tokens, 1)
        speed = state.loss_tokens / max(state.seconds, 1e-9)
        record: dict[str, Any] = {
            "epoch": state.epoch,
            "loss": loss,
            "learning_rate": rate,
            "seconds": state.seconds,
            "tokens_per_second": speed,
            "examples_per_second": speed,
            "val_loss": None,
            "val_perplexity": None,
        }
        if plan.valid is not None:
            log_p = self.network.compiled.log_prob(plan.valid, 0, plan.valid.size, plan.n_threads)
            record["val_loss"] = float(-np.mean(log_p))
            record["val_perplexity"] = math.exp(min(record["val_loss"], 700.0))
            if not math.isfinite(record["val_loss"]):
                self._diverged("validation loss", rate)
        return record

    def _steps(self, part: Batches) -> float:
        """Train on some batches; returns the last learning rate."""
        plan, state = self.plan, self.state
        tokens = part.tokens()
        rates = learning_rates(plan.schedule, state.tokens + np.cumsum(tokens), tokens, self.total)
        start = time.monotonic()
        losses = self.network.compiled.train(
            plan.ids, part.starts, part.lengths, part.offsets, rates, plan.n_threads
        )
        taken = time.monotonic() - start
        # one addition a batch, in order: the sum must not depend on how many batches a call has
        for loss, n in zip(losses.tolist(), tokens.tolist(), strict=False):
            if not math.isfinite(loss):
                self._diverged("loss", float(rates[len(losses) - 1]))
            state.loss_sum += loss * n
            state.loss_tokens += n
            state.tokens += n
            state.batch += 1
            state.step += 1
        if taken < SLICE / 2 or taken > SLICE * 2:
            self._per_call = max(1, min(4096, int(len(part) * SLICE / max(taken, 1e-6))))
        if plan.checkpoint is not None and plan.checkpoint_steps is not None:
            left = plan.checkpoint_steps - (state.step - self._written_step)
            self._per_call = max(
                1, min(self._per_call, left if left > 0 else plan.checkpoint_steps)
            )
        return float(rates[-1])

    def _judge(self, record: dict[str, Any]) -> bool:
        """Keep the best weights; True when patience is over."""
        state, loss = self.state, record["val_loss"]
        if loss is None:
            return False
        if state.best_loss is None or loss < state.best_loss:
            state.best_loss, state.best_epoch, state.waited = loss, record["epoch"], 0
            if self.plan.patience is not None:
                self.best = self.network.snapshot()
            return False
        state.waited += 1
        return self.plan.patience is not None and state.waited >= self.plan.patience

    def _due(self) -> bool:
        plan = self.plan
        if plan.checkpoint is None:
            return False
        if (
            plan.checkpoint_steps is not None
            and self.state.step - self._written_step >= plan.checkpoint_steps
        ):
            return True
        return time.monotonic() - self._written >= plan.checkpoint_seconds

    def _write(self) -> None:
        plan = self.plan
        if plan.checkpoint is None:
            return
        write_checkpoint(plan.checkpoint, self.network, self.state, self.best, plan.settings)
        self._written = time.monotonic()
        self._written_step = self.state.step

    def _diverged(self, what: str, rate: float) -> None:
        state = self.state
        self.network.restore(self.last_good)
        raise FloatingPointError(
            f"the {what} is not finite in epoch {state.epoch + 1}, step {state.step + 1}, at "
            f"learning rate {rate:.3g}; the model has the weights of before this epoch"
        )


def learning_rates(
    schedule: Schedule, done: NDArray[np.int64], tokens: NDArray[np.int64], total: int
) -> NDArray[np.float64]:
    """Rates of batches after which ``done`` of ``total`` tokens have been seen.

    A batch has the rate of the moment it begins; during the warm-up, of the moment it ends, so
    that none has a rate of 0.
    """
    out = np.empty(len(done))
    for i, (end, n) in enumerate(zip(done.tolist(), tokens.tolist(), strict=True)):
        begin = (end - n) / total
        out[i] = schedule(min(end / total, schedule.warmup) if begin < schedule.warmup else begin)
    return out


def _line(record: dict[str, Any], epochs: int) -> str:
    text = f"epoch {record['epoch'] + 1}/{epochs}  loss {record['loss']:.4f}"
    if record["val_perplexity"] is not None:
        text += f"  valid perplexity {record['val_perplexity']:.2f}"
    return text + f"  {record['seconds']:.1f} s  {record['tokens_per_second']:,.0f} tokens/s"


def call_all(callbacks: Iterable[Callable[..., Any]], *arguments: Any) -> bool:
    """Call each, also after one has asked to stop by returning True; then the result is True."""
    answers = [callback(*arguments) for callback in callbacks]
    return any(answer is True for answer in answers)
