"""Feedforward network on feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.models.checks import (
    check_feature_names,
    check_features,
    check_sample_weight,
)
from pyffnn.models.classifier import Classifier
from pyffnn.models.label_sets import is_matrix, matrix_targets
from pyffnn.models.labels import (
    ClassWeight,
    Targets,
    encode,
    find_classes,
    given_classes,
    to_labels,
)
from pyffnn.network import Examples
from pyffnn.optimizers import LearningRate, Optimizer, constant
from pyffnn.training import Callback

__all__ = ["FFNNClassifier"]


class FFNNClassifier(Classifier):
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
    class_weight
        None, "balanced" (n / (classes * count)), or a dict from class to weight.
    early_stopping
        False, or for how many epochs without a better validation accuracy (then loss) training
        goes on (True: 5). The weights of the best epoch are restored.
    validation_fraction
        Share of the examples held out for early stopping when no validation data are given.
    precision
        How the products of the layers are taken (see `pyffnn.ops`): "float32", "bfloat16x3", "bfloat16",
        or "auto", the fastest of the first two, which are of float32's grade, on this machine. None:
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

    n_features_in_: int
    feature_names_in_: NDArray[Any]

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        *,
        activation: str = "relu",
        optimizer: str | Optimizer = "adam",
        learning_rate: LearningRate | None = None,
        epochs: int = 200,
        batch_size: int | str = "auto",
        dropout: float = 0.0,
        l2: float = 1e-4,
        class_weight: ClassWeight = None,
        early_stopping: bool | int = False,
        validation_fraction: float = 0.1,
        precision: str | None = None,
        n_threads: int | None = None,
        random_state: Any = 0,
        verbose: int = 0,
        tol: float | None = 1e-4,
        n_iter_no_change: int = 10,
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

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train from scratch.

        Parameters
        ----------
        X : array-like or SciPy sparse matrix of shape (n, features)
        y : array-like of shape (n,), or (n, labels) of zeros and ones (also a SciPy sparse matrix) for multi-label
        sample_weight : array-like of shape (n,)
            Weight of each example in the mean loss, at least 0.
        X_val, y_val
            Validation data for ``history_`` and early stopping.
        callbacks
            Called as ``callback(model, record)`` after each epoch with its entry of ``history_``;
            training ends when one returns True.

        Raises
        ------
        ValueError
            Wrong input, settings out of range.
        FloatingPointError
            The loss became non-finite; the model is at its last good state.
        """
        epochs = self._check_own_settings()
        owner = type(self).__name__
        check_feature_names(self, X, reset=True)
        examples = check_features(X, owner=owner)
        targets = self._fit_targets(y)
        validation = None
        if X_val is not None or y_val is not None:
            if X_val is None or y_val is None:
                raise ValueError("X_val and y_val must be given together")
            width = _width(examples, X)
            validation = (
                self._matching(
                    check_features(X_val, expected=width, owner=owner), examples.kind, width
                ),
                self._known_targets(y_val, targets.classes, targets.multilabel, "y_val"),
            )
        self._begin(examples, X, targets)
        batch_size = self._batch(examples.size)
        if examples.size <= batch_size:
            examples, targets, sample_weight = _merge_repeats(examples, targets, sample_weight)
        self._train(
            examples,
            targets,
            sample_weight,
            validation,
            callbacks,
            epochs=epochs,
            batch_size=batch_size,
            tol=self.tol,
            no_change=self.n_iter_no_change,
        )
        return self

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
        ``classes``, else of ``y``. ``class_weight="balanced"`` counts the examples of the call.
        """
        self._check_own_settings()
        owner = type(self).__name__
        first = not hasattr(self, "_network")
        check_feature_names(self, X, reset=first)
        examples = check_features(X, expected=None if first else self.n_features_in_, owner=owner)
        if first:
            if classes is None:
                targets = self._fit_targets(y)
            else:
                known = given_classes(classes, owner)
                targets = self._known_targets(y, known, _is_multilabel(y), "y")
            self._begin(examples, X, targets)
        else:
            if classes is not None and not np.array_equal(
                given_classes(classes, owner), self.classes_
            ):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )
            examples = self._matching(examples, self._spec["input"], self.n_features_in_)
            targets = self._known_targets(y, self.classes_, self._multilabel, "y")
        schedule = self._optimizer().schedule(self._default_schedule)
        self._train(
            examples,
            targets,
            sample_weight,
            None,
            (),
            epochs=1,
            batch_size=self._batch(examples.size),
            fresh=False,
            schedule=constant(schedule.lr),
        )
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probability of each class, shape (n, n_classes); rows sum to 1 unless multi-label.

        Raises ValueError when not fitted, or for another number of features than in `fit`.
        """
        return self._probabilities(self._known_examples(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each example, shape (n,); multi-label: 0 or 1, (n, n_classes)."""
        labels: NDArray[Any] = self._labels(self._predicted(self._known_examples(X)))
        return labels

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy; with multi-label, of whole rows. Labels that training has not met count as wrong.

        Raises ValueError for labels of another number, or of a type that no class has.
        """
        examples = self._known_examples(X)
        targets = self._known_targets(y, self.classes_, self._multilabel, "y", others=True)
        return self._score(examples, targets, sample_weight)

    def _known_examples(self, X: Any) -> Examples:
        self._check_fitted()
        check_feature_names(self, X, reset=False)
        examples = check_features(X, expected=self.n_features_in_, owner=type(self).__name__)
        return self._matching(examples, self._spec["input"], self.n_features_in_)

    @property
    def coefs_(self) -> list[NDArray[np.float32]]:
        """Weights of each layer, [n_in, n_out], live.

        Predictions of a few rows are slower while these arrays are held, since somebody may be
        writing into them: the network's packed copies, of the size of the weights, are out of use.
        """
        return self._layers("weight")

    @property
    def intercepts_(self) -> list[NDArray[np.float32]]:
        """Biases of each layer, [n_out], live."""
        return self._layers("bias")

    def _layers(self, name: str) -> list[NDArray[np.float32]]:
        self._check_fitted()
        parameters = self._network.parameters()
        return [parameters[f"{name}{i}"] for i in range(len(self._spec["hidden"]) + 1)]

    def _default_rate(self) -> float | None:
        # by cross-validation on small standard sets; a convex loss takes larger steps
        return (0.002 if self._hidden() else 0.03) if self.optimizer == "adam" else None

    def _check_own_settings(self) -> int:
        self._check_settings()
        return int(self.epochs)

    def _batch(self, size: int) -> int:
        # a larger batch has the same examples
        return min(200 if self.batch_size == "auto" else int(self.batch_size), max(size, 1))

    def _fit_targets(self, y: Any) -> Targets:
        if _is_multilabel(y):
            return matrix_targets(y)
        return Targets(*find_classes(to_labels(y, type(self).__name__)))

    def _known_targets(
        self, y: Any, classes: NDArray[Any], multilabel: bool, name: str, *, others: bool = False
    ) -> Targets:
        if multilabel != _is_multilabel(y) and y is not None:
            wanted = "a matrix of zeros and ones" if multilabel else "one label an example"
            raise ValueError(f"{name} must be {wanted}, as in fit")
        if multilabel and y is not None:
            return matrix_targets(y, classes, name)
        labels = to_labels(y, type(self).__name__, name, warn=not others)
        return Targets(classes, encode(labels, classes, name, others=others))

    def _begin(self, examples: Examples, X: Any, targets: Targets) -> None:
        self._multilabel = targets.multilabel
        self._set_classes(targets.classes)
        self.n_features_in_ = _width(examples, X)
        self._make_network({"input": examples.kind, "n_inputs": self.n_features_in_})

    @staticmethod
    def _matching(examples: Examples, kind: str, width: int) -> Examples:
        """The same examples in the form in which the network was trained."""
        if examples.kind == kind:
            return examples
        if kind == "sparse":
            (x,) = examples.arrays
            rows, columns = np.nonzero(x)
            indptr = np.searchsorted(rows, np.arange(examples.size + 1)).astype(np.int64)
            return Examples(
                "sparse", (indptr, columns.astype(np.int32), x[rows, columns]), examples.size
            )
        indptr, indices, data = examples.arrays
        x = np.zeros((examples.size, width), np.float32)
        np.add.at(x, (np.repeat(np.arange(examples.size), np.diff(indptr)), indices), data)
        return Examples("dense", (x,), examples.size)

    def _file_config(self) -> dict[str, Any]:
        names = getattr(self, "feature_names_in_", None)
        return {
            **super()._file_config(),
            "feature_names": None if names is None else names.tolist(),
        }

    def _restore(self, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
        super()._restore(config, tensors)
        self.n_features_in_ = self._spec["n_inputs"]
        if config["feature_names"] is not None:
            self.feature_names_in_ = np.array(config["feature_names"], dtype=object)

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_tags(sparse=True)


def _merge_repeats(
    examples: Examples, targets: Targets, sample_weight: Any
) -> tuple[Examples, Targets, Any]:
    """The same weighted set of examples without repeats and weights of zero, in a canonical order.

    In one batch this changes the rounding of the mean loss only, and makes it depend on the set
    alone: a weight of 3 then gives the same bits as three copies.
    """
    weights = check_sample_weight(sample_weight, examples.size)
    if targets.size != examples.size:  # reported later
        return examples, targets, sample_weight
    y = targets.rows() if targets.codes is None else targets.codes
    rows = _rows(examples)
    total: dict[tuple[bytes, ...], float] = {}
    at: dict[tuple[bytes, ...], int] = {}
    for i, row in enumerate(rows):
        weight = 1.0 if weights is None else float(weights[i])
        if weight:
            key = (*row, y[i].tobytes())
            total[key] = total.get(key, 0.0) + weight
            at.setdefault(key, i)
    keys = sorted(total)
    order = np.array([at[key] for key in keys])
    if examples.kind == "dense":
        (x,) = examples.arrays
        arrays: tuple[NDArray[Any], ...] = (x[order],)
    else:
        indptr, indices, data = examples.arrays
        parts = [slice(indptr[i], indptr[i + 1]) for i in order]
        lengths = [part.stop - part.start for part in parts]
        arrays = (
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            np.concatenate([indices[part] for part in parts]),
            np.concatenate([data[part] for part in parts]),
        )
    return (
        Examples(examples.kind, arrays, order.size),
        targets.take(order),
        np.array([total[key] for key in keys]),
    )


def _rows(examples: Examples) -> list[tuple[bytes, ...]]:
    if examples.kind == "dense":
        (x,) = examples.arrays
        return [(row.tobytes(),) for row in x]
    indptr, indices, data = examples.arrays
    return [(indices[a:b].tobytes(), data[a:b].tobytes()) for a, b in pairwise(indptr)]


def _width(examples: Examples, X: Any) -> int:
    return int(examples.arrays[0].shape[1]) if examples.kind == "dense" else int(X.shape[1])


def _is_multilabel(y: Any) -> bool:
    """Whether y has a column a label; one column alone is a label an example."""
    return is_matrix(y) and (hasattr(y, "tocsr") or np.shape(y)[1] > 1)
