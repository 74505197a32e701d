"""``pyffnn train --regression`` and what its models say: the same as the library's."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
from command_line import failed

from pyffnn import TextRegressor
from pyffnn.cli import main
from pyffnn.metrics import r2_score


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    """train.txt (fastText's form), test.csv and new.txt, with numbers as labels."""
    rng = random.Random(1)
    worth = {"fine": 2.0, "lovely": 1.5, "dull": -1.5, "long": -2.0}
    where = tmp_path_factory.mktemp("stars")

    def examples(n):
        for _ in range(n):
            words = rng.choices(list(worth), k=3)
            yield sum(worth[w] for w in words), " ".join([*words, "film"])

    lines = [f"__label__{y} {text}\n" for y, text in examples(300)]
    (where / "train.txt").write_text("".join(lines))
    rows = list(examples(80))
    csv = "label,text\n" + "".join(f"{y},{t}\n" for y, t in rows)
    (where / "test.csv").write_text(csv)
    (where / "new.txt").write_text("".join(f"{t}\n" for _, t in rows))
    return where


@pytest.fixture(scope="module")
def model(stars):
    argv = ["train", stars / "train.txt", "--regression", "--model", stars / "m", "--epochs", "30"]
    assert main([*map(str, argv), "--quiet", "--valid", str(stars / "test.csv")]) == 0
    return stars / "m"


def test_it_is_the_models_of_the_library(stars, model, capsys):
    ours = TextRegressor.load(model)
    lines = (stars / "train.txt").read_text().splitlines()
    y = [float(line.split()[0].removeprefix("__label__")) for line in lines]
    texts = [line.split(" ", 1)[1] for line in lines]
    again = TextRegressor(epochs=30).fit(texts, y)
    new = (stars / "new.txt").read_text().splitlines()
    np.testing.assert_allclose(ours.predict(new), again.predict(new), rtol=1e-6)
    assert main(["predict", str(stars / "new.txt"), "-m", str(model)]) == 0
    printed = [float(line) for line in capsys.readouterr().out.splitlines()]
    np.testing.assert_allclose(printed, ours.predict(new), rtol=1e-5)


def test_test(stars, model, capsys):
    assert main(["test", str(stars / "test.csv"), "-m", str(model), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    rows = [line.split(",") for line in (stars / "test.csv").read_text().splitlines()[1:]]
    true = np.array([float(y) for y, _ in rows])
    found = TextRegressor.load(model).predict([text for _, text in rows])
    assert report["texts"] == 80
    assert report["r2"] == pytest.approx(r2_score(true, found)) and report["r2"] > 0.9
    assert report["mean_absolute_error"] == pytest.approx(np.abs(true - found).mean())
    assert report["root_mean_squared_error"] == pytest.approx(np.sqrt(((true - found) ** 2).mean()))
    assert main(["test", str(stars / "test.csv"), "-m", str(model)]) == 0
    assert f"R^2        {report['r2']:.4f}" in capsys.readouterr().out


def test_logistic_loss(stars, capsys):
    shares = stars / "shares.csv"
    shares.write_text("label,text\n" + "1,fine film\n0.1,dull film\n" * 50)
    argv = ["train", str(shares), "--regression", "--loss", "logistic", "-m", str(stars / "s")]
    assert main([*argv, "--quiet", "--epochs", "40"]) == 0
    assert main(["predict", "-m", str(stars / "s"), str(stars / "new.txt")]) == 0
    values = [float(line) for line in capsys.readouterr().out.splitlines()[2:]]
    assert all(0 <= value <= 1 for value in values)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--regression", "--multilabel"], "argument --multilabel: not with --regression"),
        (["--regression", "--class-weight", "balanced"], "argument --class-weight: not with"),
        (["--loss", "squared"], "argument --loss: only with --regression"),
    ],
)
def test_what_does_not_go_together(stars, capsys, more, message):
    argv = ["train", str(stars / "train.txt"), "-m", str(stars / "x"), *more]
    assert main(argv) == 2 and message in capsys.readouterr().err


def test_labels_that_are_no_numbers(stars, capsys):
    bad = stars / "bad.csv"
    bad.write_text("label,text\ngood,fine film\n" * 3)
    argv = ["train", str(bad), "--regression", "-m", str(stars / "x"), "--quiet"]
    assert "a label must be a number" in failed(capsys, argv)


def test_answers_of_classifiers_are_not_asked_of_a_regressor(stars, model, capsys):
    assert main(["predict", str(stars / "new.txt"), "-m", str(model), "--proba"]) == 2
    assert "for classifiers" in capsys.readouterr().err
