"""The command line: what it prints, its exit codes, and classifiers equal to those of the library."""

from __future__ import annotations

import io
import json
import random
import re
import subprocess
import sys

import numpy as np
import pytest
from command_line import failed

import pyffnn
from pyffnn import TextClassifier
from pyffnn.cli import _parser, main
from pyffnn.commands.arguments import options_of
from pyffnn.io import load_vectors
from pyffnn.metrics import score_labels
from pyffnn.models.language_model import LanguageModel
from pyffnn.models.parameters import SETTINGS


def pyffnn_process(*args, **settings):
    return subprocess.run(
        [sys.executable, "-m", "pyffnn", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=120,
        **settings,
    )


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    """A directory with train.txt (fastText's form) and test.tsv (tabs): the same kind of texts."""
    rng = random.Random(1)
    words = {"good": ["fine", "lovely"], "bad": ["dull", "long"], "mixed": ["fair", "passable"]}
    where = tmp_path_factory.mktemp("reviews")

    def line(form):
        label = rng.choice(list(words))
        text = " ".join([rng.choice(words[label]), *rng.choices(["the", "film", "was"], k=4)])
        return form.format(label=label, text=text)

    forms = {"train.txt": "__label__{label} {text}\n", "test.tsv": "{label}\t{text}\n"}
    for name, form in forms.items():
        (where / name).write_text("".join(line(form) for _ in range(200)))
    return where


@pytest.fixture(scope="module")
def classifier(reviews):
    path = reviews / "model.safetensors"
    argv = ["train", reviews / "train.txt", "--model", path, "--hidden-layer-sizes", "8", "--quiet"]
    more = ["--word-ngrams", "2", "--char-ngrams", "2,3", "--epochs", "4", "--seed", "2"]
    assert main([str(arg) for arg in [*argv, *more]]) == 0
    return path


def texts_of(path):
    return [line.split("\t")[1] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fly"],
        ["info", "--jso"],
        ["info", "model", "extra"],
        ["train", "x.txt", "--model", "m", "--char-ngrams", "3"],
        ["train", "x.txt", "--model", "m", "--pooling", "most"],
        ["test", "x.txt"],
        ["predict", "--model", "m", "-k", "0"],
        ["predict", "--model", "m", "-k", "one"],
        ["demo", "--only", "sonnets"],
        ["lm"],
        ["lm", "train", "x.txt"],
        ["lm", "train", "x.txt", "--model", "m", "--epochs", "many"],
        ["lm", "train", "x.txt", "--model", "m", "--hidden-layer-sizes", "8;8"],
        ["lm", "train", "x.txt", "--model", "m", "--resume"],
        ["lm", "train", "x.txt", "--model", "m", "--optimiser", "adam"],
        ["lm", "train", "x.txt", "--model", "m", "--optimizer", "lbfgs"],
        ["lm", "train", "x.txt", "--model", "m", "--epochs", "0"],
        ["lm", "train", "x.txt", "--model", "m", "--dropout", "nan"],
        ["lm", "train", "x.txt", "--model", "m", "--cutoffs", "5,5"],
        ["train", "x.txt", "--model", "m", "--resume"],
        ["train", "x.txt", "--model", "m", "--word-ngrams", "17"],
        ["train", "x.txt", "--model", "m", "--char-ngrams", "3,2"],
        ["train", "x.txt", "--model", "m", "--precision", "double"],
        ["lm", "perplexity", "x.txt", "--model", "m", "--cache"],
        ["lm", "generate", "--model", "m", "-n", "2.5"],
    ],
)
def test_usage_errors_are_2(argv, capsys):
    assert main(argv) == 2
    out, err = capsys.readouterr()
    assert out == "" and "usage: pyffnn" in err and "error:" in err


