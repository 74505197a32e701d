"""Without its host a bridge says what to install; the rest of the library does not ask."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "host", "extra"),
    [
        ("thinc", "thinc", "thinc"),
        ("spacy", "spacy", "spacy"),
        ("sklearn", "sklearn", "sklearn"),
        ("sklearn.vectorizers", "sklearn", "sklearn"),
    ],
)
def test_what_to_install(module, host, extra):
    code = f"""
import sys
sys.modules[{host!r}] = None
import pyffnn
pyffnn.TextClassifier
try:
    import pyffnn.integrations.{module}
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"pip install 'pyffnn[{extra}]'" in done.stdout
