"""Pictures: files are written, what is drawn is what was computed, nothing global is touched, errors."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pyffnn import autograd as ag
from pyffnn.autograd import graph, variable
from pyffnn.nn import FeedForward, Unit
from pyffnn.plot.layout import layout

pytest.importorskip("matplotlib")
from pyffnn import plot

CORNERS, XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [0, 1, 1, 0]


def xor() -> FeedForward:
    return FeedForward.from_layers([[[1, 1], [1, 1]], [[1], [-2]]], [[0, -1], [0]], output="relu")


def is_picture(path: Path) -> bool:
    data = path.read_bytes()
    start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[path.suffix]
    return data.startswith(start) and len(data) > 2000


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_decision_boundary_of_a_unit_is_its_line(tmp_path: Path, suffix: str) -> None:
    unit = Unit([1, 2], -1, "step")
    figure = plot.decision_boundary(unit, CORNERS, [0, 1, 0, 1], tmp_path / f"unit{suffix}")
    assert is_picture(tmp_path / f"unit{suffix}")
    x, y = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose(y, -0.5 * np.asarray(x) + 0.5)


def test_decision_boundary_of_everything_that_decides() -> None:
    class Classifier:
        def predict(self, X):
            return np.where(X[:, 0] > 0.5, "yes", "no")

    class Probabilities:
        def predict_proba(self, X):
            return np.stack([1 - X[:, 0].clip(0, 1), X[:, 0].clip(0, 1)], axis=1)

    three = FeedForward([2, 3])
    for model in (xor(), three, Classifier(), Probabilities(), lambda X: X[:, 0] - X[:, 1]):
        figure = plot.decision_boundary(model, CORNERS, XOR, title="title")
        assert figure.axes[0].get_title() == "title"
        assert len(figure.axes[0].get_legend().get_texts()) == 2
    vertical = plot.decision_boundary(Unit([1, 0], -0.5, "step"), CORNERS, [0, 0, 1, 1])
    assert not vertical.axes[0].lines


def test_hidden_space_has_both_planes(tmp_path: Path) -> None:
    figure = plot.hidden_space(xor(), CORNERS, XOR, tmp_path / "xor.svg")
    left, right = figure.axes
    drawn = np.concatenate(
        [np.asarray(c.get_offsets()) for c in right.collections if len(c.get_offsets()) > 1]
    )
    assert {tuple(p) for p in drawn.tolist()} == {(0, 0), (1, 0), (2, 1)}
    assert left.get_xlabel() == "$x_1$" and right.get_ylabel() == "$h_2$"
    assert plot.hidden_space(xor().fold_bias(), CORNERS, XOR)
    with pytest.raises(ValueError, match="2 inputs, 2 hidden units and 1 output"):
        plot.hidden_space(FeedForward([2, 3, 1], output="sigmoid"), CORNERS, XOR)


def test_learning_curve_of_every_kind_of_history(tmp_path: Path) -> None:
    history = [
        {"epoch": e, "loss": 1 / e, "val_loss": None, "val_accuracy": None} for e in (1, 2, 3)
    ]

    class Fitted:
        history_ = history

    for h in (history, Fitted(), [3.0, 2.0, 1.0]):
        figure = plot.learning_curve(h, tmp_path / "curve.png")
        assert len(figure.axes) == 1 and len(figure.axes[0].lines) == 1
    np.testing.assert_allclose(figure.axes[0].lines[0].get_data(), [[1, 2, 3], [3, 2, 1]])
    measured = [{**r, "val_loss": 2.0, "val_accuracy": 0.5} for r in history]
    figure = plot.learning_curve({"a": measured, "b": measured})
    assert [len(axes.lines) for axes in figure.axes] == [4, 2]
    with pytest.raises(ValueError, match="at least one epoch"):
        plot.learning_curve([])


def test_embedding_map_shows_the_principal_components(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    flat = rng.standard_normal((20, 2)) * [5, 1]
    turn = np.linalg.qr(rng.standard_normal((6, 6)))[0][:2]
    words = [f"w{i}" for i in range(20)]
    figure = plot.embedding_map(
        flat @ turn + 3, words, tmp_path / "map.svg", groups=[i % 2 for i in range(20)]
    )
    drawn = np.concatenate([np.asarray(c.get_offsets()) for c in figure.axes[0].collections])
    spread = np.sort(drawn.var(axis=0))
    centred = flat - flat.mean(axis=0)
    np.testing.assert_allclose(spread, np.linalg.eigvalsh(centred.T @ centred / 20), rtol=1e-9)
    assert sorted(t.get_text() for t in figure.axes[0].texts) == sorted(words)
    with pytest.raises(ValueError, match="vectors must have shape"):
        plot.embedding_map(flat, words[:3])
    with pytest.raises(ValueError, match="groups must have one value a word"):
        plot.embedding_map(flat, words, groups=[1])


def test_confusion_matrix_shows_counts_and_shares(tmp_path: Path) -> None:
    figure = plot.confusion_matrix([[8, 2], [0, 0]], ["no", "yes"], tmp_path / "confusion.png")
    assert is_picture(tmp_path / "confusion.png")
    texts = [t.get_text() for t in figure.axes[0].texts]
    assert texts == ["8\n80%", "2\n20%", "0\n0%", "0\n0%"]
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["no", "yes"]
    with pytest.raises(ValueError, match=r"counts must have shape \(3, 3\)"):
        plot.confusion_matrix([[1, 2], [3, 4]], ["a", "b", "c"])


def some_graph() -> ag.Variable:
    x = variable(2.0, "x")
    y = x * x + x
    root = y * ag.exp(-x) + x
    root.name = "a_b$c"
    return root


def test_graph_drawn_by_matplotlib(tmp_path: Path) -> None:
    root = some_graph()
    for suffix in (".svg", ".png", ".pdf"):
        graph(root).plot(tmp_path / f"g{suffix}", engine="matplotlib")
        assert is_picture(tmp_path / f"g{suffix}")
    plot.computation_graph(root, tmp_path / "again.svg", engine="matplotlib")
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "g.svg").read_bytes()
    net = FeedForward([3, 4, 2])
    graph(net.loss_graph(np.ones((5, 3)), [0] * 5)).plot(tmp_path / "net.svg")
    assert is_picture(tmp_path / "net.svg")


def test_graph_drawn_by_graphviz(tmp_path: Path) -> None:
    pytest.importorskip("graphviz")
    import shutil

    if not shutil.which("dot"):
        pytest.skip("Graphviz's dot is not installed")
    graph(some_graph()).plot(tmp_path / "g.svg", engine="graphviz")
    text = (tmp_path / "g.svg").read_text()
    assert "a_b$c" in text and "grad 1" in text


def test_graph_as_text(tmp_path: Path) -> None:
    root = some_graph()
    graph(root).plot(tmp_path / "g.dot")
    assert (tmp_path / "g.dot").read_text() == graph(root).to_dot()
    with pytest.raises(ValueError, match="engine must be 'graphviz', 'matplotlib' or None"):
        graph(root).plot(tmp_path / "g.svg", engine="tikz")


def test_layout_leads_to_the_right_and_keeps_nodes_apart() -> None:
    edges = [(0, 2), (1, 2), (2, 3), (0, 3), (3, 5), (4, 5), (0, 5), (5, 6), (1, 6)]
    place = layout(7, edges)
    for (a, b), bends in zip(edges, place.bends, strict=True):
        columns = [place.nodes[a][0], *[x for x, _ in bends], place.nodes[b][0]]
        assert np.diff(columns).tolist() == [1] * (len(columns) - 1)
    points = place.nodes + [p for bends in place.bends for p in bends]
    for i, (x, y) in enumerate(points):
        assert all(x != u or abs(y - v) > 0.999 for u, v in points[:i])
    assert layout(1, []).nodes == [(0, 0)]


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"X must have shape \(m, 2\)"):
        plot.decision_boundary(xor(), np.zeros((4, 3)), XOR)
    with pytest.raises(ValueError, match=r"y must have shape \(4,\)"):
        plot.decision_boundary(xor(), CORNERS, [0, 1])
    with pytest.raises(TypeError, match="model must be"):
        plot.decision_boundary("xor", CORNERS, XOR)


def test_without_matplotlib_the_extra_is_named() -> None:
    code = """