def test_help_and_version_are_0(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pyffnn {pyffnn.__version__}\n"
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    assert "info" in listed and "lm" in listed


@pytest.mark.parametrize(
    ("command", "cls", "without"),
    [(["train"], TextClassifier, {"tokenizer"}), (["lm", "train"], LanguageModel, {"vocabulary"})],
)
def test_help_shows_defaults_and_choices(capsys, command, cls, without):
    assert main([*command, "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for name, default in cls().get_params().items():
        if name in without | {"verbose"}:
            continue
        flag = {"random_state": "seed", "n_threads": "threads"}.get(name, name.replace("_", "-"))
        setting = SETTINGS[cls.__name__][name]
        if isinstance(default, tuple):
            default = ",".join(map(str, default)) or "none"
        elif isinstance(default, bool):
            default = "yes" if default else "no"
        default = "none" if default is None else default
        found = re.search(rf" --{flag}[ ,]", shown)
        assert found, flag
        help_of_flag = shown[found.start() :].split("(default: ", 1)
        assert setting.doc in help_of_flag[0], flag
        assert help_of_flag[1].startswith(f"{default})"), flag
        if len(setting.choices) > 1:
            assert "/".join(setting.choices) in help_of_flag[0], flag
    assert all(f"--{name.replace('_', '-')} " not in shown for name in without)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("--epochs=auto", "epochs", "auto"), ("--epochs=3", "epochs", 3),
        ("--hidden-layer-sizes=none", "hidden_layer_sizes", ()), ("--hidden-layer-sizes=8,4", "hidden_layer_sizes", (8, 4)),
        ("--char-ngrams=2,3", "char_ngrams", (2, 3)), ("--char-ngrams=none", "char_ngrams", None),
        ("--char-ngrams=auto", "char_ngrams", "auto"), ("--buckets=none", "buckets", None), ("--no-lowercase", "lowercase", False),
        ("--dropout=0.5", "dropout", 0.5), ("--seed=7", "random_state", 7), ("--threads=2", "n_threads", 2),
        ("--class-weight=balanced", "class_weight", "balanced"), ("--pretrained-vectors=a.vec", "pretrained_vectors", "a.vec"),
    ],
)  # fmt: skip
def test_options_become_settings(text, name, value):
    args = _parser().parse_args(["train", "x.txt", "--model", "m", text])
    options = options_of(args)
    assert options == {name: value} and type(options[name]) is type(value)


def test_info_is_show_config(capsys):
    assert main(["info"]) == 0
    printed = capsys.readouterr().out
    pyffnn.show_config()
    assert printed == capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == pyffnn.config()


def test_as_a_process(tmp_path):
    done = pyffnn_process("info", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and pyffnn.__version__ in done.stdout
    done = pyffnn_process("lm", "generate", "--model", "none", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pyffnn: none: No such file or directory\n"
    assert pyffnn_process("--bogus").returncode == 2


def test_traceback_on_demand(tmp_path):
    done = pyffnn_process("--traceback", "lm", "generate", "--model", tmp_path / "none")
    assert done.returncode == 1
    assert "Traceback" in done.stderr and done.stderr.splitlines()[-1].startswith("pyffnn: ")


def test_commands_import_nothing_heavy():
    code = "import sys, pyffnn.cli; pyffnn.cli.main(['--version']); print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "pyffnn.commands.lm" in loaded
    assert not {m for m in loaded if m.startswith("pyffnn.models")}
    assert not loaded & {"sklearn", "scipy", "matplotlib", "tqdm", "torch"}


def test_train_is_fit(classifier, reviews):
    written = TextClassifier.load(classifier)
    model = TextClassifier(
        hidden_layer_sizes=(8,), word_ngrams=2, char_ngrams=(2, 3), epochs=4, random_state=2
    ).fit(str(reviews / "train.txt"))
    np.testing.assert_array_equal(written.embeddings_, model.embeddings_)
    texts = texts_of(reviews / "test.tsv")
    np.testing.assert_array_equal(written.predict_proba(texts), model.predict_proba(texts))


def test_train_resumes_to_the_same_bits(reviews, tmp_path, capsys):
    for name in ("train.txt", "test.tsv"):
        argv = ["train", reviews / name, "--epochs", "6", "--model"]
        whole, rest, run = (tmp_path / part for part in ("whole", "rest", "run"))
        keep = ["--checkpoint", run, "--checkpoint-steps", "3"]
        assert main([str(a) for a in [*argv, whole, *keep]]) == 0
        texts = texts_of(reviews / "test.tsv")
        expected = TextClassifier.load(whole).predict_proba(texts)
        run.unlink()

        def stop(model, record):
            raise KeyboardInterrupt

        source = (str(reviews / name), None)
        if name == "test.tsv":
            lines = (reviews / name).read_text().splitlines()
            source = (texts, [line.split("\t")[0] for line in lines])
        with pytest.raises(KeyboardInterrupt):
            TextClassifier(epochs=6).fit(*source, checkpoint=run, callbacks=stop)
        assert main([str(a) for a in [*argv, rest, *keep, "--resume"]]) == 0
        np.testing.assert_array_equal(TextClassifier.load(rest).predict_proba(texts), expected)
        # a finished run is not done again
        assert main([str(a) for a in [*argv, rest, *keep, "--resume"]]) == 0
        np.testing.assert_array_equal(TextClassifier.load(rest).predict_proba(texts), expected)
        run.unlink()
    capsys.readouterr()


def test_train_takes_both_forms(reviews, tmp_path, capsys):
    train, test, model = reviews / "train.txt", reviews / "test.tsv", tmp_path / "m"
    argv = ["train", test, "--valid", train, "--model", model, "--epochs", "3"]
    assert main([str(arg) for arg in argv]) == 0
    out, err = capsys.readouterr()
    fitted = TextClassifier.load(model)
    accuracy = fitted.score(str(train))
    assert accuracy > 0.9 and f"accuracy {accuracy:.4f}" in out and str(model) in out
    assert err.startswith("recipe") and err.count("\nepoch") == 3 == err.count("\n") - 1
    assert "\r" not in err


@pytest.mark.parametrize("how", ["pipe", "/dev/stdin", "-"])
def test_streams_are_read_whole(reviews, tmp_path, how):
    """What can be read once only is read once: nothing of a pipe is lost, for any command that reads labelled texts."""
    text = (reviews / "train.txt").read_text() * 50  # more than a pipe holds
    (tmp_path / "train.txt").write_text(text)
    source = "<(cat train.txt)" if how == "pipe" else how
    command = f"{sys.executable} -m pyffnn"

    def shell(line):
        with open(tmp_path / "train.txt") as file:
            done = subprocess.run(
                ["bash", "-c", line], stdin=file, cwd=tmp_path, capture_output=True, text=True, timeout=60
            )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    options = "--epochs 1 --quiet --valid"
    shell(f"{command} train {source} --model piped {options} {reviews}/test.tsv")
    shell(f"{command} train train.txt --model read {options} {reviews}/test.tsv")
    piped, read = TextClassifier.load(tmp_path / "piped"), TextClassifier.load(tmp_path / "read")
    np.testing.assert_array_equal(piped.embeddings_, read.embeddings_)
    assert shell(f"{command} test {source} --model read") == shell(
        f"{command} test train.txt --model read"
    )


def test_a_share_held_out_for_nothing_is_a_mistake(reviews, tmp_path, capsys):
    argv = ["train", str(reviews / "test.tsv"), "-m", str(tmp_path / "m"), "--epochs", "1", "-q"]
    argv += ["--validation-fraction", "0.2"]
    assert main(argv) == 2
    assert "--validation-fraction: holds texts out for" in capsys.readouterr().err
    assert main([*argv, "--early-stopping"]) == 0
    assert TextClassifier.load(tmp_path / "m").early_stopping is True
    assert main([*argv, "--early-stopping", "1"]) == 0
    assert TextClassifier.load(tmp_path / "m").early_stopping == 1


def test_errors_of_a_stream_name_it(tmp_path):
    done = pyffnn_process("train", "-", "--model", tmp_path / "m", input="no label\n")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "'standard input', line 1: neither" in done.stderr


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ("label\ttext", "taken for a header"),
        ("\ufeffSentiment\tReview", "taken for a header"),
        ("etiqueta\ttexto", "label of its own, 'etiqueta': if it is a header"),
        ("good\ta fine film", ""),
    ],
)
def test_a_header_is_no_example(tmp_path, capsys, first, said):
    rows = [f"{'good' if i % 2 else 'bad'}\tfilm {i % 2} {i}" for i in range(40)]
    for name in ("train.tsv", "valid.tsv"):
        (tmp_path / name).write_text("\n".join([first, *rows]) + "\n", encoding="utf-8")
    argv = ["train", tmp_path / "train.tsv", "--model", tmp_path / "m", "--epochs", "1", "--quiet"]
    assert main([*map(str, argv)]) == 0
    err = capsys.readouterr().err
    assert (
        (said in err and err.startswith("pyffnn: ") and err.count("\n") == 1) if said else not err
    )
    classes = TextClassifier.load(tmp_path / "m").classes_.tolist()
    assert classes == (["bad", "etiqueta", "good"] if "etiqueta" in first else ["bad", "good"])
    if "taken" in said:
        assert main(["test", str(tmp_path / "valid.tsv"), "--model", str(tmp_path / "m")]) == 0
        assert "texts      40" in capsys.readouterr().out


def test_predict_leaves_out_a_byte_order_mark(classifier, tmp_path, capsys):
    (tmp_path / "t.txt").write_bytes(b"\xef\xbb\xbflovely\nlovely\n\xef\xbb\xbflovely\n")
    argv = ["predict", "--model", str(classifier), "--proba"]
    assert main([*argv, str(tmp_path / "t.txt")]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == second != third  # only the file's first character is a mark
    done = subprocess.run(
        [sys.executable, "-m", "pyffnn", *argv], input=(tmp_path / "t.txt").read_bytes(), capture_output=True, timeout=60
    )  # fmt: skip
    assert done.stdout.decode().splitlines() == [first, second, third]


def test_test_scores(classifier, reviews, capsys):
    test = reviews / "test.tsv"
    labels = [line.split("\t")[0] for line in test.read_text().splitlines()]
    scores = score_labels(labels, TextClassifier.load(classifier).predict(texts_of(test)))
    assert main(["test", str(test), "--model", str(classifier), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["texts"] == 200 and shown["accuracy"] == scores.accuracy
    assert shown["macro"]["f1"] == scores.macro_f1
    assert [shown["labels"][label]["f1"] for label in scores.labels] == scores.f1.tolist()
    assert main(["test", str(test), "--model", str(classifier)]) == 0
    out = capsys.readouterr().out
    assert f"accuracy   {scores.accuracy:.4f}" in out
    assert {"bad", "good", "mixed", "macro", "micro"} <= {
        line.split(" ")[0] for line in out.splitlines()
    }


def test_labels_that_the_model_does_not_know_are_wrong(classifier, tmp_path, capsys):
    path = tmp_path / "x.tsv"
    path.write_text("good\tlovely fine\nodd\tlovely fine\n")
    assert main(["test", str(path), "--model", str(classifier), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["accuracy"] == 0.5 and shown["labels"]["odd"]["recall"] == 0


def test_predict_from_a_file(classifier, reviews, tmp_path, capsys):
    texts = [*texts_of(reviews / "test.tsv")[:20], ""]
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts) + "\n")
    model = TextClassifier.load(classifier)
    predict = ["predict", str(path), "--model", str(classifier)]
    assert main(predict) == 0
    assert capsys.readouterr().out.splitlines() == model.predict(texts).tolist()
    assert main([*predict, "-k", "2", "--proba"]) == 0
    proba = model.predict_proba(texts)
    for line, p in zip(capsys.readouterr().out.splitlines(), proba, strict=True):
        first, p1, second, p2 = line.split("\t")
        best = np.argsort(-p, kind="stable")
        assert [first, second] == model.classes_[best[:2]].tolist()
        np.testing.assert_allclose([float(p1), float(p2)], p[best[:2]], atol=1e-6)
    assert main([*predict, "-k", "9"]) == 0
    assert all(len(line.split("\t")) == 3 for line in capsys.readouterr().out.splitlines())


def test_predict_from_standard_input(classifier, capsys, monkeypatch):
    raw = io.BytesIO("lovely fine naïve\r\ndull long".encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw, encoding="latin-1"))
    assert main(["predict", "--model", str(classifier)]) == 0
    expected = TextClassifier.load(classifier).predict(["lovely fine naïve", "dull long"])
    assert capsys.readouterr().out.splitlines() == expected.tolist()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"fine\n\xff\n")))
    assert main(["predict", "-", "--model", str(classifier)]) == 1
    assert "'standard input', line 2 is not UTF-8" in capsys.readouterr().err


