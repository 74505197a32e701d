"""Checkpoints of a training run: all that an unbroken continuation needs, in one atomic file."""

from __future__ import annotations

import os
import zlib
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.io import PathLike, load_model, save_model
from pyffnn.models.lm.network import BY_FREQUENCY, Arrays, Network, write_into

KIND = "LanguageModel checkpoint"


@dataclass
class RunState:
    """Where a run stands. Random numbers come from (seed, epoch) and (seed, step): no more state."""

    epoch: int = 0
    batch: int = 0
    """Batches done in this epoch."""
    step: int = 0
    tokens: int = 0
    """Tokens done in all epochs."""
    loss_sum: float = 0.0
    """Sum of the epoch's token losses so far."""
    loss_tokens: int = 0
    seconds: float = 0.0
    """Time spent in this epoch so far."""
    best_loss: float | None = None
    best_epoch: int | None = None
    waited: int = 0
    """Epochs since the best one."""
    finished: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)


def fingerprint(ids: NDArray[np.int32]) -> str:
    """Identifies a stream without reading all of a huge one: its length and a checksum of samples."""
    crc = 0
    block = 1 << 16
    places = np.linspace(0, max(ids.size - block, 0), 16).astype(np.int64)
    for start in np.unique(places):
        crc = zlib.crc32(np.ascontiguousarray(ids[start : start + block]).tobytes(), crc)
    return f"{ids.size}:{crc:08x}"


def write_checkpoint(
    path: PathLike,
    network: Network,
    state: RunState,
    best: Arrays | None,
    settings: dict[str, Any],
) -> None:
    """Write atomically; OSError (disk full, ...) leaves the last checkpoint as it was."""
    tensors: Arrays = {f"w:{name}": w for name, w in network.weights().items()}
    if network.by_frequency is not None:
        tensors[BY_FREQUENCY] = np.asarray(network.by_frequency, np.int64)
    tensors |= network.state()
    if best is not None:
        tensors |= {f"best:{name}": w for name, w in best.items()}
    save_model(path, KIND, settings | {"run": asdict(state)}, tensors)


@dataclass
class Checkpoint:
    settings: dict[str, Any]
    state: RunState
    tensors: Arrays

    def weights(self, which: str = "w") -> Arrays:
        return _part(self.tensors, which)

    def best(self) -> Arrays | None:
        return _part(self.tensors, "best") or None

    def continue_in(self, network: Network) -> None:
        """Weights, optimizer state and step counter; ValueError where they do not fit."""
        network.restore(self.weights())
        write_into(
            network.state(),
            {name: a for name, a in self.tensors.items() if name.startswith(("s1:", "s2:"))},
        )
        network.compiled.step = self.state.step


def read_checkpoint(path: PathLike) -> Checkpoint:
    """Raises OSError, and ValueError for a damaged file or one that is no checkpoint."""
    file = load_model(path, KIND)
    try:
        state = RunState(**file.config.pop("run"))
    except (KeyError, TypeError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is damaged: it does not say where it stands: {error}"
        ) from None
    return Checkpoint(file.config, state, file.tensors)


def _part(tensors: Arrays, which: str) -> Arrays:
    return {
        name.removeprefix(which + ":"): a
        for name, a in tensors.items()
        if name.startswith(which + ":")
    }
