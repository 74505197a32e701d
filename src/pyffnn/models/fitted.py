"""The fitted state of the models that train a network.

Whatever a call of ``fit`` or ``partial_fit`` meets, the model has the state before it or the state
after it. Readers hold the network's lock while they use both what stands in the state and the
network, so that they see one of the two, never a vocabulary beside the rows of another.
"""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self, TypeVar

from pyffnn.formats.model_file import PathLike
from pyffnn.models.estimator import not_fitted
from pyffnn.models.one_state import OneState
from pyffnn.models.stored_arrays import Codes
from pyffnn.models.summary import Summary, summarise
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
    history: Sequence[Record]
    settings: dict[str, Any]
    codes: Codes | None = field(default=None, kw_only=True)
    """What the table's rows were quantised to. Where training has changed them since, a file holds the rows."""

    @property
    def c_answers(self) -> dict[str, Any]:
        """What C functions are told of the outputs, as `Network.c_model` takes it."""
        return {}

    def c_model(self) -> Any:
        """A capsule for C functions, which keeps the network alive."""
        return self.network.c_model(None, 0, **self.c_answers)

    def own(self) -> None:
        """From now on this is the state that the network belongs to."""
        self.network.owner = _Seat(self)

    @property
    def owns(self) -> bool:
        """Whether this is the state that the network belongs to now."""
        return self.network.owner.found() is self

    def copy(self) -> Self:
        """An independent one of the same content."""
        return replace(
            self,
            network=self.network.copy(),
            history=[record.copy() for record in self.history],
        )


F = TypeVar("F", bound=Fitted)
R = TypeVar("R")


class _Seat:
    """What a network belongs to: a state, kept without the network itself.

    A network that held its state, which holds the network, would stay in memory until the cycle
    collector comes by: a model of a gigabyte, replaced by another, for as long as nothing else is
    made. The state itself is found again while somebody has it, else it is put together anew.
    """

    __slots__ = ("_rest", "found")

    def __init__(self, fitted: Fitted) -> None:
        self._rest = twin(fitted, network=None)
        # asked for at every prediction
        self.found = weakref.ref(fitted)

    def state(self, network: Network) -> Any:
        found = self.found()
        if found is None:
            # two threads may do so at once: the one that comes first does not own the network, and looks again
            found = twin(self._rest, network=network)
            self.found = weakref.ref(found)
        return found


def twin(fitted: F, **changes: Any) -> F:
    """The same state but for ``changes``, on which nothing else in it may depend.

    `dataclasses.replace` in a tenth of its time; what was worked out once stays as it is.
    """
    other = object.__new__(type(fitted))
    other.__dict__.update(fitted.__dict__, **changes)
    return other


class FittedModel(OneState[F]):
    """Base of the models that train a network."""

    @property
    def _fitted(self) -> F | None:
        kept = super()._fitted
        return None if kept is None else self._of(kept.network)

    def _state(self) -> F:
        own = self.__dict__
        # one look where nothing is being trained: a prediction of one text has no time for more
        kept: F | None = self._fitted if own.get("_shown") else own.get("_kept")
        if kept is None:
            raise not_fitted(self)
        network = kept.network
        state: F | None = network.owner.found()
        return self._of(network) if state is None else state

    def _consistently(self, use: Callable[[F], R]) -> R:
        """``use(fitted)`` of one state: what it computed with the network belongs to what it read in the state.

        A change of the network and of its owner are one piece, so a state that is still the owner
        after the network was asked was so all the time. Else it is done again, and at last under the
        lock. ``use`` may be called several times.
        """
        for _ in range(3):
            fitted = self._state()
            result = use(fitted)
            if fitted.owns:
                return result
        with (network := self._state().network).reading():
            return use(self._of(network))

    @staticmethod
    def _of(network: Network) -> F:
        """The state that a network belongs to now; to be asked for while it is read or changed.

        Who uses it and its network writes ``with (network := self._state().network).reading():``. The
        lock stands there itself, since an interrupt may come between any two instructions of Python.
        """
        state: F = network.owner.state(network)
        return state

    def _keep(self, fitted: F) -> None:
        fitted.own()
        super()._keep(fitted)

    def _replace(self, fork: Network, fitted: F) -> None:
        """The network learns what its fork did and ``fitted`` becomes the state, both at once."""
        network = fitted.network
        network.absorb(fork, _Seat(fitted))
        kept = self.__dict__.get("_kept")
        if kept is not None and kept.network is network:  # no other fit came between
            self._kept = fitted

    @abstractmethod
    def _threads(self) -> int:
        """Threads of a call; 0: those of the process."""

    @property
    def history_(self) -> list[Record]:
        return list(self._state().history)

    @property
    def n_iter_(self) -> int:
        """Epochs of training done."""
        return len(self._state().history)

    @property
    def loss_curve_(self) -> list[float]:
        """The mean training loss of each epoch."""
        return [record["loss"] for record in self._state().history]

    def summary(self) -> Summary:
        """Layers, parameters and memory; prints as a table. Raises ValueError when not fitted."""
        with (network := self._state().network).reading():
            notes = self._notes(self._of(network))
            # a number of epochs is no state to stay in
            frozen = str(getattr(self, "freeze_embeddings", False)) == "True"
            return summarise(type(self).__name__, network, notes, frozen=frozen)

    def _notes(self, fitted: F) -> tuple[tuple[str, str], ...]:
        """Further lines of `summary`."""
        return ()

    # other hosts

    def to_onnx(self, path: PathLike, *, text: bool | None = None) -> str:
        """Write the fitted model as an ONNX file (opset 20; extra "onnx"), atomically.

        The file's outputs are "probabilities" [n, n_outputs] and, of a classifier, "label": [n], or 0 or
        1 for each class [n, n_classes] with multi-label; of a regressor "prediction", float32. Its
        metadata hold the labels.

        Parameters
        ----------
        path
            Where to; an existing file is replaced once the new one is complete.
        text
            Of models of texts, what the file reads. True: "texts", strings [n] (the words before the one
            to tell, of a language model). False: "ids", int64 [n, any length], -1 where there is none
            (`pyffnn.integrations.onnx.ids_of_texts`). None: texts where the standard operators allow,
            which is without character n-grams, hashed n-grams and a tokenizer. Models of feature vectors
            read "X", float32 [n, features].

        Returns
        -------
        str
            The name of the input: "X", "texts" or "ids".

        Raises
        ------
        ValueError
            The model is not fitted, or cannot be exported so; a file of more than 2 GB.
        ImportError
            The onnx package is missing.
        OSError
            The file cannot be written.
        """
        from pyffnn.integrations.onnx import to_onnx

        return to_onnx(self, path, text)

    # training

    def _train(
        self,
        run: Run,
        fitted: F,
        callbacks: list[Callback],
        finish: Callable[[F], F] | None = None,
    ) -> None:
        """Train ``fitted`` and keep it; what ends training early leaves a usable model behind."""

        def after_epoch(record: Record) -> bool:
            if not callbacks:
                return False
            with self._showing(fitted):
                return call_all(callbacks, self, record)

        fitted.own()
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
        self._keep(fitted if finish is None else finish(fitted))

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
        with (network := self._state().network).reading():
            return self._of(network).copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if "_kept" in state:
            self._keep(state["_kept"])
