from __future__ import annotations

import pytest
from fasttext_texts import VARIANTS, make_lines

import pyffnn.integrations.fasttext as fasttext


@pytest.fixture(scope="session")
def lines() -> list[str]:
    return make_lines(400)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    plain = [
        " ".join(w for w in line.split() if not w.startswith("__label__"))
        for line in make_lines(60, 1)
    ]
    return [
        *plain,
        "",
        " ",
        "unknown words here",
        "a\tb\x0bc\x0cd\x00e\rf",
        "goal </s> soup",
        "__label__sport goal",
        "ß märchen 銀行",
    ]


@pytest.fixture(scope="session", params=VARIANTS)
def model(request, lines):
    options = {"dim": 10, "epoch": 8, "lr": 0.5, "verbose": 0, **VARIANTS[request.param]}
    return fasttext.train_supervised(lines, **options)
