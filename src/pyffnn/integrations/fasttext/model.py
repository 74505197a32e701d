"""The model object of fastText's module."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn import _pyffnn
from pyffnn.models.names import Reduce

from .meter import Counts, Meter

if TYPE_CHECKING:
    from .arguments import Arguments

__all__ = ["BOW", "EOS", "EOW", "load_model", "tokenize"]

EOS = "</s>"
BOW = "<"
EOW = ">"

LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
MODELS = {1: "cbow", 2: "skipgram", 3: "supervised"}


def _never_trained(*_: Any) -> NoReturn:
    raise ValueError("Model never trained")


class MissingFileError(FileNotFoundError, ValueError):
    """A file that is not there: the ValueError that fastText raises, and the usual FileNotFoundError."""


class _FastText:
    """A model as `load_model`, `train_supervised` and `train_unsupervised` return it.

    Any number of threads may use one at the same time. Texts are one line each, split at white space (space, tab, vertical tab,
    carriage return, form feed, NUL); words that begin with the label prefix are labels.
    """

    def __init__(
        self, model_path: str | os.PathLike[str] | None = None, args: Arguments | None = None
    ) -> None:
        self._core: _pyffnn.FastTextModel | None = None
        self._predict_one: Callable[[str, int, float, str], Any] = _never_trained
        self._names: list[str | bytes] = []
        self._words: list[str] | None = None
        self._labels: list[str] | None = None
        self._directions: NDArray[np.float32] | None = None
        self._args = args
        if model_path is not None:
            self._set_core(_load(model_path))
        self.set_args(args)

    def _set_core(self, core: _pyffnn.FastTextModel) -> None:
        first, end = core.num_words, core.num_words + core.num_labels
        names: list[str | bytes] = []
        for name in core.entries(first, end):
            try:
                names.append(name.decode())
            except UnicodeDecodeError:
                names.append(name)  # decoded, or refused, where it is predicted
        self._words = self._labels = self._directions = None
        self._names = names
        self._core = core
        self._predict_one = core.predictor(names)

    @property
    def _model(self) -> _pyffnn.FastTextModel:
        if self._core is None:
            _never_trained()
        return self._core

    def set_args(self, args: Any = None) -> None:
        """Keep the settings of `args` as attributes (`lr`, `dim`, `epoch`, ...), as training does."""
        if args is not None:
            for name in _KEPT:
                setattr(self, name, getattr(args, name))

    def __repr__(self) -> str:
        core = self._core
        if core is None:
            return "<pyffnn fastText model, not trained>"
        kind = MODELS[core.settings()["model"]]
        return (
            f"<pyffnn fastText model: {kind}, {core.num_words:,} words, {core.num_labels:,} labels>"
        )

    # ---- prediction

    @overload  # a str is an iterable of str, too
    def predict(  # type: ignore[overload-overlap]
        self,
        text: str,
        k: int = 1,
        threshold: float = 0.0,
        on_unicode_error: str = "strict",
        n_threads: int | None = None,
    ) -> tuple[tuple[str, ...], NDArray[np.float64]]: ...
    @overload
    def predict(
        self,
        text: Iterable[str],
        k: int = 1,
        threshold: float = 0.0,
        on_unicode_error: str = "strict",
        n_threads: int | None = None,
    ) -> tuple[list[list[str]], list[NDArray[np.float32]]]: ...
    def predict(
        self,
        text: str | Iterable[str],
        k: int = 1,
        threshold: float = 0.0,
        on_unicode_error: str = "strict",
        n_threads: int | None = None,
    ) -> Any:
        """(labels, probabilities) of a text, the `k` best (-1: all) with at least probability `threshold`, best first.

        A str gives a tuple of labels and a float64 array; a list (or other iterable of str) gives a list of lists and a list of
        float32 arrays, computed in one call without the GIL on up to `n_threads` threads (None: those of pyffnn). No
        probability exceeds 1. `on_unicode_error` says how labels that are no UTF-8 are decoded.
        Raises ValueError for a line feed in a text, for k below 1 and other than -1, and if the model is not supervised.
        """
        if isinstance(text, str):
            return self._predict_one(text, k, threshold, on_unicode_error)
        model, names = self._model, self._names
        texts: Any = text
        if isinstance(texts, bytes | bytearray) or not isinstance(texts, Iterable):
            raise TypeError(f"text must be str or a list of str, got {type(text).__name__}")
        texts = texts if type(texts) is list else list(texts)
        return model.predict(texts, k, threshold, names, on_unicode_error, _threads(n_threads))

    def get_line(
        self, text: str | list[str], on_unicode_error: str = "strict"
    ) -> tuple[list[Any], list[Any]]:
        """(words, labels) of a line, or lists of those of a list of lines. Raises ValueError for a line feed."""
        if isinstance(text, str):
            return self._model.read_line(text, on_unicode_error)
        pairs = [self._model.read_line(line, on_unicode_error) for line in text]
        return [words for words, _ in pairs], [labels for _, labels in pairs]

    def test(
        self, path: str | os.PathLike[str], k: int = 1, threshold: float = 0.0
    ) -> tuple[int, float, float]:
        """(examples, precision, recall) at `k` of a supervised model on a file of labelled lines."""
        counts = self._counts(path, k, threshold)
        return counts.examples, counts.precision(), counts.recall()

    def test_label(
        self, path: str | os.PathLike[str], k: int = 1, threshold: float = 0.0
    ) -> dict[str, dict[str, float]]:
        """Precision, recall and f1score of each label on a file; NaN where it has none."""
        counts = self._counts(path, k, threshold)
        return {
            label: {
                "precision": counts.precision(i),
                "recall": counts.recall(i),
                "f1score": counts.f1_score(i),
            }
            for i, label in enumerate(self.get_labels(on_unicode_error="replace"))
        }

    def get_meter(self, path: str | os.PathLike[str], k: int = -1) -> Meter:
        """Scores against truths on a file: `score_vs_true`, `precision_recall_curve` and what follows from them."""
        model = self._model
        with _test_file():
            return Meter(self, model.num_labels, *model.predict_lines(path, k, 0.0, True, 0))

    def _counts(self, path: str | os.PathLike[str] | bytes, k: int, threshold: float) -> Counts:
        with _test_file():
            return Counts(*self._model.count_lines(path, k, threshold, 0))

    def score_batches(
        self,
        batches: Any,
        *,
        column: str = "text",
        k: int = 1,
        threshold: float = 0.0,
        windows: int | str | None = None,
        reduce: Reduce = "mean",
        n_threads: int | None = None,
    ) -> Iterator[Any]:
        """Arrow record batches with the predictions for the documents of a column beside them, one by one as they are asked for.

        `batches`: a stream, table or reader (`__arrow_c_stream__`), batches (`__arrow_c_array__`), or an iterable of those; `column`
        holds utf8, large_utf8 or string_view. Batches of pyarrow become batches of pyarrow, others give themselves by the same interface,
        and so does what this returns, as a stream; no library is needed for that. With `k` = 1 the columns `label` (dictionary-encoded) and `score` (float32, never
        above 1) are added, null where a document is; with other `k` `labels` and `scores`, lists. Line feeds separate words.
        `windows`: None for whole documents, a number of words, or "paragraphs" (lines); `reduce` makes one score of those of a
        document's windows for each label: "mean", "max", "min" or "first".
        Raises KeyError for a column that is not there, TypeError for one that holds no texts.
        """
        from .scoring import score_batches

        return score_batches(
            self,
            batches,
            column=column,
            k=k,
            threshold=threshold,
            windows=windows,
            reduce=reduce,
            n_threads=n_threads,
        )

    def fold(self) -> _FastText:
        """A model with the same labels and probabilities (within 1e-6) whose rows hold a number a label instead of the dimension.

        For a model with fewer labels than dimensions that is smaller and faster: the output matrix has been multiplied into the
        input matrix, softmax(U mean(E)) = softmax(mean(U E)). It predicts, scores and is saved as before; word vectors are then
        those of the folded rows. Raises ValueError for an unsupervised model.
        """
        folded = _FastText(args=self._args)
        folded._set_core(self._model.folded())
        return folded

    def astype(self, dtype: Literal["float16", "int8"]) -> _FastText:
        """A model whose input matrix is held in shorter numbers, in memory of its own: half ("float16") or about a quarter ("int8").

        Numbers are rounded to the nearest: to 11 bits, or to 1/127 of the largest number of their row. It predicts, scores and is saved
        as before (in files numbers are float32, the rounded ones); `fold().astype("float16")` is the smallest model of few labels.
        Raises ValueError for another dtype, for a quantized model, and for numbers that the dtype has none for (float16: beyond 65504).
        """
        shorter = _FastText(args=self._args)
        shorter._set_core(self._model.narrowed(dtype))
        return shorter

    # ---- words and labels

    def get_words(self, include_freq: bool = False, on_unicode_error: str = "strict") -> Any:
        """The words of the dictionary; with `include_freq` (words, counts as an int64 array)."""
        return self._entries(0, self._model.num_words, include_freq, on_unicode_error)

    def get_labels(self, include_freq: bool = False, on_unicode_error: str = "strict") -> Any:
        """The labels of a supervised model, the words of another; with `include_freq` (labels, counts)."""
        model = self._model
        if not self._is_supervised():
            return self.get_words(include_freq, on_unicode_error)
        return self._entries(
            model.num_words, model.num_words + model.num_labels, include_freq, on_unicode_error
        )

    def _entries(self, begin: int, end: int, include_freq: bool, errors: str) -> Any:
        names = [name.decode("utf-8", errors) for name in self._model.entries(begin, end)]
        return (names, self._model.counts(begin, end)) if include_freq else names

    def _is_supervised(self) -> bool:
        return MODELS[self._model.settings()["model"]] == "supervised"

    @property
    def words(self) -> list[str]:
        """The words of the dictionary."""
        if self._words is None:
            self._words = self.get_words()
        return self._words

    @property
    def labels(self) -> list[str]:
        """The labels (of an unsupervised model: the words)."""
        if self._labels is None:
            self._labels = self.get_labels()
        return self._labels

    def get_word_id(self, word: str) -> int:
        """The number of a word (of a label: behind the words); -1 if it is none."""
        return self._model.find(word)

    def get_label_id(self, label: str) -> int:
        """The number of a label; -1 if it is none."""
        found = self._model.find(label)
        return found if found < 0 else found - self._model.num_words

    def get_subword_id(self, subword: str) -> int:
        """The row of the input matrix that a piece of a word hashes to.

        Raises ValueError if the model has no such rows or this one has been pruned.
        """
        row = self._model.piece_row(subword)
        if row < 0:
            raise ValueError(f"the model has no row for the subword {subword!r}")
        return row

    def get_subwords(
        self, word: str, on_unicode_error: str = "strict"
    ) -> tuple[list[str], NDArray[np.int32]]:
        """(the word itself if it is known and its character n-grams, their rows)."""
        return self._model.pieces(word, on_unicode_error)

    # ---- vectors

    def get_dimension(self) -> int:
        """Numbers of a vector."""
        return int(self._model.settings()["dim"])

    def get_word_vector(self, word: str) -> NDArray[np.float32]:
        """The mean of the vectors of a word and its subwords, [dimension]; zeros where it has none."""
        return self._model.word_vector(word)

    def get_sentence_vector(self, text: str) -> NDArray[np.float32]:
        """The vector of a line, [dimension]: what a supervised model classifies, else the mean of normalised word vectors.

        Raises ValueError for a line feed.
        """
        return self._model.sentence_vector(text)

    def get_input_vector(self, ind: int) -> NDArray[np.float32]:
        """Row `ind` of the input matrix, [dimension]. Raises IndexError for a row outside it."""
        return self._model.input_vector(ind)

    def get_input_matrix(self) -> NDArray[np.float32]:
        """A copy of the input matrix, [rows, dimension]. Raises ValueError if the model is quantized."""
        self._refuse_quantised()
        return self._model.input_matrix()

    def get_output_matrix(self) -> NDArray[np.float32]:
        """A copy of the output matrix, [labels or words, dimension]. Raises ValueError if the model is quantized."""
        self._refuse_quantised()
        return self._model.output_matrix()

    def set_matrices(self, input_matrix: ArrayLike, output_matrix: ArrayLike) -> None:
        """Put other numbers in the place of both matrices. Raises ValueError where they do not fit the dictionary."""
        self._refuse_quantised()
        self._set_core(
            self._model.with_matrices(np.asarray(input_matrix), np.asarray(output_matrix))
        )

    def _refuse_quantised(self) -> None:
        if self._model.is_quantised:
            raise ValueError("Can't get quantized Matrix")

    def get_nearest_neighbors(
        self, word: str, k: int = 10, on_unicode_error: str = "strict"
    ) -> list[tuple[float, str]]:
        """(cosine, word) of the `k` words whose vectors are nearest to that of `word`, nearest first."""
        return self._nearest(self.get_word_vector(word), {word}, k, on_unicode_error)

    def get_analogies(
        self, wordA: str, wordB: str, wordC: str, k: int = 10, on_unicode_error: str = "strict"
    ) -> list[tuple[float, str]]:
        """(cosine, word) of the `k` words nearest to wordA - wordB + wordC."""
        query = np.zeros(self.get_dimension(), np.float32)
        for word, sign in ((wordA, 1.0), (wordB, -1.0), (wordC, 1.0)):
            vector = self.get_word_vector(word)
            query += np.float32(sign / (np.linalg.norm(vector) + 1e-8)) * vector
        return self._nearest(query, {wordA, wordB, wordC}, k, on_unicode_error)

    def _nearest(
        self, query: NDArray[np.float32], without: set[str], k: int, errors: str
    ) -> list[tuple[float, str]]:
        if k < 1:
            raise ValueError(f"k needs to be 1 or higher!, got {k}")
        model = self._model
        if self._directions is None:
            self._directions = model.normalised_word_vectors()
        length = float(np.linalg.norm(query))
        cosines = self._directions @ query / np.float32(length if length >= 1e-8 else 1.0)
        for word in without:
            i = model.find(word)
            if 0 <= i < len(cosines):
                cosines[i] = -np.inf
        banned = int(np.sum(np.isneginf(cosines)))
        best = np.argsort(-cosines, kind="stable")[: min(k, len(cosines) - banned)]
        return [
            (float(cosines[i]), model.entries(int(i), int(i) + 1)[0].decode("utf-8", errors))
            for i in best
        ]

    def __getitem__(self, word: str) -> NDArray[np.float32]:
        return self.get_word_vector(word)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and 0 <= self._model.find(word) < self._model.num_words

    # ---- files

    def is_quantized(self) -> bool:
        """Whether the input matrix is product-quantised."""
        return self._model.is_quantised

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Write a file that fastText reads too (version 12), all of it or nothing."""
        self._model.save(os.fspath(path))

    def quantize(
        self,
        input: Any = None,
        qout: bool = False,
        cutoff: int = 0,
        retrain: bool = False,
        epoch: int | None = None,
        lr: float | None = None,
        thread: int | None = None,
        verbose: int | None = None,
        dsub: int = 2,
        qnorm: bool = False,
    ) -> None:
        """Make the model smaller: product quantisation of the input matrix, after leaving out all but `cutoff` rows if that is not 0.

        The rows with the longest vectors remain. `retrain` trains them on (on the text `input`, `epoch` times at rate `lr`), `qnorm`
        quantises lengths apart, `qout` quantises the output matrix too, `dsub` numbers share a code. `thread` changes no bit.
        Raises ValueError for an unsupervised or quantized model and for fewer than 256 rows.
        """
        from .training import retrained, text_of

        model = self._model
        if not self._is_supervised():
            raise ValueError("For now we only support quantization of supervised models")
        if model.is_quantised:
            raise ValueError("the model is quantized already")
        if retrain and not input:
            raise ValueError("Need input file path if retraining")
        smaller = pruned(model, cutoff)
        if retrain and smaller is not model:
            smaller = retrained(smaller, text_of(input), self._args, epoch, lr)
        self._set_core(smaller.quantise(dsub, qnorm, qout))


