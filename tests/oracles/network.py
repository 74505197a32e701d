"""Networks of every spec in NumPy float64, read off the equations in `net/spec.h`: the oracle of the engine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from oracles import tape
from oracles.examples import Data, by_frequency
from oracles.tape import Array, Value

ACTIVATIONS = {
    name: getattr(tape, name) for name in ("identity", "relu", "tanh", "sigmoid", "gelu")
}
DEFAULTS: dict[str, Any] = {
    "pool": "mean",
    "distant_kernels": 0,
    "distant_window": 0,
    "ngram_rows": 0,
    "hidden": [],
    "activation": "relu",
    "output": "classes",
    "loss": "softmax",
    "optimizer": "sgd",
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "l2": 0.0,
    "weight_decay": 0.0,
    "clip": 0.0,
    "embedding_lr": 1.0,
    "seed": 0,
}
SAMPLED = 3  # the stream of random numbers that drawn words have


def mix64(z: int) -> int:
    """splitmix64's finaliser."""
    z &= 2**64 - 1
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & 2**64 - 1
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & 2**64 - 1
    return z ^ (z >> 31)


def uniform(seed: int, step: int, stream: int, counter: int) -> float:
    golden = 0x9E3779B97F4A7C15
    key = mix64(mix64(mix64(seed + golden) + step * golden) + stream * golden)
    return float((mix64(key + counter * golden) >> 11) * 2.0**-53)


