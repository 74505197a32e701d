"""The history of a run, a record an epoch, and where the run stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NotRequired, TypeAlias, TypedDict, overload

__all__ = [
    "Callback",
    "Callbacks",
    "History",
    "Record",
    "State",
    "Validated",
    "as_callbacks",
    "call_all",
]


class Record(TypedDict):
    """An entry of ``history_``: what became of an epoch, and how long it took."""

    epoch: int
    """Its number, from 1."""
    loss: float
    val_loss: float | None
    val_accuracy: float | None
    seconds: float
    examples_per_second: float
    learning_rate: float
    tokens_per_second: NotRequired[float]
    val_perplexity: NotRequired[float | None]


class History(Sequence[Record]):
    """Records of epochs. One that goes on from another shares its list, so that a stream of calls of
    ``partial_fit`` does not copy all that came before at each of them.
    """

    __slots__ = ("_records", "_size")

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = list(records)
        self._size = len(self._records)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Record]:
        return islice(self._records, self._size)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self._records[i] for i in range(*index.indices(self._size))]
        return self._records[range(self._size)[index]]

    @classmethod
    def longer(cls, before: Sequence[Record], records: Iterable[Record]) -> History:
        """The records ``before``, which stay as they are, and then ``records``."""
        if not isinstance(before, History):
            before = History(before)
        more = list(records)
        shared, size = before._records, before._size + len(more)
        # The list is longer where another has gone on from here, and perhaps been given up; models made of one another may do so at once,
        # so it is looked at again.
        ours = len(shared) == before._size
        if ours:
            shared.extend(more)
            ours = len(shared) == size
        longer = cls()
        longer._records, longer._size = shared if ours else [*before, *more], size
        return longer


class Validated(TypedDict):
    """What validation data said."""

    val_loss: float
    val_accuracy: NotRequired[float]
    val_perplexity: NotRequired[float]


Callback: TypeAlias = Callable[[Any, Record], Any]
Callbacks: TypeAlias = Callback | Iterable[Callback] | None


@dataclass
class State:
    """Where a run stands. Random numbers come from (seed, epoch) and (seed, step): there is no more to it."""

    epoch: int = 0
    """Epochs done."""
    batch: int = 0
    """Batches done in the present epoch."""
    updates: int = 0
    """Batches done in all."""
    examples: int = 0
    """Examples done in all."""
    loss: float = 0.0
    """Sum of the weighted losses of the present epoch."""
    weight: float = 0.0
    """Sum of its weights."""
    seconds: float = 0.0
    """Time spent on it."""
    best_score: list[float] | None = None
    best_epoch: int | None = None
    waited: int = 0
    """Epochs since the best one."""
    lowest: float | None = None
    since_lowest: int = 0
    """Epochs since the training loss fell."""
    finished: bool = False
    history: list[Record] = field(default_factory=list)


def as_callbacks(callbacks: Callbacks) -> list[Callback]:
    """One function or several, as a list; TypeError for what cannot be called."""
    if callbacks is None:
        return []
    if callable(callbacks):
        return [callbacks]
    try:
        several = list(callbacks)
    except TypeError:
        several = [callbacks]  # type: ignore[list-item]
    for callback in several:
        if not callable(callback):
            raise TypeError(
                f"callbacks must be a function or several, got {type(callback).__name__}"
            )
    return several


def call_all(callbacks: Iterable[Callback], model: Any, record: Record) -> bool:
    """Call each, also after one has asked to stop by returning True; then the result is True."""
    answers = [callback(model, record) for callback in callbacks]
    return any(answer is True for answer in answers)
