"""Feedforward networks of any depth, open to look into."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from .. import ops
from ..autograd import (
    Variable,
    binary_cross_entropy,
    concat,
    constant,
    cross_entropy,
    graph,
    linear,
    mean,
    variable,
)
from .functions import FUNCTIONS, NODES, OUTPUTS, Activation, Array, Output, named
from .initialise import generator_of, glorot_uniform, he_uniform


class Gradients(NamedTuple):
    """dL/dW and dL/db of each layer, shaped like `FeedForward.weights` and `.biases`."""

    weights: list[Array]
    biases: list[Array]


def _whole_numbers(sizes: Any) -> tuple[int, ...]:
    """TypeError for what are no whole numbers, a bool or a fraction among them too."""
    try:
        given = [] if isinstance(sizes, (str, bytes)) else list(sizes)
        if isinstance(sizes, (str, bytes)) or any(isinstance(n, (bool, np.bool_)) for n in given):
            raise TypeError
        return tuple([operator.index(n) for n in given])
    except TypeError:
        raise TypeError(
            f"sizes must be whole numbers (inputs, ..., outputs), got {sizes!r:.80}"
        ) from None


class FeedForward:
    """A feedforward network of n layers: `a[0] = x`, `z[i] = a[i-1] W[i] + b[i]`, `a[i] = g[i](z[i])`, `ŷ = a[n]`.

    `sizes`: number of inputs, of units in each hidden layer, and of outputs; two sizes make a 1-layer network (logistic regression).
    `activation`: of the hidden layers: "relu", "tanh", "sigmoid", "step" or "identity", or a sequence of them, one a hidden layer.
    `output`: "softmax", "sigmoid", "identity", "tanh", "relu" or "step". `random_state`: seed (or Generator) of the weights, He uniform into
    ReLU layers and Glorot uniform into others; biases start at 0. `dtype`: "float64" (the default: numbers to check by hand) or "float32".

    `weights`: list of n arrays (n_in, n_out), and `biases`: list of n arrays (n_out,). They are live: writing into them, or putting other
    arrays of the same shape in their place, changes the network.

    Raises ValueError for fewer than two sizes, sizes below 1 or unknown names, TypeError for sizes that are no whole numbers and another dtype.
    Source: Jurafsky & Martin, "Feedforward neural networks", the algorithm of the forward step in an n-layer network.

        >>> xor = FeedForward([2, 2, 1], output="relu")
        >>> xor.weights[0][:], xor.biases[0][:] = [[1, 1], [1, 1]], [0, -1]
        >>> xor.weights[1][:] = [[1], [-2]]
        >>> xor.forward([[0, 0], [0, 1], [1, 0], [1, 1]]).ravel().tolist()
        [0.0, 1.0, 1.0, 0.0]
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: Activation | Sequence[Activation] = "relu",
        output: Output = "softmax",
        random_state: int | np.random.Generator | None = 0,
        dtype: DTypeLike = "float64",
    ) -> None:
        self.sizes = _whole_numbers(sizes)
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ValueError(
                f"sizes must be at least two positive numbers (inputs, ..., outputs), got {list(sizes)}"
            )
        hidden = len(self.sizes) - 2
        several = not isinstance(activation, str) and isinstance(activation, Iterable)
        given = (
            list(activation) if several else [named(activation, FUNCTIONS, "activation")] * hidden
        )
        if len(given) != hidden:
            raise ValueError(
                f"activation must be one name, or one for each of the {hidden} hidden layers, got {activation!r}"
            )
        self.activation: tuple[Activation, ...] = tuple(
            [named(a, FUNCTIONS, "activation") for a in given]
        )
        self.output: Output = named(output, OUTPUTS, "output")
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.float32, np.float64):
            raise TypeError(f"dtype must be float32 or float64, got {self.dtype}")
        self.bias_folded = False
        rng = generator_of(random_state)
        self.weights: list[Array] = []
        self.biases: list[Array] = []
        for n_in, n_out, g in zip(
            self.sizes[:-1], self.sizes[1:], (*self.activation, self.output), strict=True
        ):
            self.weights.append(
                (he_uniform if g == "relu" else glorot_uniform)(rng, n_in, n_out).astype(self.dtype)
            )
            self.biases.append(np.zeros(n_out, self.dtype))

    @property
    def n_layers(self) -> int:
        """Number of layers with weights: the chapter does not count the input."""
        return len(self.sizes) - 1

    def forward(self, X: ArrayLike) -> Array:
        """`ŷ = a[n]`: [n_out] for one example X [n_in], [m, n_out] for a batch X [m, n_in]; the same numbers either way.

        Raises ValueError, naming the layer and both shapes, when X or a layer's arrays do not fit.
        """
        return self.activations(X)[-1]

    def activations(self, X: ArrayLike) -> list[Array]:
        """`[a[0], a[1], ..., a[n]]`: the input itself, each hidden layer's values, and the output; for a vector or a batch, as `forward`."""
        x, layers = self._checked(X)
        a = [x]
        for (w, b), g in zip(layers, (*self.activation, self.output), strict=True):
            if g in NODES:
                a.append(ops.linear(a[-1], w, b, activation=cast(ops.Activation, g)))
            else:
                a.append(OUTPUTS[g](ops.linear(a[-1], w, b)))
        return [v[0] for v in a] if np.ndim(X) == 1 else a

    def loss(self, X: ArrayLike, y: ArrayLike) -> float:
        """Mean loss of the batch (or of one example).

        Softmax output: cross-entropy in nats, -log ŷ_y; y class ids [m], or one-hot rows [m, n_out]. Sigmoid output: binary
        cross-entropy, the mean over the outputs; y in [0, 1], [m, n_out], or [m] for one output. Identity, tanh and ReLU outputs: mean
        squared error. Raises ValueError when y does not fit, or for the step, which has no derivative to learn by.
        """
        return self.loss_graph(X, y).item()

    def gradients(self, X: ArrayLike, y: ArrayLike) -> Gradients:
        """dL/dW[i] and dL/db[i] of `loss(X, y)`, by backward differentiation: two lists, in the layers' order.

        A network with a folded bias has gradients of its weights alone. Errors as for `loss`.
        """
        L = self.loss_graph(X, y)
        L.backward()
        leaves = _leaves(L)
        weights = [leaves[f"W{i}"] for i in range(1, self.n_layers + 1)]
        return Gradients(
            weights,
            [] if self.bias_folded else [leaves[f"b{i}"] for i in range(1, self.n_layers + 1)],
        )

    def step(self, X: ArrayLike, y: ArrayLike, learning_rate: float) -> float:
        """One update of gradient descent, θ <- θ - η ∇L, on this batch; the loss before it. Errors as for `loss`.

        Source: Jurafsky & Martin, "Training neural nets"; the gradient is that of the mean over the batch.
        """
        L = self.loss_graph(X, y)
        L.backward()
        leaves = _leaves(L)
        rate = float(learning_rate)
        for i in range(self.n_layers):
            self.weights[i] -= rate * leaves[f"W{i + 1}"]
            if not self.bias_folded:
                self.biases[i] -= rate * leaves[f"b{i + 1}"]
        return L.item()

    def loss_graph(self, X: ArrayLike, y: ArrayLike) -> Variable:
        """The computation graph of `loss(X, y)`: nodes W1, b1, z1, a1, ..., L, for `pyffnn.autograd.graph` and for reading gradients."""
        x, layers = self._checked(X)
        a = constant(x, "x")
        z = a
        for i, ((w, b), g) in enumerate(
            zip(layers, (*self.activation, self.output), strict=True), start=1
        ):
            if g == "step":
                raise ValueError(
                    f"layer {i} has the step activation, which has no derivative to learn by"
                )
            bias = None if self.bias_folded else variable(b, f"b{i}")
            z = (
                _with_dummy(a, variable(self.weights[i - 1], f"W{i}"))
                if bias is None
                else linear(a, variable(w, f"W{i}"), bias)
            )
            z.name = f"z{i}"
            if i < self.n_layers:
                a = NODES[g](z) if g in NODES else z
                a.name = f"a{i}" if a is not z else z.name
        L = self._loss_node(z, y)
        L.name = "L"
        return L

    def fold_bias(self) -> FeedForward:
        """The same network with each bias as weight 0 of a dummy unit that is always 1: `a[i-1]_0 = 1`, W[i] of shape (1 + n_in, n_out).

        A copy: `weights` has the bias as its first row, `biases` is empty, and `forward` and the rest take the same X and give the same
        numbers. Source: Jurafsky & Martin, "Replacing the bias unit".
        """
        if self.bias_folded:
            raise ValueError("the bias of this network is folded already")
        folded = FeedForward.from_layers(
            self.weights,
            self.biases,
            activation=self.activation,
            output=self.output,
            dtype=self.dtype,
        )
        folded.weights = [
            np.vstack([b, w]) for w, b in zip(folded.weights, folded.biases, strict=True)
        ]
        folded.biases = []
        folded.bias_folded = True
        return folded

    @classmethod
    def from_layers(
        cls,
        weights: Sequence[ArrayLike],
        biases: Sequence[ArrayLike] | None = None,
        *,
        activation: Activation | Sequence[Activation] = "relu",
        output: Output = "softmax",
        dtype: DTypeLike = "float64",
    ) -> FeedForward:
        """A network with given weights, a list of arrays (n_in, n_out), and biases (n_out,) (None: zeros); both are copied.

        Raises ValueError, naming the layer and both shapes, when they do not fit together.
        """
        w = [np.array(a, dtype=dtype) for a in weights]
        for i, a in enumerate(w, start=1):
            if a.ndim != 2:
                raise ValueError(f"layer {i}: weights must have shape (n_in, n_out), got {a.shape}")
        if not w:
            raise ValueError("weights must have at least one layer, got none")
        net = cls(
            [w[0].shape[0], *[a.shape[1] for a in w]],
            activation=activation,
            output=output,
            dtype=dtype,
        )
        net.weights = w
        if biases is not None:
            net.biases = [np.array(b, dtype=dtype) for b in biases]
        net._checked(np.zeros(net.sizes[0]))
        return net

    def _checked(self, X: ArrayLike) -> tuple[Array, list[tuple[Array, Array]]]:
        """X as a batch, and each layer's (weights without a bias row, biases), once every shape is known to fit."""
        x = np.asarray(X)
        x = x.astype(self.dtype) if x.dtype.kind in "iub" else x
        if x.ndim not in (1, 2):
            raise ValueError(
                f"X must be a vector (n_in,) or a batch (m, n_in), got shape {x.shape}"
            )
        rows = int(self.bias_folded)
        if len(self.weights) != self.n_layers or len(self.biases) != (0 if rows else self.n_layers):
            raise ValueError(
                f"the network has {self.n_layers} layers, got {len(self.weights)} weights and {len(self.biases)} biases"
            )
        layers = []
        below = f"X of shape {x.shape}"
        width = x.shape[-1]
        for i, n_out in enumerate(self.sizes[1:]):
            w = np.asarray(self.weights[i], dtype=self.dtype)
            if w.ndim != 2 or w.shape[0] - rows != width or w.shape[1] != n_out:
                raise ValueError(
                    f"layer {i + 1} takes {below}, whose last axis must be the first of its weights"
                    f"{' (less the row of biases)' if rows else ''}, and gives {n_out} units; its weights have shape {w.shape}"
                )
            b = w[0] if rows else np.asarray(self.biases[i], dtype=self.dtype)
            if b.shape != (n_out,):
                raise ValueError(
                    f"layer {i + 1}: biases must have shape ({n_out},) beside weights of shape {w.shape}, got {b.shape}"
                )
            layers.append((w[rows:], b))
            below, width = (
                f"the {n_out} units of layer {i + 1}, shape {(*x.shape[:-1], n_out)}",
                n_out,
            )
        return x.reshape(-1, self.sizes[0]), layers

    def _loss_node(self, z: Variable, y: ArrayLike) -> Variable:
        m, n = z.shape
        target = np.asarray(y)
        if self.output == "softmax":
            if (target.dtype.kind in "fb" and target.size == m * n) or target.ndim == 2:
                target = _one_hot_ids(target, m, n)
            if target.size != m:
                raise ValueError(
                    f"y must be {m} class ids, one an example, or one-hot rows of shape {(m, n)}, got shape {target.shape}"
                )
            return cross_entropy(z, target.reshape(m))
        target = target.astype(z.dtype)
        if target.size != m * n or target.shape not in ((m, n), (m * n,), ()):
            raise ValueError(f"y must have the output's shape {(m, n)}, got {target.shape}")
        target = target.reshape(m, n)
        if self.output == "sigmoid":
            return binary_cross_entropy(z, target)
        a = NODES[self.output](z) if self.output in NODES else z
        return mean((a - target) ** 2)

    def __repr__(self) -> str:
        folded = ", bias folded" if self.bias_folded else ""
        return f"FeedForward({list(self.sizes)}, activation={list(self.activation)}, output={self.output!r}{folded})"


def _with_dummy(a: Variable, w: Variable) -> Variable:
    """[1, a] @ w: the layer of a network whose bias is the weight of a dummy unit."""
    return concat(constant(np.ones((a.shape[0], 1), a.dtype)), a) @ w


def _leaves(L: Variable) -> dict[str | None, Array]:
    return {v.name: v.grad for v in graph(L) if v.operation is None and v.grad is not None}


def _one_hot_ids(y: Array, m: int, n: int) -> Array:
    rows = y.reshape(m, n) if y.size == m * n else y
    if (
        rows.shape != (m, n)
        or not ((rows == 0) | (rows == 1)).all()
        or not (rows.sum(axis=1) == 1).all()
    ):
        raise ValueError(
            f"y must be class ids, or one-hot rows of shape {(m, n)}, got shape {y.shape}"
        )
    return np.asarray(rows.argmax(axis=1))
