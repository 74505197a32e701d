"""The reference has every public name, and an item for every argument of it."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import pyffnn
from pyffnn import integrations

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="no docs beside the tests")

MODULES = [
    "pyffnn",
    *(f"pyffnn.{name}" for name in pyffnn.__all__ if inspect.ismodule(getattr(pyffnn, name))),
    "pyffnn.models.ngram",
    "pyffnn.runtime",
    "pyffnn.tuning",
]


def arguments() -> ModuleType:
    spec = importlib.util.spec_from_file_location("arguments", DOCS / "arguments.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ARGUMENTS = arguments() if DOCS.is_dir() else None


def public() -> Iterator[tuple[str, str, Any]]:
    """(module, name, object)."""
    for module in MODULES:
        holder = importlib.import_module(module)
        for name in getattr(holder, "__all__", ()):
            yield module, name, getattr(holder, name)


def callables() -> Iterator[tuple[str, Any]]:
    """("function" or "Class.method", object) of everything public that can be called, each once."""
    seen: set[int] = set()
    for _, name, thing in public():
        if inspect.isclass(thing):
            for key in dir(thing):
                method = inspect.getattr_static(thing, key)
                method = getattr(method, "__func__", method)
                mine = inspect.isfunction(method) and method.__module__.startswith("pyffnn")
                mine = mine and key not in getattr(thing, "__dataclass_fields__", ())
                if mine and not key.startswith("_") and id(method) not in seen:
                    seen.add(id(method))
                    yield f"{name}.{key}", method
            # the fields of a record are its attributes, each with a line of its own; what the core makes has no constructor
            if (
                "_pyffnn" in thing.__module__
                or issubclass(thing, (tuple, Exception))
                or dataclasses.is_dataclass(thing)
            ):
                continue
        elif not inspect.isfunction(thing):
            continue
        if id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing


def test_every_argument_has_an_item() -> None:
    assert ARGUMENTS is not None
    lacking = {}
    for owner, thing in callables():
        signature = inspect.signature(thing)
        doc = inspect.getdoc(thing)
        names = [name for name in signature.parameters if name not in ("self", "cls")]
        missing = ARGUMENTS.items(owner, doc or "", names)
        without = [name for name, meaning in missing.items() if meaning is None]
        if without or not doc:
            lacking[owner] = without or "no docstring"
        listed = ARGUMENTS.documented(ARGUMENTS.with_items(owner, doc or "", names))
        assert set(names) <= listed | set(without), owner
    assert not lacking


def test_a_docstring_lists_nothing_that_is_no_argument() -> None:
    for owner, thing in callables():
        doc = inspect.getdoc(thing) or ""
        found = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", doc, re.M | re.S)
        if found is None:
            continue
        assert ARGUMENTS is not None
        listed = ARGUMENTS.documented("Parameters\n----------\n" + found[1])
        known = {name.lstrip("*") for name in inspect.signature(thing).parameters}
        assert listed <= known, owner


def test_the_glossary_has_no_word_too_many() -> None:
    assert ARGUMENTS is not None
    used = set()
    for owner, thing in callables():
        if inspect.signature(thing).parameters:
            for name in inspect.signature(thing).parameters:
                short = owner.rpartition(".")[2]
                used |= {f"{owner}:{name}", f"{short}:{name}", name}
    assert not sorted(ARGUMENTS.MEANINGS.keys() - used)


def entries() -> dict[str, list[str] | None]:
    """What the pages ask for: a dotted path, and the members that are wanted (None: all)."""
    found: dict[str, list[str] | None] = {}
    for page in (DOCS / "reference").glob("*.md"):
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"^::: (\S+)\n((?: +.*\n?)*)", text, re.MULTILINE):
            members = re.search(r"(?<!_)members: (.*)", match[2])
            wanted = None if members is None else re.findall(r"\w+", members[1])
            found[match[1]] = [] if wanted == ["false"] else wanted
    return found


def shown(pages: dict[str, list[str] | None]) -> list[Any]:
    """The objects that the pages show."""
    found = []
    for path, members in pages.items():
        try:
            module = importlib.import_module(path)
        except ImportError:
            holder, _, name = path.rpartition(".")
            try:
                found.append(getattr(importlib.import_module(holder), name))
            except (ImportError, AttributeError):
                assert path.startswith("pyffnn.integrations"), path  # its host is missing
            continue
        own = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == path]
        names = getattr(module, "__all__", own) if members is None else members
        found += [getattr(module, name) for name in names]
    return found


def test_every_public_name_is_there() -> None:
    objects = shown(entries())
    missing = [
        f"{module}.{name}"
        for module, name, thing in public()
        if not inspect.ismodule(thing)
        and name != "__version__"
        and not any(thing is other for other in objects)
    ]
    assert not missing


def test_every_integration_is_there() -> None:
    pages = entries()
    rooms = [m.name for m in pkgutil.iter_modules(integrations.__path__) if m.name[0] != "_"]
    for room in rooms:
        if room != "scoring":  # what the adapters share
            assert any(page.startswith(f"pyffnn.integrations.{room}") for page in pages), room
