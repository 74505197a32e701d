"""Random examples and targets of every kind, as the compiled objects and as what an oracle reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn

INPUTS: dict[str, dict[str, Any]] = {
    "dense": {"input": "dense", "n_inputs": 7},
    "sparse": {"input": "sparse", "n_inputs": 23},
    "bags": {"input": "bags", "rows": 31, "dim": 5},
    "concat": {"input": "concat", "rows": 31, "dim": 5, "max_tokens": 4},
    "windows": {"input": "windows", "rows": 31, "dim": 5, "context": 3},
}
TABLES = ("bags", "concat", "windows")
# What an output is asked, and the kind of targets that say it.
OUTPUTS: dict[str, tuple[dict[str, Any], str]] = {
    "classes": ({"loss": "softmax"}, "classes"),
    "soft": ({"loss": "softmax"}, "rows"),
    "sets": ({"loss": "sigmoid"}, "sets"),
    "weighted sets": ({"loss": "sigmoid"}, "weighted sets"),
    "probabilities": ({"loss": "sigmoid"}, "rows"),
    "values": ({"loss": "squared"}, "values"),
    "vocabulary": ({"output": "vocabulary"}, "classes"),
    "adaptive": ({"output": "adaptive", "cutoffs": [3, 7]}, "classes"),
    "sampled": ({"output": "sampled", "samples": 4}, "classes"),
}
WORDS = ("vocabulary", "adaptive", "sampled")


def make_spec(kind: str, **more: Any) -> dict[str, Any]:
    return {**INPUTS[kind], "n_outputs": 3, "hidden": [6], **more}


def targets_of(spec: Mapping[str, Any]) -> str:
    """The first kind of targets that the loss takes."""
    return {"softmax": "classes", "sigmoid": "sets", "squared": "values"}[
        spec.get("loss", "softmax")
    ]


def by_frequency(spec: Mapping[str, Any]) -> NDArray[np.int64] | None:
    """A shuffled order of the outputs, for those that want one."""
    if spec.get("output") not in ("adaptive", "sampled"):
        return None
    return np.random.default_rng(spec["n_outputs"]).permutation(spec["n_outputs"])


def build(spec: Mapping[str, Any], dtype: Any = np.float64, scale: float = 0.0) -> Any:
    """A network; with `scale` every parameter is drawn anew, gains around 1."""
    compiled = _pyffnn.Network64 if dtype == np.float64 else _pyffnn.Network
    net = compiled(dict(spec), by_frequency(spec))
    net.initialise(7)
    if scale:
        rng = np.random.default_rng(1)
        for name, w in sorted(net.parameters().items()):
            w[...] = rng.normal(size=w.shape) * scale + name.endswith(".gain")
    return net


class Data:
    """`n` examples with targets of one kind ("weighted sets": sets with a weight for each output) and a weight each."""

    def __init__(
        self,
        spec: Mapping[str, Any],
        n: int,
        seed: int = 0,
        dtype: Any = np.float64,
        targets: str | None = None,
        max_len: int = 9,
        classes: Any = np.int64,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.spec, self.n, self.dtype, self.kind = spec, n, dtype, spec["input"]
        self.x: Any = None
        self.rows: list[list[int]] = []
        self._draw_examples(rng, max_len)
        self.targets_kind = targets or targets_of(spec)
        self.output_weight: NDArray[Any] | None = None
        self.y = self._draw_targets(rng, classes)
        self.w = rng.random(n).astype(dtype) + 0.1

    def _draw_examples(self, rng: Any, max_len: int) -> None:
        spec, n = self.spec, self.n
        if self.kind == "dense":
            self.x = rng.normal(size=(n, spec["n_inputs"])).astype(self.dtype)
            self.arrays: tuple[NDArray[Any], ...] = (self.x,)
        elif self.kind == "sparse":
            self.x = np.zeros((n, spec["n_inputs"]), self.dtype)
            for i in range(n):
                count = rng.integers(0, min(max_len, spec["n_inputs"]))
                ids = rng.choice(spec["n_inputs"], count, replace=False)
                self.x[i, ids] = rng.normal(size=len(ids))
                self.rows.append(ids.tolist())
            values = [self.x[i, ids] for i, ids in enumerate(self.rows)]
            flat, offsets = self._csr(self.rows)
            self.arrays = (offsets, flat, np.concatenate(values).astype(self.dtype))
        elif self.kind == "windows":
            self.stream = (rng.random(n) ** 2 * spec["rows"]).astype(np.int32)
            self.arrays = (self.stream,)
        else:
            low = -1 if self.kind == "concat" else 0
            for _ in range(n):
                # Squared uniforms: some ids are frequent, and repeat within a bag.
                ids = (rng.random(rng.integers(0, max_len)) ** 2 * spec["rows"]).astype(int)
                ids = ids + (rng.random() < 0.2) * low
                self.rows.append(np.maximum(ids, low).tolist())
            self.arrays = self._csr(self.rows)

    @staticmethod
    def _csr(rows: list[list[int]]) -> tuple[NDArray[Any], NDArray[Any]]:
        flat = np.array([i for ids in rows for i in ids], np.int32)
        return flat, np.cumsum([0] + [len(ids) for ids in rows])

    def _draw_targets(self, rng: Any, classes: Any) -> NDArray[Any]:
        """Classes [n], or rows of numbers [n, n_outputs]."""
        n, c = self.n, self.spec["n_outputs"]
        if self.targets_kind == "classes":
            if self.kind == "windows" and c == self.spec["rows"]:
                return self.stream.astype(classes)
            return np.asarray((rng.random(n) ** 1.5 * c).astype(classes))
        if self.targets_kind == "values":
            return np.asarray(rng.normal(size=(n, c)).astype(self.dtype))
        if self.targets_kind == "rows":
            p = rng.random((n, c))
            if self.spec.get("loss", "softmax") == "softmax":
                p /= p.sum(1, keepdims=True)
            return np.asarray(p.astype(self.dtype))
        if self.targets_kind == "weighted sets":
            self.output_weight = rng.random(c).astype(self.dtype) * 2
        return np.asarray((rng.random((n, c)) < 0.4).astype(self.dtype))

    @property
    def examples(self) -> Any:
        e, spec, a = _pyffnn.Examples, self.spec, self.arrays
        if self.kind == "dense":
            return e.dense(*a)
        if self.kind == "sparse":
            return e.sparse(*a, spec["n_inputs"])
        if self.kind == "bags":
            return e.bags(*a, spec["rows"])
        if self.kind == "concat":
            return e.sequences(*a, spec["rows"], spec["max_tokens"])
        return e.stream(*a, spec["rows"])

    def targets(self, weight: Any = "own") -> Any:
        """weight: "own", None or an array."""
        t, c = _pyffnn.Targets, self.spec["n_outputs"]
        w = self.w if isinstance(weight, str) else weight
        if self.targets_kind == "classes":
            return t.classes(self.y, c, w)
        if self.targets_kind == "rows":
            return t.rows(self.y, w)
        if self.targets_kind == "values":
            return t.values(self.y, w)
        labels, offsets = self._csr([np.flatnonzero(row).tolist() for row in self.y])
        return t.sets(offsets, labels, c, w, self.output_weight)

    def touched(self, order: Any) -> NDArray[np.int64]:
        """Rows of the table (of a sparse input: features) that examples look at."""
        if self.kind == "windows":
            reach = self.spec["context"]
            if self.spec.get("distant_kernels", 0):
                reach += self.spec["distant_window"]
            back = np.asarray(order)[:, None] - np.arange(1, reach + 1)
            return np.unique(self.stream[back[back >= 0]])
        cut = self.spec.get("max_tokens") if self.kind == "concat" else None
        ids = {i for e in order for i in self.rows[e][:cut] if i >= 0}
        return np.array(sorted(ids), np.int64)
