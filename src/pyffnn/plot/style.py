"""What all pictures share: colours, an empty figure, and how a file is written."""

from __future__ import annotations

import functools
import io
import os
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array: TypeAlias = NDArray[Any]
Path: TypeAlias = str | os.PathLike[str]

COLORS = ("#3b6fb6", "#d1495b", "#4b9b6e", "#b58900", "#7a5195", "#666666")
MARKERS = "osD^vP"

_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "pyffnn",
    "svg.fonttype": "path",
}


def new_figure(size: tuple[float, float]) -> Figure:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'pyffnn[plot]'") from None
    return _picture()(figsize=size, layout="constrained")


@functools.cache
def _picture() -> type[Figure]:
    """A figure that a notebook shows, although pyplot does not know it."""
    from matplotlib.figure import Figure

    class Picture(Figure):
        def _repr_png_(self) -> bytes:
            file = io.BytesIO()
            self.savefig(file, format="png", dpi=110)
            return file.getvalue()

    return Picture


def save(figure: Figure, path: Path | None) -> Figure:
    if path is not None:
        # Without a date two runs write the same file.
        metadata = {"Date": None} if os.fspath(path).lower().endswith(".svg") else None
        figure.savefig(path, dpi=150, metadata=metadata)
    return figure


def style() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise ImportError("pictures need matplotlib: pip install 'pyffnn[plot]'") from None
    return matplotlib.rc_context(_STYLE)


def on_axes(ax: Axes | None, size: tuple[float, float]) -> tuple[Any, Axes]:
    if ax is not None:
        return ax.figure, ax
    figure = new_figure(size)
    return figure, figure.subplots()
