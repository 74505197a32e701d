"""Settings as data: what each constructor argument of each model may be.

A `Setting` has the kinds of values that an argument takes, and a line on what it means. The default
stands in the constructor alone. `check` validates a model from its table, the command line takes
options and help from it, docs/reference/settings.md is written from it, and a test attacks every
setting of every model by it.
"""

from __future__ import annotations

import operator
import os
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from pyffnn.corpus import IdVocabulary, WordVocabulary
from pyffnn.models.arguments import ArgumentTypeError
from pyffnn.models.kinds import (
    Choice,
    Choices,
    Flag,
    Integer,
    IntegerPair,
    Integers,
    Is,
    Kind,
    Nothing,
    Number,
    Numbers,
    Text,
    Weights,
    Words,
    either,
    shown,
)
from pyffnn.models.names import Activation, ClassOutput, Pool, RegressionLoss, WordOutput
from pyffnn.optimizers import Optimizer, OptimizerName, Schedule
from pyffnn.precision import PRECISIONS

__all__ = ["RULES", "SETTINGS", "Setting", "check", "check_one", "model_name"]


@dataclass(frozen=True)
class Setting:
    """What a constructor argument may be: a value of one of the ``kinds``; ``doc`` says what it means."""

    kinds: tuple[Kind, ...]
    doc: str

    @property
    def words(self) -> str:
        return either([kind.words for kind in self.kinds])

    @property
    def values(self) -> str:
        """What it may be, with ranges."""
        return "; ".join(kind.values for kind in self.kinds)

    @property
    def choices(self) -> tuple[str, ...]:
        """Names that it may be."""
        return tuple(n for kind in self.kinds if isinstance(kind, Choice) for n in kind.names)

    def kind(self, wanted: type[Kind]) -> Kind | None:
        """Its kind of a class, if it has one."""
        return next((kind for kind in self.kinds if isinstance(kind, wanted)), None)

    def check(self, name: str, value: Any) -> None:
        """ValueError for a value out of range, one that is a TypeError too for a value of another type."""
        for kind in self.kinds:
            if kind.fits(value):
                wrong = kind.wrong(value)
                if wrong is None:
                    return
                raise ValueError(f"{name} must be {wrong or self.words}, got {shown(value)}")
        raise ArgumentTypeError(f"{name} must be {self.words}, got {shown(value)}")


def _of(*kinds: Kind, doc: str) -> Setting:
    return Setting(kinds, doc)


NONE, FLAG, COUNT = Nothing(), Flag(), Integer(1)
POOLINGS, OPTIMIZERS = get_args(Pool), get_args(OptimizerName)
RATE = Number(0, 1, open_high=True)  # of dropout: 1 would leave nothing
POSITIVE = Number(0, open_low=True)

_OUTPUT_LAYERS = "all classes, classes in an order, clusters by frequency, or a sample in training"
_CLASS_OUTPUT = _of(Choice(get_args(ClassOutput)), doc=f"output layer: {_OUTPUT_LAYERS}")
_TEXT_OUTPUT = _of(
    Choice(("auto", *get_args(ClassOutput))),
    doc=f"output layer: {_OUTPUT_LAYERS}; auto: all classes, of more than 5,000 a sample",
)
_NETWORK = {
    "hidden_layer_sizes": _of(COUNT, Integers(COUNT), doc="units of the hidden layers"),
    "activation": _of(Choice(get_args(Activation)), doc="of the hidden layers"),
    "residual": _of(FLAG, doc="hidden layers add to their input"),
    "layer_norm": _of(FLAG, doc="layer normalisation"),
    "output": _of(
        Choice(get_args(WordOutput)),
        doc="output layer: all classes, clusters by frequency, or a sample in training",
    ),
    "cutoffs": _of(
        Integers(COUNT, most=64, rising=True, empty=False),
        NONE,
        doc="adaptive output: frequency ranks at which rarer classes begin; none: by their number",
    ),
    "samples": _of(COUNT, doc="sampled output: classes drawn a step"),
    "precision": _of(
        Choice(PRECISIONS), NONE, doc="of matrix products; none: pyffnn.get_default_precision()"
    ),
}

