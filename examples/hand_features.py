"""Sentiment of tweets from six hand-made features: logistic regression against a 2-layer network, 2 and 3 classes.

python examples/hand_features.py [DIRECTORY for the pictures]
"""

import sys
from pathlib import Path

import numpy as np
import tweets
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pyffnn import FFNNClassifier
from pyffnn.features import HandFeatures
from pyffnn.nn import linear_decay

CLASSES = (("negative", "positive"), ("negative", "neutral", "positive"))
NETWORKS = {"logistic regression": (), "2-layer network": (64,)}


def main(pictures: Path) -> None:
    weights = {}
    for classes in CLASSES:
        texts, labels = tweets.load(classes)
        cut = len(texts) * 4 // 5
        accuracy = {}
        for name, hidden in NETWORKS.items():
            model = make_pipeline(
                HandFeatures(),
                StandardScaler(),
                FFNNClassifier(
                    hidden,
                    learning_rate=linear_decay(0.01),
                    epochs=20,
                    batch_size=64,
                    l2=0.0,
                    tol=None,
                ),
            )
            model.fit(texts[:cut], labels[:cut])
            accuracy[name] = model.score(texts[cut:], labels[cut:])
            print(f"{len(classes)} classes, {name:19}: accuracy {accuracy[name]:.4f}")
            if not hidden:
                weights[len(classes)] = model[-1].coefs_[0]
        assert accuracy["2-layer network"] >= accuracy["logistic regression"]
    draw(weights[2], pictures / "hand_features.png")


def draw(weights: np.ndarray, path: Path) -> None:
    """The weight of each feature towards "positive", its values scaled to a standard deviation of 1."""
    from matplotlib.figure import Figure

    towards = weights[:, -1] - (weights[:, 0] if weights.shape[1] > 1 else 0)
    names = HandFeatures().get_feature_names_out()
    figure = Figure(figsize=(6, 2.8), layout="constrained")
    axes = figure.subplots()
    axes.barh(names[::-1], towards[::-1], color=np.where(towards > 0, "#3b6fb6", "#d1495b")[::-1])
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set(title="logistic regression on tweets", xlabel="weight: negative ← → positive")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
