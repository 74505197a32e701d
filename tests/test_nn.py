"""Units and feedforward networks: the chapter's numbers, equations against NumPy, gradients, errors."""

from __future__ import annotations

import itertools
from itertools import chain

import numpy as np
import pytest

from pyffnn import nn, ops
from pyffnn.nn import FeedForward, Unit

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
AND, OR, XOR = [0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 1, 0]


# Units


def test_unit_of_the_chapter() -> None:
    unit = Unit([0.2, 0.3, 0.9], 0.5, "sigmoid")
    x = [0.5, 0.6, 0.1]
    assert unit.z(x) == pytest.approx(0.87, abs=1e-15)
    assert f"{unit(x):.2f}" == "0.70"
    assert unit(x) == pytest.approx(1 / (1 + np.exp(-0.87)), rel=1e-14)


@pytest.mark.parametrize(
    ("activation", "f"),
    [
        ("sigmoid", lambda z: 1 / (1 + np.exp(-z))),
        ("tanh", np.tanh),
        ("relu", lambda z: np.maximum(z, 0)),
        ("step", lambda z: (z > 0) * 1.0),
        ("identity", lambda z: z),
    ],
)
def test_unit_activations_on_a_vector_and_on_a_batch(activation: str, f) -> None:
    rng = np.random.default_rng(0)
    w, x = rng.standard_normal(4), rng.standard_normal((9, 4))
    unit = Unit(w, -0.3, activation)
    np.testing.assert_allclose(unit(x), f(x @ w - 0.3), rtol=1e-13)
    assert [unit(row) for row in x] == unit(x).tolist()
    assert isinstance(unit(x[0]), float)


def test_and_and_or_by_hand() -> None:
    assert Unit([1, 1], -1, "step")(CORNERS).tolist() == AND
    assert Unit([1, 1], 0, "step")(CORNERS).tolist() == OR


def test_decision_boundary() -> None:
    assert Unit([1, 1], -1, "step").decision_boundary() == (-1, 1)
    rng = np.random.default_rng(1)
    unit = Unit(rng.standard_normal(2), rng.standard_normal(), "sigmoid")
    slope, intercept = unit.decision_boundary()
    x1 = rng.uniform(-3, 3, 10)
    np.testing.assert_allclose(
        unit(np.stack([x1, slope * x1 + intercept], axis=1)), 0.5, atol=1e-14
    )


def test_decision_boundary_errors() -> None:
    with pytest.raises(ValueError, match=r"vertical line x1 = 0\.5"):
        Unit([2, 0], -1).decision_boundary()
    with pytest.raises(ValueError, match="nowhere"):
        Unit([0, 0], -1).decision_boundary()
    with pytest.raises(ValueError, match="line for 2 inputs, this unit has 3"):
        Unit([1, 2, 3]).decision_boundary()


def test_unit_errors() -> None:
    with pytest.raises(ValueError, match=r"w must be a vector, got shape \(1, 2\)"):
        Unit([[1, 2]])
    with pytest.raises(ValueError, match=r"activation must be one of 'sigmoid'.*got 'softmax'"):
        Unit([1, 2], 0, "softmax")
    for x in ([1, 2, 3], 1.0, np.zeros((2, 3)), np.zeros((1, 1, 2))):
        with pytest.raises(ValueError, match="x must have 2 features"):
            Unit([1, 2])(x)


# XOR


def test_no_perceptron_on_a_grid_computes_xor() -> None:
    values = np.arange(-3, 3.25, 0.25)
    grid = np.array(list(itertools.product(values, values, values)))  # w1, w2, b
    outputs = FeedForward.from_layers([grid[:, :2].T], [grid[:, 2]], output="step").forward(CORNERS)
    right = (outputs == np.array(XOR)[:, None]).sum(axis=0)
    assert right.max() == 3
    assert (outputs == np.array(AND)[:, None]).all(axis=0).any()
    assert (outputs == np.array(OR)[:, None]).all(axis=0).any()


def test_logistic_regression_gets_at_most_3_of_4() -> None:
    for seed in range(5):
        net = FeedForward([2, 1], output="sigmoid", random_state=seed)
        for _ in range(500):
            net.step(CORNERS, XOR, 1.0)
        assert ((net.forward(CORNERS).ravel() > 0.5) == XOR).sum() <= 3


