"""What `LanguageModel` writes to files and reads from them."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pyffnn.corpus import (
    IdVocabulary,
    Vocabulary,
    VocabularyLike,
    WordVocabulary,
    vocabulary_from_dict,
)
from pyffnn.formats.model_file import ModelFile, PathLike, load_model, save_model, write_atomic
from pyffnn.formats.settings_json import params_from_json, params_to_json
from pyffnn.models.fitted import FittedModel
from pyffnn.models.language_model import recipe
from pyffnn.models.language_model.state import LanguageModelFitted, from_file, from_version_one
from pyffnn.models.names import Precision
from pyffnn.models.next_word import NextWordModel
from pyffnn.net import arrays_of
from pyffnn.precision import precision_name
from pyffnn.training import Saved, checkpoint_kind

__all__ = ["StoredLanguageModel"]


class StoredLanguageModel(NextWordModel, FittedModel[LanguageModelFitted]):
    """Model files, the model's part of checkpoints, and embeddings as text."""

    vocabulary: VocabularyLike | None
    precision: Precision | None

    def export_embeddings(self, path: PathLike) -> None:
        """Write the embeddings in the text form of word2vec: a line "V d", then one line a word.

        Raises ValueError for a word with white space, which the form cannot hold.
        """
        fitted = self._state()
        words = [str(w) for w in fitted.vocabulary.decode(np.arange(len(fitted.vocabulary)))]
        for word in words:
            if word.split() != [word]:
                raise ValueError(f"the word {word!r} cannot stand in word2vec's text form")
        table = fitted.embeddings
        head = f"{table.shape[0]} {table.shape[1]}\n".encode()
        lines = (
            (word + " " + " ".join(f"{x:.9g}" for x in row) + "\n").encode()
            for word, row in zip(words, table.tolist(), strict=True)
        )
        write_atomic(path, (part for parts in ([head], lines) for part in parts))

    def save(self, path: PathLike) -> None:
        """Write the model to one safetensors file, atomically; `load` reads it."""
        with (network := self._state().network).reading():
            config, tensors = self._to_file(self._of(network))
            save_model(path, type(self).__name__, config, tensors)

    @classmethod
    def load(cls, path: PathLike) -> Self:
        """Read what `save`, or a checkpoint of `fit`, wrote.

        Raises OSError, and ValueError for a file that is damaged, of another model, or newer.
        """
        return cls._from_file(load_model(path, [cls.__name__, checkpoint_kind(cls.__name__)]), path)

    def _to_file(
        self, fitted: LanguageModelFitted
    ) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Settings and arrays of the model file."""
        tensors = self._file_tensors(fitted) | arrays_of(fitted.network, state=False)
        return self._file_config(fitted), tensors

    @classmethod
    def _from_file(cls, file: ModelFile, path: PathLike) -> Self:
        try:
            model: Any = cls(**params_from_json(file.config["params"]))
            recipe.check(model)
            vocabulary = vocabulary_from_dict(file.config["vocabulary"])
            model._keep(
                from_version_one(model, file, vocabulary)
                if file.version < 2
                else from_file(file, vocabulary)
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"{os.fspath(path)!r} is damaged or of another version: {error}"
            ) from None
        loaded: Self = model
        return loaded

    def _params_json(self) -> dict[str, Any]:
        params = self.get_params()
        if isinstance(self.vocabulary, (WordVocabulary, IdVocabulary)):
            params["vocabulary"] = None  # the fitted one is written beside
        elif self.vocabulary is not None and not isinstance(self.vocabulary, int):
            params["vocabulary"] = list(self.vocabulary)
        return params_to_json(params)

    def _file_config(self, fitted: LanguageModelFitted) -> dict[str, Any]:
        return {
            "params": self._params_json(),
            "spec": dict(fitted.network.spec),
            "seed": fitted.seed,
            "vocabulary": fitted.vocabulary.to_dict(),
            "history": list(fitted.history),
        }

    def _file_tensors(self, fitted: LanguageModelFitted) -> dict[str, NDArray[Any]]:
        by_frequency = fitted.network.by_frequency
        return {} if by_frequency is None else {"by_frequency": by_frequency}

    def _check_same_run(
        self, saved: Saved, vocabulary: Vocabulary, data_id: dict[str, str]
    ) -> None:
        # of another default precision the bits would be others
        params = {**self._params_json(), "precision": precision_name(self.precision)}
        saved.check({"params": params, "data": data_id})
        if vocabulary_from_dict(saved.config["vocabulary"]) != vocabulary:
            raise ValueError(
                f"the checkpoint {saved.path!r} is of another run: it has other training data"
            )
