"""Learning curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .style import COLORS, Path, new_figure, save, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def learning_curve(
    history: Any,
    path: Path | None = None,
    *,
    title: str | None = None,
) -> Figure:
    """Loss (and accuracy, where it was measured) by epoch.

    history: an estimator with `history_`, its list of dicts, a mapping from names to such histories (one line each), or a plain
    sequence of losses. Keys drawn: loss, val_loss, val_accuracy. Raises ValueError for an empty history.
    """
    named = history if isinstance(history, Mapping) else {"": history}
    curves = {name: _records(h) for name, h in named.items()}
    accuracy = any(
        r.get("val_accuracy") is not None for records in curves.values() for r in records
    )
    with style():
        figure = new_figure((8.4 if accuracy else 5.0, 3.4))
        axes = figure.subplots(1, 2 if accuracy else 1, squeeze=False)[0]
        for i, (name, records) in enumerate(curves.items()):
            color = COLORS[i % len(COLORS)]
            for key, line in (("loss", "-"), ("val_loss", "--")):
                epochs, values = _series(records, key)
                if values:
                    kind = "training" if key == "loss" else "validation"
                    axes[0].plot(
                        epochs,
                        values,
                        line,
                        color=color,
                        label=f"{name}, {kind}" if name else kind,
                    )
            epochs, values = _series(records, "val_accuracy")
            if accuracy and values:
                axes[1].plot(epochs, values, color=color, label=name)
        axes[0].set(xlabel="epoch", ylabel="loss (nats)", title=title or "")
        axes[0].legend(frameon=False)
        if accuracy:
            axes[1].set(xlabel="epoch", ylabel="validation accuracy")
            if len(curves) > 1:
                axes[1].legend(frameon=False)
        return save(figure, path)


def _records(history: Any) -> list[Mapping[str, Any]]:
    records = list(getattr(history, "history_", history))
    if not records:
        raise ValueError("history must have at least one epoch, got none")
    return [
        r if isinstance(r, Mapping) else {"epoch": i, "loss": float(r)}
        for i, r in enumerate(records, start=1)
    ]


def _series(records: Iterable[Mapping[str, Any]], key: str) -> tuple[list[int], list[float]]:
    pairs = [
        (int(r.get("epoch", i)), float(r[key]))
        for i, r in enumerate(records, start=1)
        if r.get(key) is not None
    ]
    return [e for e, _ in pairs], [v for _, v in pairs]
