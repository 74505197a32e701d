"""The second half: a neural language model and n-grams on the King James Bible."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

from pyffnn.demo.report import Clock, heading, table, value
from pyffnn.models.language_model import LanguageModel
from pyffnn.models.ngram import KneserNeyLM, Mixture

__all__ = ["Parts", "read", "run", "split"]

Paragraphs = list[list[str]]

_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[^\w\s]")
_RUN = 20
"""Paragraphs in a row that go to the same part."""
_PROMPTS = ("And the LORD said unto Moses ,", "In the beginning", "Blessed are they that")
_NEIGHBOURS = ("king", "bread", "David", "three")


class Parts(NamedTuple):
    train: Paragraphs
    valid: Paragraphs
    test: Paragraphs


def read(path: Path) -> Paragraphs:
    """Words and punctuation marks of each paragraph.

    ``path``: the package's module, in which ``bible = Bible(version, text, ...)`` stands. It is
    parsed, not run: it would import two further packages. Brackets around words that the
    translators added are left out.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            for argument in node.value.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    text = argument.value.replace("[", "").replace("]", "")
                    return [_TOKEN.findall(line) for line in text.splitlines() if line.strip()]
    raise ValueError(f"{str(path)!r} has no text of the Bible")


def split(paragraphs: Paragraphs) -> Parts:
    """Runs of neighbouring paragraphs: of twenty runs one for validation, one for the test."""
    parts = Parts([], [], [])
    for i, paragraph in enumerate(paragraphs):
        place = i // _RUN % 20
        parts[1 if place == 9 else 2 if place == 19 else 0].append(paragraph)
    return parts


def join(words: list[str]) -> str:
    """Words and marks as a text."""
    return re.sub(r" ([^\w\s(])", r"\1", " ".join(words)).replace("( ", "(")


def run(path: Path, output: Path, *, quick: bool = False, verbose: int = 1) -> None:
    """Train, compare and use; the model is written into the directory ``output``.

    ``quick``: a tenth of the text and a smaller network.
    """
    heading("A language model of the King James Bible")
    paragraphs = read(path)
    if quick:
        paragraphs = paragraphs[: len(paragraphs) // 5]
    parts = split(paragraphs)
    sizes = [sum(map(len, part)) for part in parts]
    value(
        "text",
        f"{sum(sizes):,} words and marks: {sizes[0]:,} to train on, {sizes[1]:,} to validate, {sizes[2]:,} to test",
    )
    clock = Clock()
    ngram = KneserNeyLM(5).fit(parts.train, valid=parts.valid)
    value("n-grams", f"modified Kneser-Ney, order 5, counted in {clock.seconds:.1f} s")
    epochs = 3 if quick else 2
    model = LanguageModel(
        vocabulary=ngram.vocabulary_,
        embedding_dim=48 if quick else 80,
        distant_kernels=4,
        distant_window=64,
        hidden_layer_sizes=(96,) if quick else (256,),
        epochs=epochs,
        batch_size=128 if quick else 256,
        dropout=0.1,
        embedding_dropout=0.05,
        word_dropout=0.0,
        clip_norm=None,
        verbose=verbose,
    )
    clock = Clock()
    model.fit(parts.train, valid=parts.valid)
    seconds = clock.seconds
    value("network", f"{model.n_parameters_:,} parameters, {len(model.vocabulary_):,} words")
    speed = epochs * sizes[0] / seconds
    value("trained", f"{epochs} epochs in {seconds:.1f} s, {speed:,.0f} words a second")
    print()
    _compare(model, ngram, parts)
    print()
    _use(model)
    print()
    output.mkdir(parents=True, exist_ok=True)
    saved = output / "bible.safetensors"
    model.save(saved)
    value("model", saved)


def _compare(model: LanguageModel, ngram: KneserNeyLM, parts: Parts) -> None:
    mixture = ngram.mix(model)
    members: list[tuple[str, LanguageModel | KneserNeyLM | Mixture]] = [
        ("Kneser-Ney 5-grams", ngram),
        ("neural model", model),
        (f"both, {mixture.weights_['neural']:.0%} neural", mixture),
        ("both and a cache", ngram.mix(model, cache=True)),
    ]
    table(
        [("model", "test perplexity")]
        + [(name, f"{member.perplexity(parts.test):.1f}") for name, member in members]
    )


def _use(model: LanguageModel) -> None:
    for seed, prompt in enumerate(_PROMPTS):
        words = model.generate(prompt, 40, temperature=0.8, random_state=seed)
        print(join([*prompt.split(), *map(str, words)]) + " ...", flush=True)
    print()
    for word in _NEIGHBOURS:
        if word in model.vocabulary_:
            near = ", ".join(str(other) for other, _ in model.nearest_words(word, 6))
            value(f"near {word!r}", near)
