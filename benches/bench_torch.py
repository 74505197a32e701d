"""The operators of `pyffnn.integrations.torch` beside PyTorch's own, forward and backward, in turn and on the same threads.

python benches/bench_torch.py [--threads 2] [--seconds 10] [--compile]

`linear_cross_entropy` against `F.cross_entropy(F.linear(...))`, 256 x 256 x 32000, with the extra memory of a step beyond arguments and gradients;
`embedding_bag`, mean, with a sparse gradient against `F.embedding_bag`. --compile adds PyTorch under inductor. Memory is the growth of the
process's peak in a fresh process.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

import pyffnn
from pyffnn.bench.timing import in_turn, median_ratio
from pyffnn.integrations import torch as pt

M, K, N = 256, 256, 32000
BAGS = ((100_000, 64, 512, 50), (100_000, 300, 512, 50), (1_000_000, 16, 4096, 20))


def cross_entropy(operator: str) -> Callable[[], None]:
    torch.manual_seed(0)
    x = torch.randn(M, K, requires_grad=True)
    w = (torch.randn(K, N) / 16).requires_grad_()
    b = torch.zeros(N, requires_grad=True)
    targets = torch.randint(0, N, (M,))

    def plain(x: Any, w: Any, b: Any) -> Any:
        return functional.cross_entropy(x @ w + b, targets)

    loss = {
        "ours": lambda x, w, b: pt.linear_cross_entropy(x, w, b, targets),
        "torch": plain,
        "compiled": torch.compile(plain),
    }[operator]

    def step() -> None:
        x.grad = w.grad = b.grad = None
        loss(x, w, b).backward()

    return step


def bags(operator: str, rows: int, dim: int, count: int, length: int) -> Callable[[], None]:
    torch.manual_seed(0)
    table = torch.randn(rows, dim, requires_grad=True)
    # word frequencies fall as Zipf's law has it
    ids = (rows ** torch.rand(count * length)).long().clamp(max=rows) - 1
    offsets = torch.arange(count) * length
    d = torch.randn(count, dim)
    ours = operator == "ours"

    def step() -> None:
        table.grad = None
        if ours:
            y = pt.embedding_bag(table, ids, offsets, "mean", True)
        else:
            y = functional.embedding_bag(ids, table, offsets, mode="mean", sparse=True)
        y.backward(d)

    return step


def peak_kb() -> int:
    """The greatest memory of the process so far; its count is set back where the system allows."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def reset_peak() -> None:
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def extra_memory(operator: str) -> float:
    """MB that a step needs at its peak beyond what is there before it and the gradients that it leaves."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import bench_torch as b, torch\n"
        "torch.set_num_threads(int(sys.argv[3])); b.pyffnn.set_num_threads(int(sys.argv[3]))\n"
        "b.M = 8; b.cross_entropy(sys.argv[2])(); b.M = 256\n"  # libraries are loaded, pools are made
        "step = b.cross_entropy(sys.argv[2]); b.reset_peak(); before = b.peak_kb(); step()\n"
        "print(b.peak_kb() - before)"
    )
    arguments = [sys.path[0], operator, str(torch.get_num_threads())]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    gradients = (M * K + K * N + N) * 4
    return int(done.stdout) / 1024 - gradients / 2**20


def report(name: str, calls: dict[str, Callable[[], None]], seconds: float) -> None:
    times = in_turn(calls, seconds, sample=0.05)
    ours = times.pop("ours")
    line = f"{name:44} ours {statistics.median(ours) * 1e3:9.3f} ms"
    for peer, theirs in times.items():
        ratio = median_ratio(theirs, ours)
        line += f"   {peer} {statistics.median(theirs) * 1e3:9.3f} ms ({ratio:.2f}x)"
    print(line, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pyffnn.set_num_threads(args.threads)
    print(f"torch {torch.__version__}, pyffnn {pyffnn.isa()}, {args.threads} threads")
    peers = ["torch", "compiled"] if args.compile else ["torch"]
    report(
        f"linear_cross_entropy {M}x{K}x{N}",
        {name: cross_entropy(name) for name in ["ours", *peers]},
        args.seconds,
    )
    ours, theirs = extra_memory("ours"), extra_memory("torch")
    print(f"  extra memory: ours {ours:.1f} MB, torch {theirs:.1f} MB ({ours / theirs:.3f} of it)")
    for rows, dim, count, length in BAGS:
        report(
            f"embedding_bag mean {rows}x{dim}, {count} bags of {length}",
            {name: bags(name, rows, dim, count, length) for name in ("ours", "torch")},
            args.seconds,
        )


if __name__ == "__main__":
    main()
