"""scikit-learn's `MLPClassifier` and `MLPRegressor` on pyffnn's kernels: an import of theirs replaced by one of these is all that changes.

Each is a subclass of scikit-learn's class of that name: constructor, attributes, random numbers, stopping rules, warnings and errors are scikit-learn's
own. Layers, their gradients, softmax and Adam's steps are pyffnn's kernels, in the dtype of X: float64 agrees with scikit-learn up to rounding,
float32 is about twice as fast. "lbfgs" is SciPy's, which scikit-learn brings along, over gradients of these kernels.
`FFNNClassifier` and `FFNNRegressor` do whole epochs in compiled code and are faster still; the table in docs/how-to/scikit-learn.md says how arguments map.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn, ops
from pyffnn.integrations.sklearn.host import BaseEstimator

try:
    import scipy.sparse as sp
    from scipy.special import xlogy
    from sklearn import neural_network as theirs
    from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer
    from sklearn.utils.validation import validate_data
except ImportError as error:
    raise ImportError(
        "pyffnn.integrations.sklearn needs scikit-learn 1.7 or newer and SciPy: "
        f"pip install 'pyffnn[sklearn]' ({error})"
    ) from error

__all__ = ["MLPClassifier", "MLPRegressor"]

assert BaseEstimator  # an older scikit-learn has been refused by now

Array = NDArray[Any]

# MLP's names of activations, those that a layer takes in the same pass
_FUSED: dict[str, ops.Activation | None] = {
    "identity": None, "logistic": "sigmoid", "tanh": "tanh", "relu": "relu",
}  # fmt: skip
_BACKWARD = {
    "logistic": ops.sigmoid_backward,
    "tanh": ops.tanh_backward,
    "relu": ops.relu_backward,
}


def _stepped_in_place(*arrays: Any) -> bool:
    first = arrays[0]
    return all(
        type(a) is np.ndarray
        and a.dtype == first.dtype
        and a.dtype.char in "fd"
        and a.flags.carray
        and a.shape == first.shape
        for a in arrays
    )


class _Adam(AdamOptimizer):  # type: ignore[misc]
    """scikit-learn's Adam with a kernel for the step."""

    def update_params(self, params: list[Array], grads: list[Array]) -> None:
        four = list(zip(params, grads, self.ms, self.vs, strict=True))
        if not all(_stepped_in_place(*arrays) for arrays in four):
            super().update_params(params, grads)
            return
        self.t += 1
        self.learning_rate = float(
            self.learning_rate_init * np.sqrt(1 - self.beta_2**self.t) / (1 - self.beta_1**self.t)
        )
        for param, grad, m, v in four:
            _pyffnn.adam_step(
                param, grad, m, v, self.beta_1, self.beta_2, self.epsilon, self.learning_rate
            )


class _SGD(SGDOptimizer):  # type: ignore[misc]
    """scikit-learn's gradient descent, without new arrays at each step."""

    def update_params(self, params: list[Array], grads: list[Array]) -> None:
        for param, grad, velocity in zip(params, grads, self.velocities, strict=True):
            grad *= self.learning_rate
            velocity *= self.momentum
            velocity -= grad
            if self.nesterov:
                param -= grad
                param += self.momentum * velocity
            else:
                param += velocity


_STEPS = {AdamOptimizer: _Adam, SGDOptimizer: _SGD}


def _mean(losses: Array, sample_weight: Array | None) -> float:
    return float(np.average(losses, weights=sample_weight, axis=0))


def _log_loss(y: Array, p: Array, kind: str) -> Array:
    """The cross-entropy of each row: of softmax units, or of sigmoid units together."""
    least = np.finfo(p.dtype).eps
    if kind == "softmax":
        right = np.where(y, p, 0).sum(axis=1)
        return np.asarray(-np.log(np.clip(right, least, 1 - least)))
    right = np.where(y, p, 1 - p)
    return np.asarray(-np.log(np.clip(right, least, 1 - least)).sum(axis=1))


