"""Steps whose products are taken on bf16 tiles, emulated: against float64, beside float32, at any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from net.test_determinism import LARGE, LENGTH, WHOLE, assert_same, run
from net.test_gradients import INPUTS, LAYERS, spec_of
from oracles.examples import Data, build, make_spec
from oracles.network import Oracle

import pyffnn
from pyffnn import FFNNClassifier, LanguageModel, TextClassifier

TILES = ["amx-emulated", *(name for name in pyffnn.available_isas() if name == "amx")]
# Largest error of an accumulated update or a gradient, as a share of its own norm.
GRADE = {"bfloat16x6": 1e-4, "bfloat16x3": 3e-4, "bfloat16": 5e-2}


@pytest.fixture(params=TILES)
def tiles(request):
    with pyffnn.use_isa(request.param):
        yield request.param


def distance(got: Any, exact: Any) -> float:
    return float(np.linalg.norm(got - exact) / max(np.linalg.norm(exact), 1e-30))


def errors(kind: str, optimizer: str, precision: str) -> dict[str, float]:
    """Error of each weight array's change over five steps, as a share of that change."""
    spec = make_spec(kind, activation="tanh", optimizer=optimizer)
    data = Data(spec, 200, 4, np.float32)
    net = build(spec | {"precision": precision}, np.float32)
    start = {name: np.array(p, np.float64) for name, p in net.parameters().items()}
    order, rates = np.random.default_rng(0).permutation(200), np.full(5, 0.02)
    net.train(data.examples, data.targets(), order, 40, rates)
    oracle = Oracle(spec, start)
    for s, rate in enumerate(rates):
        oracle.step(data, order[40 * s : 40 * s + 40], rate)
    return {
        name: distance(p - start[name], oracle.p[name] - start[name])
        for name, p in net.parameters().items()
    }


# Not windows with Adagrad, whose first step is of the gradient's sign: a number near zero there is as wrong as one can be.
PAIRS = [(k, o) for k in INPUTS for o in ("sgd", "adagrad") if (k, o) != ("windows", "adagrad")]


@pytest.mark.parametrize(("kind", "optimizer"), PAIRS)
def test_steps_against_float64(tiles, kind, optimizer):
    plain = errors(kind, optimizer, "float32")
    whole = errors(kind, optimizer, "bfloat16x6")
    split = errors(kind, optimizer, "bfloat16x3")
    rounded = errors(kind, optimizer, "bfloat16")
    assert max(whole.values()) < 1.2 * max(plain.values())
    assert max(split.values()) < GRADE["bfloat16x3"]
    assert max(rounded.values()) < GRADE["bfloat16"]
    assert max(rounded.values()) > 5 * max(split.values())
    assert split != plain


SHORT = {"batches": 6, "seen": 60}


@pytest.mark.parametrize(
    ("kind", "precision"),
    [
        ("dense", "bfloat16x3"),
        ("sparse", "bfloat16"),
        ("bags", "bfloat16x6"),
        ("concat", "auto"),
        ("windows", "bfloat16"),
    ],
)
def test_steps_have_the_same_bits_at_any_number_of_threads(kind, precision):
    one = run(kind, 1, "amx-emulated", precision=precision, **SHORT)
    for threads in (2, 5):
        assert_same(run(kind, threads, "amx-emulated", precision=precision, **SHORT), one)


@pytest.mark.parametrize("precision", ["bfloat16x3", "bfloat16"])
def test_language_model_has_the_same_bits_at_any_number_of_threads(precision):
    more = {**WHOLE, **LAYERS["all"], "tied": True, "output": "vocabulary", "hidden": [40, 30]}
    more |= {"optimizer": "adam", "output_dropout": 0.5, "precision": precision, "rows": 400}
    more |= {"n_outputs": 400, "batches": 2, "seen": 10}
    one = run("windows", 1, "amx-emulated", **more)
    for threads in (2, 5):
        assert_same(run("windows", threads, "amx-emulated", **more), one)


