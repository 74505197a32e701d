"""Settings of the optimizers and learning-rate schedules; the updates themselves run in the kernels.

An optimizer says how a gradient changes a parameter, a schedule how the learning rate runs from the
first step to the last. Both are immutable values: they compare by content, can be copied and
pickled, and hold no state of a training run.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "LearningRate",
    "Optimizer",
    "Schedule",
    "constant",
    "cosine",
    "linear_decay",
    "resolve_optimizer",
]

OptimizerName: TypeAlias = Literal["sgd", "momentum", "adagrad", "adam"]
Shape: TypeAlias = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True)
class Schedule:
    """Learning rate as a function of the share of training done; made by `constant`, `linear_decay`, `cosine`.

    The rate climbs in a straight line from 0 to ``lr`` during the first ``warmup`` of the steps,
    then follows ``shape`` from ``lr`` down to ``final * lr`` at the end.

    Attributes
    ----------
    shape
        "constant", "linear" or "cosine".
    lr
        The highest rate; None: the default rate of the model or optimizer that the schedule is
        given to.
    final
        Rate at the end of training as a share of ``lr``, 0 to 1.
    warmup
        Share of the steps that warm up, 0 <= warmup < 1.
    """

    shape: Shape
    lr: float | None = None
    final: float = 0.0
    warmup: float = 0.0

    def __post_init__(self) -> None:
        if self.shape not in ("constant", "linear", "cosine"):
            raise ValueError(f"shape must be 'constant', 'linear' or 'cosine', got {self.shape!r}")
        if self.lr is not None:
            _check_positive("lr", self.lr)
        _check_range("final", self.final, closed=True)
        _check_range("warmup", self.warmup, closed=False)

    def __call__(self, progress: float) -> float:
        """The rate when ``progress`` (0 to 1) of the steps are done. Raises ValueError without ``lr``."""
        return float(self._at(np.array([progress]))[0])

    def values(self, steps: int, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """The rates of steps ``start`` .. ``stop - 1`` of a training of ``steps`` steps.

        Step i has the rate of progress i / steps, a step of the warm-up that of its end, so that
        no step has a rate of 0.
        """
        steps = max(int(steps), 1)
        numbers = np.arange(start, steps if stop is None else stop, dtype=np.float64)
        warming = numbers < self.warmup * steps
        return self._at((numbers + warming) / steps)

    def shares(self, begin: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        """The rates of steps that take training from the shares ``begin`` to ``end`` of all that is to be done.

        A step has the rate of its begin, one of the warm-up that of its end, so that no step has a
        rate of 0.
        """
        return self._at(np.where(begin < self.warmup, np.minimum(end, self.warmup), begin))

    def with_lr(self, lr: float | None) -> Schedule:
        """The same schedule with another highest rate."""
        return replace(self, lr=lr)

    def _at(self, progress: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.lr is None:
            raise ValueError("this schedule has no lr")
        t = np.clip((progress - self.warmup) / (1.0 - self.warmup), 0.0, 1.0)
        if self.shape == "constant":
            share = np.ones_like(t)
        elif self.shape == "linear":
            share = self.final + (1.0 - self.final) * (1.0 - t)
        else:
            share = self.final + (1.0 - self.final) * 0.5 * (1.0 + np.cos(math.pi * t))
        if self.warmup:
            share = np.where(
                progress < self.warmup, np.clip(progress, 0.0, 1.0) / self.warmup, share
            )
        return self.lr * share


LearningRate: TypeAlias = float | Schedule
"""A number, or how it runs from the first step to the last."""


def constant(lr: float | None = None, *, warmup: float = 0.0) -> Schedule:
    """The same rate at every step."""
    return Schedule("constant", lr, 0.0, warmup)


def linear_decay(lr: float | None = None, *, final: float = 0.0, warmup: float = 0.0) -> Schedule:
    """A straight line from ``lr`` to ``final * lr``."""
    return Schedule("linear", lr, final, warmup)


def cosine(lr: float | None = None, *, final: float = 0.0, warmup: float = 0.0) -> Schedule:
    """Half a cosine wave from ``lr`` to ``final * lr`` (Loshchilov & Hutter 2017, without restarts)."""
    return Schedule("cosine", lr, final, warmup)


@dataclass(frozen=True)
class Optimizer(ABC):
    """Base of the settings objects. ``lr`` is a number or a `Schedule`."""

    lr: LearningRate

    name: ClassVar[str] = ""
    default_lr: ClassVar[float]

    def __post_init__(self) -> None:
        if not isinstance(self.lr, Schedule):
            _check_positive("lr", self.lr)

    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """The optimizer as the compiled networks take it: its name and numbers without the rate."""

    def schedule(self, default: Schedule | None = None) -> Schedule:
        """The learning rate as a schedule; a plain number takes the shape of ``default``."""
        if isinstance(self.lr, Schedule):
            if self.lr.lr is not None:
                return self.lr
            return self.lr.with_lr(self.default_lr)
        return (constant() if default is None else default).with_lr(float(self.lr))


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent: w -= lr g, or with momentum v = momentum v + g, w -= lr v.

    Embedding rows that a batch does not touch rest, their velocity with them.
    """

    lr: LearningRate = 0.1
    momentum: float = 0.0

    name: ClassVar[str] = "sgd"
    default_lr: ClassVar[float] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_range("momentum", self.momentum, closed=False)

    def spec(self) -> dict[str, Any]:
        if self.momentum == 0:
            return {"optimizer": "sgd"}
        return {"optimizer": "momentum", "beta1": float(self.momentum)}


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011): s += g², w -= lr g / (sqrt(s) + eps).

    An embedding row has one s, the sum of its gradients' mean squares.
    """

    lr: LearningRate = 0.05
    eps: float = 1e-10

    name: ClassVar[str] = "adagrad"
    default_lr: ClassVar[float] = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_positive("eps", self.eps)

    def spec(self) -> dict[str, Any]:
        return {"optimizer": "adagrad", "eps": float(self.eps)}


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma & Ba 2015, algorithm 1); with ``weight_decay`` AdamW (Loshchilov & Hutter 2019).

    The update is lazy on embeddings: moments of rows that a batch does not touch do not decay,
    while the bias correction follows the number of all steps.
    """

    lr: LearningRate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    name: ClassVar[str] = "adam"
    default_lr: ClassVar[float] = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            beta1, beta2 = self.betas
        except (TypeError, ValueError):
            raise ValueError(f"betas must be two numbers, got {self.betas!r}") from None
        _check_range("betas[0]", beta1, closed=False)
        _check_range("betas[1]", beta2, closed=False)
        object.__setattr__(self, "betas", (float(beta1), float(beta2)))
        _check_positive("eps", self.eps)
        _check_not_negative("weight_decay", self.weight_decay)

    def spec(self) -> dict[str, Any]:
        spec = {
            "optimizer": "adam",
            "beta1": self.betas[0],
            "beta2": self.betas[1],
            "eps": float(self.eps),
        }
        if self.weight_decay:
            spec["weight_decay"] = float(self.weight_decay)
        return spec


