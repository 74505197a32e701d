"""Which examples make up the batches of an epoch, and the learning rate of each.

All of it is a function of the seed and the epoch alone, so a run can be broken off and go on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pyffnn.net import Order, Runs
from pyffnn.optimizers import Schedule

__all__ = ["BatchGroup", "Batches", "Shuffled", "Windows", "epoch_order"]

BLOCK = 1 << 19
"""Tokens of a block of a stream: the order of the blocks is shuffled ..."""
GROUP = 8
"""... and the runs of so many blocks among one another, so that a memory-mapped corpus is read from
a few places at a time and no permutation of all of it exists."""

_FEW = 32
"""A shared weight that is not finite, or far too large, shows in any example."""


class BatchGroup(ABC):
    """Some batches of an epoch, with their numbers of examples and their learning rates."""

    def __init__(self, sizes: NDArray[np.int64], rates: NDArray[np.float64]) -> None:
        self.sizes = sizes
        self.rates = rates

    def __len__(self) -> int:
        return len(self.sizes)

    @abstractmethod
    def order(self, begin: int, end: int) -> Order:
        """Batches ``begin .. end - 1`` as a network takes them."""

    def last_few(self) -> Order:
        """Examples of the last batch, enough of them to tell whether its update broke the weights that all examples share."""
        return self.order(len(self) - 1, len(self))


class Batches(ABC):
    """The batches of every epoch.

    Attributes
    ----------
    batch_size
        Examples a batch at most.
    examples
        Examples an epoch.
    """

    batch_size: int
    examples: int

    @abstractmethod
    def epoch(self, epoch: int, epochs: int, schedule: Schedule) -> Iterator[BatchGroup]:
        """The batches of epoch number ``epoch``, from 0, of ``epochs``."""


class _Numbers(BatchGroup):
    def __init__(
        self, numbers: NDArray[np.int64], batch_size: int, rates: NDArray[np.float64]
    ) -> None:
        sizes = np.full(rates.size, batch_size, np.int64)
        sizes[-1] = numbers.size - batch_size * (rates.size - 1)
        super().__init__(sizes, rates)
        self._numbers = numbers
        self._batch_size = batch_size

    def order(self, begin: int, end: int) -> NDArray[np.int64]:
        return self._numbers[begin * self._batch_size : end * self._batch_size]

    def last_few(self) -> Order:
        return self.order(len(self) - 1, len(self))[:_FEW]


class Shuffled(Batches):
    """Examples by number, in a new order each epoch; a batch has the rate of its number among all.

    ``numbers``: those that take part, int64. ``first_epoch``: epochs before this run, whose orders
    are used up.
    """

    def __init__(
        self, numbers: NDArray[np.int64], batch_size: int, seed: int, first_epoch: int = 0
    ) -> None:
        self._numbers = numbers
        self._seed = seed
        self._first_epoch = first_epoch
        self.batch_size = batch_size
        self.examples = int(numbers.size)

    def epoch(self, epoch: int, epochs: int, schedule: Schedule) -> Iterator[BatchGroup]:
        steps = max(-(-self.examples // self.batch_size), 1)
        rates = schedule.values(steps * epochs, epoch * steps, (epoch + 1) * steps)
        order = epoch_order(self._numbers, self._seed, self._first_epoch + epoch)
        yield _Numbers(order, self.batch_size, rates)


def epoch_order(numbers: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    """The examples ``numbers`` shuffled for an epoch; depends on nothing but the arguments."""
    if numbers.size < 2:  # partial_fit of one example
        return numbers
    rng = np.random.Generator(np.random.SFC64([seed, epoch]))
    return numbers[rng.permutation(numbers.size)]


class _Segments(BatchGroup):
    def __init__(self, runs: Runs, sizes: NDArray[np.int64], rates: NDArray[np.float64]) -> None:
        super().__init__(sizes, rates)
        self.runs = runs

    def order(self, begin: int, end: int) -> Order:
        starts, lengths, offsets = self.runs
        lo, hi = offsets[begin], offsets[end]
        return Runs(starts[lo:hi], lengths[lo:hi], offsets[begin : end + 1] - lo)


class Windows(Batches):
    """Runs of neighbouring tokens of a stream; a batch has the rate of the share of tokens seen.

    The stream is cut into runs of ``segment`` tokens from a random offset on, which differs from
    epoch to epoch; a batch takes ``batch_size // segment`` of them.
    """

    def __init__(self, tokens: int, batch_size: int, segment: int, seed: int) -> None:
        self._segment = segment
        self._seed = seed
        self.batch_size = batch_size
        self.examples = tokens

    def epoch(self, epoch: int, epochs: int, schedule: Schedule) -> Iterator[BatchGroup]:
        done, total = epoch * self.examples, epochs * self.examples
        for runs in self.runs(epoch):
            sizes = np.add.reduceat(runs.lengths, runs.offsets[:-1])
            ends = done + np.cumsum(sizes)
            done = int(ends[-1])
            yield _Segments(runs, sizes, schedule.shares((ends - sizes) / total, ends / total))

    def runs(self, epoch: int) -> Iterator[Runs]:
        """The runs of an epoch, group by group; every token of the stream is in one of them."""
        tokens, segment = self.examples, self._segment
        rng = np.random.default_rng([self._seed, 0x2B, epoch])
        first = int(rng.integers(segment)) if segment > 1 else 0
        cuts = BLOCK // segment * segment
        blocks = -(-tokens // cuts)
        order = rng.permutation(blocks)
        per_batch = max(1, self.batch_size // segment)
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
            yield Runs(
                starts, lengths, np.append(np.arange(0, starts.size, per_batch), starts.size)
            )
