"""Which tokens make up the batches of an epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 19
"""Tokens of a block: the order of the blocks is shuffled ..."""
GROUP = 8
"""... and the segments of so many blocks among one another, so that a memory-mapped corpus is read from
a few places at a time and no permutation of all of it exists."""


class Batches(NamedTuple):
    """Some batches: batch b is the segments ``offsets[b] .. offsets[b + 1]``, each ``lengths``
    tokens from position ``starts`` on."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def part(self, begin: int, end: int) -> Batches:
        lo, hi = self.offsets[begin], self.offsets[end]
        return Batches(self.starts[lo:hi], self.lengths[lo:hi], self.offsets[begin : end + 1] - lo)

    def tokens(self) -> NDArray[np.int64]:
        """Tokens of each batch."""
        return np.add.reduceat(self.lengths, self.offsets[:-1])


def epoch_batches(
    tokens: int, batch_size: int, segment: int, seed: int, epoch: int
) -> Iterator[Batches]:
    """The batches of one epoch, group by group; every token of the stream is a target once.

    The stream is cut into runs of ``segment`` tokens from a random offset on, which differs from
    epoch to epoch; a batch takes ``batch_size // segment`` of them. All depends on (seed, epoch)
    alone.
    """
    rng = np.random.default_rng([seed, 0x2B, epoch])
    first = int(rng.integers(segment)) if segment > 1 else 0
    cuts = BLOCK // segment * segment
    blocks = -(-tokens // cuts)
    order = rng.permutation(blocks)
    per_batch = max(1, batch_size // segment)
    for at in range(0, blocks, GROUP):
        starts = np.concatenate(
            [
                np.arange(first + b * cuts, min(first + (b + 1) * cuts, tokens), segment)
                for b in order[at : at + GROUP]
            ]
        )
        if first and 0 in order[at : at + GROUP]:
            starts = np.append(starts, 0)
        if not starts.size:
            continue
        rng.shuffle(starts)
        lengths = np.minimum(segment, tokens - starts)
        lengths[starts == 0] = min(first or segment, tokens)
        offsets = np.append(np.arange(0, starts.size, per_batch), starts.size)
        yield Batches(starts, lengths, offsets)
