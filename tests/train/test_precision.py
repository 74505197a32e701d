"""Training steps whose products are taken on bf16 tiles, emulated: against float64, beside float32, at any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from net_oracle import Examples, Oracle, call, make_spec
from train.lm_oracle import PLAIN
from train.test_determinism import KINDS, LARGE, LENGTH, assert_same, run
from train.test_lm_step import OPTIONS, SEGMENTS, build

import pyffnn
from pyffnn import FFNNClassifier, LanguageModel, TextClassifier, _pyffnn

TILES = ["amx-emulated", *(name for name in pyffnn.available_isas() if name == "amx")]
# Largest error of an accumulated update or a gradient, as a share of its own norm.
GRADE = {"bfloat16x3": 3e-4, "bfloat16": 5e-2}


@pytest.fixture(params=TILES)
def tiles(request):
    with pyffnn.use_isa(request.param):
        yield request.param


def distance(got: Any, exact: Any) -> float:
    return float(np.linalg.norm(got - exact) / max(np.linalg.norm(exact), 1e-30))


def dense_errors(kind: str, optimizer: str, precision: str) -> dict[str, float]:
    """Error of each weight array's change over five steps, as a share of that change."""
    spec = make_spec(kind, activation="tanh", optimizer=optimizer, precision=precision)
    ex = Examples(spec, 200, seed=4, dtype=np.float32)
    net = _pyffnn.Network(spec)
    net.initialise(7)
    start = {name: np.array(p, np.float64) for name, p in net.parameters().items()}
    order, rates = np.random.default_rng(0).permutation(200), np.full(5, 0.02)
    call(net, "train", ex, ex.y, ex.w, order, 40, rates)
    del spec["precision"]
    oracle = Oracle(spec, {name: p.copy() for name, p in start.items()})
    for s, rate in enumerate(rates):
        batch = order[40 * s : 40 * s + 40]
        oracle.step(ex.batch(batch), ex.y[batch], rate, ex.w[batch], ex.touched(batch))
    return {
        name: distance(p - start[name], oracle.p[name] - start[name])
        for name, p in net.parameters().items()
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad"])
def test_dense_steps_against_float64(tiles, kind, optimizer):
    plain = dense_errors(kind, optimizer, "float32")
    split = dense_errors(kind, optimizer, "bfloat16x3")
    rounded = dense_errors(kind, optimizer, "bfloat16")
    assert max(split.values()) < GRADE["bfloat16x3"]
    assert max(rounded.values()) < GRADE["bfloat16"]
    assert max(rounded.values()) > 5 * max(split.values())
    assert split != plain


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["bfloat16x3", "bfloat16", "auto"])
def test_dense_steps_have_the_same_bits_at_any_number_of_threads(kind, precision):
    one = run(kind, 1, "amx-emulated", precision=precision)
    for threads in (2, 5):
        assert_same(run(kind, threads, "amx-emulated", precision=precision), one)


@pytest.mark.parametrize("precision", ["bfloat16x3", "bfloat16", "auto"])
@pytest.mark.parametrize("kind", ["dense", "mean", "concat"])
def test_copies_of_the_weights_follow_every_change(kind, precision):
    """A team keeps its weights packed from step to step, one thread packs them at each product: the bits are the same, also after the
    arrays were written to between calls, with a last batch of another size, and without a layer's transposed copy."""

    def trained(n_threads):
        spec = make_spec(
            kind, **LARGE[kind], precision=precision, optimizer="adam", freeze_embeddings=kind == "concat"
        )  # fmt: skip
        ex = Examples(spec, 930, seed=3, dtype=np.float32, max_len=LENGTH)
        net = _pyffnn.Network(spec)
        found = []
        with pyffnn.use_isa("amx-emulated"):
            net.initialise(1)
            for change in range(3):
                call(net, "train", ex, ex.y, ex.w, None, 100, 0.01, n_threads=n_threads)
                found += [np.array(w) for w in net.parameters().values()]
                for name, w in net.parameters().items():
                    if change == 0 and name.startswith("weight"):
                        w *= 1.5
                if change == 1:
                    net.initialise(2)
        return found

    one = trained(1)
    for n_threads in (2, 5):
        assert_same(trained(n_threads), one)


def test_float32_steps_are_those_of_the_isa_without_tiles():
    best = pyffnn.available_isas()[-1]
    assert_same(run("dense", 2, "amx-emulated", precision="float32"), run("dense", 2, best))


def lm_pair(config: dict[str, Any], precision: str, scale: float = 0.3) -> tuple[Any, Any]:
    """A float32 model of that precision, and a float64 one with the same weights."""
    model, exact = build(config | {"precision": precision}, "Float32", scale), build(config)
    for name, w in exact.arrays("weights").items():
        w[...] = model.arrays("weights")[name]
    return model, exact


@pytest.mark.parametrize("precision", ["bfloat16x3", "bfloat16"])
@pytest.mark.parametrize("option", OPTIONS)
def test_language_model_gradients_against_float64(tiles, option, precision):
    ids = np.random.default_rng(2).integers(0, 23, 40).astype(np.int32)
    model, exact = lm_pair(PLAIN | OPTIONS[option], precision)
    loss, want = model.gradients(ids, *SEGMENTS), exact.gradients(ids, *SEGMENTS)
    assert loss == pytest.approx(want, rel=GRADE[precision])
    for name, g in exact.arrays("gradients").items():
        if not name.startswith("distant"):  # sums of both signs that nearly cancel
            assert distance(model.arrays("gradients")[name], g) < 3 * GRADE[precision], name


