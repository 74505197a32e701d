"""Who may include and import whom. Read from the `#include` and `import` lines, so that a wrong direction fails here first."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CPP = ROOT / "src" / "cpp"
PACKAGE = ROOT / "src" / "pyffnn"

# Directory -> directories (or files) that it may include.
MAY_INCLUDE = {
    "core": {"core"},
    "simd": {"simd", "core/types.h", "core/kernel_table.h", "core/kernels.def"},
    "kernels": {"kernels", "simd", "core/types.h", "core/kernel_table.h", "core/kernels.def"},
    "ops": {"ops", "core"},
    "text": {"text", "ops", "core"},
    "net": {"net", "text", "ops", "core"},
    "quant": {"quant", "ops", "core"},
    "fasttext": {"fasttext", "quant", "text", "ops", "core"},
    "capi": {"capi", "net", "text", "ops", "core"},
    "bindings": {"bindings", "capi", "fasttext", "quant", "net", "text", "ops", "core"},
}
# A template of the standard library instantiated under AVX flags is a weak symbol that any code may end up calling.
KERNEL_HEADERS = {"cstddef", "cstdint", "cstring", "immintrin.h", "arm_neon.h"}

# Each layer may import those of its own row and the rows below it.
LAYERS = [
    {"cli", "commands", "demo", "__main__", "bench"},
    {"integrations"},
    {"auditing", "tuning"},
    {"models", "features"},
    {"training"},
    {"net", "nn", "autograd", "plot"},
    {"corpus", "data"},
    {"text", "io"},
    {"formats"},
    {"optimizers", "metrics", "testing"},
    {"ops", "runtime", "thread_control"},
    {"precision"},
    {"_pyffnn"},
]
# Imported by `import pyffnn` alone: everything else is found where it is used.
REQUIRED = {"numpy", "safetensors"}


# Of one system and not of another: core/platform.h has what they give.
SYSTEM_HEADERS = re.compile(
    r"(sys/.*|unistd|fcntl|poll|pthread|sched|dlfcn|signal|io|windows|direct|malloc|semaphore)\.h"
)


def sources() -> list[Path]:
    return sorted(p for p in CPP.rglob("*") if p.suffix in (".cpp", ".h", ".def"))


def includes(path: Path) -> list[tuple[str, str]]:
    """(bracket, header) of each include line."""
    return re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Nodes that lead from one to the next and back to the first; empty where there are none."""
    done: set[str] = set()
    for start in graph:
        path: list[str] = []
        walk = [iter([start])]
        while walk:
            node = next(walk[-1], None)
            if node is None:
                walk.pop()
                if path:
                    done.add(path.pop())
            elif node in path:
                return path[path.index(node) :]
            elif node not in done:
                path.append(node)
                walk.append(iter(sorted(graph.get(node, ()))))
    return []


def test_a_circle_is_found():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == ["b", "c"]
    assert circle({"a": {"a"}}) == ["a"]
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}) == []


