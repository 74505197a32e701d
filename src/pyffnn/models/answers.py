"""What a fitted classifier can be asked beside `predict` and `predict_proba`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.arguments import check_integer, check_share
from pyffnn.models.fitted import Fitted, FittedModel
from pyffnn.models.logits import ClassState, log_probabilities, logits
from pyffnn.net import Examples

__all__ = ["Answers"]

F = TypeVar("F", bound=Fitted)


class Answers(FittedModel[F]):
    """Log-probabilities, logits and the likeliest labels."""

    @abstractmethod
    def _asked(self, fitted: F, X: Any) -> Examples:
        """X as the network takes it."""

    @abstractmethod
    def _collected(self, X: Any) -> Any:
        """X, such that it can be read twice."""

    @abstractmethod
    def _probabilities(
        self, fitted: F, examples: Examples, order: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]: ...

    def predict_log_proba(self, X: Any) -> NDArray[np.float32]:
        """Natural logarithms of `predict_proba`, shape (n, n_classes), also where that is too small for a float32.

        Raises as `predict_proba`.
        """
        X = self._collected(X)

        def ask(fitted: Any) -> NDArray[np.float64]:
            z = self._logits(fitted, X)
            return log_probabilities(z, multilabel=fitted.multilabel)

        return self._consistently(ask).astype(np.float32)

    def decision_function(self, X: Any) -> NDArray[np.float32]:
        """Logits: the values of the output before softmax or sigmoid.

        Two classes: shape (n,), the second's logit less the first's, above 0 for the second. Else
        shape (n, n_classes), of which the greatest is the prediction; multi-label: above 0 for each
        label that is predicted. With ``output="adaptive"`` or ``"sampled"`` log-probabilities.

        Raises as `predict_proba`.
        """
        X = self._collected(X)

        def ask(fitted: Any) -> NDArray[np.float64]:
            z = self._logits(fitted, X)
            return z[:, 1] - z[:, 0] if z.shape[1] == 2 and not fitted.multilabel else z

        return self._consistently(ask).astype(np.float32)

    def top_k(self, X: Any, k: int, threshold: float = 0.0) -> list[list[tuple[Any, float]]]:
        """The ``k`` likeliest labels of each example with their probabilities, likeliest first.

        Parameters
        ----------
        k
            Labels at most; all where there are fewer.
        threshold
            Labels less probable than this are left out.

        Returns
        -------
        list of lists of (label, probability)

        Raises
        ------
        ValueError
            Not fitted; ``k`` below 1; ``threshold`` outside [0, 1]; wrong input.
        """
        self._check_fitted()
        k = check_integer("k", k, 1)
        threshold = check_share("threshold", threshold)
        X = self._collected(X)

        def ask(fitted: Any) -> tuple[ClassState, Any, Any]:
            examples = self._asked(fitted, X)
            most = min(k, fitted.classes.size)
            if not fitted.one_unit:
                found = fitted.network.top_k(examples, most, threshold, None, self._threads())
                return fitted, *found
            p = self._probabilities(fitted, examples)
            order = np.argsort(-p, axis=1, kind="stable")[:, :most]
            values = np.take_along_axis(p, order, axis=1)
            return fitted, np.where(values >= threshold, order, -1), values

        fitted, ids, p = self._consistently(ask)
        names = fitted.classes.tolist()
        return [
            [(names[i], value) for i, value in zip(row, values, strict=True) if i >= 0]
            for row, values in zip(ids.tolist(), p.tolist(), strict=True)
        ]

    @abstractmethod
    def transform(self, X: Any) -> NDArray[np.float32]: ...

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> NDArray[np.float32]:
        """``fit(X, y, **fit_params).transform(X)``; X is gone through twice."""
        X = self._twice(X)
        model: Any = self
        model.fit(X, y, **fit_params)
        return self.transform(X)

    @staticmethod
    def _twice(X: Any) -> Any:
        """X, such that it can be gone through twice."""
        return X

    def _logits(self, fitted: Any, X: Any) -> NDArray[np.float64]:
        return logits(fitted, self._asked(fitted, X), None, self._threads())
