"""What `TextClassifier` chooses where its settings leave it open: weights of rows, pooling, learning rate."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math

import numpy as np
import pytest
from models.samples import reviews

from pyffnn import TextClassifier
from pyffnn.models.labels import Targets
from pyffnn.models.text_classifier import recipe
from pyffnn.models.text_classifier.choice import _Trials, cut_again, parts_in_order
from pyffnn.models.text_classifier.row_weights import new_row_weights, row_weights
from pyffnn.net import Examples, Network
from pyffnn.text.featurizer import Featurizer

TEXTS = ["a b a c", "b c", "a a a d", "e b", "", "d d e f g", "c a", "b"]
CODES = np.array([0, 1, 0, 2, 1, 2, 0, 1])


def bags(features, texts):
    ids, offsets = features.encode(texts).bags()
    return [ids[i:j].tolist() for i, j in itertools.pairwise(offsets)]


def pieces_share(features):
    """What each row counts: one of a word or of several 1, one of a piece of a word less the more lengths pieces have."""
    share = np.ones(features.num_rows)
    if features.char_ngrams is not None:
        low, high = features.char_ngrams
        share[features.char_rows] = 0.6 / math.sqrt(high - low + 1)
    return share


def oracle_weights(features, sets, classes, count, weighting="both"):
    """By the formula, one row after the other."""
    rows, pieces = features.num_rows, pieces_share(features)
    rarity, unevenness = {"both": (2, 0.5), "unevenness": (1, 0.5), "rarity": (2, 0)}[weighting]
    labels = [c for s in classes for c in s]
    share = [(labels.count(c) + 1e-3) / (len(labels) + 1e-3 * count) for c in range(count)]
    weights = []
    for row in range(rows):
        inside = [i for i, bag in enumerate(sets) if row in bag]
        idf = math.log((1 + len(sets)) / (1 + len(inside))) + 1
        near = [c for i in inside for c in classes[i]]
        square = 0.0
        for c in range(count):
            p = (near.count(c) + count * share[c]) / (len(near) + count)
            square += share[c] * math.log(p / share[c]) ** 2
        weights.append(idf**rarity * (math.sqrt(square) + 1e-3) ** unevenness * pieces[row])
    return weights


@pytest.mark.parametrize("settings", [{}, {"word_ngrams": 2, "char_ngrams": (1, 2)}], ids=str)
def test_weights_of_rows(settings):
    features = Featurizer(ngram_min_count=1, **settings)
    corpus = features.fit(TEXTS)
    sets = bags(features, TEXTS)
    one = Targets(np.arange(3), codes=CODES)
    expected = oracle_weights(features, sets, [[c] for c in CODES], 3)
    np.testing.assert_allclose(row_weights(corpus, one), expected, rtol=1e-6)
    np.testing.assert_allclose(new_row_weights(corpus, one, 2), expected[2:], rtol=1e-6)
    for other in ("unevenness", "rarity"):
        expected = oracle_weights(features, sets, [[c] for c in CODES], 3, other)
        found = row_weights(corpus, one, None, other)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        found = new_row_weights(corpus, one, 2, other)
        np.testing.assert_allclose(found, expected[2:], rtol=1e-6)

    # of sets of labels, and where the labels of some texts do not count
    pairs = [(0, 0), (0, 2), (1, 1), (3, 2), (5, 0), (5, 1), (5, 2)]
    several = Targets.of_sets(np.arange(3), *np.array(pairs).T, len(TEXTS))
    classes = [[c for i, c in pairs if i == text] for text in range(len(TEXTS))]
    expected = oracle_weights(features, sets, classes, 3)
    np.testing.assert_allclose(row_weights(corpus, several), expected, rtol=1e-6)
    np.testing.assert_allclose(new_row_weights(corpus, several, 1), expected[1:], rtol=1e-6)
    used = np.arange(len(TEXTS)) % 3 > 0
    classes = [[c] if u else [] for c, u in zip(CODES, used, strict=True)]
    expected = oracle_weights(features, sets, classes, 3)
    np.testing.assert_allclose(row_weights(corpus, one, used), expected, rtol=1e-6)


def test_new_pieces_of_words_count_as_those_of_the_model():
    model = TextClassifier(pooling="weighted", char_ngrams=(3, 4), epochs=2).fit(*reviews(800))
    assert model._state().settings["char_share"] == pytest.approx(0.6 / math.sqrt(2))
    more = ["an unheardof word", "unheardof and unseen"]
    old = copy.deepcopy(model)
    # files from before pieces had a share do not hold it
    settings = {k: v for k, v in old._state().settings.items() if k != "char_share"}
    old._keep(dataclasses.replace(old._state(), settings=settings))
    first = model._state().features.num_rows
    for one in (model, old):
        one.partial_fit(more, ["good", "bad"])
    new, before = (m._state().network.parameters()["embedding.weights"] for m in (model, old))
    np.testing.assert_array_equal(new[:first], before[:first])
    share = pieces_share(model._state().features)[first:]
    assert 0 < np.count_nonzero(share < 1) < share.size
    np.testing.assert_allclose(new[first:], before[first:] * share, rtol=1e-6)


@pytest.mark.parametrize(("offset", "found"), [(0.0, 0.0), (0.3, 0.25), (-0.4, -0.5), (2.0, 0.5)])
def test_the_rate_between_those_that_were_tried(offset, found):
    """The top of a parabola, a quarter of a doubling being the finest step."""
    texts, labels = reviews(800)
    model = TextClassifier()
    read = model._reader().training(recipe.featurizer(model), texts, labels, None)
    trials = _Trials(model, read, np.arange(800), 0, lambda *_: None, (1.0, 5), None, None)
    best = trials._start
    for doublings in (-1, 0, 1):
        other = best._replace(rate=2.0**doublings)
        assert trials._between(best) == best
        trials._scores[other] = 3 - 0.1 * (doublings - offset) ** 2
    assert trials._between(best).rate == 2**found
    trials._scores[best] = -np.inf
    assert trials._between(best) == best


def test_weighted_bags_are_those_of_the_formula():
    model = TextClassifier(pooling="weighted", word_ngrams=2, epochs=3).fit(*reviews())
    state = model._state().network.parameters()
    E, v, W, b = (
        state[name].astype(np.float64)
        for name in ("embedding", "embedding.weights", "output.weight", "output.bias")
    )
    texts = ["good film film film zzz", "", "zzz", "awful plot and an awful plot", "a good plot"]
    expected = []
    for bag in bags(model._state().features, texts):
        x, square = np.zeros(E.shape[1]), 0.0
        for row in set(bag):
            value = (1 + math.log(bag.count(row))) * v[row]
            x += value * E[row]
            square += value**2
        z = np.exp(x / math.sqrt(square or 1) @ W + b)
        expected.append(z / z.sum())
    np.testing.assert_allclose(model.predict_proba(texts), expected, atol=1e-6)


def test_gradients_of_weighted_bags():
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 9, 30).astype(np.int32)
    offsets = np.array([0, 7, 7, 15, 30])
    spec = {"input": "bags", "pool": "weighted", "rows": 9, "dim": 4, "n_outputs": 3}
    net = Network({**spec, "optimizer": "sgd", "embedding_scale": 0.5})
    net.initialise(1)
    weights = rng.random(9).astype(np.float32)
    net.set_row_weights(np.arange(9), weights)
    views = net.parameters()
    E, W = views["embedding"].astype(np.float64), views["output.weight"].astype(np.float64)
    y = np.array([0, 2, 1, 1])
    x = np.zeros((4, 9))
    for i in range(4):
        rows, counts = np.unique(ids[offsets[i] : offsets[i + 1]], return_counts=True)
        values = (1 + np.log(counts)) * weights[rows]
        x[i, rows] = values / np.sqrt((values**2).sum() or 1)
    from pyffnn.net import Targets as NetTargets

    net.train(
        Examples.bags(ids, offsets, 9), NetTargets.classes(y, 3, None), np.arange(4), 4,
        np.array([0.5]), 1,
    )  # fmt: skip
    z = x @ E @ W
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    p[np.arange(4), y] -= 1
    np.testing.assert_allclose(views["embedding"], E - 0.5 * x.T @ (p / 4 @ W.T), atol=1e-6)
    np.testing.assert_array_equal(views["embedding.weights"], weights)
    for wrong in (np.full(9, -1.0), np.full(9, np.nan), np.ones(8)):
        with pytest.raises(ValueError, match="values must"):
            net.set_row_weights(np.arange(9), wrong)


def test_the_choice_is_measured_and_told(capsys, tmp_path):
    texts, labels = reviews(800)
    labels = ["other" if i % 9 == 0 else label for i, label in enumerate(labels)]
    model = TextClassifier(verbose=1).fit(texts, labels)
    chosen = model.recipe_
    assert chosen["pooling"] == "weighted" and chosen["optimizer"] == "sgd"
    tried = list(chosen["tried"])
    assert len(tried) >= 7 and all(0 <= t["accuracy"] <= 1 for t in tried)
    names = ("weighting", "char_ngrams", "learning_rate", "epochs")
    # the rate is that of one of them, or between it and one that was half or twice as high
    best = min(
        (t for t in tried if all(t[n] == chosen[n] for n in ("char_ngrams", "epochs"))),
        key=lambda t: abs(math.log(t["learning_rate"] / chosen["learning_rate"])),
    )
    assert 1 / math.sqrt(2) < best["learning_rate"] / chosen["learning_rate"] < math.sqrt(2)
    score = [t["accuracy"] / 2 - 0.4 * t["loss"] for t in tried]
    # each of the others came later and gained too little, or was overtaken by one that did not
    assert best["accuracy"] / 2 - 0.4 * best["loss"] > max(score) - 0.014
    assert all(f"best of {len(tried)} on" in chosen["why"][n] for n in names[:3])
    assert "recipe  pooling weighted" in capsys.readouterr().err
    assert chosen["epochs"] == len(model.history_)
    model.save(tmp_path / "m")
    assert TextClassifier.load(tmp_path / "m").recipe_ == chosen
    chosen["tried"].clear()
    assert model.recipe_["tried"] == tried

    # what the user says is obeyed, and then nothing is tried
    own = TextClassifier(epochs=2, l2=1e-3, pooling="weighted").fit(texts, labels).recipe_
    assert (own["epochs"], own["l2"], own["tried"]) == (2, 1e-3, [])
    assert "pooling" not in own["why"] and "epochs" not in own["why"]


def test_held_out_are_runs_of_neighbours():
    rng = np.random.default_rng(0)
    strata = rng.permutation(np.repeat(np.arange(5), [160, 60, 9, 3, 1]))
    parts = parts_in_order(strata, 4)
    for c in range(5):
        mine = parts[strata == c]
        counts = np.bincount(mine, minlength=4)
        assert counts.max() - counts.min() <= max(mine.size // 8, 1)
        # eight runs, or each text on its own
        assert np.count_nonzero(np.diff(mine)) <= 9 or mine.size < 16
    # that leaves a class of one text to train on in three of the four ways
    np.testing.assert_array_equal(parts_in_order(np.arange(8), 4), np.arange(8) % 4)


@pytest.mark.parametrize("chars", [None, (3, 6)])
def test_words_that_were_kept_are_cut_into_other_pieces(chars):
    """As if the texts had been read again."""
    texts, labels = reviews(800)
    by_rule = TextClassifier(word_ngrams=2)
    read = by_rule._reader().training(recipe.featurizer(by_rule), texts, labels, None)
    again = cut_again(by_rule, read, chars).corpus
    fresh = TextClassifier(word_ngrams=2, char_ngrams=chars)
    other = fresh._reader().training(recipe.featurizer(fresh), texts, labels, None).corpus
    assert again.featurizer.vocabulary == other.featurizer.vocabulary
    assert again.featurizer.char_ngrams == chars
    for a, b in zip(again.bags(), other.bags(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_choice_does_not_depend_on_threads():
    texts, labels = reviews(800)
    settings = {"word_ngrams": 2, "char_ngrams": (3, 4)}
    models = [TextClassifier(**settings, n_threads=n).fit(texts, labels) for n in (1, 2, 3)]
    for other in models[1:]:
        assert other.recipe_ == models[0].recipe_
        np.testing.assert_array_equal(other.embeddings_, models[0].embeddings_)


def test_many_classes_of_few_texts():
    """Two words of each class's own among common ones: a bottleneck of 16 numbers could not tell 60 classes apart so well."""
    rng = np.random.default_rng(5)
    labels = np.repeat(np.arange(60), 8)
    texts = [
        " ".join([*(f"c{i}" for i in rng.integers(0, 200, 12)), f"k{y}a", f"k{y}b"]) for y in labels
    ]
    order = rng.permutation(480)
    train, test = order[:300], order[300:]
    model = TextClassifier().fit([texts[i] for i in train], labels[train])
    assert model.embeddings_.shape[1] == np.unique(labels[train]).size
    assert model.score([texts[i] for i in test], labels[test]) > 0.9


