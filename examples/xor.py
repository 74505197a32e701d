"""XOR: out of reach for one unit, solved by two layers set by hand, and learned.

python examples/xor.py [DIRECTORY for the pictures]
"""

import itertools
import sys
from pathlib import Path

import numpy as np

from pyffnn import plot
from pyffnn.nn import FeedForward, Unit

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([0, 1, 1, 0])


def main(pictures: Path) -> None:
    no_perceptron()
    no_logistic_regression()

    network = by_hand()
    h, output = network.activations(X)[1:]
    print("by hand: h =", h.tolist(), " y =", output.ravel().tolist())
    assert output.ravel().tolist() == y.tolist()
    plot.hidden_space(network, X, y, pictures / "xor_by_hand.png")

    learned = [seed for seed in range(10) if solves(train(seed)[0])]
    print(f"learned from {len(learned)} of 10 seeds in 400 epochs")
    network, losses = train(learned[0])
    print("learned: y =", network.forward(X).ravel().round(2).tolist())
    plot.decision_boundary(
        network, X, y, pictures / "xor_learned.png", title="XOR, learned by 4 tanh units"
    )
    plot.learning_curve(losses, pictures / "xor_loss.png", title="learning XOR")


def no_perceptron() -> None:
    values = np.arange(-2, 2.01, 0.25)
    best = max(
        (Unit([w1, w2], b, "step")(X) == y).sum()
        for w1, w2, b in itertools.product(values, values, values)
    )
    print(f"{len(values) ** 3} perceptrons: the best gets {best} of 4")
    assert best == 3


def no_logistic_regression() -> None:
    network = FeedForward([2, 1], output="sigmoid")
    for _ in range(500):
        network.step(X, y, learning_rate=1.0)
    right = ((network.forward(X).ravel() > 0.5) == y).sum()
    print(f"logistic regression gets {right} of 4, y = {network.forward(X).ravel().round(3)}")
    assert right <= 3


def by_hand() -> FeedForward:
    network = FeedForward([2, 2, 1], activation="relu", output="relu")
    network.weights[0][:] = [[1, 1], [1, 1]]
    network.biases[0][:] = [0, -1]
    network.weights[1][:] = [[1], [-2]]
    return network


def train(seed: int) -> tuple[FeedForward, list[float]]:
    network = FeedForward([2, 4, 1], activation="tanh", output="sigmoid", random_state=seed)
    losses = [network.step(X, y, learning_rate=1.0) for _ in range(400)]
    return network, losses


def solves(network: FeedForward) -> bool:
    return bool(((network.forward(X).ravel() > 0.5) == y).all())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
