"""Which instruction set runs: the best by default, the one asked for, never one that the machine lacks."""

from __future__ import annotations

import numpy as np
import pytest
from subprocesses import output_of, run_python

import pyffnn
from pyffnn import ops

ISAS = pyffnn.available_isas()
PRODUCT = """
import numpy as np, pyffnn
from pyffnn import ops
rng = np.random.default_rng(0)
a, b = rng.standard_normal((37, 51)).astype("f4"), rng.standard_normal((51, 70)).astype("f4")
print(pyffnn.isa(), ops.matmul(a, b).tobytes().hex()[:4000])
"""


def test_the_reference_comes_first_and_the_best_is_active_by_default():
    assert ISAS[0] == "reference"
    assert len(ISAS) == len(set(ISAS)) >= 2
    assert output_of("import pyffnn; print(pyffnn.isa())") == ISAS[-1]


@pytest.mark.parametrize("name", ISAS)
def test_the_environment_forces_an_isa(name):
    """The subprocess says which one ran: a fallback would pass every other test."""
    active, digits = output_of(PRODUCT, PYFFNN_ISA=name).split()
    assert active == name
    rng = np.random.default_rng(0)
    a = rng.standard_normal((37, 51)).astype("f4")
    b = rng.standard_normal((51, 70)).astype("f4")
    with pyffnn.use_isa(name):
        assert digits == ops.matmul(a, b).tobytes().hex()[:4000]


@pytest.mark.parametrize("name", ["unknown", "AVX2", "avx2 ", "amx,avx2"])
def test_an_unusable_isa_in_the_environment_is_an_import_error(name):
    done = run_python("import pyffnn", PYFFNN_ISA=name)
    assert done.returncode != 0
    assert "ImportError" in done.stderr
    assert name in done.stderr
    for usable in ISAS:
        assert usable in done.stderr


def test_an_empty_variable_means_the_default():
    assert output_of("import pyffnn; print(pyffnn.isa())", PYFFNN_ISA="") == ISAS[-1]


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "5000", "2 "])
def test_an_unusable_thread_count_in_the_environment_is_an_import_error(value):
    done = run_python("import pyffnn", PYFFNN_NUM_THREADS=value)
    assert done.returncode != 0
    assert "ImportError" in done.stderr
    assert "PYFFNN_NUM_THREADS" in done.stderr


def test_set_isa_names_the_usable_ones():
    before = pyffnn.isa()
    for call in (pyffnn.set_isa, lambda name: pyffnn.use_isa(name).__enter__()):
        with pytest.raises(ValueError, match="reference") as error:
            call("avx1024")
        assert all(name in str(error.value) for name in ("avx1024", *ISAS))
    assert pyffnn.isa() == before


def test_use_isa_restores_the_previous_one_after_an_error():
    before = pyffnn.isa()
    with pytest.raises(RuntimeError), pyffnn.use_isa("reference"):
        assert pyffnn.isa() == "reference"
        raise RuntimeError
    assert pyffnn.isa() == before
    pyffnn.set_isa("reference")
    assert pyffnn.isa() == "reference"
    pyffnn.set_isa(before)


def test_set_isa_wants_a_string():
    with pytest.raises(TypeError):
        pyffnn.set_isa(3)


def test_config_tells_the_machine():
    config = pyffnn.config()
    assert config["version"] == pyffnn.__version__
    assert config["isa"] == pyffnn.isa()
    assert config["available_isas"] == ISAS
    assert config["threads"] == pyffnn.get_num_threads()
    for feature, isa in (("avx2", "avx2"), ("avx512f", "avx512")):
        assert isa not in ISAS or feature in config["cpu_features"]
    assert all(size > 0 for size in config["caches"].values())


def test_show_config_prints_every_entry(capsys):
    pyffnn.show_config()
    printed = capsys.readouterr().out
    assert all(key in printed for key in pyffnn.config())
    assert pyffnn.isa() in printed
