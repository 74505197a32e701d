"""ARPA files against a reader of their own, against KenLM, and against the model that wrote them."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyffnn.corpus import IdVocabulary
from pyffnn.models.ngram import KneserNeyLM


def read_arpa(text: str) -> tuple[dict[int, int], dict[tuple[str, ...], tuple[float, float]]]:
    """Counts of the header, and log10 probability and back-off weight of each n-gram."""
    promised: dict[int, int] = {}
    found: dict[tuple[str, ...], tuple[float, float]] = {}
    k = 0
    lines = text.split("\n")
    assert lines[0] == "\\data\\" and "\\end\\" in lines
    for line in lines[1 : lines.index("\\end\\")]:
        if line.startswith("ngram "):
            order, count = line[6:].split("=")
            promised[int(order)] = int(count)
        elif line.startswith("\\"):
            k = int(line[1:].removesuffix("-grams:"))
        elif line:
            p, gram, *weight = line.split("\t")
            words = tuple(gram.split(" "))
            assert len(words) == k and words not in found
            found[words] = float(p), float(weight[0]) if weight else 0.0
    return promised, found


def backed_off(found: Any, order: int, context: list[str], word: str) -> float:
    """log10 probability by the definition of the form."""
    context = context[len(context) - order + 1 :] if len(context) >= order else context
    gram = (*context, word)
    if gram in found:
        return float(found[gram][0])
    assert context, f"{word} is no unigram"
    weight = found[tuple(context)][1] if tuple(context) in found else 0.0
    return float(weight + backed_off(found, order, context[1:], word))


def some_sentences(n: int = 80, seed: int = 0, words: int = 12) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    draw = lambda: [f"w{min(int(z), words)}" for z in rng.zipf(1.4, rng.integers(1, 8))]  # noqa: E731
    return [draw() for _ in range(n)]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=6), min_size=1, max_size=12),
    st.integers(1, 7),
    st.sampled_from([None, "</s>", "<end>"]),
    st.integers(1, 2),
)
def test_the_definition_gives_what_the_model_gives(
    tmp_path_factory: Any, sentences: Any, order: int, eos: str | None, min_count: int
) -> None:
    path = tmp_path_factory.mktemp("arpa") / "model.arpa"
    model = KneserNeyLM(order, eos_token=eos, min_count=min_count).fit(sentences)
    model.to_arpa(path)
    promised, found = read_arpa(path.read_text())
    for k in range(1, order + 1):
        assert promised[k] == sum(len(gram) == k for gram in found)
        assert eos is not None or promised[k] == model.num_ngrams_[k - 1]
    names = {eos: "</s>"} if eos else {}
    tokens = [w if w in model.vocabulary_ else "<unk>" for w in "a b z c a a e d b".split()]
    tokens = [*tokens, eos, *tokens] if eos else tokens
    written = [names.get(token, token) for token in tokens]
    expected = [backed_off(found, order, written[:i], word) for i, word in enumerate(written)]
    np.testing.assert_allclose(model.log_prob(tokens) / math.log(10), expected, atol=1e-7)
    sums = sum(10 ** found[gram][0] for gram in found if len(gram) == 1)
    assert sums == pytest.approx(1, abs=1e-6)

    again = KneserNeyLM.from_arpa(path)
    assert again.order == order and again.vocabulary_.eos_token == (eos and "</s>")
    np.testing.assert_allclose(again.log_prob(written), model.log_prob(tokens), atol=1e-7)
    theirs = again.vocabulary_.encode([names.get(w, w) for w in model.vocabulary_.words])
    for context in ([], ["a"], ["a", "b", "z", "c"]):
        p = again.next_distribution(context)[theirs]
        np.testing.assert_allclose(p, model.next_distribution(context), atol=1e-8)
    sentence = "a b a z"
    assert again.score(sentence) == pytest.approx(model.score(sentence), abs=1e-7)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_sentences_as_kenlm_scores_them(order: int, tmp_path: Path) -> None:
    """`<s>` stands where KenLM asks for it: its rule written out, and KenLM itself where it is installed."""
    model = KneserNeyLM(order, eos_token="<end>").fit(some_sentences())
    model.to_arpa(tmp_path / "model.arpa")
    _, found = read_arpa((tmp_path / "model.arpa").read_text())
    assert found[("<s>",)][0] == -99
    for sentence in ("w1 w2 w1", "w3 zz w1 w1 w1 w2", "", "w9"):
        words = [w if w in model.vocabulary_ else "<unk>" for w in sentence.split()]
        for bos in (False, True):
            for eos in (False, True):
                line = ["<s>"] * bos + words + ["</s>"] * eos
                each = [backed_off(found, order, line[:i], line[i]) for i in range(bos, len(line))]
                scores = model.full_scores(sentence, bos=bos, eos=eos)
                np.testing.assert_allclose([s.log10_prob for s in scores], each, atol=1e-7)
                assert model.score(sentence, bos, eos) == pytest.approx(sum(each), abs=1e-6)
                assert [s.oov for s in scores] == [w == "<unk>" for w in line[bos:]]
                for i, score in enumerate(scores, bos):
                    known = [
                        n
                        for n in range(1, min(order, i + 1) + 1)
                        if tuple(line[i + 1 - n : i + 1]) in found
                    ]
                    assert score.ngram_length == max(known)
    if order == 1:
        return  # KenLM reads none
    kenlm = pytest.importorskip("kenlm")
    theirs = kenlm.Model(str(tmp_path / "model.arpa"))
    for sentence in ("w1 w2 w1", "w3 zz w1 w1 w1 w2", "", "w9"):
        for bos in (False, True):
            for eos in (False, True):
                ours = model.full_scores(sentence, bos=bos, eos=eos)
                for a, b in zip(ours, theirs.full_scores(sentence, bos=bos, eos=eos), strict=True):
                    assert a.log10_prob == pytest.approx(b[0], abs=1e-5) and a[1:] == b[1:]


KATZ = """
\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-99 <s> -0.2
-0.6 </s>
-0.5 a -0.3
-0.7 b -0.1
-1.2 c

