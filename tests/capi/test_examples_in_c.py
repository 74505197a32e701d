"""The examples in Cython, C and C++ are built as their README says, and give what Python gives."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models.samples import reviews

import pyffnn
from pyffnn import TextClassifier, ops

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which(os.environ.get("CC", "gcc"))
HAS_HEADERS = (Path(sysconfig.get_paths()["include"]) / "Python.h").is_file()


def needs(*modules: str) -> None:
    for module in modules:
        pytest.importorskip(module)
    if COMPILER is None or not HAS_HEADERS:
        pytest.skip("no compiler, or no Python.h")


def run(command: list[str], cwd: Path, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def built(example: str, folder: Path, flags: str = "-O1 -Wall -Wextra -Werror") -> Path:
    """A copy of the example with its extension modules beside it."""
    copy = folder / example
    shutil.copytree(ROOT / "examples" / example, copy)
    # as a package that this interpreter has may be beyond the reach of a plain one
    environment = {**os.environ, "CFLAGS": flags, "PYTHONPATH": os.pathsep.join(sys.path)}
    run([sys.executable, "setup.py", "-q", "build_ext", "--inplace"], copy, env=environment)
    return copy


def load(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def skipgram(tmp_path: Path) -> Any:
    needs("Cython", "setuptools")
    folder = built("cython", tmp_path, "-O1")
    spec = importlib.util.spec_from_file_location(
        "skipgram",
        folder / "skipgram" / "__init__.py",
        submodule_search_locations=[str(folder / "skipgram")],
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["skipgram"] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        for name in [n for n in sys.modules if n.partition(".")[0] == "skipgram"]:
            del sys.modules[name]


def test_cython(skipgram: Any) -> None:
    """Words that are seen with the same neighbours get like vectors."""
    rng = np.random.default_rng(0)
    # a word of one of two groups, then two that only that group has
    groups = rng.integers(0, 2, 600)
    text = np.stack([rng.integers(0, 2, 600) + 2 * groups, 4 + groups, 6 + groups], axis=1)
    vectors, losses = skipgram.train(text.ravel(), dim=8, epochs=4)
    assert losses[-1] < losses[0] - 0.1
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    like = unit @ unit.T
    assert min(like[0, 1], like[2, 3]) > max(like[0, 2], like[0, 3], like[1, 2], like[1, 3])
    again, _ = skipgram.train(text.ravel(), dim=8, epochs=4)
    assert np.array_equal(vectors, again)
    with pytest.raises(ValueError, match="ids from 0 on"):
        skipgram.train([0, -1])


def test_c_extension(tmp_path: Path) -> None:
    needs("setuptools")
    folder = built("c_extension", tmp_path)
    scorer = load("scorer", next(folder.glob("scorer*.so")))
    texts, labels = reviews(60)
    model = TextClassifier(epochs=5).fit(texts, labels)
    assert scorer.best(model, tuple(texts)) == model.predict(texts).tolist()
    assert scorer.best(model, ()) == []
    x = np.random.default_rng(0).normal(size=9).astype(np.float32)
    want = ops.softmax(x)
    scorer.softmax(x)
    assert np.array_equal(x, want)
    with pytest.raises(TypeError, match="float32"):
        scorer.softmax(np.zeros(3))
    with pytest.raises(ValueError, match="not fitted"):
        scorer.best(TextClassifier(), ("a",))
    with pytest.raises(AttributeError, match="__pyffnn_model__"):
        scorer.best(object(), ("a",))


def test_a_table_of_another_version_is_refused(tmp_path: Path) -> None:
    needs("setuptools")
    folder = built("c_extension", tmp_path, "-O0 -DPYFFNN_API_VERSION=99")
    with pytest.raises(ImportError, match=r"of version 1 \(.*compiled for version 99 \("):
        load("scorer", next(folder.glob("scorer*.so")))


def test_cimport_from_the_installed_package(tmp_path: Path) -> None:
    """`from pyffnn.capi cimport` finds the declarations beside the package too, as Cython searches where Python does."""
    needs("Cython")
    (tmp_path / "probe.pyx").write_text(
        "from pyffnn.capi cimport pyffnn_api, pyffnn_import\n"
        "cdef const pyffnn_api* api = pyffnn_import()\n"
        "print(api.version)\n"
    )
    package = Path(pyffnn.get_include()).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "cython", "-3", f"-I{package}", "probe.pyx"]
    run(command, tmp_path, env=environment)
    assert '#include "pyffnn.h"' in (tmp_path / "probe.c").read_text()


@pytest.mark.skipif(
    "PYFFNN_TEST_INSTALL" not in os.environ,
    reason="builds the core anew, which takes minutes: set PYFFNN_TEST_INSTALL",
)
def test_a_program_without_python(tmp_path: Path) -> None:
    cmake, ninja = shutil.which("cmake"), shutil.which("ninja")
    here = Path(sys.executable).parent
    cmake, ninja = cmake or shutil.which(here / "cmake"), ninja or shutil.which(here / "ninja")
    if cmake is None or ninja is None or not (ROOT / "CMakeLists.txt").is_file():
        pytest.skip("no cmake and ninja, or no sources")
    prefix, common = tmp_path / "prefix", ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", "-DCMAKE_BUILD_TYPE=Release", *([f"-DCMAKE_CXX_COMPILER={gxx}"] if (gxx := shutil.which("g++")) else [])]  # fmt: skip
    core = tmp_path / "core"
    run([cmake, "-S", str(ROOT), "-B", str(core), *common], tmp_path)
    run([cmake, "--build", str(core), "-j", "2"], tmp_path)
    run([cmake, "--install", str(core), "--prefix", str(prefix)], tmp_path)
    installed = {str(p.relative_to(prefix).name) for p in prefix.rglob("*") if p.is_file()}
    assert {"pyffnn.h", "libpyffnn.a", "pyffnn-config.cmake"} <= installed
    own, source = tmp_path / "own", ROOT / "examples" / "cpp"
    run([cmake, "-S", str(source), "-B", str(own), f"-DCMAKE_PREFIX_PATH={prefix}", *common], tmp_path)  # fmt: skip
    run([cmake, "--build", str(own)], tmp_path)
    program = own / "classify"
    assert "python" not in run(["ldd", str(program)], tmp_path).stdout

    texts, labels = reviews(60)
    texts += ["", "Größe ΑΣ unknown"]
    model = TextClassifier(epochs=3).fit(texts, [*labels, "bad", "good"])
    model.save(tmp_path / "model.safetensors")
    done = run(
        [str(program), "model.safetensors"], tmp_path, input="".join(f"{t}\n" for t in texts)
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [label for label, _ in lines] == model.predict(texts).tolist()
    p = np.array([float(x) for _, x in lines])
    np.testing.assert_allclose(p, model.predict_proba(texts).max(axis=1), atol=1e-6)
    failed = subprocess.run(
        [str(program), "nothing"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert failed.returncode == 1 and "'nothing': No such file" in failed.stderr
