"""Scoring: Arrow batches, windows, folding, `pyffnn score`, conversions to and from `TextClassifier`."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from fasttext_texts import make_lines
from oracles.fasttext_file import FileOracle

import pyffnn
import pyffnn.integrations.fasttext as fasttext
from pyffnn import TextClassifier
from pyffnn.cli import main
from pyffnn.integrations.fasttext.convert import FastTextRows
from pyffnn.integrations.scoring import load_scorer, score_texts


def trained(lines, **options):
    options = {"dim": 12, "epoch": 8, "lr": 0.5, "verbose": 0, **options}
    return fasttext.train_supervised(lines, **options)


def by_hand(model, text, windows, reduce):
    """Probabilities of all labels, reduced over windows."""
    if windows is None:
        parts = [text]
    elif windows == "paragraphs":
        parts = [p for p in text.split("\n") if p.strip()]
    else:
        words = text.split()
        parts = [" ".join(words[i : i + windows]) for i in range(0, len(words), windows)]
    table = np.zeros((max(len(parts), 1), len(model.labels)))
    for row, part in zip(table, parts or [text], strict=True):
        for label, p in zip(*model.predict(part.replace("\n", " "), k=-1), strict=True):
            row[model.labels.index(label)] = p
    found = {"mean": table.mean(0), "max": table.max(0), "min": table.min(0), "first": table[0]}[
        reduce
    ]
    return dict(zip(model.labels, found, strict=True))


DOCUMENTS = [
    "goal team\nsoup bread oven recipe\n\nrain storm",
    "goal",
    "",
    "  \n ",
    "bank loan\nprofit " * 40,
]


@pytest.mark.parametrize("windows", [None, 1, 3, "paragraphs"])
@pytest.mark.parametrize("reduce", ["mean", "max", "min", "first"])
def test_windows_are_reduced(model, windows, reduce):
    found = score_texts(model, [*DOCUMENTS, None], k=-1, windows=windows, reduce=reduce)
    assert found[-1] == []
    for text, pairs in zip(DOCUMENTS, found, strict=False):
        wanted = by_hand(model, text, windows, reduce)
        assert [p for _, p in pairs] == sorted((p for _, p in pairs), reverse=True)
        for label, p in pairs:
            assert p == pytest.approx(wanted[label], abs=2e-5)
            assert p <= 1
        assert {w for w, p in wanted.items() if p > 3e-5} <= {label for label, _ in pairs}


def test_arrow_batches(lines):
    pa = pytest.importorskip("pyarrow")
    model = trained(lines)
    texts = ["goal team", None, "soup\nbread", "", "rain"]
    wanted = [None if t is None else model.predict(t.replace("\n", " ")) for t in texts]
    kinds = [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.string()),
    ]
    for kind in kinds:
        column = pa.array(texts).cast(kind) if kind != kinds[2] else pa.array(texts, kind)
        batch = pa.record_batch({"id": range(5), "text": column})
        (scored,) = model.score_batches(batch)
        assert scored.schema.names == ["id", "text", "label", "score"]
        assert scored.schema.field("label").type == pa.dictionary(pa.int32(), pa.string())
        assert scored["label"].to_pylist() == [w and w[0][0] for w in wanted]
        np.testing.assert_allclose(
            [s for s in scored["score"].to_pylist() if s is not None],
            [w[1][0] for w in wanted if w],
            atol=1e-6,
        )
        assert scored["score"].to_pylist()[1] is None
        (sliced,) = model.score_batches(batch.slice(2, 2), n_threads=1)
        assert sliced["label"].to_pylist() == scored["label"].to_pylist()[2:4]
        (several,) = model.score_batches([batch], k=2)
        assert several["labels"].to_pylist()[0] == list(model.predict("goal team", k=2)[0])
        assert several["labels"].to_pylist()[1] == []
    table = pa.table({"body": pa.chunked_array([["goal"], ["soup"], []])})
    found = pa.Table.from_batches(model.score_batches(table, column="body"))
    assert found["label"].to_pylist() == ["__label__sport", "__label__food"]
    assert next(model.score_batches(pa.record_batch({"text": pa.nulls(2)})))[
        "label"
    ].to_pylist() == [None, None]
    with pytest.raises(KeyError, match="no column 'text'"):
        list(model.score_batches(table))
    with pytest.raises(TypeError, match="must hold texts"):
        list(model.score_batches(pa.record_batch({"text": [1, 2]})))
    with pytest.raises(TypeError, match="record batches"):
        list(model.score_batches("text"))
    for wrong in ({"windows": 0}, {"windows": "lines"}, {"reduce": "sum"}):
        with pytest.raises(ValueError, match="must be"):
            list(model.score_batches(table, column="body", **wrong))


def test_folding_changes_no_prediction(model, texts):
    folded = model.fold()
    assert folded.get_dimension() == 5
    a, b = model.predict(texts, k=-1), folded.predict(texts, k=-1)
    table = model._model.settings()["loss"] in (2, 4)
    for names, p, others, q in zip(*a, *b, strict=True):
        mine, other = dict(zip(names, p, strict=True)), dict(zip(others, q, strict=True))
        for label in mine.keys() & other.keys():
            assert mine[label] == pytest.approx(other[label], abs=0.02 if table else 1e-5)
        if not table and len(p) > 1 and p[0] - p[1] > 1e-4:
            assert names[0] == others[0]


@pytest.mark.parametrize("labels", [1, 2, 3, 4, 7, 20])
def test_folded_rows_are_products(labels, texts, tmp_path):
    """Most rows of hashes are zero, and are not kept."""
    lines = [
        f"__label__{i % labels} {text.replace('__label__', '')}"
        for i, text in enumerate(texts)
        if text.strip()
    ]
    model = trained(lines, wordNgrams=2, bucket=3000)
    folded = model.fold()
    want = model.get_input_matrix() @ model.get_output_matrix().T
    assert (want == 0).all(1).sum() > 1000
    np.testing.assert_allclose(folded.get_input_matrix(), want, atol=1e-5)
    folded.save_model(str(tmp_path / "folded.bin"))
    again = fasttext.load_model(str(tmp_path / "folded.bin"))
    long = " ".join(texts).replace("</s>", "")
    for text in (long, "", *texts):
        (names, p), (others, q) = folded.predict(text, k=-1), again.predict(text, k=-1)
        assert names == others and p.tolist() == q.tolist()


def test_a_quantised_model_folds(lines, texts, tmp_path):
    model = trained(lines, wordNgrams=2, bucket=500)
    model.quantize(cutoff=300)
    folded = model.fold()
    assert folded.predict(texts)[0] == model.predict(texts)[0]
    with pytest.raises(ValueError, match="pruned"):
        folded.save_model(str(tmp_path / "never.ftz"))
    vectors = fasttext.train_unsupervised(lines, dim=2, minCount=1, bucket=10, epoch=1, verbose=0)
    with pytest.raises(ValueError, match="supervised"):
        vectors.fold()


@pytest.fixture
def model_file(lines, tmp_path) -> str:
    path = tmp_path / "model.bin"
    trained(lines, wordNgrams=2, minn=2, maxn=3, bucket=300).save_model(path)
    return str(path)


def probabilities(classifier, texts):
    return {
        str(c): p
        for c, p in zip(classifier.classes_, classifier.predict_proba(texts).T, strict=True)
    }


def test_a_text_classifier_of_a_fasttext_model(model_file, texts, tmp_path):
    oracle = FileOracle(model_file)
    classifier = pyffnn.TextClassifier.from_fasttext(model_file)
    assert set(classifier.classes_) == {
        name.decode()[9:] for name in oracle.entries[oracle.nwords :]
    }

    def check(model):
        found = probabilities(model, texts)
        for i, text in enumerate(texts):
            for label, p in oracle.probabilities(text).items():
                assert found[label.removeprefix("__label__")][i] == pytest.approx(p, abs=1e-5)

    check(classifier)
    check(pickle.loads(pickle.dumps(classifier)))
    classifier.save(tmp_path / "own.safetensors")
    check(
        pyffnn.TextClassifier.load(tmp_path / "own.safetensors", tokenizer=FastTextRows(model_file))
    )
    classifier.to_fasttext(tmp_path / "back.bin")
    back, first = fasttext.load_model(tmp_path / "back.bin"), fasttext.load_model(model_file)
    for a, b in zip(back.predict(texts)[1], first.predict(texts)[1], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert back.predict(texts)[0] == first.predict(texts)[0]


def test_a_fasttext_model_is_the_start_of_hidden_layers(model_file, lines):
    classifier = pyffnn.TextClassifier.from_fasttext(model_file, hidden_layer_sizes=(8,), epochs=3)
    texts = [" ".join(w for w in line.split() if not w.startswith("__label__")) for line in lines]
    labels = [line.split()[0] for line in lines]
    assert classifier.fit(texts, labels).score(texts, labels) > 0.9


def test_one_vs_all_becomes_multilabel(lines, tmp_path):
    trained(make_lines(300, 1, labels=2), loss="ova").save_model(tmp_path / "m.bin")
    classifier = pyffnn.TextClassifier.from_fasttext(tmp_path / "m.bin")
    assert classifier.multilabel
    oracle = FileOracle(tmp_path / "m.bin")
    found = probabilities(classifier, ["goal soup team"])
    for label, p in oracle.probabilities("goal soup team").items():
        assert found[label.removeprefix("__label__")][0] == pytest.approx(p, abs=1e-5)


def test_models_without_a_counterpart(lines, tmp_path):
    trained(lines, loss="hs").save_model(tmp_path / "hs.bin")
    with pytest.raises(ValueError, match="hierarchical"):
        pyffnn.TextClassifier.from_fasttext(tmp_path / "hs.bin")
    fasttext.train_unsupervised(lines, dim=2, bucket=9, verbose=0, epoch=1).save_model(
        tmp_path / "v.bin"
    )
    with pytest.raises(ValueError, match="supervised"):
        pyffnn.TextClassifier.from_fasttext(tmp_path / "v.bin")
    texts, labels = ["good film", "bad film"] * 20, ["yes", "no"] * 20
    for params, named in (
        ({"hidden_layer_sizes": (3,)}, "hidden layers"),
        ({"pooling": "sum"}, "pooling"),
        ({"word_ngrams": 2, "pooling": "mean"}, "n-grams"),
        ({"tokenizer": str.split, "pooling": "mean"}, "tokenizer"),
    ):
        with pytest.raises(ValueError, match=named):
            pyffnn.TextClassifier(epochs=1, **params).fit(texts, labels).to_fasttext(
                tmp_path / "x.bin"
            )


def test_a_text_classifier_as_a_fasttext_file(lines, tmp_path):
    texts = [" ".join(w for w in line.split() if not w.startswith("__label__")) for line in lines]
    labels = [line.split()[0].removeprefix("__label__") for line in lines]
    classifier = pyffnn.TextClassifier(
        pooling="mean", char_ngrams=None, lowercase=False, epochs=5
    ).fit(texts, labels)
    path = tmp_path / "model.bin"
    classifier.to_fasttext(path)
    read = fasttext.load_model(path)
    found = probabilities(classifier, texts[:50])
    for i, text in enumerate(texts[:50]):
        for label, p in zip(*read.predict(text, k=-1), strict=True):
            assert p == pytest.approx(found[label.removeprefix("__label__")][i], abs=3e-5)


def test_score_batches_of_a_text_classifier(lines):
    pa = pytest.importorskip("pyarrow")
    texts = [" ".join(w for w in line.split() if not w.startswith("__label__")) for line in lines]
    labels = [line.split()[0] for line in lines]
    classifier = pyffnn.TextClassifier(epochs=5).fit(texts, labels)
    batch = pa.record_batch({"text": [*texts[:20], None]})
    (scored,) = classifier.score_batches(batch)
    assert scored["label"].to_pylist()[:-1] == list(classifier.predict(texts[:20]))
    assert scored["label"].to_pylist()[-1] is None
    (windowed,) = classifier.score_batches(batch, windows=2, k=-1, reduce="max")
    parts = [" ".join(texts[0].split()[i : i + 2]) for i in range(0, len(texts[0].split()), 2)]
    wanted = classifier.predict_proba(parts).max(axis=0)
    np.testing.assert_allclose(windowed["scores"].to_pylist()[0], np.sort(wanted)[::-1], atol=1e-6)


@pytest.fixture
def corpus(tmp_path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("goal team\n\nsoup bread\n")
    documents = [
        {"text": "rain\nstorm", "id": 1},
        {"text": None, "id": 2},
        {"text": "bank loan", "id": 3},
    ]
    (folder / "b.jsonl").write_text("".join(json.dumps(d) + "\n" for d in documents))
    with gzip.open(folder / "c.jsonl.gz", "wt") as file:
        file.write("".join(json.dumps(d) + "\n" for d in documents))
    return folder


def test_score_command(model_file, corpus, tmp_path, capsys):
    out = tmp_path / "out"
    command = [
        "score",
        *map(str, sorted(corpus.iterdir())),
        "--model",
        model_file,
        "--out",
        str(out),
    ]
    assert main(command) == 0
    assert "9 documents" in capsys.readouterr().err
    assert sorted(p.name for p in out.iterdir()) == ["a.txt.tsv", "b.jsonl", "c.jsonl"]
    rows = [line.split("\t") for line in (out / "a.txt.tsv").read_text().splitlines()]
    model = load_scorer(model_file)
    assert [row[0] for row in rows] == [
        model.predict(t)[0][0] for t in ("goal team", "", "soup bread")
    ]
    found = [json.loads(line) for line in (out / "b.jsonl").read_text().splitlines()]
    assert [d["label"] for d in found] == ["__label__weather", None, "__label__money"]
    assert [d["id"] for d in found] == [1, 2, 3]
    assert (out / "c.jsonl").read_text() == (out / "b.jsonl").read_text()
    # what is there is left as it is; what is missing is made
    (out / "b.jsonl").write_text("mine")
    (out / "a.txt.tsv").unlink()
    assert main([*command, "--quiet"]) == 0
    assert (out / "b.jsonl").read_text() == "mine"
    assert (out / "a.txt.tsv").exists()


def test_score_command_and_damaged_files(model_file, corpus, tmp_path, capsys):
    (corpus / "b.jsonl").write_text('{"text": "goal"}\n{"text": ')
    out = tmp_path / "out"
    command = ["score", *map(str, sorted(corpus.iterdir())), "-m", model_file, "-o", str(out), "-q"]
    assert main(command) == 1
    assert "b.jsonl" in capsys.readouterr().err
    assert sorted(p.name for p in out.iterdir()) == ["a.txt.tsv"]
    assert main([*command, "--on-error", "skip"]) == 1
    assert sorted(p.name for p in out.iterdir()) == ["a.txt.tsv", "c.jsonl"]
    assert (
        main(
            [
                "score",
                str(corpus / "a.txt"),
                str(corpus / "a.txt"),
                "-m",
                model_file,
                "-o",
                str(out),
            ]
        )
        == 1
    )
    assert main(["score", "x", "-m", model_file, "-o", str(out), "--windows", "0"]) == 2


def test_score_command_on_parquet(model_file, tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": ["goal team", "soup"], "n": [1, 2]}), tmp_path / "x.parquet")
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), tmp_path / "none.parquet")
    data = (tmp_path / "x.parquet").read_bytes()
    (tmp_path / "broken.parquet").write_bytes(data[: len(data) // 2])
    out = tmp_path / "out"
    files = [str(tmp_path / f"{name}.parquet") for name in ("x", "none", "broken")]
    assert (
        main(["score", *files, "-m", model_file, "-o", str(out), "-q", "--on-error", "skip"]) == 1
    )
    assert sorted(p.name for p in out.iterdir()) == ["none.parquet", "x.parquet"]
    found = pq.read_table(out / "x.parquet")
    assert found["label"].to_pylist() == ["__label__sport", "__label__food"]
    assert found["n"].to_pylist() == [1, 2]
    assert pq.read_table(out / "none.parquet").schema.names == ["text", "label", "score"]


def rounded(matrix, dtype):
    if dtype == "float16":
        return matrix.astype(np.float16).astype(np.float32)
    scale = np.abs(matrix).max(1, keepdims=True) / np.float32(127)
    with np.errstate(invalid="ignore"):
        codes = np.where(scale > 0, np.rint(matrix / scale), 0)
    return scale * codes.clip(-127, 127).astype(np.float32)


@pytest.mark.parametrize("dtype", ["float16", "int8"])
@pytest.mark.parametrize("dim", [1, 5, 8, 10, 17, 100, 300])
def test_shorter_numbers_are_the_nearest(dtype, dim, lines, texts, tmp_path):
    model = trained(lines, dim=dim, wordNgrams=2, bucket=300)
    rng = np.random.default_rng(dim)
    shape = model.get_input_matrix().shape
    matrix = (rng.normal(size=shape) * 10.0 ** rng.uniform(-9, 3, shape)).astype(np.float32)
    matrix[::7] = 0
    model.set_matrices(matrix, model.get_output_matrix())
    shorter = model.astype(dtype)
    want = rounded(matrix, dtype)
    assert shorter.get_input_matrix().tobytes() == (want + np.float32(0)).tobytes()
    assert shorter.get_input_vector(3).tolist() == (want[3] + np.float32(0)).tolist()
    same = trained(lines, dim=dim, wordNgrams=2, bucket=300)
    same.set_matrices(want, model.get_output_matrix())
    shorter.save_model(tmp_path / "shorter.bin")
    for other in (same, fasttext.load_model(tmp_path / "shorter.bin")):
        (names, p), (others, q) = shorter.predict(texts, k=-1), other.predict(texts, k=-1)
        assert names == others
        for a, b in zip(p, q, strict=True):
            np.testing.assert_array_equal(a, b)


def test_shorter_numbers_predict_as_the_longer_ones(lines, texts):
    model = trained(lines, dim=20, wordNgrams=2, bucket=3000)
    for small in (model.astype("float16"), model.fold().astype("float16"), model.astype("int8")):
        for p, q in zip(model.predict(texts)[1], small.predict(texts)[1], strict=True):
            np.testing.assert_allclose(p, q, atol=0.01)


def test_what_shorter_numbers_refuse(lines):
    model = trained(lines, bucket=300)
    with pytest.raises(ValueError, match=r"dtype must be 'float16' or 'int8', got 'float64'"):
        model.astype("float64")
    matrix = model.get_input_matrix()
    for value, fits in ((65519.0, True), (65520.0, False), (np.inf, False), (np.nan, False)):
        matrix[2, 1] = value
        model.set_matrices(matrix, model.get_output_matrix())
        if fits:
            assert model.astype("float16").get_input_matrix()[2, 1] == 65504
            continue
        with pytest.raises(ValueError, match="float16 has no number"):
            model.astype("float16")
        if not np.isfinite(value):
            with pytest.raises(ValueError, match="int8 has no number"):
                model.astype("int8")
    model = trained(lines, wordNgrams=2, bucket=500)
    model.quantize(cutoff=300)
    with pytest.raises(ValueError, match="quantized already"):
        model.astype("int8")


@pytest.mark.parametrize("kind", ["fasttext", "classifier"])
def test_arguments_are_refused_at_once(model_file, kind):
    """Not when the first batch is asked for: in a stream of another library that would be an error of the file system."""
    if kind == "fasttext":
        model = load_scorer(model_file)
    else:
        model = TextClassifier(epochs=1).fit(["a b", "c d"] * 4, ["x", "y"] * 4)
    for wrong, error in (
        ({"k": 0}, ValueError), ({"k": -2}, ValueError), ({"k": 1.5}, ValueError), ({"windows": 0}, ValueError),
        ({"windows": "lines"}, ValueError), ({"reduce": "sum"}, ValueError), ({"n_threads": 0}, ValueError),
        ({"n_threads": "x"}, ValueError), ({"column": 3}, TypeError),
    ):  # fmt: skip
        with pytest.raises(error, match=next(iter(wrong))):
            model.score_batches([], **wrong)
    for batches in (None, "text", 3, {"text": ["a"]}):
        with pytest.raises(TypeError, match="batches must be Arrow record batches, got"):
            model.score_batches(batches)
    assert list(model.score_batches([], n_threads=2)) == []


def test_threads_of_scoring_are_this_calls(monkeypatch):
    pa = pytest.importorskip("pyarrow")
    model = TextClassifier(epochs=1).fit(["a b", "c d"] * 4, ["x", "y"] * 4)
    batch = pa.record_batch({"text": ["a", "d"]})
    seen = []
    predict_proba = TextClassifier.predict_proba
    monkeypatch.setattr(
        TextClassifier,
        "predict_proba",
        lambda m, X: seen.append(m.n_threads) or predict_proba(m, X),
    )
    for n in (None, 1, 3):
        (scored,) = model.score_batches(batch, n_threads=n)
        assert scored["label"].to_pylist() == ["x", "y"]
    assert seen == [None, 1, 3] and model.n_threads is None