@pytest.mark.skipif(not CPP.is_dir(), reason="no sources beside the tests")
def test_every_place_named_here_exists():
    for place, allowed in MAY_INCLUDE.items():
        for name in {place} | allowed:
            assert (CPP / name).exists(), f"MAY_INCLUDE names {name}"
    assert set(MAY_INCLUDE) == {p.name for p in CPP.iterdir() if p.is_dir()}
    for name in set().union(*LAYERS) - {"_pyffnn"}:
        assert (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file(), (
            f"LAYERS names {name}"
        )


@pytest.mark.skipif(not CPP.is_dir(), reason="no sources beside the tests")
def test_includes_go_in_no_circle():
    """Neither files nor rooms; the room itself may use those within it, and they it."""
    files: dict[str, set[str]] = {}
    rooms: dict[str, set[str]] = {}
    for path in sources():
        own = path.relative_to(CPP)
        room = str(own.parent)
        for bracket, header in includes(path):
            if bracket == '"':
                files.setdefault(str(own), set()).add(header)
                other = str(Path(header).parent)
                if not f"{room}/".startswith(f"{other}/") and not f"{other}/".startswith(
                    f"{room}/"
                ):
                    rooms.setdefault(room, set()).add(other)
    assert not circle(files)
    assert not circle(rooms)


@pytest.mark.skipif(not CPP.is_dir(), reason="no sources beside the tests")
def test_includes_go_down():
    assert len(sources()) > 20
    for path in sources():
        layer = path.relative_to(CPP).parts[0]
        assert layer in MAY_INCLUDE, f"{path}: a directory without a place in the layers"
        for bracket, header in includes(path):
            if bracket == '"':
                allowed = MAY_INCLUDE[layer]
                assert header in allowed or header.split("/")[0] in allowed, (
                    f"{path.name} includes {header}"
                )
                assert (CPP / header).is_file(), f"{path.name}: {header} is named from src/cpp"


@pytest.mark.skipif(not CPP.is_dir(), reason="no sources beside the tests")
def test_kernels_use_no_standard_library():
    for path in sources():
        if path.relative_to(CPP).parts[0] in ("kernels", "simd"):
            system = {header for bracket, header in includes(path) if bracket == "<"}
            assert system <= KERNEL_HEADERS, f"{path.name}: {system - KERNEL_HEADERS}"
            assert "PYFFNN_ISA" in path.read_text(), f"{path.name}: outside the ISA's name space"


@pytest.mark.skipif(not CPP.is_dir(), reason="no sources beside the tests")
def test_only_kernels_hold_intrinsics():
    for path in sources():
        if path.relative_to(CPP).parts[0] not in ("kernels", "simd"):
            code = path.read_text()
            assert not re.search(r"\b_mm\d*_|\bv[a-z]+q_f(32|64)\b|immintrin|arm_neon", code), (
                path.name
            )


@pytest.mark.skipif(not CPP.is_dir(), reason="no sources beside the tests")
def test_arch_flags_stand_in_the_arch_table_alone():
    names = ("CMakeLists.txt", "src/cpp/CMakeLists.txt", "pyproject.toml", "CMakePresets.json")
    build = [ROOT / name for name in names]
    for path in [p for p in build if p.is_file()]:
        assert not re.search(r"-m(avx|fma|f16c|amx|arch|tune|sse)", path.read_text()), path.name
    for path in [*build, ROOT / "cmake" / "PyffnnIsa.cmake"]:
        if path.is_file():
            assert not re.search(r"fast-math|Ofast|unsafe-math|fopenmp", path.read_text()), (
                path.name
            )


@pytest.mark.skipif(not CPP.is_dir(), reason="no sources beside the tests")
def test_work_without_the_gil_holds_plain_values():
    """What `released` runs takes copies (`[=]`): the compiler refuses a Python object among them."""
    for path in sorted((CPP / "bindings").glob("*")):
        if path.name != "gil.h":
            code = path.read_text()
            captures = re.findall(r"\breleased\(\s*(\[.*?\])", code)
            assert set(captures) <= {"[=]"}, f"{path.name}: {captures}"
            assert "gil_scoped_release" not in code, f"{path.name}: a daemon thread would end in it"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def top(path: Path) -> str:
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imported(path: Path) -> list[tuple[str, bool]]:
    """(absolute module name, at module level) of each import; those for the type checker alone are left out."""
    tree = ast.parse(path.read_text())
    package = ["pyffnn", *path.relative_to(PACKAGE).parent.parts]
    skipped: set[ast.AST] = set()
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            skipped.update(n for child in node.body for n in ast.walk(child))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inside.update(n for n in ast.walk(node) if n is not node)
    found = []
    for node in ast.walk(tree):
        if node in skipped:
            continue
        level = node not in inside
        if isinstance(node, ast.Import):
            found += [(alias.name, level) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            name = ".".join(filter(None, [base, node.module]))
            # `from pyffnn import x` may mean a module x
            found += [(f"{name}.{a.name}" if name == "pyffnn" else name, level) for a in node.names]
    return found


def layer_of(name: str) -> int | None:
    for i, names in enumerate(LAYERS):
        if name in names:
            return i
    return None


def test_every_module_has_a_layer():
    for path in modules():
        assert top(path) == "__init__" or layer_of(top(path)) is not None, (
            f"{path.relative_to(PACKAGE)} has no place in LAYERS"
        )


def test_imports_go_down():
    for path in modules():
        if top(path) == "__init__":
            continue
        own = layer_of(top(path))
        for name, at_top in imported(path):
            if not name.startswith("pyffnn."):
                continue
            other = layer_of(name.split(".")[1])
            if other is None or own is None:
                continue
            # a function of a lower layer may reach up, say to draw itself, but not at import
            assert other >= own or not at_top, f"{path.relative_to(PACKAGE)} imports {name}"


def test_imports_go_in_no_circle():
    """Those that run when a module is loaded; a package and what lies in it count as one another's."""
    graph = {}
    for path in modules():
        own = ".".join(["pyffnn", *path.relative_to(PACKAGE).with_suffix("").parts])
        own = own.removesuffix(".__init__")
        graph[own] = {
            n for n, at_top in imported(path) if at_top and not f"{own}.".startswith(f"{n}.")
        }
    assert not circle(graph)


def test_nothing_below_imports_an_integration():
    for path in modules():
        if top(path) not in ("integrations", "cli", "commands", "demo", "bench"):
            for name, at_top in imported(path):
                assert not (name.startswith("pyffnn.integrations") and at_top), path.name


def test_optional_packages_are_imported_where_they_are_used():
    import sys

    for path in modules():
        for name, at_top in imported(path):
            package = name.split(".")[0]
            if package in sys.stdlib_module_names or package in REQUIRED | {"pyffnn", "__future__"}:
                continue
            where = path.relative_to(PACKAGE)
            allowed = where.parts[0] in ("integrations", "bench") and where.name != "__init__.py"
            assert allowed or not at_top, f"{where} imports {package} when it is loaded"


def test_only_ops_and_runtime_open_the_core():
    """Python sees one door for arrays: models may hold compiled objects (networks, corpora), not call kernels."""
    door = {"ops", "runtime", "__init__", "thread_control", "bench"}
    for path in modules():
        for name, _ in imported(path):
            if name == "pyffnn._pyffnn" and top(path) not in door:
                code = path.read_text()
                called = set(re.findall(r"_pyffnn\.([a-z_]+)\(", code))
                kernels = called & {
                    "matmul",
                    "linear",
                    "softmax",
                    "activation",
                    "embedding",
                    "mean_pool",
                }
                assert not kernels, f"{path.relative_to(PACKAGE)} calls {kernels}"


def test_systems_are_behind_one_header():
    for path in sources():
        found = {h for _, h in includes(path) if SYSTEM_HEADERS.fullmatch(h)}
        assert not found or path.name.startswith("platform_"), f"{path.name}: {found}"
