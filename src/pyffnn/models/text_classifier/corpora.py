"""What a `TextClassifier` does with whole corpora: scores of columns of documents; and its ways from fastText and back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pyffnn.formats.model_file import PathLike
from pyffnn.models.names import Reduce

__all__ = ["TextCorpora"]


class TextCorpora:
    """Scores of whole columns; to fastText and back."""

    def score_batches(
        self,
        batches: Any,
        *,
        column: str = "text",
        k: int = 1,
        threshold: float = 0.0,
        windows: int | str | None = None,
        reduce: Reduce = "mean",
        n_threads: int | None = None,
    ) -> Iterator[Any]:
        """Arrow record batches with the predictions for the documents of a column beside them, one by one as they are asked for.

        Raises ImportError without pyarrow, KeyError for a column that is not there, TypeError for one that holds no texts; at once
        ValueError for an argument out of its range and TypeError for what holds no batches.

        Parameters
        ----------
        batches
            A stream, table or reader, record batches, or an iterable of those (anything with Arrow's C interface).
        column
            Its texts: utf8, large_utf8 or string_view.
        k
            1: the columns ``label`` (dictionary-encoded) and ``score`` (float32) are added, null where a text is; else
            ``labels`` and ``scores``, lists of the ``k`` best (-1: all).
        threshold
            Leave out classes less probable than this. A document that the model's ``reject`` holds to be of none of
            its classes has no label.
        windows
            None: whole documents; a number of words; or "paragraphs" (lines).
        reduce
            What is made of a class's probabilities in the windows of a document: "mean", "max", "min" or "first".
        n_threads
            Threads; None: those of the model.
        """
        from pyffnn.models.text_classifier.scoring import score_batches

        model: Any = self
        return score_batches(
            model,
            batches,
            column=column,
            k=k,
            threshold=threshold,
            windows=windows,
            reduce=reduce,
            n_threads=n_threads,
        )

    def fold(self) -> Self:
        """A classifier with the same probabilities (within 1e-6) whose rows hold a number a class instead of ``embedding_dim``.

        For a linear model with fewer classes than dimensions, which is then smaller and faster: the output matrix has been
        multiplied into the embeddings. Word vectors are those of the folded rows.

        Raises ValueError for a model that is not linear (hidden layers, windows, another pooling), naming what is in the way.
        """
        from pyffnn.models.text_classifier.fold import folded

        found: Self = folded(self)
        return found

    @classmethod
    def from_fasttext(cls, path: PathLike, **params: Any) -> Self:
        """A classifier with the labels and probabilities of a supervised fastText model (``.bin``, ``.ftz``).

        Its tokenizer gives the rows of fastText's dictionary, so `load` needs it again:
        ``load(path, tokenizer=FastTextRows(fasttext_path))`` of `pyffnn.integrations.fasttext.convert`. Models of the losses ns and ova become
        multi-label ones. With ``hidden_layer_sizes=`` a classifier that is not fitted, whose embeddings begin as those of the
        model. Other ``params`` are those of the constructor.

        Raises ValueError for a damaged or unsupervised model, and for hierarchical softmax.
        """
        from pyffnn.integrations.fasttext.convert import to_text_classifier

        return to_text_classifier(cls, path, **params)  # type: ignore[arg-type,return-value]

    def to_fasttext(self, path: PathLike) -> None:
        """Write a ``.bin`` file that fastText reads, with the same probabilities.

        For linear models with mean pooling of whole words, or converted by `from_fasttext`. A bias becomes one more dimension.

        Raises ValueError for a model that fastText cannot hold, naming what it lacks.
        """
        from pyffnn.integrations.fasttext.convert import to_fasttext

        to_fasttext(self, path)  # type: ignore[arg-type]
