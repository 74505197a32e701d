"""What the settings that a user leaves open come to: pooling, character n-grams, rates and epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.names import Pooling, TextOptimizer
from pyffnn.models.text_classifier.row_weights import Weighting
from pyffnn.optimizers import LearningRate, Optimizer, resolve_optimizer
from pyffnn.text.corpus import Corpus
from pyffnn.text.featurizer import Featurizer, TokenizerLike
from pyffnn.text.vectors import PretrainedVectors

__all__ = [
    "CHAR_CANDIDATES",
    "CHAR_RATE",
    "DIM",
    "LEAST_WORDS",
    "MOST_EPOCHS",
    "MOST_TOKENS",
    "SAMPLED_CLASSES",
    "STRUCTURE",
    "SUM_SCALE",
    "Settings",
    "described",
    "dim",
    "epochs",
    "epochs_of",
    "featurizer",
    "frozen_epochs",
    "l2",
    "may_cut",
    "may_measure",
    "may_weigh",
    "num_classes",
    "optimizer",
    "optimizer_of",
    "output",
    "pool",
    "pooling",
    "sentence",
    "settled",
    "weighted_optimizer",
    "weighting",
]

STRUCTURE = (
    "embedding_dim", "pooling", "windows", "max_tokens", "word_ngrams", "char_ngrams", "buckets", "lowercase", "tokenizer",
)  # fmt: skip
"""Settings that a fitted model keeps."""
DIM = 16
# Without hidden layers and with weighted rows, a row holds the weights of up to so many classes itself. More go through a bottleneck, and
# learn by Adagrad: a row is met too seldom for a step of its own weight to reach all of its classes.
MANY_CLASSES = 64
_WIDE_DIM = 64
_MANY_EPOCHS = 5
# A softmax over more classes costs more than all else, and a draw of so many a step learns as much a pass.
SAMPLED_CLASSES = 5000
_SAMPLES = 512
_SAMPLED_EPOCHS = 2
# Weighted rows have features of norm 1 and learn by plain SGD, whose steps are as long as a row's weight says: so the weights are also what a
# row is trusted with, as in l2-regularised regression on tf-idf, which Adagrad's steps of one length would undo.
_WEIGHTED_RATE = 1.0
_WEIGHTED_ONE_PASS = 2.5
_MORE_CLASSES = 8.0
# These rates, no dropout and a little l2 were chosen on development splits of TREC, MR, SST-2, AG News and IMDB. How far Adagrad gets
# grows with the rate and the root of the steps: fewer passes take a larger rate.
_RATE = 0.1
_ONE_PASS_RATE = 0.2
# Pieces of words help where many words are rare; in a sum, as each word has several pieces, those learn more slowly. Embeddings of sums and
# of weighted rows begin near zero: what was seldom met is else mostly its random start.
_CHARS = (4, 4)
CHAR_CANDIDATES: tuple[tuple[int, int] | None, ...] = (None, (3, 6))
_SUM_EPOCHS = 10
_SUM_RATE = 0.02
SUM_SCALE = 1e-3
CHAR_RATE = 0.3
# "auto" epochs: about so many words and n-grams in all, in 1 to 5 passes, but so many steps at least for a handful of texts.
_AUTO_FEATURES = 3e6
_AUTO_EPOCHS = 5
_WEIGHTED_FEATURES = 2.5e6
_WEIGHTED_EPOCHS = 5
# Texts that are many and long, over which nothing is measured: passes over n of them with C classes are at least the root of
# this * max(C, 6) / n. A count of words alone leaves them a pass or two, with which most of eight classes have hardly begun.
_PASSES = 15_000
_FEW_CLASSES = 6
_AUTO_STEPS = 300
MOST_EPOCHS = 100
MOST_TOKENS = 100
# Fewer words say too little of how rows fall on the classes.
LEAST_WORDS = 3000
_L2 = 1e-4


class Settings(Protocol):
    """The constructor arguments of `TextClassifier` that are looked at here."""

    hidden_layer_sizes: Any
    pooling: Pooling
    windows: int | None
    max_tokens: int | None
    word_ngrams: int
    char_ngrams: Any
    buckets: int | None
    min_count: int
    ngram_min_count: int
    lowercase: bool
    tokenizer: TokenizerLike | None
    optimizer: TextOptimizer
    learning_rate: LearningRate | None
    l2: float | None
    embedding_dim: int | None
    freeze_embeddings: bool | int
    epochs: int | Literal["auto"]
    batch_size: int
    pretrained_vectors: PretrainedVectors | None

    @property
    def weighs(self) -> bool:
        """Whether the targets are classes, over which rows fall unevenly."""

    def _hidden(self) -> list[int]: ...


S = TypeVar("S", bound=Settings)


def pooling(s: Settings) -> str | tuple[str, ...]:
    """The setting, where one pooling in a tuple is that pooling."""
    if isinstance(s.pooling, str):
        return s.pooling
    return tuple(s.pooling) if len(s.pooling) > 1 else s.pooling[0]


def may_weigh(s: Settings) -> bool:
    """Whether these settings weigh the rows of a text."""
    if s.windows is not None:
        return False
    if s.pooling != "auto":
        return pooling(s) == "weighted"
    return (
        s.weighs
        and not s._hidden()
        and s.optimizer == "auto"
        and s.learning_rate is None
        and s.pretrained_vectors is None
        and not s.freeze_embeddings
    )


def pool(s: Settings, corpus: Corpus) -> str | tuple[str, ...]:
    """How the rows of a text become one, or one each."""
    if s.pooling != "auto":
        return pooling(s)
    if may_weigh(s) and corpus.num_tokens >= LEAST_WORDS:
        return "weighted"
    linear = s.windows is None and not s._hidden() and s.optimizer in ("adagrad", "auto")
    short = 100_000 <= corpus.num_tokens < 25 * len(corpus)
    return (
        "sum"
        if short and linear and s.learning_rate is None and s.pretrained_vectors is None
        else "mean"
    )


def weighted_optimizer(classes: int) -> Literal["sgd", "adagrad"]:
    """Of weighted rows without hidden layers."""
    return "sgd" if classes <= MANY_CLASSES else "adagrad"


def settled(s: S, pool: str | tuple[str, ...], targets: Any) -> S:
    """The model with what its pooling decides: it makes the network."""
    copy = object.__new__(type(s))
    copy.__dict__.update(s.__dict__)
    if copy.optimizer == "auto":
        own = pool == "weighted" and not s._hidden()
        copy.optimizer = weighted_optimizer(num_classes(targets)) if own else "adagrad"
    copy.l2 = l2(s, {"pool": pool})
    if getattr(s, "output", None) == "auto":
        samples = min(int(copy.__dict__["samples"]), _SAMPLES)
        copy.__dict__.update(output=output(s, targets), samples=samples)
    return copy


def output(s: Any, targets: Any) -> str:
    """How a classifier's classes are scored; "auto" samples very many, which takes one class a text."""
    if s.output != "auto":
        return str(s.output)
    one = targets.codes is not None and targets.classes.size > SAMPLED_CLASSES
    return "sampled" if one else "softmax"


