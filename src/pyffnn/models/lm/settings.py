"""The arguments of `LanguageModel`, checked and turned into what the network and the run need."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.models import parameters
from pyffnn.models.arguments import sizes_of
from pyffnn.models.lm.network import NetworkConfig
from pyffnn.optimizers import Optimizer, Schedule, linear_decay, resolve_optimizer
from pyffnn.precision import precision_code, precision_name

if TYPE_CHECKING:
    from pyffnn.models.language_model import LanguageModel

WARMUP = 0.02
SEGMENT = 32
"""Tokens in a row of a batch where there are distant means, whose cost they share ..."""
SEGMENTS = 4
"""... but no fewer than so many runs in a batch."""
LARGE = 90_000
EPOCHS, BATCH = 6, 512

FREE_ON_RESUME = ("n_threads", "verbose")
"""Arguments that change no bit of the result."""


def check(model: LanguageModel) -> None:
    """ValueError or TypeError for an argument that is wrong, naming it."""
    parameters.check(model)
    precision_code(model.precision)  # warns where the machine lacks it


def network_config(model: LanguageModel, vocab: int, seed: int = 0) -> NetworkConfig:
    spec = optimizer(model).spec()
    embedding = model.dropout if model.embedding_dropout is None else model.embedding_dropout
    return NetworkConfig(
        vocab=vocab,
        context=int(model.context),
        dim=int(model.embedding_dim),
        distant_kernels=int(model.distant_kernels),
        distant_window=int(model.distant_window) if model.distant_kernels else 0,
        hidden=tuple(sizes_of(model.hidden_layer_sizes)),
        activation=model.activation,
        precision=precision_name(model.precision),
        residual=bool(model.residual),
        layer_norm=bool(model.layer_norm),
        direct=bool(model.direct),
        tied=bool(model.tie_embeddings),
        output=model.output,
        cutoffs=cutoffs(model, vocab),
        samples=int(model.samples) if model.output == "sampled" else 0,
        drop_embedding=float(embedding),
        drop_hidden=float(model.dropout),
        drop_output=float(model.dropout),
        drop_word=float(model.word_dropout),
        optimizer=spec["optimizer"],
        beta1=spec.get("beta1", 0.0),
        beta2=spec.get("beta2", 0.0),
        eps=spec.get("eps", 0.0),
        l2=float(model.l2),
        decay=spec.get("weight_decay", 0.0),
        clip=0.0 if model.clip_norm is None else float(model.clip_norm),
        seed=seed,
    )


def cutoffs(model: LanguageModel, vocab: int) -> tuple[int, ...]:
    """Ranks at which a cluster of rarer words begins: by default a 25th and a fifth of all words."""
    if model.output != "adaptive":
        return ()
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


def check_same_run(where: str, saved: dict[str, Any], now: dict[str, Any]) -> None:
    """ValueError when a checkpoint was written by a run of other settings or data."""
    # through JSON, as the saved ones went
    now = json.loads(json.dumps(now))
    for name, value in now["params"].items():
        if name not in FREE_ON_RESUME and saved["params"].get(name) != value:
            raise ValueError(
                f"the checkpoint {where!r} is of another run: it has "
                f"{name}={saved['params'].get(name)!r}, this model {value!r}"
            )
    if saved.get("vocabulary") != now["vocabulary"] or saved.get("data") != now["data"]:
        raise ValueError(f"the checkpoint {where!r} is of another run: it has other training data")
