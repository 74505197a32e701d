"""Calls of fastText's module."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from fasttext_texts import make_lines
from faults.walk import Case

from pyffnn.integrations import fasttext

LINES = make_lines(40)
TEXTS = [line.partition(" ")[2] for line in make_lines(6, seed=1)]
TEXT, FILE, SMALL = "lines.txt", "model.bin", "small.ftz"
SETTINGS: dict[str, Any] = {"dim": 4, "epoch": 2, "minCount": 1, "bucket": 50, "thread": 1, "verbose": 0}  # fmt: skip


def _write(folder: Path) -> None:
    (folder / TEXT).write_text("\n".join(LINES) + "\n", encoding="utf-8")


def _supervised(folder: Path, **more: Any) -> Any:
    return fasttext.train_supervised(str(folder / TEXT), **{**SETTINGS, **more})


def _prepare(folder: Path) -> None:
    _write(folder)
    model = _supervised(folder, wordNgrams=2, bucket=300)  # quantising wants 256 rows
    model.save_model(str(folder / FILE))
    model.quantize()
    model.save_model(str(folder / SMALL))


def _folder(folder: Path) -> SimpleNamespace:
    return SimpleNamespace(folder=folder)


def _loaded(name: str, folder: Path) -> SimpleNamespace:
    return SimpleNamespace(folder=folder, model=fasttext.load_model(str(folder / name)))


def _answers(model: Any) -> Any:
    labels, scores = model.predict(TEXTS, k=2)
    return [[list(row) for row in labels], [list(map(float, row)) for row in scores]]


def _all_of(model: Any) -> Any:
    return [
        model.words,
        model.labels,
        None if model.is_quantized() else model.get_output_matrix(),
        model.get_sentence_vector(TEXTS[0]),
        _answers(model),
    ]


def _scored(x: SimpleNamespace) -> Any:
    from pyffnn.integrations.fasttext.scoring import score_texts

    return score_texts(x.model, TEXTS)


def _file(x: SimpleNamespace) -> bytes:
    return (x.folder / FILE).read_bytes()


def _nothing(x: SimpleNamespace) -> None: ...


def _cases() -> list[Case]:
    cases = [
        Case(
            f"fasttext: train {name}",
            _folder,
            lambda x, more=more: _all_of(_supervised(x.folder, **more)),
            _nothing,
            prepare=_write,
        )
        for name, more in {
            "softmax": {"wordNgrams": 2},
            "hs": {"loss": "hs", "minn": 2, "maxn": 3},
            "ova": {"loss": "ova"},
            "two threads": {"loss": "ns", "thread": 2},
        }.items()
    ]
    cases.append(
        Case(
            "fasttext: train skipgram",
            _folder,
            lambda x: fasttext.train_unsupervised(
                str(x.folder / TEXT), model="skipgram", **SETTINGS
            ).get_input_matrix(),
            _nothing,
            prepare=_write,
        )
    )
    for name in (FILE, SMALL):
        suffix = name.rpartition(".")[2]
        ready = partial(_loaded, name)
        cases += [
            Case(
                f"fasttext: load {suffix}",
                _folder,
                lambda x, name=name: _all_of(_loaded(name, x.folder).model),
                _nothing,
                prepare=_prepare,
            ),
            Case(
                f"fasttext: predict {suffix}",
                ready,
                lambda x: _answers(x.model),
                _nothing,
                prepare=_prepare,
            ),
        ]
    ready = partial(_loaded, FILE)
    cases += [
        Case(
            "fasttext: shorter numbers",
            ready,
            lambda x: [_all_of(x.model.astype(dtype)) for dtype in ("float16", "int8")],
            _nothing,
            prepare=_prepare,
        ),
        Case("fasttext: score", ready, _scored, _nothing, prepare=_prepare),
        Case(
            "fasttext: save",
            ready,
            lambda x: x.model.save_model(str(x.folder / FILE)),
            _file,
            prepare=_prepare,
        ),
        Case(
            "fasttext: quantize",
            ready,
            lambda x: x.model.quantize(),
            lambda x: [x.model.is_quantized(), _answers(x.model)],
            prepare=_prepare,
        ),
    ]
    return cases


CASES = _cases()