_TRAINING = {
    "optimizer": _of(
        Choice(OPTIMIZERS),
        Is("a settings object of pyffnn.nn", (Optimizer,)),
        doc="how weights are updated",
    ),
    "learning_rate": _of(
        POSITIVE,
        Is("a schedule of pyffnn.nn", (Schedule,)),
        NONE,
        doc="of the first steps; none: the optimizer's own",
    ),
    "dropout": _of(RATE, doc="share of hidden units dropped in a training step"),
    "l2": _of(Number(0), doc="weight of the sum of squared weights"),
    "clip_norm": _of(POSITIVE, NONE, doc="greatest norm of the gradient; none: no limit"),
    "early_stopping": _of(
        FLAG,
        COUNT,
        doc="end after so many epochs without a better validation result, and keep the best weights",
    ),
    "validation_fraction": _of(
        Number(0, 1, open_low=True, open_high=True),
        doc="share of the data held out for early stopping and reject where there are no validation data",
    ),
    "n_threads": _of(
        Integer(1, 1024),
        NONE,
        doc="threads of training and prediction; none: pyffnn.get_num_threads()",
    ),
    "random_state": _of(
        Integer(0, 2**63 - 1),
        Is("a NumPy RandomState or Generator", (np.random.RandomState, np.random.Generator)),
        NONE,
        doc="seed of everything random; none: another one each time",
    ),
    "verbose": _of(Integer(0), FLAG, doc="show progress"),
}

_CLASSES = {
    "class_weight": _of(
        Choice(("balanced",)), Weights(), NONE, doc="weights of the classes; none: 1 each"
    ),
    "thresholds": _of(
        Choice(("auto",)),
        Number(0, 1),
        Numbers(Number(0, 1)),
        doc="multi-label: probability above which a label is given; auto: by F1 on validation data "
        "where there are any, else 0.5",
    ),
    "calibrate": _of(FLAG, doc="fit a temperature to unseen examples, for probabilities that hold"),
    "reject": _of(
        Number(0, 1, open_low=True, open_high=True),
        NONE,
        doc="share of examples like those of training that may be answered 'none of these'; none: no such answer",
    ),
}

_VOCABULARY = {
    "vocabulary": _of(
        Is("a vocabulary object", (WordVocabulary, IdVocabulary)),
        Words(),
        COUNT,
        NONE,
        doc="words, or a number of ids; none: those of the training corpus",
    ),
    "min_count": _of(
        COUNT,
        NONE,
        doc="words seen less often are unknown; none: 4 from 100,000 words on, else 1",
    ),
    "max_vocab": _of(COUNT, NONE, doc="most words of the vocabulary; none: no limit"),
    "unk_token": _of(Text(one_word=True), doc="stands for words outside the vocabulary"),
    "eos_token": _of(
        Text(one_word=True), NONE, doc="stands for the end of a sentence; none: ends leave no mark"
    ),
    "lowercase": _of(FLAG, doc="lower-case all words"),
}