\\2-grams:
-0.1 <s> a -0.05
-0.9 a b 0.12
-2.5 b a
-0.4 b </s>

\\3-grams:
-0.2 <s> a b
-0.3 a b </s>

\\end\\
"""


def test_a_file_of_another_origin(tmp_path: Path) -> None:
    """Back-off weights above 1, a rare n-gram below its back-off, spaces for tabs, no <unk>."""
    for name, write in (("a.arpa", open), ("a.arpa.gz", gzip.open)):
        with write(tmp_path / name, "wt") as file:
            file.write(KATZ)
        model = KneserNeyLM.from_arpa(tmp_path / name)
        assert model.order == 3 and model.num_ngrams_ == (5, 4, 2)
        assert model.vocabulary_.words == ["<unk>", "</s>", "a", "b", "c"]
        assert model.score("a b") == pytest.approx(-0.1 - 0.2 - 0.3)
        assert model.score("b a", bos=False) == pytest.approx(-0.7 - 2.5 - 0.3 - 0.6)
        assert model.score("b c", eos=False) == pytest.approx(-0.2 - 0.7 - 0.1 - 1.2)
        # "b" after "a b" at a sentence's beginning: no trigram, weight of "a b", no bigram, weight of "b"
        assert model.full_scores("a b b")[2].log10_prob == pytest.approx(0.12 - 0.1 - 0.7)
        assert model.score("x", eos=False) == pytest.approx(-100.2, abs=1e-3)
        # a stream: the words of the sentence before do not matter after its end
        stream = model.log_prob("a b </s> a b </s>")
        assert stream[3] / math.log(10) == pytest.approx(-0.1)
        with pytest.raises(ValueError, match="valid is needed"):
            model.mix(model)


def test_pruned_prefixes_are_filled_in(tmp_path: Path) -> None:
    text = KATZ.replace("ngram 2=4", "ngram 2=3").replace("-0.9 a b 0.12\n", "")
    (tmp_path / "a.arpa").write_text(text)
    model = KneserNeyLM.from_arpa(tmp_path / "a.arpa")
    assert model.full_scores("a b")[2].log10_prob == pytest.approx(-0.3)
    assert model.score("a b", bos=False, eos=False) == pytest.approx(-0.5 - 0.3 - 0.7)


def test_ids_stay_ids(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 7, 300)
    model = KneserNeyLM(3, vocabulary=9).fit(ids)
    model.to_arpa(tmp_path / "a.arpa.gz")
    again = KneserNeyLM.from_arpa(tmp_path / "a.arpa.gz")
    assert again.vocabulary_ == IdVocabulary(9) and again.eos_token is None
    np.testing.assert_allclose(again.log_prob(ids), model.log_prob(ids), atol=1e-8)
    assert np.isnan(again.discounts_).all() and again.num_tokens_ == 0


def test_a_text_with_marks_of_its_own(tmp_path: Path) -> None:
    """`<s>` that is predicted is a word like any other."""
    sentences = [["<s>", *sentence, "</s>"] for sentence in some_sentences(30)]
    model = KneserNeyLM(3).fit(sentences)
    model.to_arpa(tmp_path / "a.arpa")
    again = KneserNeyLM.from_arpa(tmp_path / "a.arpa")
    assert again.eos_token is None and again.vocabulary_ == model.vocabulary_
    np.testing.assert_allclose(again.log_prob(sentences), model.log_prob(sentences), atol=1e-7)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"line 2: an ARPA file begins with \\data\\"),
        ("ngram 1=5\n", "", "line 3: 'ngram 1=NUMBER' was expected"),
        ("ngram 1=5", "ngram 1=many", "line 3: 'ngram 1=NUMBER' was expected"),
        ("ngram 1=5", "ngram 1=6", "line 14: 6 1-grams were promised, 5 are there"),
        ("\\2-grams:", "\\3-grams:", "2-grams: was expected"),
        ("-0.5 a -0.3", "-0.5 a b -0.3", "line 10: a 1-gram with its log10 probability"),
        ("-0.5 a -0.3", "half a -0.3", "line 10: a 1-gram between two numbers"),
        ("-0.5 a -0.3", "0.5 a -0.3", "line 10: a log10 probability is at most 0"),
        ("-0.5 a -0.3", "nan a -0.3", "line 10: a log10 probability is at most 0"),
        ("-0.5 a -0.3", "-0.5 a nan", "line 10: a log10 probability is at most 0"),
        ("-1.2 c", "-1.2 a", "line 12: 'a' stands there twice"),
        ("-2.5 b a", "-2.5 x a", "line 17: 'x' is none of the 1-grams"),
        ("-2.5 b a", "-2.5 a b", "an n-gram twice: \\['a', 'b'\\]"),
        ("\n\\end\\\n", "", r"\\end\\ was expected"),
        ("-1.2 c", "-1.2 \udcff", "a word is no UTF-8"),
    ],
)  # fmt: skip
def test_damaged_files(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in KATZ
    path = tmp_path / "a.arpa"
    path.write_text(KATZ.replace(old, new), errors="surrogateescape")
    with pytest.raises(ValueError, match=message):
        KneserNeyLM.from_arpa(path)


def test_other_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.arpa"
    with pytest.raises(FileNotFoundError):
        KneserNeyLM.from_arpa(path)
    for data in (b"", b"\x00\xff", b"\x1f\x8bnothing", gzip.compress(KATZ.encode())[:-20]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"a\.arpa"):
            KneserNeyLM.from_arpa(path)
    header = "\\data\\\n" + "".join(f"ngram {k}=1\n" for k in range(1, 9))
    path.write_text(header)
    with pytest.raises(ValueError, match="order 8, the most is 7"):
        KneserNeyLM.from_arpa(path)
    with pytest.raises(ValueError, match="not fitted yet"):
        KneserNeyLM().to_arpa(path)
    for words, options, message in (
        ([["a b", "c"]], {}, "'a b' cannot stand in an ARPA file"),
        ([["a", "</s>"]], {"eos_token": "<end>"}, "the name that an ARPA file has for '<end>'"),
        ([["a", "<s>"]], {"eos_token": "</s>"}, "needs for the sentence's beginning"),
        ([["a", "<unk>"]], {"unk_token": "<?>"}, "the name that an ARPA file has for '<\\?>'"),
    ):
        with pytest.raises(ValueError, match=message):
            KneserNeyLM(2, **options).fit(words).to_arpa(path)
    assert path.read_text() == header
