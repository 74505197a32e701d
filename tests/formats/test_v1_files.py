"""Model files of earlier versions load, and predict, learn and resume to the same bits.

But for float32's tanh, and gelu, which stands on it: its results are closer to the true ones now (docs/decisions.md), so bits may differ by a few.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.v1_files import hexes, words

import pyffnn
from pyffnn import FFNNClassifier, LanguageModel, TextClassifier

FOLDER = Path(__file__).parents[1] / "data" / "v1"
FILES: dict[str, Any] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))["files"]
CLASSES: Any = {cls.__name__: cls for cls in (FFNNClassifier, LanguageModel, TextClassifier)}
WITH_FMA = pyffnn.isa() != "sse2"


def of(*kinds: str) -> list[str]:
    return [name for name in FILES if name.startswith(kinds)]


def load(name: str) -> Any:
    entry = FILES[name]
    more = {"tokenizer": words} if "tokenizer" in entry else {}
    return CLASSES[entry["model"]].load(FOLDER / name, **more)


def floats(values: Any) -> Any:
    return np.array(
        [floats(v) for v in values]
        if isinstance(values[0], list)
        else [float.fromhex(v) for v in values]
    )


def check(model: Any, got: Any, want: Any) -> None:
    if model.activation in ("tanh", "gelu"):
        np.testing.assert_allclose(got, floats(want), rtol=1e-5 if WITH_FMA else 1e-4, atol=1e-6)
    elif WITH_FMA:
        assert hexes(got) == want
    else:
        np.testing.assert_allclose(got, floats(want), rtol=1e-4, atol=1e-6)


def test_every_file_has_its_expectations() -> None:
    assert {path.name for path in FOLDER.glob("*.safetensors")} == set(FILES)
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1 << 20


@pytest.mark.parametrize("name", of("text", "features"))
def test_classifiers(name: str) -> None:
    entry, model = FILES[name], load(name)
    assert model.classes_.tolist() == entry["classes"]
    x = examples(entry)
    check(model, model.predict_proba(x), entry["proba"])
    labels = model.predict(x)
    plain = labels.tolist() if isinstance(labels, np.ndarray) else [list(some) for some in labels]
    assert plain == entry["labels"]
    assert [record["epoch"] for record in model.history_] == list(range(1, 1 + len(model.history_)))


@pytest.mark.parametrize("name", [name for name in FILES if "more" in FILES[name]])
def test_classifiers_learn_on(name: str) -> None:
    entry, model = FILES[name], load(name)
    more = entry["more"]
    y = more["y"]
    if "label_matrix" in name:
        y = np.array(y)
    model.partial_fit(examples(entry, more), y)
    check(model, model.predict_proba(examples(entry)), more["proba"])


@pytest.mark.parametrize("name", [name for name in of("text", "features", "lm") if name in FILES])
def test_a_loaded_model_is_saved_and_loaded(name: str, tmp_path: Path) -> None:
    entry, model = FILES[name], load(name)
    model.save(tmp_path / name)
    more = {"tokenizer": words} if "tokenizer" in entry else {}
    again = CLASSES[entry["model"]].load(tmp_path / name, **more)
    if "tokens" in entry:
        check(again, again.log_prob(entry["tokens"]), entry["log_prob"])
    else:
        check(again, again.predict_proba(examples(entry)), entry["proba"])


@pytest.mark.parametrize("name", of("lm"))
def test_language_models(name: str) -> None:
    entry, model = FILES[name], load(name)
    assert [*model.vocabulary_.decode(np.arange(len(model.vocabulary_)))] == entry["vocabulary"]
    tokens = entry["tokens"]
    check(model, model.log_prob(tokens), entry["log_prob"])
    check(model, model.next_distribution(tokens[:7]), entry["distribution"])


@pytest.mark.parametrize("name", of("lm_checkpoint"))
def test_checkpoints_are_read_but_their_runs_are_over(name: str) -> None:
    """Dropout's keys changed with version 2, so no run of version 1 could go on to the same bits."""
    run = FILES[name]["resume"]
    model = LanguageModel(**run["params"])
    with pytest.raises(ValueError, match=r"written by pyffnn 0\.1\.0.*load\(\) reads its weights"):
        model.fit(run["corpus"], valid=run["valid"], resume=FOLDER / name)
    loaded = LanguageModel.load(FOLDER / name)
    check(loaded, loaded.log_prob(FILES[name]["tokens"]), FILES[name]["log_prob"])


def examples(entry: Any, part: Any = None) -> Any:
    """Texts or features of an entry, in the form that its model was trained on."""
    part = entry if part is None else part
    if "texts" in part:
        return part["texts"]
    x = floats(part["x"]).astype(np.float32)
    if not entry["sparse"]:
        return x
    sparse = pytest.importorskip("scipy.sparse")
    return sparse.csr_matrix(np.where(np.abs(x) < 0.5, 0, x) if part is not entry else x)