@pytest.mark.parametrize(
    ("kind", "layers", "precision"),
    [
        ("dense", {}, "auto"),
        ("dense", {"residual": True}, "bfloat16"),
        ("bags", {}, "bfloat16x3"),
        ("dense", {}, "bfloat16x6"),
        ("concat", {}, "bfloat16"),
    ],
)
def test_copies_of_the_weights_follow_every_change(kind, precision, layers):
    """A team keeps its weights packed from step to step, one thread packs them at each product: the bits are the same, also after the
    arrays were written to between calls, with a last batch of another size, and without a layer's transposed copy."""

    def trained(n_threads):
        more = {**LARGE[kind], **layers, "freeze_embeddings": kind == "concat"}
        spec = make_spec(kind, precision=precision, optimizer="adam", **more)
        data = Data(spec, 230, 3, np.float32, max_len=LENGTH)
        net = build(spec, np.float32)
        found = []
        with pyffnn.use_isa("amx-emulated"):
            net.initialise(1)
            for change in range(3):
                net.train(data.examples, data.targets(), None, 100, 0.01, n_threads)
                found += [np.array(w) for w in net.parameters().values()]
                for name, w in net.parameters().items():
                    if change == 0 and name.endswith(".weight"):
                        w *= 1.5
                if change == 1:
                    net.initialise(2)
        return found

    one = trained(1)
    for n_threads in (2, 5):
        assert_same(trained(n_threads), one)


@pytest.mark.parametrize("clip", [0.0, 0.1])
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("kind", INPUTS)
def test_a_call_of_many_steps_is_many_calls(kind, layers, clip):
    """A call of one step keeps no packed weights, a call of several may: none of them lags behind."""
    more = {"optimizer": "adam", "clip": clip, "precision": "bfloat16x3", "hidden": [48, 40]}
    spec = spec_of(kind, layers, "classes", **more)
    data = Data(spec, 256, dtype=np.float32)
    order = np.random.default_rng(0).permutation(256)
    nets = [build(spec, np.float32) for _ in range(2)]
    with pyffnn.use_isa("amx-emulated"):
        nets[0].train(data.examples, data.targets(), order, 64, 0.01, 2)
        for batch in order.reshape(4, 64):
            nets[1].train(data.examples, data.targets(), batch, 64, 0.01, 2)
    assert_same(*(list(net.parameters().values()) for net in nets))


def test_float32_steps_are_those_of_the_isa_without_tiles():
    best = pyffnn.available_isas()[-1]
    assert_same(run("dense", 2, "amx-emulated", precision="float32"), run("dense", 2, best))


def pair(spec: dict[str, Any], precision: str, scale: float = 0.3) -> tuple[Any, Any]:
    """A float32 network of that precision, and a float64 one with the same weights."""
    net, exact = build(spec | {"precision": precision}, np.float32, scale), build(spec)
    for name, w in exact.parameters().items():
        w[...] = net.parameters()[name]
    return net, exact


def twins(spec: dict[str, Any], n: int, seed: int = 2) -> tuple[Data, Data]:
    """The same data in float32 and in float64."""
    single, double = (Data(spec, n, seed, t) for t in (np.float32, np.float64))
    double.w[...] = single.w
    if single.kind == "dense":
        double.x[...] = single.x
    if single.kind == "sparse":
        double.arrays = (*single.arrays[:2], single.arrays[2].astype(np.float64))
    return single, double


OPTIONS = [
    (kind, layers, output)
    for i, kind in enumerate(INPUTS)
    for j, output in enumerate(("classes", "vocabulary", "adaptive", "sampled"))
    for layers in (list(LAYERS)[(i + j) % len(LAYERS)], "plain")
]


@pytest.mark.parametrize("precision", ["bfloat16x3", "bfloat16"])
@pytest.mark.parametrize(("kind", "layers", "output"), OPTIONS)
def test_gradients_against_float64(tiles, kind, layers, output, precision):
    spec = spec_of(kind, layers, output, distant_kernels=2 * (kind == "windows"))
    spec["distant_window"] = 6 * (kind == "windows")
    net, exact = pair(spec, precision)
    single, double = twins(spec, 40)
    loss, grads = net.gradients(single.examples, single.targets())
    want, expected = exact.gradients(double.examples, double.targets())
    assert loss == pytest.approx(want, rel=GRADE[precision])
    for name, g in expected.items():
        if name != "distant":  # sums of both signs that nearly cancel
            assert distance(grads[name], g) < 3 * GRADE[precision], name


