"""Feedforward classifier of raw text: pooled or concatenated embeddings, hidden layers, softmax."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.data import Corpus, Featurizer, TokenizerLike
from pyffnn.io import PathLike
from pyffnn.labelled import read_fasttext
from pyffnn.models.checks import check_same_length, check_texts
from pyffnn.models.classifier import Classifier
from pyffnn.models.estimator import not_fitted
from pyffnn.models.growth import extend, grow_table
from pyffnn.models.label_sets import is_matrix, matrix_targets, set_targets
from pyffnn.models.labels import (
    ClassWeight,
    Targets,
    encode,
    find_classes,
    given_classes,
    to_labels,
)
from pyffnn.models.vectors import PretrainedVectors, find_vectors, vectors_dim
from pyffnn.network import Examples
from pyffnn.optimizers import (
    Adagrad,
    LearningRate,
    Optimizer,
    constant,
    linear_decay,
    resolve_optimizer,
)
from pyffnn.training import Callback

__all__ = ["TextClassifier"]

Texts: TypeAlias = Iterable[str] | str | os.PathLike[str]

_FEATURES = "features."
_DIM = 16
# These rates, no dropout and a little l2 were chosen on development splits of TREC, MR, SST-2, AG News and IMDB. How far Adagrad gets
# grows with the rate and the root of the steps: fewer passes take a larger rate.
_RATE = 0.1
_ONE_PASS_RATE = 0.2
# Short texts, chosen on parts of the training sentences of SST-2 (with their phrases), MR and TREC: a sum of rows leaves them where a mean
# would drown the few words that matter, pieces of words help where many words are rare, and as each word has several pieces, those
# learn more slowly. Embeddings begin near zero: a sum over rows that were seldom met is else mostly their random start.
_SHORT_CHARS = (4, 4)
_SHORT_EPOCHS = 10
_SUM_RATE = 0.02
_SUM_SCALE = 1e-3
_CHAR_RATE = 0.3
# "auto" epochs: about so many words and n-grams in all, in 1 to 5 passes, but so many steps at least for a handful of texts.
_AUTO_FEATURES = 3e6
_AUTO_EPOCHS = 5
_AUTO_STEPS = 300
_AUTO_MOST = 100
_MOST_TOKENS = 100


class TextClassifier(Classifier):
    """Classifier of raw text: mean or concatenation of embeddings, hidden layers, softmax.

    A text is cut into words; each word, and each n-gram that is asked for, is a row of an embedding
    table. ``pooling="mean"`` averages the rows of a text (a deep averaging network, Iyyer et al.
    2015; without hidden layers the linear model of fastText, Joulin et al. 2017);
    ``pooling="concat"`` puts the embeddings of the first ``max_tokens`` words side by side, zeros
    for missing ones (Jurafsky & Martin, "Neural Networks", the sentiment classifier with
    concatenated embeddings). Then h[i] = g(h[i-1] W[i] + b[i]) for each hidden layer, and softmax
    over the classes, all trained on the cross-entropy.

    Parameters
    ----------
    embedding_dim
        Numbers in an embedding; None: those of ``pretrained_vectors``, else 16.
    hidden_layer_sizes
        Units of each hidden layer; ``()``: none.
    activation
        "relu", "tanh", "sigmoid", "gelu" (its tanh form) or "identity", of the hidden layers.
    pooling
        "mean", "sqrtn", "sum", "concat" or "auto". "sqrtn" divides the sum of the rows by the square
        root of their number, "sum" by nothing: more words make the model surer, which suits short
        texts. "auto": "sum" for short training texts (fewer than 25 words on average, 100,000
        words or more in all), "mean" for others; always "mean" with hidden layers, pretrained vectors, another optimizer than
        "adagrad" by name, or a ``learning_rate``, which was then chosen for the mean.
    max_tokens
        Only the first so many words of a text count. None: all of them; for "concat" as many as
        the longest training text has, at most 100.
    word_ngrams
        Longest word n-gram, 1 to 16; 1: words alone. Not with "concat".
    char_ngrams
        None, or (lo, hi): n-grams of so many characters of each word ("<" and ">" around it), also
        of words that training has not met. Not with "concat". "auto": (4, 4) where rows are summed
        and training texts are short (see ``pooling``), except with ``buckets`` or a ``tokenizer``;
        else None. Where rows are summed without hidden layers, Adagrad moves those of character
        n-grams at 0.3 times the rate of the others.
    buckets
        None: each n-gram that occurs at least ``ngram_min_count`` times has a row of its own;
        else so many rows, which n-grams share by their hash.
    min_count
        Words met less often in training are unknown words, which are left out of the mean.
    ngram_min_count
        See ``buckets``.
    lowercase
        Lower-case all words.
    tokenizer
        None: words are what ``str.split()`` gives. A function from a text to its tokens, or a
        `tokenizers.Tokenizer`.
    label_prefix
        Marks the labels in files of fastText's format.
    optimizer
        "sgd", "momentum", "adagrad", "adam", or a settings object of `pyffnn.nn`. Embeddings are
        updated in the rows that a batch contains, and only there. Adagrad keeps one accumulator a
        row.
    learning_rate
        A number, which falls to 0 in a straight line over all steps, or a schedule of `pyffnn.nn`;
        replaces that of a settings object. None: the optimizer's own (SGD 0.1, Adam 0.001); for
        Adagrad by name 0.2 for one pass over the texts, 0.14 for two, 0.12 for three, else 0.1, and
        0.02 where rows are summed without hidden layers.
    epochs
        Passes over the texts; "auto": 5 for small corpora (10 where rows are summed) down to 1 for
        large ones, so that about three million words and n-grams are seen; more for a handful of
        texts (300 steps, but at most 100 passes).
    batch_size
        Texts a step.
    dropout
        Share of the pooled embedding and of the hidden units set to zero in a training step, the
        others scaled up.
    word_dropout
        Share of the words and n-grams of a text left out in a training step (Iyyer et al. 2015).
    l2
        Adds l2 / 2 times the sum of the squared weights (not biases) to the mean loss; embeddings
        get it in the steps that touch them.
    class_weight
        None, "balanced" (n / (classes * count)), or a dict from class to weight.
    multilabel
        A text has any number of labels: y is a list of labels for each text, a dict from label to 0
        or 1, or a matrix [n, labels] of zeros and ones; each label has a sigmoid of its own.
    pretrained_vectors
        Starting values for the embeddings of words: a file in word2vec's text format, a mapping
        from words to vectors, or (words, array); None: random ones.
    freeze_embeddings
        Leave the embeddings as they are.
    early_stopping
        False, or for how many epochs without a better validation accuracy (then loss) training
        goes on (True: 5). The weights of the best epoch are restored.
    validation_fraction
        Share of the texts held out for early stopping when no validation data are given.
    precision
        How the products of the layers are taken (see `pyffnn.ops`): "float32", "bfloat16x3", "bfloat16",
        or "auto", the fastest of the first two, which are of float32's grade, on this machine. None:
        `pyffnn.get_default_precision()`, which is "float32" unless told otherwise: the same bits on
        every machine with FMA. The bf16 modes need AMX and run in float32 with a warning where there
        is none. Weights, the optimizer's state and results are float32.
    n_threads
        Threads of training and prediction, 1 to 1024; None: `pyffnn.get_num_threads()`. The result does not
        depend on it.
    random_state
        Seed of the initial weights, the order of the texts and dropout: an integer, a NumPy
        RandomState or Generator, or None for a fresh one.
    verbose
        0 is silent; 1 shows a progress bar on a terminal, a line an epoch anywhere else.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The sorted labels; those of a file without their prefix.
    history_ : list of dict
        An entry an epoch: epoch, loss, val_loss, val_accuracy (None without validation), seconds,
        examples_per_second, learning_rate.
    vocabulary_ : list of str
        The words in the order of their rows.
    embeddings_ : float32 array of shape (rows, embedding_dim)
        The table, live: words first, then n-grams.

    """

    _default_schedule = linear_decay()

    _features: Featurizer

    def __init__(
        self,
        *,
        embedding_dim: int | None = None,
        hidden_layer_sizes: int | Sequence[int] = (),
        activation: str = "relu",
        pooling: str = "auto",
        max_tokens: int | None = None,
        word_ngrams: int = 1,
        char_ngrams: tuple[int, int] | Literal["auto"] | None = "auto",
        buckets: int | None = None,
        min_count: int = 1,
        ngram_min_count: int = 2,
        lowercase: bool = True,
        tokenizer: TokenizerLike | None = None,
        label_prefix: str = "__label__",
        optimizer: str | Optimizer = "adagrad",
        learning_rate: LearningRate | None = None,
        epochs: int | str = "auto",
        batch_size: int = 32,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        l2: float = 1e-4,
        class_weight: ClassWeight = None,
        multilabel: bool = False,
        pretrained_vectors: PretrainedVectors | None = None,
        freeze_embeddings: bool = False,
        early_stopping: bool | int = False,
        validation_fraction: float = 0.1,
        precision: str | None = None,
        n_threads: int | None = None,
        random_state: Any = 0,
        verbose: int = 0,
    ) -> None:
        self.embedding_dim = embedding_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.pooling = pooling
        self.max_tokens = max_tokens
        self.word_ngrams = word_ngrams
        self.char_ngrams = char_ngrams
        self.buckets = buckets
        self.min_count = min_count
        self.ngram_min_count = ngram_min_count
        self.lowercase = lowercase
        self.tokenizer = tokenizer
        self.label_prefix = label_prefix
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.word_dropout = word_dropout
        self.l2 = l2
        self.class_weight = class_weight
        self.multilabel = multilabel
        self.pretrained_vectors = pretrained_vectors
        self.freeze_embeddings = freeze_embeddings
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.n_threads = n_threads
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: Texts,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Texts | None = None,
        y_val: Any = None,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Train from scratch.

        Parameters
        ----------
        X
            Texts: a list, an iterator, an Arrow, pandas or NumPy column of strings. Without ``y``:
            the path of a file in fastText's format, a text a line with its labels among the words.
        y
            A label a text; with ``multilabel`` a list of labels a text, a dict from label to 0 or 1,
            or a matrix of zeros and ones [n, labels], dense or of SciPy.
        sample_weight : array-like of shape (n,)
            Weight of each text in the mean loss, at least 0.
        X_val, y_val
            Validation data in the same forms, for ``history_`` and early stopping.
        callbacks
            Called as ``callback(model, record)`` after each epoch with its entry of ``history_``;
            training ends when one returns True.

        Raises
        ------
        ValueError
            Wrong input, settings out of range.
        TypeError
            What is not text among the texts.
        OSError
            An unreadable file.
        FloatingPointError
            The loss became non-finite; the model is at its last good state.
        """
        self._check_settings()
        corpus, targets = self._read_training(X, y, None)
        validation = None
        if X_val is not None:
            validation = self._read_known(corpus.featurizer, X_val, y_val, targets.classes, "_val")
        elif y_val is not None:
            raise ValueError("X_val and y_val must be given together")
        self._begin(corpus, targets)
        epochs = self._epochs(corpus)
        self._train(
            self._examples(corpus),
            targets,
            sample_weight,
            validation,
            callbacks,
            epochs=epochs,
            batch_size=int(self.batch_size),
            schedule=self._optimizer(epochs, sums=self._sums).schedule(self._default_schedule),
        )
        return self

    def partial_fit(
        self,
        X: Texts,
        y: Any = None,
        classes: ArrayLike | None = None,
        *,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """One pass over the texts from the present weights, at the optimizer's first rate.

        Words and n-grams that are met for the first time get rows of their own, with random
        embeddings (or their pretrained vectors); ``min_count`` and ``ngram_min_count`` apply to the
        texts of the call. The first call, unless after `fit`, needs the labels of all later calls:
        those of ``classes``, else of ``y``. ``class_weight="balanced"`` counts the texts of the call.
        """
        self._check_settings()
        if not hasattr(self, "_network"):
            corpus, targets = self._read_training(X, y, classes)
            self._begin(corpus, targets)
            examples = self._examples(corpus)
        else:
            if classes is not None and not np.array_equal(
                given_classes(classes, type(self).__name__), self.classes_
            ):
                raise ValueError(
                    f"`classes={classes!r}` is not the same as on last call to partial_fit, was: "
                    f"{self.classes_!r}"
                )
            examples, targets = self._read_growing(X, y)
        schedule = self._optimizer(sums=self._sums).schedule(self._default_schedule)
        self._train(
            examples,
            targets,
            sample_weight,
            None,
            (),
            epochs=1,
            batch_size=int(self.batch_size),
            fresh=False,
            schedule=constant(schedule.lr),
        )
        return self

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float32]:
        """Probability of each class for each text, shape (n, n_classes); rows sum to 1 unless multi-label.

        Raises ValueError when not fitted, TypeError for what is not a collection of texts.
        """
        core = self._encoded(X)
        p: NDArray[np.float32] = self._network.predict_text(core, None, self._threads())
        return p

    def predict(self, X: Iterable[str]) -> Any:
        """The most probable class of each text, shape (n,).

        With ``multilabel`` the labels of probability above 1/2, in the form of the training data: a
        list of tuples, or a matrix of zeros and ones [n, n_classes].
        """
        core = self._encoded(X)
        return self._labels(self._predicted(Examples("text", (core,), len(core))))

    def score(self, X: Texts, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy; with ``multilabel`` a text counts as right if all its labels are.

        Labels that training has not met count as wrong. Raises ValueError for labels of another
        number, or of a type that no class has.
        """
        self._check_fitted()
        examples, targets = self._read_known(self._features, X, y, self.classes_, "", others=True)
        return self._score(examples, targets, sample_weight)

    def _encoded(self, X: Iterable[str]) -> Any:
        if not hasattr(self, "_network"):
            raise not_fitted(self)
        check_texts(X)
        features = self._features
        if features.tokenizer is None and not hasattr(X, "to_pylist"):
            return features.core.encode_texts(X)
        return features.encode(X).core

    @property
    def vocabulary_(self) -> list[str]:
        self._check_fitted()
        return self._features.vocabulary

    @property
    def embeddings_(self) -> NDArray[np.float32]:
        self._check_fitted()
        table: NDArray[np.float32] = self._network.parameters()["embedding"]
        return table

    # settings -----------------------------------------------------------------------------------

    def _may_sum(self) -> bool:
        """Whether these settings sum the rows of a text, if the training texts are short."""
        if self.pooling != "auto":
            return self.pooling == "sum"
        return (
            not self._hidden()
            and self.optimizer == "adagrad"
            and self.learning_rate is None
            and self.pretrained_vectors is None
        )

    def _featurizer(self, known: Featurizer | None = None) -> Featurizer:
        """For training texts; with the character n-grams of ``known``, where "auto" has chosen already."""
        chars: Any = self.char_ngrams
        auto = chars == "auto" and known is None
        if auto:
            own = self.buckets is None and self.tokenizer is None
            chars = _SHORT_CHARS if own and self._may_sum() else None
        elif chars == "auto":
            assert known is not None
            chars = known.char_ngrams
        return Featurizer(
            word_ngrams=self.word_ngrams,
            char_ngrams=None if chars is None else (chars[0], chars[1]),
            char_if_short=auto,
            buckets=self.buckets,
            min_count=self.min_count,
            ngram_min_count=self.ngram_min_count,
            max_tokens=None if self.pooling == "concat" else self.max_tokens,
            lowercase=bool(self.lowercase),
            tokenizer=self.tokenizer,
        )

    def _optimizer(self, epochs: int | None = None, *, sums: bool = False) -> Optimizer:
        rate = _RATE if epochs is None else max(_RATE, _ONE_PASS_RATE / math.sqrt(epochs))
        if sums:
            rate = _SUM_RATE
        return resolve_optimizer(
            self.optimizer,
            self.learning_rate,
            default_lr=rate if self.optimizer == "adagrad" else None,
        )

    def _epochs(self, corpus: Corpus) -> int:
        if self.epochs != "auto":
            return int(self.epochs)
        features = max(corpus.num_tokens * int(self.word_ngrams), 1)
        most = _SHORT_EPOCHS if self._sums else _AUTO_EPOCHS
        passes = min(max(round(_AUTO_FEATURES / features), 1), most)
        steps = -(-len(corpus) // int(self.batch_size))
        return max(passes, min(-(-_AUTO_STEPS // steps), _AUTO_MOST))

    # reading ------------------------------------------------------------------------------------

    def _read_training(self, X: Texts, y: Any, classes: ArrayLike | None) -> tuple[Corpus, Targets]:
        """The corpus with a vocabulary of its own, and its targets over ``classes`` or its own."""
        features = self._featurizer()
        self._multilabel = bool(self.multilabel)
        known = None if classes is None else given_classes(classes, type(self).__name__)
        if _is_path(X) and y is None:
            corpus, targets = self._read_file(features, X, known, fit=True)
        else:
            corpus = features.fit(_texts(X, y, type(self).__name__))
            targets = self._targets(y, known, "y", fit=True)
        if not len(corpus):
            raise ValueError(f"X has no texts: {type(self).__name__} needs a minimum of 1 sample")
        if not corpus.num_tokens or not features.num_rows:
            raise ValueError(
                "empty vocabulary: the texts have no words"
                if not corpus.num_tokens
                else f"empty vocabulary: no word occurs min_count={self.min_count} times"
            )
        check_same_length(X=len(corpus), y=targets.size)
        return corpus, targets

    def _read_known(
        self,
        features: Featurizer,
        X: Texts,
        y: Any,
        classes: NDArray[Any],
        suffix: str,
        *,
        others: bool = False,
    ) -> tuple[Examples, Targets]:
        """Other texts with targets among ``classes``; ``others`` as in `encode`."""
        if _is_path(X) and y is None:
            corpus, targets = self._read_file(features, X, classes, fit=False, others=others)
        else:
            corpus = features.encode(_texts(X, y, type(self).__name__, suffix))
            targets = self._targets(y, classes, f"y{suffix}", fit=False, others=others)
        return self._examples(corpus), targets

    def _read_file(
        self,
        features: Featurizer,
        path: Any,
        classes: NDArray[Any] | None,
        *,
        fit: bool,
        others: bool = False,
    ) -> tuple[Corpus, Targets]:
        if features.tokenizer is not None:
            texts, sets = read_fasttext(path, self.label_prefix)
            corpus = features.fit(texts) if fit else features.encode(texts)
            names = sorted({label for labels in sets for label in labels})
            numbers = {name: i for i, name in enumerate(names)}
            ids: NDArray[Any] = np.array(
                [numbers[label] for labels in sets for label in labels], np.int64
            )
            offsets = np.cumsum([0, *map(len, sets)])
        else:
            read = features.fit_file if fit else features.encode_file
            corpus = read(path, label_prefix=self.label_prefix)
            names = [name[len(self.label_prefix) :] for name in corpus.label_names]
            ids, offsets = corpus.labels
        if fit:
            self._as_sets = self._multilabel
        return corpus, self._file_targets(path, names, ids, offsets, classes, others)

    def _file_targets(
        self,
        path: Any,
        names: list[str],
        ids: NDArray[Any],
        offsets: NDArray[np.int64],
        classes: NDArray[Any] | None,
        others: bool,
    ) -> Targets:
        where = os.fspath(path)
        if classes is None:
            if not names:
                raise ValueError(
                    f"{where!r} has no labels (words that begin with {self.label_prefix!r})"
                )
            classes = np.array(sorted(names))
        number = encode(np.array(names, dtype=object), classes, where, others=others)
        counts = np.diff(offsets)
        if self._multilabel:
            texts = np.repeat(np.arange(counts.size), counts)
            return Targets.of_sets(classes, texts, number[ids], counts.size)
        for wrong, what in (
            (counts == 0, "no label"),
            (counts > 1, "several labels (see multilabel)"),
        ):
            if wrong.any():
                raise ValueError(
                    f"{where!r}: {wrong.sum()} texts have {what}, the first is number {wrong.argmax() + 1}"
                )
        return Targets(classes, codes=number[ids])

    def _targets(
        self, y: Any, classes: NDArray[Any] | None, name: str, *, fit: bool, others: bool = False
    ) -> Targets:
        if not self._multilabel:
            labels = to_labels(y, type(self).__name__, name, warn=not others)
            if classes is None:
                return Targets(*find_classes(labels))
            return Targets(classes, codes=encode(labels, classes, name, others=others))
        # lists of zeros and ones are labels where the model was trained on lists of labels
        matrix = is_matrix(y) and (fit or not self._as_sets or not isinstance(y, (list, tuple)))
        if fit:
            self._as_sets = not matrix
        if matrix:
            return matrix_targets(y, classes, name)
        return set_targets(y, classes, name, others=others)

    def _read_growing(self, X: Texts, y: Any) -> tuple[Examples, Targets]:
        """More texts to train on, whose new words and n-grams get rows."""
        features, fresh = self._features, self._featurizer(self._features)
        if _is_path(X) and y is None:
            self._read_file(fresh, X, self.classes_, fit=True)
        else:
            texts = _texts(X, y, type(self).__name__)
            X = texts if hasattr(texts, "__len__") else list(texts)  # read twice
            fresh.fit(X)
        grown = extend(features, fresh)
        if grown is None:
            return self._read_known(features, X, y, self.classes_, "")
        both, rows = grown
        examples, targets = self._read_known(both, X, y, self.classes_, "")
        check_same_length(X=examples.size, y=targets.size)
        grow_table(self._network, both.num_rows, rows)
        self._spec["rows"] = both.num_rows
        self._set_row_rates(both)
        if self.pretrained_vectors is not None:
            at, values = find_vectors(self.pretrained_vectors, both.vocabulary)
            new = at >= features.num_words
            self._network.parameters()["embedding"][at[new]] = values[new]
        self._features = both
        return examples, targets

    # the network --------------------------------------------------------------------------------

    @staticmethod
    def _examples(corpus: Corpus) -> Examples:
        return Examples("text", (corpus.core,), len(corpus))

    def _begin(self, corpus: Corpus, targets: Targets) -> None:
        self._set_classes(targets.classes)
        self._features = features = corpus.featurizer
        vectors = self.pretrained_vectors
        dim = self.embedding_dim
        if vectors is not None:
            width = vectors_dim(vectors)
            if dim is not None and dim != width:
                raise ValueError(
                    f"embedding_dim is {dim}, but pretrained_vectors have {width} numbers"
                )
            dim = width
        concat = self.pooling == "concat"
        pool = self.pooling
        if pool == "auto":
            pool = "sum" if corpus.has_short_texts and self._may_sum() else "mean"
        inputs: dict[str, Any] = {
            **({"input": "concat"} if concat else {"input": "mean", "pool": pool}),
            "rows": features.num_rows,
            "dim": _DIM if dim is None else int(dim),
        }
        if concat:
            longest = int(np.diff(corpus.core.offsets).max())
            inputs["max_tokens"] = self.max_tokens or max(1, min(longest, _MOST_TOKENS))
        if pool == "sum" and not self._hidden():
            inputs["embedding_scale"] = _SUM_SCALE
            inputs["row_rates"] = isinstance(self._optimizer(), Adagrad)
        self._make_network(
            inputs,
            word_dropout=float(self.word_dropout),
            freeze_embeddings=bool(self.freeze_embeddings),
        )
        self._set_row_rates(features)
        self._preset = vectors is not None
        if vectors is not None:
            rows, values = find_vectors(vectors, features.vocabulary)
            self._network.parameters()["embedding"][rows] = values

    @property
    def _sums(self) -> bool:
        """Whether the fitted network is a linear model of sums."""
        return self._spec.get("pool") == "sum" and not self._spec["hidden"]

    def _set_row_rates(self, features: Featurizer) -> None:
        if self._spec.get("row_rates"):
            rates = self._network.state()["embedding.rate"]
            rates[:] = 1
            rates[features.char_rows] = _CHAR_RATE

    # the model file -----------------------------------------------------------------------------

    def _file_config(self) -> dict[str, Any]:
        config = super()._file_config()
        if not isinstance(self.pretrained_vectors, str):
            config["params"].pop("pretrained_vectors", None)
        tokenizer = self.tokenizer
        to_str = getattr(tokenizer, "to_str", None)
        config["tokenizer"] = (
            None if tokenizer is None else {"json": to_str()} if to_str else "function"
        )
        config["as_sets"] = self._as_sets
        return config

    def _file_tensors(self) -> dict[str, NDArray[Any]]:
        state = {_FEATURES + name: array for name, array in self._features.state().items()}
        return {**super()._file_tensors(), **state}

    def _restore(self, config: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> None:
        state = {
            name.removeprefix(_FEATURES): tensors.pop(name)
            for name in list(tensors)
            if name.startswith(_FEATURES)
        }
        super()._restore(config, tensors)
        self._as_sets = config["as_sets"]
        self._features = Featurizer.from_state(state, tokenizer=self.tokenizer)
        if self._features.num_rows != self._spec["rows"]:
            raise ValueError("its vocabulary and its embeddings differ in size")
        self._set_row_rates(self._features)

    @classmethod
    def load(cls, path: PathLike, *, tokenizer: TokenizerLike | None = None) -> Self:
        """Read a model that `save` wrote.

        ``tokenizer``: the function that a model with a tokenizer function was trained with; a file
        cannot hold it. A `tokenizers.Tokenizer` is in the file.

        Raises OSError when there is no such file, ValueError when it is no model of this class,
        damaged, written by a newer version, or when the tokenizer is missing.
        """
        return cls._load(path, tokenizer=tokenizer)

    @classmethod
    def _arguments(cls, config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        kept = config["tokenizer"]
        if given["tokenizer"] is None:
            if kept == "function":
                raise ValueError("it was trained with a tokenizer function: pass it as tokenizer=")
            if kept is not None:
                from tokenizers import Tokenizer

                return {"tokenizer": Tokenizer.from_str(kept["json"])}
        elif kept is None:
            raise ValueError("it was trained without a tokenizer")
        return given

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        features = state.pop("_features", None)
        if features is not None:
            state["_feature_state"] = (features.state(), features.tokenizer)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.pop("_feature_state", None)
        super().__setstate__(state)
        if kept is not None:
            self._features = Featurizer.from_state(kept[0], tokenizer=kept[1])

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_tags(two_d_array=False, string=True)


def _is_path(X: Any) -> bool:
    return isinstance(X, (str, os.PathLike))


def _texts(X: Any, y: Any, owner: str, suffix: str = "") -> Iterable[str]:
    """``X``, unless it is no collection of texts or has no labels."""
    if isinstance(X, (str, bytes, os.PathLike)):
        raise ValueError(
            f"Iterable over raw text documents expected for X{suffix}, {type(X).__name__} object "
            f"received; the path of a file goes without y{suffix}"
        )
    check_texts(X, f"X{suffix}")
    if y is None:
        raise ValueError(
            f"This {owner} estimator requires y to be passed, but the target y{suffix} is None."
        )
    texts: Iterable[str] = X
    return texts
