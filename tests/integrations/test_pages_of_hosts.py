"""What the pages on other libraries show runs as it stands there: the commands on filtering, and plain Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pages import DOCS, blocks, run_commands, write_files

from pyffnn import ops
from pyffnn.integrations import fasttext

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not there")
HOW_TO = DOCS / "how-to"


def test_filtering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    zstandard = pytest.importorskip("zstandard")
    monkeypatch.chdir(tmp_path)
    write_files()
    texts = Path("new.txt").read_text().splitlines()
    small = fasttext.train_supervised("train.txt", dim=4, epoch=20, lr=0.5, verbose=0)
    small.save_model("quality-small.bin")
    table = pa.table({"text": texts})
    Path("crawl").mkdir()
    for name in ("crawl/one.parquet", "crawl.parquet"):
        pq.write_table(table, name)
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    Path("crawl/one.jsonl.zst").write_bytes(zstandard.compress(lines))
    page = HOW_TO / "filtering.md"
    run_commands(page, monkeypatch, set())
    arrow, frames = blocks(page, "python")
    names = {"small": small}
    exec(arrow, names)
    kept = names["good"]["text"].to_pylist()
    assert kept and kept == [t for t in texts if {"lovely", "fine"} & set(t.split())]
    polars = pytest.importorskip("polars")
    names["frame"] = polars.DataFrame({"text": texts})
    exec(frames, names)
    assert names["scored"]["text"].to_list() == texts and "label" in names["scored"].columns


def test_arrays() -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip("torch")
    (source,) = blocks(HOW_TO / "arrays.md", "python")
    exec(source, {"ops": ops})


def test_thinc() -> None:
    pytest.importorskip("thinc")
    source = blocks(HOW_TO / "thinc-spacy.md", "python")[0]
    names: dict[str, object] = {}
    exec(source, names)
    assert names["model"].ops.name == "pyffnn"  # type: ignore[attr-defined]
