"""The `pyffnn` commands of the documentation run as they stand there, and its code fits a page."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import shutil
from pathlib import Path

import pytest
from pages import DOCS, blocks, commands, run_commands, write_files

from pyffnn import LanguageModel, TextClassifier
from pyffnn.models.ngram import KneserNeyLM

WIDTH = 76
PAGES = sorted(DOCS.rglob("*.md")) if DOCS.is_dir() else []
CALLS = {
    "TextClassifier": TextClassifier,
    "LanguageModel": LanguageModel,
    "KneserNeyLM": KneserNeyLM,
}


# that of filtering needs hosts: tests/integrations/test_pages_of_hosts.py
WITH_COMMANDS = [page for page in PAGES if commands(page) and page.stem != "filtering"]


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


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)
def test_commands_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files()
    plain = "fasttext" in page.stem or page.stem == "neural-lm"
    Path("valid.txt").write_text(Path("train.txt" if plain else "corpus.txt").read_text())
    missing = importlib.util.find_spec("matplotlib") is None
    run_commands(page, monkeypatch, {"--plot"} if missing else set())


def test_language_models_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_files()
    shutil.copy("train.txt", "valid.txt")
    (source,) = blocks(DOCS / "neural-lm.md", "python")
    exec(source, {"LanguageModel": LanguageModel, "KneserNeyLM": KneserNeyLM})
    assert Path("run.safetensors").exists()
