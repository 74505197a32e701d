"""Computation graphs: the chapter's examples, every operation against central differences and PyTorch, and the errors."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest

import pyffnn
from pyffnn import autograd as ag
from pyffnn import ops
from pyffnn.autograd import GraphError, constant, gradient_check, graph, variable


def chapter_graph() -> dict[str, ag.Variable]:
    a, b, c = variable(3, "a"), variable(1, "b"), variable(-2, "c")
    d = 2 * b
    d.name = "d"
    e = a + d
    e.name = "e"
    L = c * e
    L.name = "L"
    return {"a": a, "b": b, "c": c, "d": d, "e": e, "L": L}


def test_chapter_example_forward_and_backward() -> None:
    g = chapter_graph()
    assert {n: v.item() for n, v in g.items()} == {
        "a": 3,
        "b": 1,
        "c": -2,
        "d": 2,
        "e": 5,
        "L": -10,
    }
    g["L"].backward()
    assert {n: float(v.grad) for n, v in g.items()} == {
        "a": -2,
        "b": -4,
        "c": 5,
        "d": -2,
        "e": -2,
        "L": 1,
    }


def test_chapter_example_table() -> None:
    g = chapter_graph()
    before = graph(
        g["L"]
    ).table()  # without a backward() it differentiates by itself, and leaves no trace
    assert all(v.grad is None for v in g.values())
    g["L"].backward()
    table = graph(g["L"]).table()
    assert str(before) == str(table)
    assert [(r.name, r.operation, float(r.value), float(r.grad)) for r in table] == [
        ("a", "variable", 3, -2),
        ("b", "variable", 1, -4),
        ("c", "variable", -2, 5),
        ("d", "2 * b", 2, -2),
        ("e", "a + d", 5, -2),
        ("L", "c * e", -10, 1),
    ]
    assert "c * e      -10    1" in str(table)


def test_dot_names_values_and_gradients() -> None:
    text = graph(chapter_graph()["L"]).to_dot()
    assert text.startswith("digraph") and text.count("->") == 5
    assert 'label="e = a + d|value 5|grad -2"' in text
    x = variable(1.0, 'odd "{name}|')
    assert r"\"\{name\}\|" in graph(x * 2).to_dot()


def test_two_layer_network_of_the_chapter() -> None:
    """z1 = W1 x + b1, a1 = relu(z1), z2 = W2 a1 + b2, a2 = sigmoid(z2), L = -(y log a2 + (1 - y) log(1 - a2)): dL/dz2 = a2 - y."""
    rng = np.random.default_rng(1)
    x = constant(rng.standard_normal(2), "x")
    w1, b1 = variable(rng.standard_normal((2, 2)), "W1"), variable(rng.standard_normal(2) + 1, "b1")
    w2, b2 = variable(rng.standard_normal((2, 1)), "W2"), variable(rng.standard_normal(1), "b2")
    y = 1.0
    z1 = x @ w1 + b1
    a1 = ag.relu(z1)
    z2 = a1 @ w2 + b2
    a2 = ag.sigmoid(z2)
    L = ag.sum(-(y * ag.log(a2) + (1 - y) * ag.log(1 - a2)))
    L.backward()
    dz2 = a2.value - y
    np.testing.assert_allclose(z2.grad, dz2, rtol=1e-12)
    np.testing.assert_allclose(w2.grad, np.outer(a1.value, dz2), rtol=1e-12)
    np.testing.assert_allclose(b2.grad, dz2, rtol=1e-12)
    dz1 = (w2.value @ dz2) * (z1.value > 0)
    np.testing.assert_allclose(w1.grad, np.outer(x.value, dz1), rtol=1e-12)
    np.testing.assert_allclose(b1.grad, dz1, rtol=1e-12)
    assert x.grad is None

    # The fused loss is the same function of z2.
    z = variable(z2.value)
    fused = ag.binary_cross_entropy(z, [y])
    fused.backward()
    assert fused.item() == pytest.approx(L.item(), rel=1e-12)
    np.testing.assert_allclose(z.grad, dz2, rtol=1e-12)


def test_softmax_cross_entropy_gradient_is_a_minus_y() -> None:
    z = variable([0.6, 1.1, -1.5, 1.2, 3.2, -1.1])
    composed = -ag.log(ag.softmax(z))[4]
    composed.backward()
    expected = ops.softmax(z.value) - np.eye(6)[4]
    np.testing.assert_allclose(z.grad, expected, atol=1e-12)
    fused = ag.cross_entropy(z, 4)
    fused.backward()
    np.testing.assert_allclose(z.grad, expected, atol=1e-12)
    assert fused.item() == pytest.approx(composed.item(), rel=1e-12)


def rand(*shape: int, seed: int = 0, low: float = -2.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, 2.0, shape)


A, B, ROW, COLUMN, POSITIVE = (
    rand(3, 4),
    rand(3, 4, seed=1),
    rand(4, seed=2),
    rand(3, 1, seed=3),
    rand(3, 4, seed=4, low=0.5),
)
IDS, OFFSETS = np.array([2, 0, 2, 3, 2]), np.array([0, 2, 2, 5])

CASES = {
    "add": (lambda a, b: a + b, A, B),
    "add, broadcast rows": (lambda a, b: a + b, A, ROW),
    "add, broadcast both": (lambda a, b: a + b, COLUMN, ROW),
    "add, scalar array": (lambda a, b: a + b, A, np.array(0.7)),
    "subtract": (lambda a, b: a - b, ROW, A),
    "multiply": (lambda a, b: a * b, A, COLUMN),
    "divide": (lambda a, b: a / b, A, POSITIVE),
    "divide, broadcast": (lambda a, b: a / b, ROW, POSITIVE),
    "power, constant": (lambda a: a**3, A),
    "power, half": (lambda a: a**0.5, POSITIVE),
    "power, zero at zero": (lambda a: a**0, np.array([0.0, 1.0])),
    "power, both": (lambda a, b: a**b, POSITIVE, ROW),
    "numbers on the left": (lambda a: 2 / (3 - a) + 2**a - (1 + 2 * a), POSITIVE),
    "negative": (lambda a: -a, A),
    "used twice": (lambda a: a * a + a, A),
    "diamond": (lambda a: (a * 2) * (a + 1) / (a * a + 3), A),
    "matrix product": (lambda a, b: a @ b, A, rand(4, 5, seed=5)),
    "vector @ matrix": (lambda a, b: a @ b, ROW, rand(4, 5, seed=5)),
    "matrix @ vector": (lambda a, b: a @ b, A, ROW),
    "vector @ vector": (lambda a, b: a @ b, ROW, rand(4, seed=6)),
    "stack @ matrix": (lambda a, b: a @ b, rand(2, 3, 4), rand(4, 5, seed=5)),
    "transpose": (lambda a, b: a.T @ b, A, B),
    "reshape": (lambda a, b: a.reshape(4, 3) @ b, A, B),
    "index": (lambda a: a[1] * a[:, 2:][0, 1] + a[[0, 0, 2]], A),
    "exp": (ag.exp, A),
    "log": (ag.log, POSITIVE),
    "sigmoid": (ag.sigmoid, A),
    "tanh": (ag.tanh, A),
    "relu": (ag.relu, A),
    "softmax": (ag.softmax, A),
    "log_softmax": (ag.log_softmax, A),
    "sum": (ag.sum, A),
    "sum, axis": (lambda a: ag.sum(a, axis=0), A),
    "sum, keepdims": (lambda a: a / ag.sum(a, axis=1, keepdims=True), POSITIVE),
    "mean": (ag.mean, A),
    "mean, axes": (lambda a: ag.mean(a, axis=(0, -1)), rand(2, 3, 4)),
    "concat": (lambda a, b: ag.concat([a, b, a]), A, COLUMN),
    "concat, first axis": (lambda a, b: ag.concat(a, b, axis=0), A, B),
    "linear": (ag.linear, A, rand(4, 5, seed=5), rand(5, seed=6)),
    "linear, no bias": (ag.linear, A, rand(4, 5, seed=5)),
    "linear, vector": (ag.linear, ROW, rand(4, 5, seed=5), rand(5, seed=6)),
    "linear, relu": (
        lambda x, w, b: ag.linear(x, w, b, activation="relu"),
        A,
        rand(4, 5, seed=5),
        rand(5, seed=6),
    ),
    "linear, tanh": (
        lambda x, w, b: ag.linear(x, w, b, activation="tanh"),
        A,
        rand(4, 5, seed=5),
        rand(5, seed=6),
    ),
    "linear, sigmoid": (
        lambda x, w, b: ag.linear(x, w, b, activation="sigmoid"),
        A,
        rand(4, 5, seed=5),
        rand(5, seed=6),
    ),
    "embedding": (lambda t: ag.embedding(t, IDS.reshape(1, 5)), rand(4, 3)),
    "mean_pool": (lambda t: ag.mean_pool(t, IDS, OFFSETS), rand(4, 3)),
    "mean_pool, weights": (
        lambda t: ag.mean_pool(t, IDS, OFFSETS, weights=np.arange(1.0, 6)),
        rand(4, 3),
    ),
    "cross_entropy": (lambda z: ag.cross_entropy(z, [0, 3, 1]), A),
    "cross_entropy, weights": (
        lambda z: ag.cross_entropy(
            z, [0, 3, 1], class_weight=[1.0, 2, 3, 4], sample_weight=[1.0, 0, 2]
        ),
        A,
    ),
    "binary_cross_entropy": (lambda z: ag.binary_cross_entropy(z, B > 0), A),
    "binary_cross_entropy, weights": (
        lambda z: ag.binary_cross_entropy(z, np.full((3, 4), 0.3), sample_weight=[1.0, 0, 2]),
        A,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_operation_against_central_differences(name: str) -> None:
    f, *values = CASES[name]
    variables = [variable(v.copy()) for v in values]
    shape = f(*variables).shape
    weight = rand(
        *shape, seed=9
    )  # an uneven root, so that no entry of the gradient can stand for another
    assert gradient_check(lambda *v: ag.sum(f(*v) * weight), variables) < 1e-7


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32_and_agrees_with_float64(name: str) -> None:
    f, *values = CASES[name]
    wide, narrow = [variable(v) for v in values], [variable(v.astype(np.float32)) for v in values]
    a, b = f(*wide), f(*narrow)
    ag.sum(a).backward()
    ag.sum(b).backward()
    assert b.dtype == np.float32
    np.testing.assert_allclose(b.value, a.value, rtol=2e-4, atol=2e-5)
    for v, w in zip(wide, narrow, strict=True):
        assert w.grad.dtype == np.float32 and w.grad.shape == w.shape
        np.testing.assert_allclose(w.grad, v.grad, rtol=2e-3, atol=2e-4)


def test_values_against_numpy() -> None:
    a, b = variable(A), variable(POSITIVE)
    np.testing.assert_array_equal((a + b * 2 - 1 / b).value, A + POSITIVE * 2 - 1 / POSITIVE)
    np.testing.assert_allclose((a @ b.T).value, A @ POSITIVE.T, rtol=1e-13)
    np.testing.assert_allclose(ag.log(b).value, np.log(POSITIVE), rtol=1e-13)
    np.testing.assert_allclose(ag.mean(a, axis=1).value, A.mean(axis=1), rtol=1e-13)
    np.testing.assert_array_equal(ag.embedding(a, [2, 0]).value, A[[2, 0]])
    np.testing.assert_array_equal(ag.concat(a, b, axis=0).value, np.concatenate([A, POSITIVE]))
    assert (A * b).value.tolist() == (A * POSITIVE).tolist()  # an array on the left gives way
    assert isinstance(A @ b.T, ag.Variable)


def test_one_hot_times_table_is_indexing() -> None:
    table = variable(rand(5, 3))
    ids = np.array([4, 0, 4])
    onehot = np.eye(5)[ids]
    np.testing.assert_array_equal((onehot @ table).value, ag.embedding(table, ids).value)
    ag.sum((onehot @ table) * rand(3, 3, seed=1)).backward()
    by_product = table.grad
    ag.sum(ag.embedding(table, ids) * rand(3, 3, seed=1)).backward()
    np.testing.assert_allclose(table.grad, by_product, rtol=1e-14)


def test_linear_equals_the_composed_operations() -> None:
    x, w, b = variable(A), variable(rand(4, 5)), variable(rand(5, seed=1))
    fused, composed = ag.linear(x, w, b, activation="tanh"), ag.tanh(x @ w + b)
    np.testing.assert_allclose(fused.value, composed.value, rtol=1e-13)
    grads = []
    for y in (fused, composed):
        ag.sum(y**2).backward()
        grads.append([v.grad for v in (x, w, b)])
    for one, other in zip(*grads, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_against_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(3)
    table, w1, b1, w2, b2 = (rng.standard_normal(s) for s in ((20, 6), (6, 8), (8,), (14, 5), (5,)))
    ids, offsets, targets = (
        rng.integers(0, 20, 30),
        np.array([0, 4, 4, 11, 30]),
        np.array([0, 4, 2, 2]),
    )
    ours = [variable(a.copy()) for a in (table, w1, b1, w2, b2)]

    def network(sigmoid, tanh, relu, exp, concat, pooled, t, w1, b1, w2, b2):
        h = sigmoid(pooled @ w1 + b1) * tanh(pooled @ w1) + relu(pooled @ w1 - b1) / (exp(-b1) + 1)
        return concat([h, pooled]) @ w2 + b2**2

    pooled = ag.mean_pool(ours[0], ids, offsets)
    loss = ag.cross_entropy(
        network(ag.sigmoid, ag.tanh, ag.relu, ag.exp, ag.concat, pooled, *ours), targets
    )
    loss.backward()

    theirs = [torch.tensor(a, requires_grad=True) for a in (table, w1, b1, w2, b2)]
    bags = torch.nn.functional.embedding_bag(
        torch.tensor(ids), theirs[0], torch.tensor(offsets[:-1]), mode="mean"
    )
    logits = network(
        torch.sigmoid, torch.tanh, torch.relu, torch.exp, lambda v: torch.cat(v, -1), bags, *theirs
    )
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor(targets))
    expected.backward()
    assert loss.item() == pytest.approx(float(expected.detach()), rel=1e-12)
    for v, t in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(v.grad, t.grad.numpy(), rtol=0, atol=1e-10)


# What backward means


def test_grad_is_that_of_the_last_backward_unless_accumulated() -> None:
    x = variable(3.0)
    (x * x).backward()
    (x * 5).backward()
    assert x.grad == 5
    (x * x).backward(accumulate=True)
    assert x.grad == 11


def test_a_gradient_that_is_given_seeds_the_chain() -> None:
    x = variable(A)
    y = x * 2
    y.backward(B)
    np.testing.assert_array_equal(x.grad, 2 * B)
    with pytest.raises(ValueError, match=r"gradient must have shape \(3, 4\).*got \(4,\)"):
        y.backward(ROW)


def test_gradients_of_variables_are_their_own() -> None:
    a, b = variable(A.copy()), variable(B.copy())
    ag.sum(a + b).backward()
    a.grad[:] = 7
    np.testing.assert_array_equal(b.grad, np.ones((3, 4)))


def test_deep_graphs_need_no_deep_stack() -> None:
    x = variable(1.0)
    y = x
    for _ in range(50_000):
        y = y + x
    y.backward()
    assert x.grad == 50_001
    del y


def test_training_by_hand() -> None:
    w = variable(np.zeros(2))
    x, y = rand(50, 2), rand(50, 2) @ [3.0, -1.0]
    for _ in range(300):
        loss = ag.mean((x @ w - y) ** 2)
        loss.backward()
        w.value -= 0.3 * w.grad
    np.testing.assert_allclose(w.value, [3, -1], atol=1e-6)


# Errors


def test_backward_of_no_scalar() -> None:
    with pytest.raises(
        GraphError, match=r"the result of \* of shape \(3, 4\), which is no scalar, needs gradient="
    ):
        (variable(A) * 2).backward()


def test_cycle() -> None:
    a = variable(1.0, "a")
    b = a * 2
    c = b + 1
    b.inputs = (c, a)
    for call in (c.backward, lambda: graph(c)):
        with pytest.raises(GraphError, match="cycle"):
            call()
    a.inputs = (a,)
    with pytest.raises(GraphError, match=r"cycle.*'a'"):
        a.backward()


@pytest.mark.parametrize("name", CASES)
def test_change_in_place_is_seen(name: str) -> None:
    f, *values = CASES[name]
    for i in range(len(values)):
        if name.startswith(("embedding", "mean_pool")):  # their gradient does not read the table
            continue
        variables = [variable(v.copy()) for v in values]
        root = ag.sum(f(*variables))
        variables[i].grad = "untouched"
        variables[i].value.flat[-1] += 1e-12 + abs(variables[i].value.flat[-1]) * 1e-15
        with pytest.raises(GraphError, match="was changed between forward and backward"):
            root.backward()
        assert variables[i].grad == "untouched"


def test_change_of_a_result_or_of_ids_is_seen() -> None:
    x = variable(A.copy(), "x")
    h = ag.tanh(x)
    root = ag.sum(h)
    h.value[0, 0] = 0.5
    with pytest.raises(GraphError, match=r"the result of tanh.*'x'"):
        root.backward()
    ids = np.array([0, 1])
    root = ag.sum(ag.embedding(x, ids))
    ids[0] = 2
    with pytest.raises(GraphError):
        root.backward()


def test_another_array_in_place_of_the_value_is_a_change() -> None:
    x = variable(3.0, "x")
    y = x * x
    x.value = 10.0
    with pytest.raises(GraphError, match=r"'x' of shape \(\) was changed"):
        y.backward()
    (x * x).backward()
    assert x.grad == 20
    y = x * x
    x.value += 1
    with pytest.raises(GraphError, match="was changed"):
        y.backward()


def test_graphs_are_freed_without_the_garbage_collector() -> None:
    x = variable(A)
    y = ag.sum(ag.tanh(x) @ x.T)
    y.backward()
    seen = weakref.ref(y), weakref.ref(y.inputs[0])
    gc.disable()
    try:
        del y
        assert [r() for r in seen] == [None, None]
    finally:
        gc.enable()


def test_misfits_name_both() -> None:
    x, w = variable(A, "x"), variable(rand(5, 2), "W1")
    with pytest.raises(
        ValueError, match=r"'x' of shape \(3, 4\) and 'W1' of shape \(5, 2\) do not fit in @"
    ):
        x @ w
    with pytest.raises(
        ValueError,
        match=r"linear: x, 'x' of shape \(3, 4\), and w, 'W1' of shape \(5, 2\), do not fit",
    ):
        ag.linear(x, w)
    with pytest.raises(
        ValueError,
        match=r"linear: b, a variable of shape \(3,\), does not fit w, a variable of shape \(4, 2\)",
    ):
        ag.linear(x, variable(rand(4, 2)), variable(np.zeros(3)))
    with pytest.raises(
        ValueError, match=r"'x' of shape \(3, 4\) and 'W1' of shape \(5, 2\) do not broadcast in \+"
    ):
        x + w
    with pytest.raises(
        ValueError, match=r"concat along axis -1 cannot join 'x' of shape \(3, 4\), 'W1'"
    ):
        ag.concat([x, w])
    with pytest.raises(ValueError, match=r"'x' of shape \(3, 4\) cannot take shape \(5, 5\)"):
        x.reshape(5, 5)
    with pytest.raises(ValueError, match="no entry"):
        ag.mean(variable(np.zeros((0, 2))))


def test_wrong_values() -> None:
    for bad in ("text", None, [1j], [[1], [2, 3]]):
        with pytest.raises((TypeError, ValueError)):
            variable(bad)
    with pytest.raises(IndexError):
        ag.embedding(variable(A), [3])
    with pytest.raises(IndexError):
        ag.cross_entropy(variable(A), [0, 4, 1])
    with pytest.raises(TypeError):
        graph(A)
    with pytest.raises(TypeError):
        np.exp(variable(A))


def test_gradient_check_finds_a_wrong_gradient() -> None:
    from pyffnn.autograd.node import node

    x = variable(A.copy())
    wrong = lambda v: ag.sum(node(v.value * 3, "wrong", (v,), lambda g: (2 * g,)))  # noqa: E731
    assert gradient_check(wrong, x) == pytest.approx(1 / 3, rel=1e-3)
    np.testing.assert_array_equal(x.value, A)
    assert gradient_check(lambda: ag.sum(x * x), [x]) < 1e-8
    assert (
        gradient_check(
            lambda variables: variables[0] * variables[1], [variable(2.0), variable(3.0)]
        )
        < 1e-8
    )
    with pytest.raises(TypeError, match="must take 2 variables"):
        gradient_check(lambda a, b, c: a, [x, x])


def test_fingerprint_tells_arrays_apart() -> None:
    fingerprint = ops.fingerprint
    rng = np.random.default_rng(0)
    for size in (1, 7, 8, 63, 64, 65, 16384, 16385, 100_003):
        a = rng.standard_normal(size).astype(np.float32)
        mark = fingerprint(a)
        assert mark == fingerprint(a.copy())
        for i in {0, size // 2, size - 1}:
            b = a.copy()
            b[i] = np.nextafter(b[i], np.float32(9))
            assert fingerprint(b) != mark
        if size > 1:
            assert fingerprint(np.roll(a, 1)) != mark and fingerprint(a[::-1]) != mark
    wide = rng.standard_normal((300, 400))
    assert fingerprint(wide.T) == fingerprint(np.ascontiguousarray(wide.T)) != fingerprint(wide)
    with pyffnn.num_threads(1):
        one = fingerprint(wide)
    with pyffnn.num_threads(5):
        assert fingerprint(wide) == one


def test_no_optional_package_is_imported() -> None:
    code = "import sys, pyffnn.autograd, pyffnn.nn; print([m for m in ('matplotlib', 'graphviz', 'scipy', 'sklearn') if m in sys.modules])"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
        == "[]"
    )
