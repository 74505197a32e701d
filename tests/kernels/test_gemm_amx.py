"""Products on bf16 tiles. The emulated tiles prove the arithmetic on any machine; the compiled AMX code is run instruction by instruction
by a trap (tests/cpp/amx_trap.h), and read by a disassembler, where there is no AMX to run it."""

from __future__ import annotations

import re
import shutil
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import floats, sizes, views

import pyffnn
from pyffnn import ops, testing

ROOT = Path(__file__).resolve().parents[2]
TILES = ["amx-emulated", *(name for name in pyffnn.available_isas() if name == "amx")]
U = 2.0**-24
MODES = ["bfloat16x6", "bfloat16x3", "bfloat16"]
# Around tiles (16), blocks (32) and blocks of k (512, 256 or 160 by the parts, or half as much again in one).
SHAPES = (
    (0, 3, 4), (3, 0, 4), (1, 1, 1), (1, 100, 50), (15, 31, 17), (16, 32, 16), (17, 33, 15), (31, 64, 33), (33, 40, 48), (48, 65, 31),
    (64, 6, 16), (70, 100, 50), (5, 385, 34), (34, 769, 5), (20, 1100, 40), (3, 600, 129), (129, 30, 66),
)  # fmt: skip


@pytest.fixture(params=TILES)
def tiles(request):
    with pyffnn.use_isa(request.param):
        assert pyffnn._pyffnn.isa_has_tiles()
        yield request.param


