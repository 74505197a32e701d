"""Calls of the models."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from faults.walk import Case

from pyffnn import FFNNClassifier, LanguageModel, TextClassifier


class Kind(NamedTuple):
    """``first`` and ``second``: positional arguments of ``fit``; ``probe``: asked for predictions."""

    cls: Any
    settings: dict[str, Any]
    first: tuple[Any, ...]
    second: tuple[Any, ...]
    probe: Any


def _vectors(seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    y = np.arange(40) % 3
    return (rng.normal(size=(3, 5))[y] + rng.normal(size=(40, 5))).astype(np.float32), y


def _texts(words: str, seed: int) -> tuple[list[str], list[str]]:
    rng = np.random.default_rng(seed)
    y = [("good", "bad")[i % 2] for i in range(24)]
    return [" ".join([*rng.choice(words.split(), 4), label[:2]]) for label in y], y


def _tokens(words: str, seed: int) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    return [list(rng.choice(words.split(), 6)) for _ in range(30)]


_COLOURS, _BOTH = "red green blue old new", "red green one two three four"
_TEXTS = (_texts(_COLOURS, 0), _texts(_BOTH, 1), ["red one go", "", "ba ba new"])
_LM: dict[str, Any] = {
    "context": 2,
    "embedding_dim": 6,
    "hidden_layer_sizes": (8,),
    "epochs": 2,
    "batch_size": 32,
}

KINDS: dict[str, Kind] = {
    "vectors": Kind(
        FFNNClassifier,
        {"hidden_layer_sizes": (8,), "epochs": 2, "batch_size": 16, "dropout": 0.1, "early_stopping": 2},
        _vectors(0), _vectors(1), _vectors(2)[0],
    ),
    "texts": Kind(
        TextClassifier,
        {"embedding_dim": 6, "hidden_layer_sizes": (5,), "epochs": 2, "batch_size": 16, "word_ngrams": 2, "char_ngrams": (2, 3)},
        *_TEXTS,
    ),
    "sums": Kind(TextClassifier, {"pooling": "sum", "epochs": 2, "n_threads": 1}, *_TEXTS),
    "windows": Kind(TextClassifier, {"pooling": ("mean", "max"), "windows": 2, "word_ngrams": 2, "epochs": 2}, *_TEXTS),
    "places": Kind(TextClassifier, {"pooling": "concat", "max_tokens": 4, "hidden_layer_sizes": (5,), "epochs": 2}, *_TEXTS),
    "words": Kind(
        LanguageModel, {**_LM, "distant_kernels": 1, "distant_window": 4},
        (_tokens(_COLOURS, 0),), (_tokens(_BOTH, 1),), _tokens(_BOTH, 2)[0],
    ),
    "clusters": Kind(
        LanguageModel, {**_LM, "distant_kernels": 0, "output": "adaptive", "cutoffs": (3,), "tie_embeddings": False},
        (_tokens(_COLOURS, 0),), (_tokens(_BOTH, 1),), _tokens(_BOTH, 2)[0],
    ),
}  # fmt: skip
FILE, RUN = "model.safetensors", "run.checkpoint"


def predictions(kind: Kind, model: Any) -> Any:
    return (model.log_prob if kind.cls is LanguageModel else model.predict_proba)(kind.probe)


def look_at(kind: Kind, model: Any) -> Any:
    if model._fitted is None:
        return None
    network = model._fitted.network
    vocabulary = getattr(model, "vocabulary_", [])
    return {
        **{name: array.copy() for name, array in network.parameters().items()},
        **{name: array.copy() for name, array in network.state().items()},
        "step": network.step,
        "p": predictions(kind, model),
        "losses": [record["loss"] for record in model.history_],
        "vocabulary": list(getattr(vocabulary, "words", vocabulary)),
    }


def look(x: SimpleNamespace) -> Any:
    return look_at(x.kind, x.model)


def prepare(kind: Kind, folder: Path) -> None:
    kind.cls(random_state=0, **kind.settings).fit(*kind.first).save(folder / FILE)


def fresh(kind: Kind, folder: Path) -> SimpleNamespace:
    return SimpleNamespace(
        kind=kind, folder=folder, model=kind.cls(random_state=0, **kind.settings)
    )


def loaded(kind: Kind, folder: Path) -> SimpleNamespace:
    return SimpleNamespace(kind=kind, folder=folder, model=kind.cls.load(folder / FILE))


def fit(x: SimpleNamespace) -> None:
    x.model.fit(*x.kind.second)


def fit_with_checkpoints(x: SimpleNamespace) -> None:
    """Goes on from what a failing call has left, if that came so far."""
    x.model.fit(*x.kind.second, checkpoint=x.folder / RUN, checkpoint_steps=1, resume=True)
    (x.folder / RUN).unlink()


def partial_fit(x: SimpleNamespace) -> None:
    x.model.partial_fit(*x.kind.second)


def predict(x: SimpleNamespace) -> Any:
    answers = [predictions(x.kind, x.model)]
    if x.kind.cls is LanguageModel:
        return [
            *answers,
            x.model.perplexity(x.kind.second[0]),
            str(x.model.generate([], 5, random_state=0)),
        ]
    labels = x.model.predict(x.kind.probe)
    return [*answers, [str(label) for label in labels], x.model.score(*x.kind.second)]


def saving(kind: Kind, folder: Path) -> SimpleNamespace:
    """A model that has learned more than the one in the file."""
    prepare(kind, folder)
    x = loaded(kind, folder)
    fit(x)
    return x


def save(x: SimpleNamespace) -> None:
    x.model.save(x.folder / FILE)


def look_at_both(x: SimpleNamespace) -> Any:
    """The model, and the one in the file."""
    return [
        look(x),
        look_at(x.kind, x.kind.cls.load(x.folder / FILE)),
        sorted(f.name for f in x.folder.iterdir()),
    ]


def load(x: SimpleNamespace) -> Any:
    return look_at(x.kind, x.kind.cls.load(x.folder / FILE))


def _cases_of(name: str, kind: Kind) -> list[Case]:
    ready = partial(prepare, kind)
    cases = [
        Case(f"{name}: fit", partial(fresh, kind), fit, look),
        Case(f"{name}: fit anew", partial(loaded, kind), fit, look, prepare=ready),
        Case(f"{name}: fit with checkpoints", partial(fresh, kind), fit_with_checkpoints, look),
        Case(f"{name}: predict", partial(loaded, kind), predict, look, prepare=ready),
        Case(f"{name}: save", partial(saving, kind), save, look_at_both),
        Case(
            f"{name}: load",
            lambda folder: SimpleNamespace(kind=kind, folder=folder),
            load,
            lambda x: None,
            prepare=ready,
        ),
    ]
    if hasattr(kind.cls, "partial_fit"):
        cases.append(
            Case(f"{name}: partial_fit", partial(loaded, kind), partial_fit, look, prepare=ready)
        )
        cases.append(
            Case(f"{name}: partial_fit, the first", partial(fresh, kind), partial_fit, look)
        )
    return cases


CASES = [case for name, kind in KINDS.items() for case in _cases_of(name, kind)]
