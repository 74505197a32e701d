"""How a network's arrays stand in a model file: whole, as halves, or the table as codes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyffnn import _pyffnn
from pyffnn.net.network import STATE

__all__ = ["TABLE", "Codes", "codes_of", "stored", "widened"]

TABLE = "embedding"
_LARGEST_HALF = float(np.finfo(np.float16).max)
_CENTROIDS = 256
_CODES, _DSUB, _ROWS = f"{TABLE}.codes", f"{TABLE}.dsub", f"{TABLE}.centroids"
_LENGTHS, _LENGTH_ROWS = f"{TABLE}.lengths", f"{TABLE}.length_centroids"


@dataclass(frozen=True, eq=False)
class Codes:
    """Rows of a table by product quantisation (Jegou, Douze & Schmid 2011): a byte for each part of a row.

    Attributes
    ----------
    dsub
        Numbers of a part; the last one may have fewer.
    codes
        uint8 [rows, parts], the number of the centroid of each part.
    centroids
        float32 [256 * d], those of part m from 256 * dsub * m on.
    lengths, length_centroids
        uint8 [rows] and float32 [256], what the rows are multiplied by; None: they are not.
    """

    dsub: int
    codes: NDArray[np.uint8]
    centroids: NDArray[np.float32]
    lengths: NDArray[np.uint8] | None = None
    length_centroids: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, table: NDArray[np.float32], dsub: int, qnorm: bool, seed: int) -> Codes:
        """The codes of ``table`` [rows, d], lengths apart with ``qnorm``. Raises ValueError for fewer than 256 rows."""
        dsub = min(dsub, table.shape[1])
        if not qnorm:
            return cls(dsub, *_pyffnn.quantise_rows(table, dsub, seed))
        length = np.sqrt(np.einsum("ij,ij->i", table, table, dtype=np.float64)).astype(np.float32)
        unit = table / np.where(length > 0, length, np.float32(1))[:, None]
        lengths, length_centroids = _pyffnn.quantise_rows(length[:, None], 1, seed)
        codes, centroids = _pyffnn.quantise_rows(unit, dsub, seed)
        return cls(dsub, codes, centroids, lengths[:, 0], length_centroids)

    def rows(self) -> NDArray[np.float32]:
        """The rows that the codes stand for, float32 [rows, d]."""
        dim = self.centroids.size // _CENTROIDS
        out = np.empty((len(self.codes), dim), np.float32)
        for part, begin in enumerate(range(0, dim, self.dsub)):
            width = min(self.dsub, dim - begin)
            of_part = self.centroids[_CENTROIDS * begin :][: _CENTROIDS * width]
            out[:, begin : begin + width] = of_part.reshape(_CENTROIDS, width)[self.codes[:, part]]
        if self.lengths is not None and self.length_centroids is not None:
            out *= self.length_centroids[self.lengths][:, None]
        return out

    def arrays(self) -> dict[str, NDArray[Any]]:
        """What a file holds of them."""
        more: dict[str, NDArray[Any]] = {}
        if self.lengths is not None and self.length_centroids is not None:
            more = {_LENGTHS: self.lengths, _LENGTH_ROWS: self.length_centroids}
        dsub = np.array([self.dsub], np.int64)
        return {_CODES: self.codes, _ROWS: self.centroids, _DSUB: dsub, **more}


def codes_of(tensors: dict[str, NDArray[Any]]) -> Codes | None:
    """Those that a file holds in place of its table. Raises ValueError where they do not go together, KeyError where some lack."""
    if _CODES not in tensors:
        return None
    codes, centroids, dsub = tensors[_CODES], tensors[_ROWS], int(tensors[_DSUB].item())
    lengths, length_centroids = tensors.get(_LENGTHS), tensors.get(_LENGTH_ROWS)
    dim = centroids.size // _CENTROIDS
    right = (
        codes.dtype == np.uint8
        and centroids.dtype == np.float32
        and codes.ndim == 2
        and centroids.shape == (_CENTROIDS * dim,)
        and 1 <= dsub <= dim
        and codes.shape[1] == -(-dim // dsub)
        and (lengths is None) == (length_centroids is None)
        and (lengths is None or (lengths.dtype == np.uint8 and lengths.shape == codes.shape[:1]))
        and (
            length_centroids is None
            or (length_centroids.dtype == np.float32 and length_centroids.shape == (_CENTROIDS,))
        )
    )
    if not right:
        raise ValueError("the codes of its table do not go with their centroids")
    return Codes(dsub, codes, centroids, lengths, length_centroids)


def stored(
    arrays: dict[str, NDArray[Any]], dtype: str, codes: Codes | None
) -> dict[str, NDArray[Any]]:
    """The parameters among them in ``dtype``; the table as ``codes`` if these are its rows still.

    What an optimizer keeps stays as it is. Raises ValueError for a weight that is too large for a float16.
    """
    out = dict(arrays)
    if codes is not None and np.array_equal(codes.rows(), out[TABLE]):
        del out[TABLE]
    else:
        codes = None
    if dtype == "float16":
        for name, array in out.items():
            if array.dtype == np.float32 and not name.startswith(STATE):
                if array.size and np.abs(array).max() > _LARGEST_HALF:
                    raise ValueError(f"dtype='float16' cannot hold the weights of {name!r}")
                out[name] = array.astype(np.float16)
    return out if codes is None else {**out, **codes.arrays()}


def widened(
    tensors: dict[str, NDArray[Any]], parameters: Iterable[str], codes: Codes | None
) -> dict[str, NDArray[Any]]:
    """A file's arrays as a network takes them; its parameters are float16 all or none."""
    half = {tensors[name].dtype == np.float16 for name in parameters if name in tensors}
    if len(half) > 1:
        raise ValueError("some weights are float16 and some are not")
    table = {} if codes is None else {TABLE: codes.rows()}
    return {
        n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in tensors.items()
    } | table