# Vocabularies beside whole tiles of 256 words, batches beside whole blocks of 512 examples, a k of no whole tile.
@pytest.mark.parametrize(("vocab", "examples"), [(700, 100), (256, 33), (1030, 530)])
@pytest.mark.parametrize("precision", ["bfloat16x3", "bfloat16"])
@pytest.mark.parametrize("option", ["plain", "tied", "residual, untied, norm"])
def test_vocabularies_of_several_tiles(tiles, vocab, examples, precision, option):
    rng = np.random.default_rng(3)
    config = PLAIN | OPTIONS[option] | {"vocab": vocab}
    stream = rng.integers(0, vocab, examples + 10).astype(np.int32)
    model, exact = lm_pair(config, precision)
    loss, want = model.gradients(stream, [8], [examples]), exact.gradients(stream, [8], [examples])
    assert loss == pytest.approx(want, rel=GRADE[precision])
    for name, g in exact.arrays("gradients").items():
        assert distance(model.arrays("gradients")[name], g) < GRADE[precision], name
    got, right = (m.log_prob(stream, 0, 20) for m in (model, exact))
    np.testing.assert_allclose(got, right, atol=20 * GRADE[precision])


def test_sums_that_overflow_are_taken_again(tiles):
    config = PLAIN | {"vocab": 400, "hidden": []}
    model, exact = lm_pair(config, "bfloat16x3")
    for m in (model, exact):
        m.arrays("weights")["output.bias"][0, :60] = -300
    stream = np.random.default_rng(4).integers(60, 400, 40).astype(np.int32)
    assert model.gradients(stream, *SEGMENTS) == pytest.approx(
        exact.gradients(stream, *SEGMENTS), rel=1e-4
    )


def lm_run(precision: str, threads: int, optimizer: str = "adam", steps: int = 2) -> Any:
    config = PLAIN | OPTIONS["all"] | {"vocab": 700, "optimizer": optimizer}
    config |= {"drop_hidden": 0.3, "drop_output": 0.5}
    stream = np.random.default_rng(3).integers(0, 700, 900).astype(np.int32)
    starts = np.arange(20, 820, 16)
    model = build(config | {"precision": precision}, "Float32", 0.1)
    cuts = np.linspace(0, starts.size, steps + 1).astype(int)
    model.train(stream, starts, np.full(starts.size, 16), cuts, np.full(steps, 0.01), threads)
    return [np.array(w) for _, w in sorted(model.arrays("weights").items())]


@pytest.mark.parametrize("precision", ["bfloat16x3", "bfloat16", "auto"])
def test_language_model_has_the_same_bits_at_any_number_of_threads(precision):
    with pyffnn.use_isa("amx-emulated"):
        one = lm_run(precision, 1)
        for threads in (2, 5):
            assert_same(lm_run(precision, threads), one)


def test_a_thirty_step_run_is_as_near_to_float64_as_float32_is(tiles):
    """The accumulated change of every weight over 30 steps of SGD: what split products add is within three times float32's own error."""
    config = PLAIN | {"vocab": 400, "dim": 16, "hidden": [32], "optimizer": "sgd"}
    stream = np.random.default_rng(5).integers(0, 400, 2000).astype(np.int32)
    starts, steps = np.arange(20, 2000, 64), 30
    errors = {}
    for precision in ("float32", "bfloat16x3", "bfloat16"):
        model, exact = lm_pair(config, precision, 0.1)
        start = {n: np.array(w, np.float64) for n, w in exact.arrays("weights").items()}
        for m in (model, exact):
            m.train(
                stream,
                starts[:steps],
                np.full(steps, 64),
                np.arange(steps + 1),
                np.full(steps, 0.5),
            )
        change, error = 0.0, 0.0
        for name, w in exact.arrays("weights").items():
            change += float(np.sum((w - start[name]) ** 2))
            error += float(np.sum((model.arrays("weights")[name] - w) ** 2))
        errors[precision] = np.sqrt(error / change)
    assert errors["bfloat16x3"] < 3 * errors["float32"]
    assert errors["bfloat16x3"] < 2e-5
    assert 1e-4 < errors["bfloat16"] < 2e-2


def test_estimators_act_on_their_precision():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 64)).astype("f4")
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    texts = [" ".join(f"w{j}" for j in rng.integers(0, 60, 12)) for _ in range(120)]
    labels = ["a" if "w1 " in t or "w2 " in t else "b" for t in texts]
    corpus = rng.integers(0, 50, 3000)

    def dense(precision):
        return FFNNClassifier((64,), epochs=2, precision=precision).fit(X, y).predict_proba(X)

    def text(precision):
        model = TextClassifier(
            hidden_layer_sizes=(32,), embedding_dim=32, epochs=2, precision=precision
        )
        return model.fit(texts, labels).predict_proba(texts)

    def lm(precision):
        model = LanguageModel(
            context=3,
            embedding_dim=16,
            hidden_layer_sizes=(32,),
            epochs=1,
            distant_kernels=0,
            precision=precision,
        )
        return model.fit(corpus).log_prob(corpus[:200])

    for run_one in (dense, text, lm):
        with pyffnn.use_isa("amx-emulated"):
            found = {p: run_one(p) for p in ("float32", "bfloat16x3", "bfloat16")}
        with pyffnn.use_isa(pyffnn.available_isas()[-1]):
            np.testing.assert_array_equal(run_one("float32"), found["float32"])
        split, rounded = (
            np.abs(found[p] - found["float32"]).max() for p in ("bfloat16x3", "bfloat16")
        )
        assert 0 < split < rounded, run_one.__name__
        assert split < 2e-3 and rounded < 0.2, run_one.__name__
