"""Feedforward network on feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import ModelFile, PathLike
from pyffnn.models.checks import (
    Features,
    check_feature_names,
    check_features,
    check_same_length,
    check_sample_weight,
    feature_names,
)
from pyffnn.models.class_outputs import network_targets
from pyffnn.models.classifier import Classifier, ClassifierFitted
from pyffnn.models.label_sets import is_matrix, matrix_targets
from pyffnn.models.labels import (
    ClassWeight,
    Targets,
    encode,
    find_classes,
    given_classes,
    to_labels,
)
from pyffnn.models.repeats import merge_repeats
from pyffnn.models.vector_answers import VectorAnswers
from pyffnn.models.weighting import combined, weights_of_classes
from pyffnn.optimizers import LearningRate, Optimizer, constant
from pyffnn.training import Callbacks, Data, Saving, fingerprint

__all__ = ["FFNNClassifier"]


@dataclass(frozen=True, eq=False)
class FFNNFitted(ClassifierFitted):
    """The state of an `FFNNClassifier`."""

    n_features: int
    feature_names: NDArray[Any] | None


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
        "softmax", all classes at each step, or for very many classes "adaptive" or "sampled", as in
        `LanguageModel`.
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
        residual: bool = False,
        layer_norm: bool = False,
        output: str = "softmax",
        cutoffs: Sequence[int] | None = None,
        samples: int = 4096,
        clip_norm: float | None = None,
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

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        callbacks: Callbacks = (),
        checkpoint: PathLike | None = None,
        checkpoint_steps: int | None = None,
        checkpoint_seconds: float = 60.0,
        resume: PathLike | bool = False,
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
            A function or several, called as ``callback(model, record)`` after each epoch with its
            entry of ``history_``; the model then shows the state being trained. Training ends when
            one returns True.
        checkpoint
            File that the run is saved to, atomically: after each epoch, every
            ``checkpoint_seconds`` seconds, and every ``checkpoint_steps`` steps.
        resume
            A checkpoint to go on from, or True: ``checkpoint`` if that file exists, else begin. Data
            and settings must be those of the run that wrote it (``n_threads`` and ``verbose``
            apart); the result has the same bits as that of an unbroken run.

        Raises
        ------
        ValueError
            Wrong input, settings out of range, a checkpoint of another run.
        FloatingPointError
            The loss became non-finite. The error's ``model`` is at its last good state; this one
            has it too if it had none, else is as it was.
        KeyboardInterrupt
            In training, with ``model`` in the best state so far in the same way.
        """
        saving = Saving(checkpoint, checkpoint_steps, checkpoint_seconds, resume)
        self._check_settings()
        owner = type(self).__name__
        names = feature_names(X)
        features = check_features(X, owner=owner)
        targets = self._fit_targets(y)
        check_same_length(X=features.size, y=targets.size)
        weights: NDArray[np.floating[Any]] | None = check_sample_weight(
            sample_weight, features.size
        )
        validation = self._validation_data(X_val, y_val, features, targets)
        saved = saving.open(owner)
        seed = self._seed(saved)
        batch_size = self._batch(features.size)
        by_class = weights_of_classes(self.class_weight, targets, weights)
        combined(by_class, targets, weights)  # says so where nothing is left
        if features.size <= batch_size:
            features, targets, weights = merge_repeats(features, targets, weights)
        weight = combined(by_class, targets, weights)
        network = self._make_network(
            {"input": features.kind, "n_inputs": features.width}, targets, seed, weight
        )
        spec = network.spec
        data = Data(features.examples(), network_targets(targets, spec, weight, by_class))
        numbers, validate = None, None
        data_id = {}
        if saving.wanted:
            data_id["train"] = fingerprint(*features.arrays, *targets.arrays, weight)
        if validation is not None:
            others, their_targets = validation
            their_data = Data(others.examples(), network_targets(their_targets, spec, None, None))
            validate = self._validator(their_data)
            if saving.wanted:
                data_id["valid"] = fingerprint(*others.arrays, *their_targets.arrays)
        elif (held_out := self._held_out(targets, weight, seed)) is not None:
            numbers, held = held_out
            validate = self._validator(data, held)
        fitted = FFNNFitted(
            network=network,
            seed=seed,
            history=[],
            settings=self._structure_json(),
            classes=targets.classes,
            multilabel=targets.multilabel,
            n_features=features.width,
            feature_names=names,
        )
        self._fit_network(
            fitted,
            data,
            numbers=numbers,
            batch_size=batch_size,
            epochs=int(self.epochs),
            schedule=self._optimizer().schedule(self._default_schedule),
            validate=validate,
            restart=lambda: network.initialise(seed),
            saving=saving,
            saved=saved,
            data_id=data_id,
            callbacks=callbacks,
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
        Settings that concern training alone may change between calls. A call that fails leaves the
        model as it was.
        """
        self._check_settings()
        owner = type(self).__name__
        names = feature_names(X)
        weights_given = sample_weight
        rate = self._optimizer().schedule(self._default_schedule).lr
        assert rate is not None
        if self._fitted is None:
            features = check_features(X, owner=owner)
            if classes is None:
                targets = self._fit_targets(y)
            else:
                targets = self._known_targets(
                    y, given_classes(classes, owner), _is_multilabel(y), "y"
                )
            check_same_length(X=features.size, y=targets.size)
            weights = check_sample_weight(weights_given, features.size)
            by_class = weights_of_classes(self.class_weight, targets, weights)
            weight = combined(by_class, targets, weights)
            seed = self._seed(None)
            network = self._make_network(
                {"input": features.kind, "n_inputs": features.width}, targets, seed, weight
            )
            network.initialise(seed)
            fitted = FFNNFitted(
                network=network,
                seed=seed,
                history=[],
                settings=self._structure_json(),
                classes=targets.classes,
                multilabel=targets.multilabel,
                n_features=features.width,
                feature_names=names,
            )
            data = Data(
                features.examples(),
                network_targets(targets, network.spec, weight, by_class),
            )
            history = self._one_pass(network, fitted, data, self._batch(features.size), rate)
            self._keep(replace(fitted, history=history))
            return self
        with (network := self._state().network).turn():
            fitted = self._of(network)
            self._check_structure(fitted)
            check_feature_names(names, fitted.feature_names, owner)
            features = check_features(X, expected=fitted.n_features, owner=owner)
            self._known_classes(classes, fitted)
            features = features.as_kind(fitted.network.spec["input"])
            targets = self._known_targets(y, fitted.classes, fitted.multilabel, "y")
            check_same_length(X=features.size, y=targets.size)
            weights = check_sample_weight(weights_given, features.size)
            by_class = weights_of_classes(self.class_weight, targets, weights)
            weight = combined(by_class, targets, weights)
            examples = features.examples()
            fork = fitted.network.fork(examples, **self._training_spec())
            data = Data(examples, network_targets(targets, fork.spec, weight, by_class))
            history = self._one_pass(fork, fitted, data, self._batch(features.size), rate)
            self._replace(fork, replace(fitted, history=history))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:
        """Probability of each class, shape (n, n_classes); rows sum to 1 unless multi-label.

        Raises ValueError when not fitted, or for another number of features than in `fit`.
        """
        fitted = self._state()
        return self._probabilities(fitted, self._read(X, fitted).examples())

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each example, shape (n,); multi-label: 0 or 1, (n, n_classes)."""
        fitted, found = self._consistently(
            lambda fitted: (fitted, self._predicted(fitted, self._read(X, fitted).examples()))
        )
        if found.codes is None:
            return found.matrix().astype(np.int64)
        labels: NDArray[Any] = fitted.classes[found.codes]
        return labels

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy; with multi-label, of whole rows. Labels that training has not met count as wrong.

        Raises ValueError for labels of another number, or of a type that no class has.
        """
        with (network := self._state().network).reading():
            fitted = self._of(network)
            examples = self._read(X, fitted).examples()
            known = fitted.classes
            targets = self._known_targets(y, known, fitted.multilabel, "y", others=True)
            return self._score(fitted, examples, targets, sample_weight)

    @property
    def n_features_in_(self) -> int:
        return self._state().n_features

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        names = self._state().feature_names
        if names is None:
            raise AttributeError("feature_names_in_: X had no column names in fit")
        return names

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

    def _layers(self, kind: str) -> list[NDArray[np.float32]]:
        network = self._state().network
        parameters = network.parameters()
        names = [f"hidden{i}" for i in range(len(network.spec["hidden"]))]
        return [parameters[f"{name}.{kind}"] for name in [*names, "output"]]

    def _default_rate(self) -> float | None:
        # by cross-validation on small standard sets; a convex loss takes larger steps
        return (0.002 if self._hidden() else 0.03) if self.optimizer == "adam" else None

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

    def _read(self, X: Any, fitted: FFNNFitted) -> Features:
        """X as the network takes it."""
        owner = type(self).__name__
        check_feature_names(feature_names(X), fitted.feature_names, owner)
        features = check_features(X, expected=fitted.n_features, owner=owner)
        return features.as_kind(fitted.network.spec["input"])

    def _validation_data(
        self, X_val: Any, y_val: Any, features: Features, known: Targets
    ) -> tuple[Features, Targets] | None:
        if X_val is None and y_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val must be given together")
        try:
            others = check_features(X_val, expected=features.width, owner=type(self).__name__)
        except ValueError as error:
            raise ValueError(f"X_val: {error}") from None
        targets = self._known_targets(y_val, known.classes, known.multilabel, "y_val")
        check_same_length(X_val=others.size, y_val=targets.size)
        return others.as_kind(features.kind), targets

    def _file_config(self, fitted: FFNNFitted) -> dict[str, Any]:
        names = fitted.feature_names
        return {
            **super()._file_config(fitted),
            "feature_names": None if names is None else names.tolist(),
        }

    def _restored(self, parts: dict[str, Any], file: ModelFile) -> FFNNFitted:
        names = file.config["feature_names"]
        return FFNNFitted(
            **parts,
            n_features=parts["network"].spec["n_inputs"],
            feature_names=None if names is None else np.array(names, dtype=object),
        )

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_tags(sparse=True)


def _is_multilabel(y: Any) -> bool:
    """Whether y has a column a label; one column alone is a label an example."""
    return is_matrix(y) and (hasattr(y, "tocsr") or np.shape(y)[1] > 1)