def num_classes(targets: Any) -> int:
    """Of what a network is to tell; 1 for numbers."""
    classes = getattr(targets, "classes", None)
    return 1 if classes is None else int(classes.size)


def dim(s: Settings, pool: Any, classes: int) -> int:
    """Numbers a row, where neither the user nor vectors say."""
    if pool != "weighted" or s._hidden():
        return DIM
    return max(classes, DIM) if classes <= MANY_CLASSES else _WIDE_DIM


def l2(s: Settings, spec: Mapping[str, Any] | None = None) -> float:
    """Of the sum of squared weights; ``spec``: of the network, where there is one.

    SGD on weighted rows is regularised by its few steps.
    """
    if s.l2 is not None:
        return float(s.l2)
    weighted = may_weigh(s) if spec is None else spec.get("pool") == "weighted"
    return 0.0 if weighted else _L2


_BY_RULE = (0, 0)


def featurizer(s: Settings, own_chars: tuple[int, int] | None = _BY_RULE) -> Featurizer:
    """For training texts; ``own_chars``: pieces of words that were chosen."""
    chars: Any = s.char_ngrams if own_chars == _BY_RULE else own_chars
    auto = isinstance(chars, str)
    if auto:
        own = s.buckets is None and s.tokenizer is None
        chars = (
            _CHARS
            if own and (may_weigh(s) or (s.windows is None and pooling(s) == "sum"))
            else None
        )
    return Featurizer(
        word_ngrams=s.word_ngrams,
        char_ngrams=None if chars is None else (chars[0], chars[1]),
        char_if_suited=auto,
        buckets=s.buckets,
        min_count=s.min_count,
        ngram_min_count=s.ngram_min_count,
        max_tokens=None if s.pooling == "concat" else s.max_tokens,
        lowercase=bool(s.lowercase),
        tokenizer=s.tokenizer,
    )


