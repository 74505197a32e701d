"""Word vectors made elsewhere: forms of their files, objects that hold them, words that are not among them."""

from __future__ import annotations

import gzip
import types

import numpy as np
import pytest

from pyffnn import TextClassifier
from pyffnn.io import load_vectors


def written(path, text):
    path.write_bytes(text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        b"2\t2\ngood\t1\t0\nnew york\t0\t1\n",
        b"\xef\xbb\xbf2 2\r\ngood 1 0 \r\n\r\nnew york 0 1\r\n",
        b"9 2\ngood 1 0\nnew york 0 1\n",
    ],
    ids=["tabs", "byte order mark", "wrong count"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_forms_of_text_files(tmp_path, text, packed):
    # the content says whether a file is packed, not its name
    path = written(tmp_path / "v.vec", gzip.compress(text) if packed else text)
    words, vectors = load_vectors(path)
    assert words == ["good", "new york"] and vectors.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("name", ["index_to_key", "index2word"])
@pytest.mark.parametrize("whole", [False, True])
def test_keyed_vectors(name, whole):
    keyed = types.SimpleNamespace(vectors=np.eye(2), **{name: ["good", "bad"]})
    given = types.SimpleNamespace(wv=keyed) if whole else keyed
    model = TextClassifier(pretrained_vectors=given, freeze_embeddings=True, epochs=1)
    model.fit(["good film", "bad film"], [0, 1])
    assert model.word_vector("bad").tolist() == [0, 1]


def test_vectors_of_other_words_are_said():
    model = TextClassifier(pretrained_vectors={"other": [1.0, 2.0]}, epochs=1)
    with pytest.warns(UserWarning, match="none of the 3 words of the texts"):
        model.fit(["good film", "bad film"], [0, 1])
