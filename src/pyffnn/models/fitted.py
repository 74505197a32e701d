"""The fitted state of a model: one object, built aside and assigned once.

Whatever a call of ``fit`` or ``partial_fit`` meets, the model has the state before it or the state
after it. Readers hold the network's lock while they use both what stands in the state and the
network, so that they see one of the two, never a vocabulary beside the rows of another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pyffnn.models.estimator import Estimator, not_fitted
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
R = TypeVar("R")


class FittedModel(Estimator, Generic[F]):
    """Base of the models that train a network."""

    @property
    def _fitted(self) -> F | None:
        """The state; in a callback, to the thread that trains, the one that is being trained."""
        shown = self.__dict__.get("_shown")
        if shown:
            own: F | None = shown.get(threading.get_ident())
            if own is not None:
                return own
        kept: F | None = self.__dict__.get("_kept")
        return kept

    def _state(self) -> F:
        own = self.__dict__
        # one look where nothing is being trained: a prediction of one text has no time for more
        fitted: F | None = self._fitted if own.get("_shown") else own.get("_kept")
        if fitted is None:
            raise not_fitted(self)
        return fitted

    def _check_fitted(self) -> None:
        self._state()

    def _consistently(self, use: Callable[[F], R]) -> R:
        """``use(fitted)`` of one state: what it computed with the network belongs to what it read in the state.

        A change of the network and the exchange of the state are one piece, so a state that is
        still there after the network was asked was the network's. Else it is done again, and
        at last under the lock. ``use`` may be called several times.
        """
        for _ in range(3):
            fitted = self._state()
            result = use(fitted)
            if self._state() is fitted:
                return result
        with self._using() as fitted:
            return use(fitted)

    def _using(self) -> _Using[F]:
        """``with model._using() as fitted:`` nobody changes it meanwhile."""
        return _Using(self)

    def _changing(self) -> _Changing[F]:
        """``with model._changing() as fitted:`` nobody else changes it meanwhile; others still read."""
        return _Changing(self)

    def _showing(self, fitted: F) -> _Showing[F]:
        """Meanwhile this thread sees ``fitted`` as the state."""
        return _Showing(self, fitted)

    def _keep(self, fitted: F) -> None:
        self._kept = fitted

    def _replace(self, fork: Network, fitted: F) -> None:
        """The network learns what its fork did and ``fitted`` becomes the state, both at once."""
        fitted.network.absorb(fork, partial(self.__dict__.update, _kept=fitted))

    def _with(self, fitted: F) -> Self:
        """A model with the same settings and another state."""
        model = type(self).__new__(type(self))
        model.__dict__.update(self.__dict__)
        model.__dict__.pop("_shown", None)
        model._kept = fitted
        return model

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
        if "_kept" not in self.__dict__:
            self._keep(fitted)
            return self, "the model"
        return self._with(fitted), "the error's .model (this one is as it was)"

    # copies

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("_shown", None)
        fitted = self._fitted
        if fitted is not None:
            state["_kept"] = fitted
        return state

    def __copy__(self) -> Self:
        fitted = self._fitted
        model = type(self).__new__(type(self))
        model.__dict__.update(self.__dict__)
        model.__dict__.pop("_shown", None)
        if fitted is not None:
            with self._using() as now:
                model._kept = now.copy()
        return model

    def __sklearn_is_fitted__(self) -> bool:
        return self._fitted is not None


class _Using(Generic[F]):
    __slots__ = ("_model", "_reading")

    def __init__(self, model: FittedModel[F]) -> None:
        self._model = model

    def __enter__(self) -> F:
        model = self._model
        fitted = model._state()
        while True:
            self._reading = reading = fitted.network.reading()
            reading.__enter__()
            now = model._state()
            if now.network is fitted.network:
                return now
            reading.__exit__()  # another fit came between
            fitted = now

    def __exit__(self, *error: object) -> None:
        self._reading.__exit__()


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


class _Showing(Generic[F]):
    def __init__(self, model: FittedModel[F], fitted: F) -> None:
        self._shown: dict[int, F] = model.__dict__.setdefault("_shown", {})
        self._fitted = fitted

    def __enter__(self) -> None:
        self._before = self._shown.get(threading.get_ident())
        self._shown[threading.get_ident()] = self._fitted

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is None:
            del self._shown[threading.get_ident()]
        else:
            self._shown[threading.get_ident()] = self._before
