"""Fitted states of the n-gram models: assigned once, and left alone by what fails or comes later."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest

from pyffnn import LanguageModel
from pyffnn.models.ngram import KneserNeyLM

FIRST = [["a", "b", "a", "c"]] * 20
OTHER = [["x", "y"], ["y", "x", "z"]] * 30


def test_a_failing_fit_leaves_the_model_as_it_was() -> None:
    model = KneserNeyLM(2).fit(FIRST, valid=[["a", "b"]])
    before, p = model._state(), model.log_prob(["a", "x"])

    def broken() -> Any:
        yield ["x", "y"]
        raise RuntimeError("the disk is gone")

    for corpus, valid in ((broken(), None), (OTHER, broken()), ([], None), (OTHER, [])):
        with pytest.raises((RuntimeError, ValueError)):
            model.fit(corpus, valid=valid)
        assert model._state() is before
        np.testing.assert_array_equal(model.log_prob(["a", "x"]), p)
    assert not hasattr(KneserNeyLM(), "vocabulary_")


def test_readers_beside_a_fit_see_one_state() -> None:
    model = KneserNeyLM(2).fit(FIRST)
    probe = ["a", "x", "b"]
    right = [KneserNeyLM(2).fit(corpus).log_prob(probe).tolist() for corpus in (FIRST, OTHER)]
    found: list[Any] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                found.append(model.log_prob(probe).tolist())
            except Exception as error:
                found.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=read)
    thread.start()
    try:
        # A busy machine may let the reader wait for long.
        fits = 0
        while fits < 60 or (len(found) <= 10 and fits < 100_000):
            model.fit((OTHER, FIRST)[fits % 2])
            fits += 1
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert len(found) > 10
    assert [f for f in found if f not in right] == []


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))]
)
def test_copies_are_models_of_their_own(twin: Any) -> None:
    model = KneserNeyLM(2).fit(FIRST)
    other = twin(model).fit(OTHER)
    assert "x" in other.vocabulary_ and "x" not in model.vocabulary_
    assert twin(KneserNeyLM(3)).order == 3


def test_a_mixture_keeps_the_states_that_it_was_made_of() -> None:
    words = ["a", "b", "c", "d"]
    corpus = [words, words[::-1]] * 20
    settings = {"context": 2, "distant_kernels": 0, "embedding_dim": 4, "hidden_layer_sizes": (4,)}
    neural = LanguageModel(**settings, epochs=1, vocabulary=words).fit(corpus)  # type: ignore[arg-type]
    ngram = KneserNeyLM(2, vocabulary=neural.vocabulary_).fit(corpus)
    mixture = ngram.mix(neural, valid=corpus[:3], cache=True)
    before = mixture.log_prob(words)
    ngram.set_params(vocabulary=None).fit(OTHER)
    neural.set_params(vocabulary=None).fit(OTHER)
    np.testing.assert_array_equal(mixture.log_prob(words), before)
