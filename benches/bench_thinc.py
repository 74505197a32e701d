"""Thinc's operations on `PyffnnOps` beside `NumpyOps`, in turn and on the same threads; the last line is the geometric mean.

python benches/bench_thinc.py [--threads 1] [--seconds 1]
"""

from __future__ import annotations

import argparse
import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import thinc
from thinc.api import NumpyOps
from threadpoolctl import threadpool_limits

import pyffnn
from pyffnn.bench.timing import in_turn, median_ratio
from pyffnn.integrations.thinc import PyffnnOps


def cases() -> dict[str, Callable[[Any], Callable[[], Any]]]:
    """From the operations to a call, by the name of a row."""
    rng = np.random.default_rng(0)

    def floats(*shape: int) -> Any:
        return rng.normal(0, 1, shape).astype(np.float32)

    x, w, b = floats(256, 300), floats(300, 300), floats(300)
    dy, lengths = floats(256, 300), np.full(16, 16, np.int32)
    means = floats(16, 300)
    cells = floats(256, 100, 3)
    ids = rng.integers(0, 5000, (256, 4)).astype(np.uint32)
    table = floats(5000, 96)

    def adam(ops: Any) -> Callable[[], Any]:
        n = 1_000_000
        weights, m, v, g = floats(n), np.zeros(n, np.float32), np.zeros(n, np.float32), floats(n)

        def step() -> None:
            g[:] = 0.01  # the step leaves it at 0
            ops.adam(weights, g, m, v, 0.9, 0.999, 1e-8, 0.001)

        return step

    return {
        "gemm 256x300x300": lambda ops: lambda: ops.gemm(x, w),
        "affine 256x300x300": lambda ops: lambda: ops.affine(x, w, b),
        "softmax 256x300": lambda ops: lambda: ops.softmax(x),
        "relu 256x300": lambda ops: lambda: ops.relu(x),
        "sigmoid 256x300": lambda ops: lambda: ops.sigmoid(x),
        "backprop_relu 256x300": lambda ops: lambda: ops.backprop_relu(dy, x),
        "gelu 256x300": lambda ops: lambda: ops.gelu(x),
        "mish 256x300": lambda ops: lambda: ops.mish(x),
        "maxout 256x100x3": lambda ops: lambda: ops.maxout(cells),
        "reduce_mean 16 runs of 16x300": lambda ops: lambda: ops.reduce_mean(x, lengths),
        "reduce_max 16 runs of 16x300": lambda ops: lambda: ops.reduce_max(x, lengths),
        "backprop_reduce_mean": lambda ops: lambda: ops.backprop_reduce_mean(means, lengths),
        "gather_add 256x4 of 5000x96": lambda ops: lambda: ops.gather_add(table, ids),
        "adam 1,000,000": adam,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    args = parser.parse_args()
    pyffnn.set_num_threads(args.threads)
    print(f"thinc {thinc.__version__}, pyffnn {pyffnn.isa()}, {args.threads} threads")
    ours, theirs, ratios = PyffnnOps(), NumpyOps(), []
    with threadpool_limits(args.threads):
        for name, call in cases().items():
            times = in_turn({"ours": call(ours), "theirs": call(theirs)}, args.seconds, sample=0.01)
            ratios.append(median_ratio(times["theirs"], times["ours"]))
            mine, peer = (statistics.median(times[who]) * 1e6 for who in ("ours", "theirs"))
            print(
                f"{name:32} NumpyOps {peer:9.2f} us   PyffnnOps {mine:9.2f} us ({ratios[-1]:.2f}x)",
                flush=True,
            )
    mean = math.exp(statistics.mean(math.log(ratio) for ratio in ratios))
    print(f"least {min(ratios):.2f}x, geometric mean {mean:.2f}x")


if __name__ == "__main__":
    main()
