"""A `TextClassifier` or a `TextRegressor` as C code: their `to_c`."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn
from pyffnn.formats.c_source import SOURCES, Constants, Parts, checksum, filled, string_table
from pyffnn.formats.model_file import PathLike, write_atomic
from pyffnn.models.text_classifier.state import TextFitted, TextRegressorFitted, TextState
from pyffnn.net.blueprint import SPREAD_EPS

__all__ = ["write_c"]

_HASH = 0x9E3779B97F4A7C15
_NORM_EPS = "1e-5"
_POOLS = {"mean": "m", "sqrtn": "r", "sum": "s", "max": ">", "min": "<"}  # as pool_rows names them
_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return "
    "short signed sizeof static struct switch typedef union unsigned void volatile while main class new delete template this namespace "
    "dense norm forward activate answers decode encode repair lower load fold multiply checksum".split()
)
_SPEC = {
    "input", "n_inputs", "rows", "dim", "pool", "max_tokens", "hidden", "activation", "residual", "layer_norm", "n_outputs", "output",
    "loss", "samples", "cutoffs", "spread_power",
}  # fmt: skip
# Of training, or of inputs that texts do not have: a network predicts the same whatever they are.
_OF_TRAINING = {
    "precision", "optimizer", "beta1", "beta2", "eps", "l2", "weight_decay", "clip", "embedding_optimizer", "row_rates", "embedding_lr",
    "embedding_scale", "freeze_embeddings", "frozen_steps", "dropout", "input_dropout", "embedding_dropout", "output_dropout", "word_dropout", "seed",
    "context", "distant_kernels", "distant_window", "direct", "tied",
}  # fmt: skip


# What a header says of the outputs: in which the two kinds of models differ.
_CLASSES = {
    "OUTPUTS": "CLASSES",
    "title": "A text classifier of {outputs} classes",
    "use": "puts({model}_label(m, {model}_best(m, text, strlen(text))))",
    "what": "The probability of each class",
    "more": """
/* The number of the most probable class, or -1. */
int {model}_best(const {model} *m, const char *text, size_t size);

/* Label of class i as UTF-8, 0 <= i < {MODEL}_CLASSES; else NULL. */
const char *{model}_label(const {model} *m, int i);
""",
}
_NUMBERS = {
    "OUTPUTS": "NUMBERS",
    "title": "A text regressor of {outputs} numbers",
    "use": 'printf("%g\\n", p[0])',
    "what": "The numbers",
    "more": "",
}


def write_c(fitted: TextState, directory: PathLike, name: str) -> tuple[Path, Path, Path]:
    """Write ``<name>.c``, ``<name>.h`` and ``<name>.bin`` into ``directory``; their paths."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,63}", name) or name in _KEYWORDS:
        raise ValueError(
            f"name must be a C identifier of up to 64 characters that C does not use itself, got {name!r}"
        )
    check(fitted)
    parts, constants = Parts(), Constants()
    parts.add(np.frombuffer(b"pyffnn\0C", np.uint8))
    constants["OUTPUTS"] = outputs = _outputs(fitted, parts, constants)
    _rows(fitted, parts, constants)
    forward = _network(fitted, parts, constants)
    data = parts.data()
    constants["DATA_WORDS"] = data.size
    constants["DATA_CHECKSUM"] = f"UINT64_C({checksum(data):#018x})"
    words = {"model": name, "MODEL": name.upper(), "outputs": str(outputs)}
    kind = _CLASSES if isinstance(fitted, TextFitted) else _NUMBERS
    names = {
        **words,
        **{key: text.format(**words) for key, text in kind.items()},
        "version": _pyffnn.version,
        "forward": forward,
    }
    lowercase = bool(fitted.features.core.options["lowercase"])
    source = "".join(filled(part, names) for part in SOURCES)
    code = (
        f"/* {names['title']}; {name}.h says how to use it. Written by pyffnn {_pyffnn.version}. */\n"
        f'#include "{name}.h"\n\n#include <stdint.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n'
        f"{constants}\n{_unicode() if lowercase else ''}{source}"
    )
    folder = Path(os.fspath(directory))
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{name}.c", folder / f"{name}.h", folder / f"{name}.bin"
    for path, content in zip(
        paths, [code.encode(), filled("predict.h", names).encode(), data.tobytes()], strict=True
    ):
        write_atomic(path, [content])
    return paths


def _pools(fitted: TextState) -> list[str]:
    """The poolings, one after the other."""
    pool = fitted.network.spec.get("pool", "mean")
    return [pool] if isinstance(pool, str) else list(pool)


