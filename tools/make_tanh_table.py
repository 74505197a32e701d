"""Write src/cpp/simd/tanh_table.h: python tools/make_tanh_table.py > FILE.

tanh of |x| is one of seven polynomials of degree 8, chosen by the exponent: [0, 1/4), [1/4, 1/2), [1/2, 1), ... [4, 8), [8, 10].
Each is written around a centre c: tanh(c) + t (k1 + t (k2 + ...)), t = |x| - c. The centre is the float near the middle whose tanh comes
closest to a float, so the constant term has no rounding error to speak of. The first interval has c = 0 and k1 = 1, which keeps
subnormals and the sign of zero; the last has c = 10 and ends in 1.

A polynomial is fitted to the relative error by least squares, reweighted towards the largest error (Lawson 1961). Its coefficients are
rounded to float32 one after another, the lowest first, and after each the rest are fitted anew. The arithmetic is decimal, so every
machine writes the same file.
"""

import decimal
import math
import struct
from decimal import Decimal

DEGREE = 8
NODES = 48
SWEEPS = 10
NEIGHBOURS = 20_000
# In the order of the exponent's low three bits: 2 to 4 has exponent 128, 1/8 to 1/4 has 124.
INTERVALS = [(2, 4), (4, 8), (8, 10), (8, 10), (0, 0.25), (0.25, 0.5), (0.5, 1), (1, 2)]
TOP = 10

decimal.getcontext().prec = 50


def to_float32(x: float | Decimal) -> float:
    value: float = struct.unpack("f", struct.pack("f", float(x)))[0]
    return value


def tanh(x: Decimal) -> Decimal:
    e = (2 * x).exp()
    return (e - 1) / (e + 1)


def centre(low: float, high: float) -> float:
    if low == 0 or high == TOP:
        return float(low if low == 0 else high)
    middle = struct.unpack("I", struct.pack("f", (low + high) / 2))[0]

    def around(pattern: int) -> float:
        value: float = struct.unpack("f", struct.pack("I", pattern))[0]
        return value

    def distance(pattern: int) -> float:
        exact = math.tanh(around(pattern))
        return abs(exact - to_float32(exact))

    near = sorted(range(middle - NEIGHBOURS, middle + NEIGHBOURS + 1), key=distance)[:8]
    return min(
        map(around, near),
        key=lambda c: abs(tanh(Decimal(c)) - Decimal(to_float32(tanh(Decimal(c))))),
    )


def solve(matrix: list[list[Decimal]], right: list[Decimal]) -> list[Decimal]:
    """Gauss's elimination; the matrix is symmetric and positive definite."""
    n = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for i in range(n):
        for j in range(i + 1, n):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    x = [Decimal(0)] * n
    for i in reversed(range(n)):
        x[i] = (rows[i][n] - sum((rows[i][j] * x[j] for j in range(i + 1, n)), Decimal(0))) / rows[
            i
        ][i]
    return x


def fit(low: float, high: float, c: float) -> list[float]:
    width, angle = Decimal(high) - Decimal(low), math.pi / (2 * NODES)
    nodes = [
        Decimal(low) + width * Decimal(0.5 - 0.5 * math.cos((2 * i + 1) * angle))
        for i in range(NODES)
    ]
    offsets, exact = [x - Decimal(c) for x in nodes], [tanh(x) for x in nodes]
    known = [Decimal(0), Decimal(1)] if low == 0 else [Decimal(to_float32(tanh(Decimal(c))))]
    weights = [Decimal(1)] * NODES
    while len(known) <= DEGREE:
        powers = range(len(known), DEGREE + 1)
        # of the relative error: everything is divided by tanh
        columns = [[t**p / y for p in powers] for t, y in zip(offsets, exact, strict=True)]
        wanted = [
            1 - sum((k * t**p for p, k in enumerate(known)), Decimal(0)) / y
            for t, y in zip(offsets, exact, strict=True)
        ]
        best: list[Decimal] = []
        least = Decimal("inf")
        for _ in range(SWEEPS):
            n = len(powers)
            normal = [
                [
                    sum(
                        (w * r[i] * r[j] for w, r in zip(weights, columns, strict=True)), Decimal(0)
                    )
                    for j in range(n)
                ]
                for i in range(n)
            ]
            right = [
                sum(
                    (w * r[i] * v for w, r, v in zip(weights, columns, wanted, strict=True)),
                    Decimal(0),
                )
                for i in range(n)
            ]
            found = solve(normal, right)
            errors = [
                abs(sum((k * a for k, a in zip(found, r, strict=True)), Decimal(0)) - v)
                for r, v in zip(columns, wanted, strict=True)
            ]
            largest = max(errors)
            if largest < least:
                best, least = found, largest
            mean = sum((w * e for w, e in zip(weights, errors, strict=True)), Decimal(0))
            weights = [w * e / mean for w, e in zip(weights, errors, strict=True)]
        known.append(Decimal(to_float32(best[0])))
        weights = [Decimal(1)] * NODES
    return [float(k) for k in known]


def rows() -> list[list[float]]:
    """The centres, then the coefficients of the powers 0 to 8: a column an interval."""
    columns: dict[tuple[float, float], list[float]] = {}
    for low, high in dict.fromkeys(INTERVALS):
        c = centre(low, high)
        columns[low, high] = [c, *fit(low, high, c)]
    return [list(row) for row in zip(*(columns[i] for i in INTERVALS), strict=True)]


def literal(value: float) -> str:
    text = f"{value:.9g}"
    return (text if any(c in text for c in ".e") else text + ".0") + "f"


def header() -> str:
    body = "".join(f"    {{{', '.join(map(literal, row))}}},\n" for row in rows())
    return f"""\
// Made by tools/make_tanh_table.py, which says what it is: the centres, then the coefficients of the powers 0 to {DEGREE}.
#pragma once

namespace pyffnn {{
namespace PYFFNN_ISA {{
namespace {{

constexpr int kTanhDegree = {DEGREE};
constexpr float kTanhTop = {TOP}.0f;  // tanh rounds to 1 from 9.01 on
// clang-format off
alignas(64) constexpr float kTanhTable[kTanhDegree + 2][8] = {{
{body}}};
// clang-format on

}}  // namespace
}}  // namespace PYFFNN_ISA
}}  // namespace pyffnn
"""


if __name__ == "__main__":
    print(header(), end="")
