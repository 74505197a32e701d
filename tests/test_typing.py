"""What a type checker knows: the names that settings may be, as the table of settings has them, and a user's mistakes."""

from __future__ import annotations

import os
import re
import types
import typing
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pytest

from pyffnn.models.kinds import Choice, Choices
from pyffnn.models.parameters import SETTINGS
from pyffnn.ops import ACTIVATIONS, Activation
from pyffnn.precision import PRECISIONS, Precision

ROOT = Path(__file__).resolve().parents[1]
MODELS = {
    "FFNNClassifier": "pyffnn",
    "FFNNRegressor": "pyffnn",
    "TextClassifier": "pyffnn",
    "TextRegressor": "pyffnn",
    "LanguageModel": "pyffnn",
    "KneserNeyLM": "pyffnn.models.ngram",
}


def names(hint: Any) -> set[str]:
    """The strings of all Literals of a type, those inside sequences excepted; a plain str is "str"."""
    if hint is str:
        return {"str"}
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return {name for name in inside if isinstance(name, str)}
    if origin in (typing.Union, types.UnionType):
        return set().union(*map(names, inside))
    return set()


def names_in_sequences(hint: Any) -> set[str]:
    inside = typing.get_args(hint)
    if typing.get_origin(hint) is Sequence:
        return set().union(*map(names, inside))
    return set().union(*map(names_in_sequences, inside))


@pytest.mark.parametrize("model", SETTINGS)
def test_signatures_have_the_names_of_the_table(model: str) -> None:
    cls = getattr(import_module(MODELS[model]), model)
    hints = typing.get_type_hints(cls.__init__)
    for name, setting in SETTINGS[model].items():
        said = names(hints[name]) - {"str"}
        assert said == set(setting.choices), name
        if any(isinstance(kind, Choice) for kind in setting.kinds) and not said:
            raise AssertionError(f"{name} is no Literal")
        several = [kind for kind in setting.kinds if isinstance(kind, Choices)]
        assert names_in_sequences(hints[name]) - {"str"} == set().union(
            *(k.names for k in several)
        ), name


def test_kernels_have_the_names_that_they_check() -> None:
    assert set(typing.get_args(Activation)) == ACTIVATIONS.keys() - {None}
    assert typing.get_args(Precision) == PRECISIONS


def test_what_users_call_has_types() -> None:
    for model, module in MODELS.items():
        cls = getattr(import_module(module), model)
        for method in ("predict", "predict_proba", "score", "fit", "perplexity", "log_prob"):
            if hasattr(cls, method):
                assert typing.get_type_hints(getattr(cls, method))["return"] is not Any, method


def test_mypy_refuses_a_users_mistakes_and_nothing_else() -> None:
    api = pytest.importorskip("mypy.api")
    file = Path(__file__).with_name("typed_user.py")
    expected = {
        (number, found[1])
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if (found := re.search(r"# wrong: (\S+)$", line))
    }
    config = ROOT / "pyproject.toml"
    before = Path.cwd()
    os.chdir(ROOT)  # where the cache of a check of all sources is
    try:
        said, errors, _ = api.run(["--config-file", str(config), str(file)])
    finally:
        os.chdir(before)
    assert not errors
    found = re.findall(r"^.*typed_user\.py:(\d+): error: .*\[(\S+)\]$", said, re.MULTILINE)
    assert {(int(line), code) for line, code in found} == expected, said
