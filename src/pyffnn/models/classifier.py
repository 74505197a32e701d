"""What the classifiers share: classes, prediction, accuracy, what their model files say of classes."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import ModelFile
from pyffnn.models.answers import Answers
from pyffnn.models.blocks import likely_sets, top_classes, top_probabilities
from pyffnn.models.calibration import (
    Trust,
    calibrated,
    conformal_floor,
    fit_by_spread,
    fit_temperature,
    folds,
)
from pyffnn.models.checks import check_same_length, check_sample_weight
from pyffnn.models.class_outputs import (
    by_frequency,
    cutpoints,
    guess,
    network_targets,
    output_spec,
)
from pyffnn.models.fitted import Fitted
from pyffnn.models.labels import ClassWeight, Targets, given_classes
from pyffnn.models.logits import logits
from pyffnn.models.names import TextOutput
from pyffnn.models.supervised import STRUCTURE, Numbers, Rehearsal, Supervised
from pyffnn.models.thresholds import Thresholds, best_thresholds, given_thresholds
from pyffnn.models.weighting import combined, weights_of_classes
from pyffnn.net import Examples, Network
from pyffnn.net import Targets as NetTargets
from pyffnn.training import Data, DivergedError, Record, Validated, by_accuracy

__all__ = ["Classifier", "ClassifierFitted", "named"]

_MOST_LOGITS = 4_000_000  # of validation data that a temperature is fitted to


@dataclass(frozen=True, eq=False)
class ClassifierFitted(Fitted):
    """The state of a classifier."""

    classes: NDArray[Any]
    multilabel: bool
    trust: Trust = field(default=Trust(), kw_only=True)
    # above which probability a label is given, where labels are sets; None: 1/2
    thresholds: NDArray[np.float64] | None = field(default=None, kw_only=True)

    @functools.cached_property
    def one_unit(self) -> bool:
        """Whether one sigmoid unit stands for two classes."""
        return not self.multilabel and self.network.spec["n_outputs"] == 1

    @property
    def c_answers(self) -> dict[str, Any]:
        """What C functions are told of the outputs."""
        labels = [str(label) for label in self.classes.tolist()]
        return {"one_unit": self.one_unit, "labels": labels}


F = TypeVar("F", bound=ClassifierFitted)


class Classifier(Answers[F], Supervised[F]):
    """Base of `FFNNClassifier` and `TextClassifier`; they turn their input into examples."""

    output: TextOutput
    cutoffs: Sequence[int] | None
    samples: int
    class_weight: ClassWeight
    thresholds: Thresholds
    calibrate: bool
    reject: float | None

    # one output that says "the second of two classes" instead of two that compete
    _one_unit_for_two_classes = False
    # whether logits of examples of which more is known lie farther apart
    _calibrates_by_spread = False
    _structure: tuple[str, ...] = (
        *STRUCTURE,
        "output",
        "cutoffs",
        # what `fit` finds by examples that were not trained on, and one pass more cannot
        "thresholds",
        "calibrate",
        "reject",
    )

    @property
    def classes_(self) -> NDArray[Any]:
        return self._state().classes

    @property
    def thresholds_(self) -> NDArray[np.float64]:
        fitted = self._state()
        if not fitted.multilabel:
            raise AttributeError("thresholds_ is there for multi-label models alone")
        return np.full(fitted.classes.size, 0.5) if fitted.thresholds is None else fitted.thresholds

    @property
    def temperature_(self) -> float:
        return self._state().trust.temperature

    @property
    def spread_power_(self) -> float:
        return self._state().trust.power

    @property
    def reject_threshold_(self) -> float | None:
        return self._state().trust.floor

    @property
    def cutpoints_(self) -> NDArray[np.float64]:
        network = self._state().network
        if network.spec["loss"] != "ordinal":
            raise AttributeError("cutpoints_ is there for models with output='ordinal' alone")
        return cutpoints(network)

    def _given_thresholds(self, targets: Targets) -> NDArray[np.float64] | None:
        """Those of the setting; None where they are chosen, or labels are no sets."""
        if not targets.multilabel:
            return None
        return given_thresholds(self.thresholds, targets.classes)

    def _structure_json(self) -> dict[str, Any]:
        found = super()._structure_json()
        if (tolist := getattr(self.thresholds, "tolist", None)) is not None:  # an array
            found["thresholds"] = tolist()
        return found

    # targets ------------------------------------------------------------------------------------

    def _output_spec(self, targets: Targets) -> dict[str, Any]:
        if self.reject is not None and targets.multilabel:
            raise ValueError(
                f"reject must be None with multi-label y, where no label is an answer, got {self.reject!r}"
            )
        if not isinstance(self.thresholds, str) and not targets.multilabel:
            raise ValueError(
                f"thresholds must be 'auto' without multi-label y, got {self.thresholds!r:.80}"
            )
        if self.calibrate and self.output in ("adaptive", "ordinal"):
            raise ValueError(f"calibrate must be False with output={self.output!r}, got True")
        return output_spec(self, targets, one_unit=self._one_unit_for_two_classes)

    def _order_of_outputs(self, targets: Targets, weights: Any) -> NDArray[np.int64] | None:
        return by_frequency(self, targets, weights)

    def _net_targets(
        self, targets: Targets, spec: Any, weight: Any = None, by_class: Any = None
    ) -> NetTargets:
        return network_targets(targets, spec, weight, by_class)

    def _weigh(
        self, targets: Targets, sample_weight: Any
    ) -> tuple[NDArray[np.float32] | None, NDArray[np.float64] | None]:
        by_class = weights_of_classes(self.class_weight, targets, sample_weight)
        return combined(by_class, targets, sample_weight), by_class

    def _better(self, record: Record) -> list[float]:
        return by_accuracy(record)

    def _weigh_again(self, by_class: Any, targets: Targets, sample_weight: Any) -> Any:
        return combined(by_class, targets, sample_weight)

    def _guess(self, spec: Any) -> float:
        return guess(spec)

    def _validator(
        self, data: Data, order: NDArray[np.int64] | None = None
    ) -> Callable[[Network], Validated]:
        n_threads = self._threads()

        def validate(network: Network) -> Validated:
            loss, weight, correct = network.evaluate(*data, order, n_threads)
            return {"val_loss": loss / weight, "val_accuracy": correct / weight}

        return validate

    def _wants_held_out(self) -> bool:
        return super()._wants_held_out() or self.reject is not None

    def _finisher(
        self, fitted: F, data: Data, rehearsal: Rehearsal, train: Callable[[Numbers], None]
    ) -> Callable[[F], F] | None:
        given, held_out = rehearsal.validation, rehearsal.held_out
        choose = fitted.multilabel and isinstance(self.thresholds, str)
        choose = choose and (given is not None or held_out is not None)
        if not self.calibrate and self.reject is None and not choose:
            return None
        rehearsed = (1.0, 0.0)
        if self.calibrate and given is None:
            rehearsed = self._rehearsed(fitted, data, rehearsal, train)

        def finish(fitted: F) -> F:
            (temperature, power), floor = rehearsed, None
            if self.calibrate:
                if given is not None:
                    z, some = self._unseen(fitted, given[0], np.arange(given[1].size))
                    temperature, power = self._calibration(fitted, z, given[1].take(some))
                fitted = replace(fitted, network=calibrated(fitted.network, temperature, power))
            if self.reject is not None:
                examples, order = (
                    (data.examples, rehearsal.held_out) if given is None else (given[0], None)
                )
                numbers = np.arange(len(examples)) if order is None else order

                def predict(order: Numbers | None) -> NDArray[np.float32]:
                    return self._probabilities(fitted, examples, order)

                sure = top_probabilities(predict, numbers, fitted.classes.size)
                floor = conformal_floor(sure, float(self.reject))
            trusted = replace(fitted, trust=Trust(temperature, floor, power))
            return self._with_thresholds(trusted, data, rehearsal) if choose else trusted

        return finish

    def _with_thresholds(self, fitted: F, data: Data, rehearsal: Rehearsal) -> F:
        """With those that are best on validation data."""
        if rehearsal.validation is not None:
            (examples, targets), weight = rehearsal.validation, None
            numbers = np.arange(targets.size)
        else:
            examples, targets, weight = data.examples, rehearsal.targets, rehearsal.weight
            assert rehearsal.held_out is not None
            numbers = rehearsal.held_out

        def predict(order: Numbers) -> NDArray[np.float32]:
            return self._probabilities(fitted, examples, order)

        return replace(fitted, thresholds=best_thresholds(predict, numbers, targets, weight))

    def _rehearsed(
        self, fitted: F, data: Data, rehearsal: Rehearsal, train: Callable[[Numbers], None]
    ) -> tuple[float, float]:
        """The temperature and the power of the spread of models like the one to be trained."""
        targets, weight = rehearsal.targets, rehearsal.weight
        numbers = np.arange(targets.size) if rehearsal.numbers is None else rehearsal.numbers
        if weight is not None:
            numbers = numbers[weight[numbers] > 0]
        unseen = []
        for some, others in folds(targets.strata, numbers, fitted.seed, rehearsal.groups):
            try:
                train(some)
            except DivergedError:  # so will the training proper, and say it
                break
            unseen.append(self._unseen(fitted, data.examples, others))
        if not unseen:
            return 1.0, 0.0
        z = np.concatenate([part for part, _ in unseen])
        order = np.concatenate([part for _, part in unseen])
        own = None if weight is None else weight[order]
        return self._calibration(fitted, z, targets.take(order), own)

    def _calibration(
        self, fitted: F, z: NDArray[np.float64], targets: Targets, weight: Any = None
    ) -> tuple[float, float]:
        """Temperature and power of the spread for logits of examples that were not trained on."""
        spec = fitted.network.spec
        competing = spec["output"] == "classes" and spec["loss"] == "softmax" and z.shape[1] > 2
        if competing and self._calibrates_by_spread:
            return fit_by_spread(z, targets, weight)
        return fit_temperature(z, targets, weight), 0.0

    def _unseen(
        self, fitted: F, examples: Examples, numbers: Numbers
    ) -> tuple[NDArray[np.float64], Numbers]:
        """Logits of these examples, or of as many as there is memory for, and which they are."""
        most = max(_MOST_LOGITS // fitted.classes.size, 1)
        some = numbers[:: max(-(-numbers.size // most), 1)]
        return logits(fitted, examples, some, self._threads()), some

    def _known_classes(self, classes: ArrayLike | None, fitted: F) -> None:
        owner = type(self).__name__
        if classes is not None and not np.array_equal(
            given_classes(classes, owner), fitted.classes
        ):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                f"{fitted.classes!r}"
            )

    # prediction ---------------------------------------------------------------------------------

    def _probabilities(
        self, fitted: F, examples: Examples, order: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        p = fitted.network.predict(examples, order, self._threads())
        if fitted.one_unit:
            p = np.concatenate([1 - p, p], axis=1)
        return p

    def _codes(self, fitted: F, examples: Examples) -> NDArray[np.int64]:
        """The number of the class that the network takes each example for; -1 where it is none of them."""
        return top_classes(
            lambda order: self._probabilities(fitted, examples, order),
            len(examples),
            fitted.classes.size,
            fitted.trust.floor,
        )

    def _predicted(self, fitted: F, examples: Examples) -> Targets:
        """What the network takes the examples for."""
        if not fitted.multilabel:
            return Targets(fitted.classes, self._codes(fitted, examples))
        return likely_sets(
            lambda order: self._probabilities(fitted, examples, order),
            len(examples),
            fitted.classes,
            0.5 if fitted.thresholds is None else fitted.thresholds,
        )

    def _score(self, fitted: F, examples: Examples, targets: Targets, sample_weight: Any) -> float:
        check_same_length(X=len(examples), y=targets.size)
        return accuracy(targets.same(self._predicted(fitted, examples)), sample_weight)

    # the model file -----------------------------------------------------------------------------

    def _file_config(self, fitted: F) -> dict[str, Any]:
        labels = fitted.classes
        trust = {} if fitted.trust == Trust() else {"trust": asdict(fitted.trust)}
        if trust and not fitted.trust.power:
            del trust["trust"]["power"]
        return {
            **super()._file_config(fitted),
            **trust,
            **({} if fitted.thresholds is None else {"thresholds": fitted.thresholds.tolist()}),
            "multilabel": fitted.multilabel,
            "classes": None if labels.dtype.kind in "biuf" else _strings(labels),
        }

    def _file_tensors(self, fitted: F) -> dict[str, NDArray[Any]]:
        numbers = {"classes": fitted.classes} if fitted.classes.dtype.kind in "biuf" else {}
        return {**numbers, **super()._file_tensors(fitted)}

    def _target_parts(self, file: ModelFile) -> dict[str, Any]:
        names, thresholds = file.config["classes"], file.config.get("thresholds")
        return {
            "classes": file.tensors["classes"] if names is None else np.array(names),
            "multilabel": file.config["multilabel"],
            "trust": Trust(**file.config.get("trust", {})),
            "thresholds": None if thresholds is None else np.array(thresholds, np.float64),
        }

    # scikit-learn -------------------------------------------------------------------------------

    _estimator_type = "classifier"

    def _sklearn_tags(self, **input_tags: bool) -> Any:
        # only scikit-learn asks, so its modules are there
        utils = sys.modules["sklearn.utils"]
        return utils.Tags(
            estimator_type="classifier",
            target_tags=utils.TargetTags(required=True),
            classifier_tags=utils.ClassifierTags(multi_label=True),
            transformer_tags=utils.TransformerTags(preserves_dtype=[]),
            input_tags=utils.InputTags(**input_tags),
        )


def named(fitted: ClassifierFitted, codes: NDArray[np.int64]) -> NDArray[Any]:
    """The classes of these numbers; where a model may reject, -1 is None."""
    if fitted.trust.floor is None:
        return np.asarray(fitted.classes[codes])
    names = np.array([*fitted.classes.tolist(), None], dtype=object)
    return np.asarray(names[codes])


def accuracy(right: NDArray[np.bool_], sample_weight: ArrayLike | None) -> float:
    """Share of the weight that is right; ``right`` [n]."""
    return float(np.average(right, weights=check_sample_weight(sample_weight, right.size)))


def _strings(labels: NDArray[Any]) -> list[str]:
    values: list[str] = labels.tolist()
    if not all(isinstance(label, str) for label in values):
        raise TypeError("classes_ must be numbers or strings to be saved")
    return values
