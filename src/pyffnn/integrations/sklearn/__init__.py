"""pyffnn in scikit-learn: the estimators as its own descendants, and what takes the place of its networks and vectorizers.

`FFNNClassifier`, `TextClassifier`: the models as `BaseEstimator`. `from_mlp`: a fitted `MLPClassifier` or `MLPRegressor` as one of them.
`vectorizers`: `CountVectorizer`, `HashingVectorizer` and `TfidfVectorizer` on pyffnn's text path.
"""

from __future__ import annotations

from pyffnn.integrations.sklearn.estimators import FFNNClassifier, TextClassifier
from pyffnn.integrations.sklearn.mlp import arguments_of_mlp, from_mlp

__all__ = ["FFNNClassifier", "TextClassifier", "arguments_of_mlp", "from_mlp"]
