"""A small reader of fastText's files, and what it predicts with them, written from the format alone: plain Python and NumPy."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}


def hash_of(data: bytes) -> int:
    h = 2166136261
    for byte in data:
        h ^= byte if byte < 128 else byte | 0xFFFFFF00
        h = h * 16777619 & 0xFFFFFFFF
    return h


class FileOracle:
    def __init__(self, path: str | Path) -> None:
        self._data, self._at = Path(path).read_bytes(), 0
        magic, self.version = self._take("<ii")
        assert magic == 793712314
        names = (
            "dim ws epoch minCount neg wordNgrams loss model bucket minn maxn lrUpdateRate".split()
        )
        self.args = dict(zip(names, self._take("<12i"), strict=True))
        (self.args["t"],) = self._take("<d")
        size, self.nwords, self.nlabels = self._take("<3i")
        self.ntokens, pruned = self._take("<qq")
        self.entries, self.counts = [], []
        for _ in range(size):
            end = self._data.index(b"\0", self._at)
            self.entries.append(self._data[self._at : end])
            self._at = end + 1
            count, _ = self._take("<qb")
            self.counts.append(count)
        self.ids = {word: i for i, word in enumerate(self.entries)}
        self.kept = dict(self._take("<ii") for _ in range(max(pruned, 0)))
        self.pruned = pruned >= 0
        (self.quant,) = self._take("<?")
        self.input = self._quantised() if self.quant else self._dense()
        (self.qout,) = self._take("<?")
        self.output = self._quantised() if self.quant and self.qout else self._dense()
        assert self._at == len(self._data)

    def _take(self, layout: str) -> tuple:
        found = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return found

    def _array(self, dtype: str, count: int) -> np.ndarray:
        found = np.frombuffer(self._data, dtype, count, self._at)
        self._at += found.nbytes
        return found

    def _dense(self) -> np.ndarray:
        m, n = self._take("<qq")
        return self._array("<f4", m * n).reshape(m, n).astype(np.float64)

    def _centroids(self) -> tuple[int, int, int, np.ndarray]:
        dim, parts, dsub, last = self._take("<4i")
        return parts, dsub, last, self._array("<f4", dim * 256)

    def _quantised(self) -> np.ndarray:
        (qnorm,) = self._take("<?")
        m, n = self._take("<qq")
        (size,) = self._take("<i")
        codes = self._array("u1", size)
        parts, dsub, last, centroids = self._centroids()
        codes = codes.reshape(m, parts)
        table = np.zeros((m, n))
        for part in range(parts):
            width = last if part == parts - 1 else dsub
            own = centroids[part * 256 * dsub :][: 256 * width].reshape(256, width)
            table[:, part * dsub : part * dsub + width] = own[codes[:, part]]
        if qnorm:
            norm_codes = self._array("u1", m)
            table *= self._centroids()[3][norm_codes][:, None]
        return table

    # ---- texts

    def _bucket(self, h: int) -> list[int]:
        h %= self.args["bucket"]
        if self.pruned:
            return [self.nwords + self.kept[h]] if h in self.kept else []
        return [self.nwords + h]

    def pieces(self, word: bytes) -> list[tuple[bytes, int]]:
        found = []
        chars = [c.encode() for c in f"<{word.decode()}>"]
        if self.args["maxn"] <= 0:
            return []
        for i in range(len(chars)):
            for n in range(self.args["minn"], self.args["maxn"] + 1):
                if n < 1 or i + n > len(chars) or (n == 1 and i in (0, len(chars) - 1)):
                    continue
                gram = b"".join(chars[i : i + n])
                found += [(gram, row) for row in self._bucket(hash_of(gram))]
        return found

    def word_rows(self, word: bytes) -> list[int]:
        own = [self.ids[word]] if word in self.ids else []
        return own + ([] if word == b"</s>" else [row for _, row in self.pieces(word)])

    def line_rows(self, text: str, closed: bool = True) -> list[int]:
        words = text.encode().replace(b"\0", b" ").split() + [b"</s>"] * closed
        rows, hashes = [], []
        for word in words:
            known = self.ids.get(word, -1)
            if known < self.nwords and not (known < 0 and word.startswith(b"__label__")):
                rows += self.word_rows(word)
                hashes.append(hash_of(word))
            if word == b"</s>":
                break
        signed = [h - (1 << 32) if h >> 31 else h for h in hashes]
        for i in range(len(signed)):
            h = signed[i] % (1 << 64)
            for j in range(i + 1, min(len(signed), i + self.args["wordNgrams"])):
                h = (h * 116049371 + signed[j]) % (1 << 64)
                rows += self._bucket(h)
        return rows

    def probabilities(self, text: str) -> dict[str, float]:
        """Of every label, without the 1e-5 that fastText adds."""
        rows = self.line_rows(text)
        hidden = self.input[rows].mean(axis=0)
        labels = [self.entries[self.nwords + i].decode() for i in range(self.nlabels)]
        loss = LOSSES[self.args["loss"]]
        if loss == "hs":
            return dict(zip(labels, self._tree(hidden), strict=True))
        z = self.output @ hidden
        p = (
            np.exp(z - z.max()) / np.exp(z - z.max()).sum()
            if loss == "softmax"
            else 1 / (1 + np.exp(-z))
        )
        return dict(zip(labels, p, strict=True))

    def _tree(self, hidden: np.ndarray) -> list[float]:
        """Huffman's algorithm over the counts, ties as fastText has them; the probability of each leaf."""
        n = self.nlabels
        weight = [float(c) for c in self.counts[self.nwords :]] + [math.inf] * (n - 1)
        parent, right = [-1] * (2 * n - 1), [False] * (2 * n - 1)
        leaf, node = n - 1, n
        for i in range(n, 2 * n - 1):
            both = []
            for is_right in (False, True):
                if leaf >= 0 and weight[leaf] < weight[node]:
                    chosen, leaf = leaf, leaf - 1
                else:
                    chosen, node = node, node + 1
                parent[chosen], right[chosen] = i, is_right
                both.append(weight[chosen])
            weight[i] = sum(both)
        found = []
        for label in range(n):
            p, at = 1.0, label
            while parent[at] >= 0:
                f = 1 / (1 + math.exp(-float(self.output[parent[at] - n] @ hidden)))
                p *= f if right[at] else 1 - f
                at = parent[at]
            found.append(p)
        return found
