"""pyffnn in scikit-learn: the estimators as its own descendants, and what takes the place of its networks and vectorizers.

`FFNNClassifier`, `FFNNRegressor`, `TextClassifier`, `TextRegressor`: the models as `BaseEstimator`. `from_mlp`: a fitted `MLPClassifier` or `MLPRegressor` as one of them.
`vectorizers`: `CountVectorizer`, `HashingVectorizer` and `TfidfVectorizer` on pyffnn's text path.
"""

from __future__ import annotations

from pyffnn.integrations.sklearn.estimators import (
    FFNNClassifier,
    FFNNRegressor,
    TextClassifier,
    TextRegressor,
)
from pyffnn.integrations.sklearn.mlp import arguments_of_mlp, from_mlp

__all__ = [
    "FFNNClassifier",
    "FFNNRegressor",
    "TextClassifier",
    "TextRegressor",
    "arguments_of_mlp",
    "from_mlp",
]
