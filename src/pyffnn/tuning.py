"""Settings of a `TextClassifier` found by trying: a bounded random search, scored on texts held out."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pyffnn.models import parameters
from pyffnn.models.arguments import check_integer, check_non_negative
from pyffnn.models.text_classifier import TextClassifier
from pyffnn.training import split

__all__ = ["Trial", "Tuned", "tune"]

_DRAWS = 200
"""Draws in a row that were tried before, or do not go together, after which the search ends."""


class Trial(NamedTuple):
    """One set of settings, and how it did on the held-out texts."""

    number: int
    settings: dict[str, Any]
    """Those that differ from the constructor's defaults."""
    score: float
    """Accuracy, or the share of texts with exactly the right labels."""
    loss: float
    seconds: float


class Tuned(NamedTuple):
    """What a search found."""

    model: TextClassifier
    """The best, fitted."""
    best: Trial
    trials: list[Trial]
    """In the order in which they were made."""

    def table(self) -> str:
        """A line a trial, the best first."""
        return "\n".join([HEAD, *map(row, self._sorted())])

    def _sorted(self) -> list[Trial]:
        return sorted(self.trials, key=_merit, reverse=True)

    def _repr_html_(self) -> str:
        def cells(trial: Trial) -> str:
            number, settings, score, loss, seconds = trial
            told = ", ".join(f"{name}={value!r}" for name, value in settings.items())
            values = (str(number), f"{score:.4f}", f"{loss:.4f}", f"{seconds:.1f}", told)
            return "".join(f"<td>{html.escape(value)}</td>" for value in values)

        head = "".join(f"<th>{name}</th>" for name in HEAD.split())
        body = "".join(f"<tr>{cells(trial)}</tr>" for trial in self._sorted())
        return f"<table><tr>{head}</tr>{body}</table>"


HEAD = f"{'trial':>5}  {'score':>7}  {'loss':>7}  {'seconds':>7}  settings"


def row(trial: Trial) -> str:
    """A trial as a line of the table."""
    settings = " ".join(f"{name}={value!r}" for name, value in trial.settings.items())
    return (
        f"{trial.number:5}  {trial.score:7.4f}  {trial.loss:7.4f}  {trial.seconds:7.1f}  "
        f"{settings or '(defaults)'}"
    )


def tune(
    texts: Iterable[str],
    labels: Iterable[Any],
    *,
    X_val: Iterable[str] | None = None,
    y_val: Iterable[Any] | None = None,
    trials: int = 20,
    seconds: float | None = None,
    validation_fraction: float = 0.1,
    random_state: int = 0,
    settings: Mapping[str, Any] | None = None,
    report: Callable[[Trial], object] | None = None,
) -> Tuned:
    """Try settings of a `TextClassifier`, and give the best one, fitted.

    The first trial has the settings as given, the others numbers of n-grams, passes, dimensions, rates
    and the like drawn at random. A trial is better by its score on the held-out texts, then by its
    loss there. The same arguments find the same model, at any number of threads, unless ``seconds``
    ends the search.

    Parameters
    ----------
    texts, labels
        As in `TextClassifier.fit`.
    X_val, y_val
        Texts to score on. None: ``validation_fraction`` of ``texts`` is held out, and the best
        settings are fitted once more to all of them.
    trials
        Trials at most.
    seconds
        No trial begins after so many; None: no such bound.
    validation_fraction
        See ``X_val``.
    random_state
        Seed of the search, the split and the models.
    settings
        Arguments of the constructor that hold in all trials.
    report
        Called with each trial when it is over.

    Returns
    -------
    Tuned

    Raises
    ------
    ValueError
        Wrong numbers, settings or data.
    KeyboardInterrupt
        Passed on; where a trial is over its attribute ``tuned`` is the `Tuned` so far.
    """
    trials = check_integer("trials", trials, 1)
    random_state = check_integer("random_state", random_state, 0)
    if seconds is not None:
        seconds = check_non_negative("seconds", seconds)
    fixed = {"random_state": random_state, **(settings or {})}
    parameters.check(TextClassifier(**fixed))
    X, y = list(texts), list(labels)
    if (X_val is None) != (y_val is None):
        raise ValueError("X_val and y_val belong together: one of them is None")
    if X_val is None:
        train, held_out = _held_out(X, y, validation_fraction, random_state)
    else:
        train, held_out = (X, y), (list(X_val), list(y_val or ()))
    begin, done, kept = time.monotonic(), list[Trial](), TextClassifier(**fixed)
    try:
        for chosen in _candidates(fixed, trials, random_state):
            if done and seconds is not None and time.monotonic() - begin > seconds:
                break
            model, trial = _tried(len(done) + 1, {**fixed, **chosen}, train, held_out)
            if not done or _merit(trial) > max(map(_merit, done)):
                kept = model
            done.append(trial)
            if report is not None:
                report(trial)
        best = max(done, key=_merit)
        if X_val is None:
            kept = TextClassifier(**kept.get_params()).fit(X, y)
    except KeyboardInterrupt as stop:
        if done:
            stop.tuned = Tuned(kept, max(done, key=_merit), done)  # type: ignore[attr-defined]
        raise
    return Tuned(kept, best, done)


