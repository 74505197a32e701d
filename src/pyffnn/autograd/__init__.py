"""Computation graphs over arrays: forward values, and derivatives by backward differentiation.

A `Variable` holds an array, and remembers the operation that made it. `v.backward()` walks the graph from v back to its inputs and
leaves dv/dx in the `.grad` of every node x (Jurafsky & Martin, "Neural Networks", section on computation graphs: the chain rule,
from the last node to the first). Any directed acyclic graph works; a variable used twice gets the sum of both derivatives.

    >>> from pyffnn.autograd import variable, graph
    >>> a, b, c = variable(3, "a"), variable(1, "b"), variable(-2, "c")
    >>> L = c * (a + 2 * b)
    >>> L.backward()
    >>> float(L.value), float(a.grad), float(b.grad), float(c.grad)
    (-10.0, -2.0, -4.0, 5.0)

Matrix products, activations, softmax, losses, embeddings and pooling run on the kernels of `pyffnn.ops`; elementwise arithmetic is
NumPy's, with its broadcasting. Element types are float32 and float64; Python numbers and integer arrays become float64, and a Python
number beside an array takes that array's type.
"""

from .backward import GraphError
from .check import gradient_check
from .graph import Graph, Row, Table, graph
from .operations import (
    binary_cross_entropy,
    concat,
    cross_entropy,
    embedding,
    exp,
    linear,
    log,
    log_softmax,
    mean,
    mean_pool,
    relu,
    reshape,
    sigmoid,
    softmax,
    sum,  # noqa: A004
    tanh,
    transpose,
)
from .variable import Variable, constant, variable

__all__ = [
    "Graph",
    "GraphError",
    "Row",
    "Table",
    "Variable",
    "binary_cross_entropy",
    "concat",
    "constant",
    "cross_entropy",
    "embedding",
    "exp",
    "gradient_check",
    "graph",
    "linear",
    "log",
    "log_softmax",
    "mean",
    "mean_pool",
    "relu",
    "reshape",
    "sigmoid",
    "softmax",
    "sum",
    "tanh",
    "transpose",
    "variable",
]
