"""N-gram states as settings and arrays of a model file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import vocabulary_from_dict
from pyffnn.formats.model_file import ModelFile
from pyffnn.models.ngram.counted import Counted
from pyffnn.models.ngram.smoothing import Level
from pyffnn.models.ngram.trie import NgramTrie

__all__ = ["from_file", "to_file"]


def to_file(counted: Counted) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `from_file` reads."""
    tensors: dict[str, NDArray[Any]] = {
        "discounts": counted.discounts,
        "counts_of_counts": counted.counts_of_counts,
    }
    for k, (keys, level) in enumerate(zip(counted.trie.keys, counted.levels, strict=True), 1):
        if k > 1:  # those of unigrams are the ids
            tensors[f"keys{k}"] = keys
        tensors[f"alpha{k}"], tensors[f"gamma{k}"] = level
    if counted.valid is not None:
        tensors["valid"] = counted.valid
    if counted.valid_perplexity is not None:  # perhaps infinite, which JSON cannot hold
        tensors["valid_perplexity"] = np.array([counted.valid_perplexity])
    config = {
        "order": counted.trie.order,
        "num_tokens": counted.num_tokens,
        "vocabulary": counted.vocabulary.to_dict(),
    }
    return config, tensors


def from_file(file: ModelFile) -> Counted:
    """The state in a model file; ValueError, TypeError or KeyError where its parts do not fit each other."""
    config, tensors = file.config, file.tensors
    vocabulary, order = vocabulary_from_dict(config["vocabulary"]), int(config["order"])
    size = len(vocabulary)
    keys = [np.arange(size, dtype=np.int64)]
    for k in range(2, order + 1):
        keys.append(_array(tensors, f"keys{k}", np.int64, None))
        _check_keys(keys[-1], keys[-2].size * size, f"keys{k}")
    contexts = [1, *(array.size for array in keys)]
    levels = tuple(
        Level(
            _array(tensors, f"alpha{k}", np.float64, (keys[k - 1].size + 1,)),
            _array(tensors, f"gamma{k}", np.float64, (contexts[k - 1] + 1,)),
        )
        for k in range(1, order + 1)
    )
    valid = None
    if "valid" in tensors:
        valid = _array(tensors, "valid", np.int32, None)
        if valid.size and not (valid.min() >= 0 and valid.max() < size):
            raise ValueError("valid has ids outside the vocabulary")
    perplexity = None
    if "valid_perplexity" in tensors:
        perplexity = float(_array(tensors, "valid_perplexity", np.float64, (1,))[0])
    return Counted(
        trie=NgramTrie(size, keys),
        levels=levels,
        discounts=_array(tensors, "discounts", np.float64, (order, 3)),
        counts_of_counts=_array(tensors, "counts_of_counts", np.int64, (order, 4)),
        num_tokens=int(config["num_tokens"]),
        vocabulary=vocabulary,
        valid=valid,
        valid_perplexity=perplexity,
    )


def _array(
    tensors: dict[str, NDArray[Any]], name: str, dtype: Any, shape: tuple[int, ...] | None
) -> NDArray[Any]:
    array = tensors[name]
    if array.dtype != dtype or array.ndim != (1 if shape is None else len(shape)):
        raise ValueError(f"{name} has dtype {array.dtype} and shape {array.shape}")
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, not {shape}")
    return array


def _check_keys(keys: NDArray[np.int64], limit: int, name: str) -> None:
    rising = bool((np.diff(keys) > 0).all())
    if keys.size and not (rising and keys[0] >= 0 and keys[-1] < limit):
        raise ValueError(f"{name} are no sorted n-grams")
