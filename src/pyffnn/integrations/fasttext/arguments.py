"""The arguments of training: names, defaults and checks."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SUPERVISED", "UNSUPERVISED", "Arguments", "read_arguments"]

UNSUPERVISED: dict[str, Any] = {
    "model": "skipgram",
    "lr": 0.05,
    "dim": 100,
    "ws": 5,
    "epoch": 5,
    "minCount": 5,
    "minCountLabel": 0,
    "minn": 3,
    "maxn": 6,
    "neg": 5,
    "wordNgrams": 1,
    "loss": "ns",
    "bucket": 2000000,
    "thread": max(1, (os.cpu_count() or 2) - 1),
    "lrUpdateRate": 100,
    "t": 1e-4,
    "label": "__label__",
    "verbose": 2,
    "pretrainedVectors": "",
    "seed": 0,
    "autotuneValidationFile": "",
    "autotuneMetric": "f1",
    "autotunePredictions": 1,
    "autotuneDuration": 60 * 5,
    "autotuneModelSize": "",
}
SUPERVISED: dict[str, Any] = {
    **UNSUPERVISED,
    "lr": 0.1,
    "minCount": 1,
    "minn": 0,
    "maxn": 0,
    "loss": "softmax",
    "model": "supervised",
}
_OTHER_NAMES = {
    "min_count": "minCount",
    "word_ngrams": "wordNgrams",
    "lr_update_rate": "lrUpdateRate",
    "label_prefix": "label",
    "pretrained_vectors": "pretrainedVectors",
}
_COUNTS = (
    *("dim", "ws", "epoch", "minCount", "minCountLabel", "minn", "maxn", "neg", "wordNgrams"),
    *(
        "bucket",
        "thread",
        "lrUpdateRate",
        "verbose",
        "seed",
        "autotunePredictions",
        "autotuneDuration",
    ),
)


@dataclass
class Arguments:
    """Settings of a training, under fastText's names."""

    input: Any
    model: str
    lr: float
    dim: int
    ws: int
    epoch: int
    minCount: int
    minCountLabel: int
    minn: int
    maxn: int
    neg: int
    wordNgrams: int
    loss: str
    bucket: int
    thread: int
    lrUpdateRate: int
    t: float
    label: str
    verbose: int
    pretrainedVectors: Any
    seed: int
    autotuneValidationFile: Any
    autotuneMetric: str
    autotunePredictions: int
    autotuneDuration: int
    autotuneModelSize: str | int
    manual: frozenset[str] = field(default_factory=frozenset)
    dsub: int = 2  # of quantising, which autotune searches too

    def core_settings(self) -> dict[str, Any]:
        """What the compiled trainer takes as settings; a model that has no n-grams needs no buckets."""
        names = (
            *("dim", "ws", "epoch", "minCount", "neg", "wordNgrams", "loss", "model"),
            *("bucket", "minn", "maxn", "lrUpdateRate", "t", "label"),
        )
        settings = {name: getattr(self, name) for name in names}
        if self.wordNgrams <= 1 and self.maxn == 0:
            settings["bucket"] = 0
        return settings


def read_arguments(
    given: Sequence[Any],
    named: Mapping[str, Any],
    names: Sequence[str],
    defaults: Mapping[str, Any],
) -> Arguments:
    """Arguments by position and by name, as fastText's functions take them.

    Raises TypeError for an unknown, missing or repeated one and for a wrong type, ValueError for a wrong value.
    """
    if len(given) > len(names):
        raise TypeError(f"at most {len(names)} arguments are taken, got {len(given)}")
    found: dict[str, Any] = {}
    for name, value in [*zip(names, given, strict=False), *named.items()]:
        name = _OTHER_NAMES.get(name, name)
        if name not in names:
            raise TypeError(f"unexpected keyword argument '{name}'")
        if name in found:
            raise TypeError(f"multiple values for argument '{name}'")
        found[name] = value
    if "input" not in found:
        raise TypeError("missing argument 'input': the path of a text, or its lines")
    arguments = Arguments(**{**defaults, **found}, manual=frozenset(found))
    _check(arguments)
    return arguments


def _check(a: Arguments) -> None:
    for name in _COUNTS:
        value = getattr(a, name)
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        setattr(a, name, value.__index__())
        if getattr(a, name) < 0:
            raise ValueError(f"{name} must not be negative, got {value!r}")
    for name, least in (
        ("dim", 1),
        ("ws", 1),
        ("thread", 1),
        ("autotunePredictions", 1),
        ("autotuneDuration", 1),
    ):
        if getattr(a, name) < least:
            raise ValueError(f"{name} must be at least {least}, got {getattr(a, name)}")
    for name in ("lr", "t"):
        value = getattr(a, name)
        if isinstance(value, bool | str) or not hasattr(value, "__float__"):
            raise TypeError(f"{name} must be a number, got {value!r}")
        setattr(a, name, float(value))
        if not 0 <= float(value) < math.inf:
            raise ValueError(f"{name} must be a finite number of at least 0, got {value!r}")
    if a.loss == "one-vs-all":
        a.loss = "ova"
    for name, choices in (
        ("loss", ("ns", "hs", "softmax", "ova")),
        ("model", ("cbow", "skipgram", "supervised")),
    ):
        value = getattr(a, name)
        if value not in choices:
            kind = "loss name" if name == "loss" else "model name"
            raise ValueError(
                f"Unrecognized {kind}: {name} must be one of {', '.join(choices)}, got {value!r}"
            )
    if not isinstance(a.label, str):
        raise TypeError(f"label must be str, got {a.label!r}")
