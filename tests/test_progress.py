"""Progress is shown on whatever stands where standard error was, and never ends a training."""

from __future__ import annotations

import io
import sys
from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNClassifier, LanguageModel, TextClassifier


class Logger:
    """What programs put in the place of standard error."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text


class Flushing(Logger):
    def flush(self) -> None:
        pass


class Broken(Logger):
    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> None:
        raise BrokenPipeError


def closed() -> Any:
    file = io.StringIO()
    file.close()
    return file


MODELS = {
    "features": lambda: FFNNClassifier((3,), epochs=2, verbose=1).fit(np.eye(4), [0, 1, 0, 1]),
    "texts": lambda: TextClassifier(epochs=2, verbose=1).fit(["a b", "c d"], [0, 1]),
    "words": lambda: LanguageModel(
        1, distant_kernels=0, embedding_dim=4, hidden_layer_sizes=(), epochs=2, verbose=1
    ).fit(np.arange(40) % 5),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("make", [Logger, Flushing, Broken, closed, lambda: None])
def test_standard_error_may_be_anything(monkeypatch: Any, model: str, make: Any) -> None:
    stream = make()
    monkeypatch.setattr(sys, "stderr", stream)
    fitted = MODELS[model]()
    assert len(fitted.history_) == 2
    if isinstance(stream, Logger) and not isinstance(stream, Broken):
        assert stream.text.count("epoch ") == 2 and "loss" in stream.text
