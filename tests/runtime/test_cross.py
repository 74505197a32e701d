"""The kernels compile for aarch64: the NEON table and everything below it, by the cross compiler."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER = "aarch64-linux-gnu-g++"
SOURCES = sorted((ROOT / "src" / "cpp" / "kernels").glob("*.cpp"))
CORE = sorted((ROOT / "src" / "cpp" / "core").glob("*.cpp"))
FLAGS = (
    "-std=gnu++17",
    "-O1",
    "-ffp-contract=off",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-fno-exceptions",
    "-fno-rtti",
)

pytestmark = [
    pytest.mark.skipif(not shutil.which(COMPILER), reason=f"{COMPILER} is not installed"),
    pytest.mark.skipif(not SOURCES, reason="no sources beside the tests"),
]


def compile_to(directory: Path, source: Path, *flags: str) -> Path:
    target = directory / f"{source.stem}.o"
    done = subprocess.run(
        [COMPILER, "-c", str(source), "-o", str(target), "-I", str(ROOT / "src" / "cpp"), *flags],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize(
    "source", [p for p in SOURCES if "amx" not in p.name], ids=lambda p: p.stem
)
def test_kernels_compile_for_neon(source, tmp_path):
    made = compile_to(tmp_path, source, *FLAGS, "-DPYFFNN_ISA=neon", "-DPYFFNN_ISA_IS_neon=1")
    names = subprocess.run(
        ["nm", "-C", str(made)], capture_output=True, text=True, check=True
    ).stdout
    assert "pyffnn::neon::" in names


def test_emulated_tiles_compile_for_aarch64(tmp_path):
    (source,) = (p for p in SOURCES if p.name == "gemm_amx.cpp")
    names = ("-DPYFFNN_ISA=amx_emulated", "-DPYFFNN_ISA_IS_amx_emulated=1")
    compile_to(tmp_path, source, *FLAGS, *names)


@pytest.mark.parametrize("source", CORE, ids=lambda p: p.stem)
def test_the_core_compiles(source, tmp_path):
    compile_to(
        tmp_path,
        source,
        "-std=gnu++17",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-DPYFFNN_HAVE_NEON=1",
        "-DPYFFNN_HAVE_REFERENCE=1",
    )
