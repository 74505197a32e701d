"""Gradient descent watched: one update by hand, the same by the network and by `fit` with batches of 1, and learning curves.

python examples/gradient_descent.py [DIRECTORY for the pictures]
"""

import sys
from itertools import permutations
from pathlib import Path

import numpy as np

from pyffnn import FFNNClassifier, plot
from pyffnn.nn import SGD, FeedForward


def main(pictures: Path) -> None:
    one_step_of_the_book()
    one_epoch_by_hand_and_by_fit()
    curves(pictures / "learning_curves.png")


def one_step_of_the_book() -> None:
    """Two features x = [3, 2] (counts of positive and negative words), y = 1; all weights 0, η = 0.1."""
    x, y, w, b, rate = np.array([3.0, 2.0]), 1, np.zeros(2), 0.0, 0.1
    y_hat = 1 / (1 + np.exp(-(w @ x + b)))
    loss = -(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))
    gradient = np.append((y_hat - y) * x, y_hat - y)
    theta = np.append(w, b) - rate * gradient
    print(f"by hand:    ŷ = {y_hat}, L = {loss:.4f}, ∇L = {gradient}, θ = {theta.round(4)}")

    network = FeedForward([2, 1], output="sigmoid")
    network.weights[0][:] = 0
    watched = network.step(x, y, learning_rate=rate)
    theta_network = np.append(network.weights[0], network.biases[0])
    print(f"by network: L = {watched:.4f}, θ = {theta_network.round(4)}")
    assert np.allclose(theta, [0.15, 0.1, 0.05]) and np.allclose(theta_network, theta)


def one_epoch_by_hand_and_by_fit() -> None:
    """`fit` draws the order of the examples; with three of them it is one of six."""
    X, y = np.array([[3.0, 2.0], [0.0, 1.0], [1.0, 4.0]]), np.array([0, 2, 1])
    rate = 0.1

    def classifier(learning_rate: float) -> FFNNClassifier:
        return FFNNClassifier(
            (), optimizer=SGD(learning_rate), batch_size=1, epochs=1, l2=0.0, random_state=0
        ).fit(X, y)

    start = classifier(1e-30)  # too little to move a weight: where `fit` begins
    fitted = classifier(rate)
    for order in permutations(range(3)):
        W = start.coefs_[0].astype(np.float64)
        b = start.intercepts_[0].astype(np.float64)
        for i in order:
            e = np.exp(X[i] @ W + b)
            error = e / e.sum() - np.eye(3)[y[i]]  # ŷ - y
            W -= rate * np.outer(X[i], error)
            b -= rate * error
        if np.allclose(W, fitted.coefs_[0], atol=1e-6):
            assert np.allclose(b, fitted.intercepts_[0], atol=1e-6)
            print("one epoch of fit, batches of 1, is three updates by hand in the order", order)
            return
    raise AssertionError("no order of the examples gives the weights of fit")


def curves(path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(600) % 2
    angle = rng.uniform(0, np.pi, 600) + np.pi * y
    X = np.stack([np.cos(angle) + 0.5 * (2 * y - 1), np.sin(angle)], axis=1)
    X += rng.normal(0, 0.25, X.shape)
    histories = {}
    for rate in (0.01, 0.1, 1.0):
        model = FFNNClassifier(
            (16,), optimizer=SGD(rate), batch_size=20, epochs=40, l2=0.0, tol=None
        )
        histories[f"η = {rate:g}"] = model.fit(
            X[:400], y[:400], X_val=X[400:], y_val=y[400:]
        ).history_
        last = model.history_[-1]
        print(f"η = {rate:<4g} loss {last['loss']:.3f}, held out {last['val_accuracy']:.1%}")
    plot.learning_curve(histories, path, title="two half-moons, 16 ReLU units")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
