"""The audit as it is called: forms of texts and labels, reports, files, the command."""

from __future__ import annotations

import gzip
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import failed
from hypothesis import given
from hypothesis import strategies as st

import pyffnn
from pyffnn.auditing.examples import Repaired
from pyffnn.cli import main

TEXTS = [
    "a fine film",
    "A fine, film!",
    "a dull plot",
    "",
    "очень хорошо",
    "caf\ufffd",
    "word " * 300,
    "a dull plot",
    "new",
    None,
]
LABELS = ["good", "bad", "bad", "bad", "good", "good", "good", "bad", None, "rare"]


@pytest.fixture(scope="module")
def report() -> Any:
    return pyffnn.audit(
        TEXTS,
        LABELS,
        X_test=["A DULL PLOT", "a fine film", "unseen", ""],
        y_test=["bad", "good", "other", "bad"],
        rare=4,
    )


def test_every_check(report: Any) -> None:
    assert report.classes == {"bad": 4, "good": 4, "rare": 1}
    assert report.duplicates == [[0, 1], [2, 7]]
    assert report.conflicts == [[0, 1]]
    assert report.rare_classes == [("rare", 1)]
    assert report.unlabelled == [8]
    assert report.empty == [3, 9]
    assert report.long == [6] and report.long_limit == 200
    assert (report.script, report.scripts) == ("Latin", {"Cyrillic": [4]})
    assert report.encodings == {"replacement characters": [5]}
    assert [tuple(leak) for leak in report.leaks] == [(0, [2, 7], True), (1, [0, 1], False)]
    assert report.unseen_classes == ["other"]
    counts = dict.fromkeys(report.counts, 1) | {
        "duplicates": 2, "conflicts": 2, "label_errors": 0, "empty": 2, "languages": 0, "leaks": 2
    }  # fmt: skip
    assert report.counts == counts


def test_the_report_shows_all_of_it(report: Any) -> None:
    text = str(report)
    assert text.splitlines()[0] == "10 texts, 3 classes, 4 texts of the test set"
    assert "A fine" not in text and "bad | good" in text and "300 words" in text
    assert "Cyrillic" in text and "other labels" in text
    assert "duplicates 2" in repr(report)
    short = report.table(k=1)
    assert "..." in short and len(short) < len(text)
    assert "a fine film" not in report.table(k=0)
    assert json.loads(json.dumps(report.to_dict()))["counts"] == report.counts


