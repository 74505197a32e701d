"""A fitted model as other hosts see it: what its model file would hold, what its network computes, what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import Vocabulary, vocabulary_from_dict
from pyffnn.formats.model_file import ModelFile
from pyffnn.formats.settings_json import params_from_json
from pyffnn.models.feedforward import FFNNClassifier
from pyffnn.models.feedforward_regressor import FFNNRegressor
from pyffnn.models.fitted import FittedModel
from pyffnn.models.language_model import LanguageModel
from pyffnn.models.language_model.state import from_file as language_model_state
from pyffnn.models.text_classifier import TextClassifier, TextRegressor
from pyffnn.models.values import Scale
from pyffnn.net import copy_arrays
from pyffnn.net.blueprint import Blueprint, blueprint
from pyffnn.text.featurizer import Featurizer

__all__ = ["Portable", "portable", "restored"]

_MODELS: dict[str, Any] = {
    "FFNNClassifier": FFNNClassifier,
    "FFNNRegressor": FFNNRegressor,
    "TextClassifier": TextClassifier,
    "TextRegressor": TextRegressor,
    "LanguageModel": LanguageModel,
}


@dataclass(frozen=True, eq=False)
class Portable:
    """Everything about a fitted model, as of one moment; it shares nothing that changes with it.

    Attributes
    ----------
    file
        The model file's content without the optimizer's state; ``file.model`` is the class's name.
    blueprint
        What the network computes; it uses the file's arrays.
    classes
        Of a classifier.
    one_unit
        Whether one output says "the second of two classes".
    multilabel
        Whether each class has a probability of its own.
    scale
        Of a regressor: from the network's numbers to the targets'.
    featurizer
        Of a model of texts.
    vocabulary
        Of a language model.
    """

    file: ModelFile
    blueprint: Blueprint
    classes: NDArray[Any] | None = None
    one_unit: bool = False
    multilabel: bool = False
    scale: Scale | None = None
    featurizer: Featurizer | None = None
    vocabulary: Vocabulary | None = None


def portable(model: Any, host: str) -> Portable:
    """A fitted classifier, regressor or `LanguageModel` for ``host``, which errors name.

    Raises TypeError for anything else, ValueError for a model that is not fitted.
    """
    kind = _kind(model)
    if kind is None or not isinstance(model, FittedModel):
        known = ", ".join(_MODELS)
        raise TypeError(
            f"model must be one of {known} to be exported to {host}, got {type(model).__name__}"
        )
    with (network := model._state().network).reading():
        fitted: Any = model._of(network)
        owner: Any = model
        tensors = {
            **{name: np.array(a) for name, a in owner._file_tensors(fitted).items()},
            **copy_arrays(network, state=False),
        }
        file = ModelFile(kind, owner._file_config(fitted), tensors)
        featurizer = getattr(fitted, "features", None)
        vocabulary = getattr(fitted, "vocabulary", None)
        return Portable(
            file=file,
            blueprint=blueprint(network.spec, tensors, network.by_frequency),
            classes=getattr(fitted, "classes", None),
            one_unit=bool(getattr(fitted, "one_unit", False)),
            multilabel=bool(getattr(fitted, "multilabel", False)),
            scale=getattr(fitted, "scale", None),
            featurizer=featurizer,
            vocabulary=vocabulary,
        )


def restored(file: ModelFile, tensors: Mapping[str, NDArray[Any]], tokenizer: Any = None) -> Any:
    """The model of a file's content, with ``tensors`` in the place of its arrays of those names.

    ``tokenizer``: that of a model of texts which was trained with a function.
    """
    cls = _MODELS[file.model]
    arrays = {**file.tensors, **tensors}
    content = ModelFile(file.model, file.config, {n: np.array(a) for n, a in arrays.items()})
    params = params_from_json(file.config["params"])
    if cls is LanguageModel:
        model = cls(**params)
        vocabulary = vocabulary_from_dict(file.config["vocabulary"])
        model._keep(language_model_state(content, vocabulary))
        return model
    given = {}
    if "tokenizer" in file.config:
        given["tokenizer"] = tokenizer if file.config["tokenizer"] == "function" else None
    model = cls(**{**params, **cls._arguments(file.config, given)})
    model._restore(content)
    return model


def _kind(model: Any) -> str | None:
    """The name of the model's class, or of the one that it is a descendant of."""
    ancestors = type(model).__mro__
    return next((name for name, cls in _MODELS.items() if cls in ancestors), None)
