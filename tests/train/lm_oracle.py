"""A language model in NumPy float64, written from the equations: the oracle of the compiled one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

PLAIN: dict[str, Any] = {
    "vocab": 23,
    "context": 3,
    "dim": 5,
    "distant_kernels": 0,
    "distant_window": 0,
    "hidden": [7],
    "activation": "tanh",
    "residual": False,
    "layer_norm": False,
    "direct": False,
    "tied": False,
    "drop_embedding": 0.0,
    "drop_hidden": 0.0,
    "drop_output": 0.0,
    "drop_word": 0.0,
    "output": "softmax",
    "cutoffs": [],
    "samples": 0,
    "optimizer": "sgd",
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "l2": 0.0,
    "decay": 0.0,
    "clip": 0.0,
    "seed": 0,
}


def inputs(config: dict[str, Any], w: dict[str, Array], ids: NDArray[Any], t: int) -> Array:
    """x of the prediction of token t."""
    dim, context = config["dim"], config["context"]
    table = w["output.weight"][:, :dim] if config["tied"] else w["embedding"]

    def row(position: int) -> Array:
        return table[ids[position]] if position >= 0 else np.zeros(dim)

    parts = [row(t - j) for j in range(context, 0, -1)]
    for k in range(config["distant_kernels"]):
        weights = w["distant"][k]
        parts.append(sum(weights[j - 1] * row(t - context - j) for j in range(1, len(weights) + 1)))
    return np.concatenate(parts)


def activate(name: str, z: Array) -> Array:
    if name == "gelu":
        return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3)))
    functions = {
        "tanh": np.tanh,
        "relu": lambda v: np.maximum(v, 0),
        "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
        "identity": lambda v: v,
    }
    return functions[name](z)


def norm(w: dict[str, Array], name: str, x: Array) -> Array:
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-5) * w[name + ".gain"] + w[name + ".shift"]


def log_probs(
    config: dict[str, Any],
    w: dict[str, Array],
    ids: NDArray[Any],
    positions: Any,
    output_mask: Array | float = 1.0,
) -> Array:
    """Log-probability of ids[t] for each t of positions; the last hidden vectors are multiplied by the mask."""
    x = np.stack([inputs(config, w, ids, t) for t in positions])
    act = config["activation"]
    if config["residual"]:
        r = x @ w["input.weight"] + w["input.bias"]
        for i in range(len(config["hidden"])):
            u = norm(w, f"hidden{i}.norm", r) if config["layer_norm"] else r
            a = activate(act, u @ w[f"hidden{i}.weight"] + w[f"hidden{i}.bias"])
            r = r + a @ w[f"hidden{i}.out.weight"] + w[f"hidden{i}.out.bias"]
        h = norm(w, "output.norm", r) if config["layer_norm"] else r
    else:
        h = x
        for i in range(len(config["hidden"])):
            z = h @ w[f"hidden{i}.weight"] + w[f"hidden{i}.bias"]
            h = activate(act, norm(w, f"hidden{i}.norm", z) if config["layer_norm"] else z)
        if config["tied"]:
            h = h @ w["projection.weight"]
    h = h * output_mask
    if config["direct"]:
        h = np.concatenate([h, x], axis=1)
    targets = ids[list(positions)]
    if config["output"] == "adaptive":
        return adaptive(config, w, h, targets)
    z = h @ w["output.weight"].T + w["output.bias"]
    z = z - z.max(1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(1, keepdims=True))
    return logp[np.arange(len(positions)), ids[list(positions)]]


def log_softmax(z: Array) -> Array:
    z = z - z.max(-1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(-1, keepdims=True)))


def adaptive(config: dict[str, Any], w: dict[str, Array], h: Array, targets: Any) -> Array:
    """Ids are taken to be frequency ranks reversed: id v has rank vocab - 1 - v."""
    ends = [*config["cutoffs"], config["vocab"]]
    head = log_softmax(h @ w["output.head.weight"].T + w["output.head.bias"][0])
    out = []
    for row, h_row, target in zip(head, h, targets, strict=True):
        rank = config["vocab"] - 1 - target
        if rank < ends[0]:
            out.append(row[rank])
            continue
        c = max(i for i, first in enumerate(ends[:-1]) if rank >= first)
        name = f"output.tail{c}"
        y = h_row @ w[name + ".projection"]
        tail = log_softmax(w[name + ".weight"] @ y + w[name + ".bias"][0])
        out.append(row[ends[0] + c] + tail[rank - ends[c]])
    return np.array(out)


def numeric_gradient(
    config: dict[str, Any], w: dict[str, Array], ids: NDArray[Any], positions: Any
) -> dict[str, Array]:
    """Central differences of the mean negative log-probability; entry by entry."""
    out = {}
    for name, value in w.items():
        g = np.zeros_like(value)
        for index in np.ndindex(*value.shape):
            ends = []
            for h in (1e-6, -1e-6):
                keep = value[index]
                value[index] = keep + h
                ends.append(-log_probs(config, w, ids, positions).mean())
                value[index] = keep
            g[index] = (ends[0] - ends[1]) / 2e-6
        out[name] = g
    return out
