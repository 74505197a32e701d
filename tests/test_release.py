"""A release is one tag: which Pythons and systems it has wheels for stands in several files, which agree."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"


@pytest.fixture(scope="module")
def workflow() -> str:
    if not WORKFLOW.is_file():
        pytest.skip("no workflows here: a source distribution")
    return WORKFLOW.read_text()


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def promised(project: dict) -> set[str]:
    """The versions that the package says it runs on."""
    told = (
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", c)
        for c in project["project"]["classifiers"]
    )
    return {m[1] for m in told if m}


def test_linux_has_a_wheel_for_every_promised_python(workflow: str, project: dict) -> None:
    (line,) = re.findall(r"nox -s wheels -- --release (.*)", workflow)
    built = {name.removeprefix("python") for name in line.split()}
    assert {v for v in built if not v.endswith("t")} == promised(project)
    (asked,) = re.findall(r"python-version: \|\n((?: +3\.\d+t?\n)+)", workflow)
    assert set(asked.split()) == built


def test_other_systems_have_the_same_ones(workflow: str, project: dict) -> None:
    (line,) = re.findall(r"nox -s wheels -- --release (.*)", workflow)
    built = {"cp" + name.removeprefix("python").replace(".", "") + "-*" for name in line.split()}
    assert set(project["tool"]["cibuildwheel"]["build"]) == built
    assert "linux" not in project["tool"]["cibuildwheel"]


def test_a_release_waits_for_all_of_its_parts(workflow: str) -> None:
    jobs = set(re.findall(r"^  (\w+):$", workflow.partition("\njobs:\n")[2], re.MULTILINE))
    (needs,) = re.findall(r"needs: \[(.*)\]", workflow)
    assert set(needs.split(", ")) == jobs - {"publish"}


def test_the_script_knows_both_c_libraries_of_both_processors() -> None:
    spec = importlib.util.spec_from_file_location("wheels", ROOT / "tools" / "wheels.py")
    assert spec is not None and spec.loader is not None
    wheels = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(wheels)
    finally:
        del sys.modules[spec.name]
    assert set(wheels.TRIPLES) == {
        f"{libc}_{machine}"
        for libc in ("manylinux2014", "musllinux_1_2")
        for machine in ("x86_64", "aarch64")
    }
