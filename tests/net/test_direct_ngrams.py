"""Hashed rows of n-grams: gradients and steps against the oracle, dropout, the same bits at any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from net.test_determinism import assert_same, run
from net.test_gradients import LAYERS
from net.test_steps import OPTIMIZERS, follow
from oracles.examples import OUTPUTS, WORDS, Data, build, make_spec
from oracles.network import Oracle

from pyffnn import _pyffnn

NGRAMS: dict[str, Any] = {"ngram_rows": 7, "ngram_words": 3, "ngram_heads": 2, "ngram_dim": 3}


def spec_of(**more: Any) -> dict[str, Any]:
    return make_spec("windows", **{"n_outputs": 11, **NGRAMS, **more})


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("layers", LAYERS)
def test_gradients(layers: str, output: str) -> None:
    check(spec_of(**LAYERS[layers], **OUTPUTS[output][0]), OUTPUTS[output][1])


@pytest.mark.parametrize(
    "more",
    [
        {"tied": True, "output": "vocabulary", "n_outputs": 31, "residual": True},
        {"tied": True, "output": "sampled", "samples": 5, "n_outputs": 31},
        {"distant_kernels": 2, "distant_window": 4, "ngram_words": 4},
        {"context": 2, "ngram_words": 2, "ngram_heads": 1, "ngram_dim": 1, "ngram_rows": 1},
        {"context": 5, "ngram_words": 5, "ngram_heads": 3, "ngram_dim": 20, "ngram_rows": 100},
        {"hidden": [], "direct": True},
    ],
)
def test_gradients_of_other_shapes(more: dict[str, Any]) -> None:
    check(spec_of(**more))


def check(spec: dict[str, Any], targets: str | None = None) -> None:
    net = build(spec, scale=0.5)
    assert {"ngrams", "ngrams.gate"} <= net.parameters().keys()
    data = Data(spec, 14, 1, targets=targets)
    loss, grads = net.gradients(data.examples, data.targets())
    oracle = Oracle(spec, net.parameters())
    want, expected = oracle.gradients(data, np.arange(14))
    assert loss == pytest.approx(want, rel=1e-12, abs=1e-12)
    assert grads.keys() == expected.keys()
    assert (expected["ngrams"] != 0).any() and (expected["ngrams.gate"] != 0).any()
    for name, g in expected.items():
        np.testing.assert_allclose(grads[name], g, rtol=1e-10, atol=1e-12, err_msg=name)


def test_gradients_against_central_differences() -> None:
    """The oracle shares the engine's hash; the slope of the loss itself shares nothing."""
    spec = spec_of(residual=True, layer_norm=True, activation="gelu")
    net = build(spec, scale=0.5)
    data = Data(spec, 14, 1)
    _, grads = net.gradients(data.examples, data.targets())
    rng = np.random.default_rng(0)
    for name in ("ngrams", "ngrams.gate"):
        p = net.parameters()[name]
        places = np.argwhere(grads[name] != 0)
        for place in rng.permutation(places)[:12]:
            at, losses = tuple(place), []
            for h in (1e-5, -1e-5):
                p[at] += h
                loss, weight, _ = net.evaluate(data.examples, data.targets())
                losses.append(loss / weight)
                p[at] -= h
            slope = (losses[0] - losses[1]) / 2e-5
            assert grads[name][at] == pytest.approx(slope, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: "-".join(map(str, o.values())))
def test_steps(optimizer: dict[str, Any], clip: float) -> None:
    """Rows that a batch does not touch rest, under decay, too; their gradients count in the norm that is clipped."""
    spec = spec_of(**optimizer, clip=clip, l2=0.05, weight_decay=0.1, embedding_lr=0.5)
    follow(spec, Data(spec, 60, 2))


@pytest.mark.parametrize("output", WORDS)
def test_steps_of_large_outputs(output: str) -> None:
    tied = {"tied": True, "n_outputs": 31} if output != "adaptive" else {}
    spec = spec_of(**OUTPUTS[output][0], **tied, optimizer="adam", clip=0.1)
    follow(spec, Data(spec, 60, 2))


def test_small_batches_on_more_threads_after_a_large_one() -> None:
    """The numbers that rows had in the large batch are still noted, and looked up in lists of other threads."""
    spec = spec_of(ngram_rows=400, ngram_heads=4, optimizer="adam", clip=0.5)
    data = Data(spec, 900, 3)
    runs = [np.arange(900), *np.split(np.arange(60), 10)]
    trained = []
    for counts in ([1] * 11, [1] + [3] * 10, [3] + [1] * 10):
        net = build(spec, scale=0.5)
        for order, n_threads in zip(runs, counts, strict=True):
            net.train(data.examples, data.targets(), order, len(order), 0.1, n_threads)
        trained.append({name: np.array(p) for name, p in net.parameters().items()})
    for other in trained[1:]:
        for name, p in trained[0].items():
            np.testing.assert_array_equal(other[name], p, err_msg=name)


