"""An audit as it is read: sections, one a check, as plain text and as HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from html import escape
from itertools import islice
from typing import NamedTuple

from pyffnn.auditing.report import Audit, LabelError, Leak

__all__ = ["as_html", "as_page", "as_text"]

_WIDTH = 60  # characters of a text in a table
_NAMED = 5  # texts of a group that are named
_STYLE = (
    "body{font-family:system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}"
    "td,th{text-align:left;vertical-align:top;padding:.2em 1em .2em 0;border-bottom:1px solid #8884}"
)


class _Section(NamedTuple):
    """A check: its title, how many it found, what that means, and its cases as rows of cells, made when asked for."""

    title: str
    found: int
    meaning: str
    head: tuple[str, ...]
    rows: Iterable[tuple[str, ...]]


def _sections(audit: Audit) -> list[_Section]:
    counts = audit.counts
    text, texts, marked = ("text", "", "labels"), ("texts", ""), ("text", "", "")

    def one(i: int) -> tuple[str, ...]:
        return (audit.name(i), _short(audit.texts[i]), _labels(audit, i))

    def group(numbers: list[int]) -> tuple[str, ...]:
        return (_names(audit.name, numbers), _short(audit.texts[numbers[0]]))

    def conflict(numbers: list[int]) -> tuple[str, ...]:
        return (*group(numbers), " | ".join(sorted({_labels(audit, i) for i in numbers} - {""})))

    def error(found: LabelError) -> tuple[str, ...]:
        return (
            audit.name(found.text),
            f"{found.label} {found.probability:.2f}",
            f"{found.suggested} {found.suggested_probability:.2f}",
            _short(audit.texts[found.text]),
        )

    def leak(found: Leak) -> tuple[str, ...]:
        agree = {None: "", True: "same labels", False: "other labels"}[found.same_labels]
        first = _short(audit.texts[found.train[0]])
        return (audit.test_name(found.test), _names(audit.name, found.train), agree, first)

    def length(i: int) -> tuple[str, ...]:
        return (audit.name(i), f"{len(audit.texts[i].split()):,} words", _short(audit.texts[i]))

    def kinds(found: dict[str, list[int]]) -> Iterator[tuple[str, ...]]:
        for kind, numbers in found.items():
            for i in numbers:
                yield audit.name(i), kind, _short(audit.texts[i])

    rare = ((str(label), f"{n:,}") for label, n in audit.rare_classes)
    unseen = ((str(label),) for label in audit.unseen_classes)
    return [
        _Section("likely label errors", counts["label_errors"], "models of the other texts believe another label",
                 ("text", "label", "likelier", ""), map(error, audit.label_errors)),
        _Section("label conflicts", counts["conflicts"], "copies of a text with different labels",
                 (*texts, "labels"), map(conflict, audit.conflicts)),
        _Section("duplicates", counts["duplicates"], "the same but for case, white space and punctuation",
                 texts, map(group, audit.duplicates)),
        _Section("train and test", counts["leaks"], "texts of the test set that are in the training set",
                 ("test", "train", "", ""), map(leak, audit.leaks)),
        _Section("labels in the test set alone", counts["unseen_classes"], "the training set has no text of them",
                 ("label",), unseen),
        _Section("rare classes", counts["rare_classes"], "too few texts to learn from", ("label", "texts"), rare),
        _Section("without label", counts["unlabelled"], "", text, map(one, audit.unlabelled)),
        _Section("empty", counts["empty"], "no words", text, map(one, audit.empty)),
        _Section("very long", counts["long"], f"more than {audit.long_limit:,} words",
                 marked, map(length, audit.long)),
        _Section("other scripts", counts["scripts"], f"most texts: {audit.script}", marked, kinds(audit.scripts)),
        _Section("other languages", counts["languages"], f"most texts: {audit.language}",
                 marked, kinds(audit.languages)),
        _Section("broken encodings", counts["encodings"], "characters that were lost or read wrongly",
                 marked, kinds(audit.encodings)),
    ]  # fmt: skip


def as_text(audit: Audit, k: int) -> str:
    """The counts, then the first ``k`` cases of each check that found something."""
    sections = _sections(audit)
    lines = [_title(audit), ""]
    width = max(len(section.title) for section in sections)
    lines += [f"{section.title:{width}}  {section.found:9,}" for section in sections]
    for section in sections:
        rows = list(islice(section.rows, k))
        if not rows:
            continue
        lines += ["", section.title + (f": {section.meaning}" if section.meaning else "")]
        columns = [max(map(len, column)) for column in zip(section.head, *rows, strict=True)]
        for row in [section.head, *rows] if any(section.head) else rows:
            cells = (f"{cell:{size}}" for cell, size in zip(row, columns, strict=True))
            lines.append(("  " + "  ".join(cells)).rstrip())
        if k < section.found and len(rows) == k:
            lines.append("  ...")
    lines += [line for note in audit.notes for line in ("", note)]
    return "\n".join(lines)


def as_html(audit: Audit, k: int) -> str:
    """The same as tables of HTML."""
    sections = _sections(audit)
    counts = "".join(_row((section.title, f"{section.found:,}")) for section in sections)
    parts = [f"<h2>{escape(_title(audit))}</h2><table>{counts}</table>"]
    for section in sections:
        rows = list(islice(section.rows, k))
        if rows:
            more = f"<p>The first {k}.</p>" if k < section.found and len(rows) == k else ""
            parts.append(
                f"<h3>{escape(section.title)}</h3><p>{escape(section.meaning)}</p><table>"
                f"{_row(section.head, 'th')}{''.join(map(_row, rows))}</table>{more}"
            )
    parts += [f"<p>{escape(note)}</p>" for note in audit.notes]
    return f"<div>{''.join(parts)}</div>"


def as_page(audit: Audit, k: int) -> str:
    """A page that needs nothing beside it."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Audit</title>'
        f"<style>{_STYLE}</style></head><body>{as_html(audit, k)}</body></html>\n"
    )


def _title(audit: Audit) -> str:
    parts = [f"{len(audit.texts):,} texts"]
    if audit.classes:
        parts.append(f"{len(audit.classes):,} classes")
    if audit.n_test:
        parts.append(f"{audit.n_test:,} texts of the test set")
    return ", ".join(parts)


def _row(cells: tuple[str, ...], tag: str = "td") -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _short(text: str) -> str:
    """The beginning of a text on one line; what a terminal or a page could not write is marked."""
    line = " ".join(text[: 4 * _WIDTH].split())
    line = line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def _labels(audit: Audit, i: int) -> str:
    return "" if audit.labels is None else ", ".join(map(str, audit.labels[i]))


def _names(name: Callable[[int], str], numbers: list[int]) -> str:
    more = f" and {len(numbers) - _NAMED} others" if len(numbers) > _NAMED else ""
    return ", ".join(map(name, numbers[:_NAMED])) + more
