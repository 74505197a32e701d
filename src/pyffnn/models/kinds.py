"""Kinds of values that a setting may have: what each is called, and what is refused."""

from __future__ import annotations

import itertools
import math
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pyffnn.models.arguments import is_number

__all__ = [
    "FLOAT",
    "SIZE",
    "Choice",
    "Choices",
    "Flag",
    "Integer",
    "IntegerPair",
    "Integers",
    "Is",
    "Kind",
    "Nothing",
    "Number",
    "Numbers",
    "Text",
    "Weights",
    "Words",
    "either",
    "shown",
]

SIZE = 2**31 - 1
"""The largest size or count: rows, units and words are numbered in 32 bits."""
FLOAT = float(np.finfo(np.float32).max)
"""The largest number that the networks can hold."""


class Kind(ABC):
    """A kind of value.

    Attributes
    ----------
    words
        What it is, for "must be ...".
    values
        The same with its range, for the reference page.
    """

    _words: ClassVar[str] = ""

    @property
    def words(self) -> str:
        return self._words

    @property
    def values(self) -> str:
        return self.words

    @abstractmethod
    def fits(self, value: Any) -> bool:
        """Whether the value's type is right."""

    def wrong(self, value: Any) -> str | None:
        """For a value that `fits`: None, or what it must be instead ("": one of the setting's kinds)."""
        return None


@dataclass(frozen=True)
class Nothing(Kind):
    """None."""

    _words = "None"

    def fits(self, value: Any) -> bool:
        return value is None


@dataclass(frozen=True)
class Flag(Kind):
    """A truth value, NumPy's included."""

    _words = "True or False"

    def fits(self, value: Any) -> bool:
        return isinstance(value, (bool, np.bool_))


@dataclass(frozen=True)
class Integer(Kind):
    """An integer from ``low`` to ``high``, NumPy's included."""

    low: int = 1
    high: int = SIZE

    _words = "an integer"

    @property
    def values(self) -> str:
        return (
            f"an integer, {self._range}" if self._capped else f"an integer of at least {self.low}"
        )

    @property
    def _capped(self) -> bool:
        return self.high < SIZE

    @property
    def _range(self) -> str:
        return f"{self.low} .. {self.high}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, (int, np.integer)) and not isinstance(value, bool)

    def wrong(self, value: Any) -> str | None:
        if self.low <= value <= self.high:
            return None
        if self._capped:
            return f"in {self._range}"
        return f"at least {self.low}" if value < self.low else f"at most {self.high}"


@dataclass(frozen=True)
class Number(Kind):
    """A finite number of at least ``low``, up to ``high``; the ends are out where they are ``open``."""

    low: float = 0.0
    high: float = FLOAT
    open_low: bool = False
    open_high: bool = False

    _words = "a number"

    @property
    def values(self) -> str:
        if self.high < FLOAT:
            return f"a number in {self._range}"
        return self._range

    @property
    def _range(self) -> str:
        if self.high < FLOAT:
            ends = f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}"
            return ends + (")" if self.open_high else "]")
        if self.open_low and self.low == 0:
            return "a positive, finite number"
        return f"a finite number {'above' if self.open_low else 'of at least'} {self.low:g}"

    def fits(self, value: Any) -> bool:
        return is_number(value)

    def wrong(self, value: Any) -> str | None:
        # compared as it is: an integer may be too large for a float, and NaN is above nothing
        low = value > self.low if self.open_low else value >= self.low
        high = value < self.high if self.open_high else value <= self.high
        if low and high:
            return None
        if self.high < FLOAT:
            return f"in {self._range}"
        if low and value != math.inf:
            return f"at most {self.high:.4g}, the largest float32 number"
        return self._range


@dataclass(frozen=True)
class Choice(Kind):
    """One of some names."""

    names: tuple[str, ...]

    @property
    def words(self) -> str:
        return ("one of " if len(self.names) > 1 else "") + ", ".join(map(repr, self.names))

    @property
    def values(self) -> str:
        return ", ".join(f'"{name}"' for name in self.names)

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)

    def wrong(self, value: Any) -> str | None:
        return None if value in self.names else ""


@dataclass(frozen=True)
class Choices(Kind):
    """A list or tuple of some different names, at least one."""

    names: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"a tuple of names among {', '.join(map(repr, self.names))}"

    @property
    def values(self) -> str:
        return "a tuple of some of " + ", ".join(f'"{name}"' for name in self.names)

    def fits(self, value: Any) -> bool:
        return isinstance(value, (tuple, list))

    def wrong(self, value: Any) -> str | None:
        if not value or not all(isinstance(name, str) and name in self.names for name in value):
            return self.words
        return None if len(set(value)) == len(value) else self.words + ", each once"


