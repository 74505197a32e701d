"""The models as descendants of scikit-learn's own base classes.

``pyffnn.FFNNClassifier``, ``pyffnn.TextClassifier`` and the regressors keep scikit-learn's conventions without
it and work in its pipelines, searches and ensembles as they are. Those here are the same models, saved in
the same files, with what only a `BaseEstimator` has: metadata routing (``set_fit_request``), the
HTML display, ``isinstance`` checks, and from scikit-learn 1.9 on ``set_callbacks``: each epoch is a
task of `fit`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pyffnn
from pyffnn.integrations.sklearn.host import BaseEstimator, ClassifierMixin, RegressorMixin
from pyffnn.training import as_callbacks

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        pass

    def with_callbacks(method: Any) -> Any:
        return method


__all__ = ["FFNNClassifier", "FFNNRegressor", "TextClassifier", "TextRegressor"]


def _with_tasks(fit: Callable[..., Any]) -> Callable[..., Any]:
    """`fit` that tells scikit-learn's callbacks of each epoch; of a task's begin and end it tells when the epoch is over."""

    @functools.wraps(fit)
    def with_tasks(self: Any, X: Any, y: Any = None, **rest: Any) -> Any:
        if not getattr(self, "_skl_callbacks", None):
            return fit(self, X, y, **rest)
        epochs = self.epochs if isinstance(self.epochs, int) else None
        root = self._init_callback_context(max_subtasks=epochs)
        weight = rest.get("sample_weight")
        data = {
            "estimator": self,
            "X": X,
            "y": y,
            "metadata": {} if weight is None else {"sample_weight": weight},
        }

        def so_far() -> dict[str, Any]:
            fitted = self._fitted.copy()
            fitted.own()
            return {"_kept": fitted}

        def epoch(model: Any, record: Any) -> bool:
            task = root.subcontext(task_name=f"epoch {record['epoch']}")
            task.call_on_fit_task_begin(**data)
            return bool(task.call_on_fit_task_end(**data, reconstruction_attributes=so_far))

        callbacks = [*as_callbacks(rest.pop("callbacks", ())), epoch]
        root.call_on_fit_task_begin(**data)
        fit(self, X, y, callbacks=callbacks, **rest)
        root.call_on_fit_task_end(**data, reconstruction_attributes=so_far)
        return self

    return with_tasks


class FFNNClassifier(CallbackSupportMixin, pyffnn.FFNNClassifier, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    __doc__ = pyffnn.FFNNClassifier.__doc__

    fit = with_callbacks(_with_tasks(pyffnn.FFNNClassifier.fit))

    def __sklearn_tags__(self) -> Any:
        return pyffnn.FFNNClassifier.__sklearn_tags__(self)


class FFNNRegressor(CallbackSupportMixin, pyffnn.FFNNRegressor, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    __doc__ = pyffnn.FFNNRegressor.__doc__

    fit = with_callbacks(_with_tasks(pyffnn.FFNNRegressor.fit))

    def __sklearn_tags__(self) -> Any:
        return pyffnn.FFNNRegressor.__sklearn_tags__(self)


class TextClassifier(CallbackSupportMixin, pyffnn.TextClassifier, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    __doc__ = pyffnn.TextClassifier.__doc__

    fit = with_callbacks(_with_tasks(pyffnn.TextClassifier.fit))

    def __sklearn_tags__(self) -> Any:
        return pyffnn.TextClassifier.__sklearn_tags__(self)


class TextRegressor(CallbackSupportMixin, pyffnn.TextRegressor, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    __doc__ = pyffnn.TextRegressor.__doc__

    fit = with_callbacks(_with_tasks(pyffnn.TextRegressor.fit))

    def __sklearn_tags__(self) -> Any:
        return pyffnn.TextRegressor.__sklearn_tags__(self)
