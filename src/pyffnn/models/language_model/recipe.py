"""The arguments of `LanguageModel`, checked and turned into what the network and the run need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from pyffnn.models import parameters
from pyffnn.models.arguments import sizes_of
from pyffnn.optimizers import Optimizer, Schedule, linear_decay, resolve_optimizer
from pyffnn.precision import precision_code, precision_name

if TYPE_CHECKING:
    from pyffnn.models.language_model.model import LanguageModel

WARMUP = 0.02
SEGMENT = 32
"""Tokens in a row of a batch where there are distant means, whose cost they share ..."""
SEGMENTS = 4
"""... but no fewer than so many runs in a batch."""


class Sizes(NamedTuple):
    """What follows from the size of the corpus where the user did not say."""

    embedding_dim: int
    hidden_layer_sizes: list[int]
    dropout: float
    embedding_dropout: float
    batch_size: int
    epochs: int


class Chosen(TypedDict):
    """``recipe_``: what the arguments that were None became."""

    embedding_dim: int
    hidden_layer_sizes: tuple[int, ...]
    dropout: float
    embedding_dropout: float


class _Row(NamedTuple):
    tokens: float  # up to so many
    embedding_dim: int
    hidden: tuple[int, ...]
    dropout: float
    embedding_dropout: float
    passes: float


_ROWS = (
    _Row(6e4, 200, (500,), 0.6, 0.5, 7),
    _Row(3e5, 200, (500,), 0.5, 0.4, 7),
    _Row(3e6, 200, (500,), 0.5, 0.4, 6),
    _Row(3e7, 256, (768, 768), 0.3, 0.2, 3),
    _Row(math.inf, 320, (1024, 1024), 0.1, 0.1, 2),
)
_MILLION = 1_000_000
NGRAM_WORDS, NGRAM_HEADS, NGRAM_DIM = 4, 2, 16
_BATCH = 512


def sizes(model: LanguageModel, vocab: int, tokens: int) -> Sizes:
    """The model's own arguments, and for those that are None what does well at this size.

    Larger corpora get wider and deeper networks and less dropout, and need fewer passes: `_ROWS`. Where a word of the vocabulary has
    more tokens than in a million tokens of prose (50 each), there is less to overfit, and passes grow with the square root. Batches have
    512 tokens, in smaller corpora fewer: at least 200 batches an epoch, but none below 32 tokens.
    """
    row = next(row for row in _ROWS if tokens <= row.tokens)
    batch = _BATCH
    while batch > 32 and tokens < 200 * batch:
        batch //= 2
    dense = math.sqrt(tokens / (50 * vocab))
    epochs = max(1, round(row.passes * min(2.0, max(1.0, dense))))
    given = model.hidden_layer_sizes
    dropout = row.dropout if model.dropout is None else float(model.dropout)
    embedding = row.embedding_dropout if model.dropout is None else dropout
    if model.embedding_dropout is not None:
        embedding = float(model.embedding_dropout)
    return Sizes(
        row.embedding_dim if model.embedding_dim is None else int(model.embedding_dim),
        list(row.hidden) if given is None else sizes_of(given),
        dropout,
        embedding,
        batch if model.batch_size is None else int(model.batch_size),
        epochs if model.epochs is None else int(model.epochs),
    )


def check(model: LanguageModel) -> None:
    """ValueError or TypeError for an argument that is wrong, naming it."""
    parameters.check(model)
    precision_code(model.precision)  # warns where the machine lacks it


def network_spec(
    model: LanguageModel, vocab: int, seed: int, tokens: int = _MILLION
) -> dict[str, Any]:
    """The network for a corpus of so many tokens."""
    chosen = sizes(model, vocab, tokens)
    spec: dict[str, Any] = {
        "input": "windows",
        "rows": vocab,
        "dim": chosen.embedding_dim,
        "context": int(model.context),
        "distant_kernels": int(model.distant_kernels),
        "distant_window": int(model.distant_window) if model.distant_kernels else 0,
        "hidden": chosen.hidden_layer_sizes,
        "activation": model.activation,
        "residual": bool(model.residual),
        "layer_norm": bool(model.layer_norm),
        "direct": bool(model.direct),
        "tied": bool(model.tie_embeddings),
        "n_outputs": vocab,
        "output": "vocabulary" if model.output == "softmax" else model.output,
        "loss": "softmax",
        "precision": precision_name(model.precision),
        "dropout": chosen.dropout,
        "embedding_dropout": chosen.embedding_dropout,
        "output_dropout": chosen.dropout,
        "word_dropout": float(model.word_dropout),
        "l2": float(model.l2),
        "clip": 0.0 if model.clip_norm is None else float(model.clip_norm),
        "seed": seed,
        **optimizer(model).spec(),
    }
    if model.direct_ngrams:
        reach = spec["context"] + spec["distant_window"]
        if reach < 2:
            raise ValueError(
                f"direct_ngrams needs a window of two words at least, got context={model.context}"
            )
        rows, words = ngram_rows(model, tokens), min(NGRAM_WORDS, reach)
        if rows * (words - 1) * NGRAM_HEADS >= 2**31 - 1:
            raise ValueError(
                f"direct_ngrams must be below {2**31 // ((words - 1) * NGRAM_HEADS)} rows, got {rows}"
            )
        spec |= {
            "ngram_rows": rows,
            "ngram_words": words,
            "ngram_heads": NGRAM_HEADS,
            "ngram_dim": NGRAM_DIM,
            "ngram_dropout": chosen.dropout,
        }
    if model.output == "adaptive":
        spec["cutoffs"] = list(cutoffs(model, vocab))
    elif model.output == "sampled":
        spec["samples"] = int(model.samples)
    return spec


def ngram_rows(model: LanguageModel, tokens: int) -> int:
    """Buckets of each n-gram length and head: by default a quarter of the tokens or more, a power of 2 from 2^10 to 2^20."""
    if not isinstance(model.direct_ngrams, (bool, np.bool_)):
        return int(model.direct_ngrams)
    return 1 << min(max(math.ceil(math.log2(max(tokens, 1) / 4)), 10), 20)


def cutoffs(model: LanguageModel, vocab: int) -> tuple[int, ...]:
    """Ranks at which a cluster of rarer words begins: by default a 25th and a fifth of all words."""
    given = (vocab // 25, vocab // 5) if model.cutoffs is None else tuple(model.cutoffs)
    if given[0] < 1 or given[-1] >= vocab:
        raise ValueError(
            f"output='adaptive' needs cutoffs within the vocabulary of {vocab} words, got {given}"
        )
    return tuple(int(cut) for cut in given)


def optimizer(model: LanguageModel) -> Optimizer:
    return resolve_optimizer(model.optimizer, model.learning_rate)


def schedule(model: LanguageModel) -> Schedule:
    return optimizer(model).schedule(linear_decay(warmup=WARMUP))


def segment(model: LanguageModel, batch_size: int) -> int:
    return max(1, min(SEGMENT, batch_size // SEGMENTS)) if model.distant_kernels else 1


def split(ids: NDArray[np.int32], fraction: float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The stream without its end, and its end."""
    held_out = max(1, round(ids.size * fraction))
    return ids[:-held_out], ids[-held_out:]


