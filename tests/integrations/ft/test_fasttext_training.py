"""Training: what it learns, that it is deterministic, what it refuses."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from fasttext_texts import make_lines
from oracles.fasttext_file import hash_of

import pyffnn
import pyffnn.integrations.fasttext as fasttext


def accuracy(model, lines) -> float:
    texts = [" ".join(w for w in line.split() if not w.startswith("__label__")) for line in lines]
    labels = [line.split()[0] for line in lines]
    return float(np.mean([a[0] == b for a, b in zip(model.predict(texts)[0], labels, strict=True)]))


def test_every_loss_learns(model):
    assert accuracy(model, make_lines(300, 5)) > 0.95


@pytest.mark.parametrize(
    "options",
    [{"loss": "softmax", "wordNgrams": 2}, {"loss": "ns"}, {"loss": "hs", "minn": 2, "maxn": 3}],
)
def test_the_same_model_for_every_number_of_threads(lines, options):
    def numbers(**more):
        model = fasttext.train_supervised(
            lines, dim=6, bucket=200, verbose=0, epoch=2, **options, **more
        )
        return model.get_input_matrix(), model.get_output_matrix()

    first = numbers(thread=1)
    with pyffnn.num_threads(3):
        for a, b in zip(first, numbers(thread=5), strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], numbers(seed=1)[0])


def bigram_rows(tokens, words, bucket):
    def widened(token):
        h = hash_of(token.encode())
        return h | 0xFFFFFFFF00000000 if h >> 31 else h

    return [
        words + (widened(a) * 116049371 + widened(b)) % 2**64 % bucket
        for a, b in pairwise(tokens)
        if bucket
    ]


def softmax_by_hand(lines, dim, epoch, lr, start, bucket=0, min_count=1):
    """fastText's algorithm in float64: one step an example, the rate falls with the words read."""
    words, labels = {}, {}
    for line in lines:
        for token in [*line.split(), "</s>"]:
            table = labels if token.startswith("__label__") else words
            table[token] = table.get(token, 0) + 1
    kept = [w for w in words if words[w] >= min_count]
    order = {w: i for i, w in enumerate(sorted(kept, key=lambda w: -words[w]))}
    classes = {w: i for i, w in enumerate(sorted(labels, key=lambda w: -labels[w]))}
    e, w = start.astype(np.float64), np.zeros((len(classes), dim))
    total = epoch * (sum(words.values()) + sum(labels.values()))
    counted = waiting = 0
    rate = lr
    for _ in range(epoch):
        for line in lines:
            tokens = [*line.split(), "</s>"]
            waiting += len(tokens)
            if waiting > 100:
                counted, waiting = counted + waiting, 0
                rate = lr * (1 - counted / total)
            rows = [order[t] for t in tokens if t in order]
            rows += bigram_rows([t for t in tokens if t not in labels], len(order), bucket)
            target = next(classes[t] for t in tokens if t in classes)
            h = e[rows].mean(0)
            p = np.exp(w @ h - (w @ h).max())
            alpha = rate * (np.eye(len(classes))[target] - p / p.sum())
            gradient = alpha @ w / len(rows)
            w += np.outer(alpha, h)
            np.add.at(e, rows, gradient)
    return e, w


@pytest.mark.parametrize("options", [{}, {"wordNgrams": 2, "bucket": 150}, {"wordNgrams": 2}])
def test_softmax_is_fasttexts_algorithm(options):
    """With few hashes most rows are shared, with many most belong to one line alone."""
    lines = make_lines(80, 2)
    options = {"dim": 5, "lr": 0.3, "verbose": 0, "bucket": 5000, **options}
    fresh = fasttext.train_supervised(lines, epoch=0, **options)
    start, words = fresh.get_input_matrix(), len(fresh.words)
    assert np.abs(start).max() <= 1 / 5
    assert np.std(start[:words]) > 0.05
    model = fasttext.train_supervised(lines, epoch=3, **options)
    bucket = options["bucket"] if "wordNgrams" in options else 0
    e, w = softmax_by_hand(lines, 5, 3, 0.3, start, bucket)
    np.testing.assert_allclose(model.get_output_matrix(), w, atol=2e-5)
    np.testing.assert_allclose(model.get_input_matrix(), e, atol=2e-5)


