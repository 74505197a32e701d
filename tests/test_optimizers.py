"""Settings of optimizers and schedules."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest

from pyffnn.optimizers import (
    SGD,
    Adagrad,
    Adam,
    Schedule,
    constant,
    cosine,
    linear_decay,
    resolve_optimizer,
)


def test_shapes_of_schedules() -> None:
    steps = 8
    t = np.arange(steps) / steps
    np.testing.assert_allclose(constant(0.5).values(steps), 0.5)
    np.testing.assert_allclose(linear_decay(0.5).values(steps), 0.5 * (1 - t))
    np.testing.assert_allclose(linear_decay(0.5, final=0.2).values(steps), 0.5 - 0.4 * t)
    np.testing.assert_allclose(cosine(2.0).values(steps), 1 + np.cos(np.pi * t))
    assert cosine(2.0, final=0.1)(1.0) == pytest.approx(0.2)


def test_warm_up() -> None:
    rates = linear_decay(1.0, warmup=0.25).values(16)
    np.testing.assert_allclose(rates[:4], [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(rates[4:], 1 - np.arange(12) / 12)
    assert (rates > 0).all()


def test_values_in_parts_are_the_whole() -> None:
    schedule = cosine(0.3, final=0.05, warmup=0.1)
    whole = schedule.values(37)
    parts = [schedule.values(37, a, b) for a, b in [(0, 5), (5, 30), (30, 37)]]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: SGD(0), "lr"),
        (lambda: SGD(math.nan), "lr"),
        (lambda: SGD(True), "lr"),
        (lambda: SGD("fast"), "lr"),
        (lambda: SGD(0.1, momentum=1), "momentum"),
        (lambda: Adagrad(0.1, eps=0), "eps"),
        (lambda: Adam(1e-3, (0.9,)), "betas"),
        (lambda: Adam(1e-3, (0.9, 1.0)), "betas"),
        (lambda: Adam(weight_decay=-1), "weight_decay"),
        (lambda: constant(math.inf), "lr"),
        (lambda: cosine(1.0, final=2), "final"),
        (lambda: linear_decay(1.0, warmup=1), "warmup"),
        (lambda: Schedule("square", 1.0), "shape"),
    ],
)
def test_wrong_settings_name_the_argument(make, name) -> None:
    with pytest.raises(ValueError, match=name.replace("[", r"\[")):
        make()


def test_settings_are_values() -> None:
    settings = Adam(cosine(0.1), betas=[0.8, 0.99])
    assert settings == Adam(cosine(0.1), betas=(0.8, 0.99))
    assert hash(settings) == hash(copy.deepcopy(settings))
    assert pickle.loads(pickle.dumps(settings)) == settings
    with pytest.raises(AttributeError):
        settings.lr = 1.0


def test_specs() -> None:
    assert SGD(0.1).spec() == {"optimizer": "sgd"}
    assert SGD(0.1, 0.9).spec() == {"optimizer": "momentum", "beta1": 0.9}
    assert Adagrad().spec() == {"optimizer": "adagrad", "eps": 1e-10}
    assert Adam(weight_decay=0.1).spec() == {
        "optimizer": "adam",
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "weight_decay": 0.1,
    }


def test_resolution() -> None:
    assert resolve_optimizer("adam") == Adam()
    assert resolve_optimizer("momentum", 0.2) == SGD(0.2, 0.9)
    assert resolve_optimizer("sgd", default_lr=0.3).lr == 0.3
    assert resolve_optimizer(Adam(0.5), default_lr=0.3).lr == 0.5
    assert resolve_optimizer(Adam(0.5), 0.25) == Adam(0.25)
    assert resolve_optimizer("sgd", cosine(0.7)).schedule() == cosine(0.7)
    # a schedule without a rate takes that of the optimizer it is given to
    assert resolve_optimizer(Adam(0.5), cosine()).schedule() == cosine(0.5)
    assert resolve_optimizer(Adam(constant(0.5)), cosine()).schedule() == cosine(0.5)
    assert Adam(cosine()).schedule() == cosine(1e-3)
    assert SGD(0.2).schedule(linear_decay(final=0.1)) == linear_decay(0.2, final=0.1)
    for wrong in ("rmsprop", None, 3, []):
        with pytest.raises(ValueError, match="optimizer must be one of 'sgd'"):
            resolve_optimizer(wrong)
    for rate in (0, -1, math.nan, "x", True):
        with pytest.raises(ValueError, match="learning_rate"):
            resolve_optimizer("sgd", rate)
