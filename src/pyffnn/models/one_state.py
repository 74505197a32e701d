"""What ``fit`` finds, as one immutable object that is built aside and assigned once."""

from __future__ import annotations

import copy
import threading
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from pyffnn.models.estimator import Estimator, not_fitted

__all__ = ["OneState"]

S = TypeVar("S")


class OneState(Estimator, Generic[S]):
    """Base of the models: all that they have learned is one object."""

    @property
    def _fitted(self) -> S | None:
        """The state; in a callback, to the thread that trains, the one that is being trained."""
        shown = self.__dict__.get("_shown")
        if shown:
            own: S | None = shown.get(threading.get_ident())
            if own is not None:
                return own
        kept: S | None = self.__dict__.get("_kept")
        return kept

    def _state(self) -> S:
        fitted = self._fitted
        if fitted is None:
            raise not_fitted(self)
        return fitted

    def _check_fitted(self) -> None:
        self._state()

    def _keep(self, fitted: S) -> None:
        self._kept = fitted

    def _showing(self, fitted: S) -> Showing[S]:
        """Meanwhile this thread sees ``fitted`` as the state."""
        return Showing(self, fitted)

    def _with(self, fitted: S | None) -> Self:
        """A model with the same settings and another state."""
        model = type(self).__new__(type(self))
        model.__dict__.update(self.__dict__)
        model.__dict__.pop("_shown", None)
        model.__dict__.pop("_kept", None)
        if fitted is not None:
            model._keep(fitted)
        return model

    def _snapshot(self) -> S | None:
        """The state, such that what happens to this model leaves it alone."""
        return self._fitted

    # copies: each is a model of its own

    def __copy__(self) -> Self:
        return self._with(self._snapshot())

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        model = self.__copy__()
        memo[id(self)] = model
        for name, value in vars(model).items():
            if name != "_kept":
                model.__dict__[name] = copy.deepcopy(value, memo)
        return model

    def __getstate__(self) -> dict[str, Any]:
        return vars(self.__copy__())

    def __sklearn_is_fitted__(self) -> bool:
        return self._fitted is not None


class Showing(Generic[S]):
    """Context manager: to the thread that enters it a model has another state."""

    def __init__(self, model: OneState[S], fitted: S) -> None:
        self._shown: dict[int, S] = model.__dict__.setdefault("_shown", {})
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
            self._shown.pop(threading.get_ident(), None)
        else:
            self._shown[threading.get_ident()] = self._before
