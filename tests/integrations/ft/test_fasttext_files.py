"""fastText's files against an independent reader; damaged ones; the model object on them."""

from __future__ import annotations

import codecs
import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from oracles.fasttext_file import FileOracle, hash_of

import pyffnn.integrations.fasttext as fasttext

MUTATIONS = int(os.environ.get("PYFFNN_MUTATIONS", "10000"))


def close(found: float, wanted: float) -> bool:
    """fastText's probabilities: 1e-5 more, but here never above 1."""
    return abs(found - min(wanted + 1e-5, 1.0)) < 3e-5


def check_predictions(model, oracle: FileOracle, texts: list[str], tolerance: float = 3e-5) -> None:
    labels, probabilities = model.predict(texts, k=-1)
    for text, names, found in zip(texts, labels, probabilities, strict=True):
        wanted = oracle.probabilities(text) if oracle.line_rows(text) else {}
        assert len(set(names)) == len(names)
        assert list(found) == sorted(found, reverse=True)
        assert all(p <= 1 for p in found)
        for name, p in zip(names, found, strict=True):
            assert p == pytest.approx(min(wanted[name] + 1e-5, 1.0), abs=tolerance)
        # hierarchical softmax leaves out what is less likely than 1e-5
        assert {n for n, p in wanted.items() if p > 2e-5} <= set(names) <= set(wanted)


def tolerance(model) -> float:
    """A sigmoid is read from a table of 512 values between -8 and 8."""
    return 0.01 if model.get_labels() and model._model.settings()["loss"] in (2, 4) else 6e-5


def test_a_saved_model_is_what_the_format_says(model, texts, tmp_path):
    path = tmp_path / "model.bin"
    model.save_model(path)
    oracle = FileOracle(path)
    check_predictions(model, oracle, texts, tolerance(model))
    loaded = fasttext.load_model(str(path))
    assert loaded.predict(texts, k=3)[0] == model.predict(texts, k=3)[0]
    assert (
        loaded.get_words()
        == model.get_words()
        == [w.decode() for w in oracle.entries[: oracle.nwords]]
    )
    np.testing.assert_array_equal(loaded.get_input_matrix(), oracle.input.astype(np.float32))
    np.testing.assert_array_equal(loaded.get_output_matrix(), oracle.output.astype(np.float32))
    again = tmp_path / "again.bin"
    loaded.save_model(again)
    assert again.read_bytes() == path.read_bytes()
    for word in ("goal", "märchen", "銀行", "nowhere", "</s>", ""):
        pieces, rows = loaded.get_subwords(word)
        wanted = oracle.pieces(word.encode()) if word != "</s>" else []
        own = [(word.encode(), oracle.ids[word.encode()])] if word.encode() in oracle.ids else []
        assert [(p.encode(), r) for p, r in zip(pieces, rows, strict=True)] == own + wanted
        vector = (
            oracle.input[oracle.word_rows(word.encode())].mean(0) if len(rows) else np.zeros(10)
        )
        np.testing.assert_allclose(loaded.get_word_vector(word), vector, atol=1e-6)
    for text in texts:
        rows = oracle.line_rows(text)
        wanted = oracle.input[rows].mean(0) if rows else np.zeros(10)
        np.testing.assert_allclose(loaded.get_sentence_vector(text), wanted, atol=1e-6)


@pytest.mark.parametrize("qnorm", [False, True])
@pytest.mark.parametrize("cutoff", [0, 300])
def test_a_quantised_file_is_what_the_format_says(lines, texts, tmp_path, qnorm, cutoff):
    model = fasttext.train_supervised(
        lines, dim=9, minn=2, maxn=3, wordNgrams=2, bucket=900, epoch=8, lr=0.5, verbose=0
    )
    before = model.predict(texts)[0]
    model.quantize(cutoff=cutoff, qnorm=qnorm, dsub=2)
    path = tmp_path / "model.ftz"
    model.save_model(path)
    oracle = FileOracle(path)
    assert oracle.quant
    assert oracle.pruned == (cutoff > 0)
    check_predictions(model, oracle, texts)
    loaded = fasttext.load_model(path)
    assert loaded.is_quantized()
    assert loaded.predict(texts, k=2)[0] == model.predict(texts, k=2)[0]
    with pytest.raises(ValueError, match="quantized"):
        loaded.get_input_matrix()
    same = sum(a == b for a, b in zip(before, loaded.predict(texts)[0], strict=True))
    assert same >= 0.9 * len(texts)


