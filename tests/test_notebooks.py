"""The notebooks of the documentation run from the first cell to the last."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"
# What a notebook uses beside pyffnn.
NEEDS = {"kernels-cython": ["Cython", "setuptools"]}
FOUND = sorted(NOTEBOOKS.glob("*.ipynb"))


# of the packages that run it
@pytest.mark.filterwarnings("default")
def test_they_run(tmp_path: Path) -> None:
    """In one kernel, which forgets its names between two: its start takes longer than most of them."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for package in ("ipykernel", "matplotlib"):
        pytest.importorskip(package)
    whole: Any = None
    for path in FOUND:
        if all(importlib.util.find_spec(package) for package in NEEDS.get(path.stem, [])):
            notebook: Any = nbformat.read(path, 4)
            if whole is None:
                whole = notebook
                continue
            whole.cells.append(nbformat.v4.new_code_cell("%reset -f"))
            whole.cells += notebook.cells
    client = nbclient.NotebookClient(
        whole, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    results = [o for c in whole.cells if c.cell_type == "code" for o in c.outputs]
    assert results and not [o for o in results if o.output_type == "error"]
    # progress is one line a run: what is shown while it trains takes the place of what was shown before
    assert all("\r" not in o.get("text", "") for o in results)


def test_all_four_are_there() -> None:
    if NOTEBOOKS.is_dir():
        assert len(FOUND) == 4