def resolve_optimizer(
    optimizer: str | Optimizer,
    learning_rate: LearningRate | None = None,
    *,
    default_lr: float | None = None,
) -> Optimizer:
    """The settings object of the arguments ``optimizer`` and ``learning_rate`` of a model.

    A ``learning_rate`` that is not None replaces the rate of a settings object. Without one, and
    with a name only, the rate is ``default_lr``, else the optimizer's own default.

    Raises ValueError for an unknown name or a rate that is not a positive, finite number.
    """
    if isinstance(optimizer, str) and type(learning_rate) in _PLAIN and type(default_lr) in _PLAIN:
        return _resolved(optimizer, learning_rate, default_lr)
    return _resolve(optimizer, learning_rate, default_lr)


def _resolve(
    optimizer: str | Optimizer, learning_rate: LearningRate | None, default_lr: float | None
) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        settings = optimizer
    elif isinstance(optimizer, str) and optimizer in _BY_NAME:
        settings = _BY_NAME[optimizer]
        if default_lr is not None:
            settings = replace(settings, lr=default_lr)
    else:
        names = ", ".join(repr(name) for name in _BY_NAME)
        raise ValueError(
            f"optimizer must be one of {names} or a settings object of pyffnn.nn, got {optimizer!r}"
        )
    if learning_rate is None:
        return settings
    if isinstance(learning_rate, Schedule):
        if learning_rate.lr is None:
            learning_rate = learning_rate.with_lr(settings.schedule().lr)
    else:
        _check_positive("learning_rate", learning_rate)
    return replace(settings, lr=learning_rate)


# a model asks several times a call of `partial_fit`
_resolved = lru_cache(maxsize=64, typed=True)(_resolve)
_PLAIN = (float, int, type(None))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _check_positive(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"{name} must be a positive, finite number, got {value!r}")


def _check_not_negative(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")


def _check_range(name: str, value: Any, *, closed: bool) -> None:
    end = "1]" if closed else "1)"
    if not _is_number(value) or not (0 <= value <= 1 if closed else 0 <= value < 1):
        raise ValueError(f"{name} must be in [0, {end}, got {value!r}")


_BY_NAME: dict[str, Optimizer] = {
    "sgd": SGD(),
    "momentum": SGD(momentum=0.9),
    "adagrad": Adagrad(),
    "adam": Adam(),
}
