"""Formulas become MathML while the pages are built: browsers draw it by themselves, without a script from elsewhere."""

import html
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    content = _BLOCK.sub(lambda m: convert(html.unescape(m[1]).strip(), display="block"), content)
    return _INLINE.sub(lambda m: convert(html.unescape(m[1])), content)


# The page of benchmarks, from the files of results -----------------------------------------------

RESULTS = Path(__file__).parents[1] / "benches" / "results"
_BAR, _LABEL, _ROW = 260, 350, 18


def on_page_markdown(markdown: str, **_: Any) -> str:
    return markdown.replace("<!-- benchmarks -->", "\n".join(_benchmarks()))


def _benchmarks() -> Iterator[str]:
    for path in sorted(RESULTS.glob("*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        yield f"## {found['cpu']['name']}, {found['isa']}\n"
        rows = list(_rows(found["runs"]))
        yield f'<div class="chart">{_chart(rows)}{_chart(rows, above=True)}</div>\n'
        yield '??? note "As a table, with the number of cases and the day"\n'
        yield "    | what | threads | against | times as fast | cases | measured |"
        yield "    |---|---|---|---|---|---|"
        for group, threads, peer, mean, cases, date in rows:
            day = date.replace("-", "\u2011")  # hyphens at which no line breaks
            yield f"    | {group} | {threads} | {peer} | {mean:.2f} | {cases} | {day} |"
        yield ""


def _rows(runs: list[Any]) -> Iterator[tuple[str, int, str, float, int, str]]:
    """(group, threads, peer, geometric mean of the ratios, number of cases, date)."""
    for run in runs:
        for group in run["groups"]:
            ratios: dict[str, list[float]] = {}
            for case in group["cases"]:
                for peer, ratio in (case.get("ratios") or {}).items():
                    if ratio and ratio > 0:
                        ratios.setdefault(peer, []).append(ratio)
            for peer, values in ratios.items():
                mean = math.exp(sum(map(math.log, values)) / len(values))
                yield group["group"], run["threads"], peer, mean, len(values), group["date"]


def _names(group: str, peer: str) -> bool:
    return peer in group.lower()


def _shortened(name: str) -> str:
    return name if len(name) <= 52 else name[:51] + "\u2026"


def _chart(rows: list[tuple[str, int, str, float, int, str]], *, above: bool = False) -> str:
    """Bars on a logarithmic scale, from a quarter to sixteen times as fast; the line is 1. Names beside the bars, or above them."""
    low, high = math.log(0.25), math.log(16)
    label, row = (12, _ROW + 14) if above else (_LABEL, _ROW)
    height = row * len(rows) + 24

    def at(ratio: float) -> float:
        share = (min(max(math.log(ratio), low), high) - low) / (high - low)
        return label + share * _BAR

    one = at(1.0)
    parts = [
        f'<svg class="{"above" if above else "beside"}" xmlns="http://www.w3.org/2000/svg" ',
        f'viewBox="0 0 {label + _BAR + 50} {height}" ',
        'font-family="Helvetica, Arial, sans-serif" font-size="11" fill="currentColor">',
    ]
    for i, (group, threads, peer, mean, _, _) in enumerate(rows):
        y, end = row * (i + 1) - 14, at(mean)
        many = "" if threads == 1 else f", {threads} threads"
        name = html.escape(_shortened(group if _names(group, peer) else f"{group}: {peer}") + many)
        color = "#3b6fb6" if mean >= 1 else "#d1495b"
        place = f'x="0" y="{y - 4}"' if above else f'x="{label - 6}" y="{y + 11}" text-anchor="end"'
        parts.append(
            f"<text {place}>{name}</text>"
            f'<rect x="{min(one, end):.1f}" y="{y}" width="{abs(end - one):.1f}" height="13" '
            f'fill="{color}"/><text x="{max(one, end) + 4:.1f}" y="{y + 11}">{mean:.2f}</text>'
        )
    if not above:  # there it would cross the names
        parts.append(f'<path d="M{one},0V{height - 18}" stroke="currentColor"/>')
    for tick in (0.25, 0.5, 1, 2, 4, 8, 16):
        parts.append(f'<text x="{at(tick)}" y="{height - 4}" text-anchor="middle">{tick:g}</text>')
    return "".join([*parts, "</svg>"])
