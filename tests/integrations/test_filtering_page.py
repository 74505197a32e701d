"""The commands of the page on filtering run as they stand there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pages import DOCS, run_commands, write_files

from pyffnn.integrations import fasttext


def test_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    zstandard = pytest.importorskip("zstandard")
    if not DOCS.is_dir():
        pytest.skip("the documentation is not there")
    monkeypatch.chdir(tmp_path)
    write_files()
    texts = Path("new.txt").read_text().splitlines()
    small = fasttext.train_supervised("train.txt", dim=4, epoch=1, verbose=0)
    small.save_model("quality-small.bin")
    Path("crawl").mkdir()
    pq.write_table(pa.table({"text": texts}), "crawl/one.parquet")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    Path("crawl/one.jsonl.zst").write_bytes(zstandard.compress(lines))
    run_commands(DOCS / "how-to" / "filtering.md", monkeypatch, set())