def chapter_xor() -> FeedForward:
    net = FeedForward([2, 2, 1], activation="relu", output="relu")
    net.weights[0][:], net.biases[0][:] = [[1, 1], [1, 1]], [0, -1]
    net.weights[1][:] = [[1], [-2]]
    return net


def test_hand_set_xor_and_its_hidden_space() -> None:
    x, h, y = chapter_xor().activations(CORNERS)
    assert x.tolist() == CORNERS.tolist()
    assert h.tolist() == [[0, 0], [1, 0], [1, 0], [2, 1]]
    assert y.ravel().tolist() == XOR


def test_xor_is_learned_from_9_of_10_seeds() -> None:
    learned = 0
    for seed in range(10):
        net = FeedForward([2, 4, 1], activation="tanh", output="sigmoid", random_state=seed)
        for _ in range(499):
            net.step(CORNERS, XOR, 1.0)
        learned += ((net.forward(CORNERS).ravel() > 0.5) == XOR).all()
    assert learned >= 9


# Feedforward networks


def test_softmax_of_the_chapter() -> None:
    z = [0.6, 1.1, -1.5, 1.2, 3.2, -1.1]
    net = FeedForward.from_layers([np.eye(6)])
    for y in (ops.softmax(z), net.forward(z)):
        assert [f"{v:.2g}" for v in y] == ["0.055", "0.09", "0.0067", "0.1", "0.74", "0.01"]
        assert y.sum() == pytest.approx(1, abs=1e-15)


def numpy_forward(net: FeedForward, X: np.ndarray) -> list[np.ndarray]:
    functions = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "relu": lambda z: np.maximum(z, 0),
        "identity": lambda z: z,
        "step": lambda z: (z > 0) * 1.0,
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True),
    }
    a = [X]
    for w, b, g in zip(net.weights, net.biases, (*net.activation, net.output), strict=True):
        a.append(functions[g](a[-1] @ w + b))
    return a


NETWORKS = [
    ([3, 1], (), "sigmoid"),  # binary logistic regression
    ([3, 4], (), "softmax"),  # multinomial logistic regression
    ([3, 5, 1], "relu", "sigmoid"),
    ([3, 5, 1], "tanh", "identity"),
    ([3, 5, 4], "sigmoid", "softmax"),
    ([3, 7, 6, 5, 4], ("relu", "tanh", "sigmoid"), "softmax"),
    ([3, 7, 2], "relu", "tanh"),
    ([3, 7, 2], ("identity",), "relu"),
    ([3, 7, 3], "relu", "sigmoid"),  # multi-label
]


def network(case, seed: int = 0, **kwargs) -> FeedForward:
    sizes, activation, output = case
    net = FeedForward(sizes, activation=activation, output=output, random_state=seed, **kwargs)
    rng = np.random.default_rng(seed + 1)
    for b in net.biases:
        b[:] = rng.uniform(-0.5, 0.5, b.shape)
    return net


def targets(net: FeedForward, m: int) -> np.ndarray:
    rng = np.random.default_rng(5)
    if net.output == "softmax":
        return rng.integers(0, net.sizes[-1], m)
    y = rng.uniform(0, 1, (m, net.sizes[-1]))
    return (y > 0.5) * 1.0 if net.output == "sigmoid" else y


@pytest.mark.parametrize("case", NETWORKS, ids=str)
def test_forward_against_numpy_on_batch_and_vector(case) -> None:
    net = network(case)
    X = np.random.default_rng(2).standard_normal((8, 3))
    for ours, expected in zip(net.activations(X), numpy_forward(net, X), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-14)
    y = net.forward(X)
    for i, x in enumerate(X):
        assert net.forward(x).tolist() == y[i].tolist()
        assert [v.shape for v in net.activations(x)] == [(n,) for n in net.sizes]


