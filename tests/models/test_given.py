"""What `log_prob` and `perplexity` take: the same forms in every language model, and words on what is none."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyffnn import LanguageModel
from pyffnn.models.ngram import KneserNeyLM

TEXT = [s.split() for s in ("the cat sat", "the dog sat on the cat", "a cat saw a dog")]


def fitted(eos: str | None = "</s>") -> dict[str, Any]:
    neural = LanguageModel(
        context=2, distant_kernels=0, embedding_dim=4, hidden_layer_sizes=(4,), epochs=1, eos_token=eos
    ).fit(TEXT)  # fmt: skip
    ngram = KneserNeyLM(3, vocabulary=neural.vocabulary_).fit(TEXT)
    return {"neural": neural, "ngram": ngram, "mixture": ngram.mix(neural, 0.5, cache=False)}


@pytest.mark.parametrize("eos", [None, "</s>"])
def test_all_forms_say_the_same_in_all_models(
    eos: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentences = [["the", "cat"], ["a", "zebra", "sat"]]
    (tmp_path / "text.txt").write_text("the cat\n\na zebra sat\n")
    with gzip.open(tmp_path / "text.gz", "wt") as file:
        file.write("the cat\na zebra sat\n")
    monkeypatch.chdir(tmp_path)
    run = [w for s in sentences for w in [*s, *([eos] if eos else [])]]
    for model in fitted(eos).values():
        ids = model.vocabulary_.encode(run)
        expected = model.log_prob(ids)
        forms: list[Any] = [
            ids.tolist(), tuple(ids.tolist()), ids.astype(np.int64), ids.astype(np.uint8), memoryview(ids),
            run, tuple(run), np.array(run), np.array(run, object), " ".join(run), "\n".join(run),
            sentences, tuple(map(tuple, sentences)), [np.array(s) for s in sentences],
            tmp_path / "text.txt", str(tmp_path / "text.txt"), "text.txt", tmp_path / "text.gz", Path("text.gz"),
        ]  # fmt: skip
        for form in forms:
            np.testing.assert_array_equal(model.log_prob(form), expected, str(form))
            assert model.perplexity(form) == pytest.approx(np.exp(-expected.mean())), form
        for once in (lambda: iter(sentences), lambda: iter(run), lambda: (s for s in sentences)):
            np.testing.assert_array_equal(model.log_prob(once()), expected)
            assert model.evaluate(once()).tokens == len(run)
        for nothing in ([], (), "", "  ", np.zeros(0, int), iter([]), [[]] if eos is None else ""):
            assert model.log_prob(nothing).shape == (0,)
        for nothing in ([], "", iter([])):
            with pytest.raises(ValueError, match="corpus is empty"):
                model.perplexity(nothing)


WANTED = "must be a path, a string of words, an iterable of token lists, a list of words or a 1-D integer array"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (None, TypeError, WANTED + ", got NoneType"),
        (3, TypeError, WANTED + ", got int"),
        (b"the cat", TypeError, WANTED + ", got bytes"),
        ({"the": 1}, TypeError, WANTED + ", got dict"),
        ({"the"}, TypeError, WANTED + ", got set"),
        ([[1, 2], [3]], TypeError, WANTED + ": ids go in as one array, not as lists"),
        ([["a", 1]], TypeError, "tokens must be strings, got int: 1"),
        ([["a"], "b"], TypeError, "must hold token lists, got str: 'b'"),
        (["the", 3], TypeError, "tokens must be strings, got int"),
        ([1.5, 2.0], TypeError, "must be integer ids, got dtype float64"),
        ([True, False], TypeError, "must be integer ids, got dtype bool"),
        (np.zeros((2, 2), int), ValueError, r"must be a 1-D array of ids, got shape \(2, 2\)"),
        ([99], IndexError, "id 99 is outside the vocabulary"),
        ([-1], IndexError, "id -1 is outside the vocabulary"),
        ([None], TypeError, "token"),
        ([None, "the", "cat"], TypeError, "token"),
        ([None, ["the", "cat"]], TypeError, "token"),
        (["the cat sat", "a dog"], ValueError, "each is a word, got 'the cat sat': split sentences"),
        ("missing.txt", FileNotFoundError, "no file of this name"),
        ("/no/such/place", FileNotFoundError, "no file of this name"),
        (Path("missing"), FileNotFoundError, "missing"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_told_what_is_wanted(given: Any, error: Any, message: str) -> None:
    for model in fitted().values():
        for ask in (model.log_prob, model.perplexity, model.evaluate):
            with pytest.raises(error, match=message):
                ask(given)


def test_a_word_that_is_no_file() -> None:
    model = fitted()["ngram"]
    assert model.log_prob("zebra").shape == (1,)  # an unknown word
    with pytest.raises(FileNotFoundError):
        model.perplexity("zebra")  # a corpus is more than that
    assert model.perplexity("cat") == pytest.approx(np.exp(-model.log_prob("cat")[0]))


def test_a_word_with_white_space_of_the_vocabulary() -> None:
    model = KneserNeyLM(2).fit([["New York", "is", "big"]])
    assert model.log_prob(["New York", "is"]).shape == (2,)


@pytest.mark.parametrize("given", [None, 3, b"the", {"the": 1}])
def test_contexts_and_sentences_are_words_or_ids(given: Any) -> None:
    for model in fitted().values():
        for ask in (model.next_words, model.next_distribution, model.score):
            with pytest.raises(TypeError, match="must be words, a string of words or integer ids"):
                ask(given)
        with pytest.raises(TypeError, match="prompt must be words"):
            model.generate(given, 1)
        with pytest.raises(ValueError, match="bos must be True or False"):
            model.score("the", bos=2)
    with pytest.raises(ValueError, match="not fitted yet"):
        KneserNeyLM().score("the")


@pytest.mark.parametrize("given", [["the cat sat"], ["the", "a dog"], ["the", ""]])
def test_sentences_in_a_list_are_no_unknown_words(given: list[str]) -> None:
    for model in fitted().values():
        asks = {
            "context": model.next_words,
            "sentence": model.score,
            "prompt": lambda g, m=model: m.generate(g, 1),
        }
        for name, ask in asks.items():
            with pytest.raises(
                ValueError, match=f"^{name} is a list of strings, so each is a word, got"
            ):
                ask(given)
            with pytest.raises(TypeError, match=f"^{name}: tokens must be strings, got int"):
                ask(["the", 3])
    assert KneserNeyLM(2).fit([["New York", "is"]]).score(["New York", "is"]) < 0


@pytest.mark.parametrize("seed", [-1, 1.5, "x", object()])
def test_a_seed_that_is_none_is_named(seed: Any) -> None:
    for model in fitted().values():
        with pytest.raises((ValueError, TypeError), match=r"^random_state must be"):
            model.generate("the", 1, random_state=seed)


def test_a_score_is_a_sum_of_log10() -> None:
    for model in fitted().values():
        within = model.log_prob("</s> the cat </s>")[1:] / np.log(10)
        assert model.score("the cat") == pytest.approx(within.sum())
        assert model.score(["the", "cat"], eos=False) == pytest.approx(within[:-1].sum())
        alone = model.log_prob("the cat") / np.log(10)
        assert model.score("the cat", bos=False, eos=False) == pytest.approx(alone.sum())
    for model in fitted(None).values():
        assert model.score("the cat") == pytest.approx(model.log_prob("the cat").sum() / np.log(10))
