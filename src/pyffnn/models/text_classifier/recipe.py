"""What the settings that a user leaves open come to: pooling, character n-grams, rates and epochs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

from pyffnn.optimizers import LearningRate, Optimizer, resolve_optimizer
from pyffnn.text.corpus import Corpus
from pyffnn.text.featurizer import Featurizer, TokenizerLike
from pyffnn.text.vectors import PretrainedVectors

__all__ = [
    "CHAR_RATE",
    "DIM",
    "MOST_TOKENS",
    "STRUCTURE",
    "SUM_SCALE",
    "Settings",
    "epochs",
    "featurizer",
    "may_sum",
    "optimizer",
    "pool",
    "pooling",
]

STRUCTURE = (
    "embedding_dim", "pooling", "windows", "max_tokens", "word_ngrams", "char_ngrams", "buckets", "lowercase", "tokenizer",
)  # fmt: skip
"""Settings that a fitted model keeps."""
DIM = 16
# These rates, no dropout and a little l2 were chosen on development splits of TREC, MR, SST-2, AG News and IMDB. How far Adagrad gets
# grows with the rate and the root of the steps: fewer passes take a larger rate.
_RATE = 0.1
_ONE_PASS_RATE = 0.2
# Short texts, chosen on parts of the training sentences of SST-2 (with their phrases), MR and TREC: a sum of rows leaves them where a mean
# would drown the few words that matter, pieces of words help where many words are rare, and as each word has several pieces, those
# learn more slowly. Embeddings begin near zero: a sum over rows that were seldom met is else mostly their random start.
_SHORT_CHARS = (4, 4)
_SHORT_EPOCHS = 10
_SUM_RATE = 0.02
SUM_SCALE = 1e-3
CHAR_RATE = 0.3
# "auto" epochs: about so many words and n-grams in all, in 1 to 5 passes, but so many steps at least for a handful of texts.
_AUTO_FEATURES = 3e6
_AUTO_EPOCHS = 5
_AUTO_STEPS = 300
_AUTO_MOST = 100
MOST_TOKENS = 100


class Settings(Protocol):
    """The constructor arguments of `TextClassifier` that are looked at here."""

    hidden_layer_sizes: Any
    pooling: str | Sequence[str]
    windows: int | None
    max_tokens: int | None
    word_ngrams: int
    char_ngrams: Any
    buckets: int | None
    min_count: int
    ngram_min_count: int
    lowercase: bool
    tokenizer: TokenizerLike | None
    optimizer: str | Optimizer
    learning_rate: LearningRate | None
    epochs: int | str
    batch_size: int
    pretrained_vectors: PretrainedVectors | None

    def _hidden(self) -> list[int]: ...


def pooling(s: Settings) -> str | tuple[str, ...]:
    """The setting, where one pooling in a tuple is that pooling."""
    if isinstance(s.pooling, str):
        return s.pooling
    return tuple(s.pooling) if len(s.pooling) > 1 else s.pooling[0]


def may_sum(s: Settings) -> bool:
    """Whether these settings sum the rows of a text, if the training texts are short."""
    if s.windows is not None:
        return False
    if s.pooling != "auto":
        return pooling(s) == "sum"
    return (
        not s._hidden()
        and s.optimizer == "adagrad"
        and s.learning_rate is None
        and s.pretrained_vectors is None
    )


def pool(s: Settings, corpus: Corpus) -> str | tuple[str, ...]:
    """How the rows of a text become one, or one each."""
    if s.pooling != "auto":
        return pooling(s)
    return "sum" if corpus.has_short_texts and may_sum(s) else "mean"


def featurizer(s: Settings) -> Featurizer:
    """For training texts."""
    chars: Any = s.char_ngrams
    auto = isinstance(chars, str)
    if auto:
        own = s.buckets is None and s.tokenizer is None
        chars = _SHORT_CHARS if own and may_sum(s) else None
    return Featurizer(
        word_ngrams=s.word_ngrams,
        char_ngrams=None if chars is None else (chars[0], chars[1]),
        char_if_short=auto,
        buckets=s.buckets,
        min_count=s.min_count,
        ngram_min_count=s.ngram_min_count,
        max_tokens=None if s.pooling == "concat" else s.max_tokens,
        lowercase=bool(s.lowercase),
        tokenizer=s.tokenizer,
    )


def optimizer(s: Settings, epochs: int | None = None, *, sums: bool = False) -> Optimizer:
    """The optimizer of a run of so many epochs; ``sums``: the network is a linear model of sums."""
    rate = _RATE if epochs is None else max(_RATE, _ONE_PASS_RATE / math.sqrt(epochs))
    if sums:
        rate = _SUM_RATE
    return resolve_optimizer(
        s.optimizer,
        s.learning_rate,
        default_lr=rate if s.optimizer == "adagrad" else None,
    )


def epochs(s: Settings, corpus: Corpus, *, sums: bool) -> int:
    """Passes over a corpus."""
    if s.epochs != "auto":
        return int(s.epochs)
    features = max(corpus.num_tokens * int(s.word_ngrams), 1)
    most = _SHORT_EPOCHS if sums else _AUTO_EPOCHS
    passes = min(max(round(_AUTO_FEATURES / features), 1), most)
    steps = -(-len(corpus) // int(s.batch_size))
    return max(passes, min(-(-_AUTO_STEPS // steps), _AUTO_MOST))