def check(fitted: TextState) -> None:
    """ValueError, naming what it is, where the C code cannot predict as the model does."""
    if fitted.features.tokenizer is not None:
        raise ValueError("to_c: the model has a tokenizer object, which C code cannot call")
    spec = fitted.network.spec
    if spec["input"] not in ("bags", "concat"):
        raise ValueError(f"to_c: the model's input is {spec['input']!r}, which the C code lacks")
    pools = _pools(fitted)
    if not set(pools) <= {*_POOLS, "weighted"} or ("weighted" in pools and len(pools) > 1):
        raise ValueError(f"to_c: the model's pooling is {pools}, which the C code lacks")
    if spec["output"] not in ("classes", "sampled"):
        raise ValueError(f"to_c: the model's output is {spec['output']!r}, which the C code lacks")
    if spec["loss"] == "ordinal":
        raise ValueError("to_c: the model's output is 'ordinal', which the C code lacks")
    for key in sorted(set(spec) - _SPEC - _OF_TRAINING):
        if spec[key] not in (None, False, 0, "", [], ()):
            raise ValueError(f"to_c: the model has {key}={spec[key]!r}, which the C code lacks")


# rows of the table --------------------------------------------------------------------------


def _strings(state: dict[str, NDArray[Any]], name: str) -> list[bytes]:
    joined, ends = state[f"{name}_bytes"].tobytes(), state[f"{name}_ends"].tolist()
    return [joined[begin:end] for begin, end in pairwise([0, *ends])]


def _placed(
    sizes: list[int], extensions: NDArray[np.int64], shared: int
) -> tuple[list[NDArray[np.int32]], int]:
    """The rows of each kind of thing (words, n-grams by length, pieces of words), and the first of the ``shared`` rows.

    The things of the first training come first, kind after kind; then those of each extension.
    """
    added = extensions.reshape(-1, len(sizes))
    blocks = [np.asarray(sizes, np.int64) - added.sum(axis=0), *added]
    rows: list[list[NDArray[np.int32]]] = [[] for _ in sizes]
    row, first = 0, 0
    for number, block in enumerate(blocks):
        for kind, count in enumerate(block.tolist()):
            rows[kind].append(np.arange(row, row + count, dtype=np.int32))
            row += count
            if number == 0 and kind == 0:
                first = row
                row += shared
    return [np.concatenate(kind) for kind in rows], first


def _rows(fitted: TextState, parts: Parts, constants: Constants) -> None:
    """Words and n-grams, and which rows they have."""
    state, options = fitted.features.state(), fitted.features.core.options
    known = {
        "lowercase", "word_ngrams", "char_low", "char_high", "buckets", "min_count", "ngram_min_count", "max_tokens",
    }  # fmt: skip
    for key in sorted(set(options) - known):
        if options[key]:
            raise ValueError(f"to_c: the model has {key}={options[key]!r}, which the C code lacks")
    state_keys = {
        "version", "word_bytes", "word_ends", "word_counts", "char_bytes", "char_ends", "gram_sizes", "gram_keys", "extensions",
    }  # fmt: skip
    if more := sorted(set(state) - known - state_keys):
        raise ValueError(f"to_c: the model's words have {more}, which the C code lacks")
    buckets, high = options["buckets"], options["char_high"]
    has_grams = options["word_ngrams"] > 1 or high > 0
    words, chars = _strings(state, "word"), _strings(state, "char")
    sizes = [len(words)]
    if not buckets:
        sizes += state["gram_sizes"].tolist()
        if high:
            sizes.append(len(chars))
    rows, first = _placed(sizes, state["extensions"], buckets if has_grams else 0)
    length = fitted.length or 0
    most = [n for n in (options["max_tokens"], length) if n]
    constants["LOWERCASE"] = bool(options["lowercase"])
    constants["CONCAT"] = length
    constants["WORDS_AT_MOST"] = str(min(most)) if most else "SIZE_MAX"
    constants["WORD_NGRAMS"] = 1 if length else options["word_ngrams"]
    constants["CHAR_LOW"] = options["char_low"]
    constants["CHAR_HIGH"] = 0 if length else high
    constants["BUCKETS"] = 0 if length or not has_grams else buckets
    constants["HASHED_FIRST"] = first
    order = string_table(parts, constants, "WORD", words)
    constants["AT_WORD_IDS"] = parts.add(order.astype(np.int32))
    constants["AT_WORD_ROWS"] = parts.add(rows[0][order])
    if length or buckets:
        return
    if high:
        order = string_table(parts, constants, "CHAR", chars)
        constants["AT_CHAR_ROWS"] = parts.add(rows[-1][order])
    if options["word_ngrams"] > 1:
        constants["AT_GRAMS"] = parts.add(_grams(state, rows[1:], parts))


