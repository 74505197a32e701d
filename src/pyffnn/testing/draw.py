"""Random inputs of the operations, in float64 and int64, from a shape and a generator."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyffnn.testing.kernel import Inputs, Shape


def product(shape: Shape, rng: np.random.Generator, transpose_a: bool, transpose_b: bool) -> Inputs:
    m, k, n = shape["m"], shape["k"], shape["n"]
    return {
        "a": rng.standard_normal((k, m) if transpose_a else (m, k)),
        "b": rng.standard_normal((n, k) if transpose_b else (k, n)),
    }


def linear(shape: Shape, rng: np.random.Generator) -> Inputs:
    m, k, n = shape["m"], shape["k"], shape["n"]
    return {
        "x": rng.standard_normal((m, k)),
        "w": rng.standard_normal((k, n)) / np.sqrt(max(k, 1)),
        "b": rng.standard_normal(n),
    }


def linear_on_grid(inputs: Inputs) -> Inputs:
    """x, w in halves and b in odd eighths, so that no x @ w + b lies within 1/8 of 0."""
    return {
        "x": np.round(inputs["x"] * 2) / 2,
        "w": np.round(inputs["w"] * 2) / 2,
        "b": np.round(inputs["b"] * 4) / 4 + 0.125,
    }


def flat(shape: Shape, rng: np.random.Generator, positive: bool = False) -> Inputs:
    x = 4 * rng.standard_normal((shape["m"], shape["n"]))
    return {"x": np.exp(x) if positive else x}


def off_zero(inputs: Inputs) -> Inputs:
    """Every number at least 0.1 away from 0."""
    return {name: x + np.copysign(0.1, x) for name, x in inputs.items()}


def slope(shape: Shape, rng: np.random.Generator, activation: str) -> Inputs:
    from pyffnn.testing.oracles import activate

    x = 2 * rng.standard_normal((shape["m"], shape["n"]))
    return {"dy": rng.standard_normal(x.shape), "y": activate(x, activation)}


def rows(shape: Shape, rng: np.random.Generator) -> Inputs:
    return {"x": 3 * rng.standard_normal((shape["m"], shape["n"]))}


def classes(shape: Shape, rng: np.random.Generator) -> Inputs:
    m, n = shape["m"], shape["n"]
    return {
        "logits": 3 * rng.standard_normal((m, n)),
        "targets": rng.integers(0, n, m),
        "sample_weight": rng.uniform(0.5, 2, m),
    }


def labels(shape: Shape, rng: np.random.Generator) -> Inputs:
    m, n = shape["m"], shape["n"]
    return {
        "logits": 3 * rng.standard_normal((m, n)),
        "targets": rng.uniform(0, 1, (m, n)).round(2),
        "sample_weight": rng.uniform(0.5, 2, m),
    }


def linear_classes(shape: Shape, rng: np.random.Generator) -> Inputs:
    return {**linear(shape, rng), "targets": rng.integers(0, shape["n"], shape["m"])}


def zipf(rng: np.random.Generator, count: int, rows: int) -> NDArray[np.int64]:
    """Ids as words come in text: the r-th most frequent with probability about 1/r; rank and row are unrelated."""
    if count == 0:
        return np.zeros(0, np.int64)
    share = 1 / np.arange(1, rows + 1)
    ids = np.searchsorted(np.cumsum(share / share.sum()), rng.random(count)).clip(max=rows - 1)
    return np.asarray(rng.permutation(rows)[ids], np.int64)


def lookup(shape: Shape, rng: np.random.Generator) -> Inputs:
    ids = zipf(rng, shape["bags"] * shape["length"], shape["rows"])
    return {
        "table": rng.standard_normal((shape["rows"], shape["d"])),
        "ids": ids.reshape(shape["bags"], shape["length"]),
    }


def lookup_backward(shape: Shape, rng: np.random.Generator) -> Inputs:
    ids = lookup(shape, rng)["ids"]
    return {
        "dy": rng.standard_normal((*ids.shape, shape["d"])),
        "ids": ids,
        "num_rows": shape["rows"],
    }


def bags(shape: Shape, rng: np.random.Generator) -> Inputs:
    """Bags of `length` ids on average; among three and more, one is empty."""
    inputs = lookup(shape, rng)
    count = inputs["ids"].size
    cuts = np.sort(rng.integers(0, count + 1, max(shape["bags"] - 1, 0)))
    offsets = np.concatenate([[0], cuts, [count]]) if shape["bags"] else np.zeros(1)
    if shape["bags"] >= 3:
        offsets[2] = offsets[1]
    return {
        "table": inputs["table"],
        "ids": inputs["ids"].reshape(-1),
        "offsets": offsets.astype(np.int64),
    }


def bags_with_ties(shape: Shape, rng: np.random.Generator) -> Inputs:
    """As `bags`, of whole numbers of which many are equal."""
    inputs = bags(shape, rng)
    inputs["table"] = np.rint(2 * inputs["table"])
    return inputs


def extremes_backward(shape: Shape, rng: np.random.Generator) -> Inputs:
    inputs = bags_with_ties(shape, rng)
    return {"dy": rng.standard_normal((shape["bags"], shape["d"])), **inputs}


def weighted(inputs: Inputs, rng: np.random.Generator) -> Inputs:
    return {**inputs, "weights": rng.uniform(0, 2, len(inputs["ids"]))}


def bags_backward(shape: Shape, rng: np.random.Generator) -> Inputs:
    inputs = bags(shape, rng)
    return {
        "dy": rng.standard_normal((shape["bags"], shape["d"])),
        "ids": inputs["ids"],
        "offsets": inputs["offsets"],
        "num_rows": shape["rows"],
    }
