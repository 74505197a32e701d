"""What the classifiers share: settings, labels and weights, training, prediction, the model file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.io import PathLike, load_model, save_model
from pyffnn.models.arguments import patience_of, sizes_of
from pyffnn.models.blocks import likely_sets, top_classes
from pyffnn.models.checks import (
    check_same_length,
    check_sample_weight,
)
from pyffnn.models.estimator import Estimator, not_fitted
from pyffnn.models.labels import ClassWeight, Targets, class_weights
from pyffnn.models.parameters import check, check_one
from pyffnn.models.settings import params_from_json, params_to_json
from pyffnn.network import Examples, Network, network_arrays, network_from_arrays
from pyffnn.optimizers import LearningRate, Optimizer, Schedule, constant, resolve_optimizer
from pyffnn.precision import precision_code, precision_name
from pyffnn.progress import make_progress
from pyffnn.training import Callback, Labelled, Plan, Record, seed_of, split, train

__all__ = ["Classifier"]


class Classifier(Estimator):
    """Base of `FFNNClassifier` and `TextClassifier`; they turn their input into `Examples`."""

    hidden_layer_sizes: int | Sequence[int]
    activation: str
    optimizer: str | Optimizer
    learning_rate: LearningRate | None
    dropout: float
    l2: float
    class_weight: ClassWeight
    early_stopping: bool | int
    validation_fraction: float
    precision: str | None
    n_threads: int | None
    random_state: Any
    verbose: int

    classes_: NDArray[Any]
    history_: list[Record]

    _network: Network
    _spec: dict[str, Any]
    _seed: int

    # one output that says "the second of two classes" instead of two that compete
    _one_unit_for_two_classes = False
    _default_schedule: Schedule = constant()

    # settings -----------------------------------------------------------------------------------

    def _hidden(self) -> list[int]:
        return sizes_of(self.hidden_layer_sizes)

    def _default_rate(self) -> float | None:
        """The rate of an optimizer given by name; None: the optimizer's own."""
        return None

    def _optimizer(self) -> Optimizer:
        return resolve_optimizer(
            self.optimizer, self.learning_rate, default_lr=self._default_rate()
        )

    def _patience(self) -> int | None:
        return patience_of(self.early_stopping)

    def _threads(self) -> int:
        check_one(self, "n_threads")
        return int(self.n_threads or 0)

    def _check_settings(self) -> None:
        """ValueError or TypeError for a constructor argument that is wrong, naming it."""
        check(self, fitted=hasattr(self, "_network"))
        precision_code(self.precision)  # warns where the machine lacks it

    # training -----------------------------------------------------------------------------------

    def _make_network(self, inputs: dict[str, Any], **more: Any) -> None:
        """Build and initialise the network for ``classes_`` over the given kind of input."""
        n_classes = int(self.classes_.size)
        one_unit = self._one_unit_for_two_classes and n_classes == 2 and not self._multilabel
        self._seed = seed_of(self.random_state)
        self._spec = {
            **inputs,
            "hidden": self._hidden(),
            "activation": self.activation,
            "precision": precision_name(self.precision),
            "n_outputs": 1 if one_unit else n_classes,
            "loss": "sigmoid" if one_unit or self._multilabel else "softmax",
            "l2": float(self.l2),
            "dropout": float(self.dropout),
            "seed": self._seed,
            **self._optimizer().spec(),
            **more,
        }
        self._network = Network(self._spec)
        self._network.initialise(self._seed)
        self.history_ = []

    _multilabel: bool = False
    _as_sets: bool = False  # multi-label predictions are lists of labels, not a matrix

    def _set_classes(self, classes: NDArray[Any]) -> None:
        if classes.size < 2 and not self._multilabel:
            raise ValueError(
                f"y contains 1 class ({classes[0]!r}); {type(self).__name__} needs samples of at "
                "least 2 classes"
                if classes.size
                else "y contains no class"
            )
        self.classes_ = classes

    def _network_targets(self, targets: Targets) -> NDArray[Any]:
        if targets.multilabel:
            return targets.matrix()
        assert targets.codes is not None
        if self._spec["loss"] == "sigmoid":
            return targets.codes.astype(np.float32)
        return targets.codes

    def _weights(self, targets: Targets, sample_weight: Any) -> NDArray[np.float32] | None:
        weights = check_sample_weight(sample_weight, targets.size)
        if targets.codes is None:
            if self.class_weight is not None:
                raise ValueError(
                    "class_weight needs one class an example: it must be None with multi-label y"
                )
            return weights
        by_class = class_weights(self.class_weight, targets)
        if by_class is None:
            return weights
        of_example = by_class[targets.codes]
        if weights is not None:
            of_example = of_example * weights
        if not of_example.any():
            raise ValueError(
                "class_weight and sample_weight leave no example with a weight above 0"
            )
        return of_example.astype(np.float32)

    def _train(
        self,
        examples: Examples,
        targets: Targets,
        sample_weight: Any,
        validation: tuple[Examples, Targets] | None,
        callbacks: Sequence[Callback],
        *,
        epochs: int,
        batch_size: int,
        tol: float | None = None,
        no_change: int = 10,
        fresh: bool = True,
        schedule: Schedule | None = None,
    ) -> None:
        """Train the network on the examples, those held out for early stopping excepted."""
        check_same_length(X=examples.size, y=targets.size)
        patience = self._patience()
        weights = self._weights(targets, sample_weight)
        y = self._network_targets(targets)
        data = Labelled(examples, y, weights)
        held_out = None
        if validation is not None:
            check_same_length(X_val=validation[0].size, y_val=validation[1].size)
            held_out = Labelled(validation[0], self._network_targets(validation[1]))
        elif patience is not None and fresh:
            rest, held = split(targets.codes, examples.size, self.validation_fraction, self._seed)
            data = data._replace(order=rest)
            held_out = data._replace(order=held)
        plan = Plan(
            epochs=epochs,
            batch_size=batch_size,
            schedule=self._optimizer().schedule(self._default_schedule)
            if schedule is None
            else schedule,
            patience=patience if held_out is not None else None,
            tol=tol,
            no_change=no_change,
            seed=self._seed,
            n_threads=self._threads(),
        )
        train(
            self,
            self._network,
            data,
            plan,
            validation=held_out,
            callbacks=callbacks,
            progress=make_progress(self.verbose),
            history=self.history_,
            fresh_seed=self._seed if fresh and not self._preset else None,
        )

    # weights were set after initialisation (pretrained vectors): initialise() does not bring them back
    _preset: bool = False

    # prediction ---------------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        if not hasattr(self, "_network"):
            raise not_fitted(self)

    def _probabilities(
        self, examples: Examples, order: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        p = examples.predict(self._network, self._threads(), order)
        if p.shape[1] == 1 and not self._multilabel:
            p = np.concatenate([1 - p, p], axis=1)
        return p

    def _predicted(self, examples: Examples) -> Targets:
        """What the network takes the examples for."""

        def predict(order: NDArray[np.int64] | None) -> NDArray[np.float32]:
            return self._probabilities(examples, order)

        if self._multilabel:
            return likely_sets(predict, examples.size, self.classes_)
        return Targets(self.classes_, top_classes(predict, examples.size, self.classes_.size))

    def _labels(self, found: Targets) -> Any:
        """As the labels of the training data were given: one each, tuples, or a matrix of zeros and ones."""
        if found.codes is not None:
            return self.classes_[found.codes]
        if not self._as_sets:
            return found.matrix().astype(np.int64)
        names = self.classes_.tolist()
        return [tuple(names[i] for i in row) for row in found.rows()]

    def _score(self, examples: Examples, targets: Targets, sample_weight: Any) -> float:
        check_same_length(X=examples.size, y=targets.size)
        return accuracy(targets.same(self._predicted(examples)), sample_weight)

    # the model file -----------------------------------------------------------------------------

    def _file_config(self) -> dict[str, Any]:
        """Settings of the fitted model that the model file holds; a subclass adds its own."""
        labels = self.classes_
        return {
            "params": params_to_json(self.get_params(deep=False)),
            "spec": self._spec,
            "seed": self._seed,
            "multilabel": self._multilabel,
            "classes": None if labels.dtype.kind in "biuf" else _strings(labels),
            "history": [
                {k: v if v is None or np.isfinite(v) else None for k, v in record.items()}
                for record in self.history_
            ],
        }

    def _file_tensors(self) -> dict[str, NDArray[Any]]:
        return {"classes": self.classes_} if self.classes_.dtype.kind in "biuf" else {}

    def _restore(self, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
        """Set the fitted attributes from the content of a model file; KeyError where it has gaps."""
        self._spec = config["spec"]
        self._seed = config["seed"]
        self._multilabel = config["multilabel"]
        names = config["classes"]
        self.classes_ = tensors.pop("classes") if names is None else np.array(names)
        self.history_ = config["history"]
        self._network = network_from_arrays(self._spec, tensors)

    def save(self, path: PathLike, *, optimizer_state: bool = True) -> None:
        """Write the fitted model to one ``.safetensors`` file, atomically.

        Parameters
        ----------
        path
            Where to; an existing file is replaced once the new one is complete.
        optimizer_state
            Keep what `partial_fit` needs to go on as if nothing had happened. Without it the file
            is smaller (by half or two thirds for momentum and Adam).

        Raises
        ------
        ValueError
            The model is not fitted.
        TypeError
            Classes that are neither numbers nor strings.
        OSError
            The file cannot be written.
        """
        self._check_fitted()
        tensors = {**self._file_tensors(), **network_arrays(self._network, state=optimizer_state)}
        save_model(path, type(self).__name__, self._file_config(), tensors)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read a model that `save` wrote.

        Raises OSError when there is no such file, ValueError when it is no model of this class,
        damaged, or written by a newer version.
        """
        return cls._load(path)

    @classmethod
    def _load(cls, path: PathLike, **arguments: Any) -> Self:
        file = load_model(path, cls.__name__)
        try:
            params = params_from_json(file.config["params"])
            model = cls(**{**params, **cls._arguments(file.config, arguments)})
            model._restore(file.config, file.tensors)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise ValueError(f"{str(Path(path))!r} is damaged: {error}") from error
        return model

    @classmethod
    def _arguments(cls, config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """Constructor arguments that the file's parameters do not hold, from what `load` was given."""
        return given

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        network = state.pop("_network", None)
        if network is not None:
            state["_arrays"] = {k: np.array(v) for k, v in network_arrays(network).items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        arrays = state.pop("_arrays", None)
        self.__dict__.update(state)
        if arrays is not None:
            self._network = network_from_arrays(self._spec, arrays)

    # scikit-learn -------------------------------------------------------------------------------

    _estimator_type = "classifier"

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_network")

    def _sklearn_tags(self, **input_tags: bool) -> Any:
        # only scikit-learn asks, so its modules are there
        utils = sys.modules["sklearn.utils"]
        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=True),
            classifier_tags=utils.ClassifierTags(multi_label=True),
            input_tags=utils.InputTags(**input_tags),
        )


def accuracy(right: NDArray[np.bool_], sample_weight: ArrayLike | None) -> float:
    """Share of the weight that is right; ``right`` [n]."""
    return float(np.average(right, weights=check_sample_weight(sample_weight, right.size)))


def _strings(labels: NDArray[Any]) -> list[str]:
    values: list[str] = labels.tolist()
    if not all(isinstance(label, str) for label in values):
        raise TypeError("classes_ must be numbers or strings to be saved")
    return values
