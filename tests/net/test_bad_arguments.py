"""Every wrong argument is an error of the right type that names it."""

import numpy as np
import pytest
from net_oracle import Examples, call, make_spec

from pyffnn import _pyffnn

SPECS = [
    (
        {"input": "image"},
        ValueError,
        "input must be one of 'dense', 'sparse', 'mean', 'concat', got 'image'",
    ),
    ({"colour": 1}, ValueError, "unknown key 'colour'"),
    ({"rows": 5}, ValueError, "rows must be left out"),
    ({"n_inputs": 0}, ValueError, "n_inputs must be from 1"),
    ({"n_inputs": 2.5}, TypeError, "n_inputs must be an integer, got 2.5"),
    ({"n_inputs": True}, TypeError, "n_inputs must be an integer"),
    ({"n_inputs": 2**80}, ValueError, "n_inputs must be below"),
    ({"n_outputs": -1}, ValueError, "n_outputs must be from 1"),
    ({"hidden": [3, 0]}, ValueError, r"hidden\[1\] must be from 1"),
    ({"hidden": 3}, TypeError, "hidden must be a list"),
    ({"activation": "gelu"}, ValueError, "activation must be one of"),
    ({"loss": "hinge"}, ValueError, "loss must be one of"),
    ({"optimizer": "lbfgs"}, ValueError, "optimizer must be one of"),
    ({"dropout": 1.0}, ValueError, "dropout must be in"),
    ({"dropout": "much"}, TypeError, "dropout must be a number, got 'much'"),
    ({"input_dropout": -0.1}, ValueError, "input_dropout must be in"),
    ({"word_dropout": 0.1}, ValueError, "word_dropout must be 0"),
    ({"eps": 0.0}, ValueError, "eps must be"),
    ({"beta1": 1.0}, ValueError, "beta1 must be in"),
    ({"l2": -1.0}, ValueError, "l2 must be"),
    ({"weight_decay": float("nan")}, ValueError, "weight_decay must be"),
    ({"freeze_embeddings": True}, ValueError, "freeze_embeddings must be False"),
    ({"freeze_embeddings": 1}, TypeError, "freeze_embeddings must be True or False"),
    ({"embedding_optimizer": "adagrad_row"}, ValueError, "embedding_optimizer must be left out"),
    ({"row_rates": True}, ValueError, "row_rates must be False unless"),
]


@pytest.mark.parametrize(("change", "error", "text"), SPECS)
def test_spec(change, error, text):
    with pytest.raises(error, match=text):
        _pyffnn.Network({**make_spec("dense"), **change})


@pytest.mark.parametrize("key", ["input", "n_outputs"])
def test_spec_lacks_a_key(key):
    spec = make_spec("dense")
    del spec[key]
    with pytest.raises(ValueError, match=f"no key '{key}'"):
        _pyffnn.Network(spec)


def test_spec_of_tables():
    for change, text in [
        ({"rows": 0}, "rows"),
        ({"dim": 0}, "dim"),
        ({"max_tokens": 3}, "max_tokens"),
        ({"n_inputs": 3}, "n_inputs"),
        ({"input_dropout": 0.1}, "input_dropout"),
    ]:
        with pytest.raises(ValueError, match=f"{text} must be"):
            _pyffnn.Network({**make_spec("mean"), **change})
    with pytest.raises(ValueError, match="pool must be one of 'mean', 'sqrtn', 'sum', got 'max'"):
        _pyffnn.Network({**make_spec("mean"), "pool": "max"})
    with pytest.raises(ValueError, match="pool must be left out"):
        _pyffnn.Network({**make_spec("concat"), "pool": "sum"})
    with pytest.raises(ValueError, match="max_tokens must be from 1"):
        _pyffnn.Network({**make_spec("concat"), "max_tokens": 0})
    with pytest.raises(MemoryError):
        _pyffnn.Network({**make_spec("mean"), "rows": 2**31 - 3, "dim": 2**30})


def train(kind, position=None, value=None, **change):
    spec = make_spec(kind)
    ex = Examples(spec, 10, dtype=np.float32)
    args = {"y": ex.y, "sample_weight": None, "order": None, "batch_size": 4, "lr": 0.1, **change}
    inputs = list(ex.args)
    if position is not None:
        inputs[position] = value(inputs[position]) if callable(value) else value
    net = _pyffnn.Network(spec)
    net.initialise(0)
    before = {name: np.array(p) for name, p in net.parameters().items()}
    try:
        return getattr(net, f"train_{'bags' if kind in ('mean', 'concat') else kind}")(
            *inputs, *args.values()
        )
    finally:
        for name, p in net.parameters().items():
            np.testing.assert_array_equal(p, before[name])


ARGUMENTS = [
    ({"y": np.zeros(9, int)}, ValueError, r"y must have shape \(10,\), got \(9,\)"),
    ({"y": np.full(10, 3)}, IndexError, r"y holds 3 at position 0, outside \[0, 3\)"),
    ({"y": np.full(10, -1)}, IndexError, "y holds -1"),
    ({"y": np.zeros(10)}, TypeError, "y must have dtype"),
    ({"y": None}, TypeError, "y must be an array"),
    (
        {"sample_weight": np.full(10, -1.0)},
        ValueError,
        "sample_weight must be finite and not negative, got -1.0",
    ),
    ({"sample_weight": np.full(10, np.nan)}, ValueError, "sample_weight must be finite"),
    ({"sample_weight": np.ones(3)}, ValueError, "sample_weight must have shape"),
    ({"order": np.array([0, 10])}, IndexError, r"order holds 10 at position 1, outside \[0, 10\)"),
    ({"order": np.array([0.5])}, TypeError, "order must have dtype"),
    ({"order": np.zeros((2, 2), int)}, ValueError, "order must have 1 dimensions"),
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    ({"lr": np.zeros(2)}, ValueError, r"lr must have shape \(3,\), got \(2,\)"),
    ({"lr": np.inf}, ValueError, "lr must be finite"),
]


