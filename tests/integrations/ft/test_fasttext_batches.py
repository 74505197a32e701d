"""Many lines at a time against one by one: predictions of lists and of files, counts of `test`, and the best label alone."""

from __future__ import annotations

import gc
import math
import random

import numpy as np
import pytest

import pyffnn
import pyffnn.integrations.fasttext as fasttext

DRAW = random.Random(11)


def many_texts(texts: list[str]) -> list[str]:
    """Lines of every length: none, one word, more words than a batch wants, more bytes than one takes, an end in the middle."""
    words = " ".join(texts).split()
    drawn = [" ".join(DRAW.choices(words, k=DRAW.choice([0, 1, 2, 40, 700]))) for _ in range(300)]
    long = " ".join(DRAW.choices(words, k=40000))
    return [*drawn[:150], long, *drawn[150:], "", long[: 1 << 16], long[: (1 << 16) + 1], *texts]


@pytest.mark.parametrize("k", [1, 2, -1])
def test_a_list_is_its_texts_one_by_one(model, texts, k):
    some = many_texts(texts)
    labels, probabilities = model.predict(some, k=k, n_threads=1)
    for threads in (2, 3):
        with pyffnn.num_threads(threads):
            again = model.predict(some, k=k)
        assert again[0] == labels
        for a, b in zip(again[1], probabilities, strict=True):
            np.testing.assert_array_equal(a, b)
    for text, found, p in zip(some, labels, probabilities, strict=True):
        own_labels, own_p = model.predict(text, k=k)
        assert list(own_labels) == found
        np.testing.assert_array_equal(own_p.astype(np.float32), p)


@pytest.mark.parametrize("threshold", [0.0, 0.4])
@pytest.mark.parametrize("k", [1, 2])
def test_counts_of_a_file_are_those_of_its_lines(model, texts, tmp_path, k, threshold):
    names = model.get_labels()
    lines = []
    for text in many_texts(texts):
        own = DRAW.choices([*names, "__label__nobody"], k=DRAW.choice([0, 1, 1, 2]))
        lines.append(" ".join([*own, *text.replace("</s>", "").split()]))
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")

    examples, gold, predicted, hits = 0, [], [], []
    for line in lines:
        own = model.get_line(line)[1]
        text = " ".join(w for w in line.split() if not w.startswith("__label__"))
        best = model.predict(text, k=k, threshold=threshold)[0]
        if not own or not model.predict(text)[0]:
            continue
        examples += 1
        gold += own
        predicted += best
        hits += [label for label in best if label in own]

    with pyffnn.num_threads(1):
        found = model.test(str(path), k, threshold)
        assert found[0] == examples
        assert found[1:] == (len(hits) / len(predicted), len(hits) / len(gold))
        of_labels = model.test_label(str(path), k, threshold)
    for name in names:
        part, own, best = (x.count(name) for x in (hits, gold, predicted))
        expected = [part / n if n else math.nan for n in (best, own)]
        np.testing.assert_equal([of_labels[name][x] for x in ("precision", "recall")], expected)
    with pyffnn.num_threads(3):
        assert model.test(str(path), k, threshold) == found


def test_a_large_file_is_counted_on_all_threads(tmp_path):
    lines = [f"__label__{i % 3} w{i % 3} {'x ' * (i % 50)}y{i % 1009}" for i in range(60000)]
    model = fasttext.train_supervised(lines[:3000], dim=4, epoch=5, lr=1.0, verbose=0)
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines) + "\n")
    labels = model.predict([line.split(" ", 1)[1] for line in lines])[0]
    right = sum(best[0] == line.split()[0] for best, line in zip(labels, lines, strict=True))
    for threads in (1, 2, 5):
        with pyffnn.num_threads(threads):
            assert model.test(str(path)) == (len(lines), right / len(lines), right / len(lines))


@pytest.mark.parametrize("loss", ["softmax", "ova"])
@pytest.mark.parametrize("classes", [3, 20])
def test_of_labels_that_are_equal_the_last_is_the_best(loss, classes):
    """As a heap of one leaves it; a label whose probability is the same to the last bits of its logarithm is equal, too."""
    lines = [f"__label__{i} a b{i}" for i in range(classes)]
    model = fasttext.train_supervised(lines, dim=2, epoch=0, loss=loss, verbose=0)
    names = model.get_labels()
    rows = np.ones_like(model.get_input_matrix())
    for best in ([0, 2], [1], [0, 1, 2], [1, 2]):
        output = np.zeros((classes, 2), np.float32)
        output[best] = 0.5
        model.set_matrices(rows, output)
        assert model.predict("a")[0] == (names[best[-1]],)
        assert model.predict(["a", "a"])[0] == [[names[best[-1]]]] * 2
        p = model.predict("a", k=-1)[1]
        assert model.predict("a", threshold=float(p[0]) * 1.001)[0] == ()
        assert model.predict("a", threshold=float(p[0]) * 0.999)[0] == (names[best[-1]],)
    output[0], output[1] = 20, 20 + 1e-5
    output[2] = -20
    model.set_matrices(rows, output)
    first, second = model.predict("a", k=2)[1]
    assert first == second or loss == "softmax"
    assert model.predict("a")[0] == (names[1],)


def test_pythons_collector_is_left_as_it_was(texts, lines):
    model = fasttext.train_supervised(lines, dim=4, epoch=1, verbose=0)
    assert gc.isenabled()
    model.predict(texts)
    assert gc.isenabled()
    model._names[:] = [name.encode() + b"\xff" for name in model.get_labels()]
    with pytest.raises(UnicodeDecodeError):
        model.predict(texts)
    assert gc.isenabled()
    gc.disable()
    try:
        model.predict(texts, on_unicode_error="replace")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_words_at_the_end_of_a_text_are_found_by_the_same_keys():
    """Nothing behind a text is read, so its last words have their keys made otherwise than those before."""
    words = ["".join(DRAW.choices("abc\x01\x7fé", k=n)) for n in range(1, 15) for _ in range(20)]
    model = fasttext.train_supervised([f"__label__0 {w}" for w in words], dim=2, epoch=0, verbose=0)
    for word in words:
        row = model.get_word_id(word)
        for text in (word, f"a{word}a {word}", f"{word} {word}"):
            rows = model._model.rows(text).tolist()
            assert row in rows, text
            assert rows.count(row) == text.split(" ").count(word) + (
                row == model.get_word_id("</s>")
            )
    assert model.get_word_id("") == -1
