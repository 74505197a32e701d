"""Feedforward classifier of raw text: pooled or concatenated embeddings, hidden layers, softmax."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyffnn.formats.model_file import PathLike
from pyffnn.models.calibration import refuse_first_pass
from pyffnn.models.checks import check_sample_weight
from pyffnn.models.classifier import Classifier
from pyffnn.models.labels import ClassWeight
from pyffnn.models.names import (
    Activation,
    Pooling,
    Precision,
    RandomState,
    TextOptimizer,
    TextOutput,
)
from pyffnn.models.supervised import Rehearsal
from pyffnn.models.text_classifier import recipe
from pyffnn.models.text_classifier.answers import TextAnswers
from pyffnn.models.text_classifier.choice import choose, told
from pyffnn.models.text_classifier.reading import Reader, ReadTexts, Texts, collected
from pyffnn.models.text_classifier.start import begin, start_rows
from pyffnn.models.text_classifier.state import TextFitted
from pyffnn.models.thresholds import Thresholds
from pyffnn.net import Network
from pyffnn.optimizers import LearningRate, Optimizer, linear_decay
from pyffnn.text.featurizer import TokenizerLike
from pyffnn.text.vectors import PretrainedVectors
from pyffnn.training import Callbacks, Data, History, Saving, check_groups

__all__ = ["TextClassifier"]

_STRUCTURE = (*recipe.STRUCTURE, "multilabel")


class TextClassifier(TextAnswers):
    """Classifier of raw text: mean or concatenation of embeddings, hidden layers, softmax.

    Each word, and each n-gram that is asked for, is a row of an embedding table. ``pooling="mean"``
    averages the rows of a text (a deep averaging network, Iyyer et al. 2015; without hidden layers
    the linear model of fastText, Joulin et al. 2017); ``pooling="concat"`` puts those of the first
    ``max_tokens`` words side by side, zeros for missing ones (Jurafsky & Martin). Then h[i] = g(h[i-1] W[i] + b[i]) for each hidden layer, and softmax
    over the classes, all trained on the cross-entropy.

    Parameters
    ----------
    embedding_dim
        Numbers in an embedding; None: those of ``pretrained_vectors``, else 16, or one for each class
        where rows are weighted and classes are 17 to 64, whose weights the first numbers of a row then are;
        64 for more classes.
    hidden_layer_sizes
        Units of each hidden layer; ``()``: none.
    activation
        "relu", "tanh", "sigmoid", "gelu" (its tanh form) or "identity", of the hidden layers.
    residual, layer_norm
        Hidden layers add to a stream of the last layer's size, ``r += W2 act(W1 norm(r))``, and
        layer normalisation, as in `LanguageModel`.
    output, cutoffs, samples
        "softmax", all classes at each step; "ordinal", classes in their (sorted) order, by cumulative logits
        (McCullagh 1980); for very many classes "adaptive" or "sampled", as in `LanguageModel`. "auto": "sampled"
        (with at most 512 ``samples``) where one label a text is of more than 5,000, else "softmax".
    pooling
        "weighted", "mean", "sqrtn", "sum", "max", "min", a tuple of the
        last five side by side, "concat" or "auto". "weighted": each row of a text once,
        times 1 + ln(its count) and a weight found in training (by its idf and how unevenly it falls
        on the classes, less for a piece of a word), over the norm of these. "sqrtn" divides the sum of the rows by the root of
        their number, "sum" by nothing. "auto": "weighted" from 3,000 words on; "mean" for fewer,
        and with hidden layers, ``windows``, an ``optimizer``, ``learning_rate`` or ``pretrained_vectors``.
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
        of words that training has not met. Not with "concat". "auto": where rows are weighted or
        summed and training texts have 3,000 words or more, but fewer than 500,000, or than 25 a text,
        (4, 4), or the best of this, (3, 6) and None where candidates are tried; None with ``buckets``
        or a ``tokenizer``. Where rows are summed, Adagrad moves those of
        character n-grams at 0.3 times the rate of the others.
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
        "auto" (SGD for weighted rows of up to 64 classes, else Adagrad), "sgd", "momentum", "adagrad", "adam", or a settings
        object of `pyffnn.nn`. Embeddings are updated in the rows that a batch contains, and only
        there. Adagrad keeps one accumulator a row.
    learning_rate
        A number, which falls to 0 in a straight line over all steps, or a schedule of `pyffnn.nn`;
        replaces that of a settings object. None: for weighted rows by the number of passes and
        classes, and the best of some on held-out parts (see ``recipe_``); for Adagrad
        0.2 for one pass, 0.14 for two, else 0.1, and 0.02 for sums; else the optimizer's own.
    epochs
        Passes over the texts; "auto": 5 for small corpora down to 1 for large ones, about
        three million words and n-grams in all; more for a handful of texts (300 steps), and where
        that helps on held-out parts.
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
    class_weight
        None, "balanced" (n / (classes * count), where a weighted text counts by its weight), or a
        dict from class to weight; with ``multilabel`` of each label's part of the loss.
    multilabel
        A text has any number of labels: y is a list of labels for each text, a dict from label to 0
        or 1, or a matrix [n, labels] of zeros and ones; each label has a sigmoid of its own.
    pretrained_vectors
        Starting values for the embeddings of words: a file in word2vec's text format, a mapping
        from words to vectors, or (words, array); None: random ones.
    freeze_embeddings
        Leave the embeddings as they are; a number: for the first so many epochs of `fit`.
    early_stopping
        False, or for how many epochs without a better validation accuracy (then loss) training
        goes on (True: 5). The weights of the best epoch are restored.
    validation_fraction
        Share of the texts held out for early stopping and ``reject`` when no validation data are given.
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
    thresholds
        Multi-label: the probability above which a label is given; one for all, one for each, or a dict
        from label. "auto": for each label the one with the best F1 on the validation data, where there
        are any (``X_val``, or held out for early stopping), else 0.5.
    calibrate
        Divide the logits by the temperature that suits unseen texts best (Guo et al. 2017), so that
        of those with probability 0.8 about 80 % have that label: ``X_val``, else texts that up to ten
        further models, trained on the rest each, have not seen. Not with ``output="adaptive"``.
    reject
        None, or the share of texts like those of training, between 0 and 1, that may be answered "none
        of these" (`predict` gives None): those less sure than that share of the validation data.

    Attributes
    ----------
    thresholds_ : array of shape (n_classes,)
        Multi-label: the probability above which `predict` gives each label.
    temperature_, spread_power_ : float
        What the logits were divided by, and the power of their spread that they then were multiplied by; 1 and 0 without ``calibrate``.
    reject_threshold_ : float or None
        Least probability of an answer other than "none of these".
    cutpoints_ : array of shape (n_classes - 1,)
        With ``output="ordinal"``: where on the score's scale one class ends and the next begins.
    classes_ : array of shape (n_classes,)
        The sorted labels; those of a file without their prefix.
    history_ : list of dict
        An entry an epoch: epoch, loss, val_loss, val_accuracy (None without validation), seconds,
        examples_per_second, learning_rate.
    recipe_ : dict
        What the settings left open came to ("pooling", "learning_rate", ...), "why", and what was "tried".
    vocabulary_ : list of str
        The words in the order of their rows.
    embeddings_ : float32 array of shape (rows, embedding_dim)
        The table, live: words first, then n-grams.

    """

    _default_schedule = linear_decay()

    @property
    def weighs(self) -> bool:
        # of many labels each is rare, and the rates of classes are too large
        return not self.multilabel

    _structure = (*Classifier._structure, *_STRUCTURE)

    def __init__(
        self,
        *,
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
        optimizer: TextOptimizer = "auto",
        learning_rate: LearningRate | None = None,
        epochs: int | Literal["auto"] = "auto",
        batch_size: int = 32,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        l2: float | None = None,
        class_weight: ClassWeight = None,
        multilabel: bool = False,
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
        output: TextOutput = "auto",
        cutoffs: Sequence[int] | None = None,
        samples: int = 4096,
        clip_norm: float | None = None,
        thresholds: Thresholds = "auto",
        calibrate: bool = False,
        reject: float | None = None,
    ) -> None:
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
        self.residual = residual
        self.layer_norm = layer_norm
        self.output = output
        self.cutoffs = cutoffs
        self.samples = samples
        self.clip_norm = clip_norm
        self.thresholds = thresholds
        self.calibrate = calibrate
        self.reject = reject

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
            Texts: a list, an iterator, an Arrow, pandas or NumPy column of strings. Without ``y``:
            the path of a file in fastText's format, a text a line with its labels among the words, or
            such a file opened for reading bytes.
        y
            A label a text, or a row of probabilities, one for each class (soft labels; the classes
            are 0, 1, ... or the names of a data frame's columns). With ``multilabel`` a list of labels
            a text, a dict from label to 0 or 1, or a matrix of zeros and ones [n, labels], dense or of
            SciPy.
        sample_weight : array-like of shape (n,)
            Weight of each text in the mean loss, at least 0.
        X_val, y_val
            Validation data in the same forms, for ``history_``, early stopping, ``calibrate`` and ``reject``.
        groups : array-like of shape (n,)
            What texts belong to (a document, an author): those of one group are held out together wherever
            some are held out, for ``validation_fraction``, ``calibrate`` and the candidates of the recipe.
        callbacks, checkpoint, checkpoint_steps, checkpoint_seconds, resume
            As in `FFNNClassifier.fit`.

        Raises
        ------
        ValueError
            Wrong input, settings out of range, a checkpoint of another run.
        TypeError
            What is not text among the texts.
        OSError
            An unreadable file.
        FloatingPointError, KeyboardInterrupt
            As in `FFNNClassifier.fit`.
        """
        saving = Saving(checkpoint, checkpoint_steps, checkpoint_seconds, resume)
        self._check_settings()
        saved = saving.open(type(self).__name__)
        reader = self._reader()
        read = reader.training(recipe.featurizer(self), X, y, None)
        corpus, targets, _ = read
        weight, by_class = self._weigh(targets, check_sample_weight(sample_weight, targets.size))
        if X_val is None and y_val is not None:
            raise ValueError("X_val and y_val must be given together")
        seed = self._seed(saved)
        kin = check_groups(groups, targets.size)
        held_out = None if X_val is not None else self._held_out(targets, weight, seed, kin)
        numbers, held = (None, None) if held_out is None else held_out
        chosen = choose(self, read, numbers, seed, weight, by_class, kin)
        read = chosen.read
        corpus = read.corpus
        others = None
        if X_val is not None:
            others = reader.known(corpus.featurizer, X_val, y_val, targets.classes, "_val")
        fitted, restart = begin(self, read, weight, seed, chosen.weighting, numbers)
        spec = fitted.network.spec
        data = Data(fitted.examples(corpus), self._net_targets(targets, spec, weight, by_class))
        validate, validation, data_id = None, None, {}
        if saving.wanted:
            data_id["train"] = read.identity(weight, kin)
        if others is not None:
            theirs = self._net_targets(others.targets, spec)
            validation = fitted.examples(others.corpus), others.targets
            validate = self._validator(Data(validation[0], theirs))
            if saving.wanted:
                data_id["valid"] = others.identity(None)
        elif held is not None:
            validate = self._validator(data, held)
        epochs = chosen.epochs or recipe.epochs_of(self, fitted, corpus)
        optimizer = recipe.optimizer_of(self, fitted, by_class, epochs)
        if chosen.rate is not None:
            optimizer = replace(optimizer, lr=chosen.rate)
        fitted = told(self, fitted, optimizer, epochs, chosen)
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
            rehearsal=Rehearsal(targets, weight, numbers, held, validation, restart, kin),
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
        Settings that concern training alone may change between calls. A call that fails leaves the
        model as it was; others predict meanwhile, with the state before it. A temperature and the
        threshold of ``reject`` stay those of `fit`, from whose calibrated weights training goes on.
        """
        self._check_settings()
        X = collected(X)
        if self._fitted is None:
            refuse_first_pass(self)
            read = self._reader().training(recipe.featurizer(self), X, y, classes)
            weight, by_class = self._weigh(
                read.targets, check_sample_weight(sample_weight, read.targets.size)
            )
            fitted, restart = begin(self, read, weight, self._seed(None))
            restart()
            history = self._learn(fitted.network, fitted, read, weight, by_class)
            self._keep(replace(fitted, history=history))
            return self
        with (network := self._state().network).turn():
            fitted = self._of(network)
            self._check_structure(fitted)
            self._known_classes(classes, fitted)
            least = {
                "min_count": int(self.min_count),
                "ngram_min_count": int(self.ngram_min_count),
            }
            read = self._reader(fitted).growing(fitted.features, X, y, fitted.classes, least)
            features = read.corpus.featurizer
            weight, by_class = self._weigh(
                read.targets, check_sample_weight(sample_weight, read.targets.size)
            )
            fork = fitted.network.fork(
                fitted.examples(read.corpus),
                rows=features.num_rows,
                **{**self._training_spec(), "l2": recipe.l2(self, fitted.network.spec)},
            )
            # those of files before there was a choice
            weighting = fitted.settings.get("weighting", "unevenness")
            share = fitted.settings.get("char_share", 1.0)
            start_rows(self, fork, fitted.features, read, weighting, share)
            history = self._learn(fork, fitted, read, weight, by_class)
            self._replace(fork, replace(fitted, history=history, features=features))
        return self

    # settings -----------------------------------------------------------------------------------

    def _optimizer(self) -> Optimizer:
        return recipe.optimizer(self)

    def _training_spec(self) -> dict[str, Any]:
        return {
            **super()._training_spec(),
            "l2": recipe.l2(self),
            "embedding_dropout": float(self.dropout),
            "word_dropout": float(self.word_dropout),
            "freeze_embeddings": recipe.frozen_epochs(self) is None,
        }

    def _check_structure(self, fitted: TextFitted) -> None:
        if self.optimizer == "auto":
            known = {k: v for k, v in fitted.settings.items() if k != "optimizer"}
            super()._check_structure(replace(fitted, settings=known))
        else:
            super()._check_structure(fitted)
        if self.tokenizer is not fitted.features.tokenizer:
            raise ValueError("tokenizer cannot change between fit and partial_fit")

    # training -----------------------------------------------------------------------------------

    def _reader(self, fitted: TextFitted | None = None) -> Reader:
        multilabel = bool(self.multilabel) if fitted is None else fitted.multilabel
        as_sets = None if fitted is None else fitted.as_sets
        return Reader(type(self).__name__, self.label_prefix, multilabel, as_sets)

    def _learn(
        self,
        network: Network,
        fitted: TextFitted,
        read: ReadTexts,
        weight: NDArray[np.float32] | None,
        by_class: NDArray[np.float64] | None,
    ) -> History:
        """One pass of ``network`` over the texts; the history with it."""
        targets = self._net_targets(read.targets, network.spec, weight, by_class)
        data = Data(fitted.examples(read.corpus), targets)
        optimizer = recipe.optimizer_of(self, fitted, by_class)
        rate = optimizer.schedule(self._default_schedule).lr
        assert rate is not None
        return self._one_pass(network, fitted, data, int(self.batch_size), rate)

    def __sklearn_tags__(self) -> Any:
        return self._sklearn_tags(two_d_array=False, string=True)
