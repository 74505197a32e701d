"""fastText's Python module on pyffnn's core: change one import, ``import pyffnn.integrations.fasttext as fasttext``.

Same functions, same model objects, same files (``.bin`` and ``.ftz``, read and written), without fastText itself. What differs
is better on purpose: lists are predicted in one call without the GIL, model files are mapped and so shared by all processes,
probabilities never exceed 1, training gives the same model for every ``thread``, errors are exceptions.

Source: Joulin, Grave, Bojanowski & Mikolov, "Bag of Tricks for Efficient Text Classification" (2016); Bojanowski, Grave,
Joulin & Mikolov, "Enriching Word Vectors with Subword Information" (2017); Joulin et al., "FastText.zip" (2016).
"""

from __future__ import annotations

from . import model as FastText  # noqa: N812 - the name of fastText's own module
from . import util
from .model import BOW, EOS, EOW, load_model, tokenize
from .training import train_supervised, train_unsupervised

__all__ = [
    "BOW",
    "EOS",
    "EOW",
    "FastText",
    "load_model",
    "tokenize",
    "train_supervised",
    "train_unsupervised",
    "util",
]


def cbow(*_: object, **__: object) -> None:
    """Not there any more, as in fastText: raises an Exception that names `train_unsupervised`."""
    raise Exception(
        "`cbow` is not supported any more. Please use `train_unsupervised` with model=`cbow`."
    )


def skipgram(*_: object, **__: object) -> None:
    """Not there any more, as in fastText: raises an Exception that names `train_unsupervised`."""
    raise Exception(
        "`skipgram` is not supported any more. Please use `train_unsupervised` with model=`skipgram`."
    )
