"""Fused training steps: one epoch of a dense network with each optimizer.

pytest benches/bench_steps.py
"""

from __future__ import annotations

import numpy as np
import pytest

from pyffnn.net import Examples, Network, Targets

NETWORKS = {"100-100-10": (200, 20), "784-512-512-10": (128, 4)}


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "adam"])
@pytest.mark.parametrize("sizes", NETWORKS)
def test_epoch(benchmark, sizes, optimizer):
    batch, steps = NETWORKS[sizes]
    first, *hidden, last = map(int, sizes.split("-"))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((batch * steps, first)).astype(np.float32)
    y = rng.integers(0, last, len(X))
    network = Network(
        {"input": "dense", "n_inputs": first, "hidden": hidden, "n_outputs": last, "loss": "softmax",
         "activation": "relu", "optimizer": optimizer}
    )  # fmt: skip
    network.initialise(0)
    order, rates = np.arange(len(X)), np.full(steps, 1e-3)
    benchmark.group = f"{sizes}, batch {batch}, {steps} steps"
    examples, targets = Examples.dense(X), Targets.classes(y, last)
    benchmark(lambda: network.train(examples, targets, order, batch, rates))
