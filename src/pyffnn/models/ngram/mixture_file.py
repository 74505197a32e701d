"""A mixture as settings and arrays of one model file: those of its members under names of their own."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pyffnn.formats.model_file import ModelFile, PathLike
from pyffnn.models.ngram.cache import UnigramCache

if TYPE_CHECKING:
    from pyffnn.models.ngram.mixture import Mixture

__all__ = ["from_file", "to_file"]

_MEMBERS = ("neural", "ngram")


def to_file(mixture: Mixture) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `from_file` reads."""
    config: dict[str, Any] = {
        "weights": mixture.weights_,
        "log_likelihoods": mixture.log_likelihoods_,
        "cache": None if mixture.cache is None else asdict(mixture.cache),
    }
    tensors: dict[str, NDArray[Any]] = {}
    for member in _MEMBERS:
        name, own, arrays = _stored(getattr(mixture, member), member)
        config[member] = {"model": name, "config": own}
        tensors |= {f"{member}.{key}": array for key, array in arrays.items()}
    return config, tensors


def from_file(file: ModelFile, path: PathLike) -> tuple[Any, ...]:
    """Arguments of `Mixture`; ValueError for what does not fit together."""
    where = os.fspath(path)
    try:
        members = [_read(file, member, path) for member in _MEMBERS]
        weights = {str(k): float(v) for k, v in file.config["weights"].items()}
        cache = file.config["cache"]
        cache = None if cache is None else UnigramCache(**cache)
        names = ["neural", "ngram"] + ([] if cache is None else ["cache"])
        if list(weights) != names or not math.isclose(sum(weights.values()), 1, abs_tol=1e-6):
            raise ValueError(f"weights of {names} that sum to one were expected, got {weights}")
        trace = [float(x) for x in file.config["log_likelihoods"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{where!r} is damaged or of another version: {error}") from None
    neural, ngram = members
    if len(neural.vocabulary_) != len(ngram.vocabulary_):
        raise ValueError(f"{where!r} is damaged: its models have different vocabularies")
    return ngram, neural, weights, cache, trace


def _stored(model: Any, member: str) -> tuple[str, dict[str, Any], dict[str, NDArray[Any]]]:
    from pyffnn.models.language_model import LanguageModel
    from pyffnn.models.ngram.kneser_ney import KneserNeyLM

    if isinstance(model, KneserNeyLM):
        return ("KneserNeyLM", *model._to_file())
    if isinstance(model, LanguageModel):
        with (network := model._state().network).reading():
            config, tensors = model._to_file(model._of(network))
            return "LanguageModel", config, {name: a.copy() for name, a in tensors.items()}
    raise TypeError(
        f"{member} must be a LanguageModel or a KneserNeyLM for the mixture to be saved, got {type(model).__name__}"
    )


def _read(file: ModelFile, member: str, path: PathLike) -> Any:
    from pyffnn.models.language_model import LanguageModel
    from pyffnn.models.ngram.kneser_ney import KneserNeyLM

    own = file.config[member]
    start = f"{member}."
    part = ModelFile(
        own["model"],
        own["config"],
        {name.removeprefix(start): a for name, a in file.tensors.items() if name.startswith(start)},
    )
    part.version, part.library = file.version, file.library
    kinds: dict[str, Any] = {"LanguageModel": LanguageModel, "KneserNeyLM": KneserNeyLM}
    return kinds[part.model]._from_file(part, path)
