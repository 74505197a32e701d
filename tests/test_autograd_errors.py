"""Errors of computation graphs: cycles, misfits, wrong gradients, and values changed between forward and backward."""

from __future__ import annotations

import numpy as np
import pytest
from operations import CASES, A, rand

import pyffnn
from pyffnn import autograd as ag
from pyffnn import ops
from pyffnn.autograd import GraphError, gradient_check, graph, variable


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


def test_a_gradient_check_names_what_is_no_variable():
    x = ag.variable([1.0, 2.0])
    with pytest.raises(TypeError, match="f must give a Variable, got int"):
        ag.gradient_check(lambda v: 3, x)
    with pytest.raises(TypeError, match="variables must be Variables, got ndarray"):
        ag.gradient_check(ag.sum, [np.ones(2)])
    assert x.value.tolist() == [1.0, 2.0]
