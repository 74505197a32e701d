"""N-gram models and mixtures in files, and what they generate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyffnn import LanguageModel
from pyffnn.formats.model_file import load_model, save_model
from pyffnn.models.ngram import KneserNeyLM, Mixture, UnigramCache
from pyffnn.models.stored_language_models import load_language_model

TEXT = [s.split() for s in ("the cat sat", "the dog sat on the cat", "a cat saw a dog") * 4]
TINY: dict[str, Any] = {
    "context": 2, "distant_kernels": 0, "embedding_dim": 4, "hidden_layer_sizes": (4,), "epochs": 2,
}  # fmt: skip


def models() -> dict[str, KneserNeyLM]:
    return {
        "text": KneserNeyLM(5, eos_token="</s>", min_count=2, lowercase=True).fit(TEXT, valid=TEXT),
        "ids": KneserNeyLM(2, vocabulary=6).fit([0, 1, 2, 0, 1, 5]),
        "fixed": KneserNeyLM(3, discounts=np.full((3, 3), 0.5), vocabulary=["cat", "dog"]).fit(TEXT),
        "seven": KneserNeyLM(7).fit([["a"]]),
        "infinite": KneserNeyLM(1, discounts=0, vocabulary=["a", "b"]).fit([["a"]], valid=[["b"]]),
    }  # fmt: skip


@pytest.mark.parametrize("name", models())
def test_what_is_loaded_is_what_was_saved(name: str, tmp_path: Path) -> None:
    model = models()[name]
    model.save(tmp_path / "model")
    assert (tmp_path / "model").read_bytes()[8:9] == b"{"  # safetensors
    probe: Any = [0, 5, 1, 2, 0, 1] if name == "ids" else "the cat The zebra sat a b"
    for again in (
        KneserNeyLM.load(tmp_path / "model"),
        load_language_model(tmp_path / "model"),
        KneserNeyLM.load(str(tmp_path / "model")),
    ):
        assert isinstance(again, KneserNeyLM) and again.vocabulary_ == model.vocabulary_
        np.testing.assert_array_equal(again.log_prob(probe), model.log_prob(probe))
        for attribute in ("discounts_", "counts_of_counts_"):
            np.testing.assert_array_equal(getattr(again, attribute), getattr(model, attribute))
        for attribute in ("num_ngrams_", "num_tokens_", "valid_perplexity_"):
            assert getattr(again, attribute) == getattr(model, attribute)
        assert {k: v for k, v in again.get_params().items() if k != "discounts"} == {
            k: tuple(v) if isinstance(v, list) else v
            for k, v in model.get_params().items()
            if k != "discounts"
        }
        again.save(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_a_loaded_model_fits_its_mixture_on_the_same_data(tmp_path: Path) -> None:
    model = models()["text"]
    model.save(tmp_path / "model")
    other = KneserNeyLM(2, vocabulary=model.vocabulary_).fit(TEXT)
    loaded = KneserNeyLM.load(tmp_path / "model")
    assert loaded.mix(other).weights_ == model.mix(other).weights_


@pytest.mark.parametrize("cache", [False, True, UnigramCache(0.9, 7)])
def test_mixtures(cache: Any, tmp_path: Path) -> None:
    neural = LanguageModel(**TINY, eos_token="</s>").fit(TEXT)
    ngram = KneserNeyLM(3, vocabulary=neural.vocabulary_).fit(TEXT, valid=TEXT[:3])
    mixture = ngram.mix(neural, cache=cache)
    mixture.save(tmp_path / "mixture")
    for again in (Mixture.load(tmp_path / "mixture"), load_language_model(tmp_path / "mixture")):
        assert isinstance(again, Mixture)
        assert again.weights_ == mixture.weights_ and again.cache == mixture.cache
        assert again.log_likelihoods_ == mixture.log_likelihoods_
        np.testing.assert_array_equal(again.log_prob(TEXT), mixture.log_prob(TEXT))
        assert again.perplexity("the dog sat") == mixture.perplexity("the dog sat")
        assert again.generate("the", 8) == mixture.generate("the", 8)
    ngram.mix(KneserNeyLM(1, vocabulary=neural.vocabulary_).fit(TEXT), 0.2).save(tmp_path / "two")
    assert Mixture.load(tmp_path / "two").weights_ == {"neural": 0.2, "ngram": 0.8}

    class Foreign:
        def log_prob(self, tokens: Any) -> Any:
            return np.full(len(tokens), -1.0)

    foreign = ngram.mix(Foreign(), 0.5)
    with pytest.raises(TypeError, match="neural must be a LanguageModel or a KneserNeyLM"):
        foreign.save(tmp_path / "foreign")
    with pytest.raises(TypeError, match="neural must have a next_distribution method"):
        foreign.next_words("the")
    assert not (tmp_path / "foreign").exists()


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "model"
    ngram = models()["text"]
    neural = LanguageModel(**TINY, vocabulary=ngram.vocabulary_).fit(TEXT)
    for cls, model in ((KneserNeyLM, ngram), (Mixture, ngram.mix(neural, cache=True))):
        model.save(path)
        whole = path.read_bytes()
        rng = np.random.default_rng(0)
        for at in rng.integers(0, len(whole), 40):
            data = bytearray(whole)
            data[at] ^= 1 + int(rng.integers(255))
            path.write_bytes(data)
            with pytest.raises(ValueError, match="model"):
                cls.load(path)
        for end in (0, 7, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:end])
            with pytest.raises(ValueError, match="not a pyffnn model file, or damaged"):
                cls.load(path)
    with pytest.raises(FileNotFoundError):
        KneserNeyLM.load(tmp_path / "none")
    neural.save(path)
    with pytest.raises(ValueError, match="holds a LanguageModel, not a KneserNeyLM"):
        KneserNeyLM.load(path)
    with pytest.raises(ValueError, match="holds a LanguageModel, not a Mixture"):
        Mixture.load(path)


def swap(array: Any) -> Any:
    return array[::-1].copy()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("keys2", swap), ("keys2", lambda a: a + 10**6), ("keys3", lambda a: a[:-1]), ("keys2", lambda a: a - 1000),
        ("alpha1", lambda a: a[:-1]), ("gamma2", lambda a: a[:, None]), ("gamma1", lambda a: a.astype(np.float32)),
        ("discounts", lambda a: a.ravel()), ("valid", lambda a: a + 100), ("valid", lambda a: a - 100),
        ("alpha3", None), ("valid_perplexity", lambda a: a[:0]),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(name: str, change: Any, tmp_path: Path) -> None:
    """The checksum is right, the content is not."""
    path = tmp_path / "model"
    models()["text"].save(path)
    file = load_model(path, "KneserNeyLM")
    if change is None:
        del file.tensors[name]
    else:
        file.tensors[name] = change(file.tensors[name])
    save_model(path, "KneserNeyLM", file.config, file.tensors)
    with pytest.raises(ValueError, match="is damaged or of another version"):
        KneserNeyLM.load(path)


def test_weights_that_are_none_are_refused(tmp_path: Path) -> None:
    ngram = models()["text"]
    ngram.mix(KneserNeyLM(1, vocabulary=ngram.vocabulary_).fit(TEXT)).save(tmp_path / "model")
    for change in (
        {"weights": {"neural": 1.0}}, {"weights": {"neural": 1.0, "ngram": 1.0}}, {"weights": 3}, {"cache": {"decay": 5}},
        {"ngram": {}}, {"neural": {"model": "TextClassifier", "config": {}}}, {"log_likelihoods": None},
    ):  # fmt: skip
        file = load_model(tmp_path / "model", "Mixture")
        save_model(tmp_path / "changed", "Mixture", {**file.config, **change}, file.tensors)
        with pytest.raises(ValueError, match="is damaged or of another version"):
            Mixture.load(tmp_path / "changed")


def test_generate() -> None:
    model = models()["text"]
    words = model.generate("the cat", 40, random_state=3)
    assert words == model.generate(["the", "cat"], 40, random_state=3) and len(words) == 40
    assert words != model.generate("the cat", 40, random_state=4)
    assert "<unk>" not in words
    greedy = model.generate("the", 6, temperature=0)
    text = ["the"]
    for word in greedy:
        assert model.next_words(text, 1)[0][0] == word
        text.append(str(word))
    # the shares drawn are the probabilities
    drawn = model.generate("the", 1, random_state=np.random.default_rng(1))
    rng = np.random.default_rng(1)
    many = [model.generate("the", 1, random_state=rng, unknown=True)[0] for _ in range(1500)]
    assert drawn[0] == many[0]
    for word, p in model.next_words("the", 3):
        assert many.count(word) / 1500 == pytest.approx(p, abs=4 * (p * (1 - p) / 1500) ** 0.5)
    assert model.generate([], 0) == []
    assert models()["ids"].generate([0, 1], 3, temperature=0)[0] in range(6)
    for arguments, message in (
        ({"n": -1}, "n must be at least 0"), ({"n": 1, "temperature": -1}, "temperature must be"),
        ({"n": 1, "top_k": 0}, "top_k must be at least 1"), ({"n": 1, "unknown": 3}, "unknown must be True or False"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            model.generate("the", **arguments)


def test_a_mixture_knows_the_next_word() -> None:
    ngram = models()["text"]
    words = [w for w in reversed(ngram.vocabulary_.words) if w not in ("<unk>", "</s>")]
    other = KneserNeyLM(2, vocabulary=words, eos_token="</s>").fit(
        TEXT
    )  # the same words in another order
    mixture = ngram.mix(other, cache=True, valid=[["the", "cat"], ["a", "dog"]])
    text = ["the", "cat", "saw", "the"]
    for context in ([], text[:1], text):
        p = mixture.next_distribution(context)
        assert p.sum() == pytest.approx(1)
        for word in ("cat", "zebra", "</s>"):
            log_p = mixture.log_prob([*context, word])[-1]
            assert np.exp(log_p) == pytest.approx(p[mixture.vocabulary_[word]])
    assert mixture.generate(text, 5, temperature=0)[0] == max(
        (w for w in mixture.next_words(text, 20) if w[0] != "<unk>"), key=lambda w: w[1]
    )[0]  # fmt: skip
