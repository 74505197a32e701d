"""Word vectors in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from .style import COLORS, Array, Path, new_figure, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def embedding_map(
    vectors: ArrayLike,
    words: Sequence[str],
    path: Path | None = None,
    *,
    groups: Sequence[Any] | None = None,
    title: str | None = None,
) -> Figure:
    """Word vectors in the plane of their two principal components, each with its word.

    vectors [words, d], d >= 2; `groups`: one value a word, drawn as colours. The axes say what share of the variance they hold.
    Raises ValueError when the numbers of vectors, words and groups differ.
    """
    v = np.asarray(vectors, dtype=np.float64)
    if v.ndim != 2 or v.shape[1] < 2 or v.shape[0] != len(words):
        raise ValueError(
            f"vectors must have shape ({len(words)}, d), a row a word and d >= 2, got {v.shape}"
        )
    if groups is not None and len(groups) != len(words):
        raise ValueError(f"groups must have one value a word, {len(words)}, got {len(groups)}")
    centred = v - v.mean(axis=0)
    u, s, vt = np.linalg.svd(centred, full_matrices=False)
    if s.size < 2:
        raise ValueError(f"a map needs at least 2 words, got {len(words)}")
    # A component's sign is arbitrary: fixed, so that two runs agree.
    signs = np.sign(vt[range(len(vt)), abs(vt).argmax(axis=1)])
    xy = (u * s * np.where(signs == 0, 1, signs))[:, :2]
    share = s**2 / max(float((s**2).sum()), 1e-300)
    with style():
        figure = new_figure((6.4, 5.2))
        ax = figure.subplots()
        kinds = list(dict.fromkeys(groups)) if groups is not None else [None]
        for i, kind in enumerate(kinds):
            chosen = [groups is None or g == kind for g in (groups or words)]
            color = COLORS[i % len(COLORS)]
            ax.scatter(
                xy[chosen, 0],
                xy[chosen, 1],
                s=10,
                color=color,
                label=None if kind is None else str(kind),
            )
        ax.set(
            xlabel=f"1st principal component ({share[0]:.0%} of the variance)",
            ylabel=f"2nd principal component ({share[1]:.0%})",
            title=title or "",
        )
        ax.margins(0.12)
        if groups is not None:
            figure.legend(loc="outside lower center", ncols=3, frameon=False)
        colors = [COLORS[kinds.index(k) % len(COLORS)] for k in (groups or [None] * len(words))]
        _label_points(figure, ax, xy, words, colors)
        return save(figure, path)


def _label_points(
    figure: Figure, ax: Axes, xy: Array, words: Sequence[str], colors: Sequence[str]
) -> None:
    """Each word beside its point, where it covers neither a point nor a word already written, if such a place is near."""
    size = 8.0  # points; letters are taken as 0.6 of that wide
    figure.draw_without_rendering()
    spots = ax.transData.transform(xy) * 72 / figure.dpi
    taken = [(x - 2, y - 2, x + 2, y + 2) for x, y in spots]
    places = [(4, 2), (4, -8), (None, 2), (None, -8), (0, 6), (0, -13), (8, 8), (None, 10)]
    for word, (x, y), color in zip(words, spots, colors, strict=True):
        width = 0.6 * size * len(word)
        boxes = [(x + (-width - 4 if dx is None else dx), y + dy) for dx, dy in places]
        free = [
            (u, v)
            for u, v in boxes
            if not any(
                u < right and left < u + width and v < t and b < v + size
                for left, b, right, t in taken
            )
        ]
        u, v = (free or boxes)[0]
        taken.append((u, v, u + width, v + size))
        ax.annotate(
            word,
            (x, y),
            xytext=(u - x, v - y),
            xycoords="figure points",
            textcoords="offset points",
            fontsize=size,
            color=color,
        )
