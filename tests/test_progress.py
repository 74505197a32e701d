"""Progress is shown on whatever stands where standard error was, and never ends a training."""

from __future__ import annotations

import io
import re
import sys
import types
from typing import Any, ClassVar

import numpy as np
import pytest

from pyffnn import FFNNClassifier, LanguageModel, TextClassifier
from pyffnn.cli import main
from pyffnn.training.display import Terminal
from pyffnn.training.progress import Progress


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


class Screen(Logger):
    """A terminal: what its last line shows, and how many lines it has had."""

    def isatty(self) -> bool:
        return True

    @property
    def plain(self) -> str:
        return re.sub("\033\\[[0-9;]*m", "", self.text)

    @property
    def lines(self) -> list[str]:
        shown = self.plain
        return [line.rsplit("\r", 1)[-1].rstrip() for line in shown.rstrip("\n").split("\n")]


@pytest.mark.parametrize("model", ["features", "words"])
def test_a_terminal_has_one_line_in_colours(monkeypatch: Any, model: str) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    monkeypatch.setattr(Terminal, "every", 0.0)
    MODELS[model]()
    assert "\033[" in screen.text and screen.text.endswith("\n")
    assert len(screen.lines) == 1
    assert re.match(r"epoch +2/2  loss \d\.\d{4}  lr \S+  [\d,]+ \w+/s", screen.lines[0])
    assert re.search(r"step \d+/\d+ +\d+ % .* left  loss .*lr .*/s", screen.plain)
    assert ("tokens/s" in screen.text) == (model == "words")


def test_a_narrow_terminal_and_no_colours(monkeypatch: Any) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", screen := Screen())
    MODELS["features"]()
    assert "\033" not in screen.text
    assert all(len(line) < 30 for line in screen.text.splitlines())


def test_a_line_shows_the_last_validation(monkeypatch: Any) -> None:
    monkeypatch.setattr(Terminal, "every", 0.0)
    monkeypatch.setenv("COLUMNS", "200")
    progress = Progress(1, screen := Screen())
    progress.start(2, 100)
    record: Any = {"epoch": 1, "loss": 1.0, "val_loss": 0.5, "val_accuracy": 0.75}
    progress.epoch({**record, "examples_per_second": 10.0, "learning_rate": 0.1})
    progress.advance(2, 3, 10, 130, 0.9, 0.05)
    assert "left  loss 0.9000  val_accuracy 0.7500  lr 0.05  " in screen.lines[-1]
    assert "epoch   2/2  step 3/10  65 %" in screen.lines[-1]


class OutStream(Logger):
    """What standard error is in a notebook."""

    __module__ = "ipykernel.iostream"


def test_a_notebook_has_one_line(monkeypatch: Any) -> None:
    class Handle:
        shown: ClassVar[list[dict[str, str]]] = []

        def update(self, data: dict[str, str], raw: bool) -> None:
            self.shown.append(data)

    def display(data: dict[str, str], raw: bool, display_id: bool) -> Handle:
        assert raw and display_id and not Handle.shown
        Handle.shown.append(data)
        return Handle()

    module = types.ModuleType("IPython.display")
    module.display = display  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    monkeypatch.setattr(sys, "stderr", stream := OutStream())
    MODELS["features"]()
    assert not stream.text and len(Handle.shown) == 2
    assert Handle.shown[-1]["text/plain"].startswith("epoch   2/2  loss")
    assert Handle.shown[-1]["text/html"].startswith("<pre")


def test_nothing_is_written_where_there_is_no_standard_error(
    monkeypatch: Any, tmp_path: Any, capsys: Any
) -> None:
    (tmp_path / "a.csv").write_text("text,label\ngood film,1\nbad film,0\n" * 9)
    monkeypatch.setattr(sys, "stderr", None)
    model = str(tmp_path / "m")
    assert main(["train", str(tmp_path / "a.csv"), "--model", model]) == 0
    out = capsys.readouterr().out
    assert "epoch" not in out and "header" not in out and "vocabulary" in out
    assert main(["test", str(tmp_path / "none.csv"), "--model", model]) == 1
    assert main(["train", "--poling"]) == 2
    (tmp_path / "new.txt").write_text("good film\n")
    assert main(["score", str(tmp_path / "new.txt"), "-m", model, "-o", str(tmp_path / "o")]) == 0
    assert capsys.readouterr().out == ""
