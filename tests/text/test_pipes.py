"""Data that come but once, slowly or never: pipes are read once, signals are heard."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from pyffnn import TextClassifier
from pyffnn.corpus import read_corpus
from pyffnn.text.featurizer import Featurizer
from pyffnn.text.labelled import LabelledFile, read_labelled
from pyffnn.text.vectors import find_vectors

from ..subprocesses import run_python

FASTTEXT = "".join(f"__label__{'ab'[i % 2]} word{i % 19} filler number {i}\n" for i in range(3000))
TABBED = "".join(f"{'ab'[i % 2]}\tword{i % 19} filler number {i}\n" for i in range(3000))


def pipe_of(tmp_path: Path, data: str) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    threading.Thread(target=path.write_text, args=(data,), daemon=True).start()
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text(FASTTEXT)
    return path


def test_features_from_a_pipe(tmp_path: Path, file: Path) -> None:
    want = Featurizer().fit_file(file)
    got = Featurizer().fit_file(pipe_of(tmp_path, FASTTEXT))
    assert np.array_equal(got.bags().ids, want.bags().ids)
    assert got.featurizer.vocabulary == want.featurizer.vocabulary


@pytest.mark.parametrize("data", [FASTTEXT, TABBED], ids=["fasttext", "tabs"])
def test_labelled_texts_from_a_pipe(tmp_path: Path, data: str) -> None:
    (tmp_path / "file").write_text(data)
    assert read_labelled(pipe_of(tmp_path, data)) == read_labelled(tmp_path / "file")


def test_a_labelled_file_stands_for_its_path(tmp_path: Path, file: Path) -> None:
    with LabelledFile(pipe_of(tmp_path, FASTTEXT)) as opened:
        assert opened.is_fasttext() and opened.is_fasttext()
        model = TextClassifier(epochs=1, random_state=0).fit(opened)
    want = TextClassifier(epochs=1, random_state=0).fit(file)
    assert model.vocabulary_ == want.vocabulary_
    assert np.array_equal(model.embeddings_, want.embeddings_)
    with LabelledFile(file) as opened:
        assert opened.is_fasttext()
        assert opened.read(5) + opened.read() == FASTTEXT.encode()


def test_a_file_that_grows_a_model_is_read_once(tmp_path: Path, file: Path) -> None:
    model, other = (TextClassifier(epochs=1, random_state=0).fit(file) for _ in range(2))
    more = FASTTEXT.replace("filler", "stuffing")
    (tmp_path / "more").write_text(more)
    model.partial_fit(pipe_of(tmp_path, more))
    other.partial_fit(tmp_path / "more")
    assert "stuffing" in model.vocabulary_
    assert np.array_equal(model.embeddings_, other.embeddings_)


def test_language_models_text_from_a_pipe(tmp_path: Path, file: Path) -> None:
    want, got = read_corpus(file), read_corpus(pipe_of(tmp_path, FASTTEXT))
    assert np.array_equal(got.ids, want.ids) and got.vocabulary == want.vocabulary


def test_vectors_from_a_pipe_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(ValueError, match="must be a regular file"):
        find_vectors(path, ["a"])


@pytest.mark.parametrize("data", [FASTTEXT, TABBED], ids=["fasttext", "tabs"])
def test_the_commands_read_a_pipe_once(tmp_path: Path, data: str) -> None:
    (tmp_path / "file").write_text(data)

    def run(command: str) -> str:
        line = command.replace("pyffnn", f"{sys.executable} -m pyffnn")
        done = subprocess.run(
            ["bash", "-c", line], capture_output=True, text=True, timeout=60, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("pyffnn train file --epochs 1 --quiet --model want.safetensors")
    want = TextClassifier.load(tmp_path / "want.safetensors")
    for source in ("<(cat file)", "/dev/stdin < <(cat file)"):
        run(f"pyffnn train {source} --epochs 1 --quiet --model got.safetensors")
        got = TextClassifier.load(tmp_path / "got.safetensors")
        assert got.vocabulary_ == want.vocabulary_
        assert np.array_equal(got.embeddings_, want.embeddings_)
    scores = run("pyffnn test file --model want.safetensors")
    assert run("pyffnn test <(cat file) --model want.safetensors") == scores


CALLS = {
    "a pipe that nobody writes to": """
        os.mkfifo("pipe")
        call = lambda: Featurizer().fit_file("pipe")""",
    "a pipe that says no more": """
        ends = os.pipe()
        os.write(ends[1], b"a b")
        call = lambda: read_corpus(f"/dev/fd/{ends[0]}")""",
    "texts without end": """
        call = lambda: Featurizer().fit(itertools.repeat("a b c"))""",
    "sentences without end": """
        call = lambda: build_vocabulary(itertools.repeat(["a", "b"]))""",
    "a document without end": """
        call = lambda: Featurizer().fit_tokens([itertools.repeat("a")])""",
    "many n-grams": """
        f = Featurizer(word_ngrams=4, ngram_min_count=1)
        f.fit(["a b"])
        text = " ".join(map(str, np.random.default_rng(0).integers(0, 10**6, 10**6)))
        call = lambda: [f.extend([text]) for _ in range(100)]""",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_an_interrupt_is_heard(tmp_path: Path, call: str) -> None:
    code = textwrap.dedent(
        f"""
        import itertools, os, signal, threading, time
        import numpy as np
        from pyffnn.corpus import build_vocabulary, read_corpus
        from pyffnn.text.featurizer import Featurizer
        os.chdir({str(tmp_path)!r})
        {call.strip()}
        def kick():
            global at
            at = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)
        threading.Timer(1.0, kick).start()
        try:
            call()
        except KeyboardInterrupt:
            print(time.monotonic() - at)
        """
    )
    done = run_python(code, timeout=60)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 2
