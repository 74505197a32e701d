"""Feedforward regressor of raw text: pooled or concatenated embeddings, hidden layers, a linear map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import PathLike
from pyffnn.models.checks import check_sample_weight, check_texts
from pyffnn.models.names import (
    Activation,
    Pooling,
    Precision,
    RandomState,
    RegressionLoss,
    TextOptimizer,
)
from pyffnn.models.regressor import Regressor
from pyffnn.models.text_classifier import recipe
from pyffnn.models.text_classifier.answers import TextVectors
from pyffnn.models.text_classifier.reading import ReadTexts, Texts, ValueReader, collected
from pyffnn.models.text_classifier.start import begin, start_rows
from pyffnn.models.text_classifier.state import TextRegressorFitted, is_sums
from pyffnn.models.text_classifier.storage import StoredText
from pyffnn.models.values import Scale
from pyffnn.net import Network
from pyffnn.optimizers import LearningRate, Optimizer, linear_decay
from pyffnn.text.featurizer import TokenizerLike
from pyffnn.text.vectors import PretrainedVectors
from pyffnn.training import Callbacks, Data, History, Saving, check_groups

__all__ = ["TextRegressor"]


class TextRegressor(
    TextVectors[TextRegressorFitted],
    StoredText[TextRegressorFitted],
    Regressor[TextRegressorFitted],
):
    """Predicts a real number, or several, from raw text, as `TextClassifier` predicts classes.

    Words and n-grams are rows of an embedding table, pooled or side by side; hidden layers follow,
    then a linear map, trained on half the squared error, or on the cross-entropy of a sigmoid unit
    (``loss="logistic"``) for targets that are shares or probabilities, say the quality of a document.

    Targets under the squared loss are brought to mean 0 and standard deviation 1, column by column,
    before training, and predictions back: learning rate and ``l2`` do not depend on their unit.

    Parameters
    ----------
    loss
        "squared", or "logistic": targets in [0, 1], and predictions inside it (fractional logistic
        regression, Papke & Wooldridge 1996).
    embedding_dim
        Numbers in an embedding; None: those of ``pretrained_vectors``, else 16.
    hidden_layer_sizes
        Units of each hidden layer; ``()``: none.
    activation
        "relu", "tanh", "sigmoid", "gelu" (its tanh form) or "identity", of the hidden layers.
    residual, layer_norm
        Hidden layers add to a stream of the last layer's size, ``r += W2 act(W1 norm(r))``, and
        layer normalisation, as in `LanguageModel`.
    pooling
        "mean", "sqrtn", "sum", "max", "min", a tuple of these side by side, "weighted" (each row
        once, by 1 + ln(its count) and its idf, over their norm), "concat" or "auto". "sqrtn" divides
        the sum of the rows by the square root of their number, "sum" by nothing. "auto": "sum" for
        short training texts (fewer than 25 words on average, 100,000 words or more in all), "mean" for
        others, and with hidden layers, windows, pretrained vectors, another optimizer than "adagrad"
        by name, or a ``learning_rate``.
    windows
        Words of a window: the rows of each are averaged, and pooled are those means, not the rows;
        a shorter text is one window. N-grams lie within a window. None: no windows.
    max_tokens
        Only the first so many words of a text count. None: all of them; for "concat" as many as
        the longest training text has, at most 100.
    word_ngrams
        Longest word n-gram, 1 to 16; 1: words alone. Not with "concat".
    char_ngrams
        None, or (lo, hi): n-grams of so many characters of each word ("<" and ">" around it), also
        of words that training has not met. Not with "concat". "auto": (4, 4) where ``pooling`` is
        "sum" or "weighted" and training texts are few or short; else None. Where rows are summed without hidden layers, Adagrad moves those of character
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
        Marks the numbers in files of fastText's format.
    optimizer
        "auto" (SGD for weighted rows, else Adagrad), "sgd", "momentum", "adagrad", "adam", or a
        settings object of `pyffnn.nn`. Embeddings are updated in the rows that a batch contains, and only there. Adagrad keeps one accumulator a
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
        get it in the steps that touch them. None: 0 for weighted rows, else 1e-4.
    clip_norm
        Greatest norm of the gradient of all weights together; None: no limit.
    pretrained_vectors
        Starting values for the embeddings of words: a file in word2vec's text format, a mapping
        from words to vectors, or (words, array); None: random ones.
    freeze_embeddings
        Leave the embeddings as they are; a number: for the first so many epochs of `fit`.
    early_stopping
        False, or for how many epochs without a lower validation loss training goes on (True: 5). The weights of the best epoch are restored.
    validation_fraction
        Share of the texts held out for early stopping when no validation data are given.
    precision
        How the products of the layers are taken (see `pyffnn.ops`): "float32", "bfloat16x6",
        "bfloat16x3", "bfloat16" (24, 17 and 8 bits of each number), or "auto", the fastest of those
        whose error is no larger than float32's (the first two) on this machine. None:
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
    history_ : list of dict
        An entry an epoch: epoch, loss, val_loss (None without validation), seconds,
        examples_per_second, learning_rate. A squared loss is in units of the targets' variance: half
        of what R^2 lacks to 1, summed over the columns.
    vocabulary_ : list of str
        The words in the order of their rows.
    embeddings_ : float32 array of shape (rows, embedding_dim)
        The table, live: words first, then n-grams.
    """

    _default_schedule = linear_decay()
    weighs = False
    _structure = (*Regressor._structure, *recipe.STRUCTURE)

    def __init__(
        self,
        *,
        loss: RegressionLoss = "squared",
        embedding_dim: int | None = None,
        hidden_layer_sizes: int | Sequence[int] = (),
        activation: Activation = "relu",
        pooling: Pooling = "auto",
        windows: int | None = None,
        max_tokens: int | None = None,
        word_ngrams: int = 1,
        char_ngrams: tuple[int, int] | Literal["auto"] | None = "auto",
        buckets: int | None = None,
        min_count: int = 1,
        ngram_min_count: int = 2,
        lowercase: bool = True,
        tokenizer: TokenizerLike | None = None,
        label_prefix: str = "__label__",
        optimizer: TextOptimizer = "adagrad",
        learning_rate: LearningRate | None = None,
        epochs: int | Literal["auto"] = "auto",
        batch_size: int = 32,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        l2: float | None = 1e-4,
        pretrained_vectors: PretrainedVectors | None = None,
        freeze_embeddings: bool | int = False,
        early_stopping: bool | int = False,
        validation_fraction: float = 0.1,
        precision: Precision | None = None,
        n_threads: int | None = None,
        random_state: RandomState = 0,
        verbose: int = 0,
        residual: bool = False,
        layer_norm: bool = False,
        clip_norm: float | None = None,
    ) -> None:
        self.loss = loss
        self.embedding_dim = embedding_dim
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.pooling = pooling
        self.windows = windows
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
        self.pretrained_vectors = pretrained_vectors
        self.freeze_embeddings = freeze_embeddings
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.precision = precision
        self.n_threads = n_threads
        self.random_state = random_state
        self.verbose = verbose
        self.residual = residual
        self.layer_norm = layer_norm
        self.clip_norm = clip_norm

    def fit(
        self,
        X: Texts,
        y: Any = None,
        *,
        sample_weight: ArrayLike | None = None,
        X_val: Texts | None = None,
        y_val: Any = None,
        groups: ArrayLike | None = None,
        callbacks: Callbacks = (),
        checkpoint: PathLike | None = None,
        checkpoint_steps: int | None = None,
        checkpoint_seconds: float = 60.0,
        resume: PathLike | bool = False,
    ) -> Self:
        """Train from scratch.

        Parameters
        ----------
        X
            Texts, as in `TextClassifier.fit`. Without ``y``: a file in fastText's format whose labels
            are numbers, ``__label__0.75``: one a text, or as many for each.
        y : array-like of shape (n,) or (n, outputs)
            Real numbers; with ``loss="logistic"`` in [0, 1]. Each column has at least two different ones.
        sample_weight : array-like of shape (n,)
            Weight of each text in the mean loss, at least 0.
        X_val, y_val
            Validation data in the same forms, for ``history_`` and early stopping.
        groups, callbacks, checkpoint, checkpoint_steps, checkpoint_seconds, resume
            As in `FFNNClassifier.fit`.

        Raises
        ------
        ValueError, TypeError, OSError, FloatingPointError, KeyboardInterrupt
            As in `TextClassifier.fit`.
        """
        saving = Saving(checkpoint, checkpoint_steps, checkpoint_seconds, resume)
        self._check_settings()
        saved = saving.open(type(self).__name__)
        reader = self._reader()
        read, weight = self._to_fit(
            reader.training(recipe.featurizer(self), X, y, None), sample_weight
        )
        others = None
        if X_val is not None:
            features = read.corpus.featurizer
            others = self._scaled(
                reader.known(features, X_val, y_val, _NO_CLASSES, "_val"),
                read.targets.scale,
                "y_val",
            )
        elif y_val is not None:
            raise ValueError("X_val and y_val must be given together")
        seed = self._seed(saved)
        kin = check_groups(groups, read.targets.size)
        held_out = None if X_val is not None else self._held_out(read.targets, weight, seed, kin)
        numbers, held = (None, None) if held_out is None else held_out
        fitted, restart = begin(self, read, weight, seed, numbers=numbers)
        spec = fitted.network.spec
        data = Data(fitted.examples(read.corpus), self._net_targets(read.targets, spec, weight))
        validate, data_id = None, {}
        if saving.wanted:
            data_id["train"] = read.identity(weight, kin)
        if others is not None:
            theirs = self._net_targets(others.targets, spec)
            validate = self._validator(Data(fitted.examples(others.corpus), theirs))
            if saving.wanted:
                data_id["valid"] = others.identity(None)
        elif held is not None:
            validate = self._validator(data, held)
        epochs = recipe.epochs(self, read.corpus, sums=fitted.sums)
        optimizer = recipe.optimizer(self, epochs, sums=fitted.sums)
        self._fit_network(
            fitted,
            data,
            numbers=numbers,
            batch_size=int(self.batch_size),
            epochs=epochs,
            schedule=optimizer.schedule(self._default_schedule),
            validate=validate,
            restart=restart,
            saving=saving,
            saved=saved,
            data_id=data_id,
            callbacks=callbacks,
        )
        return self

    def partial_fit(
        self, X: Texts, y: Any = None, *, sample_weight: ArrayLike | None = None
    ) -> Self:
        """One pass over the texts from the present weights, at the optimizer's first rate.

        New words and n-grams get rows as in `TextClassifier.partial_fit`. The first call, unless
        after `fit`, sets the scale of the targets: it needs at least two different ones. A call that
        fails leaves the model as it was; others predict meanwhile, with the state before it.
        """
        self._check_settings()
        X = collected(X)
        if self._fitted is None:
            read, weight = self._to_fit(
                self._reader().training(recipe.featurizer(self), X, y, None), sample_weight
            )
            fitted, restart = begin(self, read, weight, self._seed(None))
            restart()
            history = self._learn(fitted.network, fitted, read, weight)
            self._keep(replace(fitted, history=history))
            return self
        with (network := self._state().network).turn():
            fitted = self._of(network)
            self._check_structure(fitted)
            if self.tokenizer is not fitted.features.tokenizer:
                raise ValueError("tokenizer cannot change between fit and partial_fit")
            least = {
                "min_count": int(self.min_count),
                "ngram_min_count": int(self.ngram_min_count),
            }
            grown = self._reader().growing(fitted.features, X, y, _NO_CLASSES, least)
            read = self._scaled(grown, fitted.scale, "y")
            features = read.corpus.featurizer
            weight = check_sample_weight(sample_weight, read.targets.size)
            fork = fitted.network.fork(
                fitted.examples(read.corpus), rows=features.num_rows, **self._training_spec()
            )
            share = fitted.settings.get("char_share", 1.0)
            start_rows(self, fork, fitted.features, read, share=share)
            history = self._learn(fork, fitted, read, weight)
            self._replace(fork, replace(fitted, history=history, features=features))
        return self

    def predict(self, X: Iterable[str]) -> NDArray[np.float64]:
        """The predicted numbers, shape (n,), or (n, outputs) if the targets had two dimensions.

        Raises ValueError when not fitted, TypeError for what is not a collection of texts.
        """
        self._check_fitted()
        check_texts(X)
        X = collected(X)
        n_threads = self._threads()
        return self._consistently(
            lambda fitted: fitted.scale.from_network(fitted.outputs(X, n_threads))
        )

    def score(self, X: Texts, y: Any = None, sample_weight: ArrayLike | None = None) -> float:
        """R^2, the share of the targets' variance that is explained; the mean over columns."""
        self._check_fitted()
        X = collected(X)
        with (network := self._state().network).reading():
            fitted = self._of(network)
            read = self._reader().known(fitted.features, X, y, _NO_CLASSES)
            return self._r2(fitted, fitted.examples(read.corpus), read.targets.given, sample_weight)

    @property
    def vocabulary_(self) -> list[str]:
        return self._state().features.vocabulary

    @property
    def embeddings_(self) -> NDArray[np.float32]:
        table: NDArray[np.float32] = self._state().network.parameters()["embedding"]
        return table

    # settings and training ----------------------------------------------------------------------

    def _optimizer(self) -> Optimizer:
        return recipe.optimizer(self)

    def _training_spec(self) -> dict[str, Any]:
        return {
            **super()._training_spec(),
            "embedding_dropout": float(self.dropout),
            "word_dropout": float(self.word_dropout),
            "freeze_embeddings": recipe.frozen_epochs(self) is None,
        }

    def _reader(self) -> ValueReader:
        return ValueReader(type(self).__name__, self.label_prefix, False)

    def _to_fit(
        self, read: ReadTexts, sample_weight: ArrayLike | None
    ) -> tuple[ReadTexts, NDArray[np.float32] | None]:
        """With targets that say what there is to learn; and the weights."""
        weight = check_sample_weight(sample_weight, read.targets.size)
        return read._replace(targets=self._values_to_fit(read.targets.given, weight)), weight

    def _scaled(self, read: ReadTexts, scale: Scale, name: str) -> ReadTexts:
        return read._replace(targets=self._more_values(read.targets.given, scale, name))

    def _learn(
        self, network: Network, fitted: TextRegressorFitted, read: ReadTexts, weight: Any
    ) -> History:
        """One pass of ``network`` over the texts; the history with it."""
        data = Data(
            fitted.examples(read.corpus), self._net_targets(read.targets, network.spec, weight)
        )
        rate = recipe.optimizer(self, sums=is_sums(network)).schedule(self._default_schedule).lr
        assert rate is not None
        return self._one_pass(network, fitted, data, int(self.batch_size), rate)

    def _new_state(self, read: ReadTexts, **parts: Any) -> TextRegressorFitted:
        return TextRegressorFitted(scale=read.targets.scale, **parts)

    def _state_of(self, **parts: Any) -> TextRegressorFitted:
        return TextRegressorFitted(**parts)

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_tags(two_d_array=False, string=True)


_NO_CLASSES: NDArray[Any] = np.zeros(0, np.int64)
