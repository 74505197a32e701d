"""scikit-learn's tests of `MLPClassifier` and `MLPRegressor`, with ours in their place."""

from __future__ import annotations

from peer_suites.suite import Suite


def swap() -> None:
    from sklearn import neural_network

    from pyffnn.integrations import sklearn as ours

    neural_network.MLPClassifier = ours.MLPClassifier
    neural_network.MLPRegressor = ours.MLPRegressor


SUITE = Suite(host="sklearn", modules=["sklearn.neural_network.tests.test_mlp"], swap=swap)