@pytest.mark.parametrize("case", NETWORKS, ids=str)
def test_loss_and_gradients_against_central_differences(case) -> None:
    net = network(case)
    X = np.random.default_rng(2).standard_normal((8, 3))
    y = targets(net, 8)
    out = net.forward(X)
    if net.output == "softmax":
        expected = -np.log(out[range(8), y]).mean()
        assert net.loss(X, np.eye(net.sizes[-1])[y]) == net.loss(X, y)  # one-hot rows
    elif net.output == "sigmoid":
        expected = -(y * np.log(out) + (1 - y) * np.log(1 - out)).mean()
    else:
        expected = ((out - y) ** 2).mean()
    assert net.loss(X, y) == pytest.approx(expected, rel=1e-12)

    gradients = net.gradients(X, y)
    assert [g.shape for g in gradients.weights] == [w.shape for w in net.weights]
    assert [g.shape for g in gradients.biases] == [b.shape for b in net.biases]
    for parameter, gradient in zip(
        net.weights + net.biases, gradients.weights + gradients.biases, strict=True
    ):
        for index in np.ndindex(parameter.shape):
            at = parameter[index]
            parameter[index] = at + 1e-6
            above = net.loss(X, y)
            parameter[index] = at - 1e-6
            below = net.loss(X, y)
            parameter[index] = at
            assert gradient[index] == pytest.approx((above - below) / 2e-6, abs=1e-8)


def test_gradients_against_pytorch() -> None:
    torch = pytest.importorskip("torch")
    net = network(([3, 7, 6, 4], ("relu", "tanh"), "softmax"))
    X, y = np.random.default_rng(2).standard_normal((8, 3)), targets(net, 8)
    W = [torch.tensor(w, requires_grad=True) for w in net.weights]
    b = [torch.tensor(v, requires_grad=True) for v in net.biases]
    h = torch.tanh(torch.relu(torch.tensor(X) @ W[0] + b[0]) @ W[1] + b[1])
    torch.nn.functional.cross_entropy(h @ W[2] + b[2], torch.tensor(y)).backward()
    for ours, theirs in zip(chain(*net.gradients(X, y)), W + b, strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", NETWORKS, ids=str)
def test_fold_bias_is_the_same_network(case) -> None:
    net = network(case)
    folded = net.fold_bias()
    X, y = np.random.default_rng(2).standard_normal((8, 3)), targets(net, 8)
    assert folded.biases == [] and folded.bias_folded and not net.bias_folded
    for w, b, f in zip(net.weights, net.biases, folded.weights, strict=True):
        assert f.shape == (w.shape[0] + 1, w.shape[1])
        assert f[0].tolist() == b.tolist() and f[1:].tolist() == w.tolist()
    for ours, theirs in zip(folded.activations(X), net.activations(X), strict=True):
        assert ours.tolist() == theirs.tolist()
    assert folded.forward(X[0]).tolist() == net.forward(X[0]).tolist()
    assert folded.loss(X, y) == pytest.approx(net.loss(X, y), rel=1e-13)
    gradients, plain = folded.gradients(X, y), net.gradients(X, y)
    assert gradients.biases == []
    for g, w, b in zip(gradients.weights, plain.weights, plain.biases, strict=True):
        np.testing.assert_allclose(g, np.vstack([b, w]), rtol=1e-11, atol=1e-14)
    with pytest.raises(ValueError, match="folded already"):
        folded.fold_bias()


def test_one_step_is_one_update_by_hand() -> None:
    """One example through softmax regression: L = -log ŷ_c, dL/dW = x (ŷ - y), W <- W - η dL/dW."""
    net = network(([3, 4], (), "softmax"))
    x, c, rate = np.array([1.0, -2.0, 0.5]), 2, 0.1
    w, b = net.weights[0].copy(), net.biases[0].copy()
    z = x @ w + b
    y_hat = np.exp(z) / np.exp(z).sum()
    error = y_hat - np.eye(4)[c]
    assert net.step(x, c, rate) == pytest.approx(-np.log(y_hat[c]), rel=1e-13)
    np.testing.assert_allclose(net.weights[0], w - rate * np.outer(x, error), rtol=1e-13)
    np.testing.assert_allclose(net.biases[0], b - rate * error, rtol=1e-12)
    assert net.loss(x, c) < -np.log(y_hat[c])
    folded = network(([3, 4], (), "softmax")).fold_bias()
    folded.step(x, c, rate)
    np.testing.assert_allclose(
        folded.weights[0], np.vstack([net.biases[0], net.weights[0]]), rtol=1e-12
    )


def test_logistic_regression_agrees_with_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3))
    y = (X @ [1.0, -2.0, 0.5] + 0.3 + rng.logistic(size=300) > 0).astype(int)
    net = FeedForward([3, 1], output="sigmoid")
    for _ in range(3000):
        net.step(X, y, 2.0)
    theirs = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(net.weights[0][:, 0], theirs.coef_[0], atol=1e-3)
    np.testing.assert_allclose(net.biases[0], theirs.intercept_, atol=1e-3)
    np.testing.assert_allclose(net.forward(X)[:, 0], theirs.predict_proba(X)[:, 1], atol=1e-3)

    y = np.digitize(X @ [1.0, -2.0, 0.5] + rng.logistic(size=300), [-1.0, 1.0])
    net = FeedForward([3, 3])
    for _ in range(3000):
        net.step(X, y, 2.0)
    theirs = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(net.forward(X), theirs.predict_proba(X), atol=1e-3)