def train_unknown(ids: NDArray[np.int32], unk_id: int) -> NDArray[np.int32]:
    """The stream with some rare words as the unknown word, where that hardly occurs in it.

    New words are met about as often as the words that occur once are there (Good & Turing). So unknown words should be half as many
    as those in training, and one token in 2,000 at least: as many words as lack, every other of those that occur once first, are
    taken for unknown at one of their places. What was never trained would be predicted at random. A read-only
    memory-mapped file of ours is written to.
    """
    counts = np.bincount(ids, minlength=unk_id + 1)
    lacking = -int(counts[unk_id])
    counts[unk_id] = 0
    words = np.flatnonzero(counts)
    words = words[np.argsort(counts[words], kind="stable")]
    once = int(np.count_nonzero(counts == 1))
    lacking += max(once // 2, -(-ids.size // 2000))
    chosen = np.concatenate([words[:once:2], words[1:once:2], words[once:]])[: max(lacking, 0)]
    if chosen.size == 0 or chosen.size >= words.size:
        return ids  # a word or two: nothing would be left of them
    out: NDArray[np.int32]
    if isinstance(ids, np.memmap) and ids.filename is not None:
        out = np.memmap(ids.filename, np.int32, "r+", shape=ids.shape)
    else:
        out = ids.copy()
    wanted = np.zeros(counts.size, bool)
    wanted[chosen] = True
    places = np.flatnonzero(wanted[ids])
    _, first = np.unique(ids[places], return_index=True)
    out[places[first]] = unk_id
    return out
