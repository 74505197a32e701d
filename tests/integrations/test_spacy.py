"""The component `pyffnn_textcat` in spaCy's pipelines, and spaCy's own categorisers on `PyffnnOps`."""

# ruff: noqa: E402 (without spaCy the file is skipped)

from __future__ import annotations

import numpy as np
import pytest

spacy = pytest.importorskip("spacy")

from spacy.training import Example
from thinc.api import fix_random_seed, registry, use_ops

import pyffnn
from pyffnn.integrations.spacy import PyffnnTextCategorizer, use_ops_callback

pytestmark = pytest.mark.filterwarnings("ignore")
TEXTS = [
    ("I'm so happy.", "POSITIVE"),
    ("What a lovely day!", "POSITIVE"),
    ("great, lovely plot", "POSITIVE"),
    ("I'm so angry", "NEGATIVE"),
    ("What an awful day!", "NEGATIVE"),
    ("dire, awful plot", "NEGATIVE"),
]


def exclusive(nlp):
    labels = ("POSITIVE", "NEGATIVE")
    return [
        Example.from_dict(
            nlp.make_doc(t), {"cats": {name: float(name == label) for name in labels}}
        )
        for t, label in TEXTS
    ]


def trained(config=None, updates=40):
    nlp = spacy.blank("en")
    nlp.add_pipe("pyffnn_textcat", config=config or {})
    examples = exclusive(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(updates):
        losses = {}
        nlp.update(examples, sgd=optimizer, losses=losses)
    return nlp, examples, losses


def test_learns_and_scores():
    nlp, examples, losses = trained({"settings": {"word_ngrams": 2, "char_ngrams": [3, 4]}})
    assert losses["pyffnn_textcat"] < 0.2
    cats = nlp("a lovely day").cats
    assert cats["POSITIVE"] > 0.5
    assert sum(cats.values()) == pytest.approx(1)
    assert nlp.evaluate(examples)["cats_score"] == 1
    pipe = nlp.get_pipe("pyffnn_textcat")
    assert isinstance(pipe.classifier, pyffnn.TextClassifier)
    assert pipe.labels == ("POSITIVE", "NEGATIVE")
    assert pipe.classifier.char_ngrams == (3, 4)
    together = [doc.cats for doc in nlp.pipe([t for t, _ in TEXTS])]
    assert together == [nlp(t).cats for t, _ in TEXTS]


def test_kept_in_files_and_bytes(tmp_path):
    nlp, _, _ = trained()
    expected = nlp("great day").cats
    nlp.to_disk(tmp_path / "m")
    assert spacy.load(tmp_path / "m")("great day").cats == expected
    other = spacy.blank("en")
    other.add_pipe("pyffnn_textcat")
    assert other.from_bytes(nlp.to_bytes())("great day").cats == expected
    model = pyffnn.TextClassifier.load(tmp_path / "m" / "pyffnn_textcat" / "model.safetensors")
    assert model.predict_proba(["great day"])[0, 1] == pytest.approx(expected["POSITIVE"])
    # a pipe that has learned nothing can be kept too, and learning goes on after reading
    empty = spacy.blank("en")
    empty.add_pipe("pyffnn_textcat")
    empty.to_disk(tmp_path / "empty")
    assert not spacy.load(tmp_path / "empty").get_pipe("pyffnn_textcat").labels
    again = spacy.load(tmp_path / "m")
    again.update(exclusive(again))


def test_several_labels():
    nlp = spacy.blank("en")
    nlp.add_pipe("pyffnn_textcat", config={"exclusive_classes": False})
    data = [
        ("angry and confused", {"ANGRY": 1.0, "CONFUSED": 1.0, "HAPPY": 0.0}),
        ("confused but happy", {"ANGRY": 0.0, "CONFUSED": 1.0, "HAPPY": 1.0}),
    ]
    examples = [Example.from_dict(nlp.make_doc(t), {"cats": cats}) for t, cats in data]
    nlp.initialize(lambda: examples)
    for _ in range(80):
        nlp.update(examples)
    for text, cats in data:
        found = nlp(text).cats
        assert {k: float(v > 0.5) for k, v in found.items()} == cats
    assert nlp.evaluate(examples)["cats_macro_f"] == 1


def test_errors():
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("pyffnn_textcat")
    with pytest.raises(ValueError, match="initialize"):
        nlp("text")
    examples = exclusive(nlp)
    with pytest.raises(TypeError):
        nlp.initialize(list)
    nlp.initialize(lambda: examples)
    with pytest.raises(ValueError, match="cannot be added after"):
        pipe.add_label("OTHER")
    assert pipe.add_label("POSITIVE") == 0
    wrong = Example.from_dict(nlp.make_doc("x"), {"cats": {"POSITIVE": 1.0, "NEGATIVE": 1.0}})
    with pytest.raises(ValueError):
        nlp.update([wrong])
    with pytest.raises(ValueError, match="multilabel"):
        PyffnnTextCategorizer(nlp.vocab, settings={"multilabel": True})
    with pytest.raises(NotImplementedError, match="rehearsal"):
        pipe.rehearse(examples)
    with pytest.raises(ValueError):
        spacy.blank("en").add_pipe(
            "pyffnn_textcat", config={"settings": {"word_ngrams": 0}}
        ).initialize(lambda: examples)


def test_words_that_come_later():
    nlp, examples, _ = trained(updates=5)
    rows = len(nlp.get_pipe("pyffnn_textcat").classifier.vocabulary_)
    new = Example.from_dict(
        nlp.make_doc("splendid splendid"), {"cats": {"POSITIVE": 1.0, "NEGATIVE": 0.0}}
    )
    for _ in range(30):
        nlp.update([new, *examples])
    assert len(nlp.get_pipe("pyffnn_textcat").classifier.vocabulary_) > rows
    assert nlp("splendid").cats["POSITIVE"] > 0.5


@pytest.mark.parametrize("architecture", ["bow", "ensemble"])
def test_their_categoriser_trains_on_our_operations(architecture):
    """Unchanged but for the operations, to the same accuracy."""
    model = {
        "bow": {
            "@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1,
            "no_output_layer": False, "length": 4096,
        },
        "ensemble": {
            "@architectures": "spacy.TextCatEnsemble.v2",
            "tok2vec": {
                "@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None, "width": 16, "depth": 1,
                "embed_size": 200, "window_size": 1, "maxout_pieces": 2, "subword_features": True,
            },
            "linear_model": {
                "@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 1,
                "no_output_layer": False, "length": 4096,
            },
        },
    }[architecture]  # fmt: skip
    if "pyffnn" not in registry.ops.get_all():
        pytest.skip("pyffnn is not installed with its entry points")
    found = {}
    for ops in ("pyffnn", "numpy"):
        with use_ops(ops):
            fix_random_seed(0)
            nlp = spacy.blank("en")
            pipe = nlp.add_pipe("textcat", config={"model": model})
            examples = exclusive(nlp)
            optimizer = nlp.initialize(lambda examples=examples: examples)
            assert pipe.model.ops.name == ops
            for _ in range(25):
                losses = {}
                nlp.update(examples, sgd=optimizer, losses=losses)
            scores = pipe.predict([nlp.make_doc(t) for t, _ in TEXTS])
            found[ops] = nlp.evaluate(examples)["cats_score"], losses["textcat"], scores
    assert found["pyffnn"][0] == found["numpy"][0] == 1
    assert found["pyffnn"][1] == pytest.approx(found["numpy"][1], rel=0.05, abs=1e-3)
    np.testing.assert_allclose(found["pyffnn"][2], found["numpy"][2], atol=0.02)


def test_callback():
    from thinc.api import get_current_ops, set_current_ops

    before = get_current_ops()
    try:
        nlp = object()
        assert use_ops_callback()(nlp) is nlp
        assert get_current_ops().name == "pyffnn"
    finally:
        set_current_ops(before)
