"""Record batches by the Arrow C interface alone. pyarrow makes and reads them here, but stands behind objects that are not its own."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import pyffnn
import pyffnn.integrations.fasttext as fasttext

pa = pytest.importorskip("pyarrow")

TEXTS = [
    "goal team",
    None,
    "soup\nbread",
    "",
    "rain storm cloud and a bank loan",
    "märchen 銀行",
] * 3


class Array:
    """A record batch of a library that nobody knows."""

    def __init__(self, batch):
        self._batch = batch

    def __arrow_c_array__(self, requested_schema=None):
        return self._batch.__arrow_c_array__(requested_schema)


class Stream:
    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.fixture(scope="module")
def model(lines):
    return fasttext.train_supervised(lines, dim=8, epoch=8, lr=0.5, verbose=0)


def batch_of(kind):
    if pa.types.is_dictionary(kind):
        column = pa.array(TEXTS).dictionary_encode().cast(kind)
    else:
        column = pa.array(TEXTS, kind)
    nested = pa.array([[i, None] for i in range(len(TEXTS))])
    return pa.record_batch({"id": range(len(TEXTS)), "text": column, "nested": nested})


KINDS = [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int16(), pa.string())]


@pytest.mark.parametrize("kind", KINDS, ids=str)
@pytest.mark.parametrize(
    "options", [{}, {"k": 2, "threshold": 0.1}, {"windows": 1, "reduce": "max"}]
)
def test_any_library_gets_what_pyarrow_gets(model, kind, options, monkeypatch):
    batch = batch_of(kind)
    for part in (batch, batch.slice(2, 5), batch.slice(0, 0), batch.slice(3)):
        (wanted,) = model.score_batches(part, **options)
        given = Array(part)
        with monkeypatch.context() as none:
            none.setitem(sys.modules, "pyarrow", None)
            (found,) = model.score_batches([given], **options)
            assert found.num_rows == part.num_rows
            assert found.column_names == wanted.schema.names
        read = pa.record_batch(found)
        assert read.to_pydict() == wanted.to_pydict()
        assert read.schema.types == wanted.schema.types
        read.validate(full=True)


def test_streams_go_in_and_out(model):
    table = pa.concat_tables([pa.table(batch_of(pa.string_view())) for _ in range(3)])
    wanted = pa.Table.from_batches(model.score_batches(table))
    assert pa.table(model.score_batches(Stream(table))).to_pydict() == wanted.to_pydict()
    assert pa.table(model.score_batches(table)).to_pydict() == wanted.to_pydict()
    assert pa.table(next(model.score_batches(Stream(table)))).num_rows == len(TEXTS)
    with pytest.raises((OSError, pa.ArrowInvalid), match="no batches"):
        pa.table(model.score_batches([]))
    with pytest.raises((OSError, pa.ArrowInvalid), match="no column 'body'"):
        pa.table(model.score_batches(Stream(table), column="body"))


def test_results_outlive_what_they_came_from(model):
    found = next(model.score_batches(Array(batch_of(pa.string()))))
    again = [pa.record_batch(found) for _ in range(3)]
    del found
    assert again[0].equals(again[2])
    assert again[1]["text"].to_pylist() == TEXTS
    scored_twice = next(model.score_batches(Array(again[0]), column="text"))
    assert pa.record_batch(scored_twice).schema.names == again[0].schema.names


def test_what_is_no_column_of_texts_is_refused(model):
    batch = Array(pa.record_batch({"number": [1, 2], "text": pa.nulls(2), "bytes": [b"a", b"b"]}))
    assert pa.record_batch(next(model.score_batches(batch)))["label"].to_pylist() == [None, None]
    with pytest.raises(TypeError, match=r"column 'number' must hold texts .* got Arrow format 'l'"):
        list(model.score_batches(batch, column="number"))
    with pytest.raises(TypeError, match="format 'z'"):
        list(model.score_batches(batch, column="bytes"))
    with pytest.raises(KeyError, match="no column 'nothing' among"):
        list(model.score_batches(batch, column="nothing"))
    with pytest.raises(TypeError, match="record batches"):
        list(model.score_batches(Array(pa.array(["a", "b"]))))


def test_text_classifiers_score_them_too(lines):
    texts, labels = zip(
        *((line.split(" ", 1)[1], line.split(" ", 1)[0]) for line in lines), strict=True
    )
    classifier = pyffnn.TextClassifier(epochs=3, random_state=0).fit(list(texts), list(labels))
    batch = batch_of(pa.string_view())
    (wanted,) = classifier.score_batches(batch)
    read = pa.record_batch(next(classifier.score_batches(Array(batch))))
    assert read["label"].to_pylist() == wanted["label"].to_pylist()
    np.testing.assert_array_equal(read["score"].to_pylist(), wanted["score"].to_pylist())
