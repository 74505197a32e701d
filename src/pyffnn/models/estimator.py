"""What all models share as estimators: parameters by name, without scikit-learn installed."""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any, Self

__all__ = ["Estimator", "NotFittedError", "not_fitted"]


class NotFittedError(ValueError, AttributeError):
    """A model is used before `fit`; the same bases as scikit-learn's error of that name."""


def not_fitted(model: Any) -> NotFittedError:
    """The error of a model used before `fit`; it is scikit-learn's too where that is loaded."""
    theirs = getattr(sys.modules.get("sklearn.exceptions"), "NotFittedError", None)
    error = NotFittedError if theirs is None else _combined(theirs)
    return error(
        f"This {type(model).__name__} instance is not fitted yet. Call 'fit' with appropriate "
        "arguments before using this estimator."
    )


@functools.cache
def _combined(theirs: type[Exception]) -> type[NotFittedError]:
    return type("NotFittedError", (NotFittedError, theirs), {})


class Estimator:
    """Base of the models: the constructor stores its arguments under their names, nothing else.

    `get_params` and `set_params` follow scikit-learn, so that ``sklearn.base.clone``, pipelines
    and searches take the models.
    """

    @classmethod
    def _parameters(cls) -> list[inspect.Parameter]:
        signature = inspect.signature(cls.__init__)
        return [p for name, p in signature.parameters.items() if name != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments by name; ``deep`` is accepted for scikit-learn's sake."""
        return {p.name: getattr(self, p.name) for p in self._parameters()}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments by name; ValueError for a name that is none of them."""
        names = [p.name for p in self._parameters()]
        for name in params:
            if name not in names:
                raise ValueError(
                    f"Invalid parameter {name!r} for {type(self).__name__}. "
                    f"Valid parameters are: {names!r}."
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = [
            f"{p.name}={getattr(self, p.name)!r}"
            for p in self._parameters()
            if getattr(self, p.name) is not p.default
        ]
        return f"{type(self).__name__}({', '.join(changed)})"

    def _repr_html_(self) -> str:
        from pyffnn.models.portrait import portrait

        return portrait(self)