_OWN: dict[str, dict[str, Setting]] = {
    "FFNNClassifier": {
        **_NETWORK,
        "output": _CLASS_OUTPUT,
        **_TRAINING,
        **_CLASSES,
        "epochs": _of(COUNT, doc="passes over the examples at most"),
        "batch_size": _of(
            Choice(("auto",)), COUNT, doc="examples a step; auto: 200, or all if there are fewer"
        ),
        "tol": _of(
            Number(0), NONE, doc="fall of the training loss that counts; none: train all epochs"
        ),
        "n_iter_no_change": _of(COUNT, doc="epochs in a row without such a fall that end training"),
    },
    "TextClassifier": {
        **_NETWORK,
        "output": _TEXT_OUTPUT,
        **_TRAINING,
        **_CLASSES,
        "embedding_dim": _of(
            COUNT,
            NONE,
            doc="numbers a word; none: those of the pretrained vectors, one a class, or 16",
        ),
        "pooling": _of(
            Choice(("auto", *POOLINGS, "weighted", "concat")),
            Choices(POOLINGS),
            doc="how words become one input; several poolings stand side by side",
        ),
        "windows": _of(
            COUNT,
            NONE,
            doc="words of a window: rows are averaged in each, and the pooling is over the windows; "
            "none: over the rows of the whole text",
        ),
        "max_tokens": _of(
            COUNT, NONE, doc="first words of a text that count; none: all (concat: at most 100)"
        ),
        "word_ngrams": _of(Integer(1, 16), doc="longest n-gram of words"),
        "char_ngrams": _of(
            Choice(("auto",)),
            IntegerPair(1, 64),
            NONE,
            doc="n-grams of characters inside words; auto: 4,4 for short or few texts, else none",
        ),
        "buckets": _of(
            COUNT, NONE, doc="rows that n-grams share by their hash; none: a row an n-gram"
        ),
        "min_count": _of(COUNT, doc="words seen less often are unknown"),
        "ngram_min_count": _of(COUNT, doc="n-grams seen less often are left out"),
        "lowercase": _of(FLAG, doc="lower-case all words"),
        "tokenizer": _of(
            Is("a callable or a tokenizers.Tokenizer", (), ("__call__", "encode_batch")),
            NONE,
            doc="cuts a text into words; none: at white space",
        ),
        "optimizer": _of(
            Choice(("auto", *OPTIMIZERS)),
            Is("a settings object of pyffnn.nn", (Optimizer,)),
            doc="how weights are updated; auto: sgd for weighted rows, else adagrad",
        ),
        "l2": _of(
            Number(0),
            NONE,
            doc="weight of the sum of squared weights; none: 0 for weighted rows, else 1e-4",
        ),
        "label_prefix": _of(Text(one_word=True), doc="marks labels in files of fastText's form"),
        "epochs": _of(
            Choice(("auto",)), COUNT, doc="passes over the texts; auto: by their number and length"
        ),
        "batch_size": _of(COUNT, doc="texts a step"),
        "word_dropout": _of(RATE, doc="share of words dropped in a training step"),
        "multilabel": _of(FLAG, doc="a text has any number of labels"),
        "pretrained_vectors": _of(
            Text("a path"),
            Is(
                "a mapping from words to vectors, (words, array), gensim's KeyedVectors",
                (os.PathLike, Mapping, tuple, list),
                (),
                ("index_to_key", "index2word", "wv"),
            ),
            NONE,
            doc="first embeddings of words; none: random",
        ),
        "freeze_embeddings": _of(
            FLAG, COUNT, doc="leave the embeddings as they are; a number: for so many epochs"
        ),
    },
    "LanguageModel": {
        **_NETWORK,
        **_TRAINING,
        **_VOCABULARY,
        "context": _of(COUNT, doc="words in the window"),
        "distant_kernels": _of(Integer(0), doc="means of more distant words; 0: none"),
        "distant_window": _of(Integer(0), doc="words that each of them covers"),
        "embedding_dim": _of(COUNT, NONE, doc="numbers a word; none: by the size of the corpus"),
        "hidden_layer_sizes": _of(
            COUNT,
            Integers(COUNT),
            NONE,
            doc="units of the hidden layers; none: by the size of the corpus",
        ),
        "dropout": _of(
            RATE,
            NONE,
            doc="share of hidden units dropped in a training step; none: by the size of the corpus",
        ),
        "direct": _of(FLAG, doc="connections from the input to the softmax"),
        "direct_ngrams": _of(
            FLAG,
            COUNT,
            doc="hashed rows for the last 2 to 4 words; a number: rows for each length and hash",
        ),
        "tie_embeddings": _of(FLAG, doc="the softmax's weights are the embeddings"),
        "epochs": _of(COUNT, NONE, doc="passes over the corpus; none: by its size"),
        "batch_size": _of(COUNT, NONE, doc="words a step; none: by the size of the corpus"),
        "embedding_dropout": _of(
            RATE, NONE, doc="share of the input's numbers dropped; none: as dropout"
        ),
        "word_dropout": _of(RATE, doc="share of words dropped in a training step"),
    },
    "KneserNeyLM": {
        **_VOCABULARY,
        "order": _of(Integer(1, 7), doc="longest n-gram"),
        "discounts": _of(
            Number(0, 3),
            Is("three numbers, an array of shape (order, 3)", (tuple, list, np.ndarray)),
            NONE,
            doc="taken off the counts; none: from the counts of counts",
        ),
    },
}


_OF_CLASSES = (
    "class_weight",
    "thresholds",
    "calibrate",
    "reject",
    "output",
    "cutoffs",
    "samples",
    "multilabel",
)
_VALUES = {
    "loss": _of(
        Choice(get_args(RegressionLoss)),
        doc="squared error, or the cross-entropy of a sigmoid unit for targets in [0, 1]",
    ),
}


def _of_values(classifier: str) -> dict[str, Setting]:
    """The settings of a regressor, from those of the classifier of the same input."""
    shared = {n: s for n, s in _OWN[classifier].items() if n not in _OF_CLASSES}
    return {**_VALUES, **shared}


SETTINGS: Mapping[str, Mapping[str, Setting]] = {
    **_OWN,
    "FFNNRegressor": _of_values("FFNNClassifier"),
    "TextRegressor": _of_values("TextClassifier"),
}


# Rules of several settings ----------------------------------------------------------------------


def _concat_has_no_ngrams(model: Any, fitted: bool) -> None:
    own_chars = model.char_ngrams is not None and not isinstance(model.char_ngrams, str)
    if model.pooling == "concat" and (model.word_ngrams > 1 or own_chars):
        raise ValueError(
            "pooling='concat' has a place for each word and none for n-grams: word_ngrams must "
            "be 1 and char_ngrams None"
        )


