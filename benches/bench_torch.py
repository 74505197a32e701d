"""The operators of `pyffnn.integrations.torch` beside PyTorch's own, forward and backward, in turn and on the same threads.

    python benches/bench_torch.py [--threads 2] [--seconds 10] [--compile] [--json benches/results]

`linear_cross_entropy` against `F.cross_entropy(F.linear(...))`, 256 x 256 x 32000, with the extra memory of a step beyond arguments and gradients;
`embedding_bag`, mean, with a sparse gradient against `F.embedding_bag`. --compile adds PyTorch under inductor. Memory is the growth of the
process's peak in a fresh process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from pyffnn.bench import script
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
        "pyffnn": lambda x, w, b: pt.linear_cross_entropy(x, w, b, targets),
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
    ours = operator == "pyffnn"

    def step() -> None:
        table.grad = None
        if ours:
            y = pt.embedding_bag(table, ids, offsets, "mean", True)
        else:
            y = functional.embedding_bag(ids, table, offsets, mode="mean", sparse=True)
        y.backward(d)

    return step


def extra_memory(operator: str, threads: int) -> float:
    """MB that a step needs at its peak beyond what is there before it and the gradients that it leaves."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import bench_torch as b, pyffnn, torch\n"
        "from pyffnn.bench import memory\n"
        "torch.set_num_threads(int(sys.argv[3])); pyffnn.set_num_threads(int(sys.argv[3]))\n"
        "b.M = 8; b.cross_entropy(sys.argv[2])(); b.M = 256\n"  # libraries are loaded, pools are made
        "step = b.cross_entropy(sys.argv[2])\n"
        "print(memory.peak_of(step))"
    )
    arguments = [sys.path[0], operator, str(threads)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    gradients = (M * K + K * N + N) * 4
    return (int(done.stdout) - gradients) / 2**20


def main() -> None:
    parser = script.parser(__doc__, seconds=10.0)
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    names = ["pyffnn", "torch", *(["compiled"] if args.compile else [])]
    size = f"{M}x{K}x{N}"
    for session in script.sessions("bench_torch", args):
        loss = {size: lambda: {name: cross_entropy(name) for name in names}}
        rows = session.group("linear_cross_entropy in PyTorch", loss, sample=0.05)
        if rows:
            ours, theirs = (extra_memory(name, session.threads) for name in ("pyffnn", "torch"))
            print(
                f"  extra memory: {ours:.1f} MB, torch {theirs:.1f} MB ({ours / theirs:.3f} of it)"
            )
            rows[0]["extra_megabytes"] = {"pyffnn": ours, "torch": theirs}
            session.write("linear_cross_entropy in PyTorch", rows)
        tables = {
            f"{rows}x{dim}, {count} bags of {length}": lambda shape=(rows, dim, count, length): {
                name: bags(name, *shape) for name in ("pyffnn", "torch")
            }
            for rows, dim, count, length in BAGS
        }
        session.group("embedding_bag in PyTorch, mean", tables, sample=0.05)


if __name__ == "__main__":
    main()
