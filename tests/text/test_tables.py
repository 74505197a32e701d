"""CSV, TSV, JSON lines and Parquet, packed or not, from paths, pipes and standard input, against Python's own readers."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyffnn import TextClassifier
from pyffnn.text.labelled import LabelledFile, read_labelled, read_texts

ROWS = [("good, \"really\" good\nfilm", "pos"), ("näher am Wasser", "neg"), ("one\ttab", "pos"), ("", "neg")]  # fmt: skip


def as_csv(rows: list[Any], header: tuple[str, ...] | None) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([*([header] if header else []), *rows])
    return out.getvalue().encode()


def as_jsonl(rows: list[Any], names: tuple[str, ...]) -> bytes:
    return "".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows).encode()


def both(path: Any, **how: Any) -> list[tuple[str, list[str]]]:
    with LabelledFile(path, **how) as file:
        return [(row.text, row.labels) for row in file.rows()]


WANT = [(text, [label]) for text, label in ROWS]


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x", "X.CSV"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("swapped", [False, True])
def test_csv(tmp_path: Path, name: str, mark: bytes, swapped: bool) -> None:
    rows = [row[::-1] for row in ROWS] if swapped else ROWS
    header = ("Label", "text") if swapped else ("Text", "CLASS")
    data = mark + as_csv(rows, header)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    assert both(tmp_path / name) == WANT


@pytest.mark.parametrize("name", ["x.csv", "x.tsv"])
@pytest.mark.parametrize("n", [999, 1000, 1001, 2500])
def test_every_row_counts_however_many_are_looked_at_first(
    tmp_path: Path, name: str, n: int
) -> None:
    between = "," if name == "x.csv" else "\t"
    lines = [between.join(("id", "body", "topic"))]
    lines += [between.join((str(i), f"text {i}", f"l{i % 2}")) for i in range(n)]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    said: list[str] = []
    found = read_labelled(tmp_path / name, note=said.append)
    assert found.texts == [f"text {i}" for i in range(n)]
    assert found.labels == [[f"l{i % 2}"] for i in range(n)]
    line = f"line 1 of {str(tmp_path / name)!r} is taken for a header: id, body, topic"
    assert said == [line + "; body is the text, topic the label"]


def test_a_header_that_names_but_the_text(tmp_path: Path) -> None:
    rows = "fine,5\ndull,1\nlovely,5\n"
    (tmp_path / "x.csv").write_text("review,stars\n" + rows)
    want = [("fine", ["5"]), ("dull", ["1"]), ("lovely", ["5"])]
    assert both(tmp_path / "x.csv") == want
    (tmp_path / "x.csv").write_text("review,5\n" + rows)  # a text of this one word
    assert both(tmp_path / "x.csv") == [("review", ["5"]), *want]
    (tmp_path / "x.csv").write_text("id,review,stars\n1,fine,5\n2,dull,1\n3,so,5\n")
    with pytest.raises(ValueError, match="which column holds the label"):
        both(tmp_path / "x.csv")


def test_json_lines_of_other_names(tmp_path: Path) -> None:
    rows = [(i, text, label) for i, (text, label) in enumerate(ROWS)]
    data = as_jsonl(rows, ("id", "body_of_it", "stars"))
    (tmp_path / "x.jsonl").write_bytes(data)
    how = {"text_column": "body_of_it", "label_column": "stars"}
    assert both(tmp_path / "x.jsonl", **how) == WANT
    assert both(io.BytesIO(data), **how) == WANT
    assert both(io.BytesIO(data), text_column=2, label_column="3") == WANT
    with pytest.raises(ValueError, match=r"which column holds the text.*'body_of_it'"):
        both(io.BytesIO(data))
    with pytest.raises(ValueError, match=r"line 1: text_column is 'text'.*'body_of_it'"):
        both(io.BytesIO(data), text_column="text")
    with pytest.raises(ValueError, match="text_column is 9, but there are 3"):
        both(io.BytesIO(data), text_column=9)


def test_labels_of_any_kind_in_json() -> None:
    data = b'{"text": "a", "label": 3}\n\n{"text": "b", "labels": 1, "label": ["x", "y"]}\n{"text": "c", "label": true}\n'
    assert both(io.BytesIO(data)) == [("a", ["3"]), ("b", ["x", "y"]), ("c", ["True"])]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": 3, "label": 1}', "line 3: column 'text' must hold a text, got int 3"),
        (b'{"text": "a"}', "line 3: no column 'label', only 'text'"),
        (b'{"text": "a", "label": {}}', "line 3: column 'label' must hold a label, got dict"),
        (b'{"text": "a", "label": NaN}', "line 3: .* got NaN"),
        (b"[1]", "line 3 must be a JSON object, got list"),
        (b"{", "line 3 is not JSON"),
        (b'{"text": "\xff", "label": 1}', "line 3 is not UTF-8"),
        (b"[" * 100_000, "line 3"),
    ],
)
def test_errors_of_json_lines_count_blank_lines(line: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        both(io.BytesIO(b'{"text": "a", "label": 1}\n\n' + line + b"\n"))


@pytest.mark.parametrize(
    ("data", "how", "message"),
    [
        (b"text,label\n\na,b,c\n", {}, "line 3: 3 columns, 2 are wanted"),
        (b'text,label\n"a,b\n', {}, "line 2: unexpected end of data"),
        (b"text,text\na,b\n", {"header": True}, "two columns have one name"),
        (
            b"a,b,c\n1,2,3\n",
            {"format": "csv"},
            r"which column holds the text.*: 1 \('a'\), 2 \('b'\), 3",
        ),
        (b"a,b\n1,2\n", {"label_column": "c"}, "label_column is 'c'"),
        (b"a,b\n", {"format": "csv", "header": False, "text_column": 7}, "there are 2 columns"),
    ],
)
def test_errors_of_csv(data: bytes, how: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        both(io.BytesIO(data), **how)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"format": "xml"}, ValueError, "format must be one of .*'xml'"),
        ({"text_column": 0}, ValueError, "text_column must be at least 1"),
        ({"label_column": 1.5}, TypeError, "label_column must be .*1.5"),
    ],
)
def test_wrong_arguments(how: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        LabelledFile(io.BytesIO(b"a"), **how)


def test_which_of_two_columns_is_the_label() -> None:
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(9)]
    want = [(text, [label]) for text, label in rows]
    assert both(io.BytesIO(as_csv(rows, None)), format="csv") == want
    assert both(io.BytesIO(as_csv([r[::-1] for r in rows], None)), format="csv") == want
    head = both(io.BytesIO(as_csv(rows, ("text", "label"))), format="csv", header=False)
    assert head == [("text", ["label"]), *want]


def test_cells_in_quotes_of_tsv() -> None:
    data = b'label\ttext\na\t"say ""so"""\nb\t"so" and "so"\nc\t"\n'
    assert [text for text, _ in both(io.BytesIO(data))] == ['say "so"', '"so" and "so"', '"']


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    texts, labels = map(list, zip(*ROWS, strict=True))
    parquet.write_table(pa.table({"n": [1, 2, 3, 4], "text": texts, "label": labels}), tmp_path / "x.parquet")  # fmt: skip
    assert both(tmp_path / "x.parquet") == WANT
    data = (tmp_path / "x.parquet").read_bytes()
    assert both(io.BytesIO(data)) == WANT
    with pytest.raises(ValueError, match="no Parquet file"):
        both(io.BytesIO(data[: len(data) // 2]))
    parquet.write_table(pa.table({"text": ["a", None], "label": [1, 2]}), tmp_path / "y.parquet")
    with pytest.raises(ValueError, match="row 2: column 'text' must hold a text, got nothing"):
        both(tmp_path / "y.parquet")
    (tmp_path / "z.parquet").write_text("text\tlabel\n")
    with pytest.raises(ValueError, match="no Parquet file"):
        both(tmp_path / "z.parquet")


def test_zstandard(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    data = as_csv(ROWS, ("text", "label"))
    frames = zstandard.compress(data[:20]) + zstandard.compress(data[20:])
    (tmp_path / "x.csv.zst").write_bytes(frames)
    assert both(tmp_path / "x.csv.zst") == WANT
    with pytest.raises(ValueError, match="packed data are damaged"):
        both(io.BytesIO(frames[:5] + b"\xff\xff\xff\xff" + frames[9:]))


def test_a_gzip_file_that_breaks_off() -> None:
    packed = gzip.compress(as_csv(ROWS * 50, ("text", "label")))
    with pytest.raises(ValueError, match="packed data are damaged"):
        both(io.BytesIO(packed[: len(packed) // 2]))


def test_a_pipe_that_gives_a_byte_at_a_time(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + as_csv(ROWS, ("text", "label"))
    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        with open(tmp_path / "pipe", "wb", buffering=0) as pipe:
            for i in range(len(data)):
                pipe.write(data[i : i + 1])

    threading.Thread(target=write, daemon=True).start()
    assert both(tmp_path / "pipe") == WANT


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(TEXT, st.sampled_from(["a", "b"])), min_size=1, max_size=6))
def test_what_csv_and_json_write_is_read(rows: list[tuple[str, str]]) -> None:
    want = [(text, [label]) for text, label in rows]
    assert both(io.BytesIO(as_csv(rows, ("text", "label")))) == want
    assert both(io.BytesIO(as_jsonl(rows, ("text", "label")))) == want


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl.gz", "x.txt.gz"])
def test_models_are_trained_on_every_form(tmp_path: Path, name: str) -> None:
    rows = [(f"word{i % 7} of {'good bad'.split()[i % 2]}", "pn"[i % 2]) for i in range(60)]
    if ".csv" in name:
        data = as_csv(rows, ("text", "label"))
    elif ".jsonl" in name:
        data = as_jsonl(rows, ("text", "label"))
    elif ".tsv" in name:
        data = "".join(f"{label}\t{text}\n" for text, label in rows).encode()
    else:
        data = "".join(f"__label__{label} {text}\n" for text, label in rows).encode()
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    model = TextClassifier(epochs=2, random_state=0).fit(tmp_path / name)
    want = TextClassifier(epochs=2, random_state=0).fit(*map(list, zip(*rows, strict=True)))
    assert (
        model.predict_proba(["good", "bad"]).tolist()
        == want.predict_proba(["good", "bad"]).tolist()
    )
    assert model.score(tmp_path / name) == 1.0


def test_texts_alone(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(as_csv([(text,) for text, _ in ROWS if text], ("text",)))
    assert list(read_texts(tmp_path / "x.csv")) == [text for text, _ in ROWS if text]
    (tmp_path / "x.txt").write_bytes(gzip.compress(b"a\n\n__label__x b, c\n"))
    assert list(read_texts(tmp_path / "x.txt")) == ["a", "", "__label__x b, c"]
    with LabelledFile(io.BytesIO(as_jsonl(ROWS, ("text", "label"))), format="jsonl") as file:
        assert list(read_texts(file)) == [text for text, _ in ROWS]


def test_several_labels() -> None:
    data = io.BytesIO(b'text,labels\na,"x, y"\nb,\n')
    assert read_labelled(data, several=True).labels == [["x", "y"], []]
