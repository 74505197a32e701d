"""What a fitted network over feature vectors can be asked."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.checks import Features
from pyffnn.models.fitted import Fitted, FittedModel
from pyffnn.net import Examples

__all__ = ["VectorAnswers"]

F = TypeVar("F", bound=Fitted)


class VectorAnswers(FittedModel[F]):
    """How vectors are handed over, and what the network makes of them."""

    @abstractmethod
    def _read(self, X: Any, fitted: F) -> Features:
        """X as the network takes it."""

    def _asked(self, fitted: F, X: Any) -> Examples:
        return self._read(X, fitted).examples()

    def _collected(self, X: Any) -> Any:
        self._check_fitted()
        return X

    def transform(self, X: Any) -> NDArray[np.float32]:
        """What the output layer reads: the units of the last hidden layer, shape (n, hidden_layer_sizes[-1]).

        Without hidden layers the features themselves. Raises as `predict`.
        """
        X = self._collected(X)

        def ask(fitted: F) -> NDArray[np.float32]:
            features = self._read(X, fitted)
            if not fitted.network.spec["hidden"]:
                (x,) = features.as_kind("dense").arrays
                return np.array(x)
            return fitted.network.values(features.examples(), "hidden", None, self._threads())

        return self._consistently(ask)