def optimizer_of(
    s: Settings, fitted: Any, by_class: NDArray[np.float64] | None, epochs: int | None = None
) -> Optimizer:
    """The optimizer of a run of so many epochs (None: of one pass more) of a state's network.

    ``by_class``: weights of the labels' parts of the loss, which are not divided by their sum.
    """
    heaviest = 1.0 if by_class is None or not fitted.multilabel else max(1.0, by_class.max())
    classes = int(fitted.classes.size)
    own = fitted.network.spec["optimizer"] if s.optimizer == "auto" else None
    return optimizer(s, epochs, own, sums=fitted.sums, classes=classes, heaviest=heaviest)


def optimizer(
    s: Settings,
    epochs: int | None = None,
    own: str | None = None,
    *,
    sums: bool = False,
    classes: int = 2,
    heaviest: float = 1.0,
) -> Optimizer:
    """The optimizer of a run of so many epochs; ``sums``: the network is a linear model of sums.

    ``own``: that of a network, which "auto" was; None: of one to be made.
    """
    name: str | Optimizer = s.optimizer
    if name == "auto":
        name = own or ("sgd" if may_weigh(s) else "adagrad")
    rate = None
    if s.optimizer == "auto" and name == "sgd":
        rate = weighted_rate(epochs, classes) * int(s.batch_size) / 32 / heaviest
    elif name == "adagrad":
        rate = _RATE if epochs is None else max(_RATE, _ONE_PASS_RATE / math.sqrt(epochs))
        if sums:
            rate = _SUM_RATE
    return resolve_optimizer(name, s.learning_rate, default_lr=rate)


def weighted_rate(epochs: int | None, classes: int) -> float:
    """Of SGD on weighted rows: fewer passes and more classes, whose gradients are smaller, take longer steps."""
    rate = max(_WEIGHTED_RATE, _WEIGHTED_ONE_PASS / (epochs or 4))
    return min(rate * math.sqrt(max(classes, 2) / 2), _MORE_CLASSES)


def epochs_of(s: Settings, fitted: Any, corpus: Corpus) -> int:
    """Passes of a classifier's network over a corpus."""
    weighted, classes = fitted.network.spec.get("pool") == "weighted", int(fitted.classes.size)
    return epochs(s, corpus, sums=fitted.sums, weighted=weighted, classes=classes)


