"""A feedforward network and its training steps in plain NumPy float64: the oracle of the fused step."""

from __future__ import annotations

import numpy as np

ACT = {
    "relu": (lambda z: np.maximum(z, 0), lambda y: (y > 0).astype(y.dtype)),
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda y: y * (1 - y)),
    "identity": (lambda z: z, lambda y: np.ones_like(y)),
}


def log_softmax(z):
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


class Oracle:
    """`params`: copies of a network's parameters. Examples are (kind, arrays) as in `Examples.arrays`."""

    def __init__(self, spec, params):
        self.spec = spec
        self.p = {name: np.array(value, np.float64) for name, value in params.items()}
        self.layers = len(spec.get("hidden", [])) + 1
        self.s1 = {name: np.zeros_like(value) for name, value in self.p.items()}
        self.s2 = {name: np.zeros_like(value) for name, value in self.p.items()}
        if self.by_row:
            self.s1["embedding"] = np.zeros(len(self.p["embedding"]))
            self.row_rates = np.ones(len(self.p["embedding"]))
        self.t = 0

    @property
    def by_row(self):
        default = "adagrad_row" if self.spec.get("optimizer") == "adagrad" else "same"
        return (
            "embedding" in self.p and self.spec.get("embedding_optimizer", default) == "adagrad_row"
        )

    def selector(self, bags):
        """[m, rows]: the share of each row in a bag's mean (or sum, or sum over the root of its size)."""
        a = np.zeros((len(bags), self.spec["rows"]))
        power = {"mean": 1, "sqrtn": 0.5, "sum": 0}[self.spec.get("pool", "mean")]
        for b, ids in enumerate(bags):
            for i in ids:
                a[b, i] += 1 / len(ids) ** power
        return a

    def first(self, batch):
        kind = self.spec["input"]
        if kind in ("dense", "sparse"):
            return np.asarray(batch, np.float64)
        table = self.p["embedding"]
        if kind == "mean":
            return self.selector(batch) @ table
        out = np.zeros((len(batch), self.spec["max_tokens"], self.spec["dim"]))
        for b, ids in enumerate(batch):
            for j, i in enumerate(ids[: self.spec["max_tokens"]]):
                if i >= 0:
                    out[b, j] = table[i]
        return out.reshape(len(batch), -1)

    def forward(self, batch):
        act = ACT[self.spec.get("activation", "relu")][0]
        ys = [self.first(batch)]
        for layer in range(self.layers):
            z = ys[-1] @ self.p[f"weight{layer}"] + self.p[f"bias{layer}"]
            ys.append(z if layer + 1 == self.layers else act(z))
        return ys

    def losses(self, z, y):
        if self.spec.get("loss", "softmax") == "softmax":
            return -log_softmax(z)[np.arange(len(z)), y]
        y = np.asarray(y, np.float64).reshape(z.shape)
        return (np.logaddexp(0, z) - y * z).sum(axis=1)

    def probabilities(self, batch):
        z = self.forward(batch)[-1]
        return (
            np.exp(log_softmax(z))
            if self.spec.get("loss", "softmax") == "softmax"
            else 1 / (1 + np.exp(-z))
        )

    def loss(self, batch, y, w=None):
        w = np.ones(len(batch)) if w is None else np.asarray(w, np.float64)
        return float((w * self.losses(self.forward(batch)[-1], y)).sum() / w.sum())

    def gradients(self, batch, y, w=None):
        w = np.ones(len(batch)) if w is None else np.asarray(w, np.float64)
        ys = self.forward(batch)
        z = ys[-1]
        if self.spec.get("loss", "softmax") == "softmax":
            dz = np.exp(log_softmax(z))
            dz[np.arange(len(z)), y] -= 1
        else:
            dz = 1 / (1 + np.exp(-z)) - np.asarray(y, np.float64).reshape(z.shape)
        dz *= (w / w.sum())[:, None]
        dact = ACT[self.spec.get("activation", "relu")][1]
        g = {}
        for layer in reversed(range(self.layers)):
            g[f"weight{layer}"] = ys[layer].T @ dz
            g[f"bias{layer}"] = dz.sum(axis=0)
            dx = dz @ self.p[f"weight{layer}"].T
            if layer > 0:
                dz = dx * dact(ys[layer])
        if "embedding" in self.p:
            if self.spec["input"] == "mean":
                g["embedding"] = self.selector(batch).T @ dx
            else:
                g["embedding"] = np.zeros_like(self.p["embedding"])
                dx = dx.reshape(len(batch), self.spec["max_tokens"], self.spec["dim"])
                for b, ids in enumerate(batch):
                    for j, i in enumerate(ids[: self.spec["max_tokens"]]):
                        if i >= 0:
                            g["embedding"][i] += dx[b, j]
        return g

    def touched(self, batch):
        """Which rows of the table (embedding, or weight0 of a sparse input) take part in the step."""
        if self.spec["input"] == "sparse":
            return self.touched_features
        cut = self.spec.get("max_tokens") if self.spec["input"] == "concat" else None
        hit = np.zeros(self.spec["rows"], bool)
        for ids in batch:
            hit[[i for i in ids[:cut] if i >= 0]] = True
        return hit

    def step(self, batch, y, lr, w=None, touched_features=None):
        """One optimizer step; returns the weighted mean loss before it."""
        spec, self.t = self.spec, self.t + 1
        self.touched_features = touched_features
        loss = self.loss(batch, y, w)
        for name, g in self.gradients(batch, y, w).items():
            if name == "embedding" and spec.get("freeze_embeddings"):
                continue
            p, s1, s2 = self.p[name], self.s1[name], self.s2[name]
            table = name == "embedding" or (name == "weight0" and spec["input"] == "sparse")
            rows = self.touched(batch) if table else np.ones(len(p), bool)
            rate = lr * spec.get("embedding_lr", 1) if name == "embedding" else lr
            weights = not name.startswith("bias")
            gr = g[rows] + (spec.get("l2", 0) * p[rows] if weights else 0)
            keep = 1 - rate * spec.get("weight_decay", 0) if weights else 1
            b1, b2, eps = spec.get("beta1", 0.9), spec.get("beta2", 0.999), spec.get("eps", 1e-8)
            kind = spec.get("optimizer", "sgd")
            if name == "embedding" and self.by_row:
                s1[rows] += (gr**2).mean(axis=1)
                scale = self.row_rates[rows] / (np.sqrt(s1[rows]) + eps)
                p[rows] = keep * p[rows] - rate * gr * scale[:, None]
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
                m, v = s1[rows] / (1 - b1**self.t), s2[rows] / (1 - b2**self.t)
                p[rows] = keep * p[rows] - rate * m / (np.sqrt(v) + eps)
        return loss


