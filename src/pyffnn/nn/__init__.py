"""The chapter's networks: one unit, and feedforward networks of any depth; with the settings of optimizers and schedules.

For looking inside: weights are live arrays to set by hand, every layer's values and every gradient can be read. For training on data,
`pyffnn.FFNNClassifier` and `pyffnn.TextClassifier` run the same kernels in one fused step.

Source: Jurafsky & Martin, *Speech and Language Processing* (3rd ed.), chapter "Neural Networks". The chapter writes a layer with column
vectors, z = Wx + b; here an example is a row, z = x W + b, and weights have shape (n_in, n_out), so that a batch is a matrix of rows.
"""

from ..optimizers import SGD, Adagrad, Adam, Optimizer, Schedule, constant, cosine, linear_decay
from .feedforward import FeedForward, Gradients
from .initialise import glorot_uniform, he_uniform
from .unit import Line, Unit

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "FeedForward",
    "Gradients",
    "Line",
    "Optimizer",
    "Schedule",
    "Unit",
    "constant",
    "cosine",
    "glorot_uniform",
    "he_uniform",
    "linear_decay",
]
