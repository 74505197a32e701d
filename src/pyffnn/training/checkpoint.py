"""Checkpoints of a run: all that going on to the same bits needs, in one file that is written atomically."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.formats.model_file import PathLike, check_can_write, load_model, save_model
from pyffnn.net import Network, arrays_of, set_arrays
from pyffnn.training.records import State

__all__ = ["BEST", "Checkpoints", "Saved", "Saving", "checkpoint_kind", "fingerprint", "open_saved"]

BEST = "best."
"""Before the names of the best epoch's parameters."""

FREE = ("n_threads", "verbose")
"""Settings that change no bit of the result."""

Contents = Callable[[], tuple[dict[str, Any], dict[str, NDArray[Any]]]]


def checkpoint_kind(model: str) -> str:
    """What a checkpoint of a class says it is."""
    return f"{model} checkpoint"


def fingerprint(*arrays: NDArray[Any] | None) -> str:
    """Identifies data by their sizes and a checksum of all their bytes."""
    crc = 0
    for array in arrays:
        if array is None:
            continue
        crc = zlib.crc32(f"{array.dtype.str}{array.shape}".encode(), crc)
        if array.dtype == object or array.dtype.kind in "UTS":
            crc = zlib.crc32(json.dumps(array.tolist(), default=str).encode(), crc)
        else:
            flat = np.ascontiguousarray(array).reshape(-1)
            step = 1 << 24  # a memory-mapped array may be larger than memory
            for start in range(0, flat.size, step):
                crc = zlib.crc32(flat[start : start + step].view(np.uint8).data, crc)
    sizes = "x".join(str(array.shape[0]) for array in arrays if array is not None and array.ndim)
    return f"{sizes}:{crc:08x}"


@dataclass
class Saved:
    """What a checkpoint holds."""

    path: str
    config: dict[str, Any]
    tensors: dict[str, NDArray[Any]]

    @property
    def seed(self) -> int:
        return int(self.config["seed"])

    def state(self) -> State:
        return State(**self.config["run"])

    def best(self) -> dict[str, NDArray[Any]] | None:
        """Parameters of the best epoch so far."""
        found = {
            name.removeprefix(BEST): array
            for name, array in self.tensors.items()
            if name.startswith(BEST)
        }
        return found or None

    def continue_in(self, network: Network) -> None:
        """Parameters, optimizer state and step counter; ValueError where they do not fit."""
        try:
            set_arrays(network, self.tensors)
        except ValueError as error:
            raise ValueError(f"{self.path!r} is damaged: {error}") from None

    def check(self, config: Mapping[str, Any]) -> None:
        """ValueError when it was written by a run of other settings or data than ``config`` says."""
        # through JSON, as the saved ones went
        now = json.loads(json.dumps(config))
        saved = {**self.config["params"], "precision": self.config.get("run_precision")}
        for name, value in now["params"].items():
            if name not in FREE and saved.get(name) != value:
                raise ValueError(
                    f"the checkpoint {self.path!r} is of another run: it has "
                    f"{name}={saved.get(name)!r}, this model {value!r}"
                )
        if self.config["data"].get("valid") != now["data"].get("valid"):
            raise ValueError(
                f"the checkpoint {self.path!r} is of another run: it has other validation data"
            )
        if self.config["data"] != now["data"]:
            raise ValueError(
                f"the checkpoint {self.path!r} is of another run: it has other training data"
            )