def epochs(
    s: Settings, corpus: Corpus, *, sums: bool, weighted: bool = False, classes: int = 2
) -> int:
    """Passes over a corpus."""
    if s.epochs != "auto":
        return int(s.epochs)
    features = max(corpus.num_tokens * int(s.word_ngrams), 1)
    most = _SUM_EPOCHS if sums else _AUTO_EPOCHS
    if weighted:
        most = _WEIGHTED_EPOCHS if classes <= MANY_CLASSES else _MANY_EPOCHS
    wanted = _WEIGHTED_FEATURES if weighted else _AUTO_FEATURES
    least = _SAMPLED_EPOCHS if weighted and classes > SAMPLED_CLASSES else 1
    passes = min(max(round(wanted / features), least), most)
    if weighted and classes <= MANY_CLASSES and not corpus.suits_char_ngrams:
        passes = max(passes, math.isqrt(_PASSES * max(classes, _FEW_CLASSES) // len(corpus)))
    steps = -(-len(corpus) // int(s.batch_size))
    return max(passes, min(-(-_AUTO_STEPS // steps), MOST_EPOCHS))


def may_measure(s: Settings, pool: Any, targets: Any) -> bool:
    """Whether the learning rate is to be found by trying some."""
    own = s.embedding_dim is None and output(s, targets) == "softmax" and not s._hidden()
    return (
        own
        and pool == "weighted"
        and s.optimizer == "auto"
        and s.learning_rate is None
        and s.epochs == "auto"
    )


def frozen_epochs(s: Settings) -> int | None:
    """For how many the embeddings of a new model stay as they are; None: for good."""
    frozen = s.freeze_embeddings
    return None if isinstance(frozen, (bool, np.bool_)) and frozen else int(frozen)


def weighting(classes: int) -> Weighting:
    """Of the rows by rule: over very many classes almost every row falls unevenly."""
    return "both" if classes <= MANY_CLASSES else "rarity"


def may_cut(s: Settings) -> bool:
    """Whether pieces of words are left open, and all words of the texts are kept."""
    open_ = isinstance(s.char_ngrams, str)
    return open_ and s.buckets is None and s.tokenizer is None and s.min_count == 1


def described(
    s: Settings, fitted: Any, optimizer: Optimizer, epochs: int, tried: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a fitted model was trained with, why, and what else was tried."""
    spec = fitted.network.spec
    pooling = spec.get("pool", "concat")
    chars = fitted.features.char_ngrams
    measured = f"the best of {len(tried)} on held-out parts of the texts"
    why = {}
    if s.pooling == "auto":
        why["pooling"] = (
            "rows weighted by rarity and unevenness suit a linear model"
            if pooling == "weighted"
            else f"fewer than {LEAST_WORDS:,} words say too little of weights"
            if may_weigh(s)
            else "hidden layers, windows, an optimizer, a rate or vectors of your own"
        )
    if pooling == "weighted":
        why["weighting"] = measured if tried else "what suits most corpora"
    if isinstance(s.char_ngrams, str):
        why["char_ngrams"] = (
            measured
            if len({str(t["char_ngrams"]) for t in tried}) > 1
            else "texts are few or short, so many words are rare"
            if chars
            else "texts are many and long, or a handful, or settings leave no room"
        )
    if s.learning_rate is None:
        why["learning_rate"] = (
            measured
            if len({t["learning_rate"] for t in tried}) > 1
            else "by the rule for so many passes and classes"
        )
    if s.epochs == "auto":
        why["epochs"] = (
            "more would not have helped on held-out parts of the texts"
            if len({t["epochs"] for t in tried}) > 1
            else "by how many words and texts there are"
        )
    rate = optimizer.schedule().lr
    return {
        "pooling": pooling,
        "weighting": fitted.settings.get("weighting"),
        "char_ngrams": list(chars) if chars else None,
        "embedding_dim": spec["dim"],
        "optimizer": optimizer.name,
        "learning_rate": rate,
        "epochs": epochs,
        "l2": spec["l2"],
        "tried": tried,
        "why": why,
    }


_NAMES = ("pooling", "weighting", "char_ngrams", "embedding_dim", "optimizer", "epochs", "l2")


def sentence(recipe: Mapping[str, Any]) -> str:
    """One line of it for the log."""
    parts = [f"{name} {recipe[name]}" for name in _NAMES]
    parts.append(f"learning_rate {recipe['learning_rate']:.3g}")
    tried = recipe["tried"]
    if not tried:
        return ", ".join(parts)
    said: list[str] = []
    last: dict[str, Any] = {}
    for one in tried:
        other = [
            f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}"
            for k, v in one.items()
            if k in _TRIED and last.get(k, tried) != v
        ]
        said.append(f"{100 * one['accuracy']:.1f} % with {', '.join(other)}")
        last = one
    return f"{', '.join(parts)} (held-out texts right: {'; '.join(said)})"


_TRIED = ("weighting", "char_ngrams", "learning_rate", "epochs")
