"""The tables of figures are those of the files in benches/results."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from pyffnn.bench import script

ROOT = Path(__file__).parents[1]
BENCHES = ROOT / "benches"
pytestmark = pytest.mark.skipif(not BENCHES.is_dir(), reason="needs the repository")


@pytest.fixture(scope="module")
def render():
    spec = importlib.util.spec_from_file_location("render", BENCHES / "render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files(render):
    return render.files(BENCHES / "results")


@pytest.mark.parametrize("page", ["benches/RESULTS.md", "benches/GROWTH.md", "README.md"])
def test_generated_parts_are_what_the_files_say(render, files, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "<!-- begin " in text
    assert render.filled(text, render.parts(files)) == text, "run python benches/render.py"


def test_each_file_is_named_after_its_machine_and_every_bench_is_shown(files):
    names = {f"{f['cpu']['kind']}-{f['isa']}.json" for f in files}
    assert names == {path.name for path in (BENCHES / "results").glob("*.json")}
    page = "".join(p.read_text(encoding="utf-8") for p in BENCHES.glob("*.md"))
    for file in files:
        for run in file["runs"]:
            assert f"<!-- begin cases {run['bench']} -->" in page
            for group in run["groups"]:
                assert group["probe"] or group["old"], "without a probe it is an old figure"


def file_of(kind, ratios, old=None):
    case = [
        {"case": "c", "seconds": {"pyffnn": 2e-6}, "ratios": {"p": r}, "ratio": r} for r in ratios
    ]
    want = {"geometric_mean": 1.5, "every": None, "peak_share": None, "every_large": None}
    group = {
        "group": "gemm f32", "command": "x", "date": "2020-01-01", "old": old, "versions": {}, "peaks": None, "probe": None,
        "verdict": {"against": "p", "want": want, "geometric_mean": ratios[0], "verdict": "missed: much"}, "cases": case[:1],
    }  # fmt: skip
    runs = [{"bench": "pyffnn bench", "threads": 1, "groups": [group]}]
    return {"schema": 1, "cpu": {"kind": kind, "name": f"X ({kind})"}, "isa": "avx2", "runs": runs}


def test_a_column_a_cpu_and_the_worst_beside_the_best(render):
    some = [file_of("a", [1.25]), file_of("b", [0.5], "of last year"), file_of("c", [3.0])]
    groups = render.bench_groups(some)
    assert "| 1.25 missed | 0.50 missed° | 3.00 missed |" in groups
    assert "- gemm f32, b, avx2, 1 thread°: much" in groups
    assert "| 0.50 (b°) | 3.00 (c) |" in render.readme(some)
    assert "| 2 us, p 1.25 | 2 us, p 0.50° | 2 us, p 3.00 |" in render.cases(some, "pyffnn bench")
    assert "- b, avx2: all old (of last year)." in render.old_columns(some)


def test_growth_says_where_a_curve_bends(render):
    made = file_of("a", [1.0])
    (run,) = made["runs"]
    (group,) = run["groups"]
    run["bench"] = "growth"
    more = {"unit": "token", "weights": 2**20, "lies_in": "l3", "calm": True}
    group["cases"] = [
        {"value": v, "seconds": {"pyffnn": t}, "bytes": b, **more}
        for v, t, b in ((100, 1e-6, 2**20), (10, 1e-7, 0))
    ]
    text = render.growth([made])
    assert "| 10 | 100 ns, 0 MB, weights 1 MB: l3 |" in text
    assert "| 100 | 1 us, slope 1.00, 1 MB, weights 1 MB: l3 |" in text


def test_a_part_that_is_not_known_is_an_error(render):
    with pytest.raises(KeyError):
        render.filled("<!-- begin nonsense -->\n<!-- end nonsense -->", {})


def test_files_can_be_read_line_by_line():
    for path in (BENCHES / "results").glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert json.loads(text)
        assert len(text.splitlines()) < 500, path.name


def test_a_command_says_nothing_of_where_things_are_on_a_machine(files, tmp_path):
    for file in files:
        for run in file["runs"]:
            for group in run["groups"]:
                assert " /" not in group["command"], group["command"]
    there = tmp_path / "file.txt"
    there.touch()
    argv = ["/somewhere/bench_x.py", "--data", str(tmp_path), "--lid", str(there), "--only", "a b"]
    assert (
        script.command_of(argv) == "python benches/bench_x.py --data DIR --lid file.txt --only a b"
    )
