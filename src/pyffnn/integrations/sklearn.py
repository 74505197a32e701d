"""The classifiers as descendants of scikit-learn's own base classes.

``pyffnn.FFNNClassifier`` and ``pyffnn.TextClassifier`` keep scikit-learn's conventions without it and
work in its pipelines, searches and ensembles as they are. Those here are the same models, saved in
the same files, with what only a `BaseEstimator` has: metadata routing (``set_fit_request``), the
HTML display, and ``isinstance`` checks.
"""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin

import pyffnn

__all__ = ["FFNNClassifier", "TextClassifier"]


class FFNNClassifier(pyffnn.FFNNClassifier, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    __doc__ = pyffnn.FFNNClassifier.__doc__

    def __sklearn_tags__(self) -> Any:
        return pyffnn.FFNNClassifier.__sklearn_tags__(self)


class TextClassifier(pyffnn.TextClassifier, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    __doc__ = pyffnn.TextClassifier.__doc__

    def __sklearn_tags__(self) -> Any:
        return pyffnn.TextClassifier.__sklearn_tags__(self)
