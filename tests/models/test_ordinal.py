"""Classes in an order: cumulative logits against the formula in float64, and against SciPy's optimum."""

from __future__ import annotations

import numpy as np
import pytest

from pyffnn import FFNNClassifier, TextClassifier, _pyffnn
from pyffnn.net import Examples, Targets

RNG = np.random.default_rng(0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def oracle(score, gaps):
    """Probabilities [n, classes]: differences of sigmoids."""
    t = np.concatenate([[0], np.cumsum(np.log1p(np.exp(gaps)))])
    below = sigmoid((t - t.mean())[None, :] - score[:, None])
    one, none = np.ones((len(score), 1)), np.zeros((len(score), 1))
    return np.diff(np.concatenate([none, below, one], axis=1), axis=1)


def network(classes):
    net = _pyffnn.Network64(
        {"input": "dense", "n_inputs": 3, "n_outputs": classes, "loss": "ordinal"}
    )
    net.initialise(1)
    for name, values in net.parameters().items():
        if name in ("output.gaps", "output.bias"):
            values[:] = RNG.normal(size=values.shape)
    return net


@pytest.mark.parametrize("classes", [2, 3, 6])
def test_probabilities_and_gradients(classes):
    net = network(classes)
    x = RNG.normal(size=(20, 3))
    y = RNG.integers(0, classes, 20)
    weight = RNG.random(20)
    examples, targets = Examples.dense(x), Targets.classes(y, classes, weight)
    p = net.parameters()
    assert ("output.gaps" in p) == (classes > 2)

    def loss():
        gaps = p["output.gaps"] if classes > 2 else np.zeros(0)
        score = x @ p["output.weight"][:, 0] + p["output.bias"][0]
        rows = oracle(score, gaps)
        np.testing.assert_allclose(net.predict(examples, None, 1), rows, atol=1e-12)
        return -np.average(np.log(rows[np.arange(20), y]), weights=weight)

    found, gradients = net.gradients(examples, targets)
    assert found == pytest.approx(loss(), rel=1e-12)
    for name, values in p.items():
        flat, own = values.reshape(-1), np.asarray(gradients[name]).reshape(-1)
        for i in range(flat.size):
            kept, h = flat[i], 1e-6
            flat[i] = kept + h
            above = loss()
            flat[i] = kept - h
            below = loss()
            flat[i] = kept
            assert own[i] == pytest.approx((above - below) / (2 * h), abs=1e-8), name


def test_far_from_the_cutpoints_nothing_is_lost():
    net = network(4)
    p = net.parameters()
    p["output.weight"][:], p["output.bias"][:] = 0, 0
    for score in (-700.0, 700.0):
        p["output.bias"][:] = score
        z = net.values(Examples.dense(np.zeros((1, 3))), "output", None, 1)
        assert np.isfinite(z).all() and z[0].max() == pytest.approx(0, abs=1e-12)


def stars(n, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    latent = x @ [2.0, -1.0, 0.5, 0.0] + rng.logistic(size=n)
    return x, np.digitize(latent, [-2.0, 0.0, 1.0, 3.0])


def test_recovers_the_model_that_made_the_data():
    x, y = stars(6000)
    model = FFNNClassifier((), output="ordinal", epochs=40, l2=0.0).fit(x, y)
    np.testing.assert_allclose(model.cutpoints_, [-2, 0, 1, 3], atol=0.25)
    np.testing.assert_allclose(model.coefs_[-1][:, 0], [2, -1, 0.5, 0], atol=0.2)
    assert (np.diff(model.cutpoints_) > 0).all()
    p = model.predict_proba(x[:50])
    below = sigmoid(model.cutpoints_ - (x[:50] @ model.coefs_[-1]))
    np.testing.assert_allclose(np.cumsum(p, axis=1)[:, :-1], below, atol=1e-5)
    # better than classes without an order where examples are few
    few, more = stars(150, 1), stars(2000, 2)
    ordered, free = (
        FFNNClassifier((), output=o, epochs=60).fit(*few).score(*more)
        for o in ("ordinal", "softmax")
    )
    assert ordered > free


def test_files_threads_sparse_rows_and_texts(tmp_path):
    x, y = stars(400)
    model = FFNNClassifier((8,), output="ordinal", epochs=5).fit(x, y)
    again = FFNNClassifier((8,), output="ordinal", epochs=5, n_threads=2).fit(x, y)
    np.testing.assert_array_equal(model.predict_proba(x), again.predict_proba(x))
    model.save(tmp_path / "m")
    loaded = FFNNClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(model.predict_proba(x), loaded.predict_proba(x))
    np.testing.assert_array_equal(model.cutpoints_, loaded.cutpoints_)
    sparse = pytest.importorskip("scipy.sparse").csr_matrix(x)
    for hidden in ((), (8,)):
        one = FFNNClassifier(hidden, output="ordinal", epochs=5).fit(sparse, y)
        assert one.score(sparse, y) > 0.4

    words = ["awful", "poor", "fair", "good", "great"]
    labels = np.tile(np.arange(5), 40)
    texts = [f"a {words[k]} film , {words[k]} in all" for k in labels]
    text = TextClassifier(output="ordinal", epochs=60).fit(texts, labels)
    assert text.score(texts, labels) > 0.9 and text.cutpoints_.shape == (4,)
    shares = np.eye(5)[labels] * 0.8 + 0.04
    assert FFNNClassifier((), output="ordinal").fit(x[:200], shares).cutpoints_.shape == (4,)


def test_what_an_order_does_not_go_with():
    x, y = stars(100)
    with pytest.raises(ValueError, match="calibrate must be False with output='ordinal'"):
        FFNNClassifier(output="ordinal", calibrate=True).fit(x, y)
    with pytest.raises(ValueError, match="output='ordinal' has one class an example"):
        FFNNClassifier(output="ordinal").fit(x, np.eye(5, dtype=int)[y] * 0 + 1)
    model = FFNNClassifier((), output="ordinal", epochs=2).fit(x, y)
    with pytest.raises(ValueError, match="explain needs a model with output='softmax'"):
        model.explain(x[0])
    with pytest.raises(AttributeError, match="cutpoints_"):
        FFNNClassifier((), epochs=1).fit(x, y).cutpoints_  # noqa: B018
    with pytest.raises(ValueError, match="output must be"):
        FFNNClassifier(output="order").fit(x, y)