@pytest.mark.parametrize("kind", ["dense", "sparse", "mean", "concat"])
@pytest.mark.parametrize(("change", "error", "text"), ARGUMENTS)
def test_training(kind, change, error, text):
    with pytest.raises(error, match=text):
        train(kind, **change)


INPUTS = [
    (
        "dense",
        0,
        lambda x: x.astype(np.float64),
        TypeError,
        "X must have dtype float32, got float64",
    ),
    ("dense", 0, lambda x: x[:, :3], ValueError, "X must have 7 columns"),
    ("dense", 0, lambda x: x[0], ValueError, "X must have 2 dimensions"),
    ("sparse", 0, lambda x: x[::-1], ValueError, "indptr must not fall"),
    ("sparse", 0, lambda x: x + 1, ValueError, "indptr must end at"),
    ("sparse", 0, lambda x: x - 1, ValueError, "indptr must begin at 0"),
    ("sparse", 0, lambda x: x[:0], ValueError, "indptr must have at least one"),
    (
        "sparse",
        1,
        lambda x: x + 20,
        IndexError,
        r"indices holds \d+ at position \d+, outside \[0, 23\)",
    ),
    ("sparse", 1, lambda x: x.astype(np.int64) + 2**32, IndexError, "indices holds"),
    ("sparse", 2, lambda x: x[:-1], ValueError, "data must be as long as indices"),
    ("sparse", 2, lambda x: x.astype(int), TypeError, "data must have dtype"),
    ("mean", 0, lambda x: x - 1, IndexError, "ids holds -1"),
    ("mean", 0, lambda x: x + 31, IndexError, r"ids holds \d+ at position 0, outside \[0, 31\)"),
    ("mean", 0, lambda x: x.astype(np.int64) + 2**32, IndexError, "ids holds"),
    ("mean", 0, lambda x: x.astype(float), TypeError, "ids must have dtype"),
    ("mean", 1, lambda x: x[::-1], ValueError, "offsets must not fall"),
    ("mean", 1, lambda x: x + 1, ValueError, "offsets must end at"),
    (
        "concat",
        0,
        lambda x: x - 2,
        IndexError,
        r"ids holds -\d at position \d+, outside \[-1, 31\)",
    ),
    ("concat", 0, lambda x: x.astype(np.int64) + 2**32, IndexError, "ids holds"),
]


@pytest.mark.parametrize(("kind", "position", "value", "error", "text"), INPUTS)
def test_inputs(kind, position, value, error, text):
    with pytest.raises(error, match=text):
        train(kind, position, value)


def test_another_kind_of_input():
    net = _pyffnn.Network(make_spec("dense"))
    with pytest.raises(ValueError, match="a network with input 'dense' does not take bags of ids"):
        net.predict_bags(np.zeros(1, np.int32), [0, 1])
    with pytest.raises(
        ValueError, match="a network with input 'mean' does not take dense examples"
    ):
        _pyffnn.Network(make_spec("mean")).predict_dense(np.zeros((1, 7), np.float32))


def test_sigmoid_targets():
    spec = make_spec("dense", loss="sigmoid")
    x = np.zeros((4, 7), np.float32)
    net = _pyffnn.Network(spec)
    for y, error, text in [
        (np.full((4, 3), 1.5, np.float32), ValueError, r"y must lie in \[0, 1\], got 1.5"),
        (np.full((4, 3), np.nan, np.float32), ValueError, "y must lie in"),
        (np.zeros((4, 2), np.float32), ValueError, r"y must have shape \(4, 3\)"),
        (np.zeros((4, 3)), TypeError, "y must have dtype float32"),
    ]:
        with pytest.raises(error, match=text):
            net.evaluate_dense(x, y)
    one = _pyffnn.Network(make_spec("dense", loss="sigmoid", n_outputs=1))
    assert one.evaluate_dense(x, np.ones(4, np.float32)) == one.evaluate_dense(
        x, np.ones((4, 1), np.float32)
    )


def test_steps_and_growth():
    net = _pyffnn.Network(make_spec("dense"))
    with pytest.raises(ValueError, match="step must not be negative"):
        net.set_step(-1)
    with pytest.raises(ValueError, match="rows must be 0"):
        net.grow(rows=5)
    with pytest.raises(ValueError, match="n_threads must not be negative"):
        net.predict_dense(np.zeros((1, 7), np.float32), n_threads=-1)
    with pytest.raises(MemoryError):
        _pyffnn.Network(make_spec("mean", dim=1 << 20)).grow(rows=2**31 - 10)


def test_inputs_are_not_written():
    for kind in ("dense", "sparse", "mean", "concat"):
        noise = {"word_dropout": 0.5} if kind in ("mean", "concat") else {"input_dropout": 0.5}
        spec = make_spec(kind, dropout=0.5, **noise)
        ex = Examples(spec, 30, dtype=np.float32)
        copies = [np.array(a) for a in ex.args]
        for a in ex.args:
            a.flags.writeable = False
        call(_pyffnn.Network(spec), "train", ex, ex.y, ex.w, None, 8, 0.1)
        for a, b in zip(ex.args, copies, strict=True):
            np.testing.assert_array_equal(a, b)


def test_strided_inputs_are_taken():
    spec = make_spec("dense")
    net = _pyffnn.Network(spec)
    net.initialise(0)
    x = np.random.default_rng(0).normal(size=(7, 20)).astype(np.float32)
    np.testing.assert_array_equal(
        net.predict_dense(x.T), net.predict_dense(np.ascontiguousarray(x.T))
    )
