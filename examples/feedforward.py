"""Feedforward networks: logistic regression as one layer, two layers, n layers; batches; the bias as a dummy unit.

python examples/feedforward.py [DIRECTORY for the pictures]
"""

import sys
from pathlib import Path

import numpy as np

from pyffnn import ops, plot
from pyffnn.nn import FeedForward


def main(pictures: Path) -> None:
    z = [0.6, 1.1, -1.5, 1.2, 3.2, -1.1]
    print("softmax(z) =", ", ".join(f"{p:.2g}" for p in ops.softmax(z)))

    rng = np.random.default_rng(0)
    X = rng.standard_normal((5, 3))
    for sizes, output in (
        ([3, 1], "sigmoid"),  # binary logistic regression
        ([3, 4], "softmax"),  # multinomial logistic regression
        ([3, 5, 1], "sigmoid"),  # two layers, a scalar output
        ([3, 5, 4], "softmax"),  # two layers, a distribution
        ([3, 8, 6, 5, 4], "softmax"),  # n layers
    ):
        network = FeedForward(sizes, output=output)
        batch = network.forward(X)
        one_by_one = np.stack([network.forward(x) for x in X])
        folded = network.fold_bias()
        assert (batch == one_by_one).all() and (batch == folded.forward(X)).all()
        shapes = " ".join(str(w.shape) for w in network.weights)
        print(f"{network.n_layers} layers {sizes} -> {output}, weights {shapes}; ŷ {batch.shape}")

    points, classes = spiral(rng)
    network = FeedForward([2, 16, 3], random_state=1)
    losses = [network.step(points, classes, learning_rate=0.5) for _ in range(300)]
    accuracy = (network.forward(points).argmax(axis=1) == classes).mean()
    print(f"three classes: loss {losses[0]:.2f} -> {losses[-1]:.2f}, accuracy {accuracy:.0%}")
    plot.decision_boundary(
        network,
        points,
        classes,
        pictures / "three_classes.png",
        title="softmax over 16 ReLU units",
    )


def spiral(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three arms of a spiral."""
    classes = np.arange(240) % 3
    radius = rng.uniform(0.2, 2, 240)
    angle = radius * 1.6 + classes * 2 * np.pi / 3 + rng.normal(0, 0.18, 240)
    return radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1), classes


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
