"""The hand-written stub names what the compiled module holds, neither more nor less."""

from __future__ import annotations

import ast
import inspect
from importlib import resources

from pyffnn import _pyffnn


def stub_names(body: list[ast.stmt]) -> set[str]:
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            names.add(ast.unparse(node.target))
        elif isinstance(node, ast.Assign):
            names.update(ast.unparse(target) for target in node.targets)
    return {name for name in names if not name.startswith("_")}


def public(scope: object) -> set[str]:
    return {name for name in vars(scope) if not name.startswith("_")}


def stub() -> list[ast.stmt]:
    """The stub with its parts, which it imports."""
    body = []
    for node in ast.parse(resources.files("pyffnn").joinpath("_pyffnn.pyi").read_text()).body:
        body.append(node)
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            part = ast.parse(resources.files("pyffnn").joinpath(f"{node.module}.pyi").read_text())
            assert [name.name for name in node.names] == ["*"]
            body += part.body
    return body


def test_the_stub_and_the_module_hold_the_same_names():
    body = stub()
    # a wheel has no test hooks
    hooks = {f"kernel_{name}" for name in ("optim_step", "adagrad_row", "dropout", "uniform")}
    wanted = stub_names(body) - (hooks - public(_pyffnn))
    assert wanted == public(_pyffnn)
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    for name, node in classes.items():
        if name.startswith("_"):
            continue  # what classes of the module have in common
        held = getattr(_pyffnn, name)
        assert inspect.isclass(held)
        bases = [ast.unparse(base).partition("[")[0] for base in node.bases]
        names = [stub_names(classes[base].body) for base in bases if base.startswith("_")]
        assert stub_names(node.body).union(*names) == public(held), name
