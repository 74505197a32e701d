"""`pyffnn tune`, what `pyffnn test` says of labels and their confusions, and completion in a shell."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyffnn import TextClassifier
from pyffnn.cli import main
from pyffnn.tuning import tune

WORDS = {"good": "fine lovely", "bad": "dull long", "mixed": "fair passable"}


def drawn(seed: int, n: int = 120) -> tuple[list[str], list[str]]:
    rng = random.Random(seed)
    labels = [rng.choice(list(WORDS)) for _ in range(n)]
    sure = [label if rng.random() < 0.85 else rng.choice(list(WORDS)) for label in labels]
    filling = ["the", "film", "was", "of"]
    texts = [" ".join([rng.choice(WORDS[s].split()), *rng.choices(filling, k=4)]) for s in sure]
    return texts, labels


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("tune")
    for seed, name in enumerate(("train", "test")):
        lines = [f"{label}\t{text}\n" for text, label in zip(*drawn(seed), strict=True)]
        (where / f"{name}.tsv").write_text("".join(lines))
    assert main(["train", str(where / "train.tsv"), "-m", str(where / "m"), "--quiet"]) == 0
    return where


def test_a_search_is_a_function_of_its_seed() -> None:
    texts, labels = drawn(1)
    first, again = (
        tune(texts, labels, trials=4, random_state=3, settings={"n_threads": n, "word_ngrams": 2})
        for n in (1, 2)
    )
    for a, b in zip(first.trials, again.trials, strict=True):
        assert (a.number, a.score, a.loss) == (b.number, b.score, b.loss)
        assert a.settings["word_ngrams"] == 2
    assert first.best.score == max(trial.score for trial in first.trials)
    p, q = (found.model.predict_proba(texts) for found in (first, again))
    assert np.array_equal(p, q)
    assert len(first.table().splitlines()) == 5
    chosen = [{k: v for k, v in t.settings.items() if k != "n_threads"} for t in first.trials]
    assert all(a != b for i, a in enumerate(chosen) for b in chosen[:i])


def test_a_search_with_validation_data_keeps_the_model_it_scored() -> None:
    (texts, labels), (X_val, y_val) = drawn(1), drawn(2)
    found = tune(texts, labels, X_val=X_val, y_val=y_val, trials=3)
    assert found.model.score(X_val, y_val) == found.best.score
    settings = {**found.best.settings, "random_state": 0}
    fresh = TextClassifier(**settings).fit(texts, labels, X_val=X_val, y_val=y_val)
    assert np.array_equal(fresh.predict_proba(X_val), found.model.predict_proba(X_val))


def test_a_search_ends_in_time_and_refuses_what_is_wrong() -> None:
    texts, labels = drawn(1)
    assert len(tune(texts, labels, trials=50, seconds=0.0).trials) == 1
    with pytest.raises(ValueError, match="trials must be at least 1"):
        tune(texts, labels, trials=0)
    with pytest.raises(ValueError, match="pooling must be"):
        tune(texts, labels, settings={"pooling": "avg"})
    with pytest.raises(ValueError, match="X_val and y_val"):
        tune(texts, labels, X_val=texts)


def test_an_interrupted_search_has_what_it_found() -> None:
    def stop(trial: Any) -> None:
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        tune(*drawn(1), trials=5, report=stop)
    assert len(caught.value.tuned.trials) == 2  # type: ignore[attr-defined]


def test_tune(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["tune", str(files / "train.tsv"), "-m", str(tmp_path / "m"), "--trials", "3"]
    assert main([*argv, "--seed", "5", "--valid", str(files / "test.tsv")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["trial", "score", "loss", "seconds", "settings"]
    assert [line.split()[0] for line in out[1:4]] == ["1", "2", "3"]
    best = next(line for line in out if line.startswith("best"))
    model, (X, y) = TextClassifier.load(tmp_path / "m"), drawn(1)
    assert f"score {model.score(X, y):.4f}" in best
    # the settings, as options of train, give the same model
    settings = next(line for line in out if line.startswith("settings")).split()[1:]
    settings = [] if settings == ["(defaults)"] else settings
    again = [*argv[1:2], "-m", str(tmp_path / "again"), "--quiet", *settings]
    if "--seed" not in settings:
        again += ["--seed", "5"]
    assert main(["train", *again]) == 0
    p, q = (TextClassifier.load(tmp_path / n).predict_proba(X) for n in ("m", "again"))
    assert np.array_equal(p, q)
    capsys.readouterr()
    assert main([*argv, "--json", "--trials", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["best"] == 1
    assert main([*argv, "--trials", "0"]) == 2
    assert "argument --trials: must be above 0, got 0" in capsys.readouterr().err


def test_test_prints_at_k_and_confusions(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from sklearn.metrics import confusion_matrix, top_k_accuracy_score

    texts, labels = drawn(1)
    model = TextClassifier.load(files / "m")
    argv = ["test", str(files / "test.tsv"), "-m", str(files / "m"), "-k", "1,2"]
    assert main(argv) == 0
    out = capsys.readouterr().out
    found = dict(line.split() for line in out.splitlines() if line[:2] in ("P@", "R@"))
    p = model.predict_proba(texts)
    for k in (1, 2):
        share = top_k_accuracy_score(labels, p, k=k, labels=model.classes_)
        assert float(found[f"R@{k}"]) == pytest.approx(share, abs=5e-5)
        assert float(found[f"P@{k}"]) == pytest.approx(share / k, abs=5e-5)
    table = [line.split()[1:] for line in out.splitlines()[-3:]]
    counts = [[0 if cell == "." else int(cell) for cell in row] for row in table]
    assert counts == confusion_matrix(labels, model.predict(texts)).tolist()
    assert main([*argv, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["confusion"] == {"labels": ["bad", "good", "mixed"], "counts": counts}
    assert report["recall_at_2"] == pytest.approx(float(found["R@2"]), abs=5e-5)
    pytest.importorskip("matplotlib")
    assert main([*argv, "--plot", str(tmp_path / "confusion.svg")]) == 0
    assert (tmp_path / "confusion.svg").read_text().count("<svg") == 1
    assert main([*argv, "--plot", str(tmp_path / "no" / "confusion.svg")]) == 1


def test_rare_labels_share_a_row_of_the_confusions() -> None:
    from pyffnn.commands.test import _most_confused

    counts = np.diag(np.arange(1, 6))
    counts[0, 3] = counts[3, 4] = 9
    labels, small = _most_confused(list("abcde"), counts, 4)
    assert labels == ["a", "d", "e", "(others)"]
    assert small.sum() == counts.sum() and small[3].tolist() == [0, 0, 0, 5]
    assert small[0].tolist() == [1, 9, 0, 0] and small[1].tolist() == [0, 4, 9, 0]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", "bash"]) == 0
    script = capsys.readouterr().out
    asked = {
        "pyffnn tr": "train",
        "pyffnn lm g": "generate",
        "pyffnn train --pooling w": "weighted",
        "pyffnn train x --word-n": "--word-ngrams",
        "pyffnn lm train --precision ": "float32 bfloat16x3 bfloat16 auto none",
        "pyffnn score --reduce mi": "min",
        "pyffnn train --model ": "",
        "pyffnn train x": "",
    }
    for words in asked:
        script += f"\nCOMP_WORDS=({words}); [[ {words!r} == *' ' ]] && COMP_WORDS+=('')"
        script += '\nCOMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pyffnn; echo "${COMPREPLY[*]}"'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(asked.values()) and not done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-completion", shell]) == 0
    script = capsys.readouterr().out
    assert "bfloat16x3" in script and "word-ngrams" in script and "perplexity" in script
    if (path := shutil.which(shell)) is not None:
        subprocess.run([path, "-n"], input=script, text=True, check=True)
    assert main(["--print-completion", "tcsh"]) == 2
