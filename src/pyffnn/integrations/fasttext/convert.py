"""fastText models as `TextClassifier`s, and back."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pyffnn.models.logits import as_softmax

from .model import EOS, LOSSES, MODELS, _load

if TYPE_CHECKING:
    from pyffnn.models.text_classifier import TextClassifier

__all__ = ["FastTextRows", "to_fasttext", "to_text_classifier"]

_ALL = "\0rows "
_CHUNK = 1000


class FastTextRows:
    """The tokenizer of a converted model: the numbers of the rows that fastText's dictionary gives a text.

    A model file of pyffnn holds no function: ``TextClassifier.load(path, tokenizer=FastTextRows(path_of_the_fasttext_model))``.
    A copy or pickle opens the fastText file again.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self.core = _load(self.path)

    def __call__(self, text: str) -> list[str]:
        if text.startswith(_ALL):
            begin, end = map(int, text.removeprefix(_ALL).split())
            return list(map(str, range(begin, end)))
        return list(map(str, self.core.rows(text.replace("\n", " ")).tolist()))

    def __reduce__(self) -> tuple[type[FastTextRows], tuple[str]]:
        return FastTextRows, (self.path,)


def to_text_classifier(
    cls: type[TextClassifier], path: str | os.PathLike[str], **params: Any
) -> TextClassifier:
    """See `TextClassifier.from_fasttext`."""
    tokenizer = FastTextRows(path)
    core = tokenizer.core
    settings = core.settings()
    loss = LOSSES[settings["loss"]]
    if MODELS[settings["model"]] != "supervised" or not core.num_labels:
        raise ValueError(f"{path}: only a supervised model is a classifier")
    if loss == "hs":
        raise ValueError(
            f"{path}: hierarchical softmax has no counterpart in a TextClassifier: load_model() of the integration keeps it"
        )
    rows, dim, words = core.num_rows, settings["dim"], core.num_words
    names = [
        name.decode("utf-8", "replace").removeprefix(settings["label"])
        for name in core.entries(words, words + core.num_labels)
    ]
    table = (
        core.input_matrix()
        if not core.is_quantised
        else np.stack([core.input_vector(i) for i in range(rows)])
    )
    weights = np.stack([core.output_vector(i) for i in range(core.num_labels)])
    if params.get("hidden_layer_sizes"):
        from pyffnn.models.text_classifier import TextClassifier as Model

        vectors = (list(map(str, range(rows))), table)
        return Model(tokenizer=tokenizer, pretrained_vectors=vectors, **params)
    several = loss in ("ns", "ova")
    model = cls(
        tokenizer=tokenizer,
        embedding_dim=dim,
        pooling="mean",
        epochs=1,
        multilabel=several,
        **params,
    )
    # Every row is met once, in order, and every label: so the vocabulary is the rows, and the classes are the labels.
    texts = [f"{_ALL}{a} {min(a + _CHUNK, rows)}" for a in range(0, rows, _CHUNK)]
    texts += [_ALL + "0 1"] * max(0, len(names) - len(texts))
    labels: list[Any] = [names[i % len(names)] for i in range(len(texts))]
    model.fit(texts, [[label] for label in labels] if several else labels)
    fitted = model._state()
    found, at = fitted.features.words()
    parameters = fitted.network.parameters()
    parameters["embedding"][at] = table[np.array(found, np.int64)]
    order = [names.index(str(name)) for name in model.classes_]
    parameters["output.weight"][:] = weights[order].T
    parameters["output.bias"][:] = 0
    return model


def to_fasttext(model: TextClassifier, path: str | os.PathLike[str]) -> None:
    """See `TextClassifier.to_fasttext`."""
    fitted = model._state()
    network = as_softmax(fitted.network)
    features, spec = fitted.features, network.spec
    parameters = network.parameters()
    tokenizer = features.tokenizer
    words, rows = features.words()
    wrong = (
        "hidden layers" if spec["hidden"] or spec.get("layer_norm")
        else f"pooling {spec.get('pool')!r}" if spec.get("pool") != "mean"
        else f"output {model.output!r}" if spec["output"] != "classes" or spec["loss"] == "ordinal"
        else "n-grams" if features.num_rows != len(words)
        else "lower-casing" if features.lowercase and tokenizer is None
        else "a tokenizer" if tokenizer is not None and not isinstance(tokenizer, FastTextRows)
        else "a limit of words" if features.max_tokens
        else ""
    )  # fmt: skip
    if wrong:
        raise ValueError(f"fastText cannot hold a model with {wrong}")
    table = np.array(parameters["embedding"][rows], np.float32)
    weight = np.array(parameters["output.weight"], np.float32).T
    bias = np.array(parameters["output.bias"], np.float32).ravel()
    if len(weight) == 1:
        weight, bias = np.vstack([0 * weight, weight]), np.array([0, bias[0]], np.float32)
    if bias.any():
        # the mean of a column of ones is one, so its weight is the bias
        table = np.hstack([table, np.ones((len(table), 1), np.float32)])
        weight = np.hstack([weight, bias[:, None]])
    if isinstance(tokenizer, FastTextRows):
        own = np.zeros((tokenizer.core.num_rows, table.shape[1]), np.float32)
        own[np.array(words, np.int64)] = table
        prefix = tokenizer.core.settings()["label"]
        entries = tokenizer.core.entries(
            tokenizer.core.num_words, tokenizer.core.num_words + tokenizer.core.num_labels
        )
        classes = [str(name) for name in model.classes_]
        order = [
            classes.index(name.decode("utf-8", "replace").removeprefix(prefix)) for name in entries
        ]
        tokenizer.core.with_matrices(own, weight[order]).save(os.fspath(path))
        return
    if EOS in words:
        raise ValueError(f"fastText takes the word {EOS} for the end of a line")
    _write(Path(path), model, words, features.counts, table, weight)


def _write(
    path: Path, model: TextClassifier, words: list[str], counts: Any, table: Any, weight: Any
) -> None:
    """A .bin file of version 12 of words alone."""
    prefix = model.label_prefix or "__label__"
    labels = [f"{prefix}{name}" for name in model.classes_]
    for word in [*words, *labels]:
        if word.encode().replace(b"\0", b" ").split() != [word.encode()]:
            raise ValueError(
                f"fastText cannot hold the word or label {word!r}, which has white space"
            )
    loss = 4 if model.multilabel else 3
    settings = (table.shape[1], 5, 1, 1, 5, 1, loss, 3, 0, 0, 0, 100)
    parts = [struct.pack("<2i12id", 793712314, 12, *settings, 1e-4)]
    total = int(np.sum(counts)) + len(labels)
    parts.append(struct.pack("<3i2q", len(words) + len(labels), len(words), len(labels), total, -1))
    for entries, numbers, kind in ((words, counts, 0), (labels, [1] * len(labels), 1)):
        parts += [
            e.encode() + b"\0" + struct.pack("<qb", int(n), kind)
            for e, n in zip(entries, numbers, strict=True)
        ]
    for matrix in (table, weight):
        parts.append(
            struct.pack("<?2q", False, *matrix.shape)
            + np.ascontiguousarray(matrix, "<f4").tobytes()
        )
    beside = path.with_name(f"{path.name}.partial-{os.getpid()}")
    beside.write_bytes(b"".join(parts))
    os.replace(beside, path)
