"""What a fitted network over feature vectors can be asked."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.explain import Explanation
from pyffnn.models.explain.explainers import explain_vector
from pyffnn.models.vectors import VectorFitted, VectorModel
from pyffnn.net import Examples

__all__ = ["VectorAnswers"]

F = TypeVar("F", bound=VectorFitted)


class VectorAnswers(VectorModel[F]):
    """How vectors are handed over, and what the network makes of them."""

    def _asked(self, fitted: F, X: Any) -> Examples:
        return self._read(X, fitted).examples()

    def _collected(self, X: Any) -> Any:
        self._check_fitted()
        return X

    def explain(self, x: Any, classes: Any = None) -> Explanation | Any:
        """What share each feature has in the logit of each class.

        Shares and the logit of a vector of zeros (``bias``) add up to the logit. Without hidden layers
        they are exact, weight times feature; through hidden layers they are integrated gradients
        (Sundararajan, Taly & Yan 2017) from zeros to the vector.

        Parameters
        ----------
        x : array-like of shape (features,), or (n, features), also sparse
        classes
            A label, or several; None: all of up to 20, of more the ten likeliest.

        Returns
        -------
        Explanation, or a list of them for several vectors

        Raises ValueError when not fitted, for wrong input, a label that is none, or ``output`` other
        than "softmax".
        """
        self._check_fitted()
        if not hasattr(x, "tocsr") and np.ndim(x) == 1:
            rows: Any = self.explain(np.asarray(x)[None, :], classes)
            return rows[0]

        def ask(fitted: Any) -> list[Explanation]:
            features = self._read(x, fitted)
            model: Any = self
            probabilities = model._probabilities(fitted, features.examples())
            kept = fitted.feature_names
            width = features.width
            names = [f"x{i}" for i in range(width)] if kept is None else kept.tolist()
            return [
                explain_vector(fitted, features.row(i), names, classes, p)
                for i, p in enumerate(probabilities)
            ]

        return self._consistently(ask)

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
