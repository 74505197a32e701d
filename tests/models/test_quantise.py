"""`quantize`: rows of the table as bytes in the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyffnn import FFNNClassifier, TextClassifier, TextRegressor, _pyffnn
from pyffnn.models.stored_arrays import TABLE, Codes

RNG = np.random.default_rng(0)
WORDS = [f"w{i}" for i in range(300)]
TEXTS = [" ".join(RNG.choice(WORDS, 12)) for _ in range(200)]
LABELS = [int(text.count("1") > 6) for text in TEXTS]


def trained(cls: Any = TextClassifier, **settings: Any) -> Any:
    settings = {"embedding_dim": 10, "epochs": 2, "hidden_layer_sizes": (), **settings}
    return cls(**settings).fit(TEXTS, LABELS)


def rows(model: Any) -> Any:
    return model._state().network.parameters()[TABLE]


@pytest.mark.parametrize("qnorm", [False, True])
@pytest.mark.parametrize("dsub", [1, 2, 3, 4, 10, 99])
def test_each_part_is_its_nearest_centroid(dsub: int, qnorm: bool) -> None:
    table = RNG.normal(size=(700, 10)).astype(np.float32)
    codes = Codes.of(table, dsub, qnorm, seed=3)
    again = Codes.of(table, dsub, qnorm, seed=3)
    np.testing.assert_array_equal(codes.codes, again.codes)
    np.testing.assert_array_equal(codes.rows(), again.rows())
    wanted = table
    if qnorm:
        length = np.linalg.norm(table.astype(np.float64), axis=1)
        wanted = table / length[:, None]
        assert codes.lengths is not None and codes.length_centroids is not None
        off = np.abs(length[:, None] - codes.length_centroids)
        np.testing.assert_allclose(
            off[np.arange(700), codes.lengths], off.min(axis=1), rtol=1e-3, atol=1e-5
        )
    dsub = min(dsub, 10)
    for part, begin in enumerate(range(0, 10, dsub)):
        x = wanted[:, begin : begin + dsub].astype(np.float64)
        width = x.shape[1]
        centroids = codes.centroids[256 * begin : 256 * (begin + width)].reshape(256, width)
        distance = ((x[:, None] - centroids) ** 2).sum(axis=2)
        chosen = distance[np.arange(700), codes.codes[:, part]]
        np.testing.assert_allclose(chosen, distance.min(axis=1), rtol=1e-3, atol=1e-6)
        if not qnorm:
            np.testing.assert_array_equal(
                codes.rows()[:, begin : begin + width], centroids[codes.codes[:, part]]
            )


@pytest.mark.parametrize("cls", [TextClassifier, TextRegressor])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("qnorm", [False, True])
def test_a_file_holds_codes(cls: Any, dtype: Any, qnorm: bool, tmp_path: Path) -> None:
    model = trained(cls, embedding_dim=64)
    before = rows(model).copy()
    small = model.quantize(dsub=4, qnorm=qnorm)
    assert type(small) is cls and small.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(rows(model), before)
    error = np.abs(rows(small) - before).mean()
    assert 0 < error < 0.5 * np.abs(before).mean()
    model.save(tmp_path / "large", optimizer_state=False)
    small.save(tmp_path / "small", optimizer_state=False, dtype=dtype)
    sizes = [(tmp_path / name).stat().st_size for name in ("large", "small")]
    # 300 rows of 16 codes, 256 rows of centroids
    assert sizes[0] - sizes[1] > 300 * 64 * 4 - 300 * 17 - 257 * 64 * 4 - 3000
    read = cls.load(tmp_path / "small")
    np.testing.assert_array_equal(rows(read), rows(small))
    if dtype == "float32":
        np.testing.assert_array_equal(read.predict(TEXTS), small.predict(TEXTS))
    read.save(tmp_path / "again", optimizer_state=False)
    if dtype == "float32":
        assert (tmp_path / "again").stat().st_size == sizes[1]
    np.testing.assert_array_equal(rows(cls.load(tmp_path / "again")), rows(small))


def test_what_is_trained_on_is_saved_as_it_is(tmp_path: Path) -> None:
    small = trained().quantize()
    small.partial_fit(TEXTS[:20], LABELS[:20])
    small.save(tmp_path / "m")
    read = TextClassifier.load(tmp_path / "m")
    np.testing.assert_array_equal(rows(read), rows(small))
    np.testing.assert_array_equal(read.predict_proba(TEXTS), small.predict_proba(TEXTS))
    grown = (
        trained().quantize().partial_fit([*TEXTS[:20], "new words come " * 3], [*LABELS[:20], 1])
    )
    grown.save(tmp_path / "g")
    np.testing.assert_array_equal(rows(TextClassifier.load(tmp_path / "g")), rows(grown))


def test_accuracy_stays_near_and_fewer_ngrams_first() -> None:
    model = trained(word_ngrams=2, epochs=20)
    small = model.quantize(keep=40)
    assert len(rows(small)) <= len(rows(model.prune(keep=40)))
    assert abs(model.quantize().score(TEXTS, LABELS) - model.score(TEXTS, LABELS)) < 0.05


def test_wrong_arguments(tmp_path: Path) -> None:
    model = trained()
    for arguments, word in (
        ({"dsub": 0}, "dsub"),
        ({"dsub": 1.5}, "dsub"),
        ({"qnorm": 2}, "qnorm"),
        ({"keep": -1}, "keep"),
    ):
        with pytest.raises((ValueError, TypeError), match=word):
            model.quantize(**arguments)
    with pytest.raises(ValueError, match="not fitted"):
        TextClassifier().quantize()
    few = TextClassifier(epochs=1).fit(["a b", "c"], [0, 1])
    with pytest.raises(ValueError, match="256 rows, got"):
        few.quantize()
    rows(model)[3, 1] = np.nan
    with pytest.raises(ValueError, match="finite"):
        model.quantize()
    for x, word in (
        (np.zeros((300, 4), np.int32), "dtype"),
        (np.zeros(300, np.float32), "2-D"),
        (np.zeros((300, 0), np.float32), "2-D"),
        (np.full((300, 4), np.inf, np.float32), "finite"),
        (np.zeros((255, 4), np.float32), "256"),
    ):
        with pytest.raises((ValueError, TypeError), match=word):
            _pyffnn.quantise_rows(x, 2, 0)
    assert not hasattr(FFNNClassifier, "quantize")


def test_damaged_codes(tmp_path: Path) -> None:
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    trained().quantize(qnorm=True).save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", "numpy") as file:
        metadata = file.metadata()
    tensors = load_file(tmp_path / "m.safetensors")
    names = [name for name in tensors if name.startswith(f"{TABLE}.")]
    assert f"{TABLE}.codes" in names and TABLE not in tensors
    changed = [
        {**tensors, name: tensors[name][:-1] if tensors[name].size > 1 else tensors[name] + 5}
        for name in names
        if name.split(".")[1] in ("codes", "centroids", "dsub", "lengths", "length_centroids")
    ]
    changed += [{n: a for n, a in tensors.items() if n != name} for name in names[:2]]
    for some in changed:
        save_file(some, tmp_path / "d.safetensors", metadata)
        with pytest.raises(ValueError, match="damaged"):
            TextClassifier.load(tmp_path / "d.safetensors")
