"""What notebooks show: models before and after fit, graphs, tables, pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNClassifier, FFNNRegressor, LanguageModel, TextClassifier
from pyffnn.autograd import exp, graph, variable
from pyffnn.metrics import score_labels, score_sets
from pyffnn.models.ngram import KneserNeyLM
from pyffnn.plot import svg

MODELS: dict[str, Any] = {
    "texts": lambda: TextClassifier(epochs=3).fit(["<b>good</b> film", "bad film"] * 9, [0, 1] * 9),
    "features": lambda: FFNNClassifier((3,), epochs=3).fit(np.eye(4), [0, 1, 0, 1]),
    "numbers": lambda: FFNNRegressor((3,), epochs=3).fit(np.eye(4), [0.0, 1.0, 2.0, 3.0]),
    "words": lambda: LanguageModel(1, distant_kernels=0, embedding_dim=4, epochs=3).fit(
        np.arange(90) % 5, valid=np.arange(20) % 5
    ),
    "n-grams": lambda: KneserNeyLM(2).fit(np.arange(90) % 5),
}


class Checked(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


@pytest.mark.parametrize("name", MODELS)
def test_a_fitted_model_shows_itself(name: str) -> None:
    model = MODELS[name]()
    page = Checked(model._repr_html_())
    assert type(model).__name__ in page.text and "(fitted)" in page.text
    if name == "n-grams":
        return
    assert "svg" in page.seen and "training loss" in page.text and "last epoch" in page.text
    assert "epochs" in page.text  # a setting that is not the default
    assert str(model.history_[-1]["epoch"]) in page.text


def test_a_model_before_fit_shows_its_settings() -> None:
    page = Checked(TextClassifier(word_ngrams=2, label_prefix="<x>")._repr_html_())
    assert "not fitted yet" in page.text and "word_ngrams" in page.text and "<x>" in page.text
    assert "pooling" not in page.text and "svg" not in page.seen
    assert "settings: the defaults" in Checked(TextClassifier()._repr_html_()).text


def test_a_graph_is_drawn_without_any_package() -> None:
    a, b = variable(3.0, "a"), variable(2.0, "b<c")
    found = graph(exp(a * b) + a)
    drawing = ElementTree.fromstring(found._repr_svg_())
    texts = [e.text or "" for e in drawing.iter() if e.tag.endswith("text")]
    boxes = [e for e in drawing.iter() if e.tag.endswith("rect")]
    lines = [e for e in drawing.iter() if e.tag.endswith("polyline")]
    assert len(boxes) == len(found) and len(lines) == len(found.edges())
    assert "b<c" in texts and any(text.startswith("grad ") for text in texts)
    width, height = (float(drawing.attrib[name]) for name in ("width", "height"))
    for box in boxes:
        x, y, w, h = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x >= 0 and x + w <= width and y >= 0 and y + h <= height
    table = Checked(found.table()._repr_html_())
    assert table.seen.count("tr") == len(found) + 1


def test_curves() -> None:
    drawing = svg.curves({"a<b": [(1, 2.0), (2, 1.0), (3, float("nan"))], "none": []})
    root = ElementTree.fromstring(drawing)
    (line,) = (e for e in root.iter() if e.tag.endswith("polyline"))
    (x0, y0), (x1, y1) = (map(float, p.split(",")) for p in line.attrib["points"].split())
    assert x0 < x1 and y0 < y1  # a falling loss goes down
    assert svg.curves({"one": [(1, 2.0)]}) == ""


def test_scores_are_tables() -> None:
    scores = score_labels(list("aab"), list("abb"))
    assert str(scores).splitlines()[1].split() == ["label", "precision", "recall", "F1", "examples"]
    assert Checked(scores._repr_html_()).seen.count("tr") == 5
    assert "0.5000" in str(score_sets([["a"], ["b"]], [["a"], []], ["a", "b"]))


def test_pictures_show_themselves() -> None:
    pytest.importorskip("matplotlib")
    from pyffnn import plot

    figure: Any = plot.learning_curve([3.0, 2.0, 1.5])
    assert figure._repr_png_()[:8] == b"\x89PNG\r\n\x1a\n"