@pytest.mark.parametrize("clip", [0.0, 0.5])
@pytest.mark.parametrize("more", [{}, {"tied": True, "output": "vocabulary", "n_outputs": 3000}])
def test_same_bits_at_any_number_of_threads(clip: float, more: dict[str, Any]) -> None:
    keys = {"ngram_rows": 500, "ngram_words": 4, "ngram_heads": 2, "ngram_dim": 8, "ngram_dropout": 0.3}  # fmt: skip
    keys |= {"optimizer": "adam", "clip": clip, **more}
    one = run("windows", 1, **keys)
    for n_threads in (2, 5):
        assert_same(one, run("windows", n_threads, **keys))


def ngram_layer(**more: Any) -> tuple[Any, dict[str, Any]]:
    """A network of nothing but n-grams: gates open halfway, rows of ones, and an output that adds them up."""
    spec = spec_of(hidden=[], context=3, ngram_rows=4001, ngram_heads=1, ngram_dim=1, rows=4000, **more)  # fmt: skip
    net = build(spec)
    for p in net.parameters().values():
        p[:] = 0
    net.parameters()["ngrams"][:] = 1
    return net, spec


def test_whole_ngrams_are_dropped_at_their_rate_and_scaled() -> None:
    net, _ = ngram_layer(ngram_dropout=0.4)
    stream = np.random.default_rng(0).integers(0, 4000, 3000).astype(np.int32)
    weight = net.parameters()["output.weight"]
    weight[-2:, 0] = 1e-3
    before = np.array(weight)
    examples = _pyffnn.Examples.stream(stream, 4000)
    targets = _pyffnn.Targets.classes(np.zeros(3000, np.int64), 11)
    net.train(examples, targets, ([3], [2997], [0, 1]), 0, np.array([1.0]))
    touched = (net.parameters()["ngrams"] != 1).reshape(2, 4001).sum(1)
    seen = 4001 * (1 - np.exp(-2997 * 0.6 / 4001))  # buckets that so many n-grams fall into
    assert touched == pytest.approx([seen, seen], rel=0.05)
    # kept ones are scaled: what the output reads is half of one on average, and the gradient of its matrix says so
    change = (weight - before)[-2:, 1]
    assert -change == pytest.approx([0.5 / 11, 0.5 / 11], rel=0.05)


def test_dropped_words_take_their_ngrams_along() -> None:
    net, _ = ngram_layer(word_dropout=1.0)
    stream = np.arange(100, dtype=np.int32)
    examples = _pyffnn.Examples.stream(stream, 4000)
    targets = _pyffnn.Targets.classes(np.zeros(100, np.int64), 11)
    net.parameters()["output.weight"][-2:, 0] = 1.0
    losses, _, _ = net.train(examples, targets, ([3], [97], [0, 1]), 0, np.array([1.0]))
    assert losses[0] == pytest.approx(np.log(11))
    assert (net.parameters()["ngrams"] == 1).all()


def test_a_stream_begins_without_ngrams() -> None:
    net, _ = ngram_layer()
    net.parameters()["output.weight"][-2:, 0] = [1.0, 10.0]
    examples = _pyffnn.Examples.stream(np.arange(5, dtype=np.int32), 4000)
    p = net.predict(examples)
    # half open gates: nothing, nothing, the bigram, then both
    odds = p[:, 0] / p[:, 1]
    np.testing.assert_allclose(np.log(odds), [0, 0, 0.5, 5.5, 5.5], atol=1e-12)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"ngram_words": 1}, "ngram_words must be from 2 to the number of words"),
        ({"ngram_words": 4}, "ngram_words must be from 2 to the number of words"),
        ({"ngram_heads": 0}, "ngram_heads must be from 1 to 64"),
        ({"ngram_dim": 0}, "ngram_dim must be from 1 to"),
        ({"ngram_rows": -1}, "ngram_rows must be"),
        ({"ngram_rows": 2**30}, "fewer than 2\\^31 rows"),
        ({"ngram_dropout": 1.0}, "ngram_dropout must be in \\[0, 1\\)"),
        ({"ngram_rows": 0}, "ngram_words must be left out without ngram_rows"),
    ],
)
def test_bad_settings(more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(spec_of(**more))
    with pytest.raises(ValueError, match="ngram_rows must be left out unless input is 'windows'"):
        build(make_spec("bags", ngram_rows=5))
