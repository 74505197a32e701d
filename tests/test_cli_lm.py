"""The commands for language models: what they print, and models equal to those of the library."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest
from command_line import failed

from pyffnn.cli import main
from pyffnn.models.language_model import LanguageModel
from pyffnn.models.ngram import KneserNeyLM

TINY_LM = ["--embedding-dim", "8", "--hidden-layer-sizes", "8", "--epochs", "2", "--quiet"]


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    """A directory with train.txt and valid.txt, one sentence a line."""
    rng = random.Random(0)
    animals, verbs = ["dog", "cat", "cow", "horse"], ["sees", "likes", "follows"]
    where = tmp_path_factory.mktemp("sentences")
    for name, n in (("train", 300), ("valid", 50)):
        lines = (
            f"the {rng.choice(animals)} {rng.choice(verbs)} the {rng.choice(animals)}\n"
            for _ in range(n)
        )
        (where / f"{name}.txt").write_text("".join(lines))
    return where


@pytest.fixture(scope="module")
def language_model(sentences):
    path = sentences / "lm.safetensors"
    train = ["lm", "train", str(sentences / "train.txt"), "--model", str(path)]
    assert main([*train, *TINY_LM, "--eos-token", "</s>", "--seed", "3"]) == 0
    return path


def test_a_reader_that_leaves_is_no_traceback(language_model):
    """As in `pyffnn ... | head -1`."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "pyffnn",
            "lm",
            "generate",
            "--model",
            language_model,
            "-n",
            "20000",
        ],
        stdout=write,
        stderr=subprocess.PIPE,
    )
    os.close(write)
    os.close(read)
    assert process.communicate(timeout=120)[1] == b""
    assert process.returncode == 1


def test_language_models_read_streams(sentences, language_model, tmp_path):
    line = f"{sys.executable} -m pyffnn lm train <(cat {sentences}/train.txt) --model {tmp_path}/m {' '.join(TINY_LM)} --seed 3 --eos-token '</s>'"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    piped, read = LanguageModel.load(tmp_path / "m"), LanguageModel.load(language_model)
    np.testing.assert_array_equal(piped.embeddings_, read.embeddings_)


def test_lm_train_is_fit(language_model, sentences):
    written = LanguageModel.load(language_model)
    model = LanguageModel(
        embedding_dim=8, hidden_layer_sizes=(8,), epochs=2, eos_token="</s>", random_state=3
    ).fit(sentences / "train.txt")
    np.testing.assert_array_equal(written.embeddings_, model.embeddings_)
    text = "the dog sees the cat </s>"
    np.testing.assert_array_equal(written.log_prob(text), model.log_prob(text))


def test_lm_train_reports(sentences, tmp_path, capsys):
    train, valid, model = sentences / "train.txt", sentences / "valid.txt", tmp_path / "m"
    argv = ["lm", "train", train, "--valid", valid, "--model", model, *TINY_LM[:-1]]
    assert main([*map(str, argv), "--distant-kernels", "0", "--no-residual"]) == 0
    out, err = capsys.readouterr()
    fitted = LanguageModel.load(model)
    assert fitted.distant_kernels == 0 and fitted.residual is False
    assert f"perplexity {fitted.perplexity(valid):.2f}" in out and str(model) in out
    assert [line.split()[:2] for line in err.splitlines()] == [["epoch", "1/2"], ["epoch", "2/2"]]
    assert "\r" not in err


def test_lm_train_resumes_to_the_same_bits(sentences, tmp_path, capsys):
    argv = ["lm", "train", sentences / "train.txt", *TINY_LM, "--model"]
    whole, rest, checkpoint = (tmp_path / name for name in ("whole", "rest", "checkpoint"))
    keep = ["--checkpoint", checkpoint, "--checkpoint-steps", "3"]
    assert main([str(a) for a in [*argv, whole]]) == 0
    seen = []

    def stop(model, record):
        seen.append(record)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LanguageModel(embedding_dim=8, hidden_layer_sizes=(8,), epochs=2).fit(
            str(sentences / "train.txt"),
            checkpoint=checkpoint,
            checkpoint_steps=3,
            callbacks=[stop],
        )
    assert len(seen) == 1 and checkpoint.exists()
    assert main([str(a) for a in [*argv, rest, *keep, "--resume"]]) == 0
    ours, theirs = LanguageModel.load(rest), LanguageModel.load(whole)
    np.testing.assert_array_equal(ours.embeddings_, theirs.embeddings_)
    text = "the cow likes the horse"
    np.testing.assert_array_equal(ours.log_prob(text), theirs.log_prob(text))
    capsys.readouterr()


