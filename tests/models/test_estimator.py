"""Parameters by name, as scikit-learn asks for them."""

from __future__ import annotations

import pytest

from pyffnn.models.estimator import Estimator, NotFittedError


class Model(Estimator):
    def __init__(self, size=3, *, rate=0.1, names=None):
        self.size = size
        self.rate = rate
        self.names = names


def test_parameters():
    model = Model(5, names=["a"])
    assert model.get_params() == {"size": 5, "rate": 0.1, "names": ["a"]}
    assert model.set_params(rate=2, size=3) is model
    assert model.rate == 2
    assert repr(model) == "Model(rate=2, names=['a'])"
    with pytest.raises(ValueError, match=r"Invalid parameter 'speed' for Model.*'size', 'rate'"):
        model.set_params(size=9, speed=1)
    assert model.size == 3


def test_clone():
    base = pytest.importorskip("sklearn.base")
    model = Model(5, names=["a"])
    copy = base.clone(model)
    assert copy is not model and copy.get_params() == model.get_params()
    assert copy.names is not model.names


def test_not_fitted_is_what_callers_catch():
    assert issubclass(NotFittedError, ValueError) and issubclass(NotFittedError, AttributeError)
