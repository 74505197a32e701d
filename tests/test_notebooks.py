"""The notebooks of the documentation run from the first cell to the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"
# What a notebook uses beside pyffnn.
NEEDS = {"kernels-cython": ["Cython", "setuptools"]}
FOUND = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
# of the packages that run it
@pytest.mark.filterwarnings("default")
def test_it_runs(path: Path, tmp_path: Path) -> None:
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    for package in ("ipykernel", "matplotlib", *NEEDS.get(path.stem, [])):
        pytest.importorskip(package)
    notebook: Any = nbformat.read(path, 4)
    client = nbclient.NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    results = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    assert results and not [o for o in results if o.output_type == "error"]
    # progress is one line a run: what is shown while it trains takes the place of what was shown before
    assert all("\r" not in o.get("text", "") for o in results)


def test_all_four_are_there() -> None:
    if NOTEBOOKS.is_dir():
        assert len(FOUND) == 4
