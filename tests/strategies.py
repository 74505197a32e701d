"""Hypothesis strategies: sizes around vectors and tiles, floats with the awkward ones among them, and views of every layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

# Multiples of the lanes (4, 8, 16), of packs (16, 32) and of the register tiles (6, 8, 14 rows).
UNITS = (4, 6, 8, 14, 16, 32)
SPECIALS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    np.inf,
    -np.inf,
    np.nan,
    1e-45,
    -1e-45,
    1.1754944e-38,
    3.4028235e38,
    -3.4028235e38,
)


def sizes(low: int = 0, high: int = 70) -> st.SearchStrategy[int]:
    """Sizes in [low, high], half of them one less, equal to or one more than a multiple of a unit."""
    near = st.builds(
        lambda unit, times, off: unit * times + off,
        st.sampled_from(UNITS),
        st.integers(0, max(1, high // 16)),
        st.integers(-1, 1),
    )
    return st.one_of(near, st.integers(low, high)).map(lambda n: min(max(n, low), high))


def dtypes() -> st.SearchStrategy[Any]:
    return st.sampled_from([np.float32, np.float64])


@st.composite
def floats(
    draw: st.DrawFn, shape: tuple[int, ...], dtype: Any = np.float32, special: bool = False
) -> NDArray[Any]:
    """A random array; with `special`, up to eight of its entries are infinities, NaN, zeros, subnormals or the largest."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.standard_normal(shape).astype(dtype)
    if special and x.size:
        for _ in range(draw(st.integers(0, 8))):
            x.flat[draw(st.integers(0, x.size - 1))] = draw(st.sampled_from(SPECIALS))
    return x


@st.composite
def views(draw: st.DrawFn, x: NDArray[Any]) -> NDArray[Any]:
    """x again, as a view of another layout: transposed storage, gaps, negative strides, an odd address, other byte order."""
    kind = draw(
        st.sampled_from(
            ["as is", "fortran", "gaps", "reversed", "odd address", "byte order", "read-only"]
        )
    )
    if x.ndim == 0:
        return x
    if kind == "fortran":
        return np.asfortranarray(x)
    if kind == "gaps":
        step = tuple(draw(st.integers(1, 3)) for _ in x.shape)
        between = np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).max
        shape = [max(1, n * s) for n, s in zip(x.shape, step, strict=True)]
        wide = np.full(shape, between, x.dtype)
        view = wide[tuple(slice(0, n * s, s) for n, s in zip(x.shape, step, strict=True))]
        view[...] = x
        return view
    if kind == "reversed":
        back = tuple(slice(None, None, -1) for _ in x.shape)
        return np.ascontiguousarray(x[back])[back]
    if kind == "odd address":
        raw = np.empty(x.nbytes + 1, np.uint8)[1:]
        view = raw.view(x.dtype).reshape(x.shape)
        view[...] = x
        return view
    if kind == "byte order":
        return x.astype(x.dtype.newbyteorder())
    if kind == "read-only":
        x = x.copy()
        x.flags.writeable = False
    return x
