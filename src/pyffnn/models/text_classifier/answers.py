"""What a fitted `TextClassifier` can be asked: labels, their probabilities and reasons, vectors of documents and words."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import PathLike
from pyffnn.models.arguments import check_integer
from pyffnn.models.checks import check_texts
from pyffnn.models.classifier import named
from pyffnn.models.explain import Explanation
from pyffnn.models.explain.explainers import explain_text
from pyffnn.models.fitted import FittedModel
from pyffnn.models.neighbours import nearest_rows
from pyffnn.models.text_classifier.corpora import TextCorpora
from pyffnn.models.text_classifier.reading import Reader, Texts, collected, is_path
from pyffnn.models.text_classifier.state import TextFitted, TextState
from pyffnn.models.text_classifier.storage import StoredTextClassifier
from pyffnn.net import Examples
from pyffnn.text.vector_files import save_vectors

__all__ = ["TextAnswers", "TextVectors"]

F = TypeVar("F", bound=TextState)

_FEW = 1 << 20  # probabilities, which take little room


class TextVectors(FittedModel[F]):
    """Vectors of documents and words."""

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Vectors of documents: what pooling or concatenation gives the first layer.

        Shape (n, embedding_dim); with several poolings one beside the other, with
        ``pooling="concat"`` (n, max_tokens * embedding_dim). A text without known words is a vector
        of zeros. Raises as `predict_proba`.
        """
        X = self._collected(X)

        def ask(fitted: F) -> NDArray[np.float32]:
            return fitted.network.values(self._asked(fitted, X), "input", None, self._threads())

        return self._consistently(ask)

    def word_vector(self, word: str) -> NDArray[np.float32]:
        """A copy of the embedding of a word, shape (embedding_dim,).

        Raises ValueError when not fitted, or for a word outside the vocabulary.
        """

        def ask(fitted: F) -> NDArray[np.float32]:
            rows = _rows_of_words(fitted)
            table = fitted.network.parameters()["embedding"]
            return np.array(table[rows[_number(fitted, word)]])

        return self._consistently(ask)

    def nearest_words(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The ``k`` words whose embeddings have the greatest cosine with that of ``word``, and those cosines.

        Raises ValueError when not fitted, or for a word outside the vocabulary.
        """
        self._check_fitted()
        k = check_integer("k", k, 1)

        def ask(fitted: F) -> list[tuple[str, float]]:
            words, rows = fitted.features.words()
            table = fitted.network.parameters()["embedding"][rows]
            best, cosines = nearest_rows(table, _number(fitted, word), k)
            return [(words[i], c) for i, c in zip(best.tolist(), cosines.tolist(), strict=True)]

        return self._consistently(ask)

    def save_vectors(self, path: PathLike) -> None:
        """Write the words and their embeddings to a file that ``pretrained_vectors`` and other programs read.

        The name says the form: ``.npy`` (the words go into a file of the same name that ends in
        ``.words``), ``.safetensors``, else word2vec's text, gzipped where it ends in ``.gz``.

        Raises ValueError when not fitted, OSError where the file cannot be written.
        """

        def ask(fitted: F) -> tuple[list[str], NDArray[np.float32]]:
            words, rows = fitted.features.words()
            return words, fitted.network.parameters()["embedding"][rows]

        save_vectors(path, *self._consistently(ask))

    def _asked(self, fitted: F, X: Any) -> Examples:
        return fitted.encoded(X)

    def _collected(self, X: Any) -> Any:
        self._check_fitted()
        check_texts(X)
        return collected(X)

    @staticmethod
    def _twice(X: Any) -> Any:
        if is_path(X):
            raise ValueError("X must be texts, not the path of a file: transform takes no file")
        return collected(X)

    def _notes(self, fitted: F) -> tuple[tuple[str, str], ...]:
        features, spec = fitted.features, fitted.network.spec
        words = features.num_words
        how = f"concat of {fitted.length}"
        if fitted.length is None:
            pool = spec["pool"]
            how = pool if isinstance(pool, str) else ", ".join(pool)
            if window := spec["window"]:
                how += f" of windows of {window} words"
        return (
            ("rows", f"{words:,} words, {features.num_rows - words:,} n-grams"),
            ("pooling", how),
        )


class TextAnswers(TextCorpora, TextVectors[TextFitted], StoredTextClassifier):
    """And labels, with the reasons for them."""

    @abstractmethod
    def _reader(self, fitted: TextFitted | None = None) -> Reader:
        """How texts and labels are read."""

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Probability of each class for each text, shape (n, n_classes); rows sum to 1 unless multi-label.

        Raises ValueError when not fitted, TypeError for what is not a collection of texts.
        """
        # one look at each thing: a prediction of one text has no time for more
        n_threads = self.n_threads
        if n_threads is None or type(n_threads) is not int or n_threads < 1:
            n_threads = self._threads()
        own = self.__dict__
        kept: TextFitted | None = None if own.get("_shown") else own.get("_kept")
        if type(X) is list and kept is not None:
            p = kept.of_list(X, n_threads)
            if kept.network.owner.found() is kept:  # `owns`, without a call
                return p
        elif type(X) is not list:
            self._check_fitted()
            X = self._texts(X)
        return self._consistently(lambda fitted: fitted.probabilities(X, n_threads))

    def predict(self, X: Iterable[str]) -> NDArray[Any] | Any:
        """The most probable class of each text, shape (n,); with ``reject`` None for "none of these".

        With ``multilabel`` the labels of probability above 1/2, in the form of the training data: a
        list of tuples, or a matrix of zeros and ones [n, n_classes].
        """
        own = self.__dict__
        kept: TextFitted | None = None if own.get("_shown") else own.get("_kept")
        if (
            kept is not None
            and type(X) is list
            and len(X) * kept.classes.size <= _FEW
            and not kept.multilabel
            and kept.trust.floor is None
        ):
            p = self.predict_proba(X)
            # no other state came between, so the probabilities are those of this one
            if kept.network.owner.found() is kept:
                return kept.classes[p.argmax(axis=1)]
        X = self._texts(X)

        def ask(fitted: TextFitted) -> NDArray[Any] | list[Any]:
            examples = fitted.encoded(X)
            if not fitted.multilabel:
                return named(fitted, self._codes(fitted, examples))
            found = self._predicted(fitted, examples)
            if not fitted.as_sets:
                return found.matrix().astype(np.int64)
            names = fitted.classes.tolist()
            return [tuple(names[i] for i in row) for row in found.rows()]

        return self._consistently(ask)

    def score(self, X: Texts, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy; with ``multilabel`` a text counts as right if all its labels are.

        Labels that training has not met count as wrong; with ``reject`` "none of these" is right for
        them alone. Raises ValueError for labels of another
        number, or of a type that no class has.
        """
        self._check_fitted()
        X = collected(X)
        with (network := self._state().network).reading():
            fitted = self._of(network)
            read = self._reader(fitted).known(fitted.features, X, y, fitted.classes, others=True)
            return self._score(fitted, fitted.examples(read.corpus), read.targets, sample_weight)

    def _texts(self, X: Any) -> Any:
        if type(X) is list:
            return X
        self._check_fitted()
        check_texts(X)
        return collected(X)

    @property
    def vocabulary_(self) -> list[str]:
        return self._state().features.vocabulary

    @property
    def embeddings_(self) -> NDArray[np.float32]:
        table: NDArray[np.float32] = self._state().network.parameters()["embedding"]
        return table

    @overload
    def explain(self, text: str, classes: Any = None) -> Explanation: ...  # type: ignore[overload-overlap]
    @overload
    def explain(self, text: Iterable[str], classes: Any = None) -> list[Explanation]: ...
    def explain(
        self, text: str | Iterable[str], classes: Any = None
    ) -> Explanation | list[Explanation]:
        """What share each word and n-gram of a text has in the logit of each class.

        Shares and the logit of an empty text (``bias``) add up to the logit. Without hidden layers
        they are exact; through hidden layers they are integrated gradients (Sundararajan, Taly & Yan
        2017) from an empty text to this one. ``print`` shows a table, a notebook coloured text.

        Parameters
        ----------
        text
            A text, or several.
        classes
            A label, or several; None: all of up to 20, of more the ten likeliest.

        Returns
        -------
        Explanation, or a list of them for several texts

        Raises
        ------
        ValueError
            Not fitted; a label that is none; ``output`` other than "softmax".
        TypeError
            What is not text.
        """
        self._check_fitted()
        if not isinstance(text, str):
            return [self.explain(one, classes) for one in self._collected(text)]

        def ask(fitted: TextFitted) -> Explanation:
            p = self._probabilities(fitted, fitted.encoded([text]))[0]
            return explain_text(fitted, fitted.features, fitted.length, text, classes, p)

        return self._consistently(ask)


def _rows_of_words(fitted: TextState) -> NDArray[np.int64]:
    return fitted.features.words()[1]


def _number(fitted: TextState, word: str) -> int:
    """Of a word in the vocabulary; ValueError for another."""
    if not isinstance(word, str):
        raise TypeError(f"word must be a str, got {type(word).__name__}")
    row = fitted.features.word_id(word)
    if row < 0 and fitted.features.lowercase:
        row = fitted.features.word_id(word.lower())
    if row < 0:
        raise ValueError(f"{word!r} is not in the vocabulary")
    return int(np.flatnonzero(_rows_of_words(fitted) == row)[0])