def factors(m, k, n, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((m, k)).astype("f4"), rng.standard_normal((k, n)).astype("f4")


def allowed(a, b, precision):
    """The bounds that the documentation of `pyffnn.ops` states, from float64."""
    size = np.abs(a).astype("f8") @ np.abs(b).astype("f8")
    if precision == "bfloat16x6":
        return size * (3 * a.shape[1] / 16 + 64) * U
    sums = (a.shape[1] / 8 + 64) * U
    return size * (sums + (2**-15 if precision == "bfloat16x3" else 2**-7 + 2**-16))


@pytest.mark.parametrize("precision", MODES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_within_the_stated_bound_in_every_layout(tiles, precision, shape):
    a, b = factors(*shape)
    exact, bound = a.astype("f8") @ b.astype("f8"), allowed(a, b, precision)
    first = None
    for ta, tb in [(0, 0), (1, 0), (0, 1), (1, 1)]:
        got = ops.matmul(
            np.ascontiguousarray(a.T) if ta else a,
            np.ascontiguousarray(b.T) if tb else b,
            transpose_a=bool(ta),
            transpose_b=bool(tb),
            precision=precision,
        )
        assert got.dtype == np.float32
        assert (np.abs(got - exact) <= bound).all()
        first = got if first is None else first
        np.testing.assert_array_equal(got, first)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_bf16_is_the_float32_product_of_rounded_numbers(tiles, shape):
    a, b = (testing.bf16(x) for x in factors(*shape, seed=1))
    got = ops.matmul(a, b, precision="bfloat16")
    exact = a.astype("f8") @ b.astype("f8")
    bound = (shape[1] / 8 + 64) * U * (np.abs(a).astype("f8") @ np.abs(b).astype("f8"))
    assert (np.abs(got - exact) <= bound).all()


@pytest.mark.parametrize("k", [64, 500, 1024, 3000])
def test_split_errors_stand_to_those_of_float32_as_stated(tiles, k):
    """At most four times the bound of a float32 chain from k = 64 on, (k + 1) 2^-23; and what is measured on random numbers."""
    a, b = factors(48, k, 40, seed=k)
    exact = a.astype("f8") @ b.astype("f8")
    size = np.abs(a).astype("f8") @ np.abs(b).astype("f8")
    split = ops.matmul(a, b, precision="bfloat16x3")
    assert (np.abs(split - exact) <= 4 * (k + 1) * 2**-23 * size).all()
    # Rounding of hi + lo is 2^-18 of each product in the mean, so the error grows with the root of k as the sum does.
    rms = np.sqrt(np.mean((split - exact) ** 2))
    assert rms <= 2**-17 * np.sqrt(k)
    plain = ops.matmul(a, b, precision="bfloat16")
    assert 30 * rms < np.sqrt(np.mean((plain - exact) ** 2))


@pytest.mark.parametrize("k", [8, 33, 64, 300, 500])
@pytest.mark.parametrize("kind", ["normal", "relu", "uniform"])
def test_six_products_are_no_less_exact_than_float32(tiles, kind, k):
    """What "auto" rests on: neither the mean error nor the largest is above that of the float32 kernels."""
    rng = np.random.default_rng(k)
    draw = rng.random if kind == "uniform" else rng.standard_normal
    a, b = draw((120, k)).astype("f4"), draw((k, 120)).astype("f4")
    a = np.maximum(a, 0) if kind == "relu" else a
    exact = a.astype("f8") @ b.astype("f8")
    six, chain = (np.abs(ops.matmul(a, b, precision=p) - exact) for p in ("bfloat16x6", "float32"))
    assert np.sqrt(np.mean(six**2)) < 0.85 * np.sqrt(np.mean(chain**2))
    assert six.max() <= chain.max()


def test_three_parts_hold_every_bit(tiles):
    """Times one a number comes back as it was, down to where its last part is subnormal."""
    rng = np.random.default_rng(0)
    x = rng.integers(0x0C800000, 0x7F000000, (16, 32), dtype=np.uint32).view(np.float32)
    x = np.where(rng.random(x.shape) < 0.5, x, -x)
    one = np.eye(32, dtype=np.float32)
    np.testing.assert_array_equal(ops.matmul(x, one, precision="bfloat16x6"), x)
    np.testing.assert_array_equal(ops.matmul(one, x.T, precision="bfloat16x6"), x.T)
    assert (ops.matmul(x, one, precision="bfloat16x3") != x).any()


@pytest.mark.parametrize("precision", MODES)
@pytest.mark.parametrize("shape", [(300, 130, 290), (40, 700, 600), (700, 64, 90)], ids=str)
def test_same_bits_at_any_number_of_threads(tiles, precision, shape):
    a, b = factors(*shape)
    with pyffnn.num_threads(1):
        one = ops.matmul(a, b, precision=precision)
    for n in (2, 5):
        with pyffnn.num_threads(n):
            np.testing.assert_array_equal(ops.matmul(a, b, precision=precision), one)


@pytest.mark.parametrize("precision", MODES)
@pytest.mark.parametrize("activation", [None, "sigmoid", "tanh", "relu"])
def test_the_fused_layer_has_the_bits_of_its_parts(tiles, precision, activation):
    for m, k, n in [(1, 100, 50), (33, 64, 47), (20, 900, 70), (32, 40, 64)]:
        x, w = factors(m, k, n, seed=3)
        b = np.random.default_rng(4).standard_normal(n).astype("f4")
        for bias in (b, None):
            z = ops.matmul(x, w, precision=precision)
            z = z + bias if bias is not None else z
            parts = getattr(ops, activation)(z) if activation else z
            got = ops.linear(x, w, bias, activation=activation, precision=precision)
            np.testing.assert_array_equal(got, parts)


@pytest.mark.parametrize("precision", MODES)
def test_the_backward_products_have_the_bits_of_their_transposes(tiles, precision):
    x, w = factors(40, 50, 34)
    dy = np.random.default_rng(5).standard_normal((40, 34)).astype("f4")
    y = ops.linear(x, w, activation="tanh", precision=precision)
    dx, dw, db = ops.linear_backward(dy, x, w, y, activation="tanh", precision=precision)
    dz = ops.tanh_backward(dy, y)
    np.testing.assert_array_equal(
        dx, ops.matmul(dz, np.ascontiguousarray(w.T), precision=precision)
    )
    np.testing.assert_array_equal(
        dw, ops.matmul(np.ascontiguousarray(x.T), dz, precision=precision)
    )
    np.testing.assert_allclose(db, dz.sum(axis=0), rtol=1e-5, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_shape_layout_and_special_numbers(data):
    """Entries that float32 finds finite, and that no overflow of bf16 concerns, are finite; NaN stays NaN."""
    m, k, n = (data.draw(sizes(0, 40)) for _ in range(3))
    a = data.draw(floats((m, k), special=True))
    b = data.draw(floats((k, n), special=True))
    seen_a, seen_b = data.draw(views(a)), data.draw(views(b))
    large = 3.3e38
    touched = (np.abs(a) <= large).all(axis=1)[:, None] & (np.abs(b) <= large).all(axis=0)[None, :]
    nan = np.isnan(a).any(axis=1)[:, None] | np.isnan(b).any(axis=0)[None, :]
    with pyffnn.use_isa("amx-emulated"):
        for precision in MODES:
            got = ops.matmul(seen_a, seen_b, precision=precision)
            with np.errstate(all="ignore"):
                exact, bound = a.astype("f8") @ b.astype("f8"), allowed(a, b, precision)
                right = np.abs(got - exact) <= bound + 1e-35
            assert right[touched & ~nan].all()
            assert np.isnan(got[nan]).all()


def test_nan_infinity_and_subnormals(tiles):
    a, b = np.ones((9, 20), np.float32), np.full((20, 37), 1.01, np.float32)
    a[4, 3], b[7, 30] = np.nan, np.inf
    for precision in MODES:
        got = ops.matmul(a, b, precision=precision)
        finite = np.ones((9, 37), bool)
        finite[4], finite[:, 30] = False, False
        np.testing.assert_array_equal(np.isfinite(got), finite)
        assert np.isnan(got[4]).all()
        assert (np.isnan(got[:, 30]) | (got[:, 30] == np.inf)).all()
    assert ops.matmul([[np.inf]], [[2.0]], precision="bfloat16").dtype == np.float64
    one = np.ones((1, 1), np.float32)
    for precision in MODES:

        def times_one(x, precision=precision):
            return ops.matmul(np.full((1, 1), x, np.float32), one, precision=precision)[0, 0]

        assert times_one(1e-39) == 0
        assert times_one(3.38e38) == pytest.approx(3.38e38, rel=2**-8)
        assert not np.isfinite(times_one(3.4028235e38))
        assert (
            ops.matmul(np.full((1, 1), -np.inf, np.float32), one, precision="bfloat16") == -np.inf
        )


def test_float64_takes_no_notice(tiles):
    a, b = (x.astype("f8") for x in factors(40, 50, 60))
    np.testing.assert_array_equal(ops.matmul(a, b, precision="bfloat16"), ops.matmul(a, b))


def test_float32_is_untouched_and_auto_is_the_mode_of_24_bits(tiles):
    a, b = factors(130, 140, 150)
    plain = ops.matmul(a, b)
    with pyffnn.use_isa(pyffnn.available_isas()[-1]):
        np.testing.assert_array_equal(ops.matmul(a, b), plain)
    split = ops.matmul(a, b, precision="bfloat16x3")
    assert (split != plain).any()
    np.testing.assert_array_equal(
        ops.matmul(a, b, precision="auto"), ops.matmul(a, b, precision="bfloat16x6")
    )
    few, columns = factors(1, 100, 50)
    np.testing.assert_array_equal(
        ops.matmul(few, columns, precision="auto"), ops.matmul(few, columns)
    )


def test_no_bytes_beyond_the_arrays(tiles):
    """Sums at the edge go through a block of their own: the rest of a wider row stays as it was."""
    a, b = factors(33, 40, 18)
    for precision in MODES:
        out = np.full((33, 18), np.nan, np.float32)
        assert ops.matmul(a, b, out=out, precision=precision) is out
        assert np.isfinite(out).all()


def test_without_tiles_one_warning_and_float32():
    a, b = factors(20, 30, 40)
    with pyffnn.use_isa("reference"):
        plain = ops.matmul(a, b)
        ops._warned = False
        with pytest.warns(RuntimeWarning, match="needs AMX"):
            got = ops.matmul(a, b, precision="bfloat16x3")
        np.testing.assert_array_equal(got, plain)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(ops.matmul(a, b, precision="bfloat16"), plain)
            np.testing.assert_array_equal(ops.matmul(a, b, precision="auto"), plain)


def test_the_emulation_is_no_isa_of_the_machine():
    assert "amx-emulated" not in pyffnn.available_isas()
    with pyffnn.use_isa("amx-emulated"):
        assert pyffnn.isa() == "amx-emulated"


def test_config_says_whether_amx_is_used():
    assert (pyffnn.config()["amx"] == "usable") == ("amx" in pyffnn.available_isas())
    assert pyffnn.config()["amx"]


def amx_objects() -> tuple[Path, Path]:
    made = sorted((ROOT / "build").glob("cp*/src/cpp/CMakeFiles/pyffnn_amx.dir/**/gemm_amx*.o"))
    if not made:
        pytest.skip("no AMX object beside this checkout")
    real = max(made, key=lambda p: p.stat().st_mtime)
    return real, Path(str(real).replace("pyffnn_amx.dir", "pyffnn_amx_emulated.dir"))


def test_the_compiled_kernels_have_the_bits_of_the_emulated_ones(tmp_path):
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    program = tmp_path / "test_amx"
    subprocess.run(
        [compiler, "-std=gnu++17", "-O1", f"-I{ROOT / 'src' / 'cpp'}", str(ROOT / "tests" / "cpp" / "test_amx.cpp"),
         *map(str, amx_objects()), "-o", str(program)],
        check=True,
    )  # fmt: skip
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 77:
        pytest.skip("the processor has no AVX-512-BF16")
    assert done.returncode == 0, done.stderr
    if pyffnn.config()["amx"] != "usable":
        assert "trapped" in done.stdout


@pytest.mark.skipif(not shutil.which("objdump"), reason="binutils are not installed")
def test_the_amx_object_holds_the_instructions_meant():
    """Read by the disassembler: which tile instructions, of which tiles, how often for each kind of block."""
    code = subprocess.run(
        ["objdump", "-d", "--no-show-raw-insn", str(amx_objects()[0])],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    found = Counter(re.findall(r"\t(tdpbf16ps|tile\w+|ldtilecfg|sttilecfg|tdp\w+)\b", code))
    assert set(found) == {
        "tdpbf16ps", "tileloadd", "tileloaddt1", "tilestored", "tilezero", "tilerelease", "ldtilecfg",
    }  # fmt: skip
    products = Counter(re.findall(r"\ttdpbf16ps %tmm(\d),%tmm(\d),%tmm(\d)", code))
    # B, A, sums (AT&T order): sums 2 i + j from A i and B j, and nothing else
    pairs = [("6", "4", "0"), ("7", "4", "1"), ("6", "5", "2"), ("7", "5", "3")]
    assert set(products) == set(pairs)
    # The loop that measures the peak has one of each. Else a block of 2 x 2 tiles has all four, those of 1 x 2, 2 x 1 and 1 x 1 their part.
    counts = [products[p] - 1 for p in pairs]
    assert counts[0] == 2 * counts[1] == 2 * counts[2] == 4 * counts[3] > 0
    assert (
        counts[0] % (4 * 10) == 0
    )  # 4 kinds of blocks, and as many products as in all modes: 1 + 3 + 6
    loads = set(re.findall(r"\ttileload\w+ .*%tmm(\d)", code))
    assert loads == set("01234567")
    assert set(re.findall(r"\ttilestored %tmm(\d)", code)) == set("0123")
    assert set(re.findall(r"\ttilezero %tmm(\d)", code)) == set("01234567")
    assert found["ldtilecfg"] == found["tilerelease"] > 0
    assert code.count("vcvtne2ps2bf16") >= 4


@pytest.mark.parametrize("precision", MODES)
def test_linear_cross_entropy_with_its_first_words_masked(tiles, precision):
    """A bias of -inf takes a word out of the softmax; here all words of the first tiles."""
    x, w = factors(5, 8, 400)
    b = np.zeros(400, "f4")
    b[:200] = -np.inf
    targets = np.random.default_rng(0).integers(200, 400, 5)
    loss, dx, dw, db = ops.linear_cross_entropy(x, w, b, targets, precision=precision)
    kept = ops.linear_cross_entropy(x, w[:, 200:].copy(), None, targets - 200)
    tolerance = {"bfloat16x6": 1e-6, "bfloat16x3": 1e-4, "bfloat16": 5e-2}[precision]
    assert loss == pytest.approx(kept[0], rel=tolerance)
    np.testing.assert_allclose(dx, kept[1], atol=tolerance)
    np.testing.assert_allclose(dw[:, 200:], kept[2], atol=tolerance)
    assert not dw[:, :200].any() and not db[:200].any()


def test_linear_cross_entropy_over_many_tiles(tiles):
    """Seams of tiles, references that move by hundreds, twice, and batches larger and smaller than the width: what is kept of the first pass
    lies in the memory of dw in one way or the other."""
    rng = np.random.default_rng(4)
    for m, k in [(37, 50), (37, 12), (70, 33), (40, 40)]:
        n = 3001
        x, w = factors(m, k, n, seed=m + k)
        b = rng.standard_normal(n).astype("f4")
        b[:400] -= 300
        b[2000:] += 200
        targets = rng.integers(0, n, m)
        weight = rng.uniform(0.1, 1, m).astype("f4")
        want = testing.oracles.linear_cross_entropy(
            *(a.astype("f8") for a in (x, w, b)), targets, weight.astype("f8")
        )
        for precision, share in (("bfloat16x6", 1e-5), ("bfloat16x3", 1e-3), ("bfloat16", 0.1)):
            found = []
            for n_threads in (1, 2, 5):
                with pyffnn.num_threads(n_threads):
                    found.append(
                        ops.linear_cross_entropy(
                            x, w, b, targets, sample_weight=weight, precision=precision
                        )
                    )
            assert found[0][0] == pytest.approx(want[0], rel=share)
            for got, right in zip(found[0][1:], want[1:], strict=True):
                assert np.linalg.norm(got - right) <= share * np.linalg.norm(right)
            for other in found[1:]:
                for got, first in zip(other, found[0], strict=True):
                    np.testing.assert_array_equal(got, first)
