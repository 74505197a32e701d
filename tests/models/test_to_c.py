"""`to_c` of the models of texts: the C code predicts what the model predicts."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import languages
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn import TextClassifier, TextRegressor
from pyffnn.cli import main

GCC = shutil.which("gcc")
needs_gcc = pytest.mark.skipif(GCC is None, reason="no gcc")
MAIN = """
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
/* sizes and texts in; probabilities out, or with a second argument the best label of each */
int main(int argc, char **argv) {
  model *m = argc > 1 ? model_load(argv[1]) : NULL;
  float p[MODEL_CLASSES];
  unsigned int size;
  if (m == NULL) return 3;
  while (fread(&size, 4, 1, stdin) == 1) {
    char *text = malloc(size); /* exactly: a sanitizer sees a byte read beyond */
    if (fread(text, 1, size, stdin) != size || model_predict(m, text, size, p) != 0) return 4;
    if (argc > 2)
      puts(model_label(m, model_best(m, text, size)));
    else
      fwrite(p, sizeof(float), MODEL_CLASSES, stdout);
    free(text);
  }
  if (model_label(m, -1) != NULL || model_label(m, MODEL_CLASSES) != NULL) return 5;
  model_free(m);
  return 0;
}
"""
# a regressor has no labels
NUMBERS = re.sub(r"    if .argc > 2.\n.*\n    else\n  |  if .model_label.*\n", "", MAIN).replace(
    "CLASSES", "NUMBERS"
)
FLAGS = ["-std=c99", "-pedantic", "-O1", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wno-sign-conversion"]  # fmt: skip
TEXTS, LABELS = languages.documents()
PROBES = TEXTS + languages.STRANGE


class Compiled:
    def __init__(self, model: TextClassifier | TextRegressor, folder: Path, *more: str) -> None:
        self.code, self.header, self.weights = model.to_c(folder)
        (folder / "main.c").write_text(MAIN if isinstance(model, TextClassifier) else NUMBERS)
        self.program = folder / "predict"
        sources = [str(self.code), str(folder / "main.c")]
        done = subprocess.run(
            [str(GCC), *FLAGS, *more, *sources, "-o", str(self.program)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    def run(self, texts: list[bytes], *more: str) -> bytes:
        data = b"".join(struct.pack("<I", len(t)) + t for t in texts)
        done = subprocess.run(
            [str(self.program), str(self.weights), *more],
            input=data, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (done.returncode, done.stderr.decode())
        return done.stdout

    def probabilities(self, texts: list[bytes]) -> np.ndarray:
        return np.frombuffer(self.run(texts), np.float32).reshape(len(texts), -1)


def utf8(texts: list[str]) -> list[bytes]:
    return [t.encode() for t in texts]


CASES = {
    "plain": {},
    "sum_hashed": {"pooling": "sum", "word_ngrams": 3, "char_ngrams": (1, 5), "buckets": 100},
    "hashed_words": {"word_ngrams": 2, "char_ngrams": None, "buckets": 50},
    "exact": {"word_ngrams": 4, "char_ngrams": (2, 4), "ngram_min_count": 1},
    "pieces": {"char_ngrams": (3, 64), "min_count": 3},
    "sqrtn_as_it_is": {"pooling": "sqrtn", "lowercase": False, "max_tokens": 4},
    "gelu": {"hidden_layer_sizes": (8,), "activation": "gelu"},
    "norm": {"hidden_layer_sizes": (32, 16), "activation": "tanh", "layer_norm": True},
    "residual": {"hidden_layer_sizes": (8, 8), "residual": True, "layer_norm": True, "activation": "sigmoid"},
    "residual_wide": {"hidden_layer_sizes": (32, 24), "residual": True},
    "concat": {"pooling": "concat", "max_tokens": 5, "activation": "identity", "hidden_layer_sizes": (7,)},
    "concat_linear": {"pooling": "concat"},
    "greatest": {"pooling": "max", "char_ngrams": (2, 3), "ngram_min_count": 1},
    "several": {"pooling": ("mean", "max", "min", "sqrtn", "sum"), "hidden_layer_sizes": (4,), "word_ngrams": 2},
    "weighted": {"pooling": "weighted", "word_ngrams": 2},
    "weighted_hidden": {"pooling": "weighted", "char_ngrams": (2, 3), "hidden_layer_sizes": (4,)},
    "sampled": {"output": "sampled", "samples": 2, "pooling": "sum"},
}  # fmt: skip


@needs_gcc
@pytest.mark.parametrize("case", CASES)
def test_the_code_predicts_what_the_model_does(case: str, tmp_path: Path) -> None:
    model = TextClassifier(epochs=3, **CASES[case]).fit(TEXTS, LABELS)
    compiled = Compiled(model, tmp_path)
    want = model.predict_proba(PROBES)
    np.testing.assert_allclose(compiled.probabilities(utf8(PROBES)), want, atol=2e-6)
    assert compiled.code.stat().st_size + compiled.header.stat().st_size < 60_000


@needs_gcc
def test_rows_of_partial_fit_and_labels_that_are_numbers(tmp_path: Path) -> None:
    model = TextClassifier(epochs=3, word_ngrams=2, char_ngrams=(2, 3))
    codes = [["Größer", "gleich", "kleiner"].index(label) - 1 for label in LABELS]
    model.fit(TEXTS[:80], codes[:80])
    more = [f"{t} novel wörter novel wörter" for t in TEXTS[80:]]
    for part in (slice(0, 50), slice(50, None)):
        model.partial_fit(more[part], codes[80:][part])
    compiled = Compiled(model, tmp_path)
    got = compiled.probabilities(utf8(PROBES + more))
    np.testing.assert_allclose(got, model.predict_proba(PROBES + more), atol=2e-6)
    labels = compiled.run(utf8(TEXTS), "labels").decode().split()
    assert labels == [str(label) for label in model.predict(TEXTS)]


@needs_gcc
def test_several_labels(tmp_path: Path) -> None:
    sets = [[label] if i % 3 else [label, "both"] for i, label in enumerate(LABELS)]
    model = TextClassifier(epochs=3, multilabel=True).fit(TEXTS, sets)
    got = Compiled(model, tmp_path).probabilities(utf8(PROBES))
    np.testing.assert_allclose(got, model.predict_proba(PROBES), atol=2e-6)


@needs_gcc
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"loss": "logistic"},
        {"hidden_layer_sizes": (6,), "word_ngrams": 2},
        {"pooling": "concat"},
    ],
)
def test_a_regressor(settings: dict[str, Any], tmp_path: Path) -> None:
    y = np.array([[len(t), t.count("e") / (1 + len(t))] for t in TEXTS])
    y = y[:, 1] if "loss" in settings else y * 100
    model = TextRegressor(epochs=3, **settings).fit(TEXTS, y)
    got = Compiled(model, tmp_path).probabilities(utf8(PROBES))
    want = model.predict(PROBES).reshape(got.shape)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * np.abs(y).max())
    assert "label" not in (tmp_path / "model.h").read_text()


@needs_gcc
def test_any_bytes(tmp_path: Path) -> None:
    """Those that are no UTF-8 are read as ``decode(errors="replace")`` reads them, and no byte beyond a text is read."""
    model = TextClassifier(epochs=3, word_ngrams=2, char_ngrams=(1, 3), ngram_min_count=1)
    model.fit([*TEXTS, *languages.STRANGE, "\ufffd x", "good\ufffd"], [*LABELS, *["gleich"] * (len(languages.STRANGE) + 2)])  # fmt: skip
    compiled = Compiled(model, tmp_path, "-fsanitize=address,undefined", "-fno-sanitize-recover")

    def check(texts: list[bytes]) -> None:
        want = model.predict_proba([t.decode(errors="replace") for t in texts])
        np.testing.assert_allclose(compiled.probabilities(texts), want, atol=2e-6)

    check(languages.BYTES)
    pieces = st.sampled_from([*languages.BYTES, *utf8(languages.WORDS), *utf8(languages.SPACES)])
    any_text = st.lists(st.binary(max_size=6) | pieces, max_size=8).map(b"".join)

    @settings(max_examples=15, deadline=None)
    @given(st.lists(any_text, min_size=20, max_size=60))
    def many(texts: list[bytes]) -> None:
        check(texts)

    many()


@needs_gcc
def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    compiled = Compiled(model, tmp_path)
    good = compiled.weights.read_bytes()
    other = TextClassifier(epochs=2).fit(TEXTS, LABELS).to_c(tmp_path / "other")[2].read_bytes()
    assert len(other) == len(good)
    for damaged in (b"", good[:-1], good + b"\0", good[:-5] + b"\1" + good[-4:], other):
        compiled.weights.write_bytes(damaged)
        done = subprocess.run(
            [str(compiled.program), str(compiled.weights)], input=b"", check=False
        )
        assert done.returncode == 3
    compiled.weights.unlink()
    done = subprocess.run([str(compiled.program), str(compiled.weights)], input=b"", check=False)
    assert done.returncode == 3


@needs_gcc
def test_two_models_in_one_program(tmp_path: Path) -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    for name in ("first", "second"):
        model.to_c(tmp_path, name=name)
    main = '#include "first.h"\n#include "second.h"\nint main(void) { first_free(0); second_free(0); return FIRST_CLASSES - SECOND_CLASSES; }\n'  # fmt: skip
    (tmp_path / "main.c").write_text(main)
    sources = [str(tmp_path / f"{n}.c") for n in ("first", "second", "main")]
    subprocess.run([str(GCC), *FLAGS, *sources, "-o", str(tmp_path / "two")], check=True)
    subprocess.run([str(tmp_path / "two")], check=True)


def test_the_same_model_gives_the_same_files(tmp_path: Path) -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    first = [p.read_bytes() for p in model.to_c(tmp_path / "a")]
    assert [p.read_bytes() for p in model.to_c(str(tmp_path / "b"))] == first


def test_the_table_is_folded_where_that_makes_it_smaller(tmp_path: Path) -> None:
    small = TextClassifier(epochs=1, embedding_dim=64, char_ngrams=None).fit(TEXTS, LABELS)
    words, classes = len(small.vocabulary_), 3
    *_, weights = small.to_c(tmp_path)
    assert weights.stat().st_size < words * 64 * 4
    assert weights.stat().st_size > words * classes * 4


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    path = tmp_path / "model.safetensors"
    model.save(path)
    assert main(["to-c", str(tmp_path / "c"), "--model", str(path), "--name", "mine"]) == 0
    assert str(tmp_path / "c" / "mine.h") in capsys.readouterr().out
    want = [p.read_bytes() for p in model.to_c(tmp_path / "d", name="mine")]
    assert [(tmp_path / "c" / f"mine.{e}").read_bytes() for e in ("c", "h", "bin")] == want
    assert main(["to-c", str(tmp_path / "c"), "--model", str(path), "--name", "a b"]) == 1
    assert "C identifier" in capsys.readouterr().err


def test_what_the_code_cannot_hold_is_refused(tmp_path: Path) -> None:
    model = TextClassifier(epochs=1, tokenizer=str.split).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="tokenizer object"):
        model.to_c(tmp_path)
    with pytest.raises(ValueError, match="'adaptive'"):
        TextClassifier(epochs=1, output="adaptive", cutoffs=(1,)).fit(TEXTS, LABELS).to_c(tmp_path)
    with pytest.raises(ValueError, match="window=2"):
        TextClassifier(epochs=1, windows=2, pooling="max").fit(TEXTS, LABELS).to_c(tmp_path)
    with pytest.raises(ValueError, match="not fitted"):
        TextClassifier().to_c(tmp_path)
    plain = TextClassifier(epochs=1).fit(TEXTS, LABELS)
    for name in ("", "9a", "a b", "int", "ä", "x" * 65):
        with pytest.raises(ValueError, match="name must be a C identifier"):
            plain.to_c(tmp_path, name=name)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        plain.to_c(tmp_path / "file")
