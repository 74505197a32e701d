"""A training step through computation graphs, 784-512-10, batch 128, float32: pyffnn.autograd against PyTorch eager.

    python benches/bench_autograd.py [--threads 1 2] [--rounds 15]

One process, both libraries pinned to the same thread count, rounds alternating; prints each median and the median of the ratios.
The step is forward, cross-entropy, backward and an SGD update of every weight and bias.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np

import pyffnn
from pyffnn.autograd import cross_entropy, linear, relu, variable

SIZES, BATCH, RATE, STEPS = (784, 512, 10), 128, 0.01, 20


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


def seconds(step: Callable[[], float]) -> float:
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - start) / STEPS


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15)
    args = parser.parse_args()
    print(
        f"pyffnn {pyffnn.__version__} ({pyffnn.isa()}), torch {torch.__version__}, numpy {np.__version__}, {pyffnn.config()['cpu']}"
    )
    steps = {
        "linear nodes": pyffnn_step(True),
        "operators": pyffnn_step(False),
        "torch": torch_step(),
    }
    trace = {name: [step() for _ in range(5)] for name, step in steps.items()}
    for name in ("linear nodes", "operators"):
        np.testing.assert_allclose(trace[name], trace["torch"], rtol=1e-4)
    for threads in args.threads:
        pyffnn.set_num_threads(threads)
        torch.set_num_threads(threads)
        rounds = [{name: seconds(step) for name, step in steps.items()} for _ in range(args.rounds)]
        for name in steps:
            ratio = statistics.median(r[name] / r["torch"] for r in rounds)
            print(
                f"threads {threads}  {name:13} {statistics.median(r[name] for r in rounds) * 1e3:7.3f} ms a step  {ratio:5.2f} x torch"
            )


if __name__ == "__main__":
    main()
