"""The page of the models' settings, from their table: `python docs/settings.py` writes it anew."""

from __future__ import annotations

import inspect
from pathlib import Path

from pyffnn import FFNNClassifier, FFNNRegressor, LanguageModel, TextClassifier, TextRegressor
from pyffnn.models.ngram import KneserNeyLM
from pyffnn.models.parameters import SETTINGS

PAGE = Path(__file__).parent / "reference" / "settings.md"
MODELS = (
    FFNNClassifier,
    TextClassifier,
    FFNNRegressor,
    TextRegressor,
    LanguageModel,
    KneserNeyLM,
)

_HEAD = """# Settings

What each argument of the models may be: `fit` checks all of them before it does anything else, and names the one that is wrong. NumPy's
numbers and truth values count as Python's. `pyffnn train --help` and `pyffnn lm train --help` show the same. Written by `docs/settings.py`.
"""


def page() -> str:
    """The page as it must be."""
    parts = [_HEAD]
    for cls in MODELS:
        parts.append(
            f"\n## {cls.__name__}\n\n| argument | values | default | meaning |\n|---|---|---|---|\n"
        )
        for name, parameter in inspect.signature(cls).parameters.items():
            setting = SETTINGS[cls.__name__][name]
            default = repr(parameter.default).replace("'", '"')
            row = (f"`{name}`", setting.values, f"`{default}`", setting.doc)
            parts.append("| " + " | ".join(row) + " |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