@pytest.mark.parametrize(
    ("texts", "classes", "passes"),
    [(4_381, 15, 7), (25_000, 8, 2), (6_000, 2, 3), (25_000, 2, 1), (10**6, 60, 1), (4_381, 65, 3)],
)
def test_long_texts_of_several_classes_take_several_passes(texts, classes, passes):
    """As many as held-out documents gained by; how many a corpus has is all that counts."""

    class Long:
        num_tokens = 230 * texts
        suits_char_ngrams = False

        def __len__(self):
            return texts

    model = TextClassifier(word_ngrams=2)
    found = recipe.epochs(model, Long(), sums=False, weighted=True, classes=classes)
    assert found == passes
    Long.suits_char_ngrams = True
    few = recipe.epochs(model, Long(), sums=False, weighted=True, classes=classes)
    assert few == max(1, -(-300 // -(-texts // 32)))


def test_heavy_labels_do_not_diverge():
    texts, labels = reviews(800)
    sets = [[label, "all"] for label in labels]
    model = TextClassifier(multilabel=True, class_weight={"good": 80.0}).fit(texts, sets)
    assert model.score(texts, sets) > 0.95


def test_very_many_classes_are_sampled() -> None:
    classes = recipe.SAMPLED_CLASSES + 1
    texts, labels = [f"w{i} v{i % 7}" for i in range(classes)], list(range(classes))
    model = TextClassifier(epochs=1, embedding_dim=4, char_ngrams=None).fit(texts, labels)
    spec = model._state().network.spec
    assert (spec["output"], spec["samples"]) == ("sampled", 512)
    assert model.output == "auto" and model.samples == 4096  # settings stay what was asked for
    assert np.allclose(model.predict_proba(texts[:3]).sum(axis=1), 1, atol=1e-4)
    model.partial_fit(texts[:5], labels[:5])
    whole = TextClassifier(epochs=1, embedding_dim=4, char_ngrams=None)
    whole.fit(texts[1:], labels[1:])
    assert whole._state().network.spec["output"] == "classes"
