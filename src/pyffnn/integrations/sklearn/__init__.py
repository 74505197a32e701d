"""pyffnn in scikit-learn: the estimators as its own descendants, and what takes the place of its networks and vectorizers.

`FFNNClassifier`, `FFNNRegressor`, `TextClassifier`, `TextRegressor`: the models as `BaseEstimator`. `from_mlp`: a fitted `MLPClassifier` or `MLPRegressor` as one of them.
`MLPClassifier`, `MLPRegressor`: scikit-learn's own, computed by pyffnn's kernels.
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
from pyffnn.integrations.sklearn.networks import MLPClassifier, MLPRegressor

__all__ = [
    "FFNNClassifier",
    "FFNNRegressor",
    "MLPClassifier",
    "MLPRegressor",
    "TextClassifier",
    "TextRegressor",
    "arguments_of_mlp",
    "from_mlp",
]