@dataclass(frozen=True)
class Saving:
    """The arguments ``checkpoint``, ``checkpoint_steps``, ``checkpoint_seconds`` and ``resume`` of ``fit``."""

    checkpoint: PathLike | None = None
    steps: int | None = None
    seconds: float = 60.0
    resume: PathLike | bool = False

    def __post_init__(self) -> None:
        steps, seconds = self.steps, self.seconds
        if steps is not None and (
            isinstance(steps, bool) or not isinstance(steps, (int, np.integer))
        ):
            raise TypeError(f"checkpoint_steps must be an integer or None, got {steps!r}")
        if steps is not None and steps < 1:
            raise ValueError(f"checkpoint_steps must be at least 1, got {steps}")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float, np.number)):
            raise TypeError(f"checkpoint_seconds must be a number, got {seconds!r}")
        if not seconds >= 0:
            raise ValueError(f"checkpoint_seconds must be at least 0, got {seconds}")
        if self.checkpoint is not None:
            check_can_write(self.checkpoint)

    @property
    def wanted(self) -> bool:
        """Whether the run must be told from others."""
        return self.checkpoint is not None or bool(self.resume)

    def open(self, model: str) -> Saved | None:
        """The checkpoint of a class to go on from; None: begin. Raises as `open_saved`."""
        return open_saved(model, self.checkpoint, self.resume)

    def checkpoints(
        self, model: str, contents: Contents, data: Mapping[str, str]
    ) -> Checkpoints | None:
        """What writes the checkpoints of a run."""
        if self.checkpoint is None:
            return None
        return Checkpoints(
            self.checkpoint, model, contents, data, seconds=self.seconds, steps=self.steps
        )


def open_saved(model: str, checkpoint: PathLike | None, resume: PathLike | bool) -> Saved | None:
    """The checkpoint to go on from, as ``fit(checkpoint=, resume=)`` says; None: begin.

    Raises OSError, and ValueError for a damaged file or one that is no checkpoint of the class.
    """
    if resume is True:
        if checkpoint is None:
            raise ValueError("resume=True needs checkpoint, the file to go on from")
        if not os.path.exists(checkpoint):
            return None
        resume = checkpoint
    elif resume is False or resume is None:
        return None
    where = os.fspath(resume)
    file = load_model(resume, checkpoint_kind(model))
    if file.version < 2:
        raise ValueError(
            f"{where!r} was written by {file.library}, whose runs this version cannot go on with: "
            "load() reads its weights"
        )
    saved = Saved(where, file.config, file.tensors)
    try:
        saved.state(), saved.seed, saved.config["params"].items(), saved.config["data"].items()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{where!r} is damaged: it does not say where it stands: {error}"
        ) from None
    return saved


class Checkpoints:
    """Writes a run's checkpoint: after each epoch, every ``seconds``, and every ``steps`` steps.

    ``contents()`` gives settings and arrays of the model as its file would hold them. ``data``
    identifies what it trains on.
    """

    def __init__(
        self,
        path: PathLike,
        model: str,
        contents: Contents,
        data: Mapping[str, str],
        *,
        seconds: float,
        steps: int | None,
    ) -> None:
        self.path = os.fspath(path)
        self._kind = checkpoint_kind(model)
        self._contents = contents
        self._data = dict(data)
        self._seconds = seconds
        self._steps = steps
        self._written = time.monotonic()
        self._written_at = 0

    def begin(self, state: State) -> None:
        """A run begins, or goes on, at ``state``."""
        self._written = time.monotonic()
        self._written_at = state.updates

    def most_steps(self, state: State) -> int | None:
        """Steps until one is due, at most; None: no matter how many."""
        if self._steps is None:
            return None
        left = self._steps - (state.updates - self._written_at)
        return left if left > 0 else self._steps

    def due(self, state: State) -> bool:
        if self._steps is not None and state.updates - self._written_at >= self._steps:
            return True
        return time.monotonic() - self._written >= self._seconds

    def write(
        self, network: Network, state: State, best: Mapping[str, NDArray[Any]] | None
    ) -> None:
        """Write atomically; OSError (disk full, ...) leaves the last checkpoint as it was."""
        config, tensors = self._contents()
        tensors |= arrays_of(network)
        if best is not None:
            tensors |= {BEST + name: array for name, array in best.items()}
        run = asdict(state)
        # load() keeps "params" as they are; the run had this precision, whatever the default was
        config |= {"run": run, "data": self._data, "run_precision": network.spec["precision"]}
        save_model(self.path, self._kind, config, tensors)
        self.begin(state)