def test_lm_perplexity_beside_ngrams(language_model, sentences, capsys):
    train, valid = sentences / "train.txt", sentences / "valid.txt"
    argv = ["lm", "perplexity", valid, "--model", language_model]
    mix = ["--ngram", train, "--order", "3", "--valid", valid]
    assert main([str(a) for a in [*argv, *mix, "--json"]]) == 0
    shown = json.loads(capsys.readouterr().out)
    model = LanguageModel.load(language_model)
    ngram = KneserNeyLM(3, vocabulary=model.vocabulary_).fit(train, valid=valid)
    mixture = ngram.mix(model)
    assert shown["neural"] == model.evaluate(valid)._asdict()
    assert shown["kneser-ney 3"] == ngram.evaluate(valid)._asdict()
    assert shown["mixture"] == mixture.evaluate(valid)._asdict()
    assert shown["weights"] == mixture.weights_
    assert main([str(a) for a in [*argv, *mix, "--cache"]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["neural", "kneser-ney", "mixture", "shares"]
    assert str(model.evaluate(valid)) in lines[0] and "cache" in lines[3]


def test_lm_generate_is_generate(language_model, capsys):
    argv = ["lm", "generate", "--model", str(language_model), "--prompt", "the dog", "-n", "12"]
    more = ["--temperature", "0.7", "--top-k", "3", "--seed", "5"]
    assert main([*argv, *more]) == 0
    words = LanguageModel.load(language_model).generate(
        "the dog", 12, temperature=0.7, top_k=3, random_state=5
    )
    expected = " ".join(["the", "dog", *words])
    assert capsys.readouterr().out.split() == expected.replace("</s>", "").split()


def test_lm_failures_are_one_line(language_model, sentences, tmp_path, capsys):
    train = sentences / "train.txt"
    empty = tmp_path / "empty.txt"
    empty.write_text("")
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\n")
    model = tmp_path / "m"
    fit = ["lm", "train", "--model", model]
    assert "none.txt: No such file" in failed(capsys, [*fit, tmp_path / "none.txt"])
    assert "empty" in failed(capsys, [*fit, empty])
    assert "UTF-8" in failed(capsys, [*fit, binary])
    assert "tie_embeddings" in failed(capsys, [*fit, train, "--output", "adaptive"])
    assert "No such file" in failed(
        capsys, ["lm", "train", train, "--model", tmp_path / "no" / "m"]
    )
    assert "directory" in failed(capsys, ["lm", "train", train, "--model", tmp_path])
    assert "not a pyffnn model" in failed(capsys, ["lm", "generate", "--model", train])
    damaged = tmp_path / "damaged"
    damaged.write_bytes(language_model.read_bytes()[:-7])
    assert "damaged" in failed(capsys, ["lm", "generate", "--model", damaged])
    assert not model.exists()


def test_ngram_models_from_the_command_line(sentences, tmp_path, capsys, monkeypatch):
    text, valid = str(sentences / "train.txt"), str(sentences / "valid.txt")
    expected = KneserNeyLM(4, eos_token="</s>").fit(text, valid=valid)
    for name in ("m.safetensors", "m.arpa", "m.arpa.gz"):
        path = str(tmp_path / name)
        train = ["lm", "ngram", text, "--model", path, "--order", "4", "--eos-token", "</s>"]
        assert main([*train, "--valid", valid]) == 0
        assert f"{expected.valid_perplexity_:.2f}" in capsys.readouterr().out
        assert main(["lm", "perplexity", valid, "--model", path]) == 0
        assert f"perplexity {expected.perplexity(valid):.2f}" in capsys.readouterr().out
        assert main(["lm", "generate", "--model", path, "--prompt", "the", "-n", "1", "--temperature", "0"]) == 0  # fmt: skip
        assert capsys.readouterr().out.split() == ["the", *expected.generate("the", 1, temperature=0)]  # fmt: skip
        (tmp_path / "lines").write_text("the cat sees\nthe zebra\n")
        for options, marks in ((["--no-eos"], {"eos": False}), (["--no-bos"], {"bos": False}), ([], {})):  # fmt: skip
            assert main(["lm", "score", str(tmp_path / "lines"), "--model", path, *options]) == 0
            scores = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
            assert [line for _, line in scores] == ["the cat sees", "the zebra"]
            for score, line in scores:
                assert float(score) == pytest.approx(expected.score(line, **marks), abs=1e-5)


def test_a_mixture_beside_an_ngram_model_is_refused(sentences, tmp_path, capsys):
    path = tmp_path / "m.arpa"
    KneserNeyLM(2).fit(sentences / "train.txt").to_arpa(path)
    command = ["lm", "perplexity", str(sentences / "valid.txt"), "--model", str(path)]
    assert main([*command, "--ngram", str(sentences / "train.txt")]) == 2
    assert "holds none" in capsys.readouterr().err