# Vocabularies beside whole tiles of 256 words, batches beside whole blocks of 512 examples, a k of no whole tile.
@pytest.mark.parametrize(("vocab", "examples"), [(700, 100), (256, 33), (1030, 530)])
@pytest.mark.parametrize(
    ("option", "precision"),
    [
        ("plain", "bfloat16"),
        ("plain", "bfloat16x3"),
        ("tied", "bfloat16x3"),
        ("residual", "bfloat16"),
        ("dense", "bfloat16x3"),
        ("plain", "bfloat16x6"),
    ],
)
def test_vocabularies_of_several_tiles(tiles, vocab, examples, precision, option):
    more: dict[str, Any] = {"n_outputs": vocab, "output": "vocabulary", "activation": "tanh"}
    more |= {"residual": option == "residual", "layer_norm": option == "residual"}
    if option != "dense":
        more |= {"rows": vocab, "tied": option == "tied"}
    spec = make_spec("dense" if option == "dense" else "windows", **more)
    net, exact = pair(spec, precision)
    single, double = twins(spec, examples + 10)
    order = np.arange(8, 8 + examples)
    loss, grads = net.gradients(single.examples, single.targets(None), order)
    want, expected = exact.gradients(double.examples, double.targets(None), order)
    assert loss == pytest.approx(want, rel=GRADE[precision])
    for name, g in expected.items():
        assert distance(grads[name], g) < GRADE[precision], name
    got = net.log_prob(single.examples, single.targets(), 0, 20)
    right = exact.log_prob(double.examples, double.targets(), 0, 20)
    np.testing.assert_allclose(got, right, atol=20 * GRADE[precision])


def test_sums_that_overflow_are_taken_again(tiles):
    spec = make_spec("windows", n_outputs=400, hidden=[], output="vocabulary")
    net, exact = pair(spec, "bfloat16x3")
    for n in (net, exact):
        n.parameters()["output.bias"][:60] = -300
    single, double = twins(spec, 40)
    single.y = double.y = np.random.default_rng(4).integers(60, 400, 40)
    loss, _ = net.gradients(single.examples, single.targets())
    want, _ = exact.gradients(double.examples, double.targets())
    assert loss == pytest.approx(want, rel=1e-4)


def test_a_thirty_step_run_is_as_near_to_float64_as_float32_is(tiles):
    """The accumulated change of every weight over 30 steps of SGD: what split products add is within three times float32's own error."""
    more = {"dim": 16, "hidden": [32], "output": "vocabulary", "activation": "tanh"}
    spec = make_spec("windows", rows=400, n_outputs=400, **more)
    stream = np.random.default_rng(5).integers(0, 400, 2000).astype(np.int32)
    data = Data(spec, 2000)
    data.stream = data.y = stream
    data.arrays = (stream,)
    order = (np.arange(20, 2000, 64)[:30], np.full(30, 64), np.arange(31))
    found = {}
    for precision in ("float32", "bfloat16x6", "bfloat16x3", "bfloat16"):
        net, exact = pair(spec, precision, 0.1)
        start = {n: np.array(w, np.float64) for n, w in exact.parameters().items()}
        for n in (net, exact):
            n.train(data.examples, data.targets(None), order, 0, 0.5)
        change, error = 0.0, 0.0
        for name, w in exact.parameters().items():
            change += float(np.sum((w - start[name]) ** 2))
            error += float(np.sum((net.parameters()[name] - w) ** 2))
        found[precision] = np.sqrt(error / change)
    assert found["bfloat16x6"] < 1.1 * found["float32"]
    assert found["bfloat16x3"] < 3 * found["float32"]
    assert found["bfloat16x3"] < 2e-5
    assert 1e-4 < found["bfloat16"] < 2e-2


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
