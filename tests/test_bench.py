"""The benchmark's arithmetic and its report; no figure is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import pyffnn
from pyffnn.bench import (
    cpu,
    peaks,
    peers,
    picture,
    probe,
    results,
    run,
    script,
    table,
    timing,
)
from pyffnn.bench.probe import Stretch, Watch

UNDISTURBED = [(3.0, 2.5)]


def watch(*disturbed, waits=0.0):
    """Probes that find the core free but for those of the numbers given, which a sibling shares."""
    count, clock = [-1], [0.0]

    def probe(threads):
        count[0] += 1
        return [(2.0, 2.5)] * threads if count[0] in disturbed else UNDISTURBED * threads

    def waited():
        clock[0] += waits
        return clock[0]

    made = Watch(probe, waited)
    made._warm.update({1, 2, 4})
    for threads in (1, 2, 4):
        made.look(threads)
    count[0] = -1
    return made


def test_contenders_take_turns_and_the_ratio_is_the_median_of_rounds():
    calls = []
    rounds = timing.in_turn(
        {"pyffnn": lambda: calls.append("a"), "peer": lambda: calls.append("b")},
        0.0,
        1e-9,
        watch=watch(),
    )
    assert len(rounds.seconds["pyffnn"]) == len(rounds.seconds["peer"]) == rounds.kept == 3
    assert rounds.thrown_away == 0 and rounds.calm
    # after the calls that calibrate: there and back
    assert "".join(calls).endswith("abba" * 3)
    assert timing.median_ratio([2.0, 9.0, 4.0], [1.0, 3.0, 1.0]) == 3.0


def test_a_round_in_which_a_sibling_had_the_core_is_thrown_away():
    # a round of one contender: a probe of all threads, and two around each of its two samples
    rounds = timing.in_turn({"pyffnn": lambda: None}, 0.05, 1e-6, watch=watch(7))
    assert rounds.thrown_away == 1 and rounds.calm
    assert len(rounds.seconds["pyffnn"]) == rounds.kept


def test_a_round_in_which_threads_waited_for_a_core_is_thrown_away():
    rounds = timing.in_turn({"pyffnn": lambda: None}, 0.0, 1e-6, watch=watch(waits=0.01))
    assert (rounds.kept, rounds.thrown_away, rounds.calm) == (0, 3, False)
    assert len(rounds.seconds["pyffnn"]) == 3, "where none is left they all stand, marked"


def test_the_probe_is_judged_by_the_best_that_was_seen():
    seen = iter([(2.0, 2.5), (3.0, 2.5), (4000.0, 0.002), (3.0, 1.0), (2.9, 2.5)])
    made = Watch(lambda threads: [next(seen)], lambda: 0.0)
    made._warm.add(1)
    looks = [made.look() for _ in range(5)]
    assert made.best(1).adds == 3.0, "a process that came between the loops makes no best"
    assert [made.calm(Stretch([look])) for look in looks] == [False, True, False, False, True]


def test_the_probe_of_this_machine():
    for threads in (1, 3):
        cores = pyffnn._pyffnn.kernel_core_probe(threads)
        assert len(cores) == threads
        assert all(adds > 0 and clock > 0 for adds, clock in cores)
    with pytest.raises(ValueError, match="threads"):
        pyffnn._pyffnn.kernel_core_probe(0)
    assert probe.waited() >= 0


def row(ratio, share=1.0, large=False, want=None):
    return {
        "case": "c", "want": want, "ratio": ratio, "share_of_fma_peak": share, "large": large,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([row(1.0), row(4.0)], "reached"),
        ([row(1.0), row(1.0)], "missed: mean 1.00 < 1.5"),
        ([row(0.9), row(9.0)], "missed: 1 of 2 below 1.0 (least 0.90)"),
        ([row(2.0, 0.5, True)], "missed: 50% of the FMA peak < 90%"),
        ([row(2.0, want=2.5)], "missed: c 2.00 < 2.5"),
        ([row(None)], "not judged: no peer is installed"),
        ([], "not judged: no peer is installed"),
    ],
)
def test_verdicts(rows, verdict):
    group = table.Group("g", "peer", table.Want(1.5, 1.0, 0.9))
    assert run.judge(group, rows)["verdict"] == verdict


@pytest.fixture
def brief(monkeypatch):
    """One round a case, and less of what takes long."""
    texts, steps = peers.text_training, peers.network_steps
    monkeypatch.setattr(timing, "ENOUGH", 1)
    monkeypatch.setattr(peers, "text_training", lambda count, length: texts(100, 5))
    monkeypatch.setattr(peers, "network_steps", lambda sizes, batch, count: steps(sizes, batch, 1))


@pytest.mark.usefixtures("brief")
def test_every_case_runs_and_is_reported(tmp_path):
    """The smallest case of each group, briefly; the JSON can be written and the picture drawn."""
    with peers.pinned(1):
        core = watch()
        peak = peaks.measure(1, 0.001, core)
        values = peak.as_dict()
        assert (values.pop("amx_bf16") > 0) == pyffnn._pyffnn.isa_has_tiles()
        assert all(value > 0 for value in values.values())
        rows = []
        for group in table.groups():
            if not group.cases:
                assert group.without
                continue
            case = min(group.cases, key=lambda c: c.flops + c.bytes)
            if case.flops > 1e10:
                continue
            rows.append(run.run_case(case, peak, 0.0, watch=core))
            assert case.name in run.line_of(rows[-1])
            assert bool(case.flops) == ("peak_gflops" in rows[-1])
    assert {"gemm f32", "softmax", "mean_pool"} <= {r["group"] for r in rows}
    made = results.group_of("all", rows, command="c", watch=core, threads=1)
    result = {"machine": run.machine(), "threads": 1, "peaks": peak.as_dict(), "groups": [made]}
    assert json.loads(json.dumps(result))["machine"]["versions"]["numpy"]
    pytest.importorskip("matplotlib")
    picture.draw(result, str(tmp_path / "bench.png"))
    assert (tmp_path / "bench.png").stat().st_size > 10_000


@pytest.mark.usefixtures("brief")
def test_peers_are_named_whether_installed_or_not():
    assert "numpy" in peers.versions()
    assert set(peers.missing()).isdisjoint(peers.versions())
    if peers.find("fasttext") is None:
        assert "fasttext" in peers.missing()
        texts = next(g for g in table.groups() if g.name.startswith("text classifier"))
        found = run.run_case(texts.cases[0], peaks.measure(1, 0.001), 0.0)
        assert found["ratio"] is None
        assert run.judge(texts, [found])["verdict"] == "not judged: no peer is installed"


def test_what_does_not_compile_has_no_row(monkeypatch):
    class Broken:
        def compile(self, call):
            raise RuntimeError("no compiler")

    monkeypatch.setattr(peers, "find", lambda name: Broken())
    assert peers.compiled(lambda: None) is None
    monkeypatch.setattr(peers, "find", lambda name: None)
    assert peers.compiled(lambda: None) is None


def test_bf16_is_not_judged_without_amx(monkeypatch):
    monkeypatch.setattr("pyffnn.available_isas", lambda: ["reference", "sse2"])
    groups = {g.name: g for g in table.groups()}
    for name in ("gemm bf16", "gemm bf16x3", "gemm bf16x6", "linear_cross_entropy bfloat16x3"):
        assert not groups[name].cases
        assert "needs AMX" in run.judge(groups[name], [])["verdict"]


def test_bf16_cases_run_on_tiles(monkeypatch):
    """On emulated ones, the smallest case of each group."""
    monkeypatch.setattr("pyffnn.available_isas", lambda: ["reference", "amx"])
    with pyffnn.use_isa("amx-emulated"):
        peak = peaks.measure(1, 0.001)
        assert peak.amx_bf16 > 0
        for group in table.groups():
            if group.name.startswith("gemm bf16"):
                case = min(group.cases, key=lambda c: c.flops)
                found = run.run_case(case, peak, 0.0)
                assert found["share_of_amx_peak"] > 0


def test_large_cases_have_wants_of_their_own():
    def tiles_row(ratio, share):
        return {**row(ratio, large=True), "share_of_amx_peak": share}

    bf16 = table.Group("g", "peer", table.Want(2.0, peak_share=0.5, peak="AMX"))
    assert run.judge(bf16, [tiles_row(3.0, 0.6)])["verdict"] == "reached"
    assert "40% of the AMX peak" in run.judge(bf16, [tiles_row(3.0, 0.4)])["verdict"]
    split = table.Group("g", "peer", table.Want(1.8, every_large=3.0))
    assert "large cases 2.00 < 3.0" in run.judge(split, [tiles_row(2.0, 0.4)])["verdict"]


AMD = "vendor_id : AuthenticAMD\ncpu family : {}\nmodel : {}\nstepping : 2\n"
INTEL = "vendor_id : GenuineIntel\ncpu family : 6\nmodel : 85\nstepping : {}\n"


@pytest.mark.parametrize(
    ("cpuinfo", "kind"),
    [
        (AMD.format(23, 1), ("zen1", "Some CPU (Zen 1)")),
        (AMD.format(25, 17), ("zen4", "Some CPU (Zen 4)")),
        (AMD.format(99, 1), ("some-cpu", "Some CPU")),
        (INTEL.format(4), ("skylake-sp", "Some CPU (Skylake-SP)")),
        (INTEL.format(7), ("cascade-lake", "Some CPU (Cascade Lake)")),
        (INTEL.format(4).replace("85", "143"), ("sapphire-rapids", "Some CPU (Sapphire Rapids)")),
        ("CPU implementer : 0x41\nCPU part : 0xd40\n", ("neoverse-v1", "Some CPU (Neoverse V1)")),
        ("", ("some-cpu", "Some CPU")),
    ],
)
def test_kinds_of_cpu(cpuinfo, kind):
    assert cpu.kind_of(cpuinfo, "Some CPU") == kind


def group(name, ratio=2.0):
    case = {"case": "c", "seconds": {"pyffnn": 1.0}, "ratios": {"p": ratio}, "ratio": ratio}
    case |= {"kept": 3, "thrown_away": 1, "calm": True}
    return results.group_of(name, [case], command="bench", watch=watch(), threads=1)


def test_results_are_one_file_a_cpu_and_isa(tmp_path):
    path = results.write(tmp_path, "b", 1, [group("g"), group("h")])
    assert path.name == f"{cpu.kind()[0]}-{pyffnn.isa()}.json"
    results.write(tmp_path, "b", 2, [group("g")])
    results.write(path, "b", 1, [group("h", 3.0)])
    content = results.read(path)
    assert (content["schema"], content["isa"]) == (1, pyffnn.isa())
    assert set(content["cpu"]) == {"kind", "name", "model_name"}
    assert [(r["bench"], r["threads"]) for r in content["runs"]] == [("b", 1), ("b", 2)]
    g, h = content["runs"][0]["groups"]
    assert (g["group"], h["group"], h["cases"][0]["ratio"]) == ("g", "h", 3.0)
    assert (g["probe"]["kept"], g["probe"]["thrown_away"], g["old"]) == (3, 1, None)
    assert g["versions"]["pyffnn"] == pyffnn.__version__
    # one line a case
    assert sum('"case": ' in line for line in path.read_text().splitlines()) == 3


def test_results_of_another_machine_or_of_something_else_are_kept_from_harm(tmp_path):
    path = results.write(tmp_path, "b", 1, [group("g")])
    content = results.read(path)
    content["cpu"]["kind"], content["cpu"]["name"] = "z80", "Zilog Z80"
    path.write_text(results.text_of(content))
    with pytest.raises(ValueError, match="Zilog Z80"):
        results.write(path, "b", 1, [group("g")])
    for text in ("[1]", "{", '{"schema": 99}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="no file of results"):
            results.write(path, "b", 1, [group("g")])
        assert path.read_text() == text


def test_a_script_times_its_cases_and_leaves_the_others_in_the_file(tmp_path, capsys):
    given = ["--threads", "1", "--seconds", "0", "--json", str(tmp_path)]
    args = script.parser("What it does.").parse_args(given)
    (session,) = script.sessions("b", args)
    both = {"pyffnn": lambda: timing.Spent(2e-6), "peer": lambda: timing.Spent(6e-6)}
    cases = {"one": lambda: both, "two": lambda: both}
    session.group("g", cases, sample=1e-6, per=2, flops=3e3, want=2.0)
    args.only = "two"
    session.group("g", cases, sample=1e-6)
    ((run_,),) = [results.read(path)["runs"] for path in tmp_path.iterdir()]
    one, two = run_["groups"][0]["cases"]
    assert (one["seconds"]["pyffnn"], one["ratio"], one["gflops"], one["want"]) == (
        1e-6,
        3.0,
        3.0,
        2.0,
    )
    assert two["seconds"]["pyffnn"] == 2e-6
    assert run_["groups"][0]["probe"]["kept"] == one["kept"] + two["kept"]
    assert capsys.readouterr().out.count("peer 3.00x") == 3


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_the_memory_that_a_call_needs():
    # Freed twice, such an array raises glibc's threshold and stays on the heap: the next call would be served from there unseen.
    code = (
        "import numpy as np; from pyffnn.bench import memory\n"
        "for _ in range(2): np.ones(3_900_000)\n"
        "print(memory.peak_of(lambda: np.ones(3_000_000)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 20e6 < int(done.stdout) < 40e6


def test_an_unknown_group_names_the_known_ones():
    with pytest.raises(ValueError, match="softmax"):
        run.chosen(["relu", "no such group"])
    assert [g.name for g in run.chosen(["soft", "tanh"])] == ["tanh", "softmax"]
    assert len(run.chosen(None)) > 10