def test_weights_are_live_and_may_be_replaced() -> None:
    net = network(([2, 2, 1], "relu", "identity"))
    before = net.forward([1, 2])
    net.weights[0][0, 0] += 1
    net.biases[1][0] += 5
    assert net.forward([1, 2]) != before
    net.weights[0] = [[1, 0], [0, 1]]
    np.testing.assert_allclose(
        net.activations([1, 2])[1], np.maximum(np.array([1, 2]) + net.biases[0], 0)
    )


def test_float32_networks() -> None:
    net = network(([3, 5, 4], "tanh", "softmax"), dtype="float32")
    X = np.random.default_rng(2).standard_normal((8, 3)).astype(np.float32)
    assert {a.dtype for a in (*net.activations(X), *chain(*net.gradients(X, [0] * 8)))} == {
        np.dtype("float32")
    }
    wide = FeedForward.from_layers(net.weights, net.biases, activation="tanh")
    np.testing.assert_allclose(net.forward(X), wide.forward(X), rtol=1e-5)
    net.step(X, [0] * 8, 0.1)
    assert net.weights[0].dtype == np.float32


def test_the_seed_decides() -> None:
    one, same, other = (FeedForward([4, 5, 3], random_state=s) for s in (1, 1, 2))
    assert one.weights[0].tolist() == same.weights[0].tolist() != other.weights[0].tolist()


def test_initialisers_keep_within_their_bounds() -> None:
    rng = np.random.default_rng(0)
    for f, limit in ((nn.he_uniform, (6 / 300) ** 0.5), (nn.glorot_uniform, (6 / 500) ** 0.5)):
        w = f(rng, 300, 200)
        assert w.shape == (300, 200) and abs(w).max() <= limit
        assert w.std() == pytest.approx(limit / 3**0.5, rel=0.02)


def test_optimizers_and_schedules_are_here_too() -> None:
    assert nn.SGD(0.1, momentum=0.9) and nn.Adagrad(0.05) and nn.Adam(1e-3, (0.9, 0.999), 1e-8)
    assert nn.linear_decay(0.1)(0.5) == pytest.approx(0.05)
    assert nn.constant(0.1)(0.5) == nn.cosine(0.1)(0.0) == 0.1


# Errors


def test_misfits_name_the_layer_and_both_shapes() -> None:
    net = FeedForward([3, 5, 4])
    with pytest.raises(
        ValueError, match=r"layer 1 takes X of shape \(8, 2\).*weights have shape \(3, 5\)"
    ):
        net.forward(np.zeros((8, 2)))
    with pytest.raises(
        ValueError, match=r"layer 1 takes X of shape \(2,\).*weights have shape \(3, 5\)"
    ):
        net.gradients(np.zeros(2), 1)
    net.weights[1] = np.zeros((6, 4))
    with pytest.raises(
        ValueError,
        match=r"layer 2 takes the 5 units of layer 1, shape \(8, 5\).*weights have shape \(6, 4\)",
    ):
        net.forward(np.zeros((8, 3)))
    net.weights[1] = np.zeros((5, 4))
    net.biases[1] = np.zeros(3)
    with pytest.raises(
        ValueError,
        match=r"layer 2: biases must have shape \(4,\) beside weights of shape \(5, 4\), got \(3,\)",
    ):
        net.forward(np.zeros(3))
    with pytest.raises(
        ValueError,
        match=r"layer 2 takes the 5 units of layer 1, shape \(5,\).*weights have shape \(6, 4\)",
    ):
        FeedForward.from_layers([np.zeros((3, 5)), np.zeros((6, 4))])
    with pytest.raises(
        ValueError, match=r"layer 2: weights must have shape \(n_in, n_out\), got \(6,\)"
    ):
        FeedForward.from_layers([np.zeros((3, 5)), np.zeros(6)])
    with pytest.raises(
        ValueError,
        match=r"X must be a vector \(n_in,\) or a batch \(m, n_in\), got shape \(1, 1, 3\)",
    ):
        net.forward(np.zeros((1, 1, 3)))
    folded = FeedForward([3, 4]).fold_bias()
    with pytest.raises(ValueError, match=r"less the row of biases.*weights have shape \(4, 4\)"):
        folded.forward(np.zeros(4))