def lines_with_rare_words(count, seed):
    """Words that come once, twice in a line, in two lines, in three; pairs that follow each other in two lines."""
    draw = random.Random(seed)
    lines = make_lines(count, seed)
    for i, kind in enumerate(
        [["one{}"], ["twice{}"] * 2, ["pair{}", "of{}"], ["pair{}", "of{}"]] * 12
    ):
        at = draw.randrange(count)
        lines[at] += " " + " ".join(word.format(i // 4) for word in kind)
        if i % 4 == 3 and i % 3 == 0:
            lines[draw.randrange(count)] += f" pair{i // 4}"
    return lines


@pytest.mark.parametrize("options", [{}, {"wordNgrams": 2}, {"wordNgrams": 2, "minCount": 2}])
@pytest.mark.parametrize("dim", [5, 100])
def test_rare_rows_are_what_their_lines_moved(options, dim):
    """Training visits lines in their place; words left out count in pairs."""
    lines = lines_with_rare_words(60, 3)
    options = {"dim": dim, "lr": 0.3, "verbose": 0, "bucket": 5000, **options}
    start = fasttext.train_supervised(lines, epoch=0, **options).get_input_matrix()
    model = fasttext.train_supervised(lines, epoch=3, **options)
    bucket = options["bucket"] if "wordNgrams" in options else 0
    e, w = softmax_by_hand(lines, dim, 3, 0.3, start, bucket, options.get("minCount", 1))
    np.testing.assert_allclose(model.get_output_matrix(), w, atol=2e-5)
    np.testing.assert_allclose(model.get_input_matrix(), e, atol=2e-5)


def test_the_same_model_on_every_instruction_set(isa):
    lines = lines_with_rare_words(60, 4)
    for dim in (6, 40, 100):
        options = {"dim": dim, "wordNgrams": 2, "bucket": 500, "verbose": 0, "thread": 1}
        here = fasttext.train_supervised(lines, **options).get_input_matrix()
        with pyffnn.use_isa("reference"):
            there = fasttext.train_supervised(lines, **options).get_input_matrix()
        if isa == "sse2":  # has no FMA
            np.testing.assert_allclose(here, there, atol=1e-5)
        else:
            np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("min_count", [1, 2])
def test_a_text_in_parts_is_counted_as_one(min_count):
    """Two threads count a half each."""
    lines = [f"{line} word{i * 7919 % 15000}" for i, line in enumerate(make_lines(18000, 6))]
    options = {"dim": 2, "epoch": 1, "wordNgrams": 2, "bucket": 1000, "verbose": 0}
    options["minCount"] = min_count
    one = fasttext.train_supervised(lines, thread=1, **options)
    with pyffnn.num_threads(2):
        two = fasttext.train_supervised(lines, thread=2, **options)
    assert one.get_words(include_freq=True)[0] == two.get_words(include_freq=True)[0]
    for a, b in zip(one.get_words(True)[1], two.get_words(True)[1], strict=True):
        assert a == b
    np.testing.assert_array_equal(one.get_input_matrix(), two.get_input_matrix())


@pytest.mark.parametrize(
    "options", [{}, {"loss": "ns"}, {"loss": "ova"}, {"loss": "hs", "wordNgrams": 2}]
)
def test_a_team_trains_the_same_model(options):
    """Long lines and wide rows, for which two threads meet at each line."""
    draw = random.Random(0)
    lines = [" ".join(make_lines(12, draw.randrange(10**6), 2)) for _ in range(60)]
    options = {"dim": 130, "epoch": 40, "lr": 0.1, "bucket": 5000, "verbose": 0, **options}
    alone = fasttext.train_supervised(lines, thread=1, **options)
    with pyffnn.num_threads(2):
        team = fasttext.train_supervised(lines, thread=2, **options)
    np.testing.assert_array_equal(alone.get_input_matrix(), team.get_input_matrix())
    np.testing.assert_array_equal(alone.get_output_matrix(), team.get_output_matrix())


def test_a_trained_model_is_that_of_its_file(lines, tmp_path):
    """Rows that training shares are whole in a file."""
    model = fasttext.train_supervised(
        lines, dim=6, wordNgrams=3, minn=2, maxn=3, bucket=900, verbose=0
    )
    path = tmp_path / "model.bin"
    model.save_model(path)
    read = fasttext.load_model(path)
    np.testing.assert_array_equal(model.get_input_matrix(), read.get_input_matrix())
    texts = [line.split(" ", 1)[1] for line in lines]
    for a, b in zip(model.predict(texts, k=2)[1], read.predict(texts, k=2)[1], strict=True):
        np.testing.assert_array_equal(a, b)
    for row in (0, len(model.words), len(model.words) + 899):
        np.testing.assert_array_equal(model.get_input_vector(row), read.get_input_vector(row))
    np.testing.assert_array_equal(model.get_word_vector("goal"), read.get_word_vector("goal"))


def test_input_may_be_a_path_a_list_an_iterator_or_a_column(lines, tmp_path):
    path = tmp_path / "train.txt"
    path.write_text("\n".join(lines) + "\n")
    first = fasttext.train_supervised(str(path), dim=3, epoch=1, verbose=0).get_output_matrix()
    for given in (path, lines, iter(lines), tuple(lines)):
        found = fasttext.train_supervised(input=given, dim=3, epoch=1, verbose=0)
        np.testing.assert_array_equal(found.get_output_matrix(), first)


def test_input_may_be_an_arrow_column(lines):
    pa = pytest.importorskip("pyarrow")
    column = pa.chunked_array([lines[:100], lines[100:]])
    a = fasttext.train_supervised(column, dim=3, epoch=1, verbose=0).get_output_matrix()
    np.testing.assert_array_equal(
        a, fasttext.train_supervised(lines, dim=3, epoch=1, verbose=0).get_output_matrix()
    )


def test_words_and_labels_are_counted_sorted_and_cut():
    lines = ["__label__b x y y", "__label__a y z", "__label__b y x", "__label__c rare"]
    model = fasttext.train_supervised(lines, dim=2, minCount=2, minCountLabel=2, verbose=0, epoch=1)
    words, counts = model.get_words(include_freq=True)
    assert dict(zip(words, counts.tolist(), strict=True)) == {"y": 4, "</s>": 4, "x": 2}
    assert model.get_labels(include_freq=True)[0] == ["__label__b"]
    assert model.words == words
    assert "y" in model
    assert "rare" not in model
    assert "__label__b" not in model
    other = fasttext.train_supervised(["#p x", "#q y"], label="#", dim=2, verbose=0)
    assert sorted(other.labels) == ["#p", "#q"]


@pytest.mark.parametrize("kind", ["skipgram", "cbow"])
@pytest.mark.parametrize("loss", ["ns", "hs", "softmax"])
def test_vectors_of_words_that_stand_together_are_near(kind, loss):
    lines = [
        " ".join(w for w in line.split() if not w.startswith("__label__"))
        for line in make_lines(600, 3)
    ]
    model = fasttext.train_unsupervised(
        lines,
        model=kind,
        loss=loss,
        dim=12,
        minCount=1,
        epoch=10,
        lr=0.1,
        t=1e-2,
        minn=2,
        maxn=4,
        bucket=500,
        verbose=0,
    )
    near = [w for _, w in model.get_nearest_neighbors("goal", 4)]
    sport = set("match team league striker coach penalty stadium".split())
    assert len(sport & set(near)) >= 3, near
    again = fasttext.train_unsupervised(
        lines,
        kind,
        0.1,
        loss=loss,
        dim=12,
        minCount=1,
        epoch=10,
        t=1e-2,
        minn=2,
        maxn=4,
        bucket=500,
        verbose=0,
        thread=3,
    )
    np.testing.assert_array_equal(model["goal"], again["goal"])


def test_pretrained_vectors(lines, tmp_path):
    path = tmp_path / "some.vec"
    path.write_text("2 3\ngoal 1 2 3\nnewword 4 5 6\n")
    model = fasttext.train_supervised(lines, dim=3, epoch=0, pretrainedVectors=str(path), verbose=0)
    np.testing.assert_array_equal(model["goal"], [1, 2, 3])
    np.testing.assert_array_equal(model["newword"], [4, 5, 6])
    with pytest.raises(ValueError, match="Dimension of pretrained vectors"):
        fasttext.train_supervised(lines, dim=4, pretrainedVectors=str(path), verbose=0)
    path.write_text("3 3\ngoal 1 2 3\n")
    with pytest.raises(ValueError, match="breaks off"):
        fasttext.train_supervised(lines, dim=3, pretrainedVectors=str(path), verbose=0)


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_a_run_that_diverges_is_an_error(lines, loss):
    with pytest.raises(FloatingPointError, match="diverged"):
        fasttext.train_supervised(lines, loss=loss, lr=1e25, dim=4, epoch=20, verbose=0)


def test_texts_that_cannot_be_learned():
    with pytest.raises(ValueError, match="Empty vocabulary"):
        fasttext.train_supervised([], verbose=0)
    with pytest.raises(ValueError, match="Empty vocabulary"):
        fasttext.train_supervised(["__label__a b"], minCount=10, minCountLabel=10, verbose=0)
    with pytest.raises(ValueError, match="labels"):
        fasttext.train_supervised(["no labels here"], dim=2, verbose=0)
    with pytest.raises(ValueError, match="cannot be opened"):
        fasttext.train_supervised("/nowhere/train.txt")
    with pytest.raises(ValueError, match="one line each"):
        fasttext.train_supervised(["a\nb"])
    with pytest.raises(TypeError, match="must hold str"):
        fasttext.train_supervised([b"a"])


def test_odd_bytes_and_long_lines(tmp_path):
    path = tmp_path / "odd.txt"
    path.write_bytes(
        b"__label__a x\x00y \xff\xfe\n\n__label__b "
        + b"long " * 200_000
        + b"\n__label__c\n z\n__label__b end"
    )
    model = fasttext.train_supervised(str(path), dim=2, epoch=1, verbose=0, wordNgrams=2, bucket=50)
    with pytest.raises(UnicodeDecodeError):
        model.get_words()
    assert "x" in model.get_words(on_unicode_error="ignore")
    assert model.test(str(path))[0] == 4  # "</s>" is a word, so that "c" has one too


@pytest.mark.parametrize(
    ("named", "error"),
    [
        ({"dim": 0}, ValueError),
        ({"dim": 2.5}, TypeError),
        ({"epoch": -1}, ValueError),
        ({"loss": "mse"}, ValueError),
        ({"lr": float("nan")}, ValueError),
        ({"lr": "fast"}, TypeError),
        ({"bucket": -1}, ValueError),
        ({"thread": 0}, ValueError),
        ({"nothing": 1}, TypeError),
        ({"minCount": 1, "min_count": 2}, TypeError),
        ({"label": 3}, TypeError),
        ({"dim": 100_000, "bucket": 2_000_000_000, "wordNgrams": 2}, MemoryError),
        ({"autotuneValidationFile": "/nowhere"}, ValueError),
    ],
)
def test_wrong_settings_are_refused(lines, named, error):
    with pytest.raises(error):
        fasttext.train_supervised(lines, verbose=0, **named)


def test_settings_are_kept(lines):
    model = fasttext.train_supervised(lines, word_ngrams=2, dim=3, lr=0.25, bucket=10, verbose=0)
    assert (model.wordNgrams, model.dim, model.lr, model.loss) == (2, 3, 0.25, "softmax")


@pytest.mark.parametrize(
    "metric",
    ["f1", "f1:__label__sport", "precisionAtRecall:50", "recallAtPrecision:50:__label__food"],
)
def test_autotune_finds_a_model_in_its_time(lines, tmp_path, metric):
    valid = tmp_path / "valid.txt"
    valid.write_text("\n".join(make_lines(50, 9)) + "\n")
    model = fasttext.train_supervised(
        lines,
        autotuneValidationFile=str(valid),
        autotuneDuration=1,
        autotuneMetric=metric,
        verbose=0,
        dim=4,
        bucket=1000,
    )
    assert model.get_dimension() == 4
    assert accuracy(model, make_lines(100, 8)) > 0.5


def test_autotune_keeps_to_a_size(lines, tmp_path):
    valid = tmp_path / "valid.txt"
    valid.write_text("\n".join(make_lines(50, 9)) + "\n")
    model = fasttext.train_supervised(
        lines,
        autotuneValidationFile=str(valid),
        autotuneDuration=2,
        autotuneModelSize="30k",
        dim=4,
        wordNgrams=2,
        bucket=3000,
        verbose=0,
    )
    model.save_model(tmp_path / "model.ftz")
    assert model.is_quantized()
    assert (tmp_path / "model.ftz").stat().st_size <= 30_000
    for wrong in ("2x", "k", "-1"):
        with pytest.raises(ValueError, match="model size"):
            fasttext.train_supervised(
                lines, autotuneValidationFile=str(valid), autotuneModelSize=wrong, verbose=0
            )
    for wrong in ("f2", "f1:", "precisionAtRecall:x"):
        with pytest.raises(ValueError, match="metric"):
            fasttext.train_supervised(
                lines, autotuneValidationFile=str(valid), autotuneMetric=wrong, verbose=0
            )


def test_predict_refuses_what_it_cannot_take(lines):
    model = fasttext.train_supervised(lines, dim=2, epoch=1, verbose=0)
    for wrong in ("a\nb", ["fine", "a\nb"]):
        with pytest.raises(ValueError, match="one line at a time"):
            model.predict(wrong)
    with pytest.raises(ValueError, match="one line at a time"):
        model.get_sentence_vector("a\nb")
    for k in (0, -2):
        with pytest.raises(ValueError, match="k needs to be 1 or higher"):
            model.predict("a", k=k)
    for wrong in (b"a", 3, [b"a"], None):
        with pytest.raises(TypeError):
            model.predict(wrong)
    with pytest.raises(ValueError, match="surrogate"):
        model.predict("\ud800")
    vectors = fasttext.train_unsupervised(lines, dim=2, epoch=1, minCount=1, verbose=0, bucket=10)
    with pytest.raises(ValueError, match="supervised"):
        vectors.predict("a")
    with pytest.raises(ValueError, match="supervised"):
        vectors.quantize()


@pytest.mark.parametrize("loss", ["softmax", "hs", "ns", "ova"])
def test_a_threshold_below_zero_is_none(lines, loss):
    model = fasttext.train_supervised(lines, loss=loss, dim=4, epoch=1, verbose=0)
    text = lines[0].partition(" ")[2]
    for k in (1, -1):
        expected = model.predict(text, k=k, threshold=0.0)
        for threshold in (-1e-6, -1e-5, -0.5, -np.inf):
            labels, p = model.predict(text, k=k, threshold=threshold)
            assert labels == expected[0] and p.tolist() == expected[1].tolist()
            assert model.predict([text], k=k, threshold=threshold)[0][0] == list(labels)


def test_predict_gives_fasttexts_types(lines):
    model = fasttext.train_supervised(lines, dim=4, epoch=5, lr=0.5, verbose=0)
    labels, found = model.predict("goal team", k=2)
    assert isinstance(labels, tuple)
    assert (found.dtype, found.shape) == (np.float64, (2,))
    many, arrays = model.predict(["goal team", "soup"], k=2)
    assert many[0] == list(labels)
    assert arrays[0].dtype == np.float32
    np.testing.assert_array_equal(arrays[0], found.astype(np.float32))
    assert model.predict([]) == ([], [])
    assert model.predict("goal", threshold=2.0)[0] == ()
    long = ["goal team"] * 5000 + ["soup bread"] * 5000
    random.Random(0).shuffle(long)
    for n in (1, 2, 5):
        found = model.predict(long, n_threads=n)[0]
        assert found == [["__label__sport" if "goal" in t else "__label__food"] for t in long]


def test_matrices_can_be_set(lines):
    model = fasttext.train_supervised(lines, dim=4, epoch=2, verbose=0)
    a, b = model.get_input_matrix(), model.get_output_matrix()
    model.set_matrices(a[:, :2], b[:, :2])
    assert model.get_dimension() == 2
    np.testing.assert_array_equal(model.get_input_matrix(), a[:, :2])
    with pytest.raises(ValueError, match="fit together"):
        model.set_matrices(a[:3], b)
    with pytest.raises(ValueError, match="fit together"):
        model.set_matrices(a, b[:, :1])
    assert fasttext.util.reduce_model(model, 1).get_dimension() == 1


def test_tokenize():
    assert fasttext.tokenize("a  b\tc\n\nd\0e") == ["a", "b", "c", "</s>", "</s>", "d", "e"]
    assert fasttext.tokenize("") == []