def pruned(model: _pyffnn.FastTextModel, rows: int) -> _pyffnn.FastTextModel:
    """The model with the `rows` rows of the longest vectors alone, that of `EOS` among them; 0 or too many: as it is."""
    if not 0 < rows < model.num_rows:
        return model
    matrix = model.input_matrix()
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    end_of_line = model.find(EOS)
    if end_of_line >= 0:
        lengths[end_of_line] = np.inf
    return model.pruned(np.argsort(-lengths, kind="stable")[:rows].astype(np.int64))


_KEPT = (
    *("lr", "dim", "ws", "epoch", "minCount", "minCountLabel", "minn", "maxn", "neg", "wordNgrams"),
    *("loss", "bucket", "thread", "lrUpdateRate", "t", "label", "verbose", "pretrainedVectors"),
)


@contextmanager
def _test_file() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise MissingFileError(error.errno, "Test file cannot be opened!", error.filename) from None


def _threads(n: int | None) -> int:
    if n is None:
        return 0
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ValueError(f"n_threads must be a positive integer or None, got {n!r}")
    return int(n)


def _load(path: str | os.PathLike[str]) -> _pyffnn.FastTextModel:
    name = os.fspath(path)
    try:
        return _pyffnn.FastTextModel.load(name)
    except FileNotFoundError as error:
        raise MissingFileError(error.errno, f"{name} cannot be opened for loading!", name) from None
    except IsADirectoryError:
        raise ValueError(f"{name} cannot be opened for loading! It is a directory") from None


def load_model(path: str | os.PathLike[str]) -> _FastText:
    """The model of a `.bin` or `.ftz` file (versions 11 and 12), mapped into memory: processes that load it share one copy.

    Raises ValueError for a file that is damaged or none of fastText's, MissingFileError (a ValueError and a FileNotFoundError) where
    there is none. Replace the file by renaming another onto it; writing into it changes the loaded model.
    """
    return _FastText(model_path=path)


def tokenize(text: str) -> list[str]:
    """The words of a text as fastText splits it; a line feed is the word `EOS`."""
    return _pyffnn.fasttext_tokenize(text)
