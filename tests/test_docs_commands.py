"""The `pyffnn` commands of the documentation run as they stand there, and its code fits a page."""

from __future__ import annotations

import ast
import csv
import glob
import gzip
import importlib.util
import inspect
import io
import json
import random
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pyffnn import LanguageModel, TextClassifier
from pyffnn.cli import main
from pyffnn.models.ngram import KneserNeyLM

DOCS = Path(__file__).parents[1] / "docs"
WIDTH = 76
PAGES = sorted(DOCS.rglob("*.md")) if DOCS.is_dir() else []
CALLS = {
    "TextClassifier": TextClassifier,
    "LanguageModel": LanguageModel,
    "KneserNeyLM": KneserNeyLM,
}


def blocks(page: Path, language: str = r"\w+") -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^ *```(?:{language})\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str | None, list[str]]]:
    """(file on standard input, arguments) of each `pyffnn` line."""
    found: list[tuple[str | None, list[str]]] = []
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["cat"] and words[2:4] == ["|", "pyffnn"]:
                found.append((words[1], words[4:]))
            elif words[:1] == ["pyffnn"]:
                found.append((None, words[1:]))
    return found


WITH_COMMANDS = [page for page in PAGES if commands(page)]


def test_code_is_no_wider_than_a_page() -> None:
    wide = [
        f"{page.relative_to(DOCS)}: {line}"
        for page in PAGES
        for block in blocks(page)
        for line in block.splitlines()
        if len(line) > WIDTH
    ]
    assert not wide


def test_plain_code_is_python_with_arguments_that_exist() -> None:
    for page in PAGES:
        for block in blocks(page, "python"):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    cls = CALLS.get(node.func.id)
                    if cls is not None:
                        known = inspect.signature(cls).parameters
                        assert {k.arg for k in node.keywords} <= set(known), page.name


def write_files() -> None:
    """What the pages' commands read."""
    rng = random.Random(3)
    words = {"good": ["lovely", "fine"], "bad": ["dull", "long"]}

    def text(label: str) -> str:
        return " ".join(
            [rng.choice(words[label]), *rng.choices("the dog film was of".split(), k=5)]
        )

    rows = [(label, text(label)) for label in rng.choices(list(words), k=60)]
    lines = "".join(f"__label__{label} {t}\n" for label, t in rows)
    for name in ("reviews.txt", "held-out.txt", "more.txt", "train.txt"):
        Path(name).write_text(lines)
    for name in ("new.txt", "lines.txt", "corpus.txt", "test.txt", "texts.txt"):
        Path(name).write_text("".join(f"{t}\n" for _, t in rows))
    as_json = [json.dumps({"text": t, "label": label}) + "\n" for label, t in rows]
    for name in ("new.jsonl", "reviews.jsonl"):
        Path(name).write_text("".join(as_json))

    def table(head: tuple[str, str], numbers: bool = False) -> str:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(head)
        writer.writerows(
            (t, {"good": 5, "bad": 1}[label] if numbers else label) for label, t in rows
        )
        return out.getvalue()

    for name in ("reviews.csv", "held-out.csv"):
        Path(name).write_text(table(("text", "label")))
    for name in ("stars.csv", "more.csv"):
        Path(name).write_text(table(("text", "label"), numbers=True))
    with gzip.open("reviews.csv.gz", "wt") as file:
        file.write(table(("body", "stars")))
    TextClassifier(word_ngrams=2).fit([t for _, t in rows], [label for label, _ in rows]).save(
        "film.safetensors"
    )


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_commands_run(
    page: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files()
    plain = "fasttext" in page.stem or page.stem == "neural-lm"
    name = "valid.txt"
    Path(name).write_text(Path("train.txt" if plain else "corpus.txt").read_text())
    if page.stem == "filtering":
        pytest.importorskip("pyarrow")
        prepare_crawl()
    for stdin, argv in commands(page):
        if "--plot" in argv and importlib.util.find_spec("matplotlib") is None:
            continue
        if stdin is not None:
            data: Any = io.TextIOWrapper(io.BytesIO(Path(stdin).read_bytes()))
            monkeypatch.setattr("sys.stdin", data)
        if argv[:2] == ["fasttext", "supervised"]:  # by default 800 MB of hashed rows
            argv += ["-bucket", "1000", "-dim", "8"]
        words = [w for word in argv for w in (sorted(glob.glob(word)) if "*" in word else [word])]
        assert main(words) == 0, (argv, capsys.readouterr().err)


def prepare_crawl() -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pyffnn.integrations import fasttext

    texts = Path("new.txt").read_text().splitlines()
    fasttext.train_supervised("train.txt", dim=4, epoch=1, verbose=0).save_model(
        "quality-small.bin"
    )
    Path("crawl").mkdir()
    pq.write_table(pa.table({"text": texts}), "crawl/one.parquet")
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    zstandard = pytest.importorskip("zstandard")
    Path("crawl/one.jsonl.zst").write_bytes(zstandard.compress(lines))
