"""Units: the chapter's sigmoid unit, the activations, and perceptrons that compute AND and OR.

python examples/units.py [DIRECTORY for the pictures]
"""

import sys
from pathlib import Path

import numpy as np

from pyffnn import plot
from pyffnn.nn import Unit

CORNERS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])


def main(pictures: Path) -> None:
    w, b, x = [0.2, 0.3, 0.9], 0.5, [0.5, 0.6, 0.1]
    unit = Unit(w, b, "sigmoid")
    print(f"z = w . x + b = {unit.z(x):.2f}")
    for activation in ("sigmoid", "tanh", "relu", "step"):
        print(f"{activation:8} y = {Unit(w, b, activation)(x):.2f}")

    for name, perceptron, target in (
        ("AND", Unit([1, 1], -1, "step"), [0, 0, 0, 1]),
        ("OR", Unit([1, 1], 0, "step"), [0, 1, 1, 1]),
    ):
        outputs = perceptron(CORNERS)
        slope, intercept = perceptron.decision_boundary()
        print(f"{name:3} {outputs}  boundary: x2 = {slope:g} x1 + {intercept:g}")
        assert outputs.tolist() == target
        plot.decision_boundary(
            perceptron, CORNERS, target, pictures / f"{name.lower()}.png", title=name
        )
    draw_activations(pictures / "activations.png")


def draw_activations(path: Path) -> None:
    from matplotlib.figure import Figure

    z = np.linspace(-4, 4, 401)
    figure = Figure(figsize=(8.4, 2.4), layout="constrained")
    for axes, name in zip(figure.subplots(1, 4), ("sigmoid", "tanh", "relu", "step"), strict=True):
        axes.plot(z, Unit([1.0], 0.0, name)(z[:, None]), color="#3b6fb6")
        axes.set(title=name, xlabel="z")
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
