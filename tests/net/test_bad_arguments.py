"""Every wrong spec and every wrong argument of a call is an error of the right type that names it, and changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from net.test_gradients import INPUTS, spec_of
from oracles.examples import OUTPUTS, TABLES, Data, build, make_spec

from pyffnn import _pyffnn

Targets = _pyffnn.Targets
SIZES = [
    (0, ValueError, "must be from 1"),
    (-1, ValueError, "must be from 1"),
    (2**31 + 1, ValueError, "must be from 1 to 2.31"),
    (2**60, ValueError, "must be from 1 to 2.31"),
    (2**63 - 1, ValueError, "must be from 1 to 2.31"),
    (2**63, ValueError, "must lie within 64 bits"),
    (2**80, ValueError, "must lie within 64 bits"),
    (2.5, TypeError, "must be an integer, got 2.5"),
    (True, TypeError, "must be an integer, got True"),
    ("7", TypeError, "must be an integer, got '7'"),
    (None, TypeError, "must be an integer, got None"),
]
SPECS: list[tuple[str, dict[str, Any], Any, str]] = [
    ("dense", {"input": "image"}, ValueError, "input must be one of 'dense', 'sparse', 'bags', 'concat', 'windows', got 'image'"),
    ("dense", {"input": 3}, ValueError, "input must be one of"),
    ("dense", {"colour": 1}, ValueError, "unknown key 'colour'"),
    ("dense", {3: 1}, ValueError, "unknown key 3"),
    ("dense", {"rows": 5}, ValueError, "rows must be left out"),
    ("dense", {"dim": 5}, ValueError, "dim must be left out"),
    ("dense", {"hidden": [3, 0]}, ValueError, r"hidden\[1\] must be from 1"),
    ("dense", {"hidden": [3, 2**31 + 1]}, ValueError, r"hidden\[1\] must be from 1"),
    ("dense", {"hidden": [2**63]}, ValueError, r"hidden\[0\] must lie within 64 bits"),
    ("dense", {"hidden": [3.5]}, TypeError, r"hidden\[0\] must be an integer"),
    ("dense", {"hidden": 3}, TypeError, "hidden must be a list"),
    ("dense", {"activation": "swish"}, ValueError, "activation must be one of"),
    ("dense", {"loss": "hinge"}, ValueError, "loss must be one of"),
    ("dense", {"output": "tree"}, ValueError, "output must be one of"),
    ("dense", {"optimizer": "lbfgs"}, ValueError, "optimizer must be one of"),
    ("dense", {"precision": "float16"}, ValueError, "precision must be one of"),
    ("dense", {"dropout": "much"}, TypeError, "dropout must be a number, got 'much'"),
    ("dense", {"dropout": True}, TypeError, "dropout must be a number, got True"),
    ("dense", {"word_dropout": 0.1}, ValueError, "word_dropout must be 0"),
    ("dense", {"embedding_dropout": 0.1}, ValueError, "embedding_dropout must be 0"),
    ("dense", {"embedding_lr": 0.5}, ValueError, "embedding_lr must be left out"),
    ("sparse", {"embedding_lr": 0.5}, ValueError, "embedding_lr must be left out"),
    ("dense", {"embedding_scale": 0.5}, ValueError, "embedding_scale must be left out"),
    ("dense", {"freeze_embeddings": True}, ValueError, "freeze_embeddings must be False"),
    ("dense", {"freeze_embeddings": 1}, TypeError, "freeze_embeddings must be True or False"),
    ("dense", {"residual": 1}, TypeError, "residual must be True or False, got 1"),
    ("dense", {"embedding_optimizer": "adagrad_row"}, ValueError, "embedding_optimizer must be left out"),
    ("dense", {"row_rates": True}, ValueError, "row_rates must be False unless"),
    ("bags", {"row_rates": True}, ValueError, "row_rates must be False unless"),
    ("dense", {"tied": True}, ValueError, "tied must be False without an embedding table"),
    ("dense", {"max_tokens": 3}, ValueError, "max_tokens must be left out unless"),
    ("dense", {"context": 3}, ValueError, "context must be left out unless"),
    ("bags", {"context": 3}, ValueError, "context must be left out unless"),
    ("bags", {"distant_kernels": 3}, ValueError, "distant_kernels must be left out unless"),
    ("bags", {"distant_window": 3}, ValueError, "distant_window must be left out unless"),
    ("windows", {"distant_window": 3}, ValueError, "distant_window must be left out without"),
    ("windows", {"distant_kernels": 3}, ValueError, "distant_window must be from 1"),
    ("windows", {"distant_kernels": -1}, ValueError, "distant_kernels must be from 0"),
    ("windows", {"distant_kernels": 2**60, "distant_window": 5}, ValueError, "distant_kernels must be from 0"),
    ("windows", {"distant_kernels": 2, "distant_window": 2**60}, ValueError, "distant_window must be from 1"),
    ("windows", {"context": 2**31}, ValueError, "the width of the input must be from 1"),
    ("windows", {"tied": True}, ValueError, "tied must be False unless the output has a matrix"),
    ("windows", {"tied": True, "output": "vocabulary"}, ValueError, "tied must be False where rows and n_outputs differ"),
    ("windows", {"tied": True, "output": "vocabulary", "n_outputs": 31, "embedding_lr": 0.5}, ValueError, "tied must be False where embeddings have"),
    ("windows", {"tied": True, "output": "vocabulary", "n_outputs": 31, "freeze_embeddings": True}, ValueError, "freeze_embeddings must be False where"),
    ("bags", {"max_tokens": 3}, ValueError, "max_tokens must be left out unless"),
    ("bags", {"n_inputs": 3}, ValueError, "n_inputs must be left out"),
    ("bags", {"input_dropout": 0.1}, ValueError, "input_dropout must be 0"),
    ("bags", {"pool": "most"}, ValueError, "pool must be one of 'mean', 'sqrtn', 'sum', 'max', 'min', got 'most'"),
    ("bags", {"pool": ["max", "most"]}, ValueError, r"pool\[1\] must be one of .*, got 'most'"),
    ("bags", {"pool": ["max", "min", "max"]}, ValueError, "pool must be different poolings, got one twice"),
    ("bags", {"pool": []}, ValueError, "pool must be one pooling or several, got none"),
    ("bags", {"window": -1}, ValueError, r"window must be from 0 to 2\^31, got -1"),
    ("bags", {"window": 1.5}, TypeError, "window must be an integer, got 1.5"),
    ("concat", {"window": 2}, ValueError, "window must be left out unless input is 'bags'"),
    ("concat", {"pool": "sum"}, ValueError, "pool must be left out"),
    ("concat", {"max_tokens": 2**31}, ValueError, "the width of the input must be from 1"),
    ("bags", {"rows": 2**31 - 1}, ValueError, r"rows must be below 2\^31 - 1"),
    ("dense", {"n_outputs": 2**31}, ValueError, r"n_outputs must be below 2\^31"),
    ("sparse", {"direct": True}, ValueError, "direct must be False for a sparse input"),
    ("sparse", {"hidden": [], "residual": True}, ValueError, "residual must be False for a sparse"),
    ("sparse", {"hidden": [], "output": "vocabulary"}, ValueError, "output must be 'classes' for a sparse"),
    ("sparse", {"hidden": [], "output_dropout": 0.1}, ValueError, "output_dropout must be 0"),
    ("dense", {"output": "vocabulary", "loss": "sigmoid"}, ValueError, "loss must be 'softmax' unless output"),
    ("dense", {"output": "sampled", "samples": 3, "loss": "squared"}, ValueError, "loss must be 'softmax' unless output"),
    ("dense", {"cutoffs": [1]}, ValueError, "cutoffs must be left out unless"),
    ("dense", {"output": "adaptive"}, ValueError, "cutoffs must be given"),
    ("dense", {"output": "adaptive", "cutoffs": [2, 1]}, ValueError, "cutoffs must be rising"),
    ("dense", {"output": "adaptive", "cutoffs": [0]}, ValueError, "cutoffs must be rising"),
    ("dense", {"output": "adaptive", "cutoffs": [3]}, ValueError, "cutoffs must be rising"),
    ("dense", {"output": "adaptive", "cutoffs": [2**63]}, ValueError, r"cutoffs\[0\] must lie within"),
    ("dense", {"output": "sampled"}, ValueError, "samples must be from 1"),
    ("dense", {"samples": 3}, ValueError, "samples must be left out unless"),
    *(
        (kind, {key: value}, error, f"{key} {text}")
        for kind, keys in {
            "dense": ("n_inputs", "n_outputs"),
            "sparse": ("n_inputs",),
            "bags": ("rows", "dim"),
            "concat": ("rows", "dim", "max_tokens"),
            "windows": ("rows", "dim", "context"),
        }.items()
        for key in keys
        for value, error, text in SIZES
    ),
    *(
        ("dense" if key in ("dropout", "input_dropout") else "bags", {key: value}, ValueError, f"{key} must be in")
        for key in ("dropout", "input_dropout", "embedding_dropout", "output_dropout", "word_dropout", "beta1", "beta2")
        for value in (-0.1, 1.5, float("nan"), float("inf"), *(() if key == "word_dropout" else (1.0,)))
    ),
    *(
        ("bags", {key: value}, ValueError, f"{key} must be a finite number of at least 0")
        for key in ("l2", "weight_decay", "clip", "embedding_lr", "embedding_scale")
        for value in (-1.0, float("nan"), float("inf"), -float("inf"))
    ),
    *(("dense", {"eps": v}, ValueError, "eps must be a finite number above 0") for v in (0.0, -1.0, float("nan"), float("inf"))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "change", "error", "text"), SPECS)
@pytest.mark.parametrize("compiled", [_pyffnn.Network, _pyffnn.Network64])
def test_specs(kind: str, change: Any, error: Any, text: str, compiled: Any) -> None:
    with pytest.raises(error, match=text):
        compiled({**make_spec(kind), **change}, None)


@pytest.mark.parametrize("key", ["input", "n_outputs"])
def test_a_spec_lacks_a_key(key: str) -> None:
    spec = make_spec("dense")
    del spec[key]
    with pytest.raises(ValueError, match=f"no key '{key}'"):
        _pyffnn.Network(spec)


def test_a_spec_is_a_dict_and_says_all_that_was_understood() -> None:
    for wrong in (None, [("input", "dense")], "dense"):
        with pytest.raises(TypeError):
            _pyffnn.Network(wrong)
    for kind in INPUTS:
        for output in OUTPUTS:
            spec = spec_of(kind, "residual", output, optimizer="adam", clip=0.5, seed=2**62)
            net = build(spec)
            assert spec.items() <= net.spec.items()
            again = build(net.spec)
            assert again.spec == net.spec


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("bags", {"rows": 2**31 - 3, "dim": 2**30}),
        ("dense", {"n_inputs": 2**31}),
        ("dense", {"n_inputs": 2**31, "hidden": [2**31]}),
        ("dense", {"n_outputs": 2**31 - 1, "hidden": [2**31]}),
        ("sparse", {"n_inputs": 2**31, "hidden": [2**31]}),
        ("sparse", {"n_inputs": 2**31, "hidden": []}),
        ("concat", {"max_tokens": 2**15, "dim": 2**15, "hidden": [2**15]}),
        ("windows", {"context": 2**15, "dim": 2**15, "hidden": [2**15]}),
        ("windows", {"distant_kernels": 2**15, "distant_window": 2**31, "dim": 2}),
        ("dense", {"residual": True, "hidden": [2**30, 2**30]}),
        ("dense", {"output": "vocabulary", "n_outputs": 2**31 - 1, "hidden": [2**20]}),
        ("dense", {"direct": True, "n_inputs": 2**30, "n_outputs": 2**30}),
    ],
)
def test_networks_beyond_any_memory(kind: str, change: dict[str, Any]) -> None:
    with pytest.raises(MemoryError):
        _pyffnn.Network(make_spec(kind, **change))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_spec_makes_a_network_or_an_error(draw: st.DataObject) -> None:
    """Whatever sizes and switches are put together."""
    kind = draw.draw(st.sampled_from(INPUTS))
    spec = make_spec(kind)
    # None that a machine might just hold: those take their time.
    sizes = st.sampled_from([-1, 0, 1, 2, 3, 31, 2**31 + 1, 2**60, 2**63 - 1])
    small = st.sampled_from([1, 2, 3, 31])
    for key in ("n_inputs", "rows", "dim", "max_tokens", "context", "distant_kernels"):
        if draw.draw(st.integers(0, 5)) == 0:
            spec[key] = draw.draw(sizes | small)
    for key in ("residual", "layer_norm", "direct", "tied", "row_rates", "freeze_embeddings"):
        if draw.draw(st.integers(0, 3)) == 0:
            spec[key] = draw.draw(st.booleans())
    spec["distant_window"] = draw.draw(st.sampled_from([0, 0, 3, 2**60]))
    spec["hidden"] = draw.draw(st.lists(sizes | small, max_size=2))
    spec["output"] = draw.draw(st.sampled_from(["classes", "vocabulary", "adaptive", "sampled"]))
    spec["cutoffs"] = draw.draw(st.lists(st.integers(-1, 4), max_size=2))
    spec["samples"] = draw.draw(st.sampled_from([0, 0, 2, 2**60]))
    spec["loss"] = draw.draw(st.sampled_from(["softmax", "softmax", "sigmoid", "squared"]))
    try:
        net = build(spec, np.float32)
    except (ValueError, MemoryError):
        return
    for name, p in net.parameters().items():
        assert np.isfinite(p).all() and p.size > 0, name
    assert net.fork().spec == net.spec


# Calls.


def network(kind: str = "dense", output: str = "classes", **more: Any) -> tuple[Any, Data]:
    spec = spec_of(kind, "plain", output, n_outputs=3, **({"cutoffs": [1]} if output == "adaptive" else {}), **more)  # fmt: skip
    return build(spec, np.float32), Data(spec, 10, 0, np.float32, OUTPUTS[output][1])


TRAINING: list[tuple[dict[str, Any], Any, str]] = [
    ({"order": [0, 10]}, IndexError, r"order holds 10 at position 1, outside \[0, 10\)"),
    ({"order": [-1]}, IndexError, "order holds -1"),
    ({"order": [2**63 - 1]}, IndexError, "order holds 9223372036854775807"),
    ({"order": [0.5]}, TypeError, "order must have dtype"),
    ({"order": [[0, 1]]}, ValueError, "order must have 1 dimensions"),
    ({"order": "all"}, TypeError, "order must have dtype"),
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    ({"batch_size": -5}, ValueError, "batch_size must be at least 1, got -5"),
    ({"batch_size": 2**63}, ValueError, "batch_size must lie within 64 bits"),
    ({"batch_size": 1.5}, TypeError, "batch_size must be an integer"),
    ({"lr": [0.1, 0.1]}, ValueError, r"lr must have shape \(3,\), got \(2,\)"),
    ({"lr": [[0.1]]}, ValueError, "lr must have shape"),
    ({"lr": np.inf}, ValueError, "lr must be finite, got inf"),
    ({"lr": np.nan}, ValueError, "lr must be finite, got nan"),
    ({"lr": [0.1, np.nan, 0.1]}, ValueError, "lr must be finite, got nan"),
    ({"lr": "fast"}, TypeError, "lr must have dtype"),
    ({"lr": None}, TypeError, "lr must be an array, got None"),
    ({"n_threads": -1}, ValueError, "n_threads must not be negative, got -1"),
    ({"n_threads": 2**40}, TypeError, "n_threads"),
    ({"targets": None}, TypeError, "targets"),
    ({"examples": None}, TypeError, "examples"),
    ({"targets": Targets.classes(np.zeros(9, int), 3)}, ValueError, "targets: there are 9 for 10 examples"),
    ({"targets": Targets.classes(np.zeros(10, int), 4)}, ValueError, "targets: they are for 4 outputs, the network has 3"),
    ({"targets": Targets.sets(np.arange(11), np.zeros(10, int), 3)}, ValueError, "does not take label sets"),
    ({"targets": Targets.values(np.zeros((10, 3), "f4"))}, ValueError, "does not take values"),
]  # fmt: skip


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize(("change", "error", "text"), TRAINING)
def test_training(kind: str, change: dict[str, Any], error: Any, text: str) -> None:
    net, data = network(kind)
    before = {name: np.array(p) for name, p in net.parameters().items()}
    right = {"examples": data.examples, "targets": data.targets(), "order": np.arange(10)}
    with pytest.raises(error, match=text):
        net.train(**{**right, "batch_size": 4, "lr": 0.1, **change})
    for name, p in net.parameters().items():
        np.testing.assert_array_equal(p, before[name])
    assert net.step == 0
    if "order" in change or change.get("n_threads") or "examples" in change:
        rest = {k: v for k, v in change.items() if k != "targets"}
        for call in (net.predict, net.top_k):
            more = {"k": 2} if call == net.top_k else {}
            with pytest.raises(error, match=text):
                call(**{"examples": data.examples, **more, **rest})
    if not {"batch_size", "lr"} & change.keys():
        arguments = {**right, **change}
        with pytest.raises(error, match=text):
            net.evaluate(**arguments)
    net.train(**right, batch_size=4, lr=0.1)


RUNS: list[tuple[Any, Any, str]] = [
    (([0], [5], [0, 2]), ValueError, r"offsets must rise from 0 to the number of runs \(1\), got 2"),
    (([0], [5], [1, 0]), ValueError, "offsets must rise"),
    (([0], [5], [-1, 1]), ValueError, "offsets must rise"),
    (([0], [5], []), ValueError, "offsets must have at least one element"),
    (([0], [5, 5], [0, 1]), ValueError, r"lengths must be as many as starts \(1\), got 2"),
    (([0], [0], [0, 1]), ValueError, "lengths must be at least 1, got 0"),
    (([0], [-3], [0, 1]), ValueError, "lengths must be at least 1, got -3"),
    (([6], [5], [0, 1]), ValueError, "starts must leave room in 10 examples, got a run of 5 at 6"),
    (([-1], [5], [0, 1]), ValueError, "starts must leave room"),
    (([2**63 - 1], [5], [0, 1]), ValueError, "starts must leave room"),
    (([5], [2**63 - 1], [0, 1]), ValueError, "starts must leave room"),
    (([0.5], [5], [0, 1]), TypeError, "starts must have dtype"),
    (([0], [5]), ValueError, r"order must be \(starts, lengths, offsets\), got 2 items"),
    (([[0]], [5], [0, 1]), ValueError, "starts must have 1 dimensions"),
]  # fmt: skip


@pytest.mark.parametrize(("order", "error", "text"), RUNS)
def test_runs(order: Any, error: Any, text: str) -> None:
    net, data = network("windows")
    examples, targets = data.examples, data.targets()
    calls = (
        lambda: net.train(examples, targets, order, 4, 0.1),
        lambda: net.evaluate(examples, targets, order),
        lambda: net.predict(examples, order),
        lambda: net.top_k(examples, 2, 0.0, order),
        lambda: net.gradients(examples, targets, order),
    )
    for call in calls:
        with pytest.raises(error, match=text):
            call()
    dense, data = network("dense")
    with pytest.raises(ValueError, match="order must be an array of example numbers unless"):
        dense.predict(data.examples, ([0], [5], [0, 1]))


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("other", INPUTS)
def test_another_kind_of_examples(kind: str, other: str) -> None:
    net, _ = network(kind)
    _, data = network(other)
    for call in (
        lambda: net.predict(data.examples),
        lambda: net.train(data.examples, data.targets(), None, 4, 0.1),
        lambda: net.log_prob(data.examples, data.targets(), 0, 3),
    ):
        if kind == other:
            call()
        else:
            with pytest.raises(ValueError, match=r"examples: the network reads .*, got"):
                call()


@pytest.mark.parametrize("kind", INPUTS)
def test_examples_of_another_width(kind: str) -> None:
    net, _ = network(kind)
    key = "rows" if kind in TABLES else "n_inputs"
    wider = make_spec(kind)
    wider[key] += 1
    what = "rows" if kind in TABLES else "inputs"
    with pytest.raises(ValueError, match=f"the network has {wider[key] - 1} {what}, the examples"):
        net.predict(Data(wider, 5, dtype=np.float32).examples)
    narrower = wider | {key: wider[key] - 2}
    data = Data(narrower, 5, dtype=np.float32)
    if kind in TABLES:  # a table may have rows to spare
        assert net.predict(data.examples).shape == (5, 3)
    else:
        with pytest.raises(ValueError, match="the examples are for"):
            net.predict(data.examples)
    if kind == "concat":
        longer = make_spec(kind, max_tokens=5)
        with pytest.raises(ValueError, match="the network reads 4 ids an example, got 5"):
            net.predict(Data(longer, 5).examples)
    if kind in ("dense", "sparse"):
        with pytest.raises(TypeError, match="examples must have dtype float32, got float64"):
            net.predict(Data(make_spec(kind), 5).examples)


@pytest.mark.parametrize("output", OUTPUTS)
def test_targets_that_a_loss_does_not_take(output: str) -> None:
    net, data = network("dense", output)
    targets = {
        "classes": Targets.classes(np.zeros(10, int), 3),
        "sets": Targets.sets(np.arange(11), np.zeros(10, int), 3),
        "rows": Targets.rows(np.full((10, 3), 0.25, np.float32)),
        "values": Targets.values(np.full((10, 3), 0.25, np.float32)),
    }
    takes = {
        "softmax": {"classes", "rows"} if net.spec["output"] == "classes" else {"classes"},
        "sigmoid": {"sets", "rows"},
        "squared": {"values", "rows"},
    }[net.spec["loss"]]
    for name, t in targets.items():
        if name in takes:
            assert net.train(data.examples, t, None, 4, 0.1)[2]
            net.evaluate(data.examples, t)
        else:
            for call in (net.evaluate, net.gradients):
                with pytest.raises(ValueError, match="targets: the loss of this network does not"):
                    call(data.examples, t)
    if "classes" not in takes or net.spec["loss"] != "softmax":
        with pytest.raises(ValueError, match=r"log_prob|does not take"):
            net.log_prob(data.examples, data.targets(), 0, 3)


def test_the_rest_of_the_calls() -> None:
    net, data = network("dense", "classes")
    examples, targets = data.examples, data.targets()
    for begin, end in ((-1, 3), (3, 2), (0, 11), (2**62, 2**62), (0, 2**63 - 1)):
        with pytest.raises(ValueError, match="begin and end must lie in the 10 examples, got"):
            net.log_prob(examples, targets, begin, end)
    with pytest.raises(ValueError, match="begin must lie within 64 bits"):
        net.log_prob(examples, targets, -(2**64), 3)
    for k, error, text in ((0, ValueError, "at least 1, got 0"), (-2, ValueError, "at least 1"), (2**63, ValueError, "64 bits"), (1.5, TypeError, "integer")):  # fmt: skip
        with pytest.raises(error, match=f"k must .*{text}"):
            net.top_k(examples, k)
    with pytest.raises(ValueError, match="step must not be negative, got -1"):
        net.step = -1
    with pytest.raises(ValueError, match="no stream of ids"):
        net.distribution([1])
    with pytest.raises(ValueError, match="counts must be None for output 'classes'"):
        net.initialise(0, [1, 2, 3])
    for call in (lambda: net.set_rows([0], np.zeros((1, 5))), lambda: net.set_row_rates([0], 1.0)):
        with pytest.raises(ValueError, match="the network has no embedding table"):
            call()


@pytest.mark.parametrize("output", ["vocabulary", "adaptive", "sampled"])
def test_outputs_over_words(output: str) -> None:
    net, _ = network("windows", output)
    for counts, error, text in [
        ([1, 2], ValueError, "counts must have 3 numbers, got 2"),
        ([1, -2, 3], ValueError, "counts must not be negative, got -2"),
        ([1.5, 2, 3], TypeError, "counts must have dtype"),
        ([[1, 2, 3]], ValueError, "counts must have 1 dimensions"),
    ]:
        with pytest.raises(error, match=text):
            net.initialise(0, counts)
    for ids, error, text in [
        ([31], IndexError, "ids holds 31"),
        ([-1], IndexError, "ids holds -1"),
        ([2**32], IndexError, "ids holds 4294967296"),
        ([0.5], TypeError, "ids must have dtype"),
        ([[1]], ValueError, "ids must have 1 dimensions"),
    ]:
        with pytest.raises(error, match=text):
            net.distribution(ids)
    spec = dict(net.spec)
    orders: list[tuple[Any, Any, str]] = [
        ([0, 1], ValueError, r"by_frequency must have shape \(3,\)"),
        ([0, 1, 1], ValueError, "by_frequency must hold each id once"),
        ([0, 1, 3], ValueError, "by_frequency must hold each id once"),
        ([0, 1, -1], ValueError, "by_frequency must hold each id once"),
        ([0.0, 1.0, 2.0], TypeError, "by_frequency must have dtype"),
        (None, TypeError, "by_frequency must be an array, got None"),
    ]
    if output == "vocabulary":
        orders = [([0, 1, 2], ValueError, "by_frequency must be None unless output is")]
    for order, error, text in orders:
        with pytest.raises(error, match=text):
            _pyffnn.Network(spec, order)


def test_rows_of_the_table() -> None:
    net, _ = network("bags")
    five = np.zeros((1, 5), np.float32)
    for ids, values, error, text in [
        ([31], five, IndexError, "ids holds 31"),
        ([-1], five, IndexError, "ids holds -1"),
        ([0, 1], five, ValueError, r"values must have shape \(2, 5\)"),
        ([0], five[:, :4], ValueError, r"values must have shape \(1, 5\)"),
        ([0], five[0], ValueError, r"values must have shape \(1, 5\)"),
        ([0.5], five, TypeError, "ids must have dtype"),
        ([0], five.astype(int), TypeError, "values must have dtype"),
    ]:
        with pytest.raises(error, match=text):
            net.set_rows(ids, values)
    with pytest.raises(ValueError, match="row_rates: the network has none"):
        net.set_row_rates([0], 1.0)
    rates = build(make_spec("bags", optimizer="adagrad", row_rates=True))
    for rate in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="rate must be finite and not negative, got"):
            rates.set_row_rates([0], rate)
    windows = build(make_spec("windows", tied=True, output="vocabulary", n_outputs=31))
    windows.set_rows([30], np.ones((1, 5)))
    np.testing.assert_array_equal(windows.parameters()["output.weight"][30, :5], 1)
