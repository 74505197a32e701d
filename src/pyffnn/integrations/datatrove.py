"""A filter step of datatrove that asks for whole batches, not for one document after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from datatrove.pipeline.filters.base_filter import BaseFilter

from .scoring import score_texts

__all__ = ["ScoreFilter"]


class ScoreFilter(BaseFilter):  # type: ignore[misc]
    """Keeps documents whose best label is one of ``keep`` (None: any) with at least probability ``threshold``.

    model: a path of a fastText model or a `TextClassifier`; options: those of `score_batches` with k = 1 (`windows`, `reduce`).
    Documents get ``label`` and ``score`` in their metadata.
    """

    name = "pyffnn score"

    def __init__(
        self,
        model: str,
        *,
        keep: Sequence[str] | None = None,
        threshold: float = 0.0,
        batch_size: int = 1000,
        exclusion_writer: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(exclusion_writer, batch_size=batch_size)
        self.model = model
        self.keep = None if keep is None else set(keep)
        self.threshold = threshold
        self.options = options

    def filter(self, doc: Any) -> bool:
        return bool(self.filter_batch([doc])[0])

    def filter_batch(self, batch: list[Any]) -> list[Any]:
        kept: list[Any] = []
        found = score_texts(self.model, [doc.text for doc in batch], **self.options)
        for doc, best in zip(batch, found, strict=True):
            if best:
                doc.metadata["label"], doc.metadata["score"] = best[0]
            good = bool(best) and best[0][1] >= self.threshold
            kept.append(good and (self.keep is None or best[0][0] in self.keep))
        return kept
