"""spaCy's tests of `textcat` and `textcat_multilabel`, with `pyffnn_textcat` behind these names.

Threshold and scorer of a config are kept; the architecture of a Thinc model, which ours does not have, is left out.
"""

from __future__ import annotations

from peer_suites.suite import Suite

LABELS = ["textcat", "textcat_multilabel"]


def swap() -> None:
    from spacy.language import Language

    import pyffnn.integrations.spacy  # noqa: F401 (its factory is registered)

    add_pipe = Language.add_pipe

    def ours(self, factory_name, name=None, *, config=None, **rest):  # type: ignore[no-untyped-def]
        if factory_name not in LABELS:
            return add_pipe(self, factory_name, name, config=config or {}, **rest)
        settings = {"exclusive_classes": factory_name == "textcat"}
        for name_ in ("threshold", "scorer"):
            if name_ in (config or {}):
                settings[name_] = config[name_]
        return add_pipe(self, "pyffnn_textcat", name or factory_name, config=settings, **rest)

    Language.add_pipe = ours


ARCHITECTURE = "about the Thinc architectures of spaCy's own component, which ours has none of"
NO_RESIZE = "adds labels after initialize, which a TextClassifier does not"

SUITE = Suite(
    host="spacy",
    modules=["spacy.tests.pipeline.test_textcat"],
    swap=swap,
    excluded={
        "test_resize*": NO_RESIZE,
        "test_overfitting_IO_multi": "asks for a squared error below 0.01 after 50 updates; here the loss is a cross-entropy",
        "test_issue9904": "relies on weights that are all zero before training",
        "test_textcat_loss?True-0?": "counts a label that is not named as unknown; here it is absent",
        "test_tok2vec_lazy_init*": ARCHITECTURE,
    },
)
