"""Files of labelled texts in both forms."""

from __future__ import annotations

import pytest

from pyffnn.text.labelled import is_fasttext, read_labelled


def test_fasttext_form(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("\ufeff__label__a  one\ttwo\r\n\nthree __label__b four __label__a\n", "utf-8")
    assert is_fasttext(path)
    assert read_labelled(path)[:2] == (["one two", "three four"], [["a"], ["b", "a"]])
    path.write_text("#x one\n")
    assert read_labelled(path, "#")[:2] == (["one"], [["x"]])


def test_form_with_tabs(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("good film\tone two\r\n\nbad,long\tthree\tfour\n")
    assert not is_fasttext(path)
    found = read_labelled(path)
    assert found[:2] == (["one two", "three\tfour"], [["good film"], ["bad,long"]])
    assert found.single(path) == ["good film", "bad,long"]
    assert read_labelled(path, several=True).labels == [["good film"], ["bad", "long"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\nno label\n", "line 2: neither"),
        (b"a\tb\nno tab\n", "line 2: no tab"),
        (b"a\tb\n\xff\n", "not UTF-8"),
    ],
)
def test_errors_name_the_line(tmp_path, content, message):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_labelled(path)


def test_single_label(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("__label__a one\n__label__a __label__b two\n")
    with pytest.raises(ValueError, match="text 2 has 2 labels"):
        read_labelled(path).single(path)
    with pytest.raises(FileNotFoundError):
        read_labelled(tmp_path / "none")


@pytest.mark.parametrize(
    ("lines", "texts", "notes"),
    [
        (["label\ttext", "a\tb"], ["b"], 1),
        (["Category\tTITLE", "a\tb", "a\tc"], ["b", "c"], 1),
        (["text\tlabel", "a\tb"], ["a"], 1),  # either order
        (["label\tof a bottle", "a\tb"], ["of a bottle", "b"], 0),
        (["a\tb", "label\ttext"], ["b", "text"], 0),
        (["x\ty", "a\tb", "a\tc", "b\td", "b\te"], ["y", "b", "c", "d", "e"], 1),
        (["x\ty", "a\tb", "c\td"], ["y", "b", "d"], 0),  # all labels are alone
    ],
)
def test_headers(tmp_path, lines, texts, notes):
    path = tmp_path / "x.tsv"
    path.write_text("\n".join(lines) + "\n")
    said = []
    assert read_labelled(path, note=said.append).texts == texts
    assert len(said) == notes and all("header" in note and "x.tsv" in note for note in said)


def test_a_header_alone(tmp_path):
    path = tmp_path / "x.tsv"
    path.write_text("label\ttext\n")
    with pytest.raises(ValueError, match="a header and no example"):
        read_labelled(path)
