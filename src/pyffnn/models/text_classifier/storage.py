"""What the models of texts add to the model file."""

from __future__ import annotations

import copy
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self, TypeVar

from numpy.typing import NDArray

from pyffnn.formats.model_file import ModelFile, PathLike
from pyffnn.models.arguments import check_flag, check_integer
from pyffnn.models.classifier import Classifier
from pyffnn.models.supervised import Supervised
from pyffnn.models.text_classifier.reading import ReadTexts
from pyffnn.models.text_classifier.state import TextFitted, TextState, set_row_rates
from pyffnn.text.featurizer import Featurizer, TokenizerLike
from pyffnn.text.vectors import PretrainedVectors

__all__ = ["StoredText", "StoredTextClassifier"]

_FEATURES = "features."


F = TypeVar("F", bound=TextState)


class StoredText(Supervised[F]):
    """Writes and reads words, n-grams and tokenizer."""

    tokenizer: TokenizerLike | None
    pretrained_vectors: PretrainedVectors | None

    @property
    def recipe_(self) -> dict[str, Any]:
        """What the settings that were left open came to, why, and what was tried (a copy); {} in models of old files."""
        return copy.deepcopy(dict(self._state().recipe))

    def prune(self, keep: int | None = None, *, min_count: int = 1) -> Self:
        """A smaller model: without the n-grams that say least, and without rare words. This one stays as it is.

        Parameters
        ----------
        keep
            N-grams at most: those with the longest rows. None: all.
        min_count
            Words met less often in training become unknown words, and n-grams with them go.

        Returns
        -------
        A fitted model of the same class.

        Raises
        ------
        ValueError
            Not fitted; n-grams that share rows (``buckets``); a model that has grown by
            ``partial_fit``; a ``min_count`` that no word reaches.
        """
        from pyffnn.models.text_classifier.pruning import pruned

        if keep is not None:
            keep = check_integer("keep", keep, 0)
        min_count = check_integer("min_count", min_count, 1)
        with (network := self._state().network).reading():
            return self._with(pruned(self._of(network), keep, min_count))

    def quantize(self, keep: int | None = None, *, dsub: int = 2, qnorm: bool = False) -> Self:
        """A model with a smaller file: each row of its table becomes a byte for every ``dsub`` numbers.

        Product quantisation (Jegou, Douze & Schmid 2011), as fastText has it: the parts of rows are replaced by the nearest of 256 centroids.
        `save` writes their numbers, for 16 numbers 8 bytes in place of 64. In memory rows stay float32, so predictions take as long as before.
        C functions do not read such a file. `partial_fit` goes on from the quantised rows; a file then holds the rows again. This model stays
        as it is.

        Parameters
        ----------
        keep
            N-grams at most, as `prune` takes it. None: all.
        dsub
            Numbers of a part, at least 1.
        qnorm
            Quantise the lengths of rows apart: a byte a row more, for smaller errors.

        Returns
        -------
        A fitted model of the same class; the same seed gives the same bits.

        Raises
        ------
        ValueError
            Not fitted; fewer than 256 rows; weights that are not finite; ``dsub`` or ``keep`` out of range, or what `prune` refuses.
        """
        from pyffnn.models.text_classifier.pruning import quantised

        dsub = check_integer("dsub", dsub, 1)
        check_flag("qnorm", qnorm)
        model = self if keep is None else self.prune(keep)
        with (network := model._state().network).reading():
            return self._with(quantised(model._of(network), dsub, bool(qnorm)))

    @classmethod
    def load(cls, path: PathLike, *, tokenizer: TokenizerLike | None = None) -> Self:
        """Read a model that `save`, or a checkpoint that `fit`, wrote.

        ``tokenizer``: the function that a model with a tokenizer function was trained with; a file
        cannot hold it. A `tokenizers.Tokenizer` is in the file.

        Raises OSError when there is no such file, ValueError when it is no model of this class,
        damaged, written by a newer version, or when the tokenizer is missing.
        """
        return cls._load(path, tokenizer=tokenizer)

    @classmethod
    def _arguments(cls, config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        return {"tokenizer": _tokenizer_from_json(config["tokenizer"], given["tokenizer"])}

    def _params_json(self) -> dict[str, Any]:
        params = super()._params_json()
        if not isinstance(self.pretrained_vectors, str):
            params.pop("pretrained_vectors", None)
        return params

    def to_c(self, directory: PathLike, *, name: str = "model") -> tuple[Path, Path, Path]:
        """Write the fitted model as C code that predicts without Python, pyffnn or any other library.

        Parameters
        ----------
        directory
            Where to; made where it is missing. Files of the same names are replaced.
        name
            A C identifier: of the files ``<name>.c``, ``<name>.h`` and ``<name>.bin`` (the weights), and
            before every function.

        Returns
        -------
        The paths of the code, the header and the weights. The header says how to use them.

        The probabilities are those of `predict_proba`, the numbers of a regressor those of `predict`, but for rounding. Where the first layer has no
        more units than the embeddings have numbers it is folded into their table, which is then
        smaller, and one product less is taken.

        Raises
        ------
        ValueError
            Not fitted, a ``name`` that is no identifier, or a model that the code cannot hold: one with
            a ``tokenizer``, with ``windows``, or with ``output="adaptive"``.
        OSError
            The files cannot be written.
        """
        from pyffnn.models.text_classifier.to_c import write_c

        with (network := self._state().network).reading():
            fitted: Any = self._of(network)
            return write_c(fitted, directory, name)

    @abstractmethod
    def _state_of(self, **parts: Any) -> F:
        """The state of these parts."""

    def _file_config(self, fitted: F) -> dict[str, Any]:
        return {
            **super()._file_config(fitted),
            "tokenizer": _tokenizer_to_json(fitted.features.tokenizer),
            "recipe": dict(fitted.recipe),
        }

    def _file_tensors(self, fitted: F) -> dict[str, NDArray[Any]]:
        state = {_FEATURES + name: array for name, array in fitted.features.state().items()}
        return {**super()._file_tensors(fitted), **state}

    def _restored(self, parts: dict[str, Any], file: ModelFile) -> F:
        state = {
            name.removeprefix(_FEATURES): array
            for name, array in file.tensors.items()
            if name.startswith(_FEATURES)
        }
        features = Featurizer.from_state(state, tokenizer=self.tokenizer)
        network = parts["network"]
        if features.num_rows != network.spec["rows"]:
            raise ValueError("its vocabulary and its embeddings differ in size")
        set_row_rates(network, features)
        return self._state_of(
            **parts,
            features=features,
            length=network.spec["max_tokens"] or None,
            recipe=file.config.get("recipe", {}),
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        memo[id(self.tokenizer)] = self.tokenizer  # that of the state stays the same one
        return super().__deepcopy__(memo)


class StoredTextClassifier(StoredText[TextFitted], Classifier[TextFitted]):
    """Writes and reads classes beside them."""

    _calibrates_by_spread = True

    def _new_state(self, read: ReadTexts, **parts: Any) -> TextFitted:
        targets = read.targets
        return TextFitted(
            classes=targets.classes,
            multilabel=targets.multilabel,
            as_sets=read.as_sets,
            thresholds=self._given_thresholds(targets),
            **parts,
        )

    def _state_of(self, **parts: Any) -> TextFitted:
        return TextFitted(**parts)

    def _file_config(self, fitted: TextFitted) -> dict[str, Any]:
        return {**super()._file_config(fitted), "as_sets": fitted.as_sets}

    def _target_parts(self, file: ModelFile) -> dict[str, Any]:
        return {**super()._target_parts(file), "as_sets": file.config["as_sets"]}


def _tokenizer_to_json(tokenizer: TokenizerLike | None) -> Any:
    """All of a `tokenizers.Tokenizer`; of a function only that it was one."""
    if tokenizer is None:
        return None
    to_str = getattr(tokenizer, "to_str", None)
    return {"json": to_str()} if to_str else "function"


def _tokenizer_from_json(kept: Any, given: TokenizerLike | None) -> TokenizerLike | None:
    """That of a file, or ``given`` in its place; ValueError where one must or must not be given."""
    if given is not None:
        if kept is None:
            raise ValueError("it was trained without a tokenizer")
        return given
    if kept == "function":
        raise ValueError("it was trained with a tokenizer function: pass it as tokenizer=")
    if kept is None:
        return None
    from tokenizers import Tokenizer

    tokenizer: TokenizerLike = Tokenizer.from_str(kept["json"])
    return tokenizer