class _OnKernels:
    """What scikit-learn's class asks of a network, computed by kernels."""

    @property
    def _optimizer(self) -> Any:
        try:
            return self.__dict__["_optimizer"]
        except KeyError:
            raise AttributeError("_optimizer") from None

    @_optimizer.setter
    def _optimizer(self, made: Any) -> None:
        # scikit-learn makes one when it begins; ours has the same numbers
        ours = _STEPS.get(type(made))
        if ours is not None:
            steps = ours.__new__(ours)
            steps.__dict__.update(made.__dict__)
            made = steps
        self.__dict__["_optimizer"] = made

    def _activation_of(self: Any, i: int) -> str:
        return str(self.out_activation_ if i == self.n_layers_ - 2 else self.activation)

    def _layer(self: Any, x: Any, i: int) -> Array:
        """Layer i of the rows x."""
        w, b, kind = self.coefs_[i], self.intercepts_[i], self._activation_of(i)
        if sp.issparse(x):
            z = np.asarray(x @ w)
            z += b
            if kind in _BACKWARD:
                return getattr(ops, _FUSED[kind])(z, z)  # type: ignore[arg-type, no-any-return]
        else:
            z = ops.linear(x, w, b, activation=_FUSED.get(kind))
        if kind == "softmax":
            return ops.softmax(z, z)
        return np.exp(z, out=z) if kind == "exp" else z

    def _forward_pass(self: Any, activations: list[Any]) -> list[Any]:
        for i in range(self.n_layers_ - 1):
            activations[i + 1] = self._layer(activations[i], i)
        return activations

    def _forward_pass_fast(self: Any, X: Any, check_input: bool = True) -> Any:
        if check_input:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        if X.dtype.char not in "fd":
            X = X.astype(self.coefs_[0].dtype)
        for i in range(self.n_layers_ - 1):
            X = self._layer(X, i)
        return X

    def _loss_of(self: Any, y: Array, found: Array, sample_weight: Array | None) -> float:
        """The mean loss of the outputs, as scikit-learn defines it."""
        if self.loss == "squared_error":
            return 0.5 * _mean(np.square(found - y).mean(axis=1), sample_weight)
        if self.loss == "poisson":
            losses = xlogy(y, y / found) - y + found
            return _mean(losses.sum(axis=1), sample_weight)
        return _mean(_log_loss(y, found, self.out_activation_), sample_weight)

    def _backprop(
        self: Any,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        activations: list[Any],
        deltas: list[Any],
        coef_grads: list[Any],
        intercept_grads: list[Any],
    ) -> tuple[float, list[Any], list[Any]]:
        """Loss and gradients of the rows `activations[0]`; the three lists are written."""
        activations = self._forward_pass(activations)
        found = activations[-1]
        total = X.shape[0] if sample_weight is None else sample_weight.sum()
        decay = self.alpha / total
        squares = sum(float(np.vdot(w, w)) for w in self.coefs_)
        loss = self._loss_of(y, found, sample_weight) + 0.5 * decay * squares
        delta = found - y
        if sample_weight is not None:
            delta *= sample_weight.reshape(-1, 1)
        delta /= total
        for i in range(self.n_layers_ - 2, -1, -1):
            x, w = activations[i], self.coefs_[i]
            deltas[i] = delta
            if sp.issparse(x):
                coef_grads[i], intercept_grads[i] = x.T @ delta, delta.sum(axis=0)
            else:
                back, coef_grads[i], intercept_grads[i] = ops.linear_backward(
                    delta, x, w, need_dx=i > 0
                )
            if i > 0:
                kind = self.activation
                delta = _BACKWARD[kind](back, x) if kind in _BACKWARD else back
            if decay:
                coef_grads[i] += decay * w
        return loss, coef_grads, intercept_grads


class MLPClassifier(_OnKernels, theirs.MLPClassifier):  # type: ignore[misc]
    __doc__ = theirs.MLPClassifier.__doc__


class MLPRegressor(_OnKernels, theirs.MLPRegressor):  # type: ignore[misc]
    __doc__ = theirs.MLPRegressor.__doc__
