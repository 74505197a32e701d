"""Texts and labels as `TextClassifier` gets them, read into corpora and targets."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.models.checks import check_same_length, check_texts
from pyffnn.models.label_sets import is_matrix, matrix_targets, set_targets
from pyffnn.models.labels import Targets, encode, find_classes, given_classes, to_labels
from pyffnn.models.soft_labels import is_soft, shares_in_file, soft_targets
from pyffnn.models.values import check_values
from pyffnn.text.corpus import Corpus
from pyffnn.text.featurizer import Featurizer
from pyffnn.text.labelled import LabelledFile, name_of, read_labelled
from pyffnn.training import fingerprint

__all__ = ["RawValues", "ReadTexts", "Reader", "Texts", "ValueReader", "collected", "is_path"]

Texts: TypeAlias = Iterable[str] | str | os.PathLike[str]


class ReadTexts(NamedTuple):
    """A corpus with its targets; ``as_sets``: labels came as a list a text."""

    corpus: Corpus
    targets: Any
    as_sets: bool

    def identity(self, weight: NDArray[Any] | None, groups: NDArray[Any] | None = None) -> str:
        """Tells the texts, their targets, weights and groups from others."""
        core = self.corpus.core
        state = self.corpus.featurizer.state()
        words = [state[name] for name in sorted(state)]
        return fingerprint(core.offsets, core.ids, *words, *self.targets.arrays, weight, groups)


class Reader(NamedTuple):
    """How texts and labels are read.

    ``owner`` names the model in errors; ``as_sets`` says whether a fitted multi-label model was
    given lists of labels; None: there is none yet.
    """

    owner: str
    label_prefix: str
    multilabel: bool
    as_sets: bool | None = None

    def training(
        self, features: Featurizer, X: Texts, y: Any, classes: ArrayLike | None
    ) -> ReadTexts:
        """Texts whose words make the vocabulary, and targets over ``classes`` or their own."""
        known = None if classes is None else given_classes(classes, self.owner)
        read = self._read(features, X, y, known, "", how="fit")
        corpus = read.corpus
        if not len(corpus):
            raise ValueError(f"X has no texts: {self.owner} needs a minimum of 1 sample")
        if not corpus.num_tokens or not features.num_rows:
            raise ValueError(
                "empty vocabulary: the texts have no words"
                if not corpus.num_tokens
                else f"empty vocabulary: no word occurs min_count={features.min_count} times"
            )
        return read

    def known(
        self,
        features: Featurizer,
        X: Texts,
        y: Any,
        classes: NDArray[Any],
        suffix: str = "",
        *,
        others: bool = False,
    ) -> ReadTexts:
        """Other texts, at least one, with targets among ``classes``; ``others`` as in `encode`."""
        read = self._read(features, X, y, classes, suffix, others=others)
        if not len(read.corpus):
            raise ValueError(f"X{suffix} has no texts: {self.owner} needs a minimum of 1 sample")
        return read

    def growing(
        self,
        features: Featurizer,
        X: Texts,
        y: Any,
        classes: NDArray[Any],
        least: dict[str, int],
    ) -> ReadTexts:
        """More texts to train on, whose featurizer also knows their new words and n-grams.

        ``least``: how often the texts must have them, as `Featurizer.extend` takes it.
        """
        read = self._read(features, X, y, classes, "", how="extend", least=least)
        if not len(read.corpus):
            raise ValueError(f"X has no texts: {self.owner} needs a minimum of 1 sample")
        return read

    def _read(
        self,
        features: Featurizer,
        X: Texts,
        y: Any,
        classes: NDArray[Any] | None,
        suffix: str,
        *,
        how: Literal["fit", "encode", "extend"] = "encode",
        others: bool = False,
        least: dict[str, int] | None = None,
    ) -> ReadTexts:
        if is_path(X) and y is None:
            read = self._file(features, X, classes, how, others, least or {})
        else:
            corpus = getattr(features, how)(self.texts(X, y, suffix), **(least or {}))
            targets, as_sets = self._targets(y, classes, f"y{suffix}", others)
            read = ReadTexts(corpus, targets, as_sets)
        check_same_length(**{f"X{suffix}": len(read.corpus), f"y{suffix}": read.targets.size})
        return read

    def texts(self, X: Any, y: Any, suffix: str = "") -> Iterable[str]:
        """``X``, unless it is no collection of texts or has no labels."""
        if isinstance(X, (str, bytes, os.PathLike)):
            raise ValueError(
                f"Iterable over raw text documents expected for X{suffix}, {type(X).__name__} "
                f"object received; the path of a file goes without y{suffix}"
            )
        check_texts(X, f"X{suffix}")
        if y is None:
            raise ValueError(
                f"This {self.owner} estimator requires y to be passed, but the target y{suffix} is "
                "None."
            )
        texts: Iterable[str] = X
        return texts

    def _file(
        self,
        features: Featurizer,
        path: Any,
        classes: NDArray[Any] | None,
        how: Literal["fit", "encode", "extend"],
        others: bool,
        least: dict[str, int],
    ) -> ReadTexts:
        if not isinstance(path, LabelledFile):
            with LabelledFile(path) as opened:
                return self._file(features, opened, classes, how, others, least)
        corpus: Corpus
        fasttext = path.form(self.label_prefix, otherwise="fasttext") == "fasttext"
        if features.tokenizer is not None or not fasttext:
            texts, sets = read_labelled(path, self.label_prefix, several=self.multilabel)
            corpus = getattr(features, how)(texts, **least)
            names = sorted({label for labels in sets for label in labels})
            numbers = {name: i for i, name in enumerate(names)}
            ids: NDArray[Any] = np.array(
                [numbers[label] for labels in sets for label in labels], np.int64
            )
            offsets = np.cumsum([0, *map(len, sets)])
        else:
            read = getattr(features, f"{how}_file")
            # a plain file is read where it lies, without Python
            source = path.path or path
            corpus = read(source, label_prefix=self.label_prefix, **least)
            names = [name[len(self.label_prefix) :] for name in corpus.label_names]
            ids, offsets = corpus.labels
        targets = self._file_targets(path, names, ids, offsets, classes, others)
        return ReadTexts(corpus, targets, self.multilabel)

    def _file_targets(
        self,
        path: Any,
        names: list[str],
        ids: NDArray[Any],
        offsets: NDArray[np.int64],
        classes: NDArray[Any] | None,
        others: bool,
    ) -> Targets:
        where = name_of(path)
        if not self.multilabel:
            soft = shares_in_file(names, ids, offsets, classes, where)
            if soft is not None:
                return soft
        if classes is None:
            if not names:
                raise ValueError(
                    f"{where!r} has no labels (words that begin with {self.label_prefix!r}, or a column)"
                )
            classes = np.array(sorted(names))
        number = encode(np.array(names, dtype=object), classes, where, others=others)
        counts = np.diff(offsets)
        if self.multilabel:
            texts = np.repeat(np.arange(counts.size), counts)
            return Targets.of_sets(classes, texts, number[ids], counts.size)
        for wrong, what in (
            (counts == 0, "no label"),
            (counts > 1, "several labels (multilabel=True, --multilabel, learns them)"),
        ):
            if wrong.any():
                raise ValueError(
                    f"{where!r}: {wrong.sum()} texts have {what}, the first is number "
                    f"{wrong.argmax() + 1}"
                )
        return Targets(classes, codes=number[ids])

    def _targets(
        self, y: Any, classes: NDArray[Any] | None, name: str, others: bool
    ) -> tuple[Targets, bool]:
        if not self.multilabel:
            # a matrix of zeros and ones is one of labels, unless its type says that they are shares
            if is_soft(y, hard_too=True):
                return soft_targets(y, classes, name), False
            labels = to_labels(y, self.owner, name, warn=not others)
            if classes is None:
                return Targets(*find_classes(labels)), False
            return Targets(classes, codes=encode(labels, classes, name, others=others)), False
        # lists of zeros and ones are labels where the model was trained on lists of labels
        if is_matrix(y) and not (self.as_sets and isinstance(y, (list, tuple))):
            return matrix_targets(y, classes, name), False
        return set_targets(y, classes, name, others=others), True


class RawValues(NamedTuple):
    """Targets of real numbers [N, outputs] in the unit that they came in; ``flat``: one number an example."""

    numbers: NDArray[np.float64]
    flat: bool

    @property
    def size(self) -> int:
        return len(self.numbers)

    @property
    def given(self) -> NDArray[np.float64]:
        """In the shape that they came in."""
        return self.numbers[:, 0] if self.flat else self.numbers


class ValueReader(Reader):
    """How texts and real numbers are read. In a file, labels are the numbers: one a text, or as many for each."""

    def _targets(self, y: Any, classes: Any, name: str, others: bool) -> tuple[Any, bool]:
        return RawValues(*check_values(y, self.owner, name)), False

    def _file_targets(
        self,
        path: Any,
        names: list[str],
        ids: NDArray[Any],
        offsets: NDArray[np.int64],
        classes: NDArray[Any] | None,
        others: bool,
    ) -> Any:
        counts = np.diff(offsets)
        if not counts.size:
            return RawValues(np.zeros((0, 1)), True)
        if (counts != counts[0]).any() or not counts[0]:
            odd = int((counts != max(counts[0], 1)).argmax())
            raise ValueError(
                f"{name_of(path)!r}: text number {odd + 1} has {counts[odd]} labels "
                f"({self.label_prefix!r} and a number) where {max(counts[0], 1)} must be"
            )
        try:
            values = np.array([float(name) for name in names], np.float64)
        except ValueError as error:
            raise ValueError(f"{name_of(path)!r}: a label must be a number: {error}") from None
        rows = values[ids].reshape(counts.size, counts[0])
        return RawValues(*check_values(rows[:, 0] if counts[0] == 1 else rows, self.owner, "y"))


def is_path(X: Any) -> TypeGuard[str | os.PathLike[str]]:
    """Whether it is the path of a file, or a file opened for reading bytes."""
    return isinstance(X, (str, os.PathLike)) or callable(getattr(X, "read", None))


def collected(texts: Any) -> Any:
    """The same texts; an iterator is used up, so that it can be read twice, and under no lock."""
    if is_path(texts) or hasattr(texts, "__len__") or not hasattr(texts, "__iter__"):
        return texts
    return list(texts)
