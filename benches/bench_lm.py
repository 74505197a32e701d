"""Training steps of the language model against PyTorch on the same machine, side by side in one process.

    python benches/bench_lm.py [--threads 1 2] [--shapes small base large] [--precisions float32 auto bfloat16]
        [--seconds 3] [--json FILE]

Each round times a few steps of ours and of PyTorch in turn; figures are medians over the rounds, and the ratio is the median
of the rounds' ratios, so that a busy neighbour hits both. PyTorch runs eagerly in float32 with its own threads set to the
same number; its Adam is the fused one. Against our "bfloat16" it runs with `set_float32_matmul_precision("medium")`, its
fastest. The bf16 modes, and "auto" beside "float32", are measured on machines with AMX alone. The model is the plain one:
N word embeddings end to end, one tanh layer, softmax.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import pyffnn
from pyffnn.net import Examples, Network, Runs, Targets

SHAPES = {
    "small": {"vocab": 2_000, "context": 4, "dim": 50, "hidden": 128, "batch": 64},
    "base": {"vocab": 10_000, "context": 4, "dim": 100, "hidden": 500, "batch": 256},
    "large": {"vocab": 50_000, "context": 4, "dim": 100, "hidden": 500, "batch": 256},
}


def stream(shape: dict[str, int]) -> Any:
    """Ids that follow Zipf's law, as words do."""
    p = 1 / np.arange(1, shape["vocab"] + 1)
    rng = np.random.default_rng(0)
    return rng.choice(shape["vocab"], 200_000, p=p / p.sum()).astype(np.int32)


def ours(
    shape: dict[str, int], optimizer: str, threads: int, precision: str = "float32"
) -> Callable[[int], float]:
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

    def steps(count: int) -> float:
        starts = rng.integers(10, len(ids), count * batch)
        runs = Runs(starts, np.ones_like(starts), np.arange(count + 1) * batch)
        begin = time.perf_counter()
        network.train(examples, targets, runs, batch, np.full(count, rate), threads)
        return (time.perf_counter() - begin) / count

    return steps


def torch_steps(shape: dict[str, int], optimizer: str) -> Callable[[int], float]:
    import torch
    from torch import nn

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

    def steps(count: int) -> float:
        starts = torch.from_numpy(rng.integers(10, len(ids), (count, shape["batch"])))
        windows = torch.arange(-n, 0)
        begin = time.perf_counter()
        for row in starts:
            opt.zero_grad(set_to_none=True)
            loss = loss_of(net(ids[row[:, None] + windows]), ids[row])
            loss.backward()
            opt.step()
        return (time.perf_counter() - begin) / count

    return steps


def versions() -> dict[str, Any]:
    info: dict[str, Any] = {"pyffnn": pyffnn.__version__, "isa": pyffnn.isa()}
    info["cpu"] = pyffnn.config().get("cpu", "")
    info["numpy"] = np.__version__
    try:
        import torch

        info["torch"] = torch.__version__
    except ImportError:
        info["torch"] = None
    return info


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--shapes", nargs="+", default=list(SHAPES), choices=list(SHAPES))
    parser.add_argument("--optimizers", nargs="+", default=["sgd", "adam"])
    amx = "amx" in pyffnn.available_isas()
    parser.add_argument(
        "--precisions",
        nargs="+",
        default=["float32", "auto", "bfloat16"] if amx else ["float32"],
        choices=("float32", "auto", "bfloat16x3", "bfloat16"),
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="time a row")
    parser.add_argument("--json")
    args = parser.parse_args()
    if not amx and args.precisions != ["float32"]:
        parser.error(f"--precisions needs AMX: {pyffnn.config()['amx']}")
    info = versions()
    print(info)
    rows = []
    alone: dict[tuple[str, ...], float] = {}
    for threads in args.threads:
        for name in args.shapes:
            for optimizer, precision in itertools.product(args.optimizers, args.precisions):
                shape = SHAPES[name]
                mine = ours(shape, optimizer, threads, precision)
                peer = None
                if info["torch"]:
                    import torch

                    torch.set_num_threads(threads)
                    half = precision == "bfloat16"
                    torch.set_float32_matmul_precision("medium" if half else "highest")
                    peer = torch_steps(shape, optimizer)
                once = mine(2)
                if peer:
                    once += peer(2)
                count = max(1, int(0.08 / once))
                rounds = max(3, int(args.seconds / (count * once)))
                own, other = [], []
                for _ in range(rounds):
                    # the pause lets the other side's waiting threads go to sleep, the untimed step wakes one's own
                    time.sleep(0.02)
                    mine(1)
                    own.append(mine(count))
                    if peer:
                        time.sleep(0.02)
                        peer(1)
                        other.append(peer(count))
                row: dict[str, Any] = {"shape": name, "optimizer": optimizer, "threads": threads}
                row["precision"] = precision
                row["ms"] = 1e3 * statistics.median(own)
                if peer:
                    row["torch_ms"] = 1e3 * statistics.median(other)
                    pairs = zip(own, other, strict=True)
                    row["ratio"] = statistics.median(b / a for a, b in pairs)
                key = (name, optimizer, precision)
                row["speedup_over_first_thread_count"] = (
                    alone.setdefault(key, row["ms"]) / row["ms"]
                )
                flops = (
                    6
                    * shape["batch"]
                    * (shape["hidden"] * (shape["vocab"] + shape["context"] * shape["dim"]))
                )
                row["gflops"] = flops / row["ms"] / 1e6
                rows.append(row)
                print({k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()})
    if args.json:
        with open(args.json, "w") as file:
            json.dump({"info": info, "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
