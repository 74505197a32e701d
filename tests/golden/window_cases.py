"""Cases of the language model's network: every layer, output, dropout, optimizer and limit.

``keys``: the result hangs on how random keys are derived (dropout, the words of the sampled softmax).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from golden import driver
from golden.network_cases import OPTIMIZERS, RATES
from golden.numbers import shuffled, skewed

VOCABULARY = 331
BASE: dict[str, Any] = {
    "input": "windows",
    "rows": VOCABULARY,
    "n_outputs": VOCABULARY,
    "context": 3,
    "dim": 19,
    "hidden": [37],
    "activation": "tanh",
    "output": "vocabulary",
}
ALL: dict[str, Any] = {
    "distant_kernels": 2,
    "distant_window": 7,
    "residual": True,
    "layer_norm": True,
    "tied": True,
    "direct": True,
    "activation": "gelu",
    "hidden": [29, 21],
}
LAYERS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no hidden layer": {"hidden": []},
    "two layers": {"hidden": [37, 21], "activation": "sigmoid"},
    "identity": {"activation": "identity"},
    "relu": {"activation": "relu"},
    "gelu": {"activation": "gelu"},
    "layer_norm": {"layer_norm": True, "hidden": [37, 21]},
    "direct": {"direct": True},
    "direct alone": {"direct": True, "hidden": []},
    "tied": {"tied": True},
    "tied without hidden": {"tied": True, "hidden": []},
    "tied direct": {"tied": True, "direct": True},
    "distant": {"distant_kernels": 3, "distant_window": 9},
    "residual": {"residual": True, "hidden": [37, 21]},
    "residual layer_norm": {"residual": True, "layer_norm": True},
    "residual tied": {"residual": True, "tied": True},
    "all": ALL,
}
OUTPUTS: dict[str, dict[str, Any]] = {
    "vocabulary": {},
    "adaptive": {"output": "adaptive", "cutoffs": [20, 120]},
    "sampled": {"output": "sampled", "samples": 60},
}
DROPOUTS: dict[str, dict[str, float]] = {
    "dropout": {"dropout": 0.25},
    "embedding_dropout": {"embedding_dropout": 0.25},
    "output_dropout": {"output_dropout": 0.5},
    "word_dropout": {"word_dropout": 0.25},
    "all dropouts": {
        "dropout": 0.25,
        "embedding_dropout": 0.25,
        "output_dropout": 0.5,
        "word_dropout": 0.125,
    },
}
PENALTIES = {"l2": 2.0**-10, "weight_decay": 0.0625}


@dataclass(frozen=True)
class Case:
    spec: Mapping[str, Any]
    run_length: int = 7
    keys: bool = False
    initialiser: bool = False
    n_threads: int = 0


def cases() -> dict[str, Case]:
    out: dict[str, Case] = {}

    def add(name: str, optimizer: str, *parts: Mapping[str, Any], **more: Any) -> None:
        spec = dict(BASE) | OPTIMIZERS[optimizer]
        for part in parts:
            spec |= part
        keys = spec["output"] == "sampled" or any("dropout" in key for key in spec)
        assert name not in out
        out[name] = Case(spec, keys=keys, **more)

    for name, layers in LAYERS.items():
        add(f"windows {name}", "adam", layers)
        for output, more in OUTPUTS.items():
            if output != "vocabulary" and not (layers.get("tied") and output == "adaptive"):
                add(f"windows {name} {output}", "sgd", layers, more)
    for optimizer in OPTIMIZERS:
        add(f"windows {optimizer} penalties", optimizer, PENALTIES)
        add(f"windows {optimizer} all, clip", optimizer, ALL, PENALTIES, {"clip": 2.0**-5})
        for output in ("adaptive", "sampled"):
            add(f"windows {optimizer} penalties {output}", optimizer, PENALTIES, OUTPUTS[output])
    untied = {**ALL, "tied": False}
    for output, more in OUTPUTS.items():
        for clip in (2.0**-5, 1e6):
            limit = {"clip": clip}
            add(f"windows clip={clip:g} {output}", "adam", more, limit)
            add(f"windows clip={clip:g} {output} all untied", "momentum", untied, more, limit)
        for name, rates in DROPOUTS.items():
            add(f"windows {name} {output}", "adam", more, rates, {"seed": 4})
            add(f"windows {name} {output} all untied", "sgd", untied, more, rates, {"seed": 4})
        both = DROPOUTS["all dropouts"] | {"clip": 2.0**-5}
        add(f"windows {output} clip, all dropouts", "adam", untied, more, both)
    for name in ("output_dropout", "all dropouts"):
        for limit in ({}, {"clip": 2.0**-5}):
            add(f"windows {name} tied {limit}", "adam", ALL, DROPOUTS[name], limit)
    add("windows sampled tied", "adam", ALL, OUTPUTS["sampled"], {"seed": 8})
    add("windows single words", "adam", {}, run_length=1)
    add("windows a cluster without examples", "adam", {"output": "adaptive", "cutoffs": [20, 327]})
    add("windows long context", "sgd", {"context": 40})
    large = {"rows": 1500, "n_outputs": 1500, "dim": 40, "hidden": [120]}
    for output, more in OUTPUTS.items():
        add(f"windows large {output}", "adam", large, more, n_threads=2)
    return out


def run(case: Case, dtype: str, n_threads: int) -> dict[str, Any]:
    """Weights, states and outputs after three batches, and their losses."""
    words = case.spec["rows"]
    # the rarest words stay out: a cluster may have no example
    ids = skewed("stream", words - 4, 600).astype(np.int32)
    by_frequency = None
    if case.spec["output"] != "vocabulary":
        counts = np.bincount(ids, minlength=words)
        by_frequency = np.argsort(-counts, kind="stable")
    net = driver.make(case.spec, dtype, by_frequency)
    driver.fill(net)
    length = case.run_length
    starts = np.arange(0, 600, length)[shuffled("runs", -(-600 // length))]
    lengths = np.minimum(length, 600 - starts)
    offsets = np.linspace(0, starts.size, 4).astype(np.int64)
    rates = RATES[case.spec["optimizer"]] / np.array([1.0, 2.0, 4.0])
    losses = net.train(ids, starts, lengths, offsets, rates, n_threads)
    outputs = {
        "log_prob": net.log_prob(ids, 0, 150, n_threads),
        "distribution": net.distribution(ids[:50], n_threads),
    }
    return {
        "weights": net.parameters(),
        "states": net.state(),
        "outputs": outputs,
        "numbers": losses,
    }
