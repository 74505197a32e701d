"""The command line on files of every form, on what stops it, and on model files."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pyffnn import LanguageModel, TextClassifier
from pyffnn.cli import main
from pyffnn.models.ngram import KneserNeyLM

ROWS = [(f"word{i % 7}, of {'good bad'.split()[i % 2]}", "pn"[i % 2]) for i in range(60)]
FILES = {
    "x.csv": "text,label\n" + "".join(f'"{text}",{label}\n' for text, label in ROWS),
    "y.csv": "id,stars,words\n" + "".join(f'1,{label},"{text}"\n' for text, label in ROWS),
    "z.tsv": "".join(f"{label}\t{text}\n" for text, label in ROWS),
    "x.jsonl": "".join(json.dumps({"text": t, "label": label}) + "\n" for t, label in ROWS),
    "x.txt": "".join(f"__label__{label} {text}\n" for text, label in ROWS),
}
MORE = {"y.csv": ["--text-column", "words", "--label-column", "2"]}


@pytest.mark.parametrize("name", FILES)
def test_train_test_predict(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("\ufeff" + FILES[name], "utf-8")
    path, model, more = str(tmp_path / name), str(tmp_path / "m"), MORE.get(name, [])
    assert main(["train", path, "-m", model, "-q", "--seed", "0", "--epochs", "3", *more]) == 0
    assert "labels       2\n" in capsys.readouterr().out
    assert main(["test", path, "-m", model, "--json", *more]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == 1
    columns = [] if name != "y.csv" else more[:2]
    assert main(["predict", path, "-m", model, *columns]) == 0
    labels = capsys.readouterr().out.split()
    if name in ("x.csv", "y.csv", "x.jsonl"):
        assert labels == [label for _, label in ROWS]


def test_standard_input(tmp_path: Path) -> None:
    model = str(tmp_path / "m")
    for args in (
        ["train", "-", "-m", model, "-q", "--epochs", "2"],
        ["test", "/dev/stdin", "-m", model],
    ):
        subprocess.run(
            [sys.executable, "-m", "pyffnn", *args],
            input=FILES["x.jsonl"].encode(), check=True, capture_output=True, timeout=120,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["trian"], "did you mean train?"),
        (["explain", "f"], "did you mean predict --explain?"),
        (["train", "f", "-m", "m", "--epcohs", "3"], "pyffnn train: error: unrecognized arguments: --epcohs 3; did you mean --epochs?"),
        (["train", "f", "-m", "m", "--pooling", "men"], "did you mean mean?"),
        (["train", "f", "-m", "m", "--format", "cvs"], "did you mean csv?"),
        (["lm", "generat"], "did you mean generate?"),
        (["train", "f", "-m", "m", "--xyzzy"], "unrecognized arguments: --xyzzy\n"),
    ],
)  # fmt: skip
def test_what_was_meant(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    shown = capsys.readouterr().err
    assert said in shown and shown.startswith("usage: pyffnn")


def test_info_of_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts, labels = map(list, zip(*ROWS, strict=True))
    path = tmp_path / "m"
    model = TextClassifier(epochs=3, random_state=1, hidden_layer_sizes=(8,)).fit(texts, labels)
    model.save(path)
    assert main(["info", str(path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report["bytes"] == path.stat().st_size and report["labels"] == ["n", "p"]
    assert report["settings"] == {"epochs": 3, "random_state": 1, "hidden_layer_sizes": [8]}
    assert report["arrays"]["hidden0.weight"]["shape"][1] == 8
    assert [record["epoch"] for record in report["history"]] == [1, 2, 3]
    assert main(["info", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "2: n, p" in shown and "epochs=3" in shown and report["sha256"] in shown
    path.write_bytes(b"nothing")
    assert main(["info", str(path)]) == 1
    assert "not a pyffnn model file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["kn", "mixture"])
def test_info_of_ngram_models(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = [text.split() for text, _ in ROWS]
    model = KneserNeyLM(2).fit(sentences)
    if name == "mixture":
        neural = LanguageModel(embedding_dim=2, hidden_layer_sizes=(2,), epochs=1).fit(sentences)
        model = model.mix(neural, 0.5)
    model.save(tmp_path / name)
    assert main(["info", str(tmp_path / name)]) == 0
    assert type(model).__name__ in capsys.readouterr().out
    assert main(["predict", "-", "-m", str(tmp_path / name)]) == 1
    assert f"holds a {type(model).__name__}, not a model of texts" in capsys.readouterr().err


def test_closed_streams_are_empty_ones(tmp_path: Path) -> None:
    """Started with ``<&-`` and ``>&-``: nothing to read, nobody to write to, and no error of ours."""
    (tmp_path / "x.txt").write_text(FILES["x.txt"])

    def run(command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-c", f"{sys.executable} -m pyffnn {command}"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    for streams in (">&-", ">&- 2>&-", ">&- 2>&- <&-"):
        assert run(f"train x.txt -m m --epochs 2 {streams}").returncode == 0
        assert run(f"predict x.txt -m m {streams}").returncode == 0
    assert TextClassifier.load(tmp_path / "m").score(tmp_path / "x.txt") > 0.9
    done = run("train - -m m <&-")
    assert done.returncode == 1 and done.stderr == "pyffnn: 'standard input' is empty\n"


def test_score_reads_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows, not lines: no header, label or quote is part of a text. The name tells, whatever its case."""
    (tmp_path / "x.txt").write_text(FILES["x.txt"])
    assert main(["train", str(tmp_path / "x.txt"), "-m", str(tmp_path / "m"), "-q"]) == 0
    model = TextClassifier.load(tmp_path / "m")
    want = [f"{max(p):.6g}" for p in model.predict_proba([text for text, _ in ROWS]).tolist()]
    rows = [(text, "what\never") for text, _ in ROWS]
    quoted = "text,note\n" + "".join(f'"{text}","{note}"\n' for text, note in rows)
    for name, content in (("a.csv", FILES["x.csv"]), ("b.CSV", quoted), ("c.tsv", FILES["z.tsv"])):
        (tmp_path / name).write_text("\ufeff" + content, "utf-8")
        assert (
            main(["score", str(tmp_path / name), "-m", str(tmp_path / "m"), "-o", str(tmp_path)])
            == 0
        )
        found = [line.split("\t") for line in (tmp_path / f"{name}.tsv").read_text().splitlines()]
        assert [label for label, _ in found] == model.predict([text for text, _ in ROWS]).tolist()
        assert [score for _, score in found] == want
    (tmp_path / "y.csv").write_text(FILES["y.csv"])
    score = ["score", str(tmp_path / "y.csv"), "-m", str(tmp_path / "m"), "-o", str(tmp_path)]
    assert main([*score, "--column", "words"]) == 0
    assert [
        line.split("\t")[1] for line in (tmp_path / "y.csv.tsv").read_text().splitlines()
    ] == want
    (tmp_path / "y.csv.tsv").unlink()
    capsys.readouterr()
    assert main([*score, "--column", "prose"]) == 1
    assert "y.csv" in (said := capsys.readouterr().err) and "text_column is 'prose'" in said
    assert main([*score, "--windows", "none"]) == 2
    assert (
        "argument --windows: invalid value 'none': N or paragraphs expected"
        in capsys.readouterr().err
    )


def test_an_interrupt_saves_what_was_learned(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(FILES["x.txt"])
    args = ["train", "x.txt", "-m", "m", "--epochs", "1000000", "--hidden-layer-sizes", "64"]
    run = subprocess.Popen(
        [sys.executable, "-m", "pyffnn", *args],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert run.stderr is not None
    try:
        while "2/" not in (line := run.stderr.readline()):
            assert line, "it has ended"
        run.send_signal(signal.SIGINT)
        shown = run.communicate(timeout=120)[1]
    finally:
        run.kill()
    assert run.returncode == 130
    assert (
        "interrupted after" in shown and "m has the best state so far; with --checkpoint" in shown
    )
    assert TextClassifier.load(tmp_path / "m").score(tmp_path / "x.txt") > 0.9


@pytest.mark.parametrize(
    "command", [[str(Path(sys.executable).with_name("pyffnn"))], [sys.executable, "-m", "pyffnn"]]
)
def test_an_unusable_instruction_set_is_one_line(command: list[str]) -> None:
    done = subprocess.run(
        [*command, "info"],
        env={"PYFFNN_ISA": "abacus"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("pyffnn: PYFFNN_ISA 'abacus' is not usable on this machine")
