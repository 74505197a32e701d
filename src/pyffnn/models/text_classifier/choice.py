"""The rate of a `TextClassifier` by measurement: candidates trained on a part of the texts and judged on the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pyffnn.models.text_classifier import recipe
from pyffnn.models.text_classifier.reading import ReadTexts
from pyffnn.models.text_classifier.row_weights import row_weights
from pyffnn.models.text_classifier.start import begin_weighted
from pyffnn.models.text_classifier.state import TextFitted
from pyffnn.net import Network
from pyffnn.optimizers import Optimizer, linear_decay
from pyffnn.training import Data, Progress, Shuffled

if TYPE_CHECKING:
    from pyffnn.models.text_classifier.model import TextClassifier

__all__ = ["Tried", "choose_rate", "settle"]

Tried = list[dict[str, float]]

_FACTORS = (1.0, 0.3, 3.0)
# A candidate that is as often right and surer of it than the texts warrant is the worse one.
_LOSS_SHARE = 0.05
# Rows looked at in all candidates' training: about two seconds. Larger corpora take the rule's rate, which on them matters less.
_MOST_VISITS = 5e7
_MOST_TEXTS = 10_000
_FOLDS = 4


def settle(
    model: TextClassifier,
    fitted: TextFitted,
    read: ReadTexts,
    data: Data,
    optimizer: Optimizer,
    epochs: int,
) -> tuple[TextFitted, Optimizer]:
    """The optimizer with a rate that was measured, where the rate is left open and texts are few, and a record of all choices."""
    tried: Tried = []
    if recipe.may_measure(model, fitted.network.spec.get("pool")) and model._patience() is None:
        rate = optimizer.schedule().lr
        assert rate is not None
        size, threads = int(model.batch_size), model._threads()
        rate, tried = choose_rate(fitted, read, data, rate, epochs, size, threads)
        optimizer = replace(optimizer, lr=rate)
    fitted = replace(fitted, recipe=recipe.described(model, fitted, optimizer, epochs, tried))
    Progress(model.verbose).say(f"recipe  {recipe.sentence(fitted.recipe)}")
    return fitted, optimizer


def choose_rate(
    fitted: TextFitted,
    read: ReadTexts,
    data: Data,
    rate: float,
    epochs: int,
    batch_size: int,
    threads: int,
) -> tuple[float, Tried]:
    """The best of ``rate`` and its neighbours for SGD on weighted rows, and how each did.

    Each candidate is trained on three quarters of the texts and judged on the last, up to four times
    over, with weights of rows that do not know the held-out labels.
    """
    texts = len(read.corpus)
    rows = max(read.corpus.num_tokens, 1) * _rows_a_word(read)
    folds = int(min(_FOLDS, _MOST_VISITS / (rows * epochs * len(_FACTORS) * 0.75)))
    if not 2 * _FOLDS <= texts <= _MOST_TEXTS or folds < 1:
        return rate, []
    order = np.random.default_rng(fitted.seed).permutation(texts)
    spec = fitted.network.spec
    rates = [rate * factor for factor in _FACTORS]
    right, loss, total = np.zeros(len(rates)), np.zeros(len(rates)), 0.0
    for fold in range(folds):
        held = order[fold::_FOLDS]
        part = np.setdiff1d(order, held)
        used = np.zeros(texts, np.bool_)
        used[part] = True
        weights = row_weights(read.corpus, read.targets, used)
        for i, candidate in enumerate(rates):
            network = Network(spec)
            begin_weighted(network, fitted.seed, weights)
            if not _train(network, data, part, candidate, epochs, batch_size, fitted.seed, threads):
                loss[i] = np.inf
                continue
            losses, weight, correct = network.evaluate(*data, held, threads)
            right[i] += correct
            loss[i] += losses
        total += weight
    if not total > 0:
        return rate, []
    accuracy, mean = right / total, loss / total
    best = int(np.argmax(accuracy - _LOSS_SHARE * mean))
    tried = [
        {"learning_rate": r, "accuracy": float(a), "loss": float(m)}
        for r, a, m in zip(rates, accuracy, mean, strict=True)
    ]
    return rates[best], tried


def _rows_a_word(read: ReadTexts) -> float:
    """Rows of an average word, n-grams among them, from a few texts."""
    few = np.arange(min(len(read.corpus), 64))
    ids, _ = read.corpus.bags(few)
    words = int(read.corpus.core.offsets[few.size])
    return max(ids.size / max(words, 1), 1.0)


def _train(
    network: Network,
    data: Data,
    part: Any,
    rate: float,
    epochs: int,
    batch_size: int,
    seed: int,
    threads: int,
) -> bool:
    """Whether all losses were finite."""
    batches = Shuffled(part, batch_size, seed)
    for epoch in range(epochs):
        for group in batches.epoch(epoch, epochs, linear_decay(rate)):
            order = group.order(0, len(group))
            if not network.train(*data, order, batch_size, group.rates, threads).finite:
                return False
    return True
