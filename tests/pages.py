"""The `pyffnn` commands of the documentation, and files for them to read."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import json
import random
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from pyffnn import TextClassifier
from pyffnn.cli import main

DOCS = Path(__file__).parents[1] / "docs"


def blocks(page: Path, language: str = r"\w+") -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^ *```(?:{language})\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[tuple[str | None, list[str]]]:
    """(file on standard input, arguments) of each `pyffnn` line."""
    found: list[tuple[str | None, list[str]]] = []
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["cat"] and words[2:4] == ["|", "pyffnn"]:
                found.append((words[1], words[4:]))
            elif words[:1] == ["pyffnn"]:
                found.append((None, words[1:]))
    return found


def write_files() -> None:
    """What the pages' commands read."""
    rng = random.Random(3)
    words = {"good": ["lovely", "fine"], "bad": ["dull", "long"]}

    def text(label: str) -> str:
        return " ".join(
            [rng.choice(words[label]), *rng.choices("the dog film was of".split(), k=5)]
        )

    rows = [(label, text(label)) for label in rng.choices(list(words), k=60)]
    lines = "".join(f"__label__{label} {t}\n" for label, t in rows)
    for name in ("reviews.txt", "held-out.txt", "more.txt", "train.txt"):
        Path(name).write_text(lines)
    for name in ("new.txt", "lines.txt", "corpus.txt", "test.txt", "texts.txt"):
        Path(name).write_text("".join(f"{t}\n" for _, t in rows))
    as_json = [json.dumps({"text": t, "label": label}) + "\n" for label, t in rows]
    for name in ("new.jsonl", "reviews.jsonl"):
        Path(name).write_text("".join(as_json))

    def table(head: tuple[str, str], numbers: bool = False) -> str:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(head)
        writer.writerows(
            (t, {"good": 5, "bad": 1}[label] if numbers else label) for label, t in rows
        )
        return out.getvalue()

    for name in ("reviews.csv", "held-out.csv"):
        Path(name).write_text(table(("text", "label")))
    for name in ("stars.csv", "more.csv"):
        Path(name).write_text(table(("text", "label"), numbers=True))
    with gzip.open("reviews.csv.gz", "wt") as file:
        file.write(table(("body", "stars")))
    TextClassifier(word_ngrams=2).fit([t for _, t in rows], [label for label, _ in rows]).save(
        "film.safetensors"
    )


def run_commands(page: Path, monkeypatch: pytest.MonkeyPatch, without: set[str]) -> None:
    """All of a page's in the current directory, in this process, but for those with an option of ``without``."""
    for stdin, argv in commands(page):
        if without & set(argv):
            continue
        if stdin is not None:
            data: Any = io.TextIOWrapper(io.BytesIO(Path(stdin).read_bytes()))
            monkeypatch.setattr("sys.stdin", data)
        # quick to run: by default 800 MB of hashed rows
        if argv[:2] == ["fasttext", "supervised"]:
            argv += ["-bucket", "1000", "-dim", "8"]
        elif argv[0] == "tune":
            argv += ["--trials", "2"]
        words = [w for word in argv for w in (sorted(glob.glob(word)) if "*" in word else [word])]
        assert main(words) == 0, (page.stem, argv)