def _windows_are_pooled(model: Any, fitted: bool) -> None:
    if model.windows is None:
        return
    if model.pooling == "concat":
        raise ValueError(
            f"windows={model.windows} needs a pooling: pooling='concat' keeps the words apart"
        )
    if model.pooling == "weighted":
        raise ValueError(
            f"windows={model.windows} needs pooling='auto' or one of {', '.join(POOLINGS)}: "
            "pooling='weighted' weighs the rows of a whole text"
        )


def _frozen_embeddings_come_from_somewhere(model: Any, fitted: bool) -> None:
    # a fitted model has its embeddings, and a file does not hold vectors given as arrays
    if model.freeze_embeddings and model.pretrained_vectors is None and not fitted:
        raise ValueError("freeze_embeddings needs pretrained_vectors")


def _clusters_need_one_label(model: Any, fitted: bool) -> None:
    if model.multilabel and getattr(model, "output", "softmax") not in ("auto", "softmax"):
        raise ValueError(
            f"output={model.output!r} knows one label a text: multilabel needs output='softmax'"
        )


def _distant_words_need_a_window(model: Any, fitted: bool) -> None:
    if model.distant_kernels and not model.distant_window:
        raise ValueError("distant_window must be at least 1 with distant_kernels, got 0")


def _clusters_are_not_tied(model: Any, fitted: bool) -> None:
    if model.output == "adaptive" and model.tie_embeddings:
        raise ValueError(
            "output='adaptive' has no matrix of all words that could be tied: it needs "
            "tie_embeddings=False"
        )


def _special_tokens_differ(model: Any, fitted: bool) -> None:
    if model.unk_token == model.eos_token:
        raise ValueError(f"unk_token and eos_token must differ, both are {shown(model.unk_token)}")


RULES: Mapping[str, tuple[Callable[[Any, bool], None], ...]] = {
    "FFNNClassifier": (),
    "FFNNRegressor": (),
    "TextRegressor": (
        _concat_has_no_ngrams,
        _windows_are_pooled,
        _frozen_embeddings_come_from_somewhere,
    ),
    "TextClassifier": (
        _concat_has_no_ngrams,
        _windows_are_pooled,
        _frozen_embeddings_come_from_somewhere,
        _clusters_need_one_label,
    ),
    "LanguageModel": (
        _distant_words_need_a_window,
        _clusters_are_not_tied,
        _special_tokens_differ,
    ),
    "KneserNeyLM": (_special_tokens_differ,),
}


def check(model: Any, *, fitted: bool = False) -> None:
    """ValueError or TypeError for a setting that is wrong, or does not go with another, naming it.

    ``fitted``: the model has been fitted, and goes on.
    """
    kind = model_name(type(model))
    settings = SETTINGS[kind]
    values = (fitted, *[getattr(model, name, _ABSENT) for name in settings])
    remembers = type(model).__hash__ is not None  # a user's class may have an __eq__
    if remembers and _same(_CHECKED.get(model), values):
        return
    for (name, setting), value in zip(settings.items(), values[1:], strict=True):
        if value is not _ABSENT:
            setting.check(name, value)
    for rule in RULES[kind]:
        rule(model, fitted)
    if remembers and all(_is_fixed(value) for value in values):
        _CHECKED[model] = values


# Values that a model was last found right with, so that a stream of calls of `partial_fit` does not check them all again: the same
# objects, which nothing can have changed meanwhile.
_CHECKED: weakref.WeakKeyDictionary[Any, tuple[Any, ...]] = weakref.WeakKeyDictionary()
_ABSENT = object()
_FIXED = (bool, int, float, str, type(None), object)


def _same(before: tuple[Any, ...] | None, now: tuple[Any, ...]) -> bool:
    return before is not None and all(map(operator.is_, before, now))


def _is_fixed(value: Any) -> bool:
    return type(value) in _FIXED or (type(value) is tuple and all(map(_is_fixed, value)))


def check_one(model: Any, name: str) -> None:
    """The same for one setting on its own."""
    SETTINGS[model_name(type(model))][name].check(name, getattr(model, name))


_NAMES: dict[type, str] = {}


def model_name(cls: type) -> str:
    """The name of a model class in the tables; a subclass has its parent's settings."""
    name = _NAMES.get(cls)
    if name is None:
        name = next(base.__name__ for base in cls.__mro__ if base.__name__ in SETTINGS)
        _NAMES[cls] = name
    return name
