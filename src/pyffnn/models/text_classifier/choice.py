"""The recipe of a `TextClassifier` by measurement: candidates trained on a part of the texts and judged on the rest.

One thing is tried after the other, from what the rules say: how rows are weighed, which pieces of words
have rows, how fast the rows learn, and how often the texts are visited, which is doubled for as long as
that helps. A candidate takes the place of the best so far where it gains enough. All that is looked at
is counted in rows, not in seconds: the choice is a function of the texts, the labels and the seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.calibration import least_loss
from pyffnn.models.logits import logits
from pyffnn.models.text_classifier import recipe
from pyffnn.models.text_classifier.reading import ReadTexts
from pyffnn.models.text_classifier.row_weights import Weighting, row_weights
from pyffnn.models.text_classifier.start import begin, begin_weighted
from pyffnn.models.text_classifier.state import TextFitted
from pyffnn.net import Network
from pyffnn.optimizers import Optimizer, linear_decay
from pyffnn.training import Data, Progress, Shuffled, group_parts

if TYPE_CHECKING:
    from pyffnn.models.text_classifier.model import TextClassifier

__all__ = ["Choice", "Tried", "choose", "cut_again", "parts_in_order", "told"]

Tried: TypeAlias = list[dict[str, Any]]
Chars: TypeAlias = tuple[int, int] | None

# A score is what a nat of loss is worth in texts that are right near the best, 0.3 to 0.6 on the corpora of the results, and half of the
# accuracy: of classes in an order the loss alone likes a model that is sure of none of them.
_A_NAT = 0.4
_ACCURACY = 0.5
# What a rate or more passes must be better by.
_GAIN = 0.001
# What other weights and pieces must: the rule was found on more texts than these.
_KIND_GAIN = 0.01
# What pieces of words must gain: they are several rows a word, in every text to come.
_CHAR_GAIN = 0.004
# Times, at most, that the rate is.
_HALVED, _DOUBLED = 3, 2
# Rate of a trial: one that diverges says nothing.
_HIGHEST = 16.0
# Held-out texts that the loss of a candidate is taken over, and the logits of them all, at most.
_MOST_JUDGED = 5000
_MOST_LOGITS = 2_000_000
_FOLDS = 4
# Trainings that the parts are planned for: three ways to weigh and two more pieces of words at half the passes, three rates at all passes.
_PLANNED = 5.5
# Rows of 16 numbers looked at in all candidates' training: a quarter of a second or so for a few texts, and for more texts less by the
# fourth power of their number, down to a third more than training itself will look at: four candidates on four ninths of the texts.
_WHOLE = 4 / 3
_MOST_VISITS = 1e7
_FEW_TEXTS = 2500
# From so many texts on, as for so many.
_MANY_TEXTS = 100_000
# Up to so many words it costs little to cut them into other pieces.
_FEW_WORDS = 60_000
# What a number of a row costs, and one of the output's matrix, measured against a row of 16 numbers that SGD moves.
_COST = {"sgd": 1 / 16, "adagrad": 2 / 16}
_PRODUCTS = 1 / 40
_LEAST_TEXTS = 8
_LEAST_SAMPLE = 1000
_RUNS = 8


@dataclass(frozen=True)
class Choice:
    """What was chosen. None: by the rule.

    Attributes
    ----------
    read
        The texts as they are to be trained on.
    tried
        Each candidate, how often it was right on texts that it had not seen, and its loss there, at the
        temperature that suits it best.
    """

    read: ReadTexts
    weighting: Weighting
    rate: float | None = None
    epochs: int | None = None
    tried: Tried | None = None


class _Candidate(NamedTuple):
    weighting: Weighting
    chars: Chars
    rate: float
    epochs: int

    def named(self) -> dict[str, Any]:
        return {
            "weighting": self.weighting,
            "char_ngrams": None if self.chars is None else list(self.chars),
            "learning_rate": self.rate,
            "epochs": self.epochs,
        }


def choose(
    model: TextClassifier,
    read: ReadTexts,
    numbers: NDArray[np.int64] | None,
    seed: int,
    weight: NDArray[np.float32] | None,
    by_class: NDArray[np.float64] | None,
    groups: NDArray[np.int64] | None = None,
) -> Choice:
    """The best of the candidates on texts that they have not seen, where the settings leave it open.

    ``numbers``: of the texts that may be looked at; None: all. Texts of one of ``groups`` are held
    out together.
    """
    texts = np.arange(len(read.corpus)) if numbers is None else numbers
    classes = int(read.targets.classes.size)
    measured = recipe.may_measure(model, recipe.pool(model, read.corpus), read.targets)
    # Texts that are many and long are known well enough by rule.
    measured = measured and read.corpus.suits_char_ngrams and texts.size >= _LEAST_TEXTS
    if not measured or model._patience() is not None:
        return Choice(read, recipe.weighting(classes))

    def data_of(fitted: TextFitted, read: ReadTexts) -> Data:
        targets = model._net_targets(read.targets, fitted.network.spec, weight, by_class)
        return Data(fitted.examples(read.corpus), targets)

    epochs = recipe.epochs(model, read.corpus, sums=False, weighted=True, classes=classes)
    own = recipe.weighted_optimizer(classes)
    rate = recipe.optimizer(model, epochs, own, classes=classes).schedule().lr
    assert rate is not None
    return _Trials(model, read, texts, seed, data_of, (rate, epochs), groups, weight).choice()


def told(
    model: TextClassifier, fitted: TextFitted, optimizer: Optimizer, epochs: int, choice: Choice
) -> TextFitted:
    """With a record of all choices, which the log has in a line."""
    fitted = replace(
        fitted, recipe=recipe.described(model, fitted, optimizer, epochs, choice.tried or [])
    )
    Progress(model.verbose).say(f"recipe  {recipe.sentence(fitted.recipe)}")
    return fitted


class _Trials:
    """Candidates on trial, and what each has shown."""

    def __init__(
        self,
        model: TextClassifier,
        read: ReadTexts,
        texts: NDArray[np.int64],
        seed: int,
        data_of: Callable[[TextFitted, ReadTexts], Data],
        first: tuple[float, int],
        groups: NDArray[np.int64] | None,
        weight: NDArray[np.float32] | None,
    ) -> None:
        self._model, self._seed, self._data_of = model, seed, data_of
        self._weight, self._whole = weight, texts.size
        chars = read.corpus.featurizer.char_ngrams
        self._start = _Candidate(recipe.weighting(int(read.targets.classes.size)), chars, *first)
        self._read: dict[Chars, ReadTexts] = {chars: read}
        self._states: dict[Chars, tuple[TextFitted, Data, float]] = {}
        self._weights: dict[tuple[Weighting, Chars, int], NDArray[np.float32]] = {}
        self._scores: dict[_Candidate, float] = {}
        self._tried: Tried = []
        self._perfect = False
        visit = self._state(chars)[2]
        whole = visit * texts.size * first[1]
        few = min(1.0, _FEW_TEXTS / texts.size) ** 4
        most = _WHOLE * whole * min(1.0, _MANY_TEXTS / texts.size)
        self._left = max(_MOST_VISITS * few, most)
        planned = self._left / max(_PLANNED * whole * (_FOLDS - 1) / _FOLDS, 1)
        self._small = planned >= 1
        if not self._small:
            # four candidates on so many texts as there is time for
            size = int(self._left / (4.01 * visit * first[1] * (_FOLDS - 1) / _FOLDS))
            texts = np.random.default_rng(seed).permutation(texts)[:size]
            texts.sort()
        self._texts = texts
        self._folds = min(max(int(planned), 1), _FOLDS)
        strata = read.targets.strata[texts]
        if groups is None:
            self._parts = parts_in_order(strata, _FOLDS)
        else:
            rng = np.random.default_rng(seed)
            self._parts = group_parts(groups[texts], strata, _FOLDS, rng)

    def choice(self) -> Choice:
        best = self._start
        if self._small:
            # half the passes, at a rate that gets as far
            passes, rate = best.epochs, best.rate
            half = max(passes // 2, 1)
            best = best._replace(epochs=half, rate=rate * passes / half)
            for candidates in (self._weightings, self._chars):
                best = self._best(best, candidates(best), _KIND_GAIN)
            best = best._replace(epochs=passes, rate=rate)
            best = self._rates(best)
            while best.rate >= self._start.rate and best.epochs < recipe.MOST_EPOCHS:
                more = self._best(best, iter([best._replace(epochs=2 * best.epochs)]))
                if more == best:
                    break
                best = more
        elif self._texts.size >= _LEAST_SAMPLE:
            best = self._rates(best)
            few = self._read[best.chars].corpus.num_tokens <= _FEW_WORDS
            if few and recipe.may_cut(self._model) and best.chars is not None:
                best = self._best(best, iter([best._replace(chars=None)]), _KIND_GAIN)
        if not self._tried:
            return Choice(self._read[best.chars], best.weighting)
        best = self._between(best)
        read = self._read[best.chars]
        return Choice(read, best.weighting, best.rate, best.epochs, self._tried)

    def _weightings(self, best: _Candidate) -> Iterator[_Candidate]:
        for weighting in get_args(Weighting):
            if weighting != best.weighting:
                yield best._replace(weighting=weighting)

    def _chars(self, best: _Candidate) -> Iterator[_Candidate]:
        if recipe.may_cut(self._model) and best.chars is not None:
            for chars in recipe.CHAR_CANDIDATES:
                if chars != best.chars:
                    yield best._replace(chars=chars)

    def _rates(self, best: _Candidate) -> _Candidate:
        """With half the rate, and half of that, for as long as it helps; else with twice the rate."""
        for factor, times in ((0.5, _HALVED), (2.0, _DOUBLED)):
            for _ in range(times):
                other = self._best(best, iter([best._replace(rate=best.rate * factor)]))
                if other == best:
                    break
                best = other
            if best.rate != self._start.rate:
                break
        return best

    def _between(self, best: _Candidate) -> _Candidate:
        """At the top of the parabola through the scores of half and twice the rate, to a quarter of a doubling.

        Not finer, so that no last bit of a score is one of the weights.
        """
        known = self._scores.get
        below, here, above = (known(best._replace(rate=best.rate * f)) for f in (0.5, 1.0, 2.0))
        if below is None or here is None or above is None:
            return best
        bend = 2 * here - below - above
        if not (math.isfinite(bend) and bend > 0):
            return best
        at = min(max((above - below) / (2 * bend), -0.5), 0.5)
        return best._replace(rate=best.rate * 2 ** (round(4 * at) / 4))

    def _best(
        self, best: _Candidate, others: Iterator[_Candidate], gain: float = _GAIN
    ) -> _Candidate:
        self._score(best)
        for candidate in others:
            if self._perfect:
                break
            if (score := self._score(candidate)) is None:
                break
            known = self._score(best)
            if known is None or score > known + gain:
                best = candidate
        return best

    def _score(self, candidate: _Candidate) -> float | None:
        """Of texts that it has not seen; None: there is no time left to know."""
        if candidate in self._scores:
            return self._scores[candidate]
        fitted, data, visit = self._state(candidate.chars)
        cost = visit * self._texts.size * candidate.epochs * self._folds * (_FOLDS - 1) / _FOLDS
        if cost > self._left:
            return None
        self._left -= cost
        right = total = 0.0
        judged: list[NDArray[np.int64]] = []
        values: list[NDArray[np.float64]] = []
        threads = self._model._threads()
        most = min(_MOST_JUDGED, _MOST_LOGITS // fitted.classes.size)
        for fold in range(self._folds):
            held, part = self._texts[self._parts == fold], self._texts[self._parts != fold]
            network = Network(fitted.network.spec)
            begin_weighted(network, self._seed, self._row_weights(candidate, fold, part))
            if not self._train(network, data, part, candidate):
                judged = []
                break
            _, weight, correct = network.evaluate(*data, held, threads)
            right, total = right + correct, total + weight
            judged.append(held[:: max(-(-held.size * self._folds // most), 1)])
            state = replace(fitted, network=network)
            values.append(logits(state, data.examples, judged[-1], threads))
        accuracy, loss = 0.0, float("inf")
        if judged and total > 0:
            accuracy = float(right / total)
            loss = self._loss(np.concatenate(values), np.concatenate(judged))
        self._tried.append({**candidate.named(), "accuracy": accuracy, "loss": loss})
        self._perfect = self._perfect or accuracy == 1
        score = _ACCURACY * accuracy - _A_NAT * loss
        self._scores[candidate] = score - (0 if candidate.chars is None else _CHAR_GAIN)
        return self._scores[candidate]

    def _loss(self, z: NDArray[np.float64], texts: NDArray[np.int64]) -> float:
        weight = None if self._weight is None else self._weight[texts]
        if weight is not None and not weight.any():
            return float("inf")
        return least_loss(z, self._read[self._start.chars].targets.take(texts), weight)

    def _state(self, chars: Chars) -> tuple[TextFitted, Data, float]:
        """The state of a network and the data for it, and what a text costs in rows of 16 numbers."""
        if chars not in self._states:
            if chars not in self._read:
                self._read[chars] = cut_again(self._model, self._read[self._start.chars], chars)
            read = self._read[chars]
            fitted, _ = begin(self._model, read, None, self._seed)
            few = np.arange(0, len(read.corpus), max(len(read.corpus) // 64, 1))
            rows = max(read.corpus.bags(few)[0].size / few.size, 1.0)
            spec = fitted.network.spec
            visit = rows * spec["dim"] * _COST[spec["optimizer"]]
            visit += _PRODUCTS * spec["dim"] * spec["n_outputs"]
            self._states[chars] = fitted, self._data_of(fitted, read), visit
        return self._states[chars]

    def _row_weights(
        self, candidate: _Candidate, fold: int, part: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """That do not know the held-out labels."""
        key = candidate.weighting, candidate.chars, fold
        if key not in self._weights:
            read = self._read[candidate.chars]
            used = np.zeros(len(read.corpus), np.bool_)
            used[part] = True
            self._weights[key] = row_weights(read.corpus, read.targets, used, candidate.weighting)
        return self._weights[key]

    def _train(
        self, network: Network, data: Data, part: NDArray[np.int64], candidate: _Candidate
    ) -> bool:
        """Whether all losses were finite."""
        size, threads = int(self._model.batch_size), self._model._threads()
        batches = Shuffled(part, size, self._seed)
        rate = min(candidate.rate * math.sqrt(self._whole / max(part.size, 1)), _HIGHEST)
        for epoch in range(candidate.epochs):
            for group in batches.epoch(epoch, candidate.epochs, linear_decay(rate)):
                order = group.order(0, len(group))
                if not network.train(*data, order, size, group.rates, threads).finite:
                    return False
        return True


def parts_in_order(strata: NDArray[np.int64], parts: int) -> NDArray[np.int64]:
    """The part of each example, int64 (n,): a class's examples in their order make a few runs, dealt out in turn.

    Neighbours are often of one source (pieces of a document, phrases of a sentence): such are held
    out together, or what is measured is how well they were learned by heart.
    """
    order = np.argsort(strata, kind="stable")
    counts = np.bincount(strata)
    rank = np.empty(strata.size, np.int64)
    rank[order] = np.arange(strata.size) - np.repeat(np.cumsum(counts) - counts, counts)
    size = np.maximum(counts // _RUNS, 1)[strata]
    return (rank // size + strata) % parts


def cut_again(model: TextClassifier, read: ReadTexts, chars: Chars) -> ReadTexts:
    """The same texts with other pieces of words; all their words must have been kept."""
    corpus = read.corpus
    words = corpus.featurizer.vocabulary
    ids, offsets = corpus.core.ids.tolist(), corpus.core.offsets.tolist()
    documents = ([words[i] for i in ids[a:b]] for a, b in pairwise(offsets))
    return read._replace(corpus=recipe.featurizer(model, chars).fit_tokens(documents))
