"""What the rows of a table count in weighted bags: how rare they are, and how unevenly they fall on the classes."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pyffnn.models.labels import Targets
from pyffnn.text.corpus import Corpus
from pyffnn.text.featurizer import Featurizer

__all__ = ["Weighting", "char_share", "new_row_weights", "row_weights"]

Weighting: TypeAlias = Literal["both", "unevenness", "rarity"]

# The powers of idf and of the unevenness over classes.
_POWERS: dict[Weighting, tuple[float, float]] = {
    "both": (2, 0.5),
    "unevenness": (1, 0.5),
    "rarity": (2, 0),
}

# A word has several pieces, which say much the same: at the weight of words they drown it.
_CHAR_SHARE = 0.6

# Classes beyond so many share groups, so that the counts of a large table stay small.
_MOST_GROUPS = 64
_MOST_COUNTS = 2**27
# Most rows are in few texts: logarithms of counts below this come from a table.
_FEW = 32


def char_share(features: Featurizer) -> float:
    """What the weight of a row of a piece of words is multiplied by: the less, the more lengths pieces have."""
    if features.char_ngrams is None:
        return 1.0
    low, high = features.char_ngrams
    return _CHAR_SHARE / math.sqrt(high - low + 1)


def row_weights(
    corpus: Corpus,
    targets: Any,
    used: NDArray[np.bool_] | None = None,
    weighting: Weighting = "both",
) -> NDArray[np.float32]:
    """A weight for each row, float32 (rows,): idf^2 times the root of its unevenness, or as ``weighting`` says.

    "unevenness" has idf in the place of its square, "rarity" is idf^2 alone; over numbers in the place of
    classes it is idf.

    idf = ln((1 + N) / (1 + n)) + 1 for a row that n of N texts have. The unevenness of a row is
    the root of sum over classes c of q_c ln(p_c / q_c)^2, where q_c is the share of the texts
    with class c, p_c the same among texts with the row, drawn towards q_c by one text a class: with
    two classes of one size about the log-odds of naive Bayes, as in NB-SVM (Wang & Manning
    2012), here without its sign and for any number of classes. Rows that pieces of words alone have
    count `char_share` of that.

    ``used``: the texts whose labels count; None: all.
    """
    codes, offsets = _labels(targets)
    if weighting == "rarity":
        codes, offsets = codes[:0], np.zeros_like(offsets)
    elif used is not None:
        lengths = np.diff(offsets)
        codes = codes[np.repeat(used, lengths)]
        offsets = np.concatenate([[0], np.cumsum(np.where(used, lengths, 0))])
    groups = _groups(targets, corpus.featurizer.num_rows)
    codes %= groups
    documents, of_group = corpus.core.count_rows(codes, offsets, groups)
    weights = _weights(len(corpus), codes, documents, of_group, weighting)
    features = corpus.featurizer
    weights[features.char_rows] *= np.float32(char_share(features))
    return weights


def new_row_weights(
    corpus: Corpus,
    targets: Any,
    first: int,
    weighting: Weighting = "both",
    share: float | None = None,
) -> NDArray[np.float32]:
    """The same of the rows from ``first`` on alone, at the cost of the texts.

    ``share``: of pieces of words; None: `char_share`.
    """
    codes, offsets = _labels(targets)
    rows = corpus.featurizer.num_rows - first
    groups = _groups(targets, rows)
    codes %= groups
    ids, bags = corpus.bags()
    texts = np.repeat(np.arange(len(corpus)), np.diff(bags))
    new = ids >= first
    pairs = np.unique((ids[new] - np.int64(first)) * len(corpus) + texts[new])
    row, text = pairs // len(corpus), pairs % len(corpus)
    documents = np.bincount(row, minlength=rows)
    of_group = np.zeros((rows, groups), np.int64)
    lengths = np.diff(offsets)[text]
    at = np.repeat(offsets[text] - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    np.add.at(of_group, (np.repeat(row, lengths), codes[at]), 1)
    weights = _weights(len(corpus), codes, documents, of_group, weighting)
    features = corpus.featurizer
    share = char_share(features) if share is None else share
    weights[features.char_rows_from(first) - first] *= np.float32(share)
    return weights


def _weights(
    texts: int,
    codes: NDArray[np.int64],
    documents: NDArray[Any],
    of_group: NDArray[Any],
    weighting: Weighting,
) -> NDArray[np.float32]:
    most = int(documents.max(initial=0))
    by_count = np.log((1 + texts) / (1 + np.arange(most + 1))) + 1
    rarity, unevenness = _POWERS[weighting]
    idf: NDArray[np.float64] = (by_count**rarity)[documents]
    groups = of_group.shape[1]
    if groups < 2 or not codes.size:
        return (by_count[documents] if unevenness else idf).astype(np.float32)
    share = np.bincount(codes, minlength=groups) + 1e-3
    share /= share.sum()
    labels = np.zeros(documents.size, np.int64)
    for group in range(groups):  # one column at a time: the table may be large
        labels += of_group[:, group]

    def uneven(count: NDArray[Any], labels: NDArray[Any], q: float) -> NDArray[np.float64]:
        p = (count + groups * q) / (labels + groups)
        return np.asarray(q * np.log(p / q) ** 2)

    often = np.flatnonzero(labels >= _FEW)
    few = np.arange(_FEW)
    square = np.zeros(documents.size)
    for group, q in enumerate(share):
        table = uneven(few, few[:, None], q)
        part = table.take(labels * _FEW + of_group[:, group], mode="clip")
        part[often] = uneven(of_group[often, group], labels[often], q)
        square += part
    return (idf * (np.sqrt(square) + 1e-3) ** unevenness).astype(np.float32)


def _groups(targets: Any, rows: int) -> int:
    classes = getattr(targets, "classes", None)
    count = 1 if classes is None else classes.size
    return int(min(max(count, 1), _MOST_GROUPS, max(1, _MOST_COUNTS // max(rows, 1))))


def _labels(targets: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of all texts' classes (a new array), and where each text's begin; of soft labels the likeliest."""
    if not isinstance(targets, Targets):  # numbers
        return np.empty(0, np.int64), np.zeros(targets.size + 1, np.int64)
    if targets.indptr is not None and targets.indices is not None:
        return targets.indices.astype(np.int64), targets.indptr.astype(np.int64)
    codes = targets.strata
    assert codes is not None
    return codes.astype(np.int64), np.arange(codes.size + 1, dtype=np.int64)