class Tags(HTMLParser):
    """Whether all tags are closed in order, and the text outside of them."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_sound_and_escapes(report: Any) -> None:
    evil = "<script>alert('x')</script> & more"
    found = pyffnn.audit([evil, evil], ["<b>", "&"])
    for html in (found.to_html(), found._repr_html_(), report.to_html(k=1)):
        tags = Tags()
        tags.feed(html)
        assert not tags.open and "script" not in tags.seen and "b" not in tags.seen
    tags = Tags()
    tags.feed(found.to_html())
    assert evil in tags.text and "& | <b>" in tags.text


def test_forms_of_labels() -> None:
    texts = ["x y", "x  y", "z"]
    same = [
        [1, 0, 1],
        np.array([1, 0, 1]),
        np.array([[1], [0], [1]]),
        (label for label in (1, 0, 1)),
        [[1], [0], [1]],
        [{1}, {0}, {1}],
    ]
    for y in same:
        found = pyffnn.audit(iter(texts), y)
        assert found.conflicts == [[0, 1]] and found.classes == {0: 1, 1: 2}
    sets = pyffnn.audit(texts, np.array([[1, 1], [1, 1], [0, 0]]))
    assert sets.classes == {0: 2, 1: 2} and sets.unlabelled == [2] and not sets.conflicts
    bare = pyffnn.audit(np.array(texts))
    assert bare.labels is None and bare.duplicates == [[0, 1]] and not bare.classes
    gaps = pyffnn.audit(texts, [None, float("nan"), None])
    assert gaps.unlabelled == [0, 1, 2]
    assert pyffnn.audit(texts, [[], None, []]).unlabelled == [0, 1, 2]


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["x", None, "X"], "label": ["a", "b", None]})
    found = pyffnn.audit(frame.text, frame.label.astype("category"))
    assert (found.empty, found.unlabelled, found.duplicates) == ([1], [2], [[0, 2]])
    with pytest.raises(ValueError, match="X must be a list or a column of texts"):
        pyffnn.audit(frame, frame.label)


@pytest.mark.parametrize(
    ("arguments", "settings", "error", "match"),
    [
        (([], []), {}, ValueError, "X has no texts"),
        ((["a"], ["b", "c"]), {}, ValueError, "inconsistent numbers of samples"),
        ((["a", 3],), {}, TypeError, r"X\[1\] must be a text, got int"),
        ((["a"], "b"), {}, ValueError, "y must be an array of labels, got str"),
        ((["a"], [0.5]), {}, ValueError, "continuous"),
        ((["a"], ["b"]), {"rare": -1}, ValueError, "rare must be at least 0"),
        ((["a"], ["b"]), {"random_state": "x"}, TypeError, "random_state must be an integer"),
        ((["a"], ["b"]), {"n_threads": 0}, ValueError, "n_threads must be at least 1"),
        ((["a"], ["b"]), {"label_errors": 2}, TypeError, "label_errors must be True or False"),
        ((["a"], ["b"]), {"y_test": ["b"]}, ValueError, "X_test must be given with y_test"),
        ((["a"],), {"X_test": [None, b"x"]}, TypeError, r"X_test\[1\] must be a text"),
        (("no/such/file",), {}, OSError, "no/such/file"),
        (("file", ["a"]), {}, ValueError, "y must be None where X is a file"),
        (({"a": 1},), {}, TypeError, "X must be a list"),
        ((3,), {}, TypeError, "X must be a list"),
    ],
)
def test_errors_name_the_argument(
    arguments: Any, settings: Any, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        pyffnn.audit(*arguments, **settings)


@given(st.binary(max_size=60), st.integers(1, 9))
def test_bytes_are_repaired_alone_where_they_must_be(data: bytes, size: int) -> None:
    data = b"a" + data  # so that it is neither packed nor Parquet
    with Repaired(io.BytesIO(data)) as file:
        parts = list(iter(lambda: file.read(size), b""))
    read = b"".join(parts)
    assert all(len(part) <= size for part in parts)
    lines = [line.decode("utf-8", "replace") for line in data.split(b"\n")]
    assert read.decode() == "\n".join(lines)
    with Repaired(io.BytesIO(data)) as file:
        assert file.read(2) + file.read() == read


FILE = b"__label__a one text\n\n__label__b caf\xe9\nno label\n__label__a One text!\n"


def test_the_command(tmp_path: Path, capsys: Any) -> None:
    path, test, page = tmp_path / "x.txt", tmp_path / "t.csv", tmp_path / "x.html"
    path.write_bytes(FILE)
    assert main(["audit", str(path), "--html", str(page), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lines"] == [1, 3, 4, 5]
    assert (found["duplicates"], found["unlabelled"]) == ([[0, 3]], [2])
    assert found["encodings"] == {"replacement characters": [1]}
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert "line 1, line 5" in page.read_text("utf-8")
    test.write_bytes(gzip.compress(b'text,label\n"one, text",b\nother,a\n'))
    assert main(["audit", str(path), "--test", str(test), "--no-label-errors", "-k", "1"]) == 0
    out = capsys.readouterr().out
    assert "line 2  line 1, line 5  other labels  one text" in out and "not looked for" not in out


def test_python_reads_the_file_too(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(FILE)
    assert pyffnn.audit(path).lines == [1, 3, 4, 5]
    with open(path, "rb") as file:
        assert pyffnn.audit(file).duplicates == [[0, 3]]
    with pyffnn.data.LabelledFile(io.BytesIO(FILE.replace(b"\xe9", b"e"))) as labelled:
        assert pyffnn.audit(labelled).unlabelled == [2]


def test_parquet_comes_as_it_is(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    parquet.write_table(arrow.table({"text": ["é", "É"], "label": ["a", "b"]}), path)
    assert pyffnn.audit(path).conflicts == [[0, 1]]


def test_what_stops_the_command(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "empty.txt").write_bytes(b"")
    assert "empty" in failed(capsys, ["audit", tmp_path / "empty.txt"])
    assert "No such file" in failed(capsys, ["audit", tmp_path / "none.txt"])
    (tmp_path / "x.txt").write_bytes(FILE)
    wrong = failed(capsys, ["audit", tmp_path / "x.txt", "--html", tmp_path / "no" / "x.html"])
    assert "No such file" in wrong
    assert main(["audit", str(tmp_path / "x.txt"), "--rare", "-1"]) == 2
    assert "--rare: must be at least 0" in capsys.readouterr().err
