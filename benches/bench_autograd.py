"""A training step through computation graphs, 784-512-10, batch 128, float32: pyffnn.autograd against PyTorch eager.

    python benches/bench_autograd.py [--threads 1 2] [--seconds 3] [--json benches/results]

The step is forward, cross-entropy, backward and an SGD update of every weight and bias, with `linear` nodes or with operators.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from pyffnn.autograd import cross_entropy, linear, relu, variable
from pyffnn.bench import script
from pyffnn.bench.timing import Call

SIZES, BATCH, RATE = (784, 512, 10), 128, 0.01
GROUP = "computation graph against PyTorch eager"


def data() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = []
    for n_in, n_out in pairwise(SIZES):
        arrays += [
            (rng.standard_normal((n_in, n_out)) / n_in**0.5).astype(np.float32),
            np.zeros(n_out, np.float32),
        ]
    return (
        arrays,
        rng.standard_normal((BATCH, SIZES[0])).astype(np.float32),
        rng.integers(0, SIZES[-1], BATCH),
    )


def pyffnn_step(fused: bool) -> Callable[[], float]:
    arrays, x, y = data()
    w1, b1, w2, b2 = parameters = [variable(a) for a in arrays]

    def step() -> float:
        if fused:
            loss = cross_entropy(linear(linear(x, w1, b1, activation="relu"), w2, b2), y)
        else:
            loss = cross_entropy(relu(x @ w1 + b1) @ w2 + b2, y)
        loss.backward()
        for p in parameters:
            p.value -= RATE * p.grad
        return loss.item()

    return step


def torch_step() -> Callable[[], float]:
    import torch

    arrays, x, y = data()
    w1, b1, w2, b2 = parameters = [torch.tensor(a, requires_grad=True) for a in arrays]
    x, y = torch.tensor(x), torch.tensor(y)
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(torch.relu(x @ w1 + b1) @ w2 + b2, y)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def contenders(fused: bool) -> dict[str, Call]:
    """Both have learned the same after five steps."""
    steps = {"pyffnn": pyffnn_step(fused), "torch": torch_step()}
    ours, theirs = ([step() for _ in range(5)] for step in steps.values())
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    return dict(steps)


def main() -> None:
    args = script.parser(__doc__).parse_args()
    cases = {"linear nodes": lambda: contenders(True), "operators": lambda: contenders(False)}
    for session in script.sessions("bench_autograd", args):
        session.group(GROUP, cases, sample=0.02)


if __name__ == "__main__":
    main()