class Examples:
    """Random examples of one kind of input, in the form of the network (`args`) and of the oracle (`batch(order)`)."""

    def __init__(self, spec, n, seed=0, dtype=np.float64, max_len=9):
        rng = np.random.default_rng(seed)
        self.kind, self.n = spec["input"], n
        loss = spec.get("loss", "softmax")
        c = spec["n_outputs"]
        self.y = (
            rng.integers(0, c, n) if loss == "softmax" else rng.random((n, c)).round().astype(dtype)
        )
        self.w = rng.random(n).astype(dtype) + 0.1
        if self.kind == "dense":
            self.x = rng.normal(size=(n, spec["n_inputs"])).astype(dtype)
            self.args = (self.x,)
        elif self.kind == "sparse":
            self.x = np.zeros((n, spec["n_inputs"]), dtype)
            indptr, indices, data = [0], [], []
            for i in range(n):
                ids = rng.permutation(spec["n_inputs"])[
                    : rng.integers(0, min(max_len, spec["n_inputs"]))
                ]
                values = rng.normal(size=len(ids)).astype(dtype)
                self.x[i, ids] = values
                indices += ids.tolist()
                data += values.tolist()
                indptr.append(len(indices))
            self.args = (np.array(indptr), np.array(indices, np.int32), np.array(data, dtype))
        else:
            low = -1 if self.kind == "concat" else 0
            # Squared uniforms: some ids are frequent, and repeat within a bag.
            self.bags = [
                np.maximum(
                    (rng.random(rng.integers(0, max_len)) ** 2 * spec["rows"]).astype(int)
                    + (rng.random() < 0.2) * low,
                    low,
                ).tolist()
                for _ in range(n)
            ]
            self.args = (
                np.array([i for ids in self.bags for i in ids], np.int32),
                np.cumsum([0] + [len(b) for b in self.bags]),
            )

    def batch(self, order):
        return [self.bags[i] for i in order] if self.kind in ("mean", "concat") else self.x[order]

    def touched(self, order):
        if self.kind != "sparse":
            return None
        indptr, indices, _ = self.args
        hit = np.zeros(self.x.shape[1], bool)
        for i in order:
            hit[indices[indptr[i] : indptr[i + 1]]] = True
        return hit


BASE = {
    "dense": {"input": "dense", "n_inputs": 7},
    "sparse": {"input": "sparse", "n_inputs": 23},
    "mean": {"input": "mean", "rows": 31, "dim": 5},
    "concat": {"input": "concat", "rows": 31, "dim": 5, "max_tokens": 4},
}


def make_spec(kind, **more):
    return {**BASE[kind], "n_outputs": 3, "hidden": [6], **more}


def suffix(kind):
    return {"mean": "bags", "concat": "bags"}.get(kind, kind)


def call(net, method, examples, *args, **kwargs):
    return getattr(net, f"{method}_{suffix(examples.kind)}")(*examples.args, *args, **kwargs)
