"""The default precision: where it comes from, what obeys it, and that it is float32."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
from subprocesses import output_of, run_python

import pyffnn
from pyffnn import FFNNClassifier, LanguageModel, TextClassifier, _pyffnn, ops
from pyffnn.precision import PRECISIONS

RNG = np.random.default_rng(0)
A = RNG.standard_normal((40, 30)).astype(np.float32)
B = RNG.standard_normal((30, 50)).astype(np.float32)


@pytest.fixture(autouse=True)
def _restored():
    before = pyffnn.get_default_precision()
    yield
    pyffnn.set_default_precision(before)


@pytest.fixture
def tiles():
    """An instruction set with tiles: the emulated one where the machine has none."""
    name = "amx" if "amx" in pyffnn.available_isas() else "amx-emulated"
    try:
        with pyffnn.use_isa(name):
            yield name
    except ValueError:
        pytest.skip("no tiles, not even emulated ones")


def test_it_is_float32():
    code = "import pyffnn; print(pyffnn.get_default_precision())"
    assert output_of(code, PYFFNN_PRECISION="").strip() == "float32"
    for model in (FFNNClassifier, TextClassifier, LanguageModel):
        assert model().precision is None
    for name, function in vars(ops).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            parameter = inspect.signature(function).parameters.get("precision")
            assert parameter is None or parameter.default in (None, inspect.Parameter.empty), name


@pytest.mark.parametrize("name", PRECISIONS)
def test_the_environment_sets_it(name):
    code = (
        "import pyffnn; print(pyffnn.get_default_precision(), pyffnn.config()['default_precision'])"
    )
    assert output_of(code, PYFFNN_PRECISION=name).split() == [name, name]


@pytest.mark.parametrize("name", ["double", "FLOAT32", "float32 ", "16", "None"])
def test_an_unusable_one_in_the_environment_is_an_import_error(name):
    done = run_python("import pyffnn", PYFFNN_PRECISION=name)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: PYFFNN_PRECISION must be one of") and repr(name) in last
    assert all(usable in last for usable in PRECISIONS)


@pytest.mark.parametrize("name", ["double", "", None, 32, ["auto"], np.array("auto")])
def test_set_default_precision_names_the_usable_ones(name):
    with pytest.raises(ValueError, match="float32, bfloat16x6, bfloat16x3, bfloat16, auto"):
        pyffnn.set_default_precision(name)
    assert pyffnn.get_default_precision() == "float32"


def test_operations_obey_it(tiles):
    targets = RNG.integers(0, 50, 40)
    calls = {
        "matmul": lambda **p: ops.matmul(A, B, **p),
        "linear": lambda **p: ops.linear(A, B, activation="tanh", **p),
        "linear_backward": lambda **p: ops.linear_backward(A @ B, A, B, **p)[1],
        "linear_cross_entropy": lambda **p: ops.linear_cross_entropy(A, B, None, targets, **p)[1],
        "pack": lambda **p: ops.matmul(A, ops.pack(B, **p)),
    }
    for name, call in calls.items():
        plain = call(precision="float32")
        np.testing.assert_array_equal(call(), plain, name)
        pyffnn.set_default_precision("bfloat16")
        np.testing.assert_array_equal(call(), call(precision="bfloat16"), name)
        assert (call() != plain).any(), name
        np.testing.assert_array_equal(call(precision="float32"), plain, name)
        pyffnn.set_default_precision("float32")


def test_a_packed_operand_keeps_its_own(tiles):
    packed = ops.pack(B, precision="bfloat16x3")
    want = ops.matmul(A, packed)
    pyffnn.set_default_precision("bfloat16")
    np.testing.assert_array_equal(ops.matmul(A, packed), want)
    assert ops.pack(B).precision == "bfloat16"


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_models_obey_it(tiles, name):
    X, y = RNG.standard_normal((60, 40)).astype(np.float32), RNG.integers(0, 3, 60)
    kwargs = {"hidden_layer_sizes": (40,), "epochs": 3}
    want = FFNNClassifier(**kwargs, precision=name).fit(X, y).predict_proba(X)
    pyffnn.set_default_precision(name)
    model = FFNNClassifier(**kwargs).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), want)
    # what it was fitted in holds, whatever the default becomes
    pyffnn.set_default_precision("auto")
    np.testing.assert_array_equal(model.predict_proba(X), want)


def test_language_models_obey_it(tiles):
    ids = RNG.integers(0, 20, 400).astype(np.int32)
    kwargs = {"context": 2, "embedding_dim": 32, "hidden_layer_sizes": (32,), "distant_kernels": 0}
    found = {}
    for name in ("float32", "bfloat16"):
        pyffnn.set_default_precision(name)
        found[name] = LanguageModel(**kwargs, epochs=1).fit(ids).log_prob(ids)
        given = LanguageModel(**kwargs, epochs=1, precision=name).fit(ids).log_prob(ids)
        np.testing.assert_array_equal(found[name], given)
    assert (found["float32"] != found["bfloat16"]).any()


def test_an_idle_matrix_unit_is_said(monkeypatch, capsys):
    def line() -> str:
        pyffnn.show_config()
        lines = capsys.readouterr().out.splitlines()
        (found,) = (line for line in lines if line.startswith("amx_idle"))
        return found

    json.dumps(pyffnn.config())
    if pyffnn.config()["amx"] != "usable":
        assert pyffnn.config()["amx_idle"] is False and line().split() == ["amx_idle", "no"]
    monkeypatch.setattr(_pyffnn, "amx_status", lambda: "usable")
    monkeypatch.setattr(_pyffnn, "isa_has_tiles", lambda: True)
    assert pyffnn.config()["amx_idle"] and "set_default_precision('auto')" in line()
    pyffnn.set_default_precision("auto")
    assert not pyffnn.config()["amx_idle"] and line().split() == ["amx_idle", "no"]
    monkeypatch.setattr(_pyffnn, "isa_has_tiles", lambda: False)
    assert pyffnn.config()["amx_idle"] and "set_isa('amx')" in line()
