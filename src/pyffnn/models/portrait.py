"""A model as a notebook shows it: settings that differ from the defaults, and of a fitted one layers and learning curves."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from html import escape
from typing import Any

from pyffnn.plot import svg

__all__ = ["portrait"]

_TABLE = "<table style='text-align:left'>"


def portrait(model: Any) -> str:
    """HTML. Nothing in it raises where the model is not fitted, or is just being so."""
    name = escape(type(model).__name__)
    try:
        fitted = _fitted(model)
    except ValueError:  # not fitted
        fitted = None
    state = "not fitted yet" if fitted is None else "fitted"
    parts = [f"<div><b>{name}</b> <span style='color:#777'>({state})</span>", _settings(model)]
    return "".join([*parts, fitted or "", "</div>"])


def _settings(model: Any) -> str:
    changed = {
        p.name: getattr(model, p.name)
        for p in model._parameters()
        if getattr(model, p.name) is not p.default
    }
    if not changed:
        return "<div>settings: the defaults</div>"
    return _table("settings", {name: reprlib.repr(value) for name, value in changed.items()})


def _fitted(model: Any) -> str:
    if not hasattr(model, "summary"):  # counts alone
        counts = model.num_ngrams_
        return _table("n-grams", {str(n): f"{count:,}" for n, count in enumerate(counts, 1)})
    parts = [model.summary()._repr_html_()]
    recipe = getattr(model, "recipe_", None)
    if recipe:
        shown = {k: reprlib.repr(v) for k, v in recipe.items() if k not in ("why", "tried")}
        parts.append(_table("chosen", shown))
    history = model.history_
    if history:
        last = {k: f"{v:.4g}" for k, v in history[-1].items() if v is not None}
        parts.append(_table("last epoch", last))
        parts.append(svg.curves(_lines(history)))
    return "".join(parts)


def _lines(history: list[Any]) -> dict[str, list[tuple[float, float]]]:
    return {
        name: [(r["epoch"], r[key]) for r in history if r.get(key) is not None]
        for name, key in (("training loss", "loss"), ("validation loss", "val_loss"))
    }


def _table(title: str, values: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{escape(str(name))}</td><td><code>{escape(value)}</code></td></tr>"
        for name, value in values.items()
    )
    return f"<details open><summary>{escape(title)}</summary>{_TABLE}{rows}</table></details>"