@dataclass(frozen=True)
class Text(Kind):
    """A string; ``one_word``: without white space; never empty."""

    what: str = "a string"
    one_word: bool = False

    @property
    def words(self) -> str:
        return self.what

    @property
    def values(self) -> str:
        return f"{self.what} without white space" if self.one_word else self.what

    def fits(self, value: Any) -> bool:
        return isinstance(value, str)

    def wrong(self, value: Any) -> str | None:
        if self.one_word:
            return None if value.split() == [value] else "one token without white space"
        return None if value else f"{self.what}, not an empty string"


@dataclass(frozen=True)
class Integers(Kind):
    """A sequence of at most ``most`` integers of a kind; ``rising``: each above the one before it."""

    of: Integer = Integer()
    most: int = 256
    rising: bool = False
    empty: bool = True

    @property
    def words(self) -> str:
        return f"a {'rising ' if self.rising else ''}sequence of integers"

    @property
    def values(self) -> str:
        return f"{self.words} of at least {self.of.low}"

    def fits(self, value: Any) -> bool:
        return _is_sequence(value)

    def wrong(self, value: Any) -> str | None:
        if len(value) > self.most:
            return f"{self.words}, at most {self.most} of them"
        items = list(value)
        if not items and not self.empty:
            return f"{self.words}, at least one"
        if not all(map(self.of.fits, items)):
            return self.words
        if any(self.of.wrong(item) is not None for item in items):
            return f"{self.words} from {self.of.low} to {self.of.high}"
        if self.rising and any(b <= a for a, b in itertools.pairwise(items)):
            return self.words
        return None


@dataclass(frozen=True)
class IntegerPair(Kind):
    """Two integers (lo, hi) with low <= lo <= hi <= high."""

    low: int
    high: int

    _words = "(lo, hi)"

    @property
    def values(self) -> str:
        return f"(lo, hi) with {self.low} <= lo <= hi <= {self.high}"

    def fits(self, value: Any) -> bool:
        return isinstance(value, (tuple, list))

    def wrong(self, value: Any) -> str | None:
        if len(value) != 2 or not all(map(Integer().fits, value)):
            return "two integers (lo, hi)"
        return None if self.low <= value[0] <= value[1] <= self.high else self.values


@dataclass(frozen=True)
class Words(Kind):
    """A sequence of distinct strings, at least one."""

    _words = "a sequence of words"

    def fits(self, value: Any) -> bool:
        # an iterator would be used up by the first fit, a set has no order
        column = hasattr(value, "iloc") and getattr(value, "ndim", 0) == 1
        return _is_sequence(value) or column

    def wrong(self, value: Any) -> str | None:
        words = list(value)
        if not words:
            return "a sequence of at least one word"
        if not all(isinstance(word, str) for word in words):
            return "a sequence of strings"
        return None if len(set(words)) == len(words) else "a sequence of distinct words"


@dataclass(frozen=True)
class Weights(Kind):
    """A mapping to finite numbers of at least 0."""

    _words = "a dict from class to weight"

    def fits(self, value: Any) -> bool:
        return isinstance(value, Mapping)

    def wrong(self, value: Any) -> str | None:
        number = Number()
        if all(number.fits(w) and number.wrong(w) is None for w in value.values()):
            return None
        return f"{self.words}, each a finite number of at least 0"


@dataclass(frozen=True)
class Numbers(Kind):
    """Numbers of a kind: a sequence of them, or a mapping to them; at least one."""

    of: Number = Number()

    _words = "a sequence of numbers or a dict from label to number"

    @property
    def values(self) -> str:
        return f"{self.words}, each {self.of.values}"

    def fits(self, value: Any) -> bool:
        return _is_sequence(value) or isinstance(value, Mapping)

    def wrong(self, value: Any) -> str | None:
        items = list(value.values() if isinstance(value, Mapping) else value)
        right = all(self.of.fits(item) and self.of.wrong(item) is None for item in items)
        return None if items and right else self.values


@dataclass(frozen=True)
class Is(Kind):
    """An object of some classes, or one that has one of some methods, or of some attributes."""

    what: str
    classes: tuple[type, ...] = ()
    methods: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        return self.what

    def fits(self, value: Any) -> bool:
        return (
            isinstance(value, self.classes)
            or any(callable(getattr(value, name, None)) for name in self.methods)
            or any(hasattr(value, name) for name in self.attributes)
        )


def _is_sequence(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.ndim == 1
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def either(parts: Sequence[str]) -> str:
    """``a, b or c``."""
    return " or ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def shown(value: Any) -> str:
    """What an error prints of a value."""
    text = repr(value)
    return text if len(text) <= 200 else reprlib.repr(value)
