"""scikit-learn's tests of `MLPClassifier` and `MLPRegressor`, with `FFNNClassifier` and `FFNNRegressor` behind their arguments."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

from peer_suites.suite import Suite


def stand_in(theirs: Any, ours: Any) -> Any:
    """A class with the arguments of `theirs` that fits and predicts as `ours`, by the table of arguments."""
    from sklearn.base import BaseEstimator

    from pyffnn.integrations.sklearn import arguments_of_mlp

    class StandIn(BaseEstimator):
        __init__ = theirs.__init__

        def _arguments(self, n: int | None) -> dict[str, Any]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                return arguments_of_mlp(self.get_params(), n)

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            arguments = self._arguments(len(y))
            if self.warm_start and "_model" in self.__dict__:
                self._model.set_params(**arguments)
                for _ in range(self.max_iter):
                    self._model.partial_fit(X, y, sample_weight=sample_weight)
                return self
            self._model = ours(**arguments).fit(X, y, sample_weight=sample_weight)
            return self

        def partial_fit(self, X: Any, y: Any, *rest: Any, **named: Any) -> Any:
            if "_model" not in self.__dict__:
                self._model = ours(**self._arguments(len(y)))
            self._model.partial_fit(X, y, *rest, **named)
            return self

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__") or name in ("_model", "_skl_callbacks"):
                raise AttributeError(name)
            if "_model" not in self.__dict__ and name in ("predict", "predict_proba", "score"):
                return getattr(ours(), name)
            return getattr(self.__dict__["_model"], name)

    StandIn.__name__ = theirs.__name__
    StandIn.__init__.__signature__ = inspect.signature(theirs.__init__)
    return StandIn


def swap() -> None:
    from sklearn import neural_network

    from pyffnn.integrations.sklearn import FFNNClassifier, FFNNRegressor

    neural_network.MLPClassifier = stand_in(neural_network.MLPClassifier, FFNNClassifier)
    neural_network.MLPRegressor = stand_in(neural_network.MLPRegressor, FFNNRegressor)


SUITE = Suite(
    host="sklearn", modules=["sklearn.neural_network.tests.test_mlp"], swap=swap, excluded={}
)
