"""`pyffnn fasttext`: flags, files and output of fastText's command line."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from fasttext_texts import make_lines

import pyffnn.integrations.fasttext as fasttext
from pyffnn.cli import main


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.txt").write_text("\n".join(make_lines(300)) + "\n")
    (tmp_path / "valid.txt").write_text("\n".join(make_lines(50, 1)) + "\n")

    def call(*words: str, stdin: str = "", code: int = 0) -> str:
        text = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
        monkeypatch.setattr("sys.stdin", text)
        assert main(["fasttext", *words]) == code, capsys.readouterr().err
        return capsys.readouterr().out

    return call


def train(run, *more: str) -> None:
    run(*"supervised -input train.txt -output m -dim 6 -lr 0.5 -epoch 8 -verbose 0".split(), *more)


def test_train_test_and_predict(run):
    train(run, "-wordNgrams", "2", "-bucket", "400", "-saveOutput")
    model = fasttext.load_model("m.bin")
    n, p, r = model.test("valid.txt")
    assert run("test", "m.bin", "valid.txt") == f"N\t{n}\nP@1\t{p:.3g}\nR@1\t{r:.3g}\n"
    by_label = run("test-label", "m.bin", "valid.txt", "2").splitlines()
    assert len(by_label) == 5 + 3
    assert by_label[0].startswith("F1-Score : 0.")
    assert by_label[0].endswith(f"   {model.labels[0]}")
    assert by_label[-2].startswith("P@2\t0.")
    text = "the goal of the team\n\nsoup </s> rain storm"
    assert run("predict", "m.bin", "-", stdin=text).splitlines() == [
        model.predict(line)[0][0] for line in ("the goal of the team", "", "soup", "rain storm")
    ]
    probabilities = run("predict-prob", "m.bin", "-", "2", "0.01", stdin="goal team").split()
    assert probabilities[0] == "__label__sport"
    assert float(probabilities[1]) == pytest.approx(model.predict("goal team")[1][0], abs=0.05)
    words, _, rest = Path("m.vec").read_text().partition("\n")
    assert words == f"{len(model.words)} 6"
    assert rest.splitlines()[0].split(" ")[0] == model.words[0]
    assert Path("m.output").read_text().splitlines()[1].startswith(model.labels[0])


def test_vectors_and_neighbours(run):
    run(
        *"skipgram -input train.txt -output m -dim 5 -minCount 1 -epoch 2 -bucket 100 -verbose 0".split()
    )
    model = fasttext.load_model("m.bin")
    line = run("print-word-vectors", "m.bin", stdin="goal soup\n").splitlines()[0]
    assert line.startswith("goal ")
    assert line.endswith(" ")
    np.testing.assert_allclose([float(x) for x in line.split()[1:]], model["goal"], rtol=1e-4)
    found = run("print-sentence-vectors", "m.bin", stdin="goal soup\nrain\n").splitlines()
    np.testing.assert_allclose(
        [float(x) for x in found[0].split()], model.get_sentence_vector("goal soup"), rtol=1e-3
    )
    pieces = run("print-ngrams", "m.bin", "goal").splitlines()
    assert [p.split(" ")[0] for p in pieces] == model.get_subwords("goal")[0]
    near = run("nn", "m.bin", "3", stdin="goal\n")
    assert near.startswith("Query word? ")
    assert near.splitlines()[1].split()[0] == model.get_nearest_neighbors("goal")[1][1]
    assert near.endswith("\nQuery word? ")
    triple = run("analogies", "m.bin", "2", stdin="goal team soup\n").splitlines()
    assert triple[0] == "Loading model m.bin"
    assert len(triple) == 1 + 2 + 1
    run(
        *"cbow -input train.txt -output c -dim 5 -minCount 1 -epoch 1 -bucket 100 -verbose 0".split()
    )
    assert "model cbow" in run("dump", "c.bin", "args")


def test_dump_and_quantize(run):
    train(run, "-wordNgrams", "2", "-bucket", "400")
    model = fasttext.load_model("m.bin")
    assert run("dump", "m.bin", "args").splitlines()[:2] == ["dim 6", "ws 5"]
    dictionary = run("dump", "m.bin", "dict").splitlines()
    assert dictionary[0] == str(len(model.words) + 5)
    assert dictionary[-1].endswith(" label")
    matrix = run("dump", "m.bin", "output").splitlines()
    assert matrix[0] == "5 6"
    np.testing.assert_allclose(np.loadtxt(matrix[1:]), model.get_output_matrix(), rtol=1e-5)
    run(*"quantize -output m -input train.txt -cutoff 300 -retrain -qnorm -epoch 1 -lr 0.1".split())
    small = fasttext.load_model("m.ftz")
    assert small.is_quantized()
    assert small.test("valid.txt")[1] > 0.9
    run("dump", "m.ftz", "input")


@pytest.mark.parametrize(
    "words",
    [
        ["supervised", "-input", "train.txt", "-output", "m", "-nothing", "1"],
        ["supervised", "-output", "m"],
        ["supervised", "-input", "train.txt", "-output", "m", "-dim", "many"],
        ["skipgram", "-input", "train.txt", "-output", "m", "-autotune-duration", "3"],
        ["predict", "m.bin"],
        ["dump", "m.bin", "all"],
        ["nothing"],
        [],
    ],
)
def test_usage_errors(run, words):
    run(*words, code=2)


def test_failures(run):
    run("predict", "none.bin", "-", code=1)
    run("supervised", "-input", "none.txt", "-output", "m", code=1)