def _grams(
    state: dict[str, NDArray[Any]], rows: list[NDArray[np.int32]], parts: Parts
) -> NDArray[np.uint64]:
    """For each length of word n-grams where its index, keys and rows lie, and the shift of its hash."""
    lists, begin = [], 0
    for kind, size in enumerate(state["gram_sizes"].tolist()):
        keys = state["gram_keys"][begin : begin + size].astype(np.uint64)
        begin += size
        bits = max(size - 1, 1).bit_length()
        hashes = (keys * np.uint64(_HASH) >> np.uint64(64 - bits)).astype(np.int64)
        order = np.argsort(hashes, kind="stable")
        index = np.concatenate([[0], np.cumsum(np.bincount(hashes, minlength=1 << bits))])
        pairs = np.stack([order.astype(np.int32), rows[kind][order]], axis=1)
        at = [parts.add(index.astype(np.uint32)), parts.add(keys[order]), parts.add(pairs)]
        lists.append([*at, 64 - bits])
    return np.array(lists, np.uint64)


def _outputs(fitted: TextState, parts: Parts, constants: Constants) -> int:
    """What the network's outputs mean, and how many numbers that makes."""
    constants["LABELLED"] = isinstance(fitted, TextFitted)
    constants["SCALED"] = False
    if isinstance(fitted, TextFitted):
        _labels(fitted, parts, constants)
        return int(fitted.classes.size)
    assert isinstance(fitted, TextRegressorFitted)
    if fitted.network.spec["loss"] == "squared":
        constants["SCALED"] = True
        constants["AT_MEAN"] = parts.add(fitted.scale.mean)
        constants["AT_SPREAD"] = parts.add(fitted.scale.spread)
    return int(fitted.scale.mean.size)


def _labels(fitted: TextFitted, parts: Parts, constants: Constants) -> None:
    texts = [str(label).encode() for label in fitted.classes.tolist()]
    if any(b"\0" in text for text in texts):
        raise ValueError("to_c: a label holds a zero byte, which ends a string in C")
    starts = np.cumsum([0, *[len(text) + 1 for text in texts]])[:-1]
    constants["AT_LABEL_STARTS"] = parts.add(starts.astype(np.uint32))
    joined = b"".join(text + b"\0" for text in texts)
    constants["AT_LABEL_BYTES"] = parts.add(np.frombuffer(joined, np.uint8))


# layers -------------------------------------------------------------------------------------


class _Layers:
    """C statements that take the numbers in ``x`` from layer to layer."""

    def __init__(self, fitted: TextState, parts: Parts) -> None:
        self.spec = fitted.network.spec
        self.arrays = dict(fitted.network.parameters())
        self.parts = parts
        self.unused = set(self.arrays)
        self.table: NDArray[np.floating[Any]] = self.take("embedding")
        self.lines: list[str] = []
        self.here, self.free = "x", ["a", "b"]
        self.room = 1
        pools = _pools(fitted)
        # a table that is multiplied by a matrix gives the same sums
        self.linear_input = (
            self.spec["input"] == "bags" and len(pools) == 1 and pools[0] not in ("max", "min")
        )
        self.used: set[str] = set()

    def take(self, name: str) -> NDArray[np.float32]:
        self.unused.discard(name)
        return self.arrays[name]

    def _at(self, array: NDArray[Any]) -> str:
        return f"PART(float, {self.parts.add(np.asarray(array, np.float32))})"

    def _say(self, need: str, line: str) -> None:
        self.used.add(need)
        self.lines.append(f"  {line}\n")

    def _move(self, to: str) -> None:
        # what is left is free; x holds as many numbers as the input has, so it is not used again
        if self.here != "x":
            self.free.append(self.here)
        self.here = to

    def linear(self, name: str, *, first: bool = False) -> None:
        weight, bias = self.take(f"{name}.weight"), self.take(f"{name}.bias")
        if name == "output" and self.spec["output"] == "sampled":
            weight = weight.T
        n_in, n_out = weight.shape
        if first and self.linear_input and n_out <= n_in:
            # pooling is linear too: rows of the table times this matrix, once
            self.table = self.table.astype(np.float64) @ weight.astype(np.float64)
            self._say("BIAS", f"add_bias({self._at(bias)}, {n_out}, x);")
            return
        to = self.free.pop(0)
        self.room = max(self.room, n_out)
        at = f"{self._at(weight)}, {self._at(bias)}"
        self._say("DENSE", f"dense({at}, {n_in}, {n_out}, {self.here}, {to});")
        self._move(to)

    def norm(self, name: str, size: int, to: str | None = None) -> None:
        at = f"{self._at(self.take(f'{name}.gain'))}, {self._at(self.take(f'{name}.shift'))}"
        self._say("NORM", f"norm({at}, {size}, {self.here}, {to or self.here});")

    def activate(self, size: int) -> None:
        if self.spec["activation"] != "identity":
            self._say("ACTIVATION", f"activate({size}, {self.here});")