import sys
sys.modules["matplotlib"] = sys.modules["graphviz"] = None
from pyffnn import plot
from pyffnn.autograd import graph, variable
for call in (lambda: plot.learning_curve([1.0]), lambda: graph(variable(1.0) * 2).plot("g.png", engine="matplotlib"),
             lambda: graph(variable(1.0) * 2).plot("g.png", engine="graphviz")):
    try:
        call()
    except ImportError as error:
        assert "pyffnn[plot]" in str(error), error
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pyplot_is_left_alone() -> None:
    code = "import sys, pyffnn.plot as p; p.learning_curve([2.0, 1.0]); assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_shares_are_bars_largest_first(tmp_path: Path) -> None:
    pairs = [("a", 0.1), ("b", -2.0), ("c", 0.5)]
    figure = plot.shares(pairs, tmp_path / "shares.png", k=2)
    assert is_picture(tmp_path / "shares.png")
    axes = figure.axes[0]
    assert [bar.get_width() for bar in axes.patches] == [-2.0, 0.5]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "c"]
    with pytest.raises(ValueError, match="pairs"):
        plot.shares([])


def test_reliability_leaves_empty_bins_out(tmp_path: Path) -> None:
    figure = plot.reliability([0.1, 0.5, 0.9], [0.2, 0.0, 0.8], [3, 0, 9], tmp_path / "r.svg")
    x, y = figure.axes[0].lines[1].get_data()
    assert list(x) == [0.1, 0.9] and list(y) == [0.2, 0.8]
    with pytest.raises(ValueError, match="one shape"):
        plot.reliability([0.1], [0.1, 0.2], [1])
