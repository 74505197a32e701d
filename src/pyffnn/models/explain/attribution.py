"""Shares of a network's input rows in its logits, by integrated gradients.

Sundararajan, Taly & Yan (2017), "Axiomatic Attribution for Deep Networks": from an input of nothing to the
input in a straight line, the share of a number is itself times the mean of the logit's derivative by it on the
way. Shares add up to the difference of the logits at both ends. For a linear model the derivative is the same
everywhere, and the shares are exact: weight times input.

The derivatives come from the network itself. That of the sum over k of w_k f(a_k x) by the first matrix, times
that matrix, summed over a row, is the row's share: with f(x) = g(x W), x_j df/dx_j = sum over h of W_jh df/dW_jh.
Rows of an embedding table are such rows whose inputs are how the text is pooled; there the table is scaled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyffnn.net import Examples, Network, Targets

__all__ = ["QUIET", "Attribution", "is_linear", "of_table", "of_vector", "own_network"]

_STEPS = (32, 128, 512)
_CLOSE = 1e-3
QUIET: dict[str, Any] = {"precision": "float32", "freeze_embeddings": False, "spread_power": 0.0}
# parameter that a vector meets first
_FIRST = ("input.weight", "hidden0.weight", "output.weight")


class Attribution(NamedTuple):
    """Shares [rows, outputs] of the network's own outputs; ``bias`` [outputs] are logits of an input of nothing.

    ``gap``: the largest difference, over outputs, between what the integral came to and the logits; it
    has been spread over the shares in proportion to their sizes, so that they add up.
    """

    shares: NDArray[np.float64]
    bias: NDArray[np.float64]
    logits: NDArray[np.float64]
    gap: float


def is_linear(network: Network) -> bool:
    """Whether logits are linear in the input."""
    spec = network.spec
    return not spec["hidden"] or (spec["activation"] == "identity" and not spec["layer_norm"])


def of_table(network: Network, examples: Examples, outputs: Sequence[int]) -> Attribution:
    """Of the rows of the embedding table in one example; ``network`` is changed, and must be the caller's own."""
    table = network.parameters()["embedding"]
    whole = np.array(table)
    zero = _logits(network, examples, table, 0 * whole, outputs)

    def integral(steps: int) -> NDArray[np.float64]:
        shares = np.zeros((len(whole), len(outputs)))
        for at, weight in zip(*_points(steps), strict=True):
            table[...] = whole * np.float32(at)
            for column, output in enumerate(outputs):
                slopes = _one_hot(1, network.spec["n_outputs"], output)
                _, grads = network.gradients(examples, Targets.slopes(slopes))
                by_row = (whole.astype(np.float64) * grads["embedding"]).sum(axis=1)
                shares[:, column] += weight * by_row
        table[...] = whole
        return shares

    full = _logits(network, examples, table, whole, outputs)
    return _completed(integral, zero, full, linear=is_linear(network))


def of_vector(
    network: Network, scaled: Callable[[NDArray[np.float64]], Examples], outputs: Sequence[int]
) -> Attribution:
    """Of the numbers of one feature vector, in the order of the first matrix's rows.

    ``scaled(a)``: the vector times each number of ``a``, an example each.
    """
    name = next(n for n in _FIRST if n in network.parameters())
    first = network.parameters()[name].astype(np.float64)
    ends = network.values(scaled(np.array([0.0, 1.0])))[:, list(outputs)].astype(np.float64)

    def integral(steps: int) -> NDArray[np.float64]:
        points, weights = _points(steps)
        examples = scaled(points)
        shares = np.zeros((len(first), len(outputs)))
        for column, output in enumerate(outputs):
            slopes = _one_hot(steps, network.spec["n_outputs"], output)
            slopes *= (weights / points * steps)[:, None]  # the network takes the mean
            _, grads = network.gradients(examples, Targets.slopes(slopes))
            shares[:, column] = (first * grads[name]).sum(axis=1)
        return shares

    return _completed(integral, ends[0], ends[1], linear=is_linear(network))


def own_network(network: Network, examples: Examples) -> Network:
    """A copy of the rows that the examples touch, to take gradients of."""
    return network.fork(examples, **QUIET)


def _points(steps: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the midpoint rule on [0, 1], which meets the kinks of ReLUs better than rules of higher order; 1: its end."""
    if steps == 1:
        return np.ones(1), np.ones(1)
    return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)


def _one_hot(n: int, outputs: int, at: int) -> NDArray[np.float64]:
    row = np.zeros((n, outputs))
    row[:, at] = 1
    return row


def _logits(
    network: Network,
    examples: Examples,
    table: NDArray[Any],
    values: NDArray[Any],
    outputs: Sequence[int],
) -> NDArray[np.float64]:
    table[...] = values
    return network.values(examples)[0, list(outputs)].astype(np.float64)


def _completed(
    integral: Callable[[int], NDArray[np.float64]],
    zero: NDArray[np.float64],
    full: NDArray[np.float64],
    *,
    linear: bool,
) -> Attribution:
    missing: Any = 0.0
    scale = max(1.0, float(np.abs(full - zero).max(initial=0.0)))
    for steps in (1,) if linear else _STEPS:
        shares = integral(steps)
        missing = full - zero - shares.sum(axis=0)
        if np.abs(missing).max(initial=0.0) <= _CLOSE * scale:
            break
    sizes = np.abs(shares)
    sums = sizes.sum(axis=0)
    spread = np.where(sums > 0, missing / np.where(sums > 0, sums, 1), 0)
    shares = shares + sizes * spread
    # where there is nothing to spread it over
    bias = zero + np.where(sums > 0, 0, missing)
    return Attribution(shares, bias, full, float(np.abs(missing).max(initial=0.0)))
