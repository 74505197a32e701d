"""Thinc's tests of its layers, models and optimizers, run on `PyffnnOps`."""

from __future__ import annotations

from peer_suites.suite import Suite


def swap() -> None:
    import thinc.api
    import thinc.backends

    from pyffnn.integrations.thinc import PyffnnOps

    thinc.api.NumpyOps = thinc.backends.NumpyOps = PyffnnOps
    each()


def each() -> None:
    from thinc.api import get_ops, set_current_ops

    set_current_ops(get_ops("pyffnn"))


LAYERS = (
    "basic_tagger", "combinators", "feed_forward", "hash_embed", "layers_api", "linear", "lstm", "mappers",
    "parametric_attention_v2", "reduce", "resizable", "softmax", "sparse_linear", "transforms", "uniqued", "with_debug",
    "with_flatten", "with_transforms",
)  # fmt: skip

SUITE = Suite(
    host="thinc",
    modules=[
        *(f"thinc.tests.layers.test_{name}" for name in LAYERS),
        "thinc.tests.model.test_model",
        "thinc.tests.test_optimizers",
        "thinc.tests.test_loss",
    ],
    swap=swap,
    each=each,
)
