"""A user's file for type checkers: each line that ends in `# wrong: CODE` must be refused by mypy with that code, and no other line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import pyffnn
from pyffnn import FFNNClassifier, FFNNRegressor, LanguageModel, TextClassifier, TextRegressor, ops

texts, labels = ["good film", "bad film"], ["good", "bad"]


def told(model: TextClassifier, record: Mapping[str, Any]) -> bool:
    return bool(record["loss"] < 0.1)


def right() -> None:
    model = TextClassifier(pooling=("mean", "max"), activation="tanh", class_weight="balanced")
    model = model.fit(texts, labels, callbacks=told)
    p: NDArray[np.float32] = model.predict_proba(texts)
    answers = model.predict(texts).tolist()
    loss: float = model.history_[-1]["loss"]
    share: float = model.explain("good film").table().count("good") + loss
    print(p, answers, share, [e.bias for e in model.explain(texts)])
    LanguageModel(precision="auto", output="adaptive", random_state=np.random.default_rng(1))
    TextClassifier(epochs=3, batch_size=8, char_ngrams=(2, 4), optimizer="adam", thresholds=0.3)
    threads: int = pyffnn.config()["threads"]
    print(threads, ops.linear(np.eye(2), np.eye(2), activation="relu"))


def wrong() -> None:
    TextClassifier(pooling="avg")  # wrong: arg-type
    TextClassifier(pooling=("mean", "avg"))  # wrong: arg-type
    TextClassifier(pooling=("mean", "concat"))  # wrong: arg-type
    TextClassifier(activation="reluu")  # wrong: arg-type
    TextClassifier(epochs="many")  # wrong: arg-type
    TextClassifier(char_ngrams="some")  # wrong: arg-type
    TextClassifier(thresholds="best")  # wrong: arg-type
    TextClassifier(optimiser="adam")  # wrong: call-arg
    TextRegressor(loss="absolute")  # wrong: arg-type
    FFNNClassifier(activation="softmax")  # wrong: arg-type
    FFNNClassifier(optimizer="adamw")  # wrong: arg-type
    FFNNClassifier(class_weight="even")  # wrong: arg-type
    FFNNClassifier(batch_size="all")  # wrong: arg-type
    FFNNRegressor(random_state="lucky")  # wrong: arg-type
    LanguageModel(precision="float16")  # wrong: arg-type
    LanguageModel(output="hierarchical")  # wrong: arg-type
    ops.linear(np.eye(2), np.eye(2), activation="gelu")  # wrong: arg-type
    ops.matmul(np.eye(2), np.eye(2), precision="double")  # wrong: arg-type
    pyffnn.set_default_precision("half")  # wrong: arg-type
    model = FFNNClassifier().fit(np.eye(2), [0, 1])
    count: str = model.predict(np.eye(2))  # wrong: assignment
    TextClassifier().predict(texts).tolst()  # wrong: union-attr
    print(model.history_[-1]["val_los"])  # wrong: typeddict-item
    print(pyffnn.config()["thread"])  # wrong: typeddict-item
    print(pyffnn.no_such_name)  # wrong: attr-defined
    print(count)
