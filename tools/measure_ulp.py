"""Largest errors of the elementwise kernels over every float32 bit pattern: python tools/measure_ulp.py [--slice 3/8] [--isa sse2] [NAME ...].

A name is a function of `pyffnn.ops`; each takes minutes, in slices of its patterns if that is too long. The oracle is NumPy in float64.
Prints the error in units in the last place, where it occurs, and how many results lie outside the function's range.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

import pyffnn
from pyffnn import ops, testing

CHUNK = 1 << 18
Array = Any


def sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


ORACLES: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
}
RANGES = {"exp": (0, np.inf), "tanh": (-1, 1), "sigmoid": (0, 1)}


def measure(name: str, begin: int, end: int) -> tuple[float, float, int]:
    """(largest error, where, results outside the function's range) over the bit patterns from begin to end."""
    worst, at, outside = 0.0, 0.0, 0
    kernel, (low, high) = getattr(ops, name), RANGES.get(name, (-np.inf, np.inf))
    for first in range(begin, end, CHUNK):
        x = np.arange(first, min(first + CHUNK, end), dtype=np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            error = testing.ulp_error(got := kernel(x), ORACLES[name](x.astype(np.float64)))
        outside += int(((got < low) | (got > high)).sum())
        place = int(error.argmax())
        if error[place] > worst:
            worst, at = float(error[place]), float(x[place])
    return worst, at, outside


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(ORACLES))
    parser.add_argument("--slice", default="1/1", help="i/n: the i-th of n equal parts")
    parser.add_argument("--isa", help="the instruction set, one of pyffnn.available_isas()")
    args = parser.parse_args()
    part, parts = map(int, args.slice.split("/"))
    size = (1 << 32) // parts
    begin, end = (part - 1) * size, (1 << 32 if part == parts else part * size)
    with pyffnn.use_isa(args.isa or pyffnn.isa()):
        for name in args.names or ORACLES:
            worst, at, outside = measure(name, begin, end)
            print(f"{name} {pyffnn.isa()} {args.slice}: {worst:.4f} ULP at {at!r}, {outside} outside its range", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
