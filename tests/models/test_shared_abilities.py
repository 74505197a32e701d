"""What one model can, every model can: layers, outputs and clipping of the language model in the classifiers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models.kinds import Kind

from pyffnn import FFNNClassifier, TextClassifier

CLASSES = 12


def _kinds() -> dict[str, Kind]:
    rng = np.random.default_rng(0)
    y = np.arange(480) % CLASSES
    # rings: no linear model tells the inner classes apart
    angle, radius = rng.uniform(0, 2 * np.pi, 480), 1.0 + (y % 3)
    X = np.stack([np.cos(angle) * radius, np.sin(angle) * radius, y // 3], axis=1)
    X = (X + rng.normal(0, 0.05, X.shape)).astype(np.float32)
    words = [f"{'ab'[i % 2]}{i // 2}" for i in range(CLASSES)]
    fillers = ["the", "a", "so", "and"]
    texts = [" ".join([*rng.choice(fillers, 3), words[i], words[i]]) for i in y]
    return {
        "vectors": Kind(
            FFNNClassifier, {"hidden_layer_sizes": (24, 24), "epochs": 60, "batch_size": 32, "learning_rate": 0.01},
            (X, y), (), X[:50],
        ),
        "texts": Kind(
            TextClassifier,
            {"embedding_dim": 16, "hidden_layer_sizes": (24, 24), "epochs": 30, "batch_size": 32, "optimizer": "adam", "learning_rate": 0.01},
            (texts, y), (), texts[:50],
        ),
    }  # fmt: skip


KINDS = _kinds()
ALL = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
ABILITIES: dict[str, dict[str, Any]] = {
    "gelu": {"activation": "gelu"},
    "residual": {"residual": True},
    "layer_norm": {"layer_norm": True},
    "residual with layer_norm": {"residual": True, "layer_norm": True, "activation": "gelu"},
    "clip_norm": {"clip_norm": 0.5},
    "adaptive": {"output": "adaptive", "cutoffs": (4, 8)},
    "adaptive by itself": {"output": "adaptive", "cutoffs": None},
    "sampled": {"output": "sampled", "samples": 6},
    "all": {
        "activation": "gelu", "residual": True, "layer_norm": True, "clip_norm": 1.0, "output": "adaptive", "cutoffs": (3,), "dropout": 0.1,
    },
}  # fmt: skip


@ALL
@pytest.mark.parametrize("name", ABILITIES)
def test_abilities(kind: Kind, name: str, tmp_path: Any) -> None:
    settings = ABILITIES[name]
    if name == "adaptive by itself":
        # a 25th of 12 classes is none
        with pytest.raises(ValueError, match="adaptive"):
            kind.fitted(**settings)
        return
    model = kind.fitted(**settings, n_threads=1)
    spec = model._state().network.spec
    assert spec["activation"] == settings.get("activation", "relu")
    assert spec["residual"] == settings.get("residual", False)
    X, y = kind.data
    assert model.score(X, y) > 0.9
    assert (model.predict(X) == y).mean() > 0.9
    p = model.predict_proba(X)
    assert p.shape == (len(y), CLASSES) and p.dtype == np.float32 and (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), p.argmax(axis=1))
    plain = kind.make(n_threads=1, **{n: v for n, v in settings.items() if n == "dropout"})
    assert (plain.fit(X, y).predict_proba(X) != p).any()  # the setting does something

    model.save(tmp_path / "m")
    loaded = kind.cls.load(tmp_path / "m")
    np.testing.assert_array_equal(loaded.predict_proba(X), p)
    for twin in (model, loaded):
        twin.partial_fit(X, y)
    after = kind.seen(model)
    assert kind.seen(loaded)["arrays"] == after["arrays"]
    assert (model.predict_proba(X) != p).any() and model.score(X, y) > 0.85
    two = kind.fitted(**settings, n_threads=2)
    np.testing.assert_array_equal(two.predict_proba(X), p)
    assert kind.seen(two.partial_fit(X, y))["arrays"] == after["arrays"]


@ALL
def test_what_clipping_does(kind: Kind) -> None:
    """A norm that nothing reaches changes nothing; a tiny one holds SGD back."""
    sgd = {"optimizer": "sgd", "epochs": 1, "learning_rate": 0.1, "l2": 0.0}
    free, high, low = (kind.fitted(**sgd, clip_norm=c) for c in (None, 1e9, 1e-6))
    if kind.cls is FFNNClassifier:
        assert kind.seen(free)["arrays"] == kind.seen(high)["arrays"]
    else:  # the rows of a table are summed in another order
        np.testing.assert_allclose(kind.predictions(free), kind.predictions(high), atol=1e-5)
    # 15 steps of at most 0.1 * 1e-6 each
    start = kind.fitted(**sgd | {"learning_rate": 1e-30})
    first, last = (m._state().network.parameters() for m in (start, low))
    moved = np.sqrt(sum(float(((last[n] - first[n]).astype(np.float64) ** 2).sum()) for n in first))
    assert 1e-8 < moved < 15 * 0.1 * 1e-6 * 1.2


@ALL
@pytest.mark.parametrize("output", ["adaptive", "sampled"])
def test_outputs_of_one_class_need_one_label(kind: Kind, output: str) -> None:
    X, y = kind.data
    both = np.eye(CLASSES, dtype=int)[y]
    more = {"multilabel": True} if kind.cls is TextClassifier else {}
    with pytest.raises(ValueError, match="softmax"):
        kind.make(output=output, cutoffs=(4,), **more).fit(X, both)
    with pytest.raises(ValueError, match="cutoffs"):
        kind.make(output="adaptive", cutoffs=(CLASSES,)).fit(X, y)


@ALL
def test_a_stream_needs_layers_of_one_size(kind: Kind) -> None:
    """The residual stream has the size of the last layer; others are blocks of their own size."""
    for sizes in ((8, 16), (16,), ()):
        model = kind.make(residual=True, layer_norm=True, hidden_layer_sizes=sizes, epochs=2)
        assert np.isfinite(model.fit(*kind.data).predict_proba(kind.probe)).all()


def test_two_classes_with_other_outputs() -> None:
    X, _ = KINDS["vectors"].data
    for settings in ({"output": "sampled", "samples": 1}, {"output": "adaptive", "cutoffs": (1,)}):
        model = FFNNClassifier((24,), epochs=40, **settings).fit(X, X[:, 0] > 0)
        p = model.predict_proba(X)
        assert p.shape == (480, 2)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)
        assert model.score(X, X[:, 0] > 0) > 0.9


@pytest.mark.parametrize("name", [n for n in ABILITIES if n not in ("adaptive by itself", "all")])
def test_sparse_features_do_as_dense_ones(name: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    X, y = KINDS["vectors"].data
    X = X * (X > 0)
    settings = {**ABILITIES[name], "optimizer": "sgd", "learning_rate": 0.1, "l2": 0.0, "epochs": 3}
    ps = [
        FFNNClassifier((12,), **settings).fit(x, y).predict_proba(x)
        for x in (X, sparse.csr_matrix(X))
    ]
    np.testing.assert_allclose(*ps, atol=1e-5)
    without = FFNNClassifier((), **settings)
    wrong = [n for n in ("residual", "output") if n in settings]
    if wrong:
        with pytest.raises(ValueError, match=f"^{wrong[0]} must be .* without hidden layers"):
            without.fit(sparse.csr_matrix(X), y)
        without.fit(X, y)
    else:
        without.fit(sparse.csr_matrix(X), y)
