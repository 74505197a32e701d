"""What the models share that learn from examples with targets: settings, the network, training, the model file."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.formats import version_one
from pyffnn.formats.model_file import ModelFile, PathLike, load_model, save_model
from pyffnn.formats.settings_json import params_from_json, params_to_json
from pyffnn.models.arguments import check_choice, patience_of, sizes_of
from pyffnn.models.fitted import Fitted, FittedModel, twin
from pyffnn.models.names import Activation, Precision, RandomState, TextOptimizer
from pyffnn.models.parameters import check, check_one
from pyffnn.models.stored_arrays import codes_of, stored, widened
from pyffnn.net import Examples, Network, arrays_of, set_arrays
from pyffnn.net import Targets as NetTargets
from pyffnn.optimizers import LearningRate, Optimizer, Schedule, constant, resolve_optimizer
from pyffnn.precision import precision_code, precision_name
from pyffnn.training import (
    BEST,
    Callbacks,
    Data,
    History,
    Plan,
    Progress,
    Record,
    Run,
    Saved,
    Saving,
    Shuffled,
    State,
    Validated,
    as_callbacks,
    by_loss,
    checkpoint_kind,
    seed_of,
    split,
)

__all__ = ["STRUCTURE", "Numbers", "Rehearsal", "Supervised"]

Numbers: TypeAlias = NDArray[np.int64]

# what a fitted model's network and data are made of; other settings concern training alone
STRUCTURE = ("hidden_layer_sizes", "activation", "residual", "layer_norm", "optimizer")

F = TypeVar("F", bound=Fitted)


class Rehearsal(NamedTuple):
    """What can be learned of a model beside its weights is learned from these.

    Attributes
    ----------
    targets, weight, groups
        Of the training examples; the weight of each; its group, which is held out whole.
    numbers
        Of the examples that are trained on; None: all.
    held_out
        Of those that are not; None: no examples were held out.
    validation
        Other examples with their targets; None: none were given.
    begin
        First weights that know of the labels of these examples alone; None: weights know of none.
    """

    targets: Any
    weight: NDArray[Any] | None
    numbers: Numbers | None
    held_out: Numbers | None
    validation: tuple[Examples, Any] | None
    begin: Callable[[Numbers], None] | None = None
    groups: Numbers | None = None


class Supervised(FittedModel[F]):
    """Base of the classifiers and regressors; they turn their targets, and their heirs their input, into what a network takes."""

    hidden_layer_sizes: int | Sequence[int]
    activation: Activation
    residual: bool
    layer_norm: bool
    optimizer: TextOptimizer
    learning_rate: LearningRate | None
    dropout: float
    l2: float | None
    clip_norm: float | None
    early_stopping: bool | int
    validation_fraction: float
    precision: Precision | None
    n_threads: int | None
    random_state: RandomState
    verbose: int

    _default_schedule: Schedule = constant()
    _structure: tuple[str, ...] = STRUCTURE

    # what the kinds of targets differ in -------------------------------------------------------

    @abstractmethod
    def _output_spec(self, targets: Any) -> dict[str, Any]:
        """Entries of the network's spec."""

    @abstractmethod
    def _net_targets(
        self, targets: Any, spec: Any, weight: Any = None, by_class: Any = None
    ) -> NetTargets:
        """Targets for a network of a spec; ``by_class``: what `_weigh` says of classes."""

    @abstractmethod
    def _weigh(self, targets: Any, sample_weight: Any) -> tuple[Any, Any]:
        """The weight of each example (None: 1), and of each class (None: 1)."""

    def _better(self, record: Record) -> list[float]:
        """What is to grow from epoch to epoch."""
        return by_loss(record)

    def _weigh_again(self, by_class: Any, targets: Any, sample_weight: Any) -> Any:
        """The weight of each example after equal ones were merged."""
        return sample_weight.astype(np.float32)

    @abstractmethod
    def _guess(self, spec: Any) -> float | None:
        """The loss of a network that knows nothing."""

    @abstractmethod
    def _validator(
        self, data: Data, order: NDArray[np.int64] | None = None
    ) -> Callable[[Network], Validated]:
        """From a network to its results on validation data."""

    def _order_of_outputs(self, targets: Any, weights: Any) -> NDArray[np.int64] | None:
        """The outputs, the most frequent first, where the network wants to know."""
        return None

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
        n = self.n_threads
        if n is None:
            return 0
        if type(n) is not int or n < 1:  # a prediction of one text has no time for more
            check_one(self, "n_threads")
        return int(n)

    def _check_settings(self) -> None:
        """ValueError or TypeError for a constructor argument that is wrong, naming it."""
        check(self, fitted=self._fitted is not None)
        precision_code(self.precision)  # warns where the machine lacks it

    def _structure_json(self) -> dict[str, Any]:
        """The settings that a fitted model cannot change, as JSON has them; others than JSON can express are left out."""
        params = {name: getattr(self, name) for name in self._structure}
        params["hidden_layer_sizes"] = self._hidden()
        params["optimizer"] = self._optimizer().spec()["optimizer"]
        return params_to_json(params)

    def _check_structure(self, fitted: F) -> None:
        """ValueError, naming it, for a setting that was changed since ``fit`` and cannot be obeyed."""
        now = self._structure_json()
        for name in self._structure:
            if name in fitted.settings and fitted.settings[name] != now.get(name):
                raise ValueError(
                    f"{name} cannot change between fit and partial_fit: the model was fitted with "
                    f"{fitted.settings[name]!r}, now it is {now.get(name, getattr(self, name))!r}"
                )

    def _seed(self, saved: Saved | None) -> int:
        """That of ``random_state``; where it is none itself, that of the run which is gone on with."""
        seed = seed_of(self.random_state)
        fixed = isinstance(self.random_state, (int, np.integer))
        return seed if saved is None or fixed else saved.seed

    # the network --------------------------------------------------------------------------------

    def _training_spec(self) -> dict[str, Any]:
        """Settings of the network that concern training alone."""
        spec = self._optimizer().spec()
        del spec["optimizer"]
        return {
            "precision": precision_name(self.precision),
            "l2": float(self.l2 or 0.0),
            "clip": 0.0 if self.clip_norm is None else float(self.clip_norm),
            "dropout": float(self.dropout),
            **spec,
        }

    def _make_network(
        self, inputs: dict[str, Any], targets: Any, seed: int, weights: Any
    ) -> Network:
        """A network without weights for ``targets`` over the given kind of input."""
        if inputs["input"] == "sparse" and not self._hidden():
            # the weights are read as rows of a table: there is no product for these to follow
            for name, only in (("residual", False), ("output", "softmax")):
                value = getattr(self, name, only)
                if value != only and value != "ordinal":
                    raise ValueError(
                        f"{name} must be {only!r} for sparse features without hidden layers, "
                        f"got {value!r}"
                    )
        spec: dict[str, Any] = {
            **inputs,
            "hidden": self._hidden(),
            "activation": self.activation,
            "residual": bool(self.residual),
            "layer_norm": bool(self.layer_norm),
            "optimizer": self._optimizer().spec()["optimizer"],
            "seed": seed,
            **self._training_spec(),
            **self._output_spec(targets),
        }
        return Network(spec, self._order_of_outputs(targets, weights))

    # training -----------------------------------------------------------------------------------

    def _fit_network(
        self,
        fitted: F,
        data: Data,
        *,
        numbers: NDArray[np.int64] | None,
        batch_size: int,
        epochs: int,
        schedule: Schedule,
        validate: Callable[[Network], Validated] | None,
        restart: Callable[[], None],
        saving: Saving,
        saved: Saved | None,
        data_id: dict[str, str],
        callbacks: Callbacks,
        tol: float | None = None,
        no_change: int = 10,
        rehearsal: Rehearsal | None = None,
    ) -> None:
        """Train a new network and keep the state it belongs to."""
        patience = self._patience() if validate is not None else None
        state, best, begin = State(), None, restart
        if saved is not None:
            # of another default precision the bits would be others
            params = {**self._params_json(), "precision": fitted.network.spec["precision"]}
            saved.check({"params": params, "data": data_id})
            state, best = saved.state(), saved.best()
            restart = partial(saved.continue_in, fitted.network)
        fitted = twin(fitted, history=state.history)  # to which training appends
        spec = fitted.network.spec
        plan = Plan(
            epochs=epochs,
            batches=Shuffled(_all(data) if numbers is None else numbers, batch_size, fitted.seed),
            schedule=schedule,
            validate=validate,
            score=self._better,
            keep_best=patience is not None,
            patience=patience,
            tol=tol,
            no_change=no_change,
            guess=self._guess(spec),
            outputs=spec["n_outputs"] if spec["loss"] == "sigmoid" else 1,
            n_threads=self._threads(),
        )

        def rehearse(some: Numbers) -> None:
            if rehearsal is None or rehearsal.begin is None:
                begin()
            else:
                rehearsal.begin(some)
            batches = Shuffled(some, batch_size, fitted.seed)
            # SGD gets as far as its steps are long in all: fewer steps are longer ones
            rate = schedule
            if spec["optimizer"] == "sgd" and schedule.lr is not None:
                rate = replace(schedule, lr=schedule.lr * plan.batches.examples / some.size)
            parts = replace(plan, batches=batches, schedule=rate, guess=None)
            Run(fitted.network, data, parts).train()

        finish = None if rehearsal is None else self._finisher(fitted, data, rehearsal, rehearse)
        restart()

        def files() -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
            return self._file_config(fitted), self._file_tensors(fitted)

        run = Run(
            fitted.network,
            data,
            plan,
            restart=restart,
            state=state,
            best=best,
            progress=Progress(self.verbose),
            checkpoints=saving.checkpoints(type(self).__name__, files, data_id),
        )
        self._train(run, fitted, as_callbacks(callbacks), finish)

    def _one_pass(
        self, network: Network, fitted: F, data: Data, batch_size: int, rate: float
    ) -> History:
        """Train ``network`` once over the data; the history with this epoch."""
        seed, epochs = fitted.seed, len(fitted.history)
        plan = Plan(
            epochs=1,
            batches=Shuffled(_all(data), batch_size, seed, epochs),
            schedule=constant(rate),
            first_epoch=epochs,
            n_threads=self._threads(),
        )
        run = Run(network, data, plan, progress=Progress(self.verbose))
        run.train()
        return History.longer(fitted.history, run.state.history)

    def _wants_held_out(self) -> bool:
        return self._patience() is not None

    def _finisher(
        self, fitted: F, data: Data, rehearsal: Rehearsal, train: Callable[[Numbers], None]
    ) -> Callable[[F], F] | None:
        """What is to be done with the state once it is trained.

        Before that, ``train(numbers)`` trains its network on some of the examples, for what there is
        to be learned from the others; the training proper begins anew.
        """
        return None

    def _held_out(
        self, targets: Any, weight: NDArray[Any] | None, seed: int, groups: Numbers | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """Numbers of the examples to train on and of those held out, where there is a use for these."""
        if not self._wants_held_out():
            return None
        return split(targets.strata, targets.size, self.validation_fraction, seed, weight, groups)

    def __pyffnn_model__(self) -> Any:
        """A capsule of the fitted state for C, C++ and Cython: `pyffnn_model_of` in ``pyffnn.h``."""
        return self._state().c_model()

    # the model file -----------------------------------------------------------------------------

    def _params_json(self) -> dict[str, Any]:
        return params_to_json(self.get_params(deep=False))

    def _file_config(self, fitted: F) -> dict[str, Any]:
        """Settings of the fitted model that the model file holds; a subclass adds its own."""
        return {
            "params": self._params_json(),
            "spec": dict(fitted.network.spec),
            "seed": fitted.seed,
            "settings": fitted.settings,
            "history": [
                {
                    k: v if v is None or np.isfinite(v) else None
                    for k, v in dict[str, Any](record).items()
                }
                for record in fitted.history
            ],
        }

    def _file_tensors(self, fitted: F) -> dict[str, NDArray[Any]]:
        """Arrays of the model file beside those of the network."""
        order = fitted.network.by_frequency
        return {} if order is None else {"by_frequency": order}

    @abstractmethod
    def _target_parts(self, file: ModelFile) -> dict[str, Any]:
        """What a model file says of the targets, by the names of the state's attributes."""

    @abstractmethod
    def _restored(self, parts: dict[str, Any], file: ModelFile) -> F:
        """The state from its common parts and what else is in a model file; KeyError where it has gaps."""

    def _restore(self, file: ModelFile) -> None:
        config, tensors = file.config, file.tensors
        spec = config["spec"]
        if file.version < 2:
            spec = version_one.classifier_spec(spec)
            tensors = version_one.classifier_tensors(tensors, len(spec["hidden"]) + 1)
        network = Network(spec, tensors.pop("by_frequency", None))
        best = {n.removeprefix(BEST): a for n, a in tensors.items() if n.startswith(BEST)}
        codes = codes_of(tensors)
        set_arrays(network, widened(tensors, network.parameters(), codes))
        if best:
            set_arrays(network, best)
        parts = {
            "network": network,
            "seed": config["seed"],
            "history": config["run"]["history"] if "run" in config else config["history"],
            "settings": config["settings"] if file.version > 1 else self._structure_json(),
            "codes": codes,
            **self._target_parts(file),
        }
        self._keep(self._restored(parts, file))

    def save(
        self,
        path: PathLike,
        *,
        optimizer_state: bool = True,
        dtype: Literal["float32", "float16"] = "float32",
    ) -> None:
        """Write the fitted model to one ``.safetensors`` file, atomically.

        Parameters
        ----------
        path
            Where to; an existing file is replaced once the new one is complete.
        optimizer_state
            Keep what `partial_fit` needs to go on as if nothing had happened. Without it the file
            is smaller (by half or two thirds for momentum and Adam).
        dtype
            Of the weights in the file: "float16" halves them, at a relative error of 2^-11 each; a
            model that is read back computes in float32. C functions read "float32" alone.

        Raises
        ------
        ValueError
            The model is not fitted; another ``dtype``; a weight that is too large for a float16.
        TypeError
            Classes that are neither numbers nor strings.
        OSError
            The file cannot be written.
        """
        check_choice("dtype", dtype, ("float32", "float16"))
        with (network := self._state().network).reading():
            fitted = self._of(network)
            tensors = {
                **self._file_tensors(fitted),
                **stored(arrays_of(fitted.network, state=optimizer_state), dtype, fitted.codes),
            }
            save_model(path, type(self).__name__, self._file_config(fitted), tensors)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read a model that `save`, or a checkpoint that `fit`, wrote.

        Raises OSError when there is no such file, ValueError when it is no model of this class,
        damaged, or written by a newer version.
        """
        return cls._load(path)

    @classmethod
    def _load(cls, path: PathLike, **arguments: Any) -> Self:
        file = load_model(path, [cls.__name__, checkpoint_kind(cls.__name__)])
        try:
            params = params_from_json(file.config["params"])
            model = cls(**{**params, **cls._arguments(file.config, arguments)})
            model._restore(file)
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise ValueError(f"{str(Path(path))!r} is damaged: {error}") from error
        return model

    @classmethod
    def _arguments(cls, config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """Constructor arguments that the file's parameters do not hold, from what `load` was given."""
        return given


def _all(data: Data) -> NDArray[np.int64]:
    return np.arange(len(data.examples), dtype=np.int64)
