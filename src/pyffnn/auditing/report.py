"""What an audit found: as lists of texts' numbers, as tables, as a page, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Audit", "LabelError", "Leak"]


class LabelError(NamedTuple):
    """A text whose label is likely wrong: its number, its label, a likelier one, the probabilities of both."""

    text: int
    label: Any
    suggested: Any
    probability: float
    suggested_probability: float


class Leak(NamedTuple):
    """A text of the test set that is in the training set: its number, those of its copies there.

    ``same_labels``: whether they have the same labels; None where one side has none.
    """

    test: int
    train: list[int]
    same_labels: bool | None


@dataclass(eq=False)
class Audit:
    """What `audit` found. Texts are named by their numbers in X, from 0.

    Attributes
    ----------
    texts, labels, lines
        What was looked at; the labels of each text as a tuple (None: there are none), the number of
        each text's line (None: they come from no file).
    classes : dict
        The number of texts of each label.
    n_test, test_lines
        Texts of the test set, and their lines.
    duplicates : list of lists
        Texts that are the same but for case, white space and punctuation.
    conflicts : list of lists
        Those of them with different labels.
    label_errors : list of LabelError
        Labels that are likely wrong, the likeliest first.
    ranking : int64 array
        All texts that were judged, the one whose label is least believed first.
    rare_classes : list of (label, texts)
    unlabelled, empty, long : lists
        Texts without label; without words; of more than ``long_limit`` words, the longest first.
    script, language : str or None
        Those of most texts, as far as they can be told.
    scripts, languages, encodings : dicts of lists
        Texts of each other script and language, and of each way in which an encoding is broken.
    leaks : list of Leak
        Texts of the test set that are in the training set.
    unseen_classes : list
        Labels of the test set that the training set does not have.
    notes : list of str
        What was not looked for, and why.
    """

    texts: list[str]
    labels: list[tuple[Any, ...]] | None
    lines: list[int] | None
    classes: dict[Any, int]
    n_test: int
    test_lines: list[int] | None
    duplicates: list[list[int]]
    conflicts: list[list[int]]
    rare_classes: list[tuple[Any, int]]
    unlabelled: list[int]
    empty: list[int]
    long: list[int]
    long_limit: int
    script: str | None
    scripts: dict[str, list[int]]
    language: str | None
    languages: dict[str, list[int]]
    encodings: dict[str, list[int]]
    label_errors: list[LabelError] = field(default_factory=list)
    ranking: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    leaks: list[Leak] = field(default_factory=list)
    unseen_classes: list[Any] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How many texts each check found; of duplicates those that are not the first of their kind.

        ``rare_classes`` and ``unseen_classes`` count labels.
        """
        return {
            "duplicates": sum(len(group) - 1 for group in self.duplicates),
            "conflicts": sum(map(len, self.conflicts)),
            "label_errors": len(self.label_errors),
            "rare_classes": len(self.rare_classes),
            "unlabelled": len(self.unlabelled),
            "empty": len(self.empty),
            "long": len(self.long),
            "scripts": sum(map(len, self.scripts.values())),
            "languages": sum(map(len, self.languages.values())),
            "encodings": sum(map(len, self.encodings.values())),
            "leaks": len(self.leaks),
            "unseen_classes": len(self.unseen_classes),
        }

    def name(self, text: int) -> str:
        """What a text is called in tables: its number, or its line in the file."""
        return str(text) if self.lines is None else f"line {self.lines[text]}"

    def test_name(self, text: int) -> str:
        """The same of a text of the test set."""
        return str(text) if self.test_lines is None else f"line {self.test_lines[text]}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as JSON takes it; texts themselves are left out."""
        return {
            "texts": len(self.texts),
            "test_texts": self.n_test,
            "classes": [{"label": label, "texts": n} for label, n in self.classes.items()],
            "counts": self.counts,
            "duplicates": self.duplicates,
            "conflicts": self.conflicts,
            "label_errors": [error._asdict() for error in self.label_errors],
            "rare_classes": [{"label": label, "texts": n} for label, n in self.rare_classes],
            "unlabelled": self.unlabelled,
            "empty": self.empty,
            "long": self.long,
            "long_limit": self.long_limit,
            "script": self.script,
            "scripts": self.scripts,
            "language": self.language,
            "languages": self.languages,
            "encodings": self.encodings,
            "leaks": [leak._asdict() for leak in self.leaks],
            "unseen_classes": self.unseen_classes,
            "lines": self.lines,
            "test_lines": self.test_lines,
            "notes": self.notes,
        }

    def table(self, k: int = 5) -> str:
        """A table of what was found, then the first ``k`` cases of each check."""
        from pyffnn.auditing.page import as_text

        return as_text(self, k)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        found = ", ".join(f"{name} {n}" for name, n in self.counts.items() if n)
        return f"<Audit of {len(self.texts):,} texts: {found or 'nothing found'}>"

    def to_html(self, k: int = 100) -> str:
        """A page of its own with the first ``k`` cases of each check."""
        from pyffnn.auditing.page import as_page

        return as_page(self, k)

    def _repr_html_(self) -> str:
        from pyffnn.auditing.page import as_html

        return as_html(self, 5)
