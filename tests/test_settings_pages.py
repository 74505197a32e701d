"""The reference page of settings and the models' docstrings say what the table of settings says."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from pyffnn import FFNNClassifier, LanguageModel, TextClassifier
from pyffnn.models.arguments import patience_of
from pyffnn.models.kinds import SIZE, Integer, Nothing, Number
from pyffnn.models.ngram import KneserNeyLM
from pyffnn.models.parameters import SETTINGS, Setting

ROOT = Path(__file__).parents[1]
MODELS = (FFNNClassifier, TextClassifier, LanguageModel, KneserNeyLM)


@pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="no docs beside the tests")
def test_the_reference_page_is_up_to_date() -> None:
    """`python docs/settings.py` writes it."""
    spec = importlib.util.spec_from_file_location("settings_page", ROOT / "docs" / "settings.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert script.PAGE.read_text(encoding="utf-8") == script.page()


def documented(cls: type) -> dict[str, str]:
    """Name and text of each entry of the Parameters section; names that share one have the same text."""
    doc = inspect.getdoc(cls)
    assert doc is not None
    section = doc.split("Parameters\n----------\n")[1].split("\n\n")[0]
    entries: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
            entries.update(dict.fromkeys(names, ""))
        else:
            for name in names:
                entries[name] += " " + line.strip()
    return entries


ENTRIES = [
    pytest.param(cls, name, text, id=f"{cls.__name__}-{name}")
    for cls in MODELS
    for name, text in documented(cls).items()
]


@pytest.mark.parametrize("cls", MODELS)
def test_every_argument_is_documented(cls: Any) -> None:
    assert set(documented(cls)) == set(inspect.signature(cls).parameters)


@pytest.mark.parametrize(("cls", "name", "text"), ENTRIES)
def test_docstrings_agree_with_the_table(cls: Any, name: str, text: str) -> None:
    setting: Setting = SETTINGS[cls.__name__][name]
    shared = [n for n, t in documented(cls).items() if t == text]
    for choice in setting.choices:
        assert f'"{choice}"' in text, f"{choice} is not mentioned"
    names = {choice for other in SETTINGS[cls.__name__].values() for choice in other.choices}
    for quoted in re.findall(r'(?<!=)"(\w+)"', text):
        assert quoted in names, f"{quoted!r} is no value"
    for kind in setting.kinds:
        if isinstance(kind, Integer) and kind.high < SIZE:
            assert f"{kind.low} to {kind.high}" in text
        elif isinstance(kind, Number) and kind.high < 1e30 and kind.high != 1:
            assert "D_i <= i" in text  # discounts
        elif isinstance(kind, Nothing):
            assert "None" in text or len(shared) > 1
    if name == "early_stopping":
        assert f"True: {patience_of(True)}" in text


@pytest.mark.parametrize(("cls", "name", "text"), ENTRIES)
def test_a_default_that_is_told_is_the_default(cls: Any, name: str, text: str) -> None:
    default = inspect.signature(cls).parameters[name].default
    for told in re.findall(r"\(default:? ([^)]+)\)", text):
        assert told.strip('"') == str(default)
