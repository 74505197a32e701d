"""Writes tests/data/v1: small model files of every kind, with what they predict.

The files there were written by pyffnn 0.1.0 and stay as they are, since their like exists in the world; this script says how they were
made, and shows how files of a later layout are added. It refuses to run over them.

``PYTHONPATH=tests python -m formats.v1_files FOLDER``
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from golden.numbers import reals, sentences, skewed, texts

import pyffnn
from pyffnn import FFNNClassifier, LanguageModel, TextClassifier
from pyffnn.nn import SGD, Adam, cosine

Entry = dict[str, Any]


class _KilledError(Exception):
    pass


def _kill(_: Any, record: dict[str, Any]) -> None:
    if record["epoch"] == 1:  # counted from 0 by the language model of the day
        raise _KilledError


BARE = {"dropout": 0.0, "embedding_dropout": 0.0, "word_dropout": 0.0}


def words(text: str) -> list[str]:
    return text.split("a")


def hexes(a: Any) -> list[Any]:
    """Floats as C99 hexadecimal, in nested lists: no digit is lost."""
    if np.ndim(a) > 1:
        return [hexes(row) for row in a]
    return [float(x).hex() for x in a]


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if list(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty")
    entries = {**_texts(folder), **_features(folder), **_languages(folder)}
    about = {"written by": f"pyffnn {pyffnn.__version__}", "files": entries}
    (folder / "expected.json").write_text(
        json.dumps(about, ensure_ascii=False, indent=0) + "\n", encoding="utf-8"
    )


def _texts(folder: Path) -> dict[str, Entry]:
    docs, y = texts("v1 text", 90, 3, words=60)
    new = [*texts("v1 new", 9, 3, words=70)[0], "", "nothing known here"]
    names = np.array(["ham", "spam", "Käse"])[y]
    sets = [["x", "y", "z"][: int(k)] for k in y]
    tokenizer = {"tokenizer": words}
    two: Any = {"word_ngrams": 2, "ngram_min_count": 3}
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "mean": (names, two),
        "hidden": (y, {"hidden_layer_sizes": (9, 5), "optimizer": "adam", "dropout": 0.2}),
        "sum": (y, {"pooling": "sum", "char_ngrams": (3, 3), "ngram_min_count": 6}),
        "buckets": (y, {"buckets": 50, "char_ngrams": (3, 4), "pooling": "sqrtn", **two}),
        "concat": (names, {"pooling": "concat", "max_tokens": 5, "hidden_layer_sizes": (8,)}),
        "label_sets": (sets, {"multilabel": True}),
        "label_matrix": (np.eye(3, dtype=int)[y], {"multilabel": True, "class_weight": None}),
        "booleans": (y > 1, {"optimizer": SGD(cosine(0.1), momentum=0.5), "lowercase": False}),
        "function": (y, tokenizer),
    }
    out = {}
    for kind, (targets, params) in kinds.items():
        settings: dict[str, Any] = {"embedding_dim": 6, "epochs": 3, "char_ngrams": None}
        model = TextClassifier(**{**settings, "precision": "float32", **params})
        file = f"text_{kind}.safetensors"
        model.fit(docs, targets).save(folder / file)
        entry: Entry = {"model": "TextClassifier", "texts": new}
        if kind == "function":
            entry["tokenizer"] = "split at a"
        entry["classes"] = model.classes_.tolist()
        entry["proba"] = hexes(model.predict_proba(new))
        entry["labels"] = _plain(model.predict(new))
        # masks of dropout may be drawn otherwise in a later version
        if not params.get("dropout"):
            entry["more"] = {"texts": docs[:30], "y": _plain(targets[:30])}
            model.partial_fit(docs[:30], targets[:30])
            entry["more"]["proba"] = hexes(model.predict_proba(new))
        out[file] = entry
    return out


def _plain(labels: Any) -> Any:
    """Labels, or lists of labels, as JSON holds them."""
    return labels.tolist() if isinstance(labels, np.ndarray) else [list(some) for some in labels]


def _features(folder: Path) -> dict[str, Entry]:
    x = reals("v1 x", 120, 7, dtype=np.float32)
    y = x[:, :3].argmax(axis=1)
    new = reals("v1 new x", 6, 7, dtype=np.float32)
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "dense": (y, {"hidden_layer_sizes": (9, 6), "activation": "tanh"}),
        "binary": (np.array(["no", "yes"])[(y > 1).astype(int)], {"hidden_layer_sizes": ()}),
        "label_matrix": ((x[:, :4] > 0.25).astype(int), {"hidden_layer_sizes": 8}),
        "floats": (y * 2.0 - 1, {"hidden_layer_sizes": (5,), "optimizer": "adagrad"}),
        "sparse": (y, {"hidden_layer_sizes": (6,), "optimizer": Adam(0.01, weight_decay=0.1)}),
    }
    out = {}
    for kind, (targets, params) in kinds.items():
        model = FFNNClassifier(epochs=4, batch_size=16, precision="float32", **params)
        sparse = kind == "sparse"
        model.fit(_csr(x) if sparse else x, targets)
        file = f"features_{kind}.safetensors"
        model.save(folder / file)
        entry: Entry = {"model": "FFNNClassifier", "x": hexes(new), "sparse": sparse}
        entry["classes"] = model.classes_.tolist()
        entry["proba"] = hexes(model.predict_proba(new))
        entry["labels"] = model.predict(new).tolist()
        more = slice(0, 40)
        entry["more"] = {"x": hexes(x[more]), "y": np.asarray(targets[more]).tolist()}
        model.partial_fit(_csr(x[more]) if sparse else x[more], targets[more])
        entry["more"]["proba"] = hexes(model.predict_proba(new))
        out[file] = entry
    return out


def _csr(x: Any) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix(np.where(np.abs(x) < 0.5, 0, x))


def _languages(folder: Path) -> dict[str, Entry]:
    lines = sentences("v1 lm", 70, words=50)
    ids = skewed("v1 ids", 40, 600).astype(np.int32)
    untied: dict[str, Any] = {"tie_embeddings": False}
    chapter = {"distant_kernels": 0, "residual": False, "layer_norm": False, **untied}
    kinds: dict[str, tuple[Any, dict[str, Any]]] = {
        "words": (lines, {"eos_token": "</s>", "min_count": 2}),
        "ids": (ids, {"vocabulary": 45}),
        "plain": (lines, {**chapter, "optimizer": "sgd", "lowercase": True}),
        "direct": (lines, {**untied, "direct": True, "activation": "gelu"}),
        "adaptive": (lines, {**untied, "output": "adaptive", "cutoffs": (9, 20)}),
        "sampled": (lines, {"output": "sampled", "samples": 20}),
    }
    sizes = {"context": 3, "embedding_dim": 6, "hidden_layer_sizes": (8,), "distant_window": 5}
    run = {"epochs": 2, "batch_size": 64, "precision": "float32", **BARE}
    out = {}

    def entry_of(model: LanguageModel, corpus: Any) -> Entry:
        words = corpus is lines
        tokens = [w for line in corpus[:6] for w in line] if words else corpus[:40].tolist()
        tokens[3] = "unknown" if words else 44
        return {
            "model": "LanguageModel",
            "tokens": tokens,
            "vocabulary": [*model.vocabulary_.decode(np.arange(len(model.vocabulary_)))],
            "log_prob": hexes(model.log_prob(tokens)),
            "distribution": hexes(model.next_distribution(tokens[:7])),
        }

    for kind, (corpus, params) in kinds.items():
        model = LanguageModel(**{**sizes, **run, **params}).fit(corpus)
        file = f"lm_{kind}.safetensors"
        model.save(folder / file)
        out[file] = entry_of(model, corpus)

    # killed in the second of three epochs, some steps after it was last written
    for name, params in {"softmax": {}, "adaptive": kinds["adaptive"][1]}.items():
        file = f"lm_checkpoint_{name}.safetensors"
        settings: dict[str, Any] = {**sizes, **run, "epochs": 3, "early_stopping": 2, **params}
        data = {"valid": lines[:9]}
        with contextlib.suppress(_KilledError):
            LanguageModel(**settings).fit(
                lines, **data, checkpoint=folder / file, checkpoint_steps=5, callbacks=[_kill]
            )
        entry = entry_of(LanguageModel.load(folder / file), lines)
        whole = LanguageModel(**settings).fit(lines, **data)
        tokens = entry["tokens"]
        entry["resume"] = {
            "params": settings,
            "corpus": lines,
            **data,
            "log_prob": hexes(whole.log_prob(tokens)),
        }
        out[file] = entry
    return out


if __name__ == "__main__":
    write(Path(sys.argv[1]))
