"""Fitted models as ONNX files."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from pyffnn import _pyffnn
from pyffnn.corpus import WordVocabulary
from pyffnn.formats.model_file import PathLike, write_atomic
from pyffnn.integrations.onnx.graph import OPSET, Graph, network
from pyffnn.integrations.onnx.texts import context_ids, obstacle, sequence_ids, text_rows
from pyffnn.models.portable import Portable, portable
from pyffnn.models.values import Scale
from pyffnn.net.blueprint import Numbers, Sequence_, Windows

__all__ = ["ids_of_texts", "to_onnx"]

_LARGEST = (1 << 31) - 1  # bytes of a protocol buffer


def to_onnx(model: Any, path: PathLike, text: bool | None = None) -> str:
    """Write a fitted model as an ONNX file; the methods ``to_onnx`` of the models are this function.

    Returns the name of the input: "X", "texts" or "ids". Raises ImportError without the onnx package,
    ValueError for what cannot be exported, OSError.
    """
    origin = portable(model, "ONNX")
    g = Graph()
    name, x = _input(g, origin, text)
    p = network(g, origin.blueprint, x)
    n_outputs: Any = origin.file.config["spec"]["n_outputs"]
    if origin.classes is not None:
        n_outputs = len(origin.classes)
        if origin.one_unit:
            p = g("Concat", g("Sub", g.number(1.0), p), p, axis=1)
        _labels(g, origin, p)
    if origin.scale is not None:
        _numbers(g, origin.scale, p)
    else:
        g.output("probabilities", p, "FLOAT", ["n", n_outputs])
    made = g.model(origin.file.model, _properties(origin, name), _pyffnn.version)
    size = made.ByteSize()
    if size > _LARGEST:
        raise ValueError(
            f"the model needs {size} bytes as an ONNX file, which holds {_LARGEST} at most"
        )
    write_atomic(path, [made.SerializeToString()])
    return name


def ids_of_texts(model: Any, texts: Any) -> Any:
    """What a file whose input is "ids" takes for these texts: int64 (texts, most ids), filled up with -1.

    ``model``: the model of texts it was made of.
    """
    origin = portable(model, "ONNX")
    if origin.featurizer is None:
        raise TypeError(f"model must be one of texts, got {type(model).__name__}")
    corpus = origin.featurizer.encode(texts)
    part = origin.blueprint.input
    if isinstance(part, Sequence_):
        return corpus.sequences(part.length).astype(np.int64)
    ids, offsets = corpus.bags()
    lengths = np.diff(offsets)
    out = np.full((lengths.size, int(lengths.max(initial=0))), -1, np.int64)
    out[np.arange(out.shape[1]) < lengths[:, None]] = ids
    return out


def _input(g: Graph, origin: Portable, text: bool | None) -> tuple[str, str]:
    """The name of the input, and the value that the network reads."""
    part = origin.blueprint.input
    if isinstance(part, Numbers):
        if text:
            raise ValueError(f"text must be None or False: a {origin.file.model} reads features")
        return "X", g.input("X", "FLOAT", ["n", part.width])
    why = _obstacle(origin)
    if text and why is not None:
        raise ValueError(f"text must be False, for the ids instead of the texts: {why}")
    if text is False or why is not None:
        return "ids", g.input("ids", "INT64", ["n", "length"])
    texts = g.input("texts", "STRING", ["n"])
    if isinstance(part, Windows):
        assert origin.vocabulary is not None
        return "texts", context_ids(g, texts, origin.vocabulary, part.reach)
    assert origin.featurizer is not None
    if isinstance(part, Sequence_):
        return "texts", sequence_ids(g, texts, origin.featurizer)
    return "texts", text_rows(g, texts, origin.featurizer)


def _obstacle(origin: Portable) -> str | None:
    if origin.featurizer is not None:
        return obstacle(origin.featurizer)
    return None if isinstance(origin.vocabulary, WordVocabulary) else "its vocabulary has no words"


def _labels(g: Graph, origin: Portable, p: str) -> None:
    assert origin.classes is not None
    if origin.multilabel:
        likely = g.cast(g("Greater", p, g.number(0.5)), "INT64")
        g.output("label", likely, "INT64", ["n", len(origin.classes)])
        return
    best = g("ArgMax", p, axis=1, keepdims=0)
    classes = origin.classes
    kind = {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "DOUBLE"}.get(classes.dtype.kind)
    if kind is None:
        if not all(isinstance(label, str) for label in classes.tolist()):
            raise ValueError("classes_ must be numbers or strings to be exported to ONNX")
        kind, names = "STRING", np.array(classes.tolist(), dtype=object)
    else:
        names = classes.astype({"BOOL": np.bool_, "INT64": np.int64, "DOUBLE": np.float64}[kind])
    g.output("label", g("Gather", g.constant(names, "classes"), best, axis=0), kind, ["n"])


def _numbers(g: Graph, scale: Scale, z: str) -> None:
    y = g("Mul", z, g.constant(scale.spread.astype(np.float32), "targets.spread"))
    y = g("Add", y, g.constant(scale.mean.astype(np.float32), "targets.mean"))
    if scale.flat:
        g.output("prediction", g("Squeeze", y, g.integers(1)), "FLOAT", ["n"])
    else:
        g.output("prediction", y, "FLOAT", ["n", scale.mean.size])


def _properties(origin: Portable, name: str) -> dict[str, str]:
    found = {
        "pyffnn.model": origin.file.model,
        "pyffnn.version": _pyffnn.version,
        "pyffnn.input": name,
        "pyffnn.opset": str(OPSET),
    }
    if origin.classes is not None:
        found["classes"] = json.dumps(origin.classes.tolist(), ensure_ascii=False)
    if isinstance(origin.vocabulary, WordVocabulary):
        found["vocabulary"] = json.dumps(origin.vocabulary.words, ensure_ascii=False)
    names = origin.file.config.get("feature_names")
    if names is not None:
        found["feature_names"] = json.dumps(names, ensure_ascii=False)
    return found
