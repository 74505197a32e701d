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

    signature = inspect.signature(theirs.__init__)

    class StandIn(BaseEstimator):
        def __init__(self, *args: Any, **named: Any) -> None:
            given = signature.bind(self, *args, **named)
            given.apply_defaults()
            self.__dict__.update({k: v for k, v in given.arguments.items() if k != "self"})

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
            if name in ("validation_scores_", "best_validation_score_"):
                if not self.early_stopping:
                    return None
                scores = [record["val_accuracy"] for record in self._model.history_]
                return scores if name == "validation_scores_" else max(scores)
            if name == "best_loss_":
                return None if self.early_stopping else min(self._model.loss_curve_)
            if "_model" not in self.__dict__ and name in ("predict", "predict_proba", "score"):
                return getattr(ours(), name)
            return getattr(self.__dict__["_model"], name)

    StandIn.__name__ = theirs.__name__
    StandIn.__init__.__signature__ = signature
    return StandIn


def swap() -> None:
    from sklearn import neural_network

    from pyffnn.integrations.sklearn import FFNNClassifier, FFNNRegressor

    neural_network.MLPClassifier = stand_in(neural_network.MLPClassifier, FFNNClassifier)
    neural_network.MLPRegressor = stand_in(neural_network.MLPRegressor, FFNNRegressor)


LBFGS = "for the L-BFGS solver, which is not here (Adam takes its place)"
WARM = "for warm_start, in whose place partial_fit stands"
WORDS = "asks for the words of MLP's messages"
PRIVATE = "uses MLP's private attributes or functions"

SUITE = Suite(
    host="sklearn",
    modules=["sklearn.neural_network.tests.test_mlp"],
    swap=swap,
    excluded={
        "test_fit": PRIVATE,
        "test_gradient": PRIVATE,
        "test_n_iter_no_change*": PRIVATE,
        "test_lbfgs_regression*": LBFGS,
        "test_lbfgs_classification_maxfun*": LBFGS,
        "test_multilabel_classification": LBFGS,
        "test_predict_proba_multilabel": LBFGS,
        "test_partial_fit_errors": LBFGS,
        "test_learning_rate_warmstart": WARM,
        "test_warm_start*": WARM,
        "test_mlp_warm_start*": WARM,
        "test_adaptive_learning_rate": "for the rate 'adaptive', which is not here",
        "test_shuffle": "for shuffle=False, which is not here",
        "test_nonfinite_params": WORDS,
        "test_verbose_sgd": WORDS,
        "test_early_stopping_stratified": WORDS,
        "test_minimum_input_sample_size": WORDS,
        "test_mlp_diverging_loss": "a loss that is not finite is an error here, not a warning",
        "test_early_stopping?MLPRegressor?": "asks for validation scores in R2; here they are losses",
        "test_partial_fit_regression": "asks fit and 100 calls of partial_fit for equal numbers to 1e-7; weights are float32 here",
        "test_mlp_param_dtypes?MLPClassifier-float64?": "asks for float64 weights; here they are float32",
        "test_mlp_param_dtypes?MLPRegressor*": "asks for predictions of the features' dtype",
        "test_mlp_loading_from_joblib_partial_fit": "fits one example; a regressor asks for two",
        "test_preserve_feature_names*": "fits targets of one value, which are refused here",
        "test_mlp_partial_fit_after_fit*": "asks that partial_fit be refused with early stopping; here it is one more pass",
        "test_mlp_vs_poisson_glm_equivalent*": "for the Poisson loss, which is not here",
    },
)