def test_targets_that_do_not_fit() -> None:
    X = np.zeros((8, 3))
    softmax, sigmoid = FeedForward([3, 4]), FeedForward([3, 2], output="sigmoid")
    with pytest.raises(ValueError, match=r"y must be 8 class ids"):
        softmax.loss(X, [0, 1])
    with pytest.raises(ValueError, match=r"one-hot rows of shape \(8, 4\)"):
        softmax.loss(X, np.full((8, 4), 0.25))
    with pytest.raises(IndexError):
        softmax.loss(X, [4] * 8)
    with pytest.raises(ValueError, match=r"y must have the output's shape \(8, 2\), got \(8,\)"):
        sigmoid.loss(X, [0] * 8)
    with pytest.raises(ValueError, match="layer 1 has the step activation"):
        FeedForward([3, 4, 2], activation="step").gradients(X, [0] * 8)
    with pytest.raises(ValueError, match="layer 2 has the step activation"):
        FeedForward([3, 4, 2], output="step").loss(X, np.zeros((8, 2)))


def test_wrong_arguments() -> None:
    for sizes in ([3], [], [3, 0], [-1, 2]):
        with pytest.raises(ValueError, match="sizes must be at least two positive numbers"):
            FeedForward(sizes)
    with pytest.raises(ValueError, match="activation must be one of"):
        FeedForward([3, 2, 2], activation="softmax")
    with pytest.raises(ValueError, match="activation must be one of"):
        FeedForward([3, 2], activation="gelu")
    with pytest.raises(ValueError, match="one for each of the 2 hidden layers"):
        FeedForward([3, 2, 2, 2], activation=["relu"])
    with pytest.raises(ValueError, match="output must be one of"):
        FeedForward([3, 2], output="argmax")
    with pytest.raises(TypeError, match="dtype must be float32 or float64"):
        FeedForward([3, 2], dtype="int64")


def test_sizes_and_weights_that_are_none_are_named():
    for sizes in (
        [2.7, 3],
        ["a", 2],
        "34",
        b"34",
        None,
        5,
        [True, 2],
        [2, np.nan],
        [[2, 3], [4, 5]],
    ):
        with pytest.raises(
            TypeError, match=r"^sizes must be whole numbers \(inputs, ..., outputs\), got "
        ):
            FeedForward(sizes)
    assert FeedForward(np.array([2, 3])).sizes == (2, 3)
    for activation in (None, 3, 1.5):
        with pytest.raises(ValueError, match=r"^activation must be one of .* got "):
            FeedForward([2, 2, 2], activation=activation)
    for seed in (-1, 1.5, "x", object()):
        with pytest.raises(
            (ValueError, TypeError), match=r"^random_state must be None, an integer"
        ):
            FeedForward([2, 2], random_state=seed)
    for w in ("x", None, [1, "a"], [[1], [1, 2]], [1j], [object()]):
        with pytest.raises(ValueError, match=r"^w must be numbers, got "):
            Unit(w)
    with pytest.raises(ValueError, match=r"w must be a vector, got shape \(0,\)"):
        Unit([])
    for b in ("x", None, object()):
        with pytest.raises(ValueError, match=r"^b must be numbers, got "):
            Unit([1.0], b)
    with pytest.raises(ValueError, match=r"b must be one number, got shape \(2,\)"):
        Unit([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match=r"^x must be numbers, got "):
        Unit([1.0, 2.0])("ab")
