"""Feedforward network on feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.models.classifier import Classifier, ClassifierFitted, named
from pyffnn.models.label_sets import is_matrix, matrix_targets
from pyffnn.models.labels import (
    ClassWeight,
    Targets,
    encode,
    find_classes,
    given_classes,
    to_labels,
)
from pyffnn.models.names import Activation, ClassOutput, OptimizerLike, Precision, RandomState
from pyffnn.models.soft_labels import is_soft, soft_targets
from pyffnn.models.thresholds import Thresholds
from pyffnn.models.vector_answers import VectorAnswers
from pyffnn.models.vectors import VectorFitted
from pyffnn.optimizers import LearningRate, constant

__all__ = ["FFNNClassifier"]


@dataclass(frozen=True, eq=False)
class FFNNFitted(VectorFitted, ClassifierFitted):
    """The state of an `FFNNClassifier`."""


class FFNNClassifier(VectorAnswers[FFNNFitted], Classifier[FFNNFitted]):
    """Feedforward network over dense or sparse feature vectors.

    Hidden layers h[i] = g(h[i-1] W[i] + b[i]), then softmax over the classes, trained on the
    cross-entropy by mini-batches (Jurafsky & Martin, "Neural Networks", equations of the
    feedforward network). No hidden layer, ``()``, is logistic regression. Two classes have one
    sigmoid unit, which is the same model with half of the output weights.

    Parameters
    ----------
    hidden_layer_sizes
        Units of each hidden layer.
    activation
        "relu", "tanh", "sigmoid", "gelu" (its tanh form) or "identity", of the hidden layers.
    residual, layer_norm
        Hidden layers add to a stream of the last layer's size, ``r += W2 act(W1 norm(r))``, and
        layer normalisation, as in `LanguageModel`.
    output, cutoffs, samples
        "softmax", all classes at each step; "ordinal", classes in their (sorted) order, by cumulative logits
        (McCullagh 1980); for very many classes "adaptive" or "sampled", as in `LanguageModel`.
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
    class_weight
        None, "balanced" (n / (classes * count), where a weighted example counts by its weight), or a
        dict from class to weight.
    early_stopping
        False, or for how many epochs without a better validation accuracy (then loss) training
        goes on (True: 5). The weights of the best epoch are restored.
    validation_fraction
        Share of the examples held out for early stopping and ``reject`` when no validation data are
        given.
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
    thresholds
        Multi-label: the probability above which a label is given; one for all, one for each, or a dict
        from label. "auto": for each label the one with the best F1 on the validation data, where there
        are any (``X_val``, or held out for early stopping), else 0.5.
    calibrate
        Divide the logits by the temperature that suits unseen examples best (Guo et al. 2017), so that
        of those with probability 0.8 about 80 % have that label: ``X_val``, else examples that up to
        ten further models, trained on the rest each, have not seen. Not with
        ``output="adaptive"``.
    reject
        None, or the share of examples like those of training, between 0 and 1, that may be answered
        "none of these" (`predict` gives None): those less sure than that share of the validation data.

    Attributes
    ----------
    thresholds_ : array of shape (n_classes,)
        Multi-label: the probability above which `predict` gives each label.
    temperature_ : float
        What the logits were divided by; 1 without ``calibrate``.
    reject_threshold_ : float or None
        Least probability of an answer other than "none of these".
    cutpoints_ : array of shape (n_classes - 1,)
        With ``output="ordinal"``: where on the score's scale one class ends and the next begins.
    classes_ : array of shape (n_classes,)
        The sorted labels.
    history_ : list of dict
        An entry an epoch: epoch, loss, val_loss, val_accuracy (None without validation), seconds,
        examples_per_second, learning_rate.
    n_features_in_ : int
    feature_names_in_ : array of shape (n_features_in_,)
        Column names, if X was a data frame whose columns are all strings.
    coefs_, intercepts_ : list of float32 arrays
        Weights [n_in, n_out] and biases [n_out] of each layer, live.

    Notes
    -----
    Sparse features are read as they are, and only those weights of the first layer are updated
    whose feature a batch contains: the same as dense for SGD without l2; momentum, Adagrad and
    Adam leave the state of the others alone.
    """

    _one_unit_for_two_classes = True
    _default_schedule = constant()

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        activation: Activation = "relu",
        optimizer: OptimizerLike = "adam",
        learning_rate: LearningRate | None = None,
        epochs: int = 200,
        batch_size: int | Literal["auto"] = "auto",
        dropout: float = 0.0,
        l2: float = 1e-4,
        class_weight: ClassWeight = None,
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
        output: ClassOutput = "softmax",
        cutoffs: Sequence[int] | None = None,
        samples: int = 4096,
        clip_norm: float | None = None,
        thresholds: Thresholds = "auto",
        calibrate: bool = False,
        reject: float | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.l2 = l2
        self.class_weight = class_weight
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
        self.output = output
        self.cutoffs = cutoffs
        self.samples = samples
        self.clip_norm = clip_norm
        self.thresholds = thresholds
        self.calibrate = calibrate
        self.reject = reject

    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """One pass over the examples from the present weights, at the optimizer's first rate.

        The first call, unless after `fit`, needs the labels of all later calls: those of
        ``classes``, else of ``y``; rows of probabilities have a column for each of these, sorted.
        ``class_weight="balanced"`` counts the examples of the call. Settings that concern training
        alone may change between calls. A call that fails leaves the model as it was. A temperature and
        the threshold of ``reject`` stay those of `fit`, from whose calibrated weights training goes on.
        """
        return self._one_pass_more(X, y, classes, sample_weight)

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probability of each class, shape (n, n_classes); rows sum to 1 unless multi-label.

        Raises ValueError when not fitted, or for another number of features than in `fit`.
        """
        fitted = self._state()
        return self._probabilities(fitted, self._read(X, fitted).examples())

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each example, shape (n,); multi-label: 0 or 1, (n, n_classes).

        With ``reject`` None for "none of these".
        """

        def ask(fitted: FFNNFitted) -> NDArray[Any]:
            examples = self._read(X, fitted).examples()
            if fitted.multilabel:
                return self._predicted(fitted, examples).matrix().astype(np.int64)
            return named(fitted, self._codes(fitted, examples))

        return self._consistently(ask)

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy; with multi-label, of whole rows. Labels that training has not met count as wrong.

        With ``reject`` "none of these" is right for those alone.
        Raises ValueError for labels of another number, or of a type that no class has.
        """
        with (network := self._state().network).reading():
            fitted = self._of(network)
            examples = self._read(X, fitted).examples()
            known = fitted.classes
            targets = self._known_targets(y, known, fitted.multilabel, "y", others=True)
            return self._score(fitted, examples, targets, sample_weight)

    def _fit_targets(self, y: Any, weights: Any, classes: ArrayLike | None = None) -> Targets:
        owner = type(self).__name__
        if is_soft(y):
            return soft_targets(y, None if classes is None else given_classes(classes, owner))
        if classes is not None:
            return self._known_targets(y, given_classes(classes, owner), _is_multilabel(y), "y")
        if _is_multilabel(y):
            return matrix_targets(y)
        return Targets(*find_classes(to_labels(y, owner)))

    def _more_targets(self, y: Any, like: Any, name: str) -> Targets:
        return self._known_targets(y, like.classes, like.multilabel, name)

    def _known_targets(
        self, y: Any, classes: NDArray[Any], multilabel: bool, name: str, *, others: bool = False
    ) -> Targets:
        if not multilabel and is_soft(y, hard_too=True):
            return soft_targets(y, classes, name)
        if multilabel != _is_multilabel(y) and y is not None:
            wanted = "a matrix of zeros and ones" if multilabel else "one label an example"
            raise ValueError(f"{name} must be {wanted}, as in fit")
        if multilabel and y is not None:
            return matrix_targets(y, classes, name)
        labels = to_labels(y, type(self).__name__, name, warn=not others)
        return Targets(classes, encode(labels, classes, name, others=others))

    def _same_classes(self, classes: ArrayLike | None, fitted: FFNNFitted) -> None:
        self._known_classes(classes, fitted)

    def _new_state(self, targets: Targets, **parts: Any) -> FFNNFitted:
        return FFNNFitted(
            classes=targets.classes,
            multilabel=targets.multilabel,
            thresholds=self._given_thresholds(targets),
            **parts,
        )

    def _state_of(self, **parts: Any) -> FFNNFitted:
        return FFNNFitted(**parts)

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_tags(sparse=True)


def _is_multilabel(y: Any) -> bool:
    """Whether y has a column a label; one column alone is a label an example."""
    return is_matrix(y) and (hasattr(y, "tocsr") or np.shape(y)[1] > 1)