class Oracle:
    """`params`: copies of a network's parameters. A batch is example numbers of the `Data`; `mask` multiplies the last layer's result."""

    def __init__(self, spec: Mapping[str, Any], params: Mapping[str, Any]) -> None:
        self.spec = {**DEFAULTS, **spec}
        self.p = {name: np.array(v, np.float64) for name, v in params.items()}
        self.s1 = {name: np.zeros_like(v) for name, v in self.p.items()}
        self.s2 = {name: np.zeros_like(v) for name, v in self.p.items()}
        self.row_rates = np.ones(self.spec.get("rows", 0))
        if self.by_row:
            self.s1["embedding"] = np.zeros(len(self.p["embedding"]))
        self.t = 0
        self.mask: Any = None
        order = by_frequency(spec)
        self.by_frequency = np.arange(self.spec["n_outputs"]) if order is None else order

    @property
    def by_row(self) -> bool:
        s = self.spec
        row_wise = s["optimizer"] == "adagrad" and s["input"] in ("bags", "concat")
        default = "adagrad_row" if row_wise else "same"
        return "embedding" in self.p and s.get("embedding_optimizer", default) == "adagrad_row"

    # -- forward

    def inputs(self, v: dict[str, Value], data: Data, order: Any) -> Value:
        s = self.spec
        if s["input"] in ("dense", "sparse"):
            return Value(data.x[order])
        table = v["output.weight"][:, : s["dim"]] if s.get("tied") else v["embedding"]
        if s["input"] == "bags":
            return self.pooled(table, [data.rows[e] for e in order])
        if s["input"] == "concat":
            ids = np.full((len(order), s["max_tokens"]), -1)
            for b, e in enumerate(order):
                row = data.rows[e][: s["max_tokens"]]
                ids[b, : len(row)] = row
            return tape.join([self.word(table, column) for column in ids.T])
        positions = np.asarray(order)

        def back(j: int) -> Value:
            at = positions - j
            return self.word(table, np.where(at >= 0, data.stream[np.maximum(at, 0)], -1))

        parts = [back(j) for j in range(s["context"], 0, -1)]
        for k in range(s["distant_kernels"]):
            mean = Value(np.zeros((len(positions), s["dim"])))
            for j in range(1, s["distant_window"] + 1):
                mean = mean + back(s["context"] + j) * v["distant"][k, j - 1]
            parts.append(mean)
        if s["ngram_rows"]:
            for n in range(2, s["ngram_words"] + 1):
                z = self.ngrams(v, self.ngram_rows(data, positions, n))
                gate = v["ngrams.gate"][n - 2]
                parts.append(tape.sigmoid((z * gate[:-1]).sum(1) + gate[-1:]) * z)
        return tape.join(parts)

    def ngrams(self, v: dict[str, Value], rows: NDArray[Any]) -> Value:
        return tape.join([self.word(v["ngrams"], head) for head in rows.T])

    def ngram_rows(self, data: Data, positions: NDArray[Any], n: int) -> NDArray[np.int64]:
        """Of the n words before each position, [m, heads]; -1 where the stream has begun later."""
        s = self.spec
        out = np.full((len(positions), s["ngram_heads"]), -1)
        golden, top = 0x9E3779B97F4A7C15, 2**64 - 1
        for i, t in enumerate(positions):
            if t < n:
                continue
            h = 0
            for j in range(1, n + 1):
                h = mix64(h + (int(data.stream[t - j]) + 1) * golden & top)
            for head in range(s["ngram_heads"]):
                slot = (n - 2) * s["ngram_heads"] + head
                bucket = mix64(h + head * golden & top) % s["ngram_rows"]
                out[i, head] = slot * s["ngram_rows"] + bucket
        return out

    def pooled(self, table: Value, bags: list[list[int]]) -> Value:
        """Statistics of the rows of bags, or of the means of their windows."""
        s = self.spec
        if window := s.get("window", 0):
            parts = [[bag[i : i + window] for i in range(0, len(bag), window)] for bag in bags]
            means = self.sums(table, [part for of in parts for part in of], 1)
            ends = np.cumsum([0] + [len(of) for of in parts])
            bags = [list(range(ends[i], ends[i + 1])) for i in range(len(parts))]
            table = means
        pools = [s["pool"]] if isinstance(s["pool"], str) else s["pool"]
        power = {"mean": 1, "sqrtn": 0.5, "sum": 0}
        return tape.join(
            [
                self.sums(table, bags, power[p])
                if p in power
                else self.extremes(table, bags, np.argmax if p == "max" else np.argmin)
                for p in pools
            ]
        )

    @staticmethod
    def sums(table: Value, bags: list[list[int]], power: float) -> Value:
        shares = np.zeros((len(bags), len(table.data)))
        for b, ids in enumerate(bags):
            for i in ids:
                shares[b, i] += len(ids) ** -power
        return Value(shares) @ table

    @staticmethod
    def extremes(table: Value, bags: list[list[int]], pick: Any) -> Value:
        dim = table.data.shape[1]
        rows = [
            np.array(ids)[pick(table.data[ids], axis=0)] if ids else np.zeros(dim, int)
            for ids in bags
        ]
        there = np.array([bool(ids) for ids in bags])[:, None] * 1.0
        return table[np.array(rows).reshape(len(bags), dim), np.arange(dim)] * there

    @staticmethod
    def word(table: Value, ids: NDArray[Any]) -> Value:
        return table[np.maximum(ids, 0)] * (ids >= 0)[:, None]

    def linear(self, v: dict[str, Value], name: str, x: Value) -> Value:
        z = x @ v[name + ".weight"]
        return z + v[name + ".bias"] if name + ".bias" in v else z

    def norm(self, v: dict[str, Value], name: str, x: Value) -> Value:
        if not self.spec.get("layer_norm"):
            return x
        c = x - x.mean(1)
        scaled = c * tape.inverse_root((c * c).mean(1) + 1e-5)
        return scaled * v[name + ".gain"] + v[name + ".shift"]

    def read(self, v: dict[str, Value], data: Data, order: Any) -> Value:
        """What the output reads."""
        s = self.spec
        act = ACTIVATIONS[s["activation"]]
        x = self.inputs(v, data, order)
        h = x
        if s.get("residual"):
            h = self.linear(v, "input", x)
            for i in range(len(s["hidden"])):
                inner = self.norm(v, f"hidden{i}.norm", h)
                inner = act(self.linear(v, f"hidden{i}", inner))
                h = h + self.linear(v, f"hidden{i}.out", inner)
            h = self.norm(v, "output.norm", h)
        else:
            for i in range(len(s["hidden"])):
                z = self.linear(v, f"hidden{i}", h)
                h = act(self.norm(v, f"hidden{i}.norm", z))
            if s.get("tied"):
                h = self.linear(v, "projection", h)
        if self.mask is not None:
            h = h * self.mask
        return tape.join([h, x]) if s.get("direct") else h

    def logits(self, v: dict[str, Value], h: Value, name: str = "output") -> Value:
        """Of a matrix whose rows belong to words."""
        return h @ v[name + ".weight"].transposed + v[name + ".bias"]

    def log_p(self, v: dict[str, Value], h: Value) -> Value:
        """[m, n_outputs] under a softmax."""
        s = self.spec
        if s["output"] == "classes":
            return tape.log_softmax(self.linear(v, "output", h))
        if s["output"] != "adaptive":
            return tape.log_softmax(self.logits(v, h))
        head = tape.log_softmax(self.logits(v, h, "output.head"))
        first = s["cutoffs"][0]
        parts = [head[:, :first]]
        for i in range(len(s["cutoffs"])):
            name = f"output.tail{i}"
            tail = tape.log_softmax(self.logits(v, h @ v[name + ".projection"], name))
            parts.append(tail + head[:, first + i : first + i + 1])
        return tape.join(parts)[:, np.argsort(self.by_frequency)]

    # -- losses

    def drawn(self, targets: NDArray[Any]) -> tuple[NDArray[Any], Array]:
        """Words of a step of sampled softmax, rising, and what the log of each one's weight is."""
        s = self.spec
        n, log_all = s["n_outputs"], math.log(s["n_outputs"] + 1)
        counts: dict[int, int] = {}
        for i in range(s["samples"]):
            u = uniform(s["seed"], self.t, SAMPLED, i)
            rank = min(max(int(math.exp(u * log_all)) - 1, 0), n - 1)
            counts[rank] = counts.get(rank, 0) + 1
        weight = {
            int(self.by_frequency[r]): math.log(c / (s["samples"] * math.log((r + 2) / (r + 1)) / log_all))
            for r, c in counts.items()
        }  # fmt: skip
        words = np.array(sorted({*weight, *targets.tolist()}))
        return words, np.array([weight.get(int(w), -60.0) for w in words])

    def losses(self, v: dict[str, Value], h: Value, data: Data, order: Any, drawing: bool) -> Value:
        """[m, 1]"""
        s, y = self.spec, data.y[order]
        rows = np.arange(len(y))
        if s["loss"] == "softmax":
            if drawing and s["output"] == "sampled":
                words, weight = self.drawn(y)
                own = words == y[:, None]
                z = self.logits(v, h)[:, words] + np.where(own, 0.0, weight)
                return (tape.log_softmax(z) * own).sum(1) * -1.0
            log_p = self.log_p(v, h)
            if data.targets_kind == "classes":
                return log_p[rows, y][:, None] * -1.0
            return (log_p * y.astype(np.float64)).sum(1) * -1.0
        z = self.linear(v, "output", h)
        y = y.astype(np.float64)
        if s["loss"] == "squared":
            return ((z - y) * (z - y)).sum(1) * 0.5
        each = np.ones(s["n_outputs"]) if data.output_weight is None else data.output_weight
        return ((tape.softplus(z) - z * y) * each.astype(np.float64)).sum(1)

    def weights(self, data: Data, order: Any, w: Any) -> Array:
        if isinstance(w, str):
            w = data.w
        return np.ones(len(order)) if w is None else np.asarray(w[order], np.float64)

    def values(self) -> dict[str, Value]:
        return {name: Value(p) for name, p in self.p.items()}

    def example_losses(self, data: Data, order: Any) -> Array:
        v = self.values()
        return self.losses(v, self.read(v, data, order), data, order, False).data[:, 0]

    def probabilities(self, data: Data, order: Any) -> Array:
        """Or values."""
        v = self.values()
        h = self.read(v, data, order)
        if self.spec["loss"] == "softmax":
            return np.exp(self.log_p(v, h).data)
        z = self.linear(v, "output", h)
        return tape.sigmoid(z).data if self.spec["loss"] == "sigmoid" else z.data

    def gradients(self, data: Data, order: Any, w: Any = "own") -> tuple[float, dict[str, Array]]:
        """The weighted mean loss of the batch, and its gradients. w: "own", None or an array over all examples."""
        v = self.values()
        losses = self.losses(v, self.read(v, data, order), data, order, True)
        weight = self.weights(data, order, w)
        mean = (losses * (weight / weight.sum())[:, None]).sum()
        return float(mean.data), tape.gradients(mean, v)

    # -- the step

    def rows_of_step(self, name: str, data: Data, order: Any) -> Any:
        """Which rows take part: not all of a table of which a batch touches few."""
        s = self.spec
        first = (
            "input" if s.get("residual") else "hidden0" if s["hidden"] else "output"
        ) + ".weight"
        if name == "embedding" or (s["input"] == "sparse" and name == first):
            return data.touched(order)
        if name == "ngrams":
            at = np.asarray(order)
            lengths = range(2, s["ngram_words"] + 1)
            rows = np.unique(
                np.concatenate([self.ngram_rows(data, at, n).ravel() for n in lengths])
            )
            return rows[rows >= 0]
        if s["output"] == "sampled" and name in ("output.weight", "output.bias"):
            words, _ = self.drawn(data.y[order])
            if s.get("tied") and name == "output.weight":
                return np.union1d(words, data.touched(order))
            return words
        return slice(None)

    def step(self, data: Data, order: Any, lr: float, w: Any = "own") -> float:
        """One optimizer step; returns the weighted mean loss before it."""
        s = self.spec
        loss, grads = self.gradients(data, order, w)
        if s.get("freeze_embeddings") or self.t < s.get("frozen_steps", 0):
            grads.pop("embedding", None)
        norm = math.sqrt(sum(float((g**2).sum()) for g in grads.values()))
        scale = s["clip"] / norm if s["clip"] and norm > s["clip"] else 1.0
        # The words of a step are drawn by its number.
        parts = {name: self.rows_of_step(name, data, order) for name in grads}
        self.t += 1
        for name, g in grads.items():
            self.update(name, g * scale, parts[name], lr)
        return loss

    def update(self, name: str, g: Array, rows: Any, lr: float) -> None:
        s = self.spec
        p, s1, s2 = self.p[name], self.s1[name], self.s2[name]
        rate = lr * s["embedding_lr"] if name in ("embedding", "ngrams") else lr
        decays = p.ndim == 2 and name not in ("distant", "ngrams.gate")
        gr = g[rows] + (s["l2"] * p[rows] if decays else 0)
        keep = 1 - rate * s["weight_decay"] if decays else 1
        b1, b2, eps, kind = s["beta1"], s["beta2"], s["eps"], s["optimizer"]
        if name == "embedding" and self.by_row:
            s1[rows] += (gr**2).mean(axis=1)
            factor = self.row_rates[rows] / (np.sqrt(s1[rows]) + eps)
            p[rows] = keep * p[rows] - rate * gr * factor[:, None]
        elif kind == "sgd":
            p[rows] = keep * p[rows] - rate * gr
        elif kind == "momentum":
            s1[rows] = b1 * s1[rows] + gr
            p[rows] = keep * p[rows] - rate * s1[rows]
        elif kind == "adagrad":
            s1[rows] += gr**2
            p[rows] = keep * p[rows] - rate * gr / (np.sqrt(s1[rows]) + eps)
        else:
            s1[rows] = b1 * s1[rows] + (1 - b1) * gr
            s2[rows] = b2 * s2[rows] + (1 - b2) * gr**2
            m, u = s1[rows] / (1 - b1**self.t), s2[rows] / (1 - b2**self.t)
            p[rows] = keep * p[rows] - rate * m / (np.sqrt(u) + eps)
