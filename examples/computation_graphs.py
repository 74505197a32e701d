"""Computation graphs: L = c(a + 2b), the chapter's two-layer network, and a variable used twice.

python examples/computation_graphs.py [DIRECTORY for the pictures]
"""

import sys
from pathlib import Path

import numpy as np

from pyffnn.autograd import (
    constant,
    exp,
    gradient_check,
    graph,
    linear,
    log,
    relu,
    sigmoid,
    variable,
)


def main(pictures: Path) -> None:
    a, b, c = variable(3, "a"), variable(1, "b"), variable(-2, "c")
    d = 2 * b
    e = a + d
    L = c * e
    d.name, e.name, L.name = "d", "e", "L"
    L.backward()
    print(graph(L).table())
    graph(L).plot(pictures / "graph.png", engine="matplotlib")

    two_layers(pictures / "graph_two_layers.png")

    x = variable(0.5, "x")
    y = x * x + exp(x) * x  # three ways from x to y: their derivatives add up
    y.backward()
    print(f"x used three times: dy/dx = {x.grad:.4f} = {2 * 0.5 + np.exp(0.5) * 1.5:.4f}")
    print(f"gradient check: error {gradient_check(lambda x: x * x + exp(x) * x, x):.1e}")


def two_layers(path: Path) -> None:
    """z1 = x W1 + b1, a1 = ReLU(z1), z2 = a1 W2 + b2, a2 = σ(z2), L = -log a2 for an example of class y = 1."""
    x, y = constant([1.0, 0.5], "x"), 1
    W1, b1 = variable([[0.4, -0.6], [0.2, 0.9]], "W1"), variable([0.1, 0.3], "b1")
    W2, b2 = variable([[0.7], [-0.5]], "W2"), variable([0.2], "b2")
    z1 = linear(x, W1, b1)
    a1 = relu(z1)
    z2 = linear(a1, W2, b2)
    a2 = sigmoid(z2)
    L = -log(a2)
    z1.name, a1.name, z2.name, a2.name, L.name = "z1", "a1", "z2", "a2", "L"
    L.backward()
    print(f"two layers: dL/dz2 = {z2.grad[0]:.4f}, a2 - y = {a2.value[0] - y:.4f}")
    np.testing.assert_allclose(z2.grad, a2.value - y)
    np.testing.assert_allclose(W2.grad, np.outer(a1.value, a2.value - y))
    np.testing.assert_allclose(W1.grad, np.outer(x.value, (W2.value @ z2.grad) * (z1.value > 0)))
    graph(L).plot(path, engine="matplotlib")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
