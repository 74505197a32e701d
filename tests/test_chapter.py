"""The calls of docs/chapter.md: each gives what its equation, written out in NumPy, gives."""

from __future__ import annotations

import numpy as np
import pytest

from pyffnn import FFNNClassifier, LanguageModel, nn, ops
from pyffnn import autograd as ag

RNG = np.random.default_rng(0)
X, W, B, U = (RNG.standard_normal(s) for s in ((6, 3), (3, 4), 4, (4, 5)))


def sigma(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)


def close(ours, theirs) -> None:
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_units() -> None:
    w, b, x = W[:, 0], 0.3, X[0]
    close(nn.Unit(w, b).z(x), b + sum(wi * xi for wi, xi in zip(w, x, strict=True)))
    close(nn.Unit(w, b, "sigmoid")(x), sigma(w @ x + b))
    z = RNG.standard_normal(50)
    close(ops.sigmoid(z), sigma(z))
    close(ops.tanh(z), (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)))
    close(ops.relu(z), np.maximum(z, 0))


def test_the_xor_problem() -> None:
    w, b = np.array([2.0, -1.0]), 0.5
    unit = nn.Unit(w, b, "step")
    x = RNG.standard_normal((50, 2))
    assert unit(x).tolist() == [0 if w @ v + b <= 0 else 1 for v in x]
    close(unit.decision_boundary(), (-w[0] / w[1], -b / w[1]))
    corners = [[0, 0], [0, 1], [1, 0], [1, 1]]
    network = nn.FeedForward.from_layers(
        [[[1, 1], [1, 1]], [[1], [-2]]], [[0, -1], [0]], output="relu"
    )
    assert network.activations(corners)[-1].ravel().tolist() == [0, 1, 1, 0]


def test_feedforward_networks() -> None:
    h = ops.linear(X, W, B, activation="sigmoid")
    close(h, sigma(X @ W + B))
    close(ops.matmul(h, U), h @ U)
    close(ops.softmax(h @ U), softmax(h @ U))
    network = nn.FeedForward.from_layers([W, U], [B, np.zeros(5)], activation="sigmoid")
    close(network.forward(X), softmax(sigma(X @ W + B) @ U))
    for ours, theirs in zip(network.activations(X), (X, h, softmax(h @ U)), strict=True):
        close(ours, theirs)
    with_dummy = np.hstack([np.ones((6, 1)), X])
    folded = network.fold_bias()
    close(folded.activations(X)[1], sigma(with_dummy @ folded.weights[0]))
    linear = nn.FeedForward.from_layers([W, U], [B, U[0]], activation="identity", output="identity")
    close(linear.forward(X), X @ (W @ U) + (B @ U + U[0]))


def test_classification() -> None:
    y = [0, 1, 2, 0, 1, 2]
    model = FFNNClassifier((4,), activation="sigmoid", epochs=3).fit(X, y)
    (w, u), (b, c) = model.coefs_, model.intercepts_
    expected = softmax(sigma(X @ w + b) @ u + c)
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-5)
    network = nn.FeedForward.from_layers([w, u], [b, c], activation="sigmoid")
    np.testing.assert_allclose(network.forward(X), expected, rtol=1e-12)


def test_xor_is_learned_by_fit_from_9_of_10_seeds() -> None:
    corners, xor = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]
    learned = 0
    for seed in range(10):
        model = FFNNClassifier(
            (4,), activation="tanh", learning_rate=0.1, epochs=499, batch_size=4, random_state=seed
        )
        learned += (model.fit(corners, xor).predict(corners) == xor).all()
    assert learned >= 9
    # One unit cannot.
    assert FFNNClassifier((), epochs=499).fit(corners, xor).score(corners, xor) <= 0.75


def test_embeddings_as_the_input() -> None:
    E, ids = RNG.standard_normal((7, 4)), np.array([3, 0, 6])
    close(ops.embedding(E, ids), np.eye(7)[ids] @ E)
    close(ops.mean_pool(E, ids, [0, 3]), [sum(E[i] for i in ids) / 3])
    close(ops.embedding(E, [ids]).reshape(1, -1), [np.concatenate([E[i] for i in ids])])


def test_neural_language_model() -> None:
    corpus = [["a", "b", "c", "d"], ["c", "b", "d", "a"]] * 10
    model = LanguageModel(
        context=3, embedding_dim=4, hidden_layer_sizes=(5,), activation="sigmoid",
        distant_kernels=0, residual=False, layer_norm=False, tie_embeddings=False, epochs=2,
    ).fit(corpus)  # fmt: skip
    words = model.next_words(["a", "b", "c"], k=len(model.vocabulary_))
    assert sum(p for _, p in words) == pytest.approx(1, rel=1e-5)
    log_prob = model.log_prob([w for sentence in corpus for w in sentence])
    assert model.perplexity(corpus) == pytest.approx(np.exp(-log_prob.mean()), rel=1e-5)


def test_training() -> None:
    z, y = RNG.standard_normal(6), np.array([1.0, 0, 0, 1, 1, 0])
    y_hat = sigma(z)
    close(
        ops.binary_cross_entropy(z, y)[0],
        np.mean(-(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))),
    )
    scores, c = X @ W, 2
    for row in scores:
        close(ops.cross_entropy(row[None], [c])[0], -np.log(softmax(row)[c]))
        close(-ops.log_softmax(row)[c], -np.log(np.exp(row[c]) / np.exp(row).sum()))

    x = X[0]
    logistic = nn.FeedForward.from_layers([W[:, :1]], [B[:1]], output="sigmoid")
    close(logistic.gradients(x, 1).weights[0][:, 0], (sigma(x @ W[:, 0] + B[0]) - 1) * x)
    multinomial = nn.FeedForward.from_layers([W], [B])
    y_hat = softmax(x @ W + B)
    gradient = multinomial.gradients(x, c)
    for k in range(4):
        close(gradient.weights[0][:, k], -((k == c) - y_hat[k]) * x)
    multinomial.step(x, c, 0.1)
    close(multinomial.weights[0], W - 0.1 * gradient.weights[0])
    close(multinomial.biases[0], B - 0.1 * gradient.biases[0])


def test_derivatives_of_the_activations() -> None:
    z = RNG.standard_normal(20)
    one = np.ones_like(z)
    close(ops.sigmoid_backward(one, ops.sigmoid(z)), sigma(z) * (1 - sigma(z)))
    close(ops.tanh_backward(one, ops.tanh(z)), 1 - np.tanh(z) ** 2)
    assert ops.relu_backward(one, ops.relu(z)).tolist() == (z > 0).astype(float).tolist()
    assert ops.relu_backward(1.0, ops.relu(0.0)) == 0
    for f, slope in ((ops.sigmoid_backward, 0.25), (ops.tanh_backward, 0.75)):
        close(f(1.0, 0.5), slope)


def test_computation_graph() -> None:
    a, b, c = ag.variable(3), ag.variable(1), ag.variable(-2)
    L = c * (a + 2 * b)
    L.backward()
    assert (L.value, a.grad, b.grad, c.grad) == (-10, c.value, 2 * c.value, a.value + 2 * b.value)
    assert ag.gradient_check(lambda a, b, c: c * (a + 2 * b), [a, b, c]) < 1e-8
