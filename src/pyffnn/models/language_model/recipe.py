"""The arguments of `LanguageModel`, checked and turned into what the network and the run need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

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
LARGE = 90_000
EPOCHS, BATCH = 6, 512


def check(model: LanguageModel) -> None:
    """ValueError or TypeError for an argument that is wrong, naming it."""
    parameters.check(model)
    precision_code(model.precision)  # warns where the machine lacks it


def network_spec(model: LanguageModel, vocab: int, seed: int) -> dict[str, Any]:
    embedding = model.dropout if model.embedding_dropout is None else model.embedding_dropout
    spec: dict[str, Any] = {
        "input": "windows",
        "rows": vocab,
        "dim": int(model.embedding_dim),
        "context": int(model.context),
        "distant_kernels": int(model.distant_kernels),
        "distant_window": int(model.distant_window) if model.distant_kernels else 0,
        "hidden": sizes_of(model.hidden_layer_sizes),
        "activation": model.activation,
        "residual": bool(model.residual),
        "layer_norm": bool(model.layer_norm),
        "direct": bool(model.direct),
        "tied": bool(model.tie_embeddings),
        "n_outputs": vocab,
        "output": "vocabulary" if model.output == "softmax" else model.output,
        "loss": "softmax",
        "precision": precision_name(model.precision),
        "dropout": float(model.dropout),
        "embedding_dropout": float(embedding),
        "output_dropout": float(model.dropout),
        "word_dropout": float(model.word_dropout),
        "l2": float(model.l2),
        "clip": 0.0 if model.clip_norm is None else float(model.clip_norm),
        "seed": seed,
        **optimizer(model).spec(),
    }
    if model.output == "adaptive":
        spec["cutoffs"] = list(cutoffs(model, vocab))
    elif model.output == "sampled":
        spec["samples"] = int(model.samples)
    return spec


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


def schedule_size(model: LanguageModel, tokens: int) -> tuple[int, int]:
    """Batch size and number of epochs, chosen by the size of the corpus where the user gave none.

    Smaller corpora get smaller batches, at least 200 an epoch but none below 32 tokens, and epochs
    that grow with the inverse square root of the size, up to 30.
    """
    batch = BATCH
    while batch > 32 and tokens < 200 * batch:
        batch //= 2
    epochs = min(30, math.ceil(EPOCHS * max(1.0, math.sqrt(LARGE / tokens))))
    return (
        batch if model.batch_size is None else int(model.batch_size),
        epochs if model.epochs is None else int(model.epochs),
    )


def segment(model: LanguageModel, batch_size: int) -> int:
    return max(1, min(SEGMENT, batch_size // SEGMENTS)) if model.distant_kernels else 1


def split(ids: NDArray[np.int32], fraction: float) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The stream without its end, and its end."""
    held_out = max(1, round(ids.size * fraction))
    return ids[:-held_out], ids[-held_out:]


def train_unknown(ids: NDArray[np.int32], unk_id: int) -> NDArray[np.int32]:
    """The stream with some rare words as the unknown word, if that does not occur in it.

    Every tenth of the words that occur once, but one in 2,000 tokens at least, from the rarest words
    up: there one occurrence of a word counts as unknown. What was never trained would be predicted
    at random. A read-only memory-mapped file is written to.
    """
    counts = np.bincount(ids)
    if unk_id < counts.size and counts[unk_id]:
        return ids
    words = np.flatnonzero(counts)
    words = words[np.argsort(counts[words], kind="stable")]
    once = int(np.count_nonzero(counts == 1))
    number = max(-(-once // 10), -(-ids.size // 2000))
    chosen = words[: 10 * number : 10] if words.size >= 10 * number else words[:number]
    if chosen.size >= words.size:
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
