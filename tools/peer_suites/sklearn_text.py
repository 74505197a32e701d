"""scikit-learn's tests of its text vectorizers, with ours in their place."""

from __future__ import annotations

from peer_suites.suite import Suite


def swap() -> None:
    from sklearn.feature_extraction import text

    from pyffnn.integrations.sklearn import vectorizers

    for name in vectorizers.__all__:
        setattr(text, name, getattr(vectorizers, name))


SUITE = Suite(host="sklearn", modules=["sklearn.feature_extraction.tests.test_text"], swap=swap)