def _plain(layers: _Layers) -> None:
    spec = layers.spec
    for i, size in enumerate(spec["hidden"]):
        layers.linear(f"hidden{i}", first=i == 0)
        if spec["layer_norm"]:
            layers.norm(f"hidden{i}.norm", size)
        layers.activate(size)
    layers.linear("output", first=not spec["hidden"])


def _residual(layers: _Layers) -> None:
    """The stream stays in x, so the first linear map goes there too, or is folded."""
    spec = layers.spec
    layers.linear("input", first=True)
    width = layers.arrays["input.weight"].shape[1]
    stream = layers.here
    for i, size in enumerate(spec["hidden"]):
        if spec["layer_norm"]:
            to = layers.free.pop(0)
            layers.room = max(layers.room, width)
            layers.norm(f"hidden{i}.norm", width, to)
            layers.here = to
        layers.linear(f"hidden{i}")
        _keep(layers, stream)
        layers.activate(size)
        layers.linear(f"hidden{i}.out")
        _keep(layers, stream)
        layers._say("SUM", f"add_to({width}, {layers.here}, {stream});")
        layers.free.append(layers.here)
        layers.here = stream
    if spec["layer_norm"]:
        layers.norm("output.norm", width)
    layers.linear("output")


def _keep(layers: _Layers, stream: str) -> None:
    if stream in layers.free:
        layers.free.remove(stream)


def _network(fitted: TextState, parts: Parts, constants: Constants) -> str:
    """The parameters, and the body of `forward`."""
    layers = _Layers(fitted, parts)
    spec = layers.spec
    if spec["residual"]:
        layers.free = ["a", "b", "c"]
        _residual(layers)
    else:
        _plain(layers)
    width = layers.table.shape[1]
    constants["AT_TABLE"] = parts.add(layers.table.astype(np.float32))
    constants["WIDTH"] = width
    constants["WEIGHTED"] = weighted = _pools(fitted) == ["weighted"]
    if weighted:
        constants["AT_ROW_WEIGHTS"] = parts.add(layers.take("embedding.weights"))
    pools = _pools(fitted)
    constants["INPUT"] = width * (fitted.length or len(pools))
    constants["ROOM"] = layers.room
    constants["GATHER"] = fitted.length is None and (
        not layers.linear_input or pools == ["weighted"]
    )
    constants["POOLS"] = ", ".join(f"'{_POOLS[p]}'" for p in pools if p in _POOLS)
    constants["POOL_DIVISOR(n)"] = {"mean": "(n)", "sqrtn": "root_of(n)"}.get(pools[0], "1")
    softmax, sigmoid = spec["loss"] == "softmax", spec["loss"] == "sigmoid"
    one_unit = isinstance(fitted, TextFitted) and fitted.one_unit
    constants["SOFTMAX"] = softmax
    constants["ONE_UNIT"] = one_unit
    activation = spec["activation"] if "ACTIVATION" in layers.used else ""
    constants["ACTIVATION(x)"] = {
        "relu": "((x) > 0 ? (x) : 0)", "tanh": "tanh_of(x)", "sigmoid": "sigmoid_of(x)", "gelu": "gelu_of(x)"
    }.get(activation, "(x)")  # fmt: skip
    constants["NORM_EPS"] = _NORM_EPS
    power = spec.get("spread_power", 0.0)
    constants["SPREAD"] = bool(power)
    constants["SPREAD_HALF_POWER"] = f"({power / 2!r})"
    constants["SPREAD_EPS"] = repr(SPREAD_EPS)
    bags = spec["input"] == "bags"
    for need, wanted in {
        "ACTIVATION": bool(activation),
        "EXP": softmax or sigmoid or activation in ("sigmoid", "tanh", "gelu"),
        "SIGMOID": sigmoid or activation == "sigmoid",
        "TANH": activation == "tanh",
        "GELU": activation == "gelu",
        "NORM": "NORM" in layers.used,
        "ROOT": "NORM" in layers.used
        or (bags and not (layers.linear_input and pools[0] in ("mean", "sum"))),
        "DENSE": "DENSE" in layers.used,
        "BIAS": "BIAS" in layers.used,
        "SUM": "SUM" in layers.used,
    }.items():
        constants[f"NEEDS_{need}"] = wanted
    return f"  (void)a, (void)b, (void)c;\n{''.join(layers.lines)}  answers(m, {layers.here}, p);\n"


def _unicode() -> str:
    tables = _pyffnn.unicode_tables()
    text = ["/* Case data of Unicode 14. */\n"]
    for name, key in (("LOWER", "lower"), ("CASED", "cased"), ("IGNORABLE", "ignorable")):
        rows = tables[key].tolist()
        text.append(f"static const int32_t {name}[][{len(rows[0])}] = {{\n")
        for i in range(0, len(rows), 6):
            line = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in rows[i : i + 6])
            text.append(f"    {line},\n")
        text.append("};\n")
    return "".join(text) + "\n"
