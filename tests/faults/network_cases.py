"""Calls of the compiled network and its data objects."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from faults.walk import Case

from pyffnn import _pyffnn

N, STEP = 24, 8  # examples, and those of a batch
THREADED_N, THREADED_STEP = 256, 64
SEED = 3

INPUTS: dict[str, dict[str, Any]] = {
    "dense": {"input": "dense", "n_inputs": 7},
    "sparse": {"input": "sparse", "n_inputs": 23},
    "bags": {"input": "bags", "rows": 31, "dim": 5},
    "concat": {"input": "concat", "rows": 31, "dim": 5, "max_tokens": 4},
    "windows": {"input": "windows", "rows": 31, "dim": 5, "context": 3},
}
WORDS = {"input": "windows", "rows": 31, "dim": 6, "context": 3, "n_outputs": 31}
DISTANT = {"distant_kernels": 2, "distant_window": 6}
# Every input, layer, output, loss and optimizer at least once.
SPECS: dict[str, dict[str, Any]] = {
    "dense": {**INPUTS["dense"], "optimizer": "adam", "input_dropout": 0.2, "dropout": 0.2},
    "dense, clipped": {**INPUTS["dense"], "clip": 0.1, "layer_norm": True, "optimizer": "momentum"},
    "dense, real numbers": {**INPUTS["dense"], "loss": "squared", "n_outputs": 1},
    "sparse, label sets": {**INPUTS["sparse"], "loss": "sigmoid", "optimizer": "adagrad"},
    "bags": {**INPUTS["bags"], "optimizer": "adagrad", "pool": "mean", "word_dropout": 0.1},
    "bags, extremes of windows": {
        **INPUTS["bags"],
        "optimizer": "adam",
        "pool": ["mean", "max", "min"],
        "window": 3,
        "word_dropout": 0.1,
    },
    "bags, sums": {
        **INPUTS["bags"],
        "optimizer": "adagrad",
        "pool": "sum",
        "hidden": [],
        "row_rates": True,
    },
    "concat": {**INPUTS["concat"], "optimizer": "adam", "activation": "tanh"},
    "words, tied": {
        **WORDS,
        **DISTANT,
        "output": "vocabulary",
        "tied": True,
        "residual": True,
        "layer_norm": True,
        "optimizer": "adam",
        "clip": 1.0,
        "output_dropout": 0.2,
        "activation": "gelu",
    },
    "words, direct": {**WORDS, "output": "vocabulary", "direct": True, "optimizer": "sgd"},
    "words, adaptive": {
        **WORDS,
        "output": "adaptive",
        "cutoffs": [5, 12],
        "optimizer": "adam",
        "clip": 1.0,
    },
    "words, sampled": {**WORDS, "output": "sampled", "samples": 6, "optimizer": "adagrad"},
}
# Large enough for the pool and for a team.
THREADED: dict[str, dict[str, Any]] = {
    "dense, threads": {
        "input": "dense",
        "n_inputs": 128,
        "hidden": [256],
        "n_outputs": 64,
        "optimizer": "adam",
    },
    "words, threads": {
        "input": "windows",
        "rows": 700,
        "dim": 32,
        "context": 4,
        "hidden": [128],
        "n_outputs": 700,
        "output": "vocabulary",
        "tied": True,
        "optimizer": "adam",
        "clip": 1.0,
    },
    "bags, threads": {
        "input": "bags",
        "rows": 3000,
        "dim": 64,
        "hidden": [256],
        "n_outputs": 64,
        "optimizer": "adagrad",
    },
}


def build(spec: dict[str, Any]) -> Any:
    words = spec.get("output") in ("adaptive", "sampled")
    spec = {"n_outputs": 3, "hidden": [6], **spec}
    order = np.random.default_rng(1).permutation(spec["n_outputs"]) if words else None
    network = _pyffnn.Network(spec, order)
    network.initialise(SEED)
    return network


def examples_of(spec: dict[str, Any], n: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    kind = spec["input"]
    if kind == "dense":
        return _pyffnn.Examples.dense(rng.normal(size=(n, spec["n_inputs"])).astype(np.float32))
    if kind == "windows":
        return _pyffnn.Examples.stream(
            rng.integers(0, spec["rows"], n).astype(np.int32), spec["rows"]
        )
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 9, n))])
    ids = rng.integers(0, spec.get("rows") or spec["n_inputs"], offsets[-1])
    if kind == "sparse":
        return _pyffnn.Examples.sparse(
            offsets, ids, rng.normal(size=ids.size).astype(np.float32), spec["n_inputs"]
        )
    if kind == "bags":
        return _pyffnn.Examples.bags(ids, offsets, spec["rows"])
    return _pyffnn.Examples.sequences(ids, offsets, spec["rows"], spec["max_tokens"])


def targets_of(spec: dict[str, Any], n: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    outputs = spec.get("n_outputs", 3)
    weight = rng.uniform(0.5, 2, n).astype(np.float32)
    loss = spec.get("loss", "softmax")
    if loss == "squared":
        return _pyffnn.Targets.values(rng.normal(size=(n, outputs)).astype(np.float32), weight)
    if loss == "sigmoid":
        offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 3, n))])
        return _pyffnn.Targets.sets(offsets, rng.integers(0, outputs, offsets[-1]), outputs, weight)
    # The targets of a stream are its own tokens.
    seed_of_ids = np.random.default_rng(seed).integers(0, outputs, n)
    return _pyffnn.Targets.classes(seed_of_ids, outputs, weight)


def copied(network: Any) -> dict[str, Any]:
    arrays = {**network.parameters(), **network.state()}
    return {name: array.copy() for name, array in arrays.items()} | {"step": network.step}


def look(x: SimpleNamespace) -> dict[str, Any]:
    return copied(x.network) | {
        "p": x.network.predict(x.examples),
        "rows": x.network.spec.get("rows", 0),
    }


def make(spec: dict[str, Any], folder: Path, n: int = N, step: int = STEP) -> SimpleNamespace:
    return SimpleNamespace(
        spec=spec,
        network=build(spec),
        n=n,
        step=step,
        examples=examples_of(spec, n),
        targets=targets_of(spec, n),
    )


def train(x: SimpleNamespace) -> list[Any]:
    if x.spec["input"] == "windows":
        # Runs of neighbouring tokens, two a batch.
        starts = np.arange(0, x.n, x.step // 2)
        order: Any = (starts, np.full(starts.size, x.step // 2), np.arange(0, starts.size + 1, 2))
    else:
        order = np.random.default_rng(5).permutation(x.n)
    return list(x.network.train(x.examples, x.targets, order, x.step, 0.1))


def start_again(x: SimpleNamespace) -> None:
    """Memory that runs out may leave half a step: models train a fork, or a network that they then drop."""
    x.network.initialise(SEED)


def questions(x: SimpleNamespace) -> list[Any]:
    """All that reads the network."""
    order = np.arange(0, x.n, 2)
    answers = [
        x.network.predict(x.examples, order),
        x.network.top_k(x.examples, 2, 0.0, order),
        x.network.evaluate(x.examples, x.targets),
    ]
    softmax = x.network.spec["loss"] == "softmax"
    if softmax:
        answers.append(x.network.log_prob(x.examples, x.targets, 1, x.n - 1))
    if x.spec["input"] == "windows":
        answers.append(x.network.distribution([3, 1, 4]))
    loss, gradients = x.network.gradients(x.examples, x.targets)
    return [*answers, loss, gradients]


def with_fork(spec: dict[str, Any], folder: Path) -> SimpleNamespace:
    """A fork that has learned on examples of its own, of a table that has grown where it can grow."""
    x = make(spec, folder)
    rows = spec["rows"] + 5 if spec["input"] in ("bags", "concat") else 0
    x.grown = {**spec, "rows": rows} if rows else spec
    x.few = examples_of(x.grown, 4, 1)
    x.rows = rows
    return x


def fork(x: SimpleNamespace) -> Any:
    fork = x.network.fork(x.few, rows=x.rows, training={"l2": 0.01})
    fork.train(x.few, targets_of(x.grown, 4, 1), np.arange(4), 2, 0.1)
    return copied(fork)


def forked(spec: dict[str, Any], folder: Path) -> SimpleNamespace:
    x = with_fork(spec, folder)
    x.fork = x.network.fork(x.few, rows=x.rows)
    x.fork.train(x.few, targets_of(x.grown, 4, 1), np.arange(4), 2, 0.1)
    x.seen = []
    return x


def absorb(x: SimpleNamespace) -> None:
    x.network.absorb(x.fork, lambda: x.seen.append(1) if not x.seen else None)


def look_at_absorbed(x: SimpleNamespace) -> dict[str, Any]:
    return look(x) | {"seen": x.seen}


def set_rows(x: SimpleNamespace) -> None:
    x.network.set_rows(np.arange(4), np.ones((4, x.spec["dim"]), np.float32))


def read(x: SimpleNamespace) -> Any:
    with x.network.reading():
        return x.network.predict(x.examples)


def _cases_of(name: str, spec: dict[str, Any], **sizes: int) -> list[Case]:
    made = partial(make, spec, **sizes)
    cases = [
        Case(
            f"{name}: make",
            lambda folder: SimpleNamespace(),
            lambda x: copied(build(spec)),
            lambda x: None,
        ),
        Case(
            f"{name}: data", lambda folder: SimpleNamespace(), lambda x: _data(spec), lambda x: None
        ),
        Case(f"{name}: train", made, train, look, restore=start_again),
        Case(f"{name}: read", made, questions, look),
        Case(f"{name}: reading", made, read, look),
        Case(f"{name}: initialise", made, lambda x: x.network.initialise(9), look),
        Case(f"{name}: fork", partial(with_fork, spec), fork, look),
        Case(f"{name}: absorb", partial(forked, spec), absorb, look_at_absorbed),
    ]
    if spec["input"] in ("bags", "concat"):
        cases.append(Case(f"{name}: set_rows", made, set_rows, look))
    return cases


def _data(spec: dict[str, Any]) -> list[Any]:
    examples, targets = examples_of(spec, N), targets_of(spec, N)
    return [len(examples), len(targets)]


CASES = [case for name, spec in SPECS.items() for case in _cases_of(name, spec)]
CASES += [
    case
    for name, spec in THREADED.items()
    for case in _cases_of(name, spec, n=THREADED_N, step=THREADED_STEP)
    if case.name.endswith((": train", ": read"))
]