def test_multilabel(tmp_path, capsys):
    path, model = tmp_path / "x.txt", tmp_path / "m"
    lines = ["__label__a __label__b red round", "__label__a red", "__label__b round", "grey"]
    path.write_text("\n".join(lines * 30))
    argv = ["train", path, "--model", model, "--multilabel", "--epochs", "60", "--quiet"]
    assert main([str(a) for a in argv]) == 0
    capsys.readouterr()
    assert main(["test", str(path), "--model", str(model), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["accuracy"] == TextClassifier.load(model).score(str(path)) > 0.7
    (tmp_path / "texts").write_text("red round\n")
    assert main(["predict", str(tmp_path / "texts"), "--model", str(model)]) == 0
    assert sorted(capsys.readouterr().out.split()) == ["a", "b"]


def test_classifier_failures_are_one_line(classifier, reviews, tmp_path, capsys):
    plain, several = tmp_path / "plain.txt", tmp_path / "several.txt"
    plain.write_text("no label here\n")
    several.write_text("__label__a __label__b x\n__label__a y\n")
    model = tmp_path / "m"
    assert "neither" in failed(capsys, ["train", plain, "--model", model])
    assert "several" in failed(capsys, ["train", several, "--model", model])
    assert "2 labels" in failed(capsys, ["test", several, "--model", classifier])
    assert "No such file" in failed(capsys, ["train", tmp_path / "none", "--model", model])
    train = ["train", reviews / "train.txt", "--model", model]
    assert "freeze_embeddings needs" in failed(capsys, [*train, "--freeze-embeddings"])
    assert "No such file" in failed(capsys, ["predict", tmp_path / "none", "--model", classifier])
    assert "not a pyffnn model" in failed(capsys, ["predict", plain, "--model", plain])
    assert not model.exists()


def test_a_model_is_shown_and_its_words_written(classifier, tmp_path, capsys):
    model = TextClassifier.load(classifier)
    assert main(["info", str(classifier)]) == 0
    assert capsys.readouterr().out.endswith(f"\n{model.summary()}\n")
    path = tmp_path / "v.vec.gz"
    assert main(["vectors", str(path), "--model", str(classifier)]) == 0
    words, vectors = load_vectors(path)
    assert words == model.vocabulary_
    np.testing.assert_array_equal(vectors[0], model.word_vector(words[0]))
    capsys.readouterr()
    assert main(["vectors", "--near", "fine", "-k", "2", "-m", str(classifier)]) == 0
    lines = [f"{word}\t{cosine:.4f}" for word, cosine in model.nearest_words("fine", 2)]
    assert capsys.readouterr().out.splitlines() == lines
    assert main(["vectors", "--near", "unheard", "-m", str(classifier)]) == 1
    assert "'unheard' is not in the vocabulary" in capsys.readouterr().err
    assert main(["vectors", "-m", str(classifier)]) == 2
    assert main(["info", str(tmp_path / "none")]) == 1


def test_a_threshold_leaves_labels_out(classifier, reviews, capsys):
    model = TextClassifier.load(classifier)
    text = reviews / "text"
    text.write_text("the film was fine\nlong\n")
    argv = ["predict", str(text), "--model", str(classifier), "-k", "3", "--threshold", "0.4"]
    assert main(argv) == 0
    found = model.top_k(["the film was fine", "long"], 3, 0.4)
    assert capsys.readouterr().out.splitlines() == ["\t".join(n for n, _ in row) for row in found]
    assert main([*argv[:-1], "1.5"]) == 2


def test_predictions_are_explained(classifier, reviews, capsys):
    model = TextClassifier.load(classifier)
    text = reviews / "why"
    text.write_text("the film was fine\n\n")
    assert main(["predict", str(text), "--model", str(classifier), "--explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = model.explain("the film was fine").table(k=10).splitlines()
    assert lines[: len(table)] == [*model.predict(["the film was fine"]), *table[1:]]
    assert lines[-1].endswith("= logit")