def test_version_11_of_a_classifier_has_no_subwords(lines, texts, tmp_path):
    model = fasttext.train_supervised(lines, dim=4, minn=2, maxn=3, bucket=100, verbose=0)
    path = tmp_path / "old.bin"
    model.save_model(path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<i", data, 4, 11)
    path.write_bytes(data)
    assert fasttext.load_model(path).get_subwords("goal")[0] == ["goal"]
    for version in (10, 13, -1):
        struct.pack_into("<i", data, 4, version)
        path.write_bytes(data)
        with pytest.raises(ValueError, match="wrong file format"):
            fasttext.load_model(path)


def test_hash_of_signed_bytes():
    assert hash_of(b"") == 2166136261
    assert hash_of("ß".encode()) != hash_of(b"ss")


@pytest.fixture(scope="module")
def files(lines, tmp_path_factory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("files")
    found = []
    for i, options in enumerate(({"loss": "hs"}, {"wordNgrams": 2}, {"minn": 2, "maxn": 3})):
        model = fasttext.train_supervised(lines, dim=4, bucket=300, epoch=1, verbose=0, **options)
        model.save_model(folder / f"{i}.bin")
        found.append((folder / f"{i}.bin").read_bytes())
        if model._model.num_rows >= 300:
            model.quantize(cutoff=280 if i == 1 else 0, qnorm=i == 2)
            model.save_model(folder / f"{i}.ftz")
            found.append((folder / f"{i}.ftz").read_bytes())
    return found


def try_file(path: Path, data: bytes) -> bool:
    """Whether the file loads; if it does, all is looked at that could read beyond its tables."""
    path.write_bytes(data)
    try:
        model = fasttext.load_model(path)
    except ValueError:
        return False
    for text in ("goal soup the", "xyzzy märchen", ""):
        try:
            model.predict(text, k=5, on_unicode_error="replace")
        except ValueError as error:
            if "supervised" not in str(error):
                raise
    model.get_word_vector("goal")
    model.get_sentence_vector("goal soup")
    model.get_words(on_unicode_error="replace")
    return True


def test_truncated_files_are_refused(files, tmp_path):
    for data in files:
        for end in {*range(0, 200, 7), len(data) // 2, len(data) - 1}:
            assert not try_file(tmp_path / "m", data[:end])
        assert not try_file(tmp_path / "m", data + b"\0")


def mutate(data: bytes, draw: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(draw.randint(1, 4)):
        # the head, where sizes stand, more often than the tables
        at = draw.randrange(min(len(out), 400)) if draw.random() < 0.7 else draw.randrange(len(out))
        kind = draw.random()
        if kind < 0.5:
            out[at] = draw.choice([0, 1, 127, 128, 255, draw.randrange(256)])
        elif kind < 0.8 and at + 8 <= len(out):
            out[at : at + 4] = struct.pack(
                "<i", draw.choice([-1, 0, 1, 2**31 - 1, -(2**31), 2**20])
            )
        else:
            del out[at : at + draw.randint(1, 16)]
    return bytes(out)


def test_damaged_files_are_refused_or_read(files, tmp_path):
    draw = random.Random(7)
    loaded = sum(
        try_file(tmp_path / "m", mutate(draw.choice(files), draw)) for _ in range(MUTATIONS)
    )
    assert 0 < loaded < MUTATIONS  # some changes are to numbers alone


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(ValueError, match="cannot be opened"):
        fasttext.load_model("/nowhere/model.bin")
    with pytest.raises(FileNotFoundError):
        fasttext.load_model("/nowhere/model.bin")
    with pytest.raises(ValueError, match="directory"):
        fasttext.load_model(tmp_path)
    (tmp_path / "empty.bin").touch()
    with pytest.raises(ValueError, match="wrong file format"):
        fasttext.load_model(tmp_path / "empty.bin")


def test_a_save_that_fails_leaves_the_file(lines, tmp_path):
    model = fasttext.train_supervised(lines, dim=2, epoch=1, verbose=0)
    with pytest.raises(OSError, match="No such file"):
        model.save_model(tmp_path / "no" / "model.bin")
    path = tmp_path / "model.bin"
    model.save_model(path)
    loaded = fasttext.load_model(path)
    loaded.save_model(path)  # onto the file that it is mapped from
    assert loaded.predict("goal")[0] == fasttext.load_model(path).predict("goal")[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.bin"]


def test_large_files_are_the_same_however_they_are_written(lines, tmp_path):
    """Rows of a trained model are written one by one, those of a loaded one at once; both by whole large pages."""
    model = fasttext.train_supervised(
        lines, dim=7, wordNgrams=2, bucket=200_003, epoch=1, verbose=0
    )
    model.save_model(tmp_path / "a.bin")
    again = fasttext.load_model(tmp_path / "a.bin")
    again.save_model(tmp_path / "b.bin")
    a = (tmp_path / "a.bin").read_bytes()
    assert len(a) > 5 << 20 and a == (tmp_path / "b.bin").read_bytes()
    assert (again.get_input_matrix() == model.get_input_matrix()).all()


def test_numbers_of_other_types_are_taken(lines):
    model = fasttext.train_supervised(lines, dim=4, verbose=0)
    want = model.predict(lines[0], k=2)
    for k, threshold in ((np.int64(2), 0.0), (2, 0), (2, np.float32(0))):
        found = model.predict(lines[0], k=k, threshold=threshold)
        assert found[0] == want[0] and (found[1] == want[1]).all()
    for wrong in ({"k": "two"}, {"threshold": "none"}, {"on_unicode_error": 3}, {"k": 1.5}):
        with pytest.raises(TypeError):
            model.predict(lines[0], **wrong)
    for k in (0, -2, -(10**30)):
        with pytest.raises((ValueError, TypeError)):
            model.predict(lines[0], k=k)
    with pytest.raises(ValueError, match="one line at a time"):
        model.predict("two\nlines")
    with pytest.raises(ValueError, match="never trained"):
        type(model)().predict("text")


def test_predicting_while_a_prediction_is_made(tmp_path):
    """A handler of labels that are no UTF-8 predicts another text: the result of the first is its own."""
    text = b"__label__\xff1 goal match\n__label__\xff2 bank money\n" * 30
    (tmp_path / "text").write_bytes(text)
    model = fasttext.train_supervised(str(tmp_path / "text"), dim=4, lr=0.5, verbose=0)
    want = model.predict("goal match", k=2, on_unicode_error="replace")

    def again(error):
        model.predict("bank money", k=2, on_unicode_error="replace")
        return "\ufffd", error.end

    codecs.register_error("predicts", again)
    got = model.predict("goal match", k=2, on_unicode_error="predicts")
    assert got[0] == want[0] == ("__label__\ufffd1", "__label__\ufffd2")
    assert (got[1] == want[1]).all()


@pytest.mark.parametrize("way", ["trained", "read"])
def test_a_label_is_no_word_with_a_vector(lines, tmp_path, way):
    """Its number is that of a row behind those of words: one beyond the table where there are no n-grams."""
    models = {
        "supervised": fasttext.train_supervised(lines, dim=4, epoch=1, verbose=0),
        "unsupervised": fasttext.train_unsupervised(lines, dim=4, maxn=0, minCount=1, epoch=1, verbose=0),
    }  # fmt: skip
    for model in models.values():
        if way == "read":
            model.save_model(str(tmp_path / "model.bin"))
            model = fasttext.load_model(str(tmp_path / "model.bin"))
        label = lines[0].split()[0]
        assert label.startswith("__label__")
        assert not model.get_word_vector(label).any() and not model[label].any()
        assert [x for x, _ in model.get_nearest_neighbors(label, 3)] == [0, 0, 0]
        assert model.get_sentence_vector(label).shape == (4,)
        assert np.isfinite(model.get_sentence_vector(label)).all()
        with pytest.raises(IndexError):
            model.get_input_vector(model.get_subwords(label)[1][0])
