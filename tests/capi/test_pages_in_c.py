"""The pages' lines of C, C++ and Cython are code that compiles."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from pages import DOCS, blocks

import pyffnn
from pyffnn import TextClassifier

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="the documentation is not there")
HOW_TO = DOCS / "how-to"


def compiles(compiler: str, source: str, file: Path, *folders: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    file.write_text(source)
    folders_ = [f"-I{folder}" for folder in (pyffnn.get_include(), *folders)]
    done = subprocess.run(
        [compiler, "-fsyntax-only", "-Wall", "-Werror", "-Wno-unused-variable", *folders_, file],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_model_of_python_in_c(tmp_path: Path) -> None:
    (block,) = blocks(HOW_TO / "c-and-cython.md", "c")
    source = f"#include <Python.h>\n#include <pyffnn.h>\nvoid f(PyObject *model) {{\n{block}}}\n"
    include = sysconfig.get_paths()["include"]
    if not (Path(include) / "Python.h").exists():
        pytest.skip("Python's headers are not installed")
    compiles("gcc", source, tmp_path / "a.c", include)


def test_a_program_without_python(tmp_path: Path) -> None:
    (block,) = blocks(HOW_TO / "c-and-cython.md", "cpp")
    compiles("g++", f"#include <pyffnn.h>\nint main() {{\n{block}}}\n", tmp_path / "a.cpp")


def test_a_predictor_in_c(tmp_path: Path) -> None:
    TextClassifier(epochs=1).fit(["a", "b"], ["x", "y"]).to_c(tmp_path)
    (block,) = blocks(HOW_TO / "to-c.md", "c")
    include, body = block.split("\n", 1)
    head = f"{include}\n#include <stdio.h>\n#include <string.h>\n"
    compiles(
        "gcc", head + f"void f(const char *text) {{\n{body}}}\n", tmp_path / "a.c", str(tmp_path)
    )


def test_the_extension_is_the_one_that_the_notebook_builds() -> None:
    notebook = json.loads((DOCS / "notebooks" / "kernels-cython.ipynb").read_text())
    cells = "\n".join("".join(cell["source"]) for cell in notebook["cells"])
    (block,) = blocks(HOW_TO / "c-and-cython.md", "cython")
    found, shown = ("".join(text.split()) for text in (cells, block.split("\n", 1)[1]))
    # the page folds a line that the notebook has in one
    assert shown.replace("(", "").replace(")", "") in found.replace("(", "").replace(")", "")
