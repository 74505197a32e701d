"""What others' code raises in the middle of fit and partial_fit, at every place where it is called: it comes out, and nothing has changed."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faults.model_cases import KINDS, Kind, look_at
from faults.walk import bits

from pyffnn import LanguageModel, TextClassifier

OF_TEXTS = [name for name, kind in KINDS.items() if kind.cls is TextClassifier]


class Stop(BaseException):
    """Of no kind that anyone expects."""


class Turn:
    """Raises at its n-th turn; ``taken``: whether that came."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.left, self.error, self.taken = at, error, False

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.taken = True
            raise self.error


ERRORS: list[Callable[[], BaseException]] = [Stop, MemoryError, lambda: RuntimeError("gone")]


def outcome(call: Callable[..., Any], *args: Any, **more: Any) -> BaseException | None:
    """What the call raises."""
    try:
        call(*args, **more)
    except BaseException as error:
        return error
    return None


def attack(
    kind: Kind, method: str, data: Callable[[Turn], tuple[Any, ...]], most: int, **settings: Any
) -> None:
    """``data(turn)`` gives the arguments, which call ``turn`` as often as others' code is called: raise at each of them."""
    model = kind.cls(random_state=0, **{**kind.settings, **settings}).fit(*kind.first)
    before, kept = bits(look_at(kind, model)), model._fitted
    for at in itertools.count(1):
        turn = Turn(at, ERRORS[at % len(ERRORS)]())
        raised = outcome(getattr(model, method), *data(turn))
        turn.left = 0  # from here on no more
        if turn.taken:
            assert raised is turn.error, at
            assert model._fitted is kept, at
            if at % 5 == 1:
                assert bits(look_at(kind, model)) == before, at
        if not turn.taken:
            break
        assert at < most
    assert at > 1
    # The last call went through: as on a model that has seen nothing of this.
    other = kind.cls(random_state=0, **{**kind.settings, **settings}).fit(*kind.first)
    getattr(other, method)(*data(Turn(0, Stop())))
    assert bits(look_at(kind, model)) == bits(look_at(kind, other))


def given(items: Any, turn: Turn) -> Iterator[Any]:
    for item in items:
        turn()
        yield item
    turn()


class Tokens:
    """A sentence whose words may fail to come."""

    def __init__(self, words: list[str], turn: Turn) -> None:
        self.words, self.turn = words, turn

    def __iter__(self) -> Iterator[str]:
        return given(self.words, self.turn)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", OF_TEXTS)
def test_texts_that_stop_coming(name: str, method: str) -> None:
    X, y = KINDS[name].second
    attack(KINDS[name], method, lambda turn: (given(X, turn), y), len(X) + 2)


@pytest.mark.parametrize(
    "name", [name for name, kind in KINDS.items() if kind.cls is LanguageModel]
)
def test_sentences_that_stop_coming(name: str) -> None:
    (sentences,) = KINDS[name].second

    def data(turn: Turn) -> tuple[Any, ...]:
        return (given([Tokens(words, turn) for words in sentences[:12]], turn),)

    attack(KINDS[name], "fit", data, 500)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", OF_TEXTS)
def test_a_tokenizer_that_raises(name: str, method: str) -> None:
    kind = KINDS[name]
    turns: list[Turn] = [Turn(0, Stop())]

    def tokenizer(text: str) -> list[str]:
        turns[0]()
        return text.split()

    def data(turn: Turn) -> tuple[Any, ...]:
        turns[0] = turn
        return kind.second

    settings = {"tokenizer": tokenizer}
    if "char_ngrams" in kind.settings:
        settings["char_ngrams"] = None
    # Predictions go through it too, and are looked at between.
    attack(kind, method, lambda turn: data(turn), 500, **settings)


@pytest.mark.parametrize("name", KINDS)
def test_progress_that_cannot_be_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        def __init__(self, turn: Turn) -> None:
            self.write = lambda text: turn()
            self.flush = turn

        def isatty(self) -> bool:
            return True

    def data(turn: Turn) -> tuple[Any, ...]:
        monkeypatch.setattr(sys, "stderr", Stream(turn))
        return KINDS[name].second

    attack(KINDS[name], "fit", data, 500, verbose=1)


@pytest.mark.parametrize("name", KINDS)
def test_callbacks_that_raise(name: str) -> None:
    kind = KINDS[name]
    model = kind.cls(random_state=0, **kind.settings).fit(*kind.first)
    before = bits(look_at(kind, model))
    for at in itertools.count(1):
        turn = Turn(at, ERRORS[at % len(ERRORS)]())
        raised = outcome(model.fit, *kind.second, callbacks=[lambda m, r, turn=turn: turn()] * 3)
        if turn.taken:
            assert raised is turn.error, at
            assert bits(look_at(kind, model)) == before, at
        if not turn.taken:
            break
    assert at == 3 * kind.settings["epochs"] + 1
