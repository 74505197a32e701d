"""Feedforward network on feature vectors whose targets are real numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.models.names import Activation, OptimizerLike, Precision, RandomState, RegressionLoss
from pyffnn.models.regressor import Regressor, RegressorFitted
from pyffnn.models.values import Values
from pyffnn.models.vectors import VectorFitted, VectorModel
from pyffnn.optimizers import LearningRate, constant

__all__ = ["FFNNRegressor"]


@dataclass(frozen=True, eq=False)
class FFNNRegressorFitted(VectorFitted, RegressorFitted):
    """The state of an `FFNNRegressor`."""


class FFNNRegressor(VectorModel[FFNNRegressorFitted], Regressor[FFNNRegressorFitted]):
    """Feedforward network over dense or sparse feature vectors that predicts one real number or several.

    Hidden layers h[i] = g(h[i-1] W[i] + b[i]), then a linear map, trained by mini-batches on half
    the squared error, or on the cross-entropy of a sigmoid unit (``loss="logistic"``) for targets
    that are shares or probabilities. No hidden layer, ``()``, is linear or logistic regression.

    Targets under the squared loss are brought to mean 0 and standard deviation 1, column by column,
    before training, and predictions back: learning rate, ``l2`` and ``tol`` do not depend on their unit.

    Parameters
    ----------
    loss
        "squared", or "logistic": targets in [0, 1], and predictions inside it (fractional logistic
        regression, Papke & Wooldridge 1996).
    hidden_layer_sizes
        Units of each hidden layer.
    activation
        "relu", "tanh", "sigmoid", "gelu" (its tanh form) or "identity", of the hidden layers.
    residual, layer_norm
        Hidden layers add to a stream of the last layer's size, ``r += W2 act(W1 norm(r))``, and
        layer normalisation, as in `LanguageModel`.
    optimizer
        "sgd", "momentum", "adagrad", "adam", or a settings object of `pyffnn.nn`.
    learning_rate
        A number or a schedule of `pyffnn.nn`; replaces that of a settings object. None: the
        optimizer's own, constant: SGD 0.1, Adagrad 0.05, Adam 0.002 (0.03 without hidden layers).
    epochs
        Passes over the examples at most.
    batch_size
        Examples a step; "auto": 200, or all if there are fewer.
    dropout
        Share of the hidden units set to zero in a training step, the others scaled up.
    l2
        Adds l2 / 2 times the sum of the squared weights (not biases) to the mean loss. On sparse
        features the first layer's weights get it in steps that touch them.
    clip_norm
        Greatest norm of the gradient of all weights together; None: no limit.
    early_stopping
        False, or for how many epochs without a lower validation loss training goes on (True: 5). The weights of the best epoch are restored.
    validation_fraction
        Share of the examples held out for early stopping when no validation data are given.
    precision
        How the products of the layers are taken (see `pyffnn.ops`): "float32", "bfloat16x6",
        "bfloat16x3", "bfloat16" (24, 17 and 8 bits of each number), or "auto", the fastest of those
        whose error is no larger than float32's (the first two) on this machine. None:
        `pyffnn.get_default_precision()`, which is "float32" unless told otherwise: the same bits on
        every machine with FMA. The bf16 modes need AMX and run in float32 with a warning where there
        is none. Weights, the optimizer's state and results are float32.
    n_threads
        Threads of training and prediction, 1 to 1024; None: `pyffnn.get_num_threads()`. The result does not
        depend on it.
    random_state
        Seed of the initial weights, the order of the examples and dropout: an integer, a NumPy
        RandomState or Generator, or None for a fresh one.
    verbose
        0 is silent; 1 shows a progress bar on a terminal, a line an epoch anywhere else.
    tol, n_iter_no_change
        Training ends when the training loss has not fallen by ``tol`` for ``n_iter_no_change``
        epochs in a row; ``tol=None`` always trains all epochs.

    Attributes
    ----------
    history_ : list of dict
        An entry an epoch: epoch, loss, val_loss (None without validation), seconds,
        examples_per_second, learning_rate. A squared loss is in units of the targets' variance: half
        of what R^2 lacks to 1, summed over the columns.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features_in_,)
        Column names, if X was a data frame whose columns are all strings.
    coefs_, intercepts_ : list of float32 arrays
        Weights [n_in, n_out] and biases [n_out] of each layer, live, of the scaled targets.
    """

    _default_schedule = constant()

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        loss: RegressionLoss = "squared",
        activation: Activation = "relu",
        optimizer: OptimizerLike = "adam",
        learning_rate: LearningRate | None = None,
        epochs: int = 200,
        batch_size: int | Literal["auto"] = "auto",
        dropout: float = 0.0,
        l2: float = 1e-4,
        early_stopping: bool | int = False,
        validation_fraction: float = 0.1,
        precision: Precision | None = None,
        n_threads: int | None = None,
        random_state: RandomState = 0,
        verbose: int = 0,
        tol: float | None = 1e-4,
        n_iter_no_change: int = 10,
        residual: bool = False,
        layer_norm: bool = False,
        clip_norm: float | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.loss = loss
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.l2 = l2
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.n_threads = n_threads
        self.random_state = random_state
        self.verbose = verbose
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.residual = residual
        self.layer_norm = layer_norm
        self.clip_norm = clip_norm

    def partial_fit(self, X: Any, y: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Self:
        """One pass over the examples from the present weights, at the optimizer's first rate.

        The first call, unless after `fit`, sets the scale of the targets: it needs at least two
        different ones. Settings that concern training alone may change between calls. A call that
        fails leaves the model as it was.
        """
        return self._one_pass_more(X, y, None, sample_weight)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The predicted numbers, shape (n,), or (n, outputs) if the targets had two dimensions.

        Raises ValueError when not fitted, or for another number of features than in `fit`.
        """
        return self._consistently(
            lambda fitted: self._numbers(fitted, self._read(X, fitted).examples())
        )

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """R^2, the share of the targets' variance that is explained; the mean over columns."""
        with (network := self._state().network).reading():
            fitted = self._of(network)
            return self._r2(fitted, self._read(X, fitted).examples(), y, sample_weight)

    def _fit_targets(self, y: Any, weights: Any, classes: ArrayLike | None = None) -> Values:
        return self._values_to_fit(y, weights)

    def _more_targets(self, y: Any, like: Any, name: str) -> Values:
        return self._more_values(y, like.scale, name)

    def _new_state(self, targets: Values, **parts: Any) -> FFNNRegressorFitted:
        return FFNNRegressorFitted(scale=targets.scale, **parts)

    def _state_of(self, **parts: Any) -> FFNNRegressorFitted:
        return FFNNRegressorFitted(**parts)

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_tags(sparse=True)
