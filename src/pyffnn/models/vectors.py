"""Models of dense or sparse feature vectors, whatever their targets are: from X to examples, `fit` and `partial_fit`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import ModelFile, PathLike
from pyffnn.models.calibration import refuse_first_pass
from pyffnn.models.checks import (
    Features,
    check_feature_names,
    check_features,
    check_same_length,
    check_sample_weight,
    feature_names,
)
from pyffnn.models.fitted import Fitted, twin
from pyffnn.models.repeats import merge_repeats
from pyffnn.models.supervised import Rehearsal, Supervised
from pyffnn.training import Callbacks, Data, Saving, check_groups, fingerprint

__all__ = ["VectorFitted", "VectorModel"]


@dataclass(frozen=True, eq=False)
class VectorFitted(Fitted):
    """What the state of a model of feature vectors holds of them."""

    n_features: int
    feature_names: NDArray[Any] | None


F = TypeVar("F", bound=VectorFitted)


class VectorModel(Supervised[F]):
    """Base of the models of feature vectors."""

    epochs: int
    batch_size: int | Literal["auto"]
    tol: float | None
    n_iter_no_change: int

    # what the kinds of targets differ in

    @abstractmethod
    def _fit_targets(self, y: Any, weights: Any, classes: ArrayLike | None = None) -> Any:
        """Targets of training data that say what there is to learn; ``classes``: of `partial_fit`."""

    @abstractmethod
    def _more_targets(self, y: Any, like: Any, name: str) -> Any:
        """Targets of other data, of the same kind as those that a state or targets are ``like``."""

    @abstractmethod
    def _new_state(self, targets: Any, **parts: Any) -> F:
        """The state before training."""

    def _same_classes(self, classes: ArrayLike | None, fitted: F) -> None:
        """ValueError for other ``classes`` of `partial_fit` than before."""

    def fit(
        self,
        X: Any,
        y: ArrayLike,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
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
        y : array-like
            Classifiers: of shape (n,), a label an example; (n, classes), rows of probabilities; or
            (n, labels) of zeros and ones alone (also a SciPy sparse matrix) for multi-label.
            Regressors: real numbers, of shape (n,) or (n, outputs).
        sample_weight : array-like of shape (n,)
            Weight of each example in the mean loss, at least 0.
        X_val, y_val
            Validation data for ``history_``, early stopping, and a classifier's ``calibrate`` and ``reject``.
        groups : array-like of shape (n,)
            What examples belong to (an author, a patient): those of one group are held out together wherever
            some are held out.
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
        weights: NDArray[np.floating[Any]] | None = check_sample_weight(
            sample_weight, features.size
        )
        targets = self._fit_targets(y, weights)
        check_same_length(X=features.size, y=targets.size)
        kin = check_groups(groups, features.size)
        validation = self._validation_data(X_val, y_val, features, targets)
        saved = saving.open(owner)
        seed = self._seed(saved)
        batch_size = self._batch(features.size)
        weight, by_class = self._weigh(targets, weights)
        if features.size <= batch_size and kin is None:
            features, targets, weights = merge_repeats(features, targets, weights)
            weight = self._weigh_again(by_class, targets, weights)
        network = self._make_network(
            {"input": features.kind, "n_inputs": features.width}, targets, seed, weight
        )
        spec = network.spec
        data = Data(features.examples(), self._net_targets(targets, spec, weight, by_class))
        numbers, held, validate = None, None, None
        data_id = {}
        if saving.wanted:
            data_id["train"] = fingerprint(*features.arrays, *targets.arrays, weight, kin)
        if validation is not None:
            others, their_targets = validation
            their_data = Data(others.examples(), self._net_targets(their_targets, spec))
            validate = self._validator(their_data)
            if saving.wanted:
                data_id["valid"] = fingerprint(*others.arrays, *their_targets.arrays)
        elif (held_out := self._held_out(targets, weight, seed, kin)) is not None:
            numbers, held = held_out
            validate = self._validator(data, held)
        fitted = self._new_state(
            targets,
            network=network,
            seed=seed,
            history=[],
            settings=self._structure_json(),
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
            rehearsal=Rehearsal(
                targets,
                weight,
                numbers,
                held,
                None if validation is None else (their_data.examples, their_targets),
                groups=kin,
            ),
        )
        return self

    def _one_pass_more(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Self:
        self._check_settings()
        owner = type(self).__name__
        names = feature_names(X)
        weights_given = sample_weight
        rate = self._optimizer().schedule(self._default_schedule).lr
        assert rate is not None
        if self._fitted is None:
            refuse_first_pass(self)
            features = check_features(X, owner=owner)
            weights = check_sample_weight(weights_given, features.size)
            targets = self._fit_targets(y, weights, classes)
            check_same_length(X=features.size, y=targets.size)
            weight, by_class = self._weigh(targets, weights)
            seed = self._seed(None)
            network = self._make_network(
                {"input": features.kind, "n_inputs": features.width}, targets, seed, weight
            )
            network.initialise(seed)
            fitted = self._new_state(
                targets,
                network=network,
                seed=seed,
                history=[],
                settings=self._structure_json(),
                n_features=features.width,
                feature_names=names,
            )
            data = Data(
                features.examples(),
                self._net_targets(targets, network.spec, weight, by_class),
            )
            history = self._one_pass(network, fitted, data, self._batch(features.size), rate)
            self._keep(twin(fitted, history=history))
            return self
        with (network := self._state().network).turn():
            fitted = self._of(network)
            self._check_structure(fitted)
            check_feature_names(names, fitted.feature_names, owner)
            features = check_features(X, expected=fitted.n_features, owner=owner)
            self._same_classes(classes, fitted)
            features = features.as_kind(fitted.network.spec["input"])
            targets = self._more_targets(y, fitted, "y")
            check_same_length(X=features.size, y=targets.size)
            weight, by_class = self._weigh(
                targets, check_sample_weight(weights_given, features.size)
            )
            examples = features.examples()
            fork = fitted.network.fork(examples, **self._training_spec())
            spec = fitted.network.spec  # the outputs are those of the fork
            data = Data(examples, self._net_targets(targets, spec, weight, by_class))
            history = self._one_pass(fork, fitted, data, self._batch(features.size), rate)
            self._replace(fork, twin(fitted, history=history))
        return self

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

    def _read(self, X: Any, fitted: F) -> Features:
        """X as the network takes it."""
        owner = type(self).__name__
        check_feature_names(feature_names(X), fitted.feature_names, owner)
        features = check_features(X, expected=fitted.n_features, owner=owner)
        return features.as_kind(fitted.network.spec["input"])

    def _validation_data(
        self, X_val: Any, y_val: Any, features: Features, known: Any
    ) -> tuple[Features, Any] | None:
        if X_val is None and y_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val must be given together")
        try:
            others = check_features(X_val, expected=features.width, owner=type(self).__name__)
        except ValueError as error:
            raise ValueError(f"X_val: {error}") from None
        targets = self._more_targets(y_val, known, "y_val")
        check_same_length(X_val=others.size, y_val=targets.size)
        return others.as_kind(features.kind), targets

    def _file_config(self, fitted: F) -> dict[str, Any]:
        names = fitted.feature_names
        return {
            **super()._file_config(fitted),
            "feature_names": None if names is None else names.tolist(),
        }

    @abstractmethod
    def _state_of(self, **parts: Any) -> F:
        """The state of these parts."""

    def _restored(self, parts: dict[str, Any], file: ModelFile) -> F:
        names = file.config["feature_names"]
        return self._state_of(
            **parts,
            n_features=parts["network"].spec["n_inputs"],
            feature_names=None if names is None else np.array(names, dtype=object),
        )
