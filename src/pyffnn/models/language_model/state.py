"""The fitted state of a `LanguageModel`, and how it comes out of model files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import Vocabulary
from pyffnn.formats import version_one
from pyffnn.formats.model_file import ModelFile
from pyffnn.models.fitted import Fitted
from pyffnn.models.language_model import recipe
from pyffnn.net import Examples, Network, Targets, set_arrays
from pyffnn.training import BEST, Data, Record

if TYPE_CHECKING:
    from pyffnn.models.language_model.model import LanguageModel

__all__ = ["LanguageModelFitted", "from_file", "from_version_one"]


@dataclass(frozen=True, eq=False)
class LanguageModelFitted(Fitted):
    """The state of a `LanguageModel`."""

    vocabulary: Vocabulary

    def stream(self, ids: NDArray[np.int32]) -> Data:
        """A stream of tokens, each of which is to be told from those before it."""
        size = len(self.vocabulary)
        return Data(Examples.stream(ids, size), Targets.classes(ids, size))

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """Live view, shape (V, d)."""
        spec, parameters = self.network.spec, self.network.parameters()
        if spec["tied"]:
            return parameters["output.weight"][:, : spec["dim"]]
        return parameters["embedding"]


def from_file(file: ModelFile, vocabulary: Vocabulary) -> LanguageModelFitted:
    """The state in a file of today."""
    config, tensors = file.config, file.tensors
    network = Network(config["spec"], tensors.pop("by_frequency", None))
    set_arrays(network, {n: a for n, a in tensors.items() if not n.startswith("state.")})
    best = {n.removeprefix(BEST): a for n, a in tensors.items() if n.startswith(BEST)}
    if best:
        set_arrays(network, best)
    history = config["run"]["history"] if "run" in config else config["history"]
    return LanguageModelFitted(network, config["seed"], history, {}, vocabulary)


def from_version_one(
    model: LanguageModel, file: ModelFile, vocabulary: Vocabulary
) -> LanguageModelFitted:
    """The state in a file of version 1, where the spec followed from the settings of ``model``."""
    config, tensors = file.config, file.tensors
    history = config["history"] if "run" not in config else config["run"]["history"]
    if "run" in config:
        over = config["run"]["finished"] and model.early_stopping is not False
        tensors = version_one.checkpoint_tensors(tensors, best=over)
    seed = int(cast(int, model.random_state))
    network = Network(
        recipe.network_spec(model, len(vocabulary), seed), tensors.pop("by_frequency", None)
    )
    set_arrays(network, version_one.language_model_tensors(tensors))
    history = cast(list[Record], version_one.history_from_one(history))
    return LanguageModelFitted(network, seed, history, {}, vocabulary)
