"""The models that train a network, each with small data: tests of what holds for all of them go over these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from pyffnn import FFNNClassifier, FFNNRegressor, LanguageModel, TextClassifier, TextRegressor
from pyffnn.net import copy_arrays


class Kind(NamedTuple):
    """``data`` and ``other`` are positional arguments of ``fit``; ``probe`` is asked for predictions."""

    cls: Any
    settings: dict[str, Any]
    data: tuple[Any, ...]
    other: tuple[Any, ...]
    probe: Any

    def make(self, **more: Any) -> Any:
        return self.cls(**{**self.settings, **more})

    def fitted(self, **more: Any) -> Any:
        return self.make(**more).fit(*self.data)

    def predictions(self, model: Any) -> Any:
        for name in ("log_prob", "predict_proba", "predict"):
            if hasattr(model, name):
                return getattr(model, name)(self.probe)
        raise AssertionError("it predicts nothing")

    def seen(self, model: Any) -> Any:
        """All that a user sees of a fitted model, for comparison with ``==``."""
        fitted = model._state()
        vocabulary = getattr(model, "vocabulary_", None)
        return {
            "arrays": {n: a.tobytes() for n, a in copy_arrays(fitted.network).items()},
            "history": [dict(record) for record in model.history_],
            "vocabulary": list(vocabulary) if isinstance(vocabulary, list) else vocabulary,
            "classes": model.classes_.tolist() if hasattr(model, "classes_") else None,
            "predictions": self.predictions(model).tolist(),
        }


def _vectors(seed: int, classes: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = np.arange(60) % classes
    X = rng.normal(size=(classes, 5))[y] * 2 + rng.normal(size=(60, 5))
    return X.astype(np.float32), y


def texts(words: str, labels: tuple[Any, ...], n: int = 60, seed: int = 0) -> tuple[list[str], Any]:
    """``n`` texts whose label one word gives away."""
    rng = np.random.default_rng(seed)
    several = words.split()
    y = [labels[i % len(labels)] for i in range(n)]
    X = [" ".join([*rng.choice(several, 4), f"is{label}"]) for label in y]
    return X, y


def _stream(n: int, vocab: int) -> Any:
    rng = np.random.default_rng(0)
    return np.minimum(rng.zipf(1.5, n), vocab).astype(np.int32) - 1


_LM = {
    "context": 2, "distant_kernels": 1, "distant_window": 4, "embedding_dim": 6,
    "hidden_layer_sizes": (8,), "epochs": 3, "batch_size": 32,
}  # fmt: skip

KINDS = {
    "vectors": Kind(
        FFNNClassifier, {"hidden_layer_sizes": (8,), "epochs": 4, "batch_size": 16},
        _vectors(0, 3), _vectors(1, 4), _vectors(0, 3)[0][:7],
    ),
    "texts": Kind(
        TextClassifier, {"embedding_dim": 6, "hidden_layer_sizes": (5,), "epochs": 4, "batch_size": 16, "word_ngrams": 2},
        texts("red green blue old", (0, 1)), texts("one two three", ("a", "b", "c")), ["red is0", "old is1 is1", "what"],
    ),
    "sums": Kind(
        TextClassifier, {"pooling": "sum", "char_ngrams": (2, 3), "epochs": 3},
        texts("red green blue old", (0, 1)), texts("one two three", ("a", "b", "c")), ["red is0", "old is1 is1", "what"],
    ),
    "windows": Kind(
        TextClassifier, {"pooling": ("mean", "max", "min"), "windows": 3, "word_ngrams": 2, "embedding_dim": 6, "epochs": 4, "batch_size": 16},
        texts("red green blue old", (0, 1)), texts("one two three", ("a", "b", "c")), ["red is0", "old is1 is1", "what"],
    ),
    "numbers": Kind(
        FFNNRegressor, {"hidden_layer_sizes": (8,), "activation": "tanh", "epochs": 4, "batch_size": 16},
        _vectors(0, 3), _vectors(1, 4), _vectors(0, 3)[0][:7],
    ),
    "numbers of texts": Kind(
        TextRegressor, {"embedding_dim": 6, "hidden_layer_sizes": (5,), "epochs": 4, "batch_size": 16, "word_ngrams": 2},
        texts("red green blue old", (0.5, 1)), texts("one two three", (1, 2, 5)), ["red is0.5", "old is1 is1", "what"],
    ),
    "words": Kind(LanguageModel, _LM, (_stream(900, 30),), (_stream(700, 40),), _stream(50, 20)),
}  # fmt: skip

CLASSIFIERS = {name: kind for name, kind in KINDS.items() if hasattr(kind.cls, "predict_proba")}

ALL = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
OF_CLASSES = pytest.mark.parametrize("kind", CLASSIFIERS.values(), ids=CLASSIFIERS)


class Stop(BaseException):
    """Of no kind that anyone expects."""


def unchanged(
    kind: Kind, model: Any, error: Any, call: Callable[..., Any], *args: Any, **more: Any
) -> Any:
    """Make the call fail with the error, and see that the fitted model is as it was; the error."""
    before = kind.seen(model)
    kept = model._state()
    try:
        call(*args, **more)
    except error as raised:
        assert model._state() is kept
        assert kind.seen(model) == before
        return raised
    raise AssertionError(f"{error} was expected")
