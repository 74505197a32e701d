"""What an explanation is, and how it looks: as a table, as coloured text, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Entry", "Explanation"]

_GREEN, _RED = "46, 160, 67", "218, 54, 51"


class Entry(NamedTuple):
    """Something that has a share: its name, and what it is ("word", "n-gram", "characters", "feature").

    ``words``: the numbers (first, behind the last) of the words that it covers; None: it has no place.
    """

    name: str
    kind: str
    words: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Explanation:
    """Shares of words, n-grams or features in the logits of classes.

    ``print`` shows a table of the likeliest class, a notebook coloured text.

    Attributes
    ----------
    entries : list of Entry
        What has a share, in the order of the text.
    classes : list
        Labels that are explained, in the order of ``classes_``.
    shares : float64 array [entries, classes]
        Together with ``bias`` they add up to ``logits``.
    bias : float64 array [classes]
        Logits of an empty text, or of a vector of zeros.
    logits : float64 array [classes]
        Those of the example; two classes with one unit have its value and the negative of that.
    probabilities : float64 array [classes]
        As `predict_proba` gives them.
    exact : bool
        Whether the model is linear, so that shares are exact; else they are integrated gradients.
    gap : float
        By how much the integral missed the logits, before that was spread over the shares.
    text, spans
        The text, and begin and end of each of its words in it (None: not found there).
    """

    entries: list[Entry]
    classes: list[Any]
    shares: NDArray[np.float64]
    bias: NDArray[np.float64]
    logits: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    exact: bool
    gap: float
    text: str | None = None
    words: list[str] = field(default_factory=list)
    spans: list[tuple[int, int] | None] = field(default_factory=list)

    @property
    def label(self) -> Any:
        """The likeliest of the classes."""
        return self.classes[int(self.probabilities.argmax())]

    def of(self, label: Any = None) -> list[tuple[str, float]]:
        """Names and shares in the logit of a class (None: the likeliest), the largest first, whatever their sign.

        Raises ValueError for a label that is not explained.
        """
        column = self._column(label)
        order = np.argsort(-np.abs(self.shares[:, column]), kind="stable")
        return [(self.entries[i].name, float(self.shares[i, column])) for i in order]

    def word_shares(self, label: Any = None) -> NDArray[np.float64]:
        """The share of each word of the text, [words]: its own and its part of the n-grams that it stands in."""
        column = self._column(label)
        out = np.zeros(len(self.words))
        for entry, share in zip(self.entries, self.shares[:, column], strict=True):
            if entry.words is not None:
                first, end = entry.words
                out[first:end] += share / (end - first)
        return out

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as JSON takes it."""
        return {
            "text": self.text,
            "classes": list(self.classes),
            "logits": self.logits.tolist(),
            "probabilities": self.probabilities.tolist(),
            "bias": self.bias.tolist(),
            "entries": [
                {"name": entry.name, "kind": entry.kind, "words": entry.words, "shares": row}
                for entry, row in zip(self.entries, self.shares.tolist(), strict=True)
            ],
            "exact": self.exact,
            "gap": self.gap,
        }

    def table(self, label: Any = None, k: int = 20) -> str:
        """The ``k`` largest shares in the logit of a class (None: the likeliest), and what they add up to."""
        column = self._column(label)
        pairs = self.of(label)
        lines = [f"{self.classes[column]}  probability {self.probabilities[column]:.3f}"]
        lines += [f"  {share:+9.4f}  {name}" for name, share in pairs[:k]]
        if len(pairs) > k:
            rest = sum(share for _, share in pairs[k:])
            lines.append(f"  {rest:+9.4f}  ({len(pairs) - k} others)")
        lines.append(f"  {self.bias[column]:+9.4f}  (bias)")
        lines.append(f"  {self.logits[column]:+9.4f}  = logit")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.table()

    def to_html(self, label: Any = None, k: int = 20) -> str:
        """The text with each word coloured by its share in the logit of a class, and a table of the largest."""
        column = self._column(label)
        head = (
            f"<b>{escape(str(self.classes[column]))}</b> "
            f"probability {self.probabilities[column]:.3f}, logit {self.logits[column]:+.3f}"
        )
        rows = "".join(
            f'<tr><td style="text-align:right">{share:+.4f}</td>'
            f'<td style="text-align:left">{escape(name)}</td></tr>'
            for name, share in [*self.of(label)[:k], ("(bias)", float(self.bias[column]))]
        )
        body = "" if self.text is None else f"<p>{self._coloured(label)}</p>"
        return f"<div>{head}{body}<table>{rows}</table></div>"

    def _repr_html_(self) -> str:
        return self.to_html()

    def _coloured(self, label: Any) -> str:
        shares = self.word_shares(label)
        most = np.abs(shares).max(initial=0.0) or 1.0

        def mark(text: str, share: float) -> str:
            colour = _GREEN if share > 0 else _RED
            return (
                f'<span title="{share:+.4f}" style="background-color: rgba({colour}, '
                f'{abs(share) / most:.2f})">{escape(text)}</span>'
            )

        if self.text is None or any(span is None for span in self.spans):
            return " ".join(map(mark, self.words, shares.tolist()))
        out, at = [], 0
        for span, share in zip(self.spans, shares.tolist(), strict=True):
            assert span is not None
            out += [escape(self.text[at : span[0]]), mark(self.text[span[0] : span[1]], share)]
            at = span[1]
        out.append(escape(self.text[at:]))
        return "".join(out)

    def _column(self, label: Any) -> int:
        if label is None:
            return int(self.probabilities.argmax())
        if label not in self.classes:
            raise ValueError(f"label must be one of {self.classes!r}, got {label!r}")
        return self.classes.index(label)
