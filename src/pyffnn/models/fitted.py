"""The fitted state of the models that train a network.

Whatever a call of ``fit`` or ``partial_fit`` meets, the model has the state before it or the state
after it. Readers hold the network's lock while they use both what stands in the state and the
network, so that they see one of the two, never a vocabulary beside the rows of another.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pyffnn.models.one_state import OneState
from pyffnn.net import Network
from pyffnn.training import Callback, DivergedError, Interrupted, Record, Run, call_all

__all__ = ["Fitted", "FittedModel"]


@dataclass(frozen=True, eq=False)
class Fitted:
    """What ``fit`` found. Only the network's live arrays, and the history while training goes on, ever change.

    Attributes
    ----------
    network
    seed
        Of all that was random.
    history
        A record an epoch.
    settings
        Constructor arguments that cannot change before `partial_fit`, as JSON has them.
    """

    network: Network
    seed: int
    history: list[Record]
    settings: dict[str, Any]

    def copy(self) -> Self:
        """An independent one of the same content."""
        return replace(
            self,
            network=self.network.copy(),
            history=[dict(record) for record in self.history],
        )


F = TypeVar("F", bound=Fitted)


class FittedModel(OneState[F]):
    """Base of the models that train a network."""

    def _using(self) -> _Using[F]:
        """``with model._using() as fitted:`` nobody changes it meanwhile."""
        return _Using(self)

    def _changing(self) -> _Changing[F]:
        """``with model._changing() as fitted:`` nobody else changes it meanwhile; others still read."""
        return _Changing(self)

    def _replace(self, fork: Network, fitted: F) -> None:
        """The network learns what its fork did and ``fitted`` becomes the state, both at once."""
        fitted.network.absorb(fork, partial(self.__dict__.update, _kept=fitted))

    @property
    def history_(self) -> list[Record]:
        return self._state().history

    # training

    def _train(self, run: Run, fitted: F, callbacks: list[Callback]) -> None:
        """Train ``fitted`` and keep it; what ends training early leaves a usable model behind."""

        def after_epoch(record: Record) -> bool:
            if not callbacks:
                return False
            with self._showing(fitted):
                return call_all(callbacks, self, record)

        try:
            run.train(after_epoch)
        except KeyboardInterrupt as stop:
            if not run.has_begun:
                raise
            raise self._interrupted(run, fitted) from stop
        except DivergedError as error:
            model, where = self._left_behind(fitted)
            diverged = DivergedError(f"{error}; {where} is at its last good state")
            diverged.model = model
            raise diverged from None
        self._keep(fitted)

    def _interrupted(self, run: Run, fitted: F) -> Interrupted:
        try:
            saved = run.save()
        except OSError:
            saved = False
        best = run.bring_back_best()
        model, where = self._left_behind(fitted)
        text = (
            f"training was interrupted in epoch {run.epoch} of {run.epochs}; {where} has the "
            + (f"parameters of epoch {best}, the best so far" if best else "state at that moment")
        )
        if run.checkpoint is None:
            text += "; with checkpoint= a run can be taken up again by resume="
        else:
            text += f"; fit(..., resume={run.checkpoint!r}) goes on" + (
                "" if saved else " from the last checkpoint"
            )
        interrupted = Interrupted(text)
        interrupted.model = model
        return interrupted

    def _left_behind(self, fitted: F) -> tuple[Self, str]:
        """A model with the state: this one if it had none, else another; and what to call it."""
        if self.__dict__.get("_kept") is None:
            self._keep(fitted)
            return self, "the model"
        return self._with(fitted), "the error's .model (this one is as it was)"

    # copies

    def _snapshot(self) -> F | None:
        if self._fitted is None:
            return None
        with self._using() as fitted:
            return fitted.copy()


class _Using(Generic[F]):
    def __init__(self, model: FittedModel[F]) -> None:
        self._model = model

    def __enter__(self) -> F:
        while True:
            network = self._model._state().network
            self._reading = network.reading()
            self._reading.__enter__()
            fitted = self._model._state()
            if fitted.network is network:
                return fitted
            self._reading.__exit__(None, None, None)  # another fit came between

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reading.__exit__(kind, error, trace)


class _Changing(Generic[F]):
    def __init__(self, model: FittedModel[F]) -> None:
        self._model = model

    def __enter__(self) -> F:
        while True:
            network = self._model._state().network
            turn = network.turn()
            turn.__enter__()
            fitted = self._model._state()
            if fitted.network is network:
                self._turn = turn
                return fitted
            turn.__exit__(None, None, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._turn.__exit__(kind, error, trace)
