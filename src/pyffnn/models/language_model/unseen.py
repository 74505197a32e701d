"""Words of the vocabulary that training never met: what stands in for what was not learned.

The softmax pushes such words down at every step, and Adam's steps are long however small their gradients are, so that a word that comes
up later after all would cost tens of nats. Unknown words are words that were met too seldom, and so are these: each has the
vector of ``unk_token``, with the bias that gives all of them together about its probability. Where there is no unknown word, that
of words met once takes its place, and all together get their share (Good & Turing: new words are met about as often as words
that have been met once).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pyffnn.net import Network

__all__ = ["stand_in"]


def stand_in(counts: NDArray[np.int64], unk_id: int | None) -> Callable[[Network], None] | None:
    """What gives the words of count 0 their weights; None where there is nothing to do, or to do it with."""
    unseen = np.flatnonzero(counts == 0)
    if unk_id is not None and counts[unk_id]:
        models = np.array([unk_id])
        share = -math.log1p(unseen.size)
    else:
        models = np.flatnonzero(counts == 1)
        share = min(0.0, math.log(max(models.size, 1) / max(unseen.size, 1)))
    if unseen.size == 0 or models.size == 0:
        return None

    def give(network: Network) -> None:
        parameters = network.parameters()
        for name in ("output.weight", "embedding"):
            if name in parameters:
                table = parameters[name]
                table[unseen] = table[models].mean(axis=0, dtype=np.float64)
        bias = parameters["output.bias"].reshape(-1)
        bias[unseen] = bias[models].mean(dtype=np.float64) + share

    return give