def _merit(trial: Trial) -> tuple[float, float, int]:
    return trial.score, -trial.loss, -trial.number


def _held_out(X: list[str], y: list[Any], fraction: float, seed: int) -> tuple[Any, Any]:
    """Two parts of texts and labels: to train on, and to score on."""
    try:
        strata = np.unique(np.asarray(y), return_inverse=True)[1] if np.ndim(y) == 1 else None
    except ValueError:  # sets of labels of several sizes
        strata = None
    numbers = split(strata, len(X), fraction, seed)
    train, held_out = (([X[i] for i in some], [y[i] for i in some]) for some in numbers)
    return train, held_out


def _tried(
    number: int, settings: dict[str, Any], train: tuple[Any, Any], held_out: tuple[Any, Any]
) -> tuple[TextClassifier, Trial]:
    begin = time.perf_counter()
    model = TextClassifier(**settings)
    model.fit(*train, X_val=held_out[0], y_val=held_out[1])
    score = float(model.score(*held_out))
    losses = [record["val_loss"] for record in model.history_]
    loss = min(x for x in losses if x is not None) if model.early_stopping else losses[-1]
    assert loss is not None
    defaults = TextClassifier().get_params()
    changed = {name: value for name, value in settings.items() if value != defaults[name]}
    changed.pop("verbose", None)
    return model, Trial(number, changed, score, loss, time.perf_counter() - begin)


def _candidates(fixed: Mapping[str, Any], trials: int, seed: int) -> Iterator[dict[str, Any]]:
    """The settings as given, then drawn ones, each once."""
    yield {}
    rng = np.random.Generator(np.random.SFC64([seed, 1 << 33]))
    seen: list[dict[str, Any]] = [{}]
    in_vain = 0
    while len(seen) < trials and in_vain < _DRAWS:
        drawn = _linear(rng) if rng.random() < 0.6 else _network(rng)
        chosen = {name: value for name, value in drawn.items() if name not in fixed}
        if chosen in seen or not _goes_together({**fixed, **chosen}):
            in_vain += 1
            continue
        in_vain = 0
        seen.append(chosen)
        yield chosen


def _goes_together(settings: dict[str, Any]) -> bool:
    try:
        parameters.check(TextClassifier(**settings))
    except ValueError:
        return False
    return True


def _linear(rng: np.random.Generator) -> dict[str, Any]:
    """Rows that are weighed, or what "auto" makes of the texts, as a linear model."""
    return {
        "word_ngrams": _one_of(rng, (1, 2, 2, 3)),
        "char_ngrams": _one_of(rng, ("auto", None, (3, 5), (2, 5), (3, 6))),
        "epochs": _one_of(rng, ("auto", 5, 10, 20, 40)),
        "ngram_min_count": _one_of(rng, (1, 2, 3)),
        "word_dropout": _one_of(rng, (0.0, 0.0, 0.2)),
    }


def _network(rng: np.random.Generator) -> dict[str, Any]:
    """Means of embeddings, with or without a hidden layer, trained by Adagrad."""
    return {
        "pooling": "mean",
        "optimizer": "adagrad",
        "embedding_dim": _one_of(rng, (16, 32, 64)),
        "hidden_layer_sizes": _one_of(rng, ((), (), (32,), (64,))),
        "word_ngrams": _one_of(rng, (1, 2, 3)),
        "char_ngrams": _one_of(rng, (None, (3, 5))),
        "learning_rate": round(float(10 ** rng.uniform(-1.5, -0.3)), 3),
        "epochs": _one_of(rng, ("auto", 5, 10, 20)),
        "word_dropout": _one_of(rng, (0.0, 0.2, 0.4)),
        "l2": _one_of(rng, (0.0, 1e-5, 1e-4)),
    }


def _one_of(rng: np.random.Generator, values: Sequence[Any]) -> Any:
    return values[int(rng.integers(len(values)))]
