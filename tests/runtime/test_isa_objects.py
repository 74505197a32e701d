"""What the compiler made of each instruction set's files: nothing of one may run, or be chosen by the linker, on a lesser machine.

Reads the object files of the build beside this checkout, so it runs wherever the package was built from it.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import pyffnn

ROOT = Path(__file__).resolve().parents[2]
X86 = ("reference", "sse2", "avx2", "avx512")
ISAS = (*X86, "amx", "amx_emulated", "neon")
# What a kernel may call: the C library's memory functions, and the reference ISA's arithmetic.
MAY_CALL = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_"}
REFERENCE_MAY_CALL = {"fma", "fmaf", "sqrt", "sqrtf"}

pytestmark = pytest.mark.skipif(
    not (shutil.which("nm") and shutil.which("objdump")), reason="binutils are not installed"
)


def build_directory() -> Path | None:
    made = [
        p
        for p in (ROOT / "build").glob("cp*/src/cpp/CMakeFiles/pyffnn_reference.dir")
        if any(p.rglob("*.o"))
    ]
    return max(made, key=lambda p: p.stat().st_mtime).parent if made else None


BUILD = build_directory()


def objects(target: str) -> list[Path]:
    if BUILD is None:
        pytest.skip("no build directory beside this checkout")
    found = sorted((BUILD / f"{target}.dir").rglob("*.o"))
    if not found:
        pytest.skip(f"{target} is not built on this machine")
    return found


def output(*command: str | Path) -> str:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout


def symbols(path: Path) -> list[tuple[str, str]]:
    """(kind, demangled name) of each symbol, as nm tells."""
    lines = (line.split(maxsplit=2) for line in output("nm", "-C", path).splitlines())
    return [(p[-2], p[-1]) if len(p) == 2 else (p[1], p[2]) for p in lines]


@pytest.mark.parametrize("isa", ISAS)
def test_symbols_stay_in_their_name_space(isa):
    """Weak symbols (templates, inline functions) are merged by name, and any file's copy may win."""
    own = f"pyffnn::{isa}::"
    for path in objects(f"pyffnn_{isa}"):
        for kind, name in symbols(path):
            assert kind not in "WVwvu", f"{path.name}: weak {name}"
            if kind.isupper() and kind != "U":
                assert name.startswith(own), f"{path.name}: {name}"
            if kind == "U" and not name.startswith(own):
                scalar = isa in ("reference", "amx_emulated")
                allowed = MAY_CALL | (REFERENCE_MAY_CALL if scalar else set())
                assert name in allowed, f"{path.name}: calls {name}"


@pytest.mark.parametrize("isa", ISAS)
def test_nothing_runs_when_the_library_is_loaded(isa):
    for path in objects(f"pyffnn_{isa}"):
        assert "_GLOBAL__sub_I_" not in output("nm", path)
        sections = output("objdump", "-h", path)
        assert ".init_array" not in sections
        assert ".ctors" not in sections


def registers(path: Path) -> set[str]:
    code = output("objdump", "-d", "--no-show-raw-insn", path)
    found = set(re.findall(r"%(ymm|zmm|tmm|k[1-7])\d*\b", code))
    if re.search(r"\tv[a-z0-9]+ .*%xmm", code):
        found.add("vex")
    return {r[0] if r.startswith("k") else r for r in found}


@pytest.mark.parametrize(
    "target",
    ["pyffnn_reference", "pyffnn_sse2", "pyffnn_amx_emulated", "pyffnn_core", "_pyffnn"],
)
def test_baseline_code_holds_no_avx(target):
    if "sse2" not in pyffnn.available_isas():
        pytest.skip("x86-64 only")
    for path in objects(target):
        assert registers(path) == set(), path.name


def test_avx2_code_holds_no_avx512():
    for path in objects("pyffnn_avx2"):
        assert registers(path) <= {"ymm", "vex"}, path.name


def test_tiles_are_touched_by_the_amx_object_alone():
    for path in objects("pyffnn_avx512"):
        assert "tmm" not in registers(path), path.name
        code = output("objdump", "-d", "--no-show-raw-insn", path)
        assert not re.search(r"\tv?\w*bf16", code), path.name


@pytest.mark.parametrize(("isa", "register"), [("avx2", "ymm"), ("avx512", "zmm")])
def test_products_use_the_isa_s_own_vectors(isa, register):
    """The other way round: flags that got lost would leave a slow build that passes every other test."""
    (path,) = (p for p in objects(f"pyffnn_{isa}") if "gemm_f32" in p.name)
    code = output("objdump", "-d", "--no-show-raw-insn", path)
    assert len(re.findall(rf"\tvfmadd\d+ps .*%{register}", code)) > 100


def test_the_library_sets_no_fast_math_at_load():
    """-ffast-math at the link adds a start-up file that flushes the whole process's subnormals."""
    assert "set_fast_math" not in output("nm", "-a", pyffnn._pyffnn.__file__)
    assert "set_fast_math" not in output("nm", "-D", pyffnn._pyffnn.__file__)


def test_the_library_exports_its_own_names_alone():
    names = {
        name
        for kind, name in symbols_of_library()
        if kind in "TDBRVWu" and not name.startswith(("_init", "_fini", "__bss", "_edata", "_end"))
    }
    assert {"pyffnn_get_num_threads", "pyffnn_set_num_threads", "PyInit__pyffnn"} <= names
    assert all(name.startswith(("pyffnn", "PyInit__pyffnn")) for name in names), names


def symbols_of_library() -> list[tuple[str, str]]:
    lines = (
        line.split()
        for line in output("nm", "-D", "--defined-only", pyffnn._pyffnn.__file__).splitlines()
    )
    return [(p[1], p[2]) for p in lines if len(p) == 3]
