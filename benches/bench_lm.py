"""Training steps of the language model against PyTorch on the same machine, side by side in one process.

    python benches/bench_lm.py [--threads 1 2] [--only base] [--precisions float32 auto bfloat16] [--seconds 3] [--json benches/results]

The model is the plain one: N word embeddings end to end, one tanh layer, softmax. PyTorch runs eagerly in float32; its Adam is the fused
one. Against our "bfloat16" it runs with `set_float32_matmul_precision("medium")`, its fastest. The bf16 modes, and "auto" beside
"float32", are measured on machines with AMX alone.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pyffnn
from pyffnn.bench import peers, script
from pyffnn.bench.timing import Call, Spent
from pyffnn.net import Examples, Network, Runs, Targets

GROUP = "language-model step against PyTorch eager"
SHAPES = {
    "small": {"vocab": 2_000, "context": 4, "dim": 50, "hidden": 128, "batch": 64},
    "base": {"vocab": 10_000, "context": 4, "dim": 100, "hidden": 500, "batch": 256},
    "large": {"vocab": 50_000, "context": 4, "dim": 100, "hidden": 500, "batch": 256},
}
# Steps a call: together some tens of milliseconds.
STEPS = {"small": 20, "base": 1, "large": 1}
OPTIMIZERS = {"SGD": "sgd", "Adam": "adam"}
WANTS = {("base", "SGD"): 1.35, ("base", "Adam"): 1.45}


def stream(shape: dict[str, int]) -> Any:
    """Ids that follow Zipf's law, as words do."""
    p = 1 / np.arange(1, shape["vocab"] + 1)
    rng = np.random.default_rng(0)
    return rng.choice(shape["vocab"], 200_000, p=p / p.sum()).astype(np.int32)


def ours(shape: dict[str, int], optimizer: str, threads: int, precision: str, count: int) -> Call:
    vocab = shape["vocab"]
    network = Network(
        {
            "input": "windows",
            "rows": vocab,
            "n_outputs": vocab,
            "output": "vocabulary",
            "context": shape["context"],
            "dim": shape["dim"],
            "hidden": [shape["hidden"]],
            "activation": "tanh",
            "precision": precision,
            "optimizer": optimizer,
        }
    )
    network.initialise(0)
    rng = np.random.default_rng(1)
    ids = stream(shape)
    examples, targets = Examples.stream(ids, vocab), Targets.classes(ids, vocab)
    batch, rate = shape["batch"], 1e-3 if optimizer == "adam" else 0.1

    def steps() -> Spent:
        starts = rng.integers(10, len(ids), count * batch)
        runs = Runs(starts, np.ones_like(starts), np.arange(count + 1) * batch)
        begin = time.perf_counter()
        network.train(examples, targets, runs, batch, np.full(count, rate), threads)
        return Spent(time.perf_counter() - begin)

    return steps


def torch_steps(shape: dict[str, int], optimizer: str, precision: str, count: int) -> Call:
    import torch
    from torch import nn

    torch.set_float32_matmul_precision("medium" if precision == "bfloat16" else "highest")
    torch.manual_seed(0)
    n, d, h, vocab = shape["context"], shape["dim"], shape["hidden"], shape["vocab"]
    net = nn.Sequential(
        nn.Embedding(vocab, d), nn.Flatten(), nn.Linear(n * d, h), nn.Tanh(), nn.Linear(h, vocab)
    )
    if optimizer == "adam":
        opt: Any = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    else:
        opt = torch.optim.SGD(net.parameters(), lr=0.1)
    loss_of = nn.CrossEntropyLoss()
    ids = torch.from_numpy(stream(shape).astype(np.int64))
    rng = np.random.default_rng(1)

    def steps() -> Spent:
        starts = torch.from_numpy(rng.integers(10, len(ids), (count, shape["batch"])))
        windows = torch.arange(-n, 0)
        begin = time.perf_counter()
        for row in starts:
            opt.zero_grad(set_to_none=True)
            loss = loss_of(net(ids[row[:, None] + windows]), ids[row])
            loss.backward()
            opt.step()
        return Spent(time.perf_counter() - begin)

    return steps


def contenders(name: str, optimizer: str, precision: str, threads: int) -> Callable[[], dict[str, Call]]:  # fmt: skip
    def made() -> dict[str, Call]:
        shape, count = SHAPES[name], STEPS[name]
        calls = {"pyffnn": ours(shape, optimizer, threads, precision, count)}
        if peers.find("torch"):
            calls["torch"] = torch_steps(shape, optimizer, precision, count)
        return calls

    return made


def main() -> None:
    parser = script.parser(__doc__)
    amx = "amx" in pyffnn.available_isas()
    parser.add_argument(
        "--precisions",
        nargs="+",
        default=["float32", "auto", "bfloat16"] if amx else ["float32"],
        choices=("float32", "auto", "bfloat16x3", "bfloat16"),
    )
    args = parser.parse_args()
    if not amx and args.precisions != ["float32"]:
        parser.error(f"--precisions needs AMX: {pyffnn.config()['amx']}")
    for session in script.sessions("bench_lm", args):
        rows = []
        for name, optimizer, precision in itertools.product(SHAPES, OPTIMIZERS, args.precisions):
            case, shape = f"{name}, {optimizer}, {precision}", SHAPES[name]
            if not session.wanted(GROUP, case):
                continue
            flops = shape["hidden"] * (shape["vocab"] + shape["context"] * shape["dim"])
            row = session.time(
                case,
                contenders(name, OPTIMIZERS[optimizer], precision, session.threads),
                per=STEPS[name],
                flops=6 * shape["batch"] * flops,
                want=WANTS.get((name, optimizer)) if precision == "float32" else None,
            )
            session.report(row)
            rows.append(row)
        session.write(GROUP, rows)


if __name__ == "__main__":
    main()
