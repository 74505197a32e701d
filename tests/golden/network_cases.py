"""Cases of the classifiers' network: every input, optimizer, activation, loss, dropout and penalty.

``keys``: the result hangs on how random keys are derived (dropout). ``initialiser``: on how weights begin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from golden import driver
from golden.numbers import integers, reals, shuffled, skewed

INPUTS: dict[str, dict[str, Any]] = {
    "dense": {"input": "dense", "n_inputs": 21},
    "sparse": {"input": "sparse", "n_inputs": 300},
    "bags": {"input": "bags", "rows": 200, "dim": 19, "pool": "mean"},
    "concat": {"input": "concat", "rows": 200, "dim": 7, "max_tokens": 6},
}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "momentum", "beta1": 0.8},
    "adagrad": {"optimizer": "adagrad", "eps": 1e-6},
    "adam": {"optimizer": "adam", "beta1": 0.9, "beta2": 0.98, "eps": 1e-6},
}
RATES = {"sgd": 0.25, "momentum": 0.125, "adagrad": 0.0625, "adam": 0.0078125}
TABLES = ("bags", "concat")


@dataclass(frozen=True)
class Case:
    spec: Mapping[str, Any]
    size: int = 112
    batch: int = 32
    weighted: bool = False
    keys: bool = False
    initialiser: bool = False
    grow: Mapping[str, int] = field(default_factory=dict)
    n_threads: int = 0


def cases() -> dict[str, Case]:
    out: dict[str, Case] = {}

    def add(name: str, kind: str, optimizer: str = "sgd", spec: Any = (), **more: Any) -> None:
        rule = dict(OPTIMIZERS[optimizer])
        if kind in TABLES:
            rule["embedding_optimizer"] = "adagrad_row" if optimizer == "adagrad" else "same"
        whole = {**INPUTS[kind], "hidden": [37], "activation": "relu", "n_outputs": 5}
        whole |= {"loss": "softmax", **rule, **dict(spec)}
        assert name not in out
        out[f"{name}"] = Case(whole, **more)

    for kind in INPUTS:
        for optimizer in OPTIMIZERS:
            add(f"{kind} {optimizer}", kind, optimizer)
            penalty = {"l2": 0.03125, "weight_decay": 0.0625, "activation": "tanh"}
            add(f"{kind} {optimizer} l2 weight_decay", kind, optimizer, penalty, weighted=True)
        for activation in ("tanh", "sigmoid", "identity"):
            add(f"{kind} {activation}", kind, spec={"activation": activation})
        for hidden in ([], [37, 21], [70, 40, 8]):
            add(f"{kind} hidden={hidden}", kind, "adam", {"hidden": hidden})
        add(f"{kind} hidden=[] sgd weights", kind, spec={"hidden": []}, weighted=True)
        for optimizer in ("sgd", "adam"):
            one = {"loss": "sigmoid", "n_outputs": 1}
            add(f"{kind} {optimizer} one sigmoid", kind, optimizer, one)
            sets = {"loss": "sigmoid", "n_outputs": 9}
            add(f"{kind} {optimizer} label sets", kind, optimizer, sets, weighted=True)
        add(f"{kind} one class", kind, spec={"n_outputs": 1})
        add(f"{kind} many classes", kind, "adagrad", {"n_outputs": 150})
        for name in ("dropout", "two dropouts", "linear dropout"):
            spec: dict[str, Any] = {"seed": 9, "dropout": 0.25}
            if name == "two dropouts":
                spec |= {"hidden": [37, 21], "activation": "tanh"}
            if name == "linear dropout":
                spec |= {"hidden": [], "dropout": 0.0}
            if kind in TABLES:
                spec["embedding_dropout"] = 0.25
                if name != "dropout":
                    spec["word_dropout"] = 0.25
            elif name != "dropout":
                spec["input_dropout"] = 0.25
            add(f"{kind} {name}", kind, "adam", spec, keys=True)
        for start in ({"activation": "relu"}, {"activation": "tanh", "hidden": [37, 21]}):
            add(f"{kind} initialised {start['activation']}", kind, spec=start, initialiser=True)
        if kind in TABLES:
            spec = {"embedding_scale": 0.25}
            add(f"{kind} grown", kind, "adagrad", spec, initialiser=True, grow={"rows": 230})

    for kind in TABLES:
        for optimizer in ("sgd", "adam"):
            add(f"{kind} {optimizer} frozen", kind, optimizer, {"freeze_embeddings": True})
        rest = {"l2": 0.03125, "weight_decay": 0.0625}
        one_each = {"embedding_optimizer": "same"}
        add(f"{kind} adagrad, a sum a number", kind, "adagrad", one_each | rest)
        by_row = {"embedding_optimizer": "adagrad_row"}
        for optimizer in ("sgd", "momentum", "adam"):
            add(f"{kind} {optimizer}, adagrad a row", kind, optimizer, by_row | rest)
        for optimizer in ("sgd", "adagrad", "adam"):
            add(f"{kind} {optimizer} embedding_lr", kind, optimizer, {"embedding_lr": 0.375})
        add(f"{kind} row rates", kind, "adagrad", {"row_rates": True} | rest)
    for pool in ("sqrtn", "sum"):
        for optimizer in ("sgd", "adagrad"):
            linear = {"pool": pool, "hidden": []}
            add(f"bags {optimizer} {pool}", "bags", optimizer, linear)
        add(f"bags {pool} hidden", "bags", "adam", {"pool": pool})
        noise = {"pool": pool, "word_dropout": 0.5, "seed": 3, "hidden": []}
        add(f"bags {pool} word_dropout", "bags", "adagrad", noise, keys=True)
    summed = {"pool": "sum", "hidden": [], "row_rates": True, "l2": 2.0**-10}
    add("bags sum row rates", "bags", "adagrad", summed)

    large: dict[str, dict[str, Any]] = {
        "dense": {"n_inputs": 150, "hidden": [70, 40]},
        "sparse": {"n_inputs": 3000, "hidden": [70]},
        "bags": {"rows": 3000, "dim": 70, "hidden": [40]},
        "concat": {"rows": 3000, "dim": 20, "max_tokens": 12, "hidden": [70]},
    }
    for kind, spec in large.items():
        for optimizer in ("adagrad", "adam"):
            more: dict[str, Any] = {"size": 1000, "batch": 250, "weighted": True, "n_threads": 2}
            add(f"{kind} large {optimizer}", kind, optimizer, {**spec, "l2": 2.0**-10}, **more)
    return out


def data(case: Case) -> driver.Labelled:
    spec, n = case.spec, case.size
    kind, outputs = spec["input"], spec["n_outputs"]
    lengths = integers("lengths", 24 if n > 500 else 9, n)
    lengths[0] = 0
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    total = int(offsets[-1])
    if kind == "dense":
        arrays: tuple[Any, ...] = (reals("x", n, spec["n_inputs"]) * 2,)
    elif kind == "sparse":
        # neighbours of a random start, so that no feature stands twice in a row
        first = np.repeat(skewed("features", spec["n_inputs"], n), lengths)
        within = np.arange(total) - np.repeat(offsets[:-1], lengths)
        ids = (first + within * 7) % spec["n_inputs"]
        arrays = (offsets, ids.astype(np.int32), reals("values", total) * 2)
    else:
        ids = skewed("ids", spec["rows"], total).astype(np.int32)
        if kind == "concat":
            ids[integers("padding", 5, total) == 0] = -1
        arrays = (ids, offsets)
    weight = None
    if case.weighted:
        weight = reals("weight", n) + 1
        weight[::7] = 0
    if spec["loss"] == "softmax":
        return driver.Labelled(kind, arrays, "classes", (integers("y", outputs, n),), weight, n)
    if outputs == 1:
        return driver.Labelled(kind, arrays, "rows", ((reals("p", n, 1) + 1) / 2,), weight, n)
    some = [np.flatnonzero(row > 0.25) for row in reals("labels", n, outputs)]
    indptr = np.concatenate([[0], np.cumsum([len(labels) for labels in some])])
    return driver.Labelled(kind, arrays, "sets", (indptr, np.concatenate(some)), weight, n)


def run(case: Case, dtype: str, n_threads: int) -> dict[str, Any]:
    """Weights, states and outputs after one pass, and losses."""
    net, examples = driver.make(case.spec, dtype), data(case)
    if case.initialiser:
        net.initialise(5)
    else:
        driver.fill(net)
    order = shuffled("order", case.size)
    steps = -(-case.size // case.batch)
    rates = RATES[case.spec["optimizer"]] / (1 + np.arange(steps) / 4)
    losses = net.train(examples, order, case.batch, rates, n_threads)
    if case.grow:
        net.grow(**case.grow)
        losses += net.train(examples, order, case.batch, rates / 2, n_threads)
    return {
        "weights": net.parameters(),
        "states": net.state(),
        "outputs": {"predict": net.predict(examples, n_threads)},
        "numbers": losses + list(net.evaluate(examples, n_threads)),
    }
